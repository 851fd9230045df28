//! Child workers: the same program again, for jobs whose `-mllvm` options this process cannot have, and for those that
//! come after a crash of LLVM.
//!
//! LLVM keeps such options for the whole process. A farm thread that takes a job of another set sends it to
//! that set's child and waits, so a child runs no more jobs at a time than the farm has threads left for it.
//! A child that dies takes with it the jobs it had, and nothing else.

mod child;
mod protocol;
mod serve;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use child::{Child, Unready};
pub(super) use child::{Children, Families};
use llvm_build::Stage;
use protocol::Hello;
pub use serve::serve;

use tracing::debug;

use crate::backend::{self, JobError, Made};
use crate::plan::{Job, Plan};

/// What makes two programs able to work together.
fn build() -> String {
    format!("thinfarm {} with {}", env!("CARGO_PKG_VERSION"), llvm_build::clang_version())
}

/// The child workers of one run, at most one for each set of `-mllvm` options that takes jobs. One in which LLVM has
/// crashed takes no more, and finishes those it has beside its successor.
pub(super) struct Workers<'a> {
    /// What a child runs.
    program: &'a Path,
    children: &'a Children,
    families: &'a Families,
    tells_stages: bool,
    sets: HashMap<&'a [String], Mutex<State>>,
}

enum State {
    /// No job of the set was taken yet.
    Unneeded,
    /// A child has the set, or had it when last looked at.
    Started(Arc<Child>),
    /// No child can have it, for this reason.
    Refused(String),
}

impl<'a> Workers<'a> {
    /// For the jobs of `plan`, none started yet.
    pub(super) fn new(
        plan: &'a Plan,
        program: &'a Path,
        children: &'a Children,
        families: &'a Families,
        tells_stages: bool,
    ) -> Self {
        let sets = plan.jobs.iter().map(|job| (job.llvm_args(), Mutex::new(State::Unneeded))).collect();
        Self { program, children, families, tells_stages, sets }
    }

    /// Runs `job` in the child that has its options, and tells of the stages that it comes to.
    pub(super) fn run(&self, job: &Job, reached: &mut dyn FnMut(Stage)) -> Result<Made, JobError> {
        let ran = self.child(job.llvm_args()).and_then(|child| {
            debug!(pid = child.pid(), "goes to a child worker");
            child.run(job, reached)
        });
        ran.unwrap_or_else(|reason| {
            if !self.families.are_abandoned() {
                backend::discard_outputs(job);
            }
            let module = job.module.clone();
            Err(if self.children.are_killed() {
                JobError::Cancelled { module }
            } else {
                JobError::NoWorker { module, reason }
            })
        })
    }

    /// The child that has the set `llvm_args`, started if there is none, or what became of it.
    fn child(&self, llvm_args: &[String]) -> Result<Arc<Child>, String> {
        let mut state = self.sets[llvm_args].lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Started(child) if child.is_alive() => return Ok(child.clone()),
            State::Refused(reason) => return Err(reason.clone()),
            State::Started(_) | State::Unneeded => {}
        }
        let hello = Hello { build: build(), llvm_args: llvm_args.to_vec(), tells_stages: self.tells_stages };
        match Child::start(self.program, hello, self.children) {
            Ok(child) => {
                debug!(pid = child.pid(), ?llvm_args, "a child worker is up");
                *state = State::Started(child.clone());
                Ok(child)
            }
            Err(Unready::Refused(reason)) => {
                debug!(reason, ?llvm_args, "there can be no child worker");
                *state = State::Refused(reason.clone());
                Err(reason)
            }
            Err(Unready::Failed(reason)) => Err(reason),
        }
    }
}
