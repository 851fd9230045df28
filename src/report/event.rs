//! What happens in a run, as it happens. It is told in one stream, to which progress, the report and everything else
//! listens.

use std::time::{Duration, SystemTime};

use llvm_build::Stage;

use super::{JobReport, Usage};
use crate::plan::Job;

/// One event of a run, told on the thread that executes it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// When, since the run began. No event is earlier than one that was told before.
    pub at: Duration,
    /// What there is of each kind with this event, so that no listener counts.
    pub totals: Totals,
    /// What happens.
    pub kind: EventKind<'a>,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// The run begins; the first event.
    Began {
        /// Now.
        time: SystemTime,
        /// Jobs that may run at a time.
        threads: usize,
    },
    /// An object is in the cache, and is where the job would write it.
    CacheHit {
        /// The position of the job in the plan.
        position: usize,
        /// The job that need not run.
        job: &'a Job,
        /// What is known of it.
        report: &'a JobReport,
    },
    /// It is known what has to be compiled, and workers are up for that.
    Planned {
        /// Jobs that will run.
        jobs: usize,
        /// Workers to run them.
        threads: usize,
        /// What the jobs are expected to take together, CPU seconds.
        seconds: f64,
    },
    /// A worker took a job.
    Started {
        /// The position of the job in the plan.
        position: usize,
        /// The job.
        job: &'a Job,
    },
    /// A job has come to a stage. clang's own action tells of none but the first and the last.
    Reached {
        /// The position of the job in the plan.
        position: usize,
        /// The job.
        job: &'a Job,
        /// What begins.
        stage: Stage,
    },
    /// A job is done, well or not.
    Finished {
        /// The position of the job in the plan.
        position: usize,
        /// The job.
        job: &'a Job,
        /// What it did and cost.
        report: &'a JobReport,
    },
    /// Something is not as it should be, and the run goes on.
    Warning(&'a Warning),
    /// The run was cancelled: no further job starts.
    Cancelled,
    /// The run is over; the last event.
    Ended {
        /// What the process and its child workers used during the run.
        usage: Usage,
    },
}

impl<'a> Event<'a> {
    /// The job that is over with this event, with its position in the plan and its report: it is done, or was found in
    /// the cache.
    pub fn outcome(&self) -> Option<(usize, &'a Job, &'a JobReport)> {
        match self.kind {
            EventKind::CacheHit { position, job, report } | EventKind::Finished { position, job, report } => {
                Some((position, job, report))
            }
            _ => None,
        }
    }
}

/// What there is of each kind, in a run up to an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Jobs of the plan.
    pub jobs: usize,
    /// Objects from the cache.
    pub from_cache: usize,
    /// Objects that were compiled.
    pub compiled: usize,
    /// Jobs that failed.
    pub failed: usize,
    /// Jobs that were cancelled after they had started.
    pub cancelled: usize,
    /// Jobs that run now.
    pub running: usize,
    /// Warnings of the compiled jobs.
    pub warnings: u64,
    /// CPU seconds of the compiled jobs.
    pub cpu_seconds: f64,
    /// Bytes of all objects.
    pub object_bytes: u64,
}

impl Totals {
    /// Jobs that are over.
    pub fn over(&self) -> usize {
        self.from_cache + self.compiled + self.failed + self.cancelled
    }

    /// Adds what happens with an event.
    pub(crate) fn add(&mut self, kind: &EventKind<'_>) {
        match kind {
            EventKind::Started { .. } => self.running += 1,
            EventKind::CacheHit { report, .. } => {
                self.from_cache += 1;
                self.object_bytes += report.result.as_ref().map_or(0, |done| done.object_size);
            }
            EventKind::Finished { report, .. } => {
                self.running -= 1;
                match &report.result {
                    Ok(done) => {
                        self.compiled += 1;
                        self.warnings += u64::from(done.warnings);
                        self.cpu_seconds += done.cpu_seconds();
                        self.object_bytes += done.object_size;
                    }
                    Err(error) if error.is_cancelled() => self.cancelled += 1,
                    Err(_) => self.failed += 1,
                }
            }
            _ => {}
        }
    }
}

/// What is not as it should be, in a run that goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The system lets the process have fewer threads than are wanted.
    #[error("only {started} of {wanted} worker threads can be started")]
    FewThreads {
        /// There are so many; without any, jobs run on the thread that executes the run.
        started: usize,
        /// There were to be so many.
        wanted: usize,
    },
    /// The machine is not shared any more with other processes.
    #[error("cores and memory are not shared with other thinfarm processes: {0}")]
    NotShared(String),
    /// The next run will not know what the jobs cost.
    #[error("what the jobs cost is not remembered for the next run: {0}")]
    NotRemembered(String),
}
