//! The jobserver of make or ninja, which bounds all that it runs.
//!
//! Every process that make starts may run one job without a token. Further jobs at the same time hold
//! one each, from their start to their end. Tokens that are not given back are lost to make, so this process
//! must not end with any, whatever ends it.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use jobserver::{Acquired, Client, HelperThread};

use crate::farm::park;
use crate::farm::schedule::{Next, Queue};

/// The jobserver of the `make` that started this process.
#[derive(Clone)]
pub struct Jobserver(Arc<Shared>);

/// Why the jobserver that make names is not there; as a rule the line of the makefile has no `+`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct JobserverError {
    pub(crate) reason: String,
}

struct Shared {
    client: Client,
    /// Waits for tokens while any run goes on.
    helper: Mutex<Helper>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct Helper {
    /// `None` if there is no run, or none can be started.
    thread: Option<HelperThread>,
    /// Runs of this process that go on at once.
    runs: usize,
}

#[derive(Default)]
struct State {
    /// The one job that needs no token runs.
    tokenless_job: bool,
    /// Every token this process holds.
    held: Vec<Acquired>,
    /// How many of them have no job.
    spare: usize,
    /// Workers that wait for one.
    waiting: usize,
    /// Tokens asked of the helper that have not come.
    requested: usize,
    /// make is gone, so that no more tokens come.
    broken: bool,
    /// This process is about to end.
    abandoned: bool,
}

impl fmt::Debug for Jobserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jobserver").field(&self.0.client).finish()
    }
}

impl Jobserver {
    /// The jobserver that `MAKEFLAGS` names, or `None` if it names none: then make runs one job at a time, or
    /// any number, or there is no make. To be called early in a program, before it has opened pipes of its own.
    ///
    /// # Errors
    /// The jobserver named is not there.
    pub fn inherited() -> Result<Option<Self>, JobserverError> {
        let inherited = llvm_build::inherited_jobserver();
        Ok(inherited.map_err(|reason| JobserverError { reason })?.map(Self::from))
    }

    /// Gives every token back and takes no more: for a process that is about to end.
    pub(in crate::farm) fn abandon(&self) {
        {
            let mut state = self.0.state();
            state.abandoned = true;
            state.held.clear();
        }
        // One that arrives meanwhile is given back by the helper, whose end this waits for.
        let helper = self.0.helper().thread.take();
        drop(helper);
    }

    /// Has every worker that waits look again whether there is anything to wait for.
    pub(in crate::farm) fn wake(&self) {
        // Locked, so that none is about to wait that has looked before.
        let _state = self.0.state();
        self.0.changed.notify_all();
    }
}

impl From<Client> for Jobserver {
    fn from(client: Client) -> Self {
        let (helper, state, changed) = Default::default();
        Self(Arc::new(Shared { client, helper, state, changed }))
    }
}

impl State {
    /// What a job can run on now, if there is anything.
    fn acquire(&mut self) -> Option<Kind> {
        if !self.tokenless_job {
            self.tokenless_job = true;
            Some(Kind::Tokenless)
        } else if self.spare > 0 {
            self.spare -= 1;
            Some(Kind::Token)
        } else {
            None
        }
    }

    /// Gives a token back that came for a worker which needs it no more.
    fn shed(&mut self) {
        if self.spare > self.waiting {
            self.spare -= 1;
            self.held.pop();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn helper(&self) -> MutexGuard<'_, Helper> {
        self.helper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The helper has a token, or never will again.
    fn arrived(&self, token: io::Result<Acquired>) {
        let mut state = self.state();
        state.requested = state.requested.saturating_sub(1);
        match token {
            Ok(token) if state.waiting > state.spare && !state.abandoned => {
                state.held.push(token);
                state.spare += 1;
                self.changed.notify_all();
            }
            // Dropped, and so given back: nobody waits any more.
            Ok(_) => {}
            Err(_) => state.broken = true,
        }
    }
}

/// Where the workers of one run ask for tokens.
pub(super) struct Tokens<'a>(&'a Jobserver);

/// A token of the jobserver, or what make gives a process without one, for one job, until it is dropped.
pub(super) struct Token<'a>(&'a Shared, Kind);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tokenless,
    Token,
}

impl<'a> Tokens<'a> {
    /// For one run, beside which there may be others. Where the thread that waits for tokens cannot be started, none
    /// comes: one job runs at a time.
    pub(super) fn of(jobserver: &'a Jobserver) -> Self {
        let Jobserver(shared) = jobserver;
        // Workers that ask for tokens lock both in this order.
        let state = shared.state();
        let mut helper = shared.helper();
        helper.runs += 1;
        if helper.thread.is_none() && !state.abandoned {
            let waiting = shared.clone();
            let thread = shared.client.clone().into_helper_thread(move |token| waiting.arrived(token));
            helper.thread = thread.ok();
        }
        drop((state, helper));
        Self(jobserver)
    }

    /// Waits for a token for the next job of `queue`, and takes it. `None` as soon as there is none to run, which
    /// is looked at again whenever a job has ended. No token is asked for while there is no room in memory.
    pub(super) fn wait(&self, queue: &Queue) -> Option<(usize, Token<'a>)> {
        let Jobserver(shared) = self.0;
        let mut state = shared.state();
        loop {
            if state.abandoned {
                drop(state);
                park();
            }
            // Decided on, so that a job that ends does not make another one next, for which there is no room yet.
            queue.decide();
            let next = queue.peek();
            let acquired = if matches!(next, Next::Job(_)) { state.acquire() } else { None };
            state.shed();
            match (next, acquired) {
                (Next::Nothing, _) => return None,
                (Next::Later, _) => state = shared.wait(state),
                (Next::Job(_), None) => {
                    state.waiting += 1;
                    if state.requested < state.waiting && !state.broken {
                        state.requested += 1;
                        shared.helper().thread.iter().for_each(HelperThread::request_token);
                    }
                    state = shared.wait(state);
                    state.waiting -= 1;
                }
                (Next::Job(_), Some(kind)) => {
                    // The job just seen, since who takes one holds `state`, unless the queue was stopped.
                    let (position, token) = (queue.take(), Token(shared, kind));
                    // Which the token locks if it is of no use.
                    drop(state);
                    return Some((position?, token));
                }
            }
        }
    }
}

impl Drop for Tokens<'_> {
    fn drop(&mut self) {
        let Jobserver(shared) = self.0;
        let ended = {
            let mut state = shared.state();
            let mut helper = shared.helper();
            helper.runs -= 1;
            if helper.runs > 0 {
                return;
            }
            // What it was asked for and has not got will not come.
            state.requested = 0;
            helper.thread.take()
        };
        // Whose end this waits for.
        drop(ended);
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        let Self(shared, kind) = self;
        let mut state = shared.state();
        match kind {
            Kind::Tokenless => state.tokenless_job = false,
            // Dropped, and so given back; after `abandon` there is none.
            Kind::Token => drop(state.held.pop()),
        }
        shared.changed.notify_all();
    }
}
