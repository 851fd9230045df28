//! Leave to start a job. Threads bound a run from above; under `make -j` a job also needs a token of make's
//! jobserver, and beside other thinfarm processes one of the machine's cores and room in its memory. A worker
//! asks here and nowhere else.

mod available;
mod bell;
mod directory;
mod jobserver;
mod machine;
mod memory;
mod slots;

use std::io;

pub use directory::ShareError;
pub use jobserver::Jobserver;
pub use machine::MachineShare;
pub use slots::InUse;

use super::queue::Queue;
use crate::plan::Plan;

/// Where the workers of one run ask for leave.
pub(super) struct Permits<'a>(Bound<'a>);

enum Bound<'a> {
    /// Only the number of threads.
    Threads,
    Jobserver(jobserver::Permits<'a>),
    Machine(machine::Permits<'a>),
}

/// Leave to run the job at `position`, until it is dropped.
pub(super) struct Permit<'a> {
    pub(super) position: usize,
    /// What the job is expected to need at most, bytes, where that was asked for.
    pub(super) claimed_memory: Option<u64>,
    _token: Option<jobserver::Permit<'a>>,
    _slot: Option<machine::Permit<'a>>,
}

impl<'a> Permits<'a> {
    /// For one run at a time, of `plan`. A jobserver speaks for the whole machine, so `machine` is left alone
    /// where there is one.
    ///
    /// # Errors
    /// The thread that waits for leave could not be started.
    pub(super) fn of(
        jobserver: Option<&'a Jobserver>,
        machine: Option<&'a MachineShare>,
        plan: &'a Plan,
    ) -> io::Result<Self> {
        Ok(Self(match (jobserver, machine) {
            (Some(jobserver), _) => Bound::Jobserver(jobserver::Permits::of(jobserver)?),
            (None, Some(machine)) => Bound::Machine(machine::Permits::of(machine, plan)?),
            (None, None) => Bound::Threads,
        }))
    }

    /// Waits for leave to run the next job of `queue` and takes it. `None` as soon as there is none to run,
    /// which is looked at again whenever a job has ended.
    pub(super) fn wait(&self, queue: &Queue) -> Option<Permit<'a>> {
        match &self.0 {
            Bound::Threads => {
                let position = queue.take()?;
                Some(Permit { position, claimed_memory: None, _token: None, _slot: None })
            }
            Bound::Jobserver(permits) => {
                let token = permits.wait(|| queue.is_empty())?;
                let position = queue.take()?;
                Some(Permit { position, claimed_memory: None, _token: Some(token), _slot: None })
            }
            Bound::Machine(permits) => {
                let (position, slot) = permits.wait(queue)?;
                Some(Permit { position, claimed_memory: Some(slot.claim()), _token: None, _slot: Some(slot) })
            }
        }
    }
}
