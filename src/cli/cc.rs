//! `thinfarm cc`: one job with clang's own command line.

use std::ffi::OsString;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::progress::Progress;
use super::{print, signals};
use crate::farm::Farm;
use crate::options::{CommandError, CompileCommand};
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
        let args: Vec<String> =
            self.args.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let (command, warnings) = match CompileCommand::resolve(args, &Tool::clang_for_driver(), true) {
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
                print::error(&error);
                return ExitCode::FAILURE;
            }
        };
        print::tell(warnings);
        if let Err(error) = signals::watch() {
            print::warning(&format!("cannot watch for signals: {error}"));
        }
        run_one(command)
    }
}

fn run_one(command: CompileCommand) -> ExitCode {
    let job = Job {
        module: command.files.input.clone(),
        index: command.files.index.clone().into(),
        output: command.files.output.clone().into(),
        command: Arc::new(command),
        size: 0,
    };
    let mut progress = Progress::silent();
    let report = Plan::new(vec![job], false).map_err(|error| error.to_string()).and_then(|plan| {
        let farm = Farm::default().threads(NonZero::<usize>::MIN);
        farm.run_with(&plan, |event| progress.hear(event)).map_err(|error| error.to_string())
    });
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            print::error(&error);
            return ExitCode::FAILURE;
        }
    };
    for (_, _, job) in report.ran() {
        match &job.result {
            // clang's closing line.
            Ok(done) if done.warnings == 1 => print::tell("1 warning generated.\n"),
            Ok(done) if done.warnings > 1 => {
                print::tell(format!("{} warnings generated.\n", done.warnings));
            }
            Ok(_) => {}
            // What clang would say is said already; otherwise the reason is LLVM's or ours.
            Err(error) if error.diagnostics().is_empty() => print::error(error),
            Err(_) => {}
        }
    }
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
