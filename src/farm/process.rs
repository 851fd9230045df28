//! What the jobs of a run share because LLVM keeps it once per process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use crate::backend;
use crate::input::Modules;
use crate::plan::{Job, Plan};

/// Why a plan cannot run in this process at all.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// `-mllvm` options differ.
    #[error(
        "{first} and {second} are compiled with different -mllvm options, which LLVM keeps for the \
         whole process; run them in two calls"
    )]
    MixedLlvmArgs {
        /// A module.
        first: String,
        /// A module compiled otherwise.
        second: String,
    },
    /// `-mllvm` options differ from those of an earlier run.
    #[error("this process already runs LLVM with other -mllvm options; use another process for these")]
    OtherLlvmArgs,
    /// LLVM does not know an `-mllvm` option.
    #[error("{0}")]
    LlvmArgs(String),
    /// A worker thread could not be started.
    #[error("cannot start a worker thread: {0}; fewer may work (-j)")]
    Thread(io::Error),
}

/// The `-mllvm` options this process has, once any job has run.
static LLVM_ARGS: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// The right to run jobs: one run at a time.
pub(super) struct Turn {
    _args: MutexGuard<'static, Option<Vec<String>>>,
}

/// Waits for other runs to end and gives LLVM the options of this one.
pub(super) fn take_turn(plan: &Plan, modules: &Modules, threads: usize) -> Result<Turn, FarmError> {
    let wanted = llvm_args(plan)?;
    let mut known = LLVM_ARGS.lock().unwrap_or_else(PoisonError::into_inner);
    match known.as_ref() {
        Some(args) if args == wanted => {}
        Some(_) => return Err(FarmError::OtherLlvmArgs),
        None => {
            llvm_build::initialize();
            if !wanted.is_empty() {
                llvm_build::set_llvm_args(wanted).map_err(FarmError::LlvmArgs)?;
            }
            *known = Some(wanted.to_vec());
        }
    }
    llvm_build::set_trust_debug_info(is_trustworthy(plan, modules, threads));
    Ok(Turn { _args: known })
}

fn llvm_args(plan: &Plan) -> Result<&[String], FarmError> {
    let Some(first) = plan.jobs.first() else { return Ok(&[]) };
    let args = &first.command.codegen().llvm_args;
    match plan.jobs.iter().find(|job| job.command.codegen().llvm_args != *args) {
        Some(other) => {
            Err(FarmError::MixedLlvmArgs { first: first.module.clone(), second: other.module.clone() })
        }
        None => Ok(args),
    }
}

/// Whether every module that the jobs read was written by this very LLVM, so that its debug info
/// need not be verified. Opens the modules, which the jobs need anyway.
fn is_trustworthy(plan: &Plan, modules: &Modules, threads: usize) -> bool {
    let ours = format!("LLVM{}", llvm_build::build_version());
    // Verification leaves a trace in the bitcode that clang's action writes (a kind of metadata that
    // only the verifier asks for), though none in an object.
    if plan.jobs.iter().any(|job| !job.command.codegen().clang_action_reason.is_empty()) {
        return false;
    }
    // What cannot be opened is not compiled; its job says why.
    let is_ours = |job: &Job| {
        let mut reading = modules.reading();
        // In a whole link imports come from modules of the plan only, which are all looked at.
        let opened = if plan.whole_link {
            reading.open(&job.module).is_ok()
        } else {
            backend::open(job, &mut reading).is_ok()
        };
        opened && reading.opened().all(|module| module.facts().producer == ours)
    };
    let next = AtomicUsize::new(0);
    let foreign = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(job) = plan.jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !is_ours(job) {
                        foreign.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    !foreign.load(Ordering::Relaxed)
}
