//! What happens in a run, as it happens; progress, plain lines and machine output listen to these.

use crate::plan::Job;
use crate::report::JobReport;

/// One event of a run, told on the thread that started it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The workers are up.
    Began {
        /// Jobs to run.
        jobs: usize,
        /// Workers to run them.
        threads: usize,
    },
    /// A worker took a job.
    Started {
        /// The job.
        job: &'a Job,
    },
    /// A job is done, well or not.
    Finished {
        /// The job.
        job: &'a Job,
        /// What it did and cost.
        report: &'a JobReport,
    },
}
