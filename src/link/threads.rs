//! Whether there can be threads. LLVM and lld end the process where one cannot be started, so that is found out before.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use nix::sys::resource::{Resource, getrlimit};

/// A user with so many processes has other troubles.
const PLENTY: u64 = 4096;

/// Whether a process that wants `threads` may not get them: `ulimit -u` is small, and so many cannot be started at a
/// time. Then it is best to do with none, for the limit is of all processes of the user.
#[doc(hidden)]
pub fn are_scarce(threads: usize) -> bool {
    let limit = getrlimit(Resource::RLIMIT_NPROC);
    limit.is_ok_and(|(soft, _)| soft < PLENTY) && !can_start(threads)
}

/// Whether so many threads can be there at a time.
fn can_start(threads: usize) -> bool {
    let (over, told) = (Mutex::new(false), Condvar::new());
    thread::scope(|scope| {
        let wait = || {
            let over = over.lock().unwrap_or_else(PoisonError::into_inner);
            drop(told.wait_while(over, |over| !*over));
        };
        let start = |_: &usize| thread::Builder::new().spawn_scoped(scope, wait).is_ok();
        let started = (0..threads).take_while(start).count();
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        told.notify_all();
        started == threads
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_threads_can_be_started() {
        assert!(can_start(0) && can_start(20));
        assert!(!are_scarce(20));
    }
}
