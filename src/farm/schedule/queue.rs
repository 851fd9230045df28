//! The schedule of a run, as its workers share it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Next, Schedule};

/// Positions of jobs, each handed out once.
pub(in crate::farm) struct Queue {
    schedule: Mutex<Schedule>,
    /// A job has ended, or none is handed out any more.
    changed: Condvar,
}

impl Queue {
    pub(in crate::farm) fn new(schedule: Schedule) -> Self {
        Self { schedule: Mutex::new(schedule), changed: Condvar::new() }
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is handed out next, if nobody takes it in the meantime.
    pub(in crate::farm) fn peek(&self) -> Next {
        self.schedule().peek()
    }

    /// Hands out the next job as soon as there is room for it; `None` if there is none.
    pub(in crate::farm) fn take(&self) -> Option<usize> {
        let mut schedule = self.schedule();
        loop {
            match schedule.take() {
                Next::Job(position) => return Some(position),
                Next::Nothing => return None,
                Next::Later => {
                    schedule = self.changed.wait(schedule).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Decides which job is handed out next, and says what it claims, bytes; `None` if there is none.
    pub(in crate::farm) fn decide(&self) -> Option<u64> {
        self.schedule().decide()
    }

    /// A job that was handed out has ended, which may make room for others.
    pub(in crate::farm) fn ended(&self, position: usize) {
        self.schedule().ended(position);
        self.changed.notify_all();
    }

    /// No further job is handed out.
    pub(in crate::farm) fn stop(&self) {
        self.schedule().stop();
        self.changed.notify_all();
    }
}
