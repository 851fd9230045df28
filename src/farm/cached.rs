//! The cache of objects in one run. What it has needs no permit to start, no memory and no worker, so all of it is
//! written out before the first job begins.

use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::backend::{JobError, Made};
use crate::cache::{CacheUse, Fetched, Lookup, Wanted};
use crate::parallel;
use crate::plan::{Job, Plan};
use crate::report::JobReport;

/// What a run makes of its cache.
pub(super) struct Cached<'a> {
    lookup: Lookup<'a>,
    /// By position, what has to be made.
    wanted: Vec<Result<Wanted, CacheUse>>,
}

impl<'a> Cached<'a> {
    /// Looks for every object of `plan`, `threads` at a time, and reports those that were found, by position. The run
    /// began at `start`.
    pub(super) fn look_up(
        lookup: Lookup<'a>,
        plan: &Plan,
        threads: NonZero<usize>,
        start: Instant,
    ) -> (Self, Vec<Option<JobReport>>) {
        let fetch = |job: &Job| {
            let queued = start.elapsed();
            match lookup.fetch(job) {
                Fetched::Found(done) => {
                    let report = JobReport {
                        queued,
                        waited: Duration::ZERO,
                        wall: start.elapsed() - queued,
                        predicted: None,
                        claimed_memory: None,
                        cache: Some(CacheUse::Hit),
                        result: Ok(done),
                    };
                    (Err(CacheUse::Hit), Some(report))
                }
                Fetched::Wanted(wanted) => (Ok(wanted), None),
                Fetched::Uncacheable(reason) => (Err(CacheUse::Uncacheable(reason)), None),
            }
        };
        let (wanted, found) = parallel::map(threads, &plan.jobs, |_, job| fetch(job)).into_iter().unzip();
        (Self { lookup, wanted }, found)
    }

    /// Keeps what the job at `position` made.
    pub(super) fn keep(&self, position: usize, job: &Job, made: &Result<Made, JobError>) -> CacheUse {
        match (&self.wanted[position], made) {
            (Ok(wanted), Ok(made)) => self.lookup.keep(job, wanted, made),
            (Ok(_), Err(_)) => CacheUse::Miss,
            (Err(used), _) => used.clone(),
        }
    }
}
