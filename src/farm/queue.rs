//! The jobs that nobody has taken yet, in the order in which they are to start.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Positions of jobs, each handed out once.
pub(super) struct Queue {
    order: Vec<usize>,
    next: AtomicUsize,
    stopped: AtomicBool,
}

impl Queue {
    pub(super) fn new(order: Vec<usize>) -> Self {
        Self { order, next: AtomicUsize::new(0), stopped: AtomicBool::new(false) }
    }

    /// Hands out the next job, unless there is none or the queue was stopped.
    pub(super) fn take(&self) -> Option<usize> {
        if self.is_stopped() {
            return None;
        }
        self.order.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }

    /// The job that is taken next, if nobody takes it in the meantime.
    pub(super) fn peek(&self) -> Option<usize> {
        if self.is_stopped() {
            return None;
        }
        self.order.get(self.next.load(Ordering::Relaxed)).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.peek().is_none()
    }

    /// No further job is handed out.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_handed_out_once_until_the_queue_stops() {
        let queue = Queue::new(vec![2, 0, 1]);
        assert_eq!((queue.peek(), queue.take()), (Some(2), Some(2)));
        assert_eq!((queue.peek(), queue.take()), (Some(0), Some(0)));
        queue.stop();
        assert_eq!((queue.peek(), queue.take()), (None, None));
        assert!(queue.is_empty());
    }
}
