//! Permits to start a job. Threads bound a run from above; under `make -j` a job also needs a token of make's
//! jobserver, and beside other thinfarm processes one of the machine's cores and room in its memory. A worker
//! asks here and nowhere else.

mod available;
mod directory;
mod jobserver;
mod machine;
mod memory;
mod notification;
mod slots;

pub use directory::ShareError;
pub use jobserver::Jobserver;
pub use machine::MachineShare;
pub use memory::default_memory_budget;
pub use slots::InUse;

use super::schedule::Queue;

/// Where the workers of one run ask for permits.
pub(super) struct Permits<'a>(Bound<'a>);

enum Bound<'a> {
    /// Only the number of threads, and room in memory.
    Threads,
    Jobserver(jobserver::Tokens<'a>),
    Machine(machine::Cores<'a>),
}

/// Permission to run the job at `position`, until it is dropped.
pub(super) struct Permit<'a> {
    pub(super) position: usize,
    queue: &'a Queue,
    _backing: Backing<'a>,
}

/// What is given back with a permit.
enum Backing<'a> {
    Free,
    Token { _token: jobserver::Token<'a> },
    Core { _lease: machine::Lease<'a> },
}

impl<'a> Permits<'a> {
    /// For one run at a time. A jobserver speaks for the whole machine, so `machine` is left alone where there is
    /// one. It is not shared either where no thread can be started that waits for the others.
    pub(super) fn of(jobserver: Option<&'a Jobserver>, machine: Option<&'a MachineShare>) -> Self {
        if let Some(jobserver) = jobserver {
            return Self(Bound::Jobserver(jobserver::Tokens::of(jobserver)));
        }
        let shared = machine.and_then(|machine| machine::Cores::of(machine).ok());
        Self(shared.map_or(Bound::Threads, Bound::Machine))
    }

    /// What a job waits for besides a thread and memory.
    pub(super) fn kind(&self) -> &'static str {
        match &self.0 {
            Bound::Threads => "none",
            Bound::Jobserver(_) => "a token of the jobserver",
            Bound::Machine(_) => "a core of the machine",
        }
    }

    /// Waits for a permit to run the next job of `queue` and takes it. `None` as soon as there is none to run,
    /// which is looked at again whenever a job has ended.
    pub(super) fn wait(&self, queue: &'a Queue) -> Option<Permit<'a>> {
        let (position, _backing) = match &self.0 {
            Bound::Threads => (queue.take()?, Backing::Free),
            Bound::Jobserver(tokens) => {
                let (position, _token) = tokens.wait(queue)?;
                (position, Backing::Token { _token })
            }
            Bound::Machine(cores) => {
                let (position, _lease) = cores.wait(queue)?;
                (position, Backing::Core { _lease })
            }
        };
        Some(Permit { position, queue, _backing })
    }
}

impl Drop for Permit<'_> {
    /// Makes room first: what is given back then wakes the workers that wait for either.
    fn drop(&mut self) {
        self.queue.ended(self.position);
    }
}
