//! What the jobs of a run share because LLVM keeps it once per process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::{Job, Plan};

/// Why a plan cannot run in this process at all.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// `-mllvm` options differ, and there is no program for child workers.
    #[error(
        "{first} and {second} are compiled with different -mllvm options, which LLVM keeps for the \
         whole process; give the farm a program for child workers, or run them in two processes"
    )]
    MixedLlvmArgs {
        /// A module.
        first: String,
        /// A module compiled otherwise.
        second: String,
    },
    /// `-mllvm` options differ from those of an earlier run, and there is no program for child workers.
    #[error(
        "this process already runs LLVM with other -mllvm options than those of {module}; give the farm a \
         program for child workers, or use another process"
    )]
    OtherLlvmArgs {
        /// A module.
        module: String,
    },
    /// LLVM does not know an `-mllvm` option.
    #[error("{0}")]
    LlvmArgs(String),
}

/// The `-mllvm` options this process has, once any job has run.
static LLVM_ARGS: Mutex<Option<Vec<String>>> = Mutex::new(None);

type LlvmArgs = MutexGuard<'static, Option<Vec<String>>>;

fn known_llvm_args() -> LlvmArgs {
    LLVM_ARGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to run jobs: one run at a time.
pub(super) struct Turn {
    known: LlvmArgs,
}

impl Turn {
    /// Whether this process has the `-mllvm` options of `job`.
    pub(super) fn suits(&self, job: &Job) -> bool {
        self.known.as_deref() == Some(job.llvm_args())
    }
}

/// Waits for other runs to end and gives LLVM options of this one: those that most jobs have, unless this
/// process has some already. `children` may take jobs with others.
pub(super) fn take_turn(plan: &Plan, children: bool) -> Result<Turn, FarmError> {
    let mut known = known_llvm_args();
    let own = known.as_deref().unwrap_or_else(|| most_common_llvm_args(plan));
    let (ours, others): (Vec<&Job>, Vec<&Job>) = plan.jobs.iter().partition(|job| job.llvm_args() == own);
    if !children && let Some(other) = others.first() {
        let module = other.module.clone();
        return Err(match ours.first() {
            Some(first) if known.is_none() => {
                FarmError::MixedLlvmArgs { first: first.module.clone(), second: module }
            }
            _ => FarmError::OtherLlvmArgs { module },
        });
    }
    if known.is_none() {
        *known = Some(give_llvm(own)?);
    }
    Ok(Turn { known })
}

/// Says which `-mllvm` options this process has already, because somebody else gave them to LLVM: lld, when it
/// runs in it. To be called before any job runs.
pub fn adopt_llvm_args(args: Vec<String>) {
    llvm_build::initialize();
    known_llvm_args().get_or_insert(args);
}

/// Gives LLVM the options of a process that has run no job and will run no others.
pub(super) fn set_llvm_args(args: &[String]) -> Result<(), FarmError> {
    *known_llvm_args() = Some(give_llvm(args)?);
    Ok(())
}

fn give_llvm(args: &[String]) -> Result<Vec<String>, FarmError> {
    llvm_build::initialize();
    if !args.is_empty() {
        llvm_build::set_llvm_args(args).map_err(FarmError::LlvmArgs)?;
    }
    Ok(args.to_vec())
}

/// The `-mllvm` options of most jobs; of equally common ones those of the first job.
fn most_common_llvm_args(plan: &Plan) -> &[String] {
    let mut counts: HashMap<&[String], usize> = HashMap::new();
    for job in &plan.jobs {
        *counts.entry(job.llvm_args()).or_default() += 1;
    }
    // Of several maxima the last one is taken.
    plan.jobs.iter().rev().map(Job::llvm_args).max_by_key(|args| counts[args]).unwrap_or_default()
}
