//! How a run is ended before its time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use super::permits::{Jobserver, MachineShare};
use super::schedule::Queue;
use super::worker::Children;

/// Cancels a run, from any thread and at any time, also before it begins. Clones are for the same run.
#[derive(Clone, Default)]
pub struct Canceller(Arc<State>);

#[derive(Default)]
struct State {
    is_cancelled: AtomicBool,
    /// While the run is executed.
    running: Mutex<Option<Running>>,
}

/// What of a run has to hear that it is cancelled.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) queue: Arc<Queue>,
    pub(super) children: Arc<Children>,
    pub(super) jobserver: Option<Jobserver>,
    pub(super) machine: Option<MachineShare>,
    /// To the thread that tells the events.
    pub(super) told: Sender<()>,
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

impl Canceller {
    /// Lets the run start no further job and ends its child workers. It returns at once; the run ends as soon as the
    /// jobs that it has in this process come to the end of their stage, which no one can interrupt.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::SeqCst);
        let running = self.running().clone();
        if let Some(running) = running {
            running.stop();
        }
    }

    /// Whether the run was cancelled, which may have had nothing left to do.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::SeqCst)
    }

    /// The run is executed as long as what is returned.
    pub(super) fn watch(&self, running: Running) -> Watch<'_> {
        *self.running() = Some(running.clone());
        // It may have been before there was anything to stop.
        if self.is_cancelled() {
            running.stop();
        }
        Watch(self)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn stop(&self) {
        self.queue.stop();
        self.jobserver.iter().for_each(Jobserver::wake);
        self.machine.iter().for_each(MachineShare::wake);
        self.children.kill();
        // One word is enough, and whoever has ended needs none.
        let _ = self.told.try_send(());
    }
}

/// See [`Canceller::watch`].
pub(super) struct Watch<'a>(&'a Canceller);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        *self.0.running() = None;
    }
}
