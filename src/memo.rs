//! Values that are made once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Values by key, each made by the first who asks, while others who ask for the same wait.
#[derive(Debug)]
pub(crate) struct Memo<K, V>(Mutex<HashMap<K, Arc<OnceLock<V>>>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Memo<K, V> {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let slot = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(key) {
                Some(slot) => slot.clone(),
                None => known.entry(key.clone()).or_default().clone(),
            }
        };
        slot.get_or_init(make).clone()
    }
}
