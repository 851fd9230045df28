//! What happens in a run, and what happened: one stream of events, of which a report is made.

mod event;
mod phase;
mod profile;
mod recorder;
mod usage;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::time::{Duration, SystemTime};

pub use event::{Event, EventKind, Totals, Warning};
pub use llvm_build::{Failure, LinkMessage, OpenError, Severity, Stage, StageTime, StageTimes};
pub use phase::{Doing, Phase, Phases};
pub use profile::PROFILE_VERSION;
pub(crate) use recorder::Recorder;
pub use usage::Usage;

pub use crate::backend::{JobDone, JobError};
use crate::cache::{CacheUse, Uncacheable};
use crate::plan::{Job, Plan};

/// What one job did and cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobReport {
    /// Since the start of the run, how long the job waited for a worker.
    pub queued: Duration,
    /// The part of that for which a worker waited with it for a permit to start: of the jobserver, or of other
    /// thinfarm processes.
    pub waited: Duration,
    /// From then to its end.
    pub wall: Duration,
    /// What it was expected to take, CPU seconds, if it was not in the cache.
    pub predicted: Option<f64>,
    /// Memory it claimed where that is bounded, bytes: what it was expected to need at most.
    pub claimed_memory: Option<u64>,
    /// What a cache had to do with it, if there was one. An object that is [`CacheUse::Hit`] was not made in this run,
    /// and its result tells nothing of what that cost.
    pub cache: Option<CacheUse>,
    /// What it made, or why it made nothing.
    pub result: Result<JobDone, JobError>,
}

impl JobReport {
    /// Whether the object was not made in this run but found in the cache.
    pub fn is_from_cache(&self) -> bool {
        self.cache == Some(CacheUse::Hit)
    }
}

/// The report of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// One entry per job of the plan, in its order; `None` for jobs that were never started.
    pub jobs: Vec<Option<JobReport>>,
    /// When the run began.
    pub started: SystemTime,
    /// Wall time of the run.
    pub wall: Duration,
    /// What the process and its child workers used during the run.
    pub usage: Usage,
    /// Worker threads.
    pub threads: NonZero<usize>,
    /// What the process did in the run, in order; see [`Report::preceded_by`].
    pub phases: Vec<Phase>,
    /// The run was cancelled before its time.
    pub cancelled: bool,
    /// Why the next run will not know what the jobs cost, although it should.
    pub not_remembered: Option<String>,
    modules: Vec<String>,
    outputs: Vec<String>,
}

/// A job by position and module id, with its report.
pub type Named<'a> = (usize, &'a str, &'a JobReport);

impl Report {
    /// Of a run of `plan` in which nothing has happened yet.
    pub(crate) fn of_nothing(plan: &Plan) -> Self {
        Self {
            jobs: vec![None; plan.jobs.len()],
            started: SystemTime::UNIX_EPOCH,
            wall: Duration::ZERO,
            usage: Usage::default(),
            threads: NonZero::<usize>::MIN,
            phases: Vec::new(),
            cancelled: false,
            not_remembered: None,
            modules: plan.jobs.iter().map(|job| job.module.clone()).collect(),
            outputs: plan.jobs.iter().map(|job| job.output.display().to_string()).collect(),
        }
    }

    /// Before the run the process went through `phases`, which go on with those of the run.
    pub fn preceded_by(&mut self, phases: &mut Phases) {
        phases.extend(&self.phases);
        self.phases = phases.ended().to_vec();
    }

    /// The jobs that ran, in plan order.
    pub fn ran(&self) -> impl Iterator<Item = Named<'_>> {
        self.jobs
            .iter()
            .zip(&self.modules)
            .enumerate()
            .filter_map(|(position, (job, module))| job.as_ref().map(|job| (position, module.as_str(), job)))
    }

    /// The jobs that failed, in plan order; one that was cancelled has not.
    pub fn failed(&self) -> impl Iterator<Item = Named<'_>> {
        self.ran().filter(|(_, _, job)| job.result.as_ref().is_err_and(|error| !error.is_cancelled()))
    }

    /// The jobs that were cancelled after they had started, in plan order.
    pub fn cancelled_jobs(&self) -> impl Iterator<Item = Named<'_>> {
        self.ran().filter(|(_, _, job)| job.result.as_ref().is_err_and(JobError::is_cancelled))
    }

    /// The jobs of `plan`, which this is a report of, that made their objects.
    pub fn made<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a Job> {
        let is_made = |report: &Option<JobReport>| report.as_ref().is_some_and(|job| job.result.is_ok());
        self.jobs.iter().zip(&plan.jobs).filter_map(move |(report, job)| is_made(report).then_some(job))
    }

    /// How many objects were written.
    pub fn objects(&self) -> usize {
        self.ran().filter(|(_, _, job)| job.result.is_ok()).count()
    }

    /// How many objects are from the cache.
    pub fn from_cache(&self) -> usize {
        self.ran().filter(|(_, _, job)| job.is_from_cache()).count()
    }

    /// Why objects can be in no cache, and how many, if there was one.
    pub fn uncacheable(&self) -> BTreeMap<&Uncacheable, usize> {
        let mut reasons = BTreeMap::new();
        for (_, _, job) in self.ran() {
            if let Some(CacheUse::Uncacheable(reason)) = &job.cache {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        reasons
    }

    /// How many jobs were never started.
    pub fn not_started(&self) -> usize {
        self.jobs.iter().filter(|job| job.is_none()).count()
    }

    /// Whether every job of the plan made its object.
    pub fn is_success(&self) -> bool {
        self.objects() == self.jobs.len()
    }

    /// The jobs that took longest, the slowest first.
    pub fn slowest(&self, count: usize) -> Vec<Named<'_>> {
        let mut jobs: Vec<_> = self.ran().collect();
        jobs.sort_by_key(|(position, _, job)| (std::cmp::Reverse(job.wall), *position));
        jobs.truncate(count);
        jobs
    }

    /// What no order of these jobs could have beaten: all threads busy to the end, or the longest job alone.
    pub fn least_wall(&self) -> Duration {
        let (mut total, mut longest) = (Duration::ZERO, Duration::ZERO);
        for (_, _, job) in self.ran() {
            total += job.wall;
            longest = longest.max(job.wall);
        }
        longest.max(total.div_f64(self.threads.get() as f64))
    }

    /// The jobs whose CPU seconds were farthest from what was predicted, the farthest first.
    pub fn mispredicted(&self, count: usize) -> Vec<Named<'_>> {
        let error = |job: &JobReport| Some((job.cpu_seconds()? - job.predicted?).abs());
        let mut jobs: Vec<_> = self.ran().filter(|(_, _, job)| error(job).is_some()).collect();
        jobs.sort_by(|(_, _, a), (_, _, b)| error(b).partial_cmp(&error(a)).unwrap_or(Ordering::Equal));
        jobs.truncate(count);
        jobs
    }
}

impl JobReport {
    /// CPU seconds, of a job that made its object.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.result.as_ref().ok().map(JobDone::cpu_seconds)
    }
}
