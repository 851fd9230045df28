//! `ld.thinfarm`: a linker with lld's command line, for any build.

use std::env;
use std::ffi::OsStr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::FalseyValueParser;
use clap::{CommandFactory, Parser};

use super::jobs::{self, JobArgs, ShareArgs, Sharing, size};
use super::option_args::{Policy, SourceArgs, warn_of_missing};
use super::progress::Progress;
use super::{print, signals, telling};
use crate::link::{self, Arguments, Backends, Settings, Told, exit_as_lld};
use crate::options::{SourceName, Sources};
use crate::verify;

/// What this program is called when it is a linker.
const NAME: &str = "ld.thinfarm";

/// A drop-in for ld.lld that runs the ThinLTO backends of a link in a farm, each file with its own codegen options.
///
/// All options but these are lld's. An option takes its value after `=`. Each has a variable of the
/// environment, for builds whose command lines are out of reach; options win over variables, and both over
/// thinfarm.toml. A variable of an option without a value is on unless it is empty, 0, false, no or off.
#[derive(Debug, Parser)]
#[command(name = NAME, no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
#[command(override_usage = "ld.thinfarm [OPTIONS OF LLD] [--thinfarm-OPTION[=VALUE]] FILE…")]
#[command(after_help = "\
Examples:
  clang -flto=thin -fuse-ld=thinfarm …            ld.thinfarm is found on PATH
  clang -flto=thin --ld-path=/opt/bin/ld.thinfarm …
  make LLVM=-22 LD=ld.thinfarm                    the Linux kernel
  THINFARM_PROFILE=cost.json ninja prog           what each object cost")]
struct Linker {
    /// Where each file's own options are: recorded, kbuild, compile-commands[=PATH], ninja[=DIR] or rust.
    /// Repeatable, in the variable separated by commas; the first that knows a module is taken [default: recorded, kbuild].
    /// A module that none knows is compiled as lld would.
    #[arg(long = "thinfarm-options", value_name = "SOURCE", env = "THINFARM_OPTIONS", value_delimiter = ',')]
    sources: Vec<SourceName>,
    /// What to do about a module that no source knows [default: ignore; with sources that were asked for, error
    /// if kbuild is among them, else warn].
    #[arg(long = "thinfarm-missing-options", value_name = "POLICY", env = "THINFARM_MISSING_OPTIONS")]
    missing_options: Option<Policy>,
    /// Rules and default sources [default: thinfarm.toml, looked for from the working directory upwards].
    #[arg(long = "thinfarm-config", value_name = "FILE", env = "THINFARM_CONFIG")]
    config: Option<PathBuf>,
    /// Jobs to run at once [default: as --thinlto-jobs or --threads say, else the cores this process may use].
    #[arg(long = "thinfarm-jobs", value_name = "N", env = "THINFARM_JOBS")]
    jobs: Option<NonZero<usize>>,
    /// Whether to share cores and memory with other thinfarm processes where no jobserver does: auto, with those
    /// of this user; off; or an absolute DIRECTORY, with those that are given the same one [default: auto].
    #[arg(
        long = "thinfarm-machine-share",
        value_name = "auto|off|DIRECTORY",
        env = "THINFARM_MACHINE_SHARE"
    )]
    machine_share: Option<Sharing>,
    /// Memory that the jobs of all processes that share the machine may claim when one of this process starts,
    /// for example 12G [default: 80 % of what is available].
    #[arg(long = "thinfarm-memory-limit", value_name = "SIZE", value_parser = size, env = "THINFARM_MEMORY_LIMIT")]
    memory_limit: Option<u64>,
    /// Start no further job once one has failed.
    #[arg(long = "thinfarm-fail-fast", env = "THINFARM_FAIL_FAST", value_parser = FalseyValueParser::new())]
    fail_fast: bool,
    /// Write what each job cost to FILE, as JSON.
    #[arg(long = "thinfarm-profile", value_name = "FILE", env = "THINFARM_PROFILE")]
    profile: Option<PathBuf>,
    /// Compile everything with CLANG too (a name or a path) and compare the objects; a difference fails the link.
    #[arg(long = "thinfarm-verify-with", value_name = "CLANG", env = "THINFARM_VERIFY_WITH")]
    verify_with: Option<PathBuf>,
    /// Tell of every object, of the slowest, and of the whole.
    #[arg(long = "thinfarm-verbose", env = "THINFARM_VERBOSE", value_parser = FalseyValueParser::new())]
    verbose: bool,
    /// Leave the backends to lld: for comparison.
    #[arg(long = "thinfarm-off", env = "THINFARM_OFF", value_parser = FalseyValueParser::new())]
    off: bool,
    /// Show these options.
    #[arg(long = "thinfarm-help")]
    help: bool,
}

/// The definition of our own options.
pub(super) fn command() -> clap::Command {
    Linker::command()
}

/// Runs the linker if this program is called as one.
pub(super) fn run_if_called() -> Option<ExitCode> {
    let mut args = env::args_os();
    let program = args.next()?;
    (Path::new(&program).file_name() == Some(OsStr::new(NAME))).then(|| {
        let args = Arguments::sort(args);
        // As clap does: --help is an answer, anything else an error with status 2.
        let linker = Linker::try_parse_from(&args.own).unwrap_or_else(|error| error.exit());
        if linker.help {
            return print::answer(&command().render_help().ansi().to_string());
        }
        match linker.link(&args) {
            Ok(linked) => exit_as_lld(i32::from(!linked)),
            Err(reason) => {
                print::error(&reason);
                ExitCode::FAILURE
            }
        }
    })
}

impl Linker {
    fn link(&self, args: &Arguments) -> Result<bool, String> {
        let farm = jobs::farm_of_linker(&self.job_args(), self.verbose).fail_fast(self.fail_fast);
        let settings = Settings {
            farm: farm.clone(),
            sources: self.sources()?,
            llvm_args: args.llvm.clone(),
            is_off: self.off,
            threads: self.jobs,
        };
        let mut progress = None;
        let mut backends = Backends::new(settings, |told| self.hear(told, &mut progress));
        let directory = backends.directory();
        let watched = farm.clone();
        signals::watch(move || {
            watched.abandon();
            directory.remove();
        })
        .map_err(|error| format!("cannot watch for signals: {error}"))?;
        let linked = link::run(NAME, args, &mut backends);
        if self.verbose {
            jobs::tell_of_sharing(&farm);
        }
        if args.asks_who() {
            // After lld's line: build systems look at the first. libtool looks at all, and takes a version that
            // begins with " 0." or " 1." for that of a GNU ld which is too old for version scripts.
            let version = env!("CARGO_PKG_VERSION");
            let line = "runs its ThinLTO backends; --thinfarm-help shows its options";
            print::answer(&format!("thinfarm v{version} {line}\n"));
        }
        Ok(linked)
    }

    /// Without a number of jobs, which depends on what lld is told.
    fn job_args(&self) -> JobArgs {
        let share = ShareArgs { machine_share: self.machine_share.clone(), memory_limit: self.memory_limit };
        JobArgs { jobs: None, share }
    }

    fn sources(&self) -> Result<Sources, String> {
        let (sources, config) = (self.sources.clone(), self.config.clone());
        let args = SourceArgs { sources, missing_options: self.missing_options, config };
        args.ask(Sources::defaults([], "the link"), &SourceName::OWN)
    }

    fn hear(&self, told: &Told<'_>, progress: &mut Option<Progress>) -> Result<(), String> {
        match told {
            Told::LeftToLlvm(reason) => {
                print::warning(&format_args!(
                    "lld's own backends compile this link, every file with the link's options, because of {reason}"
                ));
            }
            Told::NotCached(directory) => {
                print::warning(&format_args!(
                    "--thinlto-cache-dir={directory}: nothing is kept there or taken from there; every module is compiled"
                ));
            }
            Told::Planned(plan, sources) => {
                warn_of_missing(sources, "--thinfarm-missing-options");
                *progress = Some(Progress::quiet(plan.jobs.len(), self.verbose));
            }
            Told::Event(event) => progress.iter_mut().for_each(|progress| progress.hear(event)),
            Told::Done(plan, report) => {
                progress.take().iter().for_each(Progress::finish);
                if self.verbose {
                    telling::slowest(report);
                    telling::summary(plan, report, 0);
                }
                if let Some(path) = &self.profile {
                    telling::profile(path, report)?;
                }
                if let Some(clang) = &self.verify_with {
                    let clang = verify::Clang::find(clang).map_err(|error| error.to_string())?;
                    let made = report.ran().filter(|(_, _, job)| job.result.is_ok());
                    let jobs = made.map(|(position, _, _)| &plan.jobs[position]);
                    let threads = NonZero::new(report.threads).unwrap_or(NonZero::<usize>::MIN);
                    let verdict = clang.compare(jobs, threads);
                    if !telling::verdict(&verdict.map_err(|error| format!("cannot verify: {error}"))?) {
                        return Err("objects differ from clang's".to_owned());
                    }
                }
            }
        }
        Ok(())
    }
}
