//! What all runs of a process share, because LLVM keeps it once per process: the values of its options (`-mllvm`).
//!
//! They are given to LLVM once, before the first job, and stay; so runs may go on at once, and each asks which of its
//! jobs this process can compile. Nobody waits for the end of another run. lld alone sets them anew, when it begins:
//! no run begins between that and the moment at which lld knows its options, when nobody is told anything.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tracing::debug;

use crate::plan::{Job, Plan};

/// Why a plan cannot run in this process at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// `-mllvm` options differ from those of another run, and there is no program for child workers.
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
    /// lld sets LLVM's options anew when it begins, and jobs run that were given others.
    #[error(
        "lld cannot begin to link while jobs run in this process, because it sets LLVM's options anew; wait for \
         the end of the run, or link in another process"
    )]
    LinkDuringRun,
    /// lld is to give LLVM other options than the process has, which had them for good.
    #[error(
        "this process already runs LLVM with other -mllvm options than those of the link; link in another process"
    )]
    LinkOtherLlvmArgs,
}

/// What is known of LLVM's options.
struct Llvm {
    /// What LLVM was given; nothing before the first job.
    args: Option<Arc<[String]>>,
    /// Runs that may have jobs in this process now.
    runs: usize,
    /// lld reads its options at the moment.
    is_lent: bool,
}

static LLVM: Mutex<Llvm> = Mutex::new(Llvm { args: None, runs: 0, is_lent: false });

/// Tells that lld knows its options.
static RETURNED: Condvar = Condvar::new();

fn llvm() -> MutexGuard<'static, Llvm> {
    let known = LLVM.lock().unwrap_or_else(PoisonError::into_inner);
    // Nothing that is told to anybody lies in between, so this thread is not the one that is waited for.
    RETURNED.wait_while(known, |known| known.is_lent).unwrap_or_else(PoisonError::into_inner)
}

/// The right of a run to have jobs in this process that were meant to have the options which it has.
pub(super) struct Admission {
    args: Option<Arc<[String]>>,
}

impl Admission {
    /// Whether this process has the `-mllvm` options of `job`.
    pub(super) fn suits(&self, job: &Job) -> bool {
        self.args.as_deref() == Some(job.llvm_args())
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        LLVM.lock().unwrap_or_else(PoisonError::into_inner).runs -= 1;
    }
}

/// Admits the run of `plan`. If it is the first of the process with any job, LLVM gets the options that most jobs have.
/// `children` may take jobs with others.
pub(super) fn admit(plan: &Plan, children: bool) -> Result<Admission, FarmError> {
    let mut llvm = llvm();
    // A run without jobs decides nothing.
    if !plan.jobs.is_empty() {
        let own = llvm.args.as_deref().unwrap_or_else(|| most_common_llvm_args(plan));
        let (ours, others): (Vec<&Job>, Vec<&Job>) = plan.jobs.iter().partition(|job| job.llvm_args() == own);
        if !children && let Some(other) = others.first() {
            let module = other.module.clone();
            return Err(match ours.first() {
                Some(first) if llvm.args.is_none() => {
                    FarmError::MixedLlvmArgs { first: first.module.clone(), second: module }
                }
                _ => FarmError::OtherLlvmArgs { module },
            });
        }
        if llvm.args.is_none() {
            debug!(args = ?own, jobs = ours.len(), of = plan.jobs.len(), "LLVM gets its options");
            llvm.args = Some(give_llvm(own)?);
        }
    }
    llvm.runs += 1;
    Ok(Admission { args: llvm.args.clone() })
}

/// LLVM's options while lld reads its own. Other runs wait for the end of it, so it is to end before anybody is told
/// anything of the link.
#[derive(Debug)]
pub(crate) struct Lent {
    args: Arc<[String]>,
    is_read: bool,
}

impl Lent {
    /// lld has given LLVM its options.
    pub(crate) fn end(mut self) {
        self.is_read = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut llvm = LLVM.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_read {
            llvm.args = Some(self.args.clone());
        } else if !self.args.is_empty() {
            // lld gave up, who knows when.
            llvm_build::reset_llvm_args();
            llvm.args = None;
        }
        llvm.is_lent = false;
        RETURNED.notify_all();
    }
}

/// Lets lld set LLVM's options anew, to `args`.
///
/// # Errors
/// Jobs run here, or have run with other options.
pub(crate) fn lend_to_lld(args: &[String]) -> Result<Lent, FarmError> {
    llvm_build::initialize();
    let mut llvm = llvm();
    if llvm.runs > 0 {
        return Err(FarmError::LinkDuringRun);
    }
    if llvm.args.as_deref().is_some_and(|known| known != args) {
        return Err(FarmError::LinkOtherLlvmArgs);
    }
    llvm.is_lent = true;
    Ok(Lent { args: args.into(), is_read: false })
}

/// Gives LLVM the options of a process that runs jobs with these alone.
pub(super) fn set_llvm_args(args: &[String]) -> Result<(), FarmError> {
    let mut llvm = llvm();
    match &llvm.args {
        Some(known) if **known == *args => {}
        Some(_) => return Err(FarmError::LlvmArgs("this process has others already".to_owned())),
        None => llvm.args = Some(give_llvm(args)?),
    }
    Ok(())
}

fn give_llvm(args: &[String]) -> Result<Arc<[String]>, FarmError> {
    llvm_build::initialize();
    if !args.is_empty() {
        llvm_build::set_llvm_args(args).map_err(FarmError::LlvmArgs)?;
    }
    Ok(args.into())
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
