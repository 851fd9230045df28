//! Which job starts next, and when: the decisions of a farm, without its threads and clocks, so that a
//! simulator can ask for them too.

use super::Prediction;

/// Hands out the jobs of a run, each once: those that are expected to take longest first, which keeps the last of
/// them from running alone at the end, and each only when there is room for it in memory.
///
/// A job that finds no room waits for those that run, and those behind it wait with it: a large job is never
/// starved by small ones. One that claims more than the whole budget runs alone, so there is always a job that
/// may run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Positions of jobs.
    order: Vec<usize>,
    /// By position, bytes.
    claims: Vec<u64>,
    /// Bytes.
    budget: u64,
    /// How many of `order` were handed out.
    next: usize,
    running: usize,
    /// What the running jobs claim, bytes; a sum of any claims fits.
    claimed: u128,
    stopped: bool,
}

/// What a worker that asks for a job is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The job at this position may start.
    Job(usize),
    /// There is no room for the next job until another has ended.
    Later,
    /// There are no further jobs.
    Nothing,
}

impl Schedule {
    /// For jobs that are expected to cost this, and may claim `budget` bytes together. Of equals, the first
    /// comes first.
    pub fn new(predictions: &[Prediction], budget: u64) -> Self {
        let mut order: Vec<usize> = (0..predictions.len()).collect();
        order.sort_by(|&a, &b| predictions[b].seconds.total_cmp(&predictions[a].seconds).then(a.cmp(&b)));
        let claims = predictions.iter().map(|prediction| prediction.memory).collect();
        Self { order, claims, budget, next: 0, running: 0, claimed: 0, stopped: false }
    }

    /// Without the jobs that are not `wanted`.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(usize) -> bool) -> Self {
        self.order.retain(|&position| wanted(position));
        self
    }

    /// What [`Schedule::take`] would say.
    pub fn peek(&self) -> Next {
        let Some(position) = self.next_position() else { return Next::Nothing };
        let fits = self.claimed + u128::from(self.claims[position]) <= u128::from(self.budget);
        if fits || self.running == 0 { Next::Job(position) } else { Next::Later }
    }

    /// Hands out the next job, if it may start now.
    pub fn take(&mut self) -> Next {
        let next = self.peek();
        if let Next::Job(position) = next {
            self.next += 1;
            self.running += 1;
            self.claimed += u128::from(self.claims[position]);
        }
        next
    }

    /// A job that was handed out has ended.
    pub fn ended(&mut self, position: usize) {
        self.running -= 1;
        self.claimed -= u128::from(self.claims[position]);
    }

    /// No further job is handed out.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// What the next job claims, bytes, whether there is room for it or not; `None` if there is none.
    pub fn next_claim(&self) -> Option<u64> {
        self.next_position().map(|position| self.claims[position])
    }

    fn next_position(&self) -> Option<usize> {
        self.order.get(self.next).copied().filter(|_| !self.stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(jobs: &[(f64, u64)]) -> Vec<Prediction> {
        jobs.iter().map(|&(seconds, memory)| Prediction { seconds, memory }).collect()
    }

    #[test]
    fn the_longest_job_comes_first_and_each_once_until_the_schedule_is_stopped() {
        let mut schedule = Schedule::new(&predictions(&[(5.0, 0), (9.0, 0), (5.0, 0), (7.0, 0)]), 0);
        assert_eq!((schedule.peek(), schedule.take()), (Next::Job(1), Next::Job(1)));
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(3), Next::Job(0)), "of equals the first");
        schedule.stop();
        assert_eq!((schedule.take(), schedule.next_claim()), (Next::Nothing, None));
    }

    #[test]
    fn what_is_not_wanted_is_not_handed_out() {
        let jobs = predictions(&[(5.0, 0), (9.0, 0), (7.0, 0)]);
        let mut schedule = Schedule::new(&jobs, 0).only(|position| position != 1);
        assert_eq!((schedule.take(), schedule.next_claim()), (Next::Job(2), Some(0)));
        schedule.ended(2);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(0), Next::Nothing));
    }

    #[test]
    fn a_job_waits_for_room_and_nobody_overtakes_it() {
        let mut schedule = Schedule::new(&predictions(&[(4.0, 60), (3.0, 50), (2.0, 10)]), 100);
        assert_eq!(schedule.take(), Next::Job(0));
        assert_eq!((schedule.take(), schedule.next_claim()), (Next::Later, Some(50)));
        schedule.ended(0);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(1), Next::Job(2)));
        assert_eq!(schedule.take(), Next::Nothing);
    }

    #[test]
    fn a_job_larger_than_the_budget_runs_alone() {
        let mut schedule = Schedule::new(&predictions(&[(4.0, 10), (3.0, u64::MAX), (2.0, 10)]), 100);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(0), Next::Later));
        schedule.ended(0);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(1), Next::Later));
        schedule.ended(1);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(2), Next::Nothing));
    }
}
