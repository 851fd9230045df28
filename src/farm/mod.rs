//! Runs the jobs of a plan on worker threads: order, memory, threads, stopping. It knows nothing of flags,
//! and of LLVM only that some of its state belongs to the process.

mod cached;
mod costs;
mod event;
mod panicking;
mod permits;
mod process;
mod schedule;
mod worker;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Instant, SystemTime};

use crossbeam_channel::{Sender, unbounded};
use llvm_build::{has_crashed, watch_jobs};

use cached::Cached;
pub use costs::{Costs, Prediction, predict_by_size};
pub use event::Event;
use permits::Permits;
pub use permits::{InUse, Jobserver, MachineShare, ShareError, default_memory_budget};
use process::Turn;
pub use process::{FarmError, adopt_llvm_args};
use schedule::Queue;
pub use schedule::{Next, Schedule, lower_bound, makespan};
pub use worker::serve;
use worker::{Children, Workers};

use crate::backend::{self, JobDone, JobError, Made};
use crate::cache::{Cache, CacheUse, Lookup};
use crate::input::Modules;
use crate::output::abandon_outputs;
use crate::plan::{Job, Plan};
use crate::report::{JobReport, Report, Usage};

/// Stack of a worker thread, bytes. LLVM recurses deeply, and only what is touched is paid for.
pub const STACK_SIZE: usize = 64 << 20;

/// The worker threads and how they behave.
#[derive(Clone, Debug)]
pub struct Farm {
    threads: NonZero<usize>,
    fail_fast: bool,
    worker_program: Option<PathBuf>,
    jobserver: Option<Jobserver>,
    machine: Option<MachineShare>,
    cache: Option<Cache>,
    memory_budget: Option<u64>,
    costs: Option<Costs>,
    no_threads: bool,
    children: Arc<Children>,
}

impl Default for Farm {
    /// As many threads as cores this process may use; jobs go on when one fails; no child workers, no
    /// jobserver, no cache, the machine is not shared, memory not bounded and nothing remembered.
    fn default() -> Self {
        Self {
            threads: available_cores(),
            fail_fast: false,
            worker_program: None,
            jobserver: None,
            machine: None,
            cache: None,
            memory_budget: None,
            costs: None,
            no_threads: false,
            children: Arc::default(),
        }
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

    /// Lets jobs whose `-mllvm` options this process cannot have, and those that come after a crash of LLVM, run in
    /// child workers, each of which is `program worker`, a thinfarm of this build. Without one, a plan with several
    /// sets of such options is an error, and a crash changes nothing for the jobs after it.
    #[must_use]
    pub fn worker_program(self, program: impl Into<PathBuf>) -> Self {
        Self { worker_program: Some(program.into()), ..self }
    }

    /// Takes a token of `jobserver` for every job that runs beside another, and gives it back at the job's end.
    /// Waiting for tokens can be stopped because the signal SIGUSR1 is caught from then on.
    #[must_use]
    pub fn jobserver(self, jobserver: Option<Jobserver>) -> Self {
        Self { jobserver, ..self }
    }

    /// Shares the machine with other thinfarm processes: a job starts when a core and enough memory are free.
    /// Where there is a jobserver, which does this for all programs, that alone is asked.
    #[must_use]
    pub fn machine(self, machine: Option<MachineShare>) -> Self {
        Self { machine, ..self }
    }

    /// Looks in `cache` for objects that were made before, and keeps there those that were not. Nothing that goes wrong
    /// with it fails a job, see [`crate::cache::Store::problems`]. What jobs cost is remembered there, too, unless
    /// [`Farm::costs`] says where.
    #[must_use]
    pub fn cache(self, cache: Option<Cache>) -> Self {
        Self { cache, ..self }
    }

    /// The cache of objects, if there is one.
    pub fn cache_in_use(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Starts a job only while what it and those that run are expected to need stays within `bytes`, see
    /// [`default_memory_budget`]. A job that needs more than that runs alone. Where the machine is shared,
    /// [`MachineShare::memory_budget`] counts instead, for all processes together.
    #[must_use]
    pub fn memory_budget(self, bytes: Option<u64>) -> Self {
        Self { memory_budget: bytes, ..self }
    }

    /// Predicts what jobs cost by what they did cost before, and remembers it: for runs of more than one job.
    #[must_use]
    pub fn costs(self, costs: Option<Costs>) -> Self {
        Self { costs, ..self }
    }

    /// Runs jobs on the thread that calls [`Farm::run`] and no other, which needs a stack for LLVM: where a process may
    /// have few threads and needs those for something else. A farm does so by itself if it can start none.
    #[must_use]
    pub fn no_threads(self) -> Self {
        Self { no_threads: true, threads: NonZero::<usize>::MIN, jobserver: None, machine: None, ..self }
    }

    /// How many bytes of objects may be in memory until somebody reads them, an eighth of what jobs may claim. Of all
    /// memory that is available at most a tenth: half of what the budget of jobs leaves.
    pub fn memory_for_objects(&self) -> u64 {
        let available = default_memory_budget();
        self.budget().map_or(available, |budget| budget.min(available)) / 8
    }

    /// Why the machine is not shared any more, although [`Farm::machine`] was to share it; the jobs go on.
    pub fn sharing_problem(&self) -> Option<String> {
        self.machine.as_ref().and_then(MachineShare::problem)
    }

    /// How many threads may work before and after the jobs, when there is no leave to ask for: one under a
    /// jobserver, and no more than there are idle cores now in a machine that is shared.
    pub fn threads_without_leave(&self) -> NonZero<usize> {
        match (&self.jobserver, &self.machine) {
            (Some(_), _) => NonZero::<usize>::MIN,
            (None, Some(machine)) => self.threads.min(machine.idle_cores()),
            (None, None) => self.threads,
        }
    }

    /// Ends child workers, removes what is half-written (by any farm of this process) and gives tokens back:
    /// for a process that is about to end, from any of its threads. Runs of this farm and its clones make no
    /// further progress.
    pub fn abandon(&self) {
        let killed = self.children.kill();
        abandon_outputs();
        Children::bury(&killed);
        if let Some(jobserver) = &self.jobserver {
            jobserver.abandon();
        }
        if let Some(machine) = &self.machine {
            machine.abandon();
        }
        abandon_outputs();
    }

    /// Where the costs of jobs are remembered; one job has no order.
    fn costs_of(&self, plan: &Plan) -> Option<Costs> {
        if plan.jobs.len() < 2 {
            return None;
        }
        let beside = |cache: &Cache| Costs::in_cache(cache.store().directory());
        self.costs.clone().or_else(|| self.cache.as_ref().map(beside))
    }

    /// Makes the object of every job of `plan`: those that are in the cache are written first, then the other jobs
    /// run, first those that are expected to take longest.
    ///
    /// A failed job does not fail the run: see [`Report::failed`]. Neither does one that crashes LLVM, or panics. After a
    /// crash further jobs run in child workers, if there may be any, and one that does not go on is given up. Runs in
    /// one process take turns, because LLVM keeps options for the whole process.
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
        let (start, started) = (Instant::now(), SystemTime::now());
        let before = Usage::now();
        let modules = Modules::default();
        let threads =
            NonZero::new(plan.jobs.len()).map_or(NonZero::<usize>::MIN, |jobs| jobs.min(self.threads));
        let children_may = self.worker_program.is_some();
        let turn = process::take_turn(plan, children_may)?;
        let permits = Permits::of(self.jobserver.as_ref(), self.machine.as_ref());
        let workers =
            self.worker_program.as_deref().map(|program| Workers::new(plan, program, &self.children));

        let (cached, mut reports) = match self.lookup(&modules) {
            Some(lookup) => {
                let (cached, found) = Cached::look_up(lookup, plan, self.threads_without_leave(), start);
                (Some(cached), found)
            }
            None => (None, vec![None; plan.jobs.len()]),
        };
        let is_wanted = |position: usize| reports[position].is_none();
        let wanted = (0..plan.jobs.len()).filter(|&position| is_wanted(position)).collect();
        let costs = self.costs_of(plan);
        let predictions = costs::predict(plan, is_wanted, costs.as_ref(), self.threads_without_leave());
        let budget = self.budget();
        let schedule = Schedule::of(wanted, &predictions, budget.unwrap_or(u64::MAX), threads.get());
        let queue = Queue::new(schedule);
        let (sender, receiver) = unbounded();
        let run = Run {
            farm: self,
            plan,
            modules: &modules,
            turn: &turn,
            workers: workers.as_ref(),
            cached: cached.as_ref(),
            queue: &queue,
            predictions: &predictions,
            has_budget: budget.is_some(),
            permits: &permits,
            start,
        };
        thread::scope(|scope| {
            let start = |number: usize| {
                let sender = sender.clone();
                let thread = thread::Builder::new().name(format!("farm-{number}")).stack_size(STACK_SIZE);
                thread.spawn_scoped(scope, move || run.work(&sender))
            };
            // As many as the system lets there be.
            let threads = if self.no_threads { 0 } else { threads.get() };
            if threads > 0 {
                watch_jobs();
            }
            let started = (0..threads).map_while(|number| start(number).ok()).count();
            listen(&Event::Began { jobs: plan.jobs.len(), threads: started.max(1) });
            for (job, report) in plan.jobs.iter().zip(&reports) {
                if let Some(report) = report {
                    listen(&Event::Started { job });
                    listen(&Event::Finished { job, report });
                }
            }
            if started == 0 {
                // What is to be heard of it is heard afterwards.
                run.work(&sender);
            }
            drop(sender);
            for message in receiver {
                match message {
                    Message::Started(position) => listen(&Event::Started { job: &plan.jobs[position] }),
                    Message::Finished(position, report) => {
                        listen(&Event::Finished { job: &plan.jobs[position], report: &report });
                        reports[position] = Some(*report);
                    }
                }
            }
        });
        let usage = self.children.dismiss().and(before.until_now());
        let wall = start.elapsed();
        let learnt = costs.map_or(Ok(()), |costs| costs.learn(plan, &reports));
        let mut report = Report::new(plan, reports, started, wall, usage, threads);
        report.not_remembered = learnt.err().map(|error| error.to_string());
        Ok(report)
    }

    /// What the jobs may claim together, bytes.
    fn budget(&self) -> Option<u64> {
        let shared = self.machine.as_ref().filter(|_| self.jobserver.is_none());
        shared.map(MachineShare::memory_budget).or(self.memory_budget)
    }
}

impl Farm {
    fn lookup<'a>(&'a self, modules: &'a Modules) -> Option<Lookup<'a>> {
        let cache = self.cache.as_ref()?;
        Some(Lookup::new(cache, modules, self.worker_program.as_deref()))
    }
}

/// What a worker tells the thread that listens; workers print nothing.
enum Message {
    Started(usize),
    Finished(usize, Box<JobReport>),
}

/// What the threads of one run share.
#[derive(Clone, Copy)]
struct Run<'a> {
    farm: &'a Farm,
    plan: &'a Plan,
    modules: &'a Modules,
    turn: &'a Turn,
    workers: Option<&'a Workers<'a>>,
    cached: Option<&'a Cached<'a>>,
    queue: &'a Queue,
    predictions: &'a [Prediction],
    has_budget: bool,
    permits: &'a Permits<'a>,
    start: Instant,
}

impl Run<'_> {
    fn work(self, listener: &Sender<Message>) {
        loop {
            let asked = Instant::now();
            let Some(permit) = self.permits.wait(self.queue) else { return };
            let (position, waited) = (permit.position, asked.elapsed());
            let queued = self.start.elapsed();
            // The listener outlives the workers, so a message always arrives.
            let _ = listener.send(Message::Started(position));
            let job = &self.plan.jobs[position];
            let (cache, result) = self.make(position, job);
            if self.farm.fail_fast && result.is_err() {
                self.queue.stop();
            }
            let wall = self.start.elapsed() - queued;
            let Prediction { seconds, memory } = self.predictions[position];
            let claimed_memory = self.has_budget.then_some(memory);
            let report =
                JobReport { queued, waited, wall, predicted: Some(seconds), claimed_memory, cache, result };
            let _ = listener.send(Message::Finished(position, Box::new(report)));
        }
    }

    /// Makes an object and keeps it in the cache, if there is one.
    fn make(&self, position: usize, job: &Job) -> (Option<CacheUse>, Result<JobDone, JobError>) {
        let made = panicking::as_error(job, || {
            let made = self.compile(job);
            if self.farm.children.are_abandoned() {
                // The process is about to end; what became of the job is nothing to tell.
                park();
            }
            let cache = self.cached.map(|cached| cached.keep(position, job, &made));
            (cache, made.map(|made| made.done))
        });
        made.unwrap_or_else(|panicked| (None, Err(panicked)))
    }

    /// Runs a job here, or in a child: in the one that has its `-mllvm` options, or in any once LLVM has crashed here,
    /// where the job could wait for ever for what the crashed one holds.
    fn compile(&self, job: &Job) -> Result<Made, JobError> {
        match self.workers {
            Some(workers) if !self.turn.suits(job) || has_crashed() => workers.run(job),
            _ => backend::run(job, self.modules),
        }
    }
}

/// Waits for the end of the process, which another thread brings about.
fn park() -> ! {
    loop {
        thread::park();
    }
}
