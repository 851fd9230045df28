//! A machine that several thinfarm processes share: a job waits until a core is free for it, and memory.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use std::{io, thread};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

use super::directory::{self, ShareError};
use super::notification::Notification;
use super::slots::{InUse, Slots, Ticket};
use super::{available, memory};
use crate::farm::schedule::{Next, Queue};
use crate::farm::{available_cores, park};
use crate::trust::Trust;

/// A share has a file open for each core. Where so many others are too many for the process, it does without.
const FILES_BESIDE: u64 = 64;

/// This process's share of the machine's cores and memory, beside the other thinfarm processes that meet in the
/// same directory.
///
/// All together run as many jobs at a time as there are cores, and each starts a job only while the sum of
/// what all jobs claim stays within its memory budget; a job that claims more than that runs alone. Those that
/// wait form a queue, for one job each, or a few if they are short. What a process held is free as soon as it ends,
/// whatever ended it.
#[derive(Clone, Debug)]
pub struct MachineShare(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    /// Bytes.
    budget: u64,
    state: Mutex<State>,
    /// For the threads of this process that wait for each other.
    changed: Condvar,
    /// For the workers of this process that are to ask for a permit next.
    next_asker: Condvar,
    /// For the process at the head of the queue.
    notification: Notification,
    /// See [`SLICE`].
    slice: Duration,
}

#[derive(Debug)]
struct State {
    slots: Slots,
    /// A worker of this process asks for a permit.
    is_asking: bool,
    /// What the job claims that a worker asks a permit for, bytes.
    asked: Option<u64>,
    granted: Option<Grant>,
    /// Cores that this process holds for its next jobs.
    kept: Vec<Core>,
    /// Runs of this process that go on at once.
    runs: usize,
    /// Counts times without any. The helper that was there before such a time ends.
    pauses: u64,
    /// Why the machine is not shared any more.
    problem: Option<String>,
    /// This process is about to end.
    abandoned: bool,
}

/// What a job may start on.
#[derive(Clone, Copy, Debug)]
enum Grant {
    Core(Core),
    /// The directory has become unusable, which is no reason to stop a build.
    Unshared,
}

/// A core that this process holds.
#[derive(Clone, Copy, Debug)]
struct Core {
    slot: usize,
    /// What it claims with it, bytes.
    claim: u64,
    since: Instant,
}

/// How long a process may use a core for one job after the other before it waits in the queue again. Jobs can be shorter
/// than the queue takes.
const SLICE: Duration = Duration::from_millis(10);

/// How long the process at the head of the queue waits at most before it looks again: one that was killed gives back
/// what it held without a notification.
const LOOK_ANYWAY: Duration = Duration::from_millis(50);

impl MachineShare {
    /// With all other processes of this user, who meet in `thinfarm` below `runtime` if that is a directory of this
    /// user's (`$XDG_RUNTIME_DIR`), or else in `thinfarm-UID` below `temporary`. The memory budget is `memory` bytes; if none is given, four fifths
    /// of what this process may use and nobody else does at the moment.
    ///
    /// # Errors
    /// There can be no such directory, or others may write to it.
    pub fn of_user(
        runtime: Option<PathBuf>,
        temporary: &Path,
        memory: Option<u64>,
    ) -> Result<Self, ShareError> {
        Self::open(directory::of_user(runtime, temporary)?, available_cores(), memory, SLICE)
    }

    /// As [`MachineShare::of_user`], with those processes that were given the same `directory` and may write to the
    /// files in it, in several containers for example. It is created if it is not there, and must be of somebody whom
    /// `trust` has.
    ///
    /// # Errors
    /// It cannot be had, or written to.
    pub fn at(directory: &Path, memory: Option<u64>, trust: &Trust) -> Result<Self, ShareError> {
        Self::open(directory::named(directory, trust)?, available_cores(), memory, SLICE)
    }

    fn open(
        directory: PathBuf,
        cores: NonZero<usize>,
        memory: Option<u64>,
        slice: Duration,
    ) -> Result<Self, ShareError> {
        let unusable = |error| ShareError::Unusable { path: directory.clone(), error };
        if getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(soft, _)| soft < cores.get() as u64 + FILES_BESIDE)
        {
            return Err(unusable(Errno::EMFILE.into()));
        }
        let mut slots = Slots::open(&directory, cores.get()).map_err(unusable)?;
        let budget = match memory {
            Some(bytes) => bytes,
            None => memory::default_budget(slots.in_use().map_err(unusable)?.memory, &available::now()),
        };
        let notification = Notification::open(&directory).map_err(unusable)?;
        let state = State {
            slots,
            is_asking: false,
            asked: None,
            granted: None,
            kept: Vec::new(),
            runs: 0,
            pauses: 0,
            problem: None,
            abandoned: false,
        };
        Ok(Self(Arc::new(Shared {
            directory,
            budget,
            state: Mutex::new(state),
            changed: Condvar::new(),
            next_asker: Condvar::new(),
            notification,
            slice,
        })))
    }

    /// Where the processes meet.
    #[doc(hidden)]
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// The most memory that jobs of all processes may claim when one of this process starts, bytes.
    pub fn memory_budget(&self) -> u64 {
        self.0.budget
    }

    /// How much of the machine is taken now.
    ///
    /// # Errors
    /// The directory cannot be read.
    #[doc(hidden)]
    pub fn in_use(&self) -> io::Result<InUse> {
        self.0.state().slots.in_use()
    }

    /// Why the machine is not shared any more, if it is not: then only threads bound a run.
    pub(crate) fn problem(&self) -> Option<String> {
        self.0.state().problem.clone()
    }

    /// How many cores nobody uses now, at least one.
    pub(in crate::farm) fn idle_cores(&self) -> NonZero<usize> {
        NonZero::new(self.0.state().slots.free()).unwrap_or(NonZero::<usize>::MIN)
    }

    /// Gives no permit any more: for a process that is about to end. What it holds is free when it has ended.
    pub(in crate::farm) fn abandon(&self) {
        // Whoever has the lock may be at a file of the share, on a disk that does not answer. Then jobs still get
        // permits, but no output any more.
        let mut state = match self.0.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        state.abandoned = true;
        state.pauses += 1;
        self.0.notify();
    }

    /// Has every worker that waits look again whether there is anything to wait for.
    pub(in crate::farm) fn wake(&self) {
        // Locked, so that none is about to wait that has looked before.
        let _state = self.0.state();
        self.0.notify();
        self.0.next_asker.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all that may have waited for what has just happened.
    fn notify(&self) {
        self.changed.notify_all();
        self.notification.notify();
    }

    /// Waits until no other worker of this process asks for a permit, or no worker needs any.
    fn begin_to_ask(&self, is_over: impl Fn() -> bool) -> Option<Asking<'_>> {
        let mut state = self.state();
        while state.is_asking && !is_over() {
            state = self.next_asker.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_asking {
            // It was woken in the place of another one.
            self.next_asker.notify_one();
            return None;
        }
        state.is_asking = true;
        Some(Asking(self))
    }

    /// A worker's side: waits for a permit to run a job that claims `claim` bytes.
    fn ask(&self, claim: u64, is_over: impl Fn() -> bool) -> Option<Grant> {
        let mut state = self.state();
        loop {
            if state.abandoned {
                drop(state);
                park();
            } else if let Some(granted) = state.granted.take() {
                return Some(granted);
            } else if is_over() {
                state.asked = None;
                self.notify();
                return None;
            }
            // A large claim waits in the queue; what is held for small ones may be what it waits for.
            while let Some(core) = state.kept.pop() {
                if claim <= core.claim {
                    if state.asked.take().is_some() {
                        // The helper waits in the queue for nobody.
                        self.notification.notify();
                    }
                    return Some(Grant::Core(core));
                }
                self.give_back(&mut state, core);
            }
            if state.asked.is_none() {
                state.asked = Some(claim);
                self.changed.notify_all();
            }
            state = self.wait(state);
        }
    }

    /// A job of this process has ended that had `core`: the next one may have it for a while.
    fn ended(&self, core: Core) {
        let mut state = self.state();
        if core.since.elapsed() < self.slice {
            state.kept.push(core);
            self.changed.notify_all();
        } else {
            self.give_back(&mut state, core);
        }
    }

    /// Nobody here needs the cores any more that were kept.
    fn keep_none(&self) {
        let mut state = self.state();
        while let Some(core) = state.kept.pop() {
            self.give_back(&mut state, core);
        }
    }

    /// Lets others have `core`, also a worker that waits for a permit and now finds that the run is over.
    fn give_back(&self, state: &mut State, core: Core) {
        state.slots.give_back(core.slot);
        self.notify();
    }

    /// The helper's side: gets a core for the worker that asks, until there is no run. It may come to wait in the queue
    /// behind other processes, which nothing interrupts, so it is a thread of its own that nobody waits for.
    fn help(&self, pauses: u64) {
        loop {
            let mut state = self.state();
            while state.pauses == pauses && state.asked.is_none() {
                state = self.wait(state);
            }
            if state.pauses != pauses {
                return;
            }
            let is_shared = state.problem.is_none();
            drop(state);
            if is_shared && let Err(error) = self.queue_for_core(pauses) {
                let problem = format!("cannot use {}: {error}", self.directory.display());
                self.state().problem = Some(problem);
            }
            let mut state = self.state();
            if state.problem.is_some() && state.pauses == pauses && state.asked.is_some() {
                self.grant(&mut state, Grant::Unshared);
            }
        }
    }

    /// Waits in the queue, then for a core and memory, for as long as a worker asks for them.
    fn queue_for_core(&self, pauses: u64) -> io::Result<()> {
        let _ticket = Ticket::wait(&self.directory)?;
        loop {
            self.notification.clear()?;
            let mut state = self.state();
            let Some(claim) = state.asked.filter(|_| state.pauses == pauses) else { return Ok(()) };
            if let Some(slot) = state.slots.take(claim, self.budget)? {
                self.grant(&mut state, Grant::Core(Core { slot, claim, since: Instant::now() }));
                return Ok(());
            }
            drop(state);
            self.notification.wait(LOOK_ANYWAY)?;
        }
    }

    fn grant(&self, state: &mut State, grant: Grant) {
        state.asked = None;
        state.granted = Some(grant);
        self.changed.notify_all();
    }
}

/// Where the workers of one run ask for cores.
pub(super) struct Cores<'a> {
    shared: &'a Shared,
}

/// The one worker of this process that asks for a permit.
struct Asking<'a>(&'a Shared);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.state().is_asking = false;
        self.0.next_asker.notify_one();
    }
}

/// A core of the machine for one job, until it is dropped.
pub(super) struct Lease<'a> {
    shared: &'a Shared,
    grant: Grant,
}

impl<'a> Cores<'a> {
    /// For one run, beside which there may be others.
    ///
    /// # Errors
    /// The thread that waits for other processes could not be started.
    pub(super) fn of(share: &'a MachineShare) -> io::Result<Self> {
        let MachineShare(shared) = share;
        let mut state = shared.state();
        if state.runs == 0 {
            let (helped, pauses) = (shared.clone(), state.pauses);
            let helper = thread::Builder::new().name("permits".to_owned()).spawn(move || helped.help(pauses));
            if let Err(error) = helper {
                state.problem = Some(format!("no thread can be started that waits for them ({error})"));
                return Err(error);
            }
        }
        state.runs += 1;
        Ok(Self { shared })
    }

    /// Waits for a core for the next job of `queue`, and takes it. `None` as soon as there is none to run,
    /// which is looked at again whenever a job has ended.
    pub(super) fn wait(&self, queue: &Queue) -> Option<(usize, Lease<'a>)> {
        // One worker at a time, and the job is decided on before a core is asked for: jobs end in the meantime, after
        // which another one, with another claim, could be next.
        let is_over = || queue.peek() == Next::Nothing;
        let granted = self.shared.begin_to_ask(is_over).and_then(|_asking| {
            let grant = self.shared.ask(queue.decide()?, is_over)?;
            let lease = Lease { shared: self.shared, grant };
            Some((queue.take()?, lease))
        });
        if granted.is_none() {
            self.shared.keep_none();
        }
        granted
    }
}

impl Drop for Cores<'_> {
    fn drop(&mut self) {
        self.shared.keep_none();
        let mut state = self.shared.state();
        state.runs -= 1;
        if state.runs == 0 {
            state.pauses += 1;
        }
        drop(state);
        self.shared.notify();
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        match self.grant {
            Grant::Core(core) => self.shared.ended(core),
            Grant::Unshared => self.shared.notify(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::farm::{Prediction, Schedule};

    /// A share of one core, and the same as another process sees it.
    fn share(slice: Duration) -> (TempDir, MachineShare, MachineShare) {
        let directory = tempfile::tempdir().unwrap();
        let one = NonZero::<usize>::MIN;
        let open = || MachineShare::open(directory.path().to_owned(), one, Some(100), slice).unwrap();
        let (ours, other) = (open(), open());
        (directory, ours, other)
    }

    /// Jobs that claim so many bytes.
    fn queue(claims: &[u64]) -> Queue {
        let job = |&memory: &u64| Prediction { seconds: 1.0, memory };
        Queue::new(Schedule::new(&claims.iter().map(job).collect::<Vec<_>>(), u64::MAX, 1))
    }

    #[test]
    fn a_short_job_leaves_its_core_to_the_next_and_the_last_to_others() {
        let (_directory, ours, other) = share(Duration::MAX);
        let cores = Cores::of(&ours).unwrap();
        let jobs = queue(&[5, 5, 5]);
        for _ in 0..3 {
            let (position, lease) = cores.wait(&jobs).unwrap();
            drop(lease);
            jobs.ended(position);
            assert_eq!(other.in_use().unwrap().cores, 1, "given back although it is needed");
        }
        assert!(cores.wait(&jobs).is_none());
        assert_eq!(other.in_use().unwrap().cores, 0, "kept for nothing");
    }

    #[test]
    fn a_long_job_gives_its_core_back() {
        let (_directory, ours, other) = share(Duration::ZERO);
        let cores = Cores::of(&ours).unwrap();
        drop(cores.wait(&queue(&[5, 5])).unwrap());
        assert_eq!(other.in_use().unwrap().cores, 0);
    }

    #[test]
    fn a_job_claims_what_it_needs_whatever_ended_while_it_waited() {
        let (_directory, ours, other) = share(Duration::ZERO);
        let cores = Cores::of(&ours).unwrap();
        // The second large job is next, but only when the first has ended.
        let large = [(4.0, 90), (4.0, 80)];
        let jobs: Vec<Prediction> = [&large[..], &[(1.0, 10); 30]]
            .concat()
            .into_iter()
            .map(|(seconds, memory)| Prediction { seconds, memory })
            .collect();
        let queue = Queue::new(Schedule::new(&jobs, u64::MAX, 2));
        let (first, lease) = cores.wait(&queue).unwrap();
        assert_eq!(first, 0);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| cores.wait(&queue).unwrap());
            while ours.0.state().asked.is_none() {
                thread::yield_now();
            }
            queue.ended(first);
            drop(lease);
            let (position, _lease) = waiting.join().unwrap();
            assert_eq!(other.in_use().unwrap().memory, jobs[position].memory, "claimed for job {position}");
        });
    }

    #[test]
    fn a_kept_core_is_not_for_a_larger_claim() {
        let (_directory, ours, other) = share(Duration::MAX);
        let cores = Cores::of(&ours).unwrap();
        drop(cores.wait(&queue(&[5, 5])).unwrap());
        let large = cores.wait(&queue(&[9])).unwrap();
        assert_eq!(other.in_use().unwrap(), InUse { cores: 1, of: 1, memory: 9 });
        drop(large);
        drop(cores);
        assert_eq!(other.in_use().unwrap().cores, 0, "kept after the run");
    }
}
