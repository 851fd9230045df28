//! What a run shows while it runs: a bar on a terminal, a plain line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::print;
use crate::link::say_as_lld;
use crate::report::{Event, EventKind, JobReport, Totals};

/// How often a log is told that the run goes on.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Leaves nothing of a run behind, for a process that is about to end.
pub(super) type ClearUp = Box<dyn Fn()>;

/// Listens to the events of a run.
pub(super) struct Progress {
    bar: ProgressBar,
    last_line: Instant,
    verbose: bool,
    /// Whether a log is told now and then that the run goes on.
    chatty: bool,
    /// Whether a job's diagnostics name its object: several jobs report to one terminal.
    named: bool,
    /// Whether lld says a job's diagnostics, in its own form, and what is to be done before it ends the process.
    of_lld: Option<ClearUp>,
}

impl Progress {
    pub(super) fn new(jobs: usize, verbose: bool) -> Self {
        // indicatif hides the bar where standard error is not a terminal.
        let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr());
        let style = "[{pos}/{len}] {wide_msg} {elapsed}";
        bar.set_style(ProgressStyle::with_template(style).expect("a template known to be right"));
        print::beside(&bar);
        Self { bar, last_line: Instant::now(), verbose, chatty: true, named: true, of_lld: None }
    }

    /// For a run in the middle of somebody else's, whose log it is: a bar on a terminal, and what is wrong.
    pub(super) fn quiet(jobs: usize, verbose: bool) -> Self {
        Self { chatty: false, ..Self::new(jobs, verbose) }
    }

    /// For a run in the middle of a link by lld in this process, which says what is wrong.
    pub(super) fn of_link(jobs: usize, verbose: bool, clear_up: ClearUp) -> Self {
        Self { of_lld: Some(clear_up), ..Self::quiet(jobs, verbose) }
    }

    /// For a single job, whose diagnostics stand alone as clang's do.
    pub(super) fn silent() -> Self {
        let bar = ProgressBar::hidden();
        let last_line = Instant::now();
        Self { bar, last_line, verbose: false, chatty: false, named: false, of_lld: None }
    }

    pub(super) fn hear(&mut self, event: &Event<'_>) {
        if let EventKind::Started { job, .. } = event.kind {
            self.bar.set_message(job.module.clone());
        }
        let Some((_, job, report)) = event.outcome() else { return };
        self.bar.set_position(event.totals.over() as u64);
        self.diagnostics(&job.module, report);
        if let Err(error) = &report.result
            && self.named
            && !(self.of_lld.is_some() && error.is_told())
        {
            self.bar.suspend(|| print::error(error));
        }
        self.line(&job.module, report, &event.totals);
    }

    /// A job's diagnostics, whole, under the object's name.
    fn diagnostics(&self, module: &str, report: &JobReport) {
        let (text, messages) = match &report.result {
            Ok(done) => (done.diagnostics.as_str(), &done.messages[..]),
            Err(error) => (error.diagnostics(), error.messages()),
        };
        if let Some(clear_up) = &self.of_lld {
            self.bar.suspend(|| messages.iter().for_each(|message| say_as_lld(message, clear_up)));
            return;
        }
        if text.is_empty() {
            return;
        }
        let name = if self.named { format!("{module}:\n") } else { String::new() };
        self.bar.suspend(|| print::tell(format!("{name}{text}")));
    }

    fn line(&mut self, module: &str, report: &JobReport, totals: &Totals) {
        if !self.named {
            return;
        }
        let due = self.chatty && self.bar.is_hidden() && self.last_line.elapsed() >= PLAIN_EVERY;
        if self.verbose || due {
            self.last_line = Instant::now();
            let (done, jobs) = (totals.over(), totals.jobs);
            let seconds = report.wall.as_secs_f64();
            let from = if report.is_from_cache() { ", from the cache" } else { "" };
            self.bar.suspend(|| print::tell(format!("[{done}/{jobs}] {module} {seconds:.2} s{from}\n")));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
