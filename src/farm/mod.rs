//! Runs the jobs of a plan on worker threads: order, threads, stopping. It knows nothing of flags,
//! and of LLVM only that some of its state belongs to the process.

mod event;
mod process;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Sender, unbounded};

pub use event::Event;
pub use process::FarmError;

use crate::backend;
use crate::input::Modules;
use crate::plan::Plan;
use crate::report::{JobReport, Report, Usage};

/// Stack of a worker thread, bytes. LLVM recurses deeply, and only what is touched is paid for.
pub const STACK_SIZE: usize = 64 << 20;

/// The worker threads and how they behave.
#[derive(Clone, Debug)]
pub struct Farm {
    threads: NonZero<usize>,
    fail_fast: bool,
}

impl Default for Farm {
    /// As many threads as cores this process may use; jobs go on when one fails.
    fn default() -> Self {
        Self { threads: available_cores(), fail_fast: false }
    }
}

/// The cores this process may use: affinity and cgroup quotas are respected.
pub fn available_cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

impl Farm {
    /// Runs at most `threads` jobs at a time.
    #[must_use]
    pub fn threads(self, threads: NonZero<usize>) -> Self {
        Self { threads, ..self }
    }

    /// Whether no further job is started once one has failed.
    #[must_use]
    pub fn fail_fast(self, fail_fast: bool) -> Self {
        Self { fail_fast, ..self }
    }

    /// Runs every job of `plan`, the largest first.
    ///
    /// A failed job does not fail the run: see [`Report::failed`]. Runs in one process take turns,
    /// because LLVM keeps options for the whole process.
    ///
    /// # Errors
    /// The jobs cannot share this process.
    pub fn run(&self, plan: &Plan) -> Result<Report, FarmError> {
        self.run_with(plan, |_| {})
    }

    /// As [`Farm::run`], telling `listen` on this thread what happens as it happens.
    ///
    /// # Errors
    /// The jobs cannot share this process.
    pub fn run_with(&self, plan: &Plan, mut listen: impl FnMut(&Event<'_>)) -> Result<Report, FarmError> {
        let start = Instant::now();
        let before = Usage::now();
        let modules = Modules::default();
        let threads = self.threads.get().min(plan.jobs.len()).max(1);
        let _turn = process::take_turn(plan, &modules, threads)?;

        let queue =
            Queue { order: plan.largest_first(), next: AtomicUsize::new(0), stopped: AtomicBool::new(false) };
        let (sender, receiver) = unbounded();
        let mut reports: Vec<Option<JobReport>> = vec![None; plan.jobs.len()];
        thread::scope(|scope| {
            for number in 0..threads {
                let worker = Worker { farm: self, plan, modules: &modules, queue: &queue, start };
                let sender = sender.clone();
                let spawned = thread::Builder::new()
                    .name(format!("farm-{number}"))
                    .stack_size(STACK_SIZE)
                    .spawn_scoped(scope, move || worker.work(&sender));
                if let Err(error) = spawned {
                    queue.stop();
                    return Err(FarmError::Thread(error));
                }
            }
            drop(sender);
            listen(&Event::Began { jobs: plan.jobs.len(), threads });
            for message in receiver {
                match message {
                    Message::Started(position) => listen(&Event::Started { job: &plan.jobs[position] }),
                    Message::Finished(position, report) => {
                        listen(&Event::Finished { job: &plan.jobs[position], report: &report });
                        reports[position] = Some(*report);
                    }
                }
            }
            Ok(())
        })?;
        Ok(Report::new(plan, reports, start.elapsed(), before.until_now(), threads))
    }
}

/// The jobs that nobody has taken yet.
struct Queue {
    order: Vec<usize>,
    next: AtomicUsize,
    stopped: AtomicBool,
}

impl Queue {
    fn take(&self) -> Option<usize> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        self.order.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// What a worker tells the thread that listens; workers print nothing.
enum Message {
    Started(usize),
    Finished(usize, Box<JobReport>),
}

#[derive(Clone, Copy)]
struct Worker<'a> {
    farm: &'a Farm,
    plan: &'a Plan,
    modules: &'a Modules,
    queue: &'a Queue,
    start: Instant,
}

impl Worker<'_> {
    fn work(self, listener: &Sender<Message>) {
        while let Some(position) = self.queue.take() {
            let queued = self.start.elapsed();
            // The listener outlives the workers, so a message always arrives.
            let _ = listener.send(Message::Started(position));
            let job = &self.plan.jobs[position];
            let result = backend::run(job, self.modules);
            if self.farm.fail_fast && result.is_err() {
                self.queue.stop();
            }
            let report = JobReport { queued, wall: self.start.elapsed() - queued, result };
            let _ = listener.send(Message::Finished(position, Box::new(report)));
        }
    }
}
