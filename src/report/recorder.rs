//! Makes a report of the events of a run.

use super::{Event, EventKind, JobReport, Report, Warning};
use crate::plan::Plan;

/// Hears the events of one run.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Report);

impl Recorder {
    /// For a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Self(Report::of_nothing(plan))
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
