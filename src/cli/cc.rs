//! `thinfarm cc`: one job with clang's own command line.

use std::ffi::OsString;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::progress::Progress;
use super::{cache_args, log, print, signals};
use crate::farm::{Farm, FarmError};
use crate::options::{CommandError, CompileCommand, JobFiles};
use crate::output::abandon_outputs;
use crate::plan::{Job, Plan};
use crate::toolchain::Tool;

/// Compile one module, with clang's own command line.
///
/// A drop-in for `clang ARGS…` where clang runs a ThinLTO backend: same flags, same output, same
/// exit status, diagnostics in the same words. -S, -emit-llvm, -gsplit-dwarf, -ftime-trace and
/// -fsave-optimization-record do what they do in clang; -save-temps and -fno-integrated-as, which
/// need more than one program, are refused.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
Example:
  thinfarm cc -O2 -x ir -fthinlto-index=a.o.thinlto.bc -c -o a.native.o a.o"
)]
pub(super) struct Cc {
    /// clang's arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

impl Cc {
    pub(super) fn run(&self) -> ExitCode {
        log::start_of_environment();
        let mut args = Vec::with_capacity(self.args.len());
        for argument in &self.args {
            let Some(argument) = argument.to_str() else {
                return print::failure(&format!("the argument {} is not UTF-8", argument.display()));
            };
            args.push(argument.to_owned());
        }
        let (command, warnings) = match CompileCommand::of_command_line(args, Tool::clang_for_driver()) {
            Ok(resolved) => resolved,
            Err(CommandError::Rejected(diagnostics)) => {
                print::tell(diagnostics);
                return ExitCode::FAILURE;
            }
            Err(CommandError::NothingToDo(diagnostics)) => {
                print::tell(diagnostics);
                return ExitCode::SUCCESS;
            }
            Err(error @ CommandError::Unsupported(_)) => {
                return print::failure(&error);
            }
        };
        print::tell(warnings);
        signals::watch(abandon_outputs);
        run_one(command)
    }
}

fn run_one(command: CompileCommand) -> ExitCode {
    let JobFiles { input, index, output, .. } = command.files.clone();
    let job = Job::new(input, index, output, Arc::new(command));
    let plan = match Plan::new(vec![job]) {
        Ok(plan) => plan,
        Err(error) => {
            return print::failure(&error);
        }
    };
    let mut progress = Progress::silent();
    let cache = match cache_args::of_environment() {
        Ok(cache) => cache,
        Err(reason) => return print::failure(&reason),
    };
    let farm = Farm::default().threads(NonZero::<usize>::MIN).cache(cache);
    let report = match farm.run_with(&plan, |event| {
        progress.hear(event);
        ControlFlow::Continue(())
    }) {
        Ok(report) => report,
        Err(FarmError::LlvmArgs(complaint)) => {
            print::tell(complaint);
            return ExitCode::FAILURE;
        }
        Err(error) => {
            return print::failure(&error);
        }
    };
    cache_args::finish(farm.cache_in_use());
    for (_, _, job) in report.ran() {
        match &job.result {
            Ok(done) => tell_counts(done.warnings, 0),
            Err(error) => match error.counts() {
                (_, 0) => print::error(error),
                (warnings, errors) => tell_counts(warnings, errors),
            },
        }
    }
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// clang's closing line.
fn tell_counts(warnings: u32, errors: u32) {
    let count = |number: u32, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{number} {what}s")),
    };
    let counts: Vec<String> =
        [count(warnings, "warning"), count(errors, "error")].into_iter().flatten().collect();
    if !counts.is_empty() {
        print::tell(format!("{} generated.\n", counts.join(" and ")));
    }
}
