//! The cache of objects in one run. What it has needs no permit to start, no memory and no worker, so all of it is
//! written out before the first job begins.

use std::time::{Duration, Instant};

use crate::backend::{JobError, Made};
use crate::cache::{CacheUse, Fetched, Lookup, Wanted};
use crate::plan::Job;
use crate::report::JobReport;

/// What a run makes of its cache.
pub(super) struct Cached<'a> {
    lookup: Lookup<'a>,
    /// By position, what has to be made.
    wanted: Vec<Result<Wanted, CacheUse>>,
}

impl<'a> Cached<'a> {
    /// What came of looking with `lookup` for every object of a plan, by position: see [`look_for`].
    pub(super) fn new(lookup: Lookup<'a>, wanted: Vec<Result<Wanted, CacheUse>>) -> Self {
        Self { lookup, wanted }
    }

    /// Whether the object of the job at `position` was there.
    pub(super) fn has(&self, position: usize) -> bool {
        matches!(self.wanted[position], Err(CacheUse::Hit))
    }

    /// Leaves for later runs what is known of modules.
    pub(super) fn finish(&self) {
        self.lookup.finish();
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

/// Looks for the object of `job` in a run that began at `start`. If it is not there, it has to be made.
pub(super) fn look_for(
    job: &Job,
    lookup: &Lookup<'_>,
    start: Instant,
) -> (Result<Wanted, CacheUse>, Option<JobReport>) {
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
}
