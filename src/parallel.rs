//! The same work for many things, on several threads if there can be any.

use std::num::NonZero;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

/// What `work` makes of each of `items`, given its position, in their order. One thread is the calling one, which also
/// does all where no other can be started.
pub(crate) fn map<T: Sync, R: Send>(
    threads: NonZero<usize>,
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let one = |(position, item)| work(position, item);
    let threads = threads.get().min(items.len());
    let pool = (threads > 1).then(|| ThreadPoolBuilder::new().num_threads(threads).build());
    match pool {
        Some(Ok(pool)) => pool.install(|| items.par_iter().enumerate().map(one).collect()),
        _ => items.iter().enumerate().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn results_are_in_order_and_one_thread_is_the_own() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [1, 2, 7] {
            let made = map(NonZero::new(threads).unwrap(), &items, |position, item| {
                (position * 1000 + item, thread::current().id())
            });
            assert!(made.iter().map(|made| made.0).eq((0..1000).map(|number| number * 1001)));
            assert_eq!(made.iter().all(|made| made.1 == thread::current().id()), threads == 1);
        }
        assert!(map(NonZero::<usize>::MIN, &[] as &[u8], |_, _| ()).is_empty());
    }
}
