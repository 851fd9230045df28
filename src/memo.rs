//! Values that are made once.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Values by key, each made by the first who asks, while others who ask for the same wait. The lock guards the map
/// only, so values of other keys are made at the same time.
#[derive(Debug)]
pub(crate) struct Memo<K, V>(Mutex<Slots<K, V>>);

type Slots<K, V> = HashMap<K, Arc<OnceLock<V>>>;

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// The value of `key`.
    pub(crate) fn get<Q>(&self, key: &Q, make: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: ToOwned<Owned = K> + Eq + Hash + ?Sized,
    {
        let slot = {
            let mut slots = self.slots();
            match slots.get(key) {
                Some(slot) => slot.clone(),
                None => slots.entry(key.to_owned()).or_default().clone(),
            }
        };
        slot.get_or_init(make).clone()
    }

    /// The value of `key`, if it was made.
    pub(crate) fn made<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.slots().get(key)?.get().cloned()
    }

    /// Has the value of `key` made anew for whoever asks next, if there are more than `most` values.
    pub(crate) fn forget_beyond<Q>(&self, most: usize, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut slots = self.slots();
        if slots.len() > most {
            slots.remove(key);
        }
    }

    /// All that was made.
    pub(crate) fn into_made(self) -> impl Iterator<Item = (K, V)> {
        let slots = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        slots.into_iter().filter_map(|(key, slot)| Some((key, slot.get()?.clone())))
    }

    fn slots(&self) -> MutexGuard<'_, Slots<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn each_value_is_made_once_however_many_ask() {
        let memo = Memo::<String, usize>::default();
        let made = AtomicUsize::new(0);
        let make = |number: usize| {
            made.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
            number
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for number in 0..100 {
                        assert_eq!(memo.get(number.to_string().as_str(), || make(number)), number);
                    }
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 100);
        memo.forget_beyond(100, "7");
        assert_eq!(memo.get("7", || 0), 7);
        memo.forget_beyond(99, "7");
        assert_eq!(memo.get("7", || 0), 0);
        assert_eq!(memo.into_made().map(|(_, number)| number).sum::<usize>(), 99 * 100 / 2 - 7);
    }
}
