//! Which job starts next, and when: the decisions of a farm, without its threads and clocks, so that a
//! simulator can ask for them too.

mod queue;
mod replay;

use std::collections::VecDeque;

use super::Prediction;
pub(in crate::farm) use queue::Queue;
pub use replay::{lower_bound, makespan};

/// Hands out the jobs of a run, each once.
///
/// Those that are expected to take longest come first, which keeps the last of them from running alone at the end.
/// But the longest are the largest too, and all of them at once is what a run needs most memory for. So as
/// long as there is work enough for all workers to do, a job that goes with those that run less well than others
/// is passed over.
///
/// A job that finds no room in the budget waits for those that run, and the others wait with it: a large job
/// is never starved by small ones. One that claims more than the whole budget runs alone, so there is always a job
/// that may run.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Schedule {
    /// Positions of jobs, those that are expected to take longest first.
    waiting: VecDeque<usize>,
    /// By position.
    predictions: Vec<Prediction>,
    /// Bytes.
    budget: u64,
    workers: usize,
    /// What the running jobs claim together if it can be had without a loss, bytes.
    comfort: u128,
    /// What the jobs are expected to take that were not handed out, CPU seconds.
    seconds: f64,
    /// The job that was decided on, which is next whatever ends in the meantime.
    decided: Option<usize>,
    running: usize,
    /// What the running jobs claim, bytes; a sum of any claims fits.
    claimed: u128,
    stopped: bool,
}

/// What a worker that asks for a job is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Next {
    /// The job at this position may start.
    Job(usize),
    /// There is no room for the next job until another has ended.
    Later,
    /// There are no further jobs.
    Nothing,
}

impl Schedule {
    /// For so many `workers`, of jobs that are expected to cost this, and may claim `budget` bytes together. Of
    /// equals, the first comes first.
    pub fn new(predictions: &[Prediction], budget: u64, workers: usize) -> Self {
        Self::of((0..predictions.len()).collect(), predictions, budget, workers)
    }

    /// As [`Schedule::new`], of the jobs at these `positions` alone.
    pub fn of(mut positions: Vec<usize>, predictions: &[Prediction], budget: u64, workers: usize) -> Self {
        let seconds = |position: usize| predictions[position].seconds;
        positions.sort_by(|&a, &b| seconds(b).total_cmp(&seconds(a)).then(a.cmp(&b)));
        Self {
            comfort: comfort(positions.iter().map(|&position| predictions[position]), workers),
            seconds: positions.iter().copied().map(seconds).sum(),
            waiting: positions.into(),
            predictions: predictions.to_vec(),
            budget,
            workers,
            decided: None,
            running: 0,
            claimed: 0,
            stopped: false,
        }
    }

    /// What [`Schedule::take`] would say.
    pub fn peek(&self) -> Next {
        let Some(chosen) = self.chosen() else { return Next::Nothing };
        let position = self.waiting[chosen];
        let fits = self.claimed_with(position) <= u128::from(self.budget);
        if fits || self.running == 0 { Next::Job(position) } else { Next::Later }
    }

    /// Hands out the next job, if it may start now.
    pub fn take(&mut self) -> Next {
        let next = self.peek();
        if let (Next::Job(position), Some(chosen)) = (next, self.chosen()) {
            self.waiting.remove(chosen);
            self.decided = None;
            self.seconds -= self.predictions[position].seconds;
            self.running += 1;
            self.claimed = self.claimed_with(position);
        }
        next
    }

    /// A job that was handed out has ended.
    pub fn ended(&mut self, position: usize) {
        self.running -= 1;
        self.claimed -= u128::from(self.predictions[position].memory);
    }

    /// No further job is handed out.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Decides which job is next, whether there is room for it or not, and says what it claims, bytes: the next that is
    /// handed out is this one. `None` if there is none.
    pub fn decide(&mut self) -> Option<u64> {
        let position = self.waiting[self.chosen()?];
        self.decided = Some(position);
        Some(self.predictions[position].memory)
    }

    fn claimed_with(&self, position: usize) -> u128 {
        self.claimed + u128::from(self.predictions[position].memory)
    }

    /// Where in `waiting` the next job is: the one that was decided on, or else the first, unless it can wait and another
    /// goes better with those that run.
    fn chosen(&self) -> Option<usize> {
        let first = *self.waiting.front().filter(|_| !self.stopped)?;
        if let Some(decided) = self.decided {
            return self.waiting.iter().position(|&position| position == decided);
        }
        // Once it would be the end of the run that waits for it, it cannot.
        let can_wait = self.seconds > self.predictions[first].seconds * (self.workers + 1) as f64;
        let is_comfortable = |&position: &usize| self.claimed_with(position) <= self.comfort;
        let better = || self.waiting.iter().take(LOOK_AHEAD).position(is_comfortable);
        Some(if can_wait { better().unwrap_or(0) } else { 0 })
    }
}

/// How many jobs are looked at for one that goes well with those that run. A bound, because it is done for each job.
const LOOK_AHEAD: usize = 4096;

/// What so many `workers` should have in memory at a time, bytes: the largest job, and beside it what the
/// others come to on average. Less could not be kept up, since every job has its turn; the largest jobs all
/// at once would be more.
fn comfort(jobs: impl Iterator<Item = Prediction>, workers: usize) -> u128 {
    let (mut largest, mut seconds, mut bytes_seconds) = (0, 0.0, 0.0);
    for job in jobs {
        largest = largest.max(job.memory);
        seconds += job.seconds;
        bytes_seconds += job.seconds * job.memory as f64;
    }
    let average = if seconds > 0.0 { bytes_seconds / seconds } else { 0.0 };
    u128::from(largest) + (average * workers.saturating_sub(1) as f64) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(jobs: &[(f64, u64)]) -> Vec<Prediction> {
        jobs.iter().map(|&(seconds, memory)| Prediction { seconds, memory }).collect()
    }

    #[test]
    fn the_longest_job_comes_first_and_each_once_until_the_schedule_is_stopped() {
        let mut schedule = Schedule::new(&predictions(&[(5.0, 0), (9.0, 0), (5.0, 0), (7.0, 0)]), 0, 1);
        assert_eq!((schedule.peek(), schedule.take()), (Next::Job(1), Next::Job(1)));
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(3), Next::Job(0)), "of equals the first");
        schedule.stop();
        assert_eq!((schedule.take(), schedule.decide()), (Next::Nothing, None));
    }

    #[test]
    fn what_is_not_wanted_is_not_handed_out() {
        let jobs = predictions(&[(5.0, 0), (9.0, 0), (7.0, 0)]);
        let mut schedule = Schedule::of(vec![0, 2], &jobs, 0, 1);
        assert_eq!((schedule.take(), schedule.decide()), (Next::Job(2), Some(0)));
        schedule.ended(2);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(0), Next::Nothing));
    }

    #[test]
    fn a_job_waits_for_room_and_nobody_overtakes_it() {
        let mut schedule = Schedule::new(&predictions(&[(4.0, 60), (3.0, 50), (2.0, 10)]), 100, 9);
        assert_eq!(schedule.take(), Next::Job(0));
        assert_eq!((schedule.take(), schedule.decide()), (Next::Later, Some(50)));
        schedule.ended(0);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(1), Next::Job(2)));
        assert_eq!(schedule.take(), Next::Nothing);
    }

    #[test]
    fn a_job_larger_than_the_budget_runs_alone() {
        let mut schedule = Schedule::new(&predictions(&[(4.0, 10), (3.0, u64::MAX), (2.0, 10)]), 100, 9);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(0), Next::Later));
        schedule.ended(0);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(1), Next::Later));
        schedule.ended(1);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(2), Next::Nothing));
    }

    #[test]
    fn the_largest_jobs_run_one_at_a_time_while_there_is_enough_to_do() {
        let large = [(4.0, 90), (4.0, 80), (4.0, 70)];
        let jobs = predictions(&[&large[..], &[(1.0, 10); 30]].concat());
        let mut schedule = Schedule::new(&jobs, u64::MAX, 2);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(0), Next::Job(3)));
        schedule.ended(3);
        assert_eq!(schedule.take(), Next::Job(4));
        schedule.ended(0);
        assert_eq!(schedule.take(), Next::Job(1), "the next largest follows");
        // A job that was decided on stays the next.
        let mut schedule = Schedule::new(&jobs, u64::MAX, 2);
        assert_eq!((schedule.take(), schedule.decide()), (Next::Job(0), Some(10)));
        schedule.ended(0);
        assert_eq!((schedule.peek(), schedule.take()), (Next::Job(3), Next::Job(3)));
        assert_eq!(schedule.take(), Next::Job(1));
        // With little left it is the long jobs that must not be last.
        let mut schedule = Schedule::new(&jobs[..6], u64::MAX, 3);
        assert_eq!((schedule.take(), schedule.take()), (Next::Job(0), Next::Job(1)));
    }
}
