//! Runs the jobs of a plan on worker threads: order, memory, threads, stopping. It knows nothing of flags,
//! and of LLVM only that some of its state belongs to the process.

mod cached;
mod cancel;
mod costs;
mod panicking;
mod permits;
mod process;
mod run;
mod schedule;
mod worker;

use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

/// A jobserver, as the crate of that name has it.
pub use jobserver::Client;

pub use cancel::Canceller;
pub use costs::{Costs, Prediction, predict_by_size};
pub use permits::{InUse, Jobserver, JobserverError, MachineShare, ShareError, default_memory_budget};
pub use process::FarmError;
pub(crate) use process::{Lent, lend_to_lld};
pub use run::Run;
pub use schedule::{Next, Schedule, lower_bound, makespan};
pub use worker::serve;
use worker::{Children, Families};

use crate::cache::{Cache, Lookup};
use crate::input::Modules;
use crate::output::abandon_outputs;
use crate::plan::Plan;
use crate::report::{Event, Report};

/// Stack of a worker thread, bytes. LLVM recurses deeply, and only what is touched is paid for.
#[doc(hidden)]
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
    families: Arc<Families>,
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
            families: Arc::default(),
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
    /// with it fails a job, see [`Cache::problems`]. What jobs cost is remembered there, too, unless
    /// [`Farm::costs`] says where.
    #[must_use]
    pub fn cache(self, cache: Option<Cache>) -> Self {
        Self { cache, ..self }
    }

    /// The cache of objects, if there is one.
    pub(crate) fn cache_in_use(&self) -> Option<&Cache> {
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
    pub(crate) fn memory_for_objects(&self) -> u64 {
        let available = default_memory_budget();
        self.budget().map_or(available, |budget| budget.min(available)) / 8
    }

    /// Why the machine is not shared any more, although [`Farm::machine`] was to share it; the jobs go on.
    pub(crate) fn sharing_problem(&self) -> Option<String> {
        self.machine.as_ref().and_then(MachineShare::problem)
    }

    /// How many threads may work before and after the jobs, when there is no permit to ask for: one under a
    /// jobserver, and no more than there are idle cores now in a machine that is shared.
    pub(crate) fn threads_without_permits(&self) -> NonZero<usize> {
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
        let killed = self.families.abandon();
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
    /// crash further jobs run in child workers, if there may be any, and one that does not go on is given up.
    ///
    /// Several runs may go on in one process, of one farm or of several, also one that the listener of another begins.
    /// The first decides which `-mllvm` options LLVM has in this process, for good; see [`Farm::worker_program`] for jobs
    /// with others. Each run has a memory budget of its own.
    ///
    /// # Errors
    /// The jobs cannot share this process.
    pub fn run(&self, plan: &Plan) -> Result<Report, FarmError> {
        self.run_with(plan, |_| ControlFlow::Continue(()))
    }

    /// As [`Farm::run`], telling `listen` on this thread what happens as it happens. If that breaks, the run is
    /// cancelled, see [`Run::cancel`], and what is left to tell is still told.
    ///
    /// # Errors
    /// The jobs cannot share this process.
    pub fn run_with(
        &self,
        plan: &Plan,
        listen: impl FnMut(&Event<'_>) -> ControlFlow<()>,
    ) -> Result<Report, FarmError> {
        self.prepare(plan).execute(listen)
    }

    /// A run of the jobs of `plan`, which can be cancelled and has not begun.
    pub fn prepare<'a>(&'a self, plan: &'a Plan) -> Run<'a> {
        Run::new(self, plan)
    }

    /// What the jobs may claim together, bytes.
    fn budget(&self) -> Option<u64> {
        let shared = self.machine.as_ref().filter(|_| self.jobserver.is_none());
        shared.map(MachineShare::memory_budget).or(self.memory_budget)
    }
}

impl Farm {
    /// What is in the cache of the objects of `plan`. Of one job it costs less to read the modules than what is remembered.
    fn lookup<'a>(&'a self, plan: &Plan, modules: &'a Modules) -> Option<Lookup<'a>> {
        let cache = self.cache.as_ref()?;
        Some(Lookup::new(cache, modules, self.worker_program.as_deref(), plan.jobs.len() > 1))
    }
}

/// Waits for the end of the process, which another thread brings about.
fn park() -> ! {
    loop {
        thread::park();
    }
}
