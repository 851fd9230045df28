//! Makes a report of the events of a run.

use std::time::{Duration, SystemTime};

use super::{Event, EventKind, JobReport, Report, Usage, Warning};
use crate::plan::Plan;

/// Hears the events of one run.
#[derive(Clone, Debug)]
pub struct Recorder(Report);

impl Recorder {
    /// For a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Self(Report {
            jobs: vec![None; plan.jobs.len()],
            started: SystemTime::UNIX_EPOCH,
            wall: Duration::ZERO,
            usage: Usage::default(),
            threads: std::num::NonZero::<usize>::MIN,
            cancelled: false,
            not_remembered: None,
            modules: plan.jobs.iter().map(|job| job.module.clone()).collect(),
            outputs: plan.jobs.iter().map(|job| job.output.display().to_string()).collect(),
        })
    }

    /// Remembers what it has to.
    pub fn hear(&mut self, event: &Event<'_>) {
        let Self(report) = self;
        report.wall = event.at;
        match event.kind {
            EventKind::Began { time, threads } => {
                report.started = time;
                report.threads = threads.try_into().unwrap_or(report.threads);
            }
            EventKind::CacheHit { position, report: job, .. }
            | EventKind::Finished { position, report: job, .. } => report.jobs[position] = Some(job.clone()),
            EventKind::Warning(Warning::NotRemembered(reason)) => {
                report.not_remembered = Some(reason.clone());
            }
            EventKind::Cancelled => report.cancelled = true,
            EventKind::Ended { usage } => report.usage = usage,
            _ => {}
        }
    }

    /// What became of each job up to now, by position.
    pub fn jobs(&self) -> &[Option<JobReport>] {
        &self.0.jobs
    }

    /// The report, which is whole after the last event.
    pub fn report(self) -> Report {
        self.0
    }
}
