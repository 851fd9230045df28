//! `ld.thinfarm`: a linker with lld's command line, for any build.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};

use super::option_args::{SourceArgs, warn_of_missing};
use super::progress::Progress;
use super::run_args::{RunArgs, verify};
use super::{cache_args, print, signals, telling};
use crate::farm::Farm;
use crate::link::{self, Arguments, Backends, Settings, Told, exit_as_lld};
use crate::options::{SourceName, Sources};
use crate::plan::Plan;
use crate::report::Report;
use crate::verify::Clang;

/// What this program is called when it is a linker.
const NAME: &str = "ld.thinfarm";

/// A drop-in for ld.lld that runs the ThinLTO backends of a link in a farm, each file with its own codegen options.
///
/// All options but these are lld's. An option takes its value after `=`. Each has a variable of the
/// environment, for builds whose command lines are out of reach; options win over variables, and both over
/// thinfarm.toml. A variable of an option without a value is on unless it is empty, 0, false, no or off.
#[derive(Debug, Parser)]
#[command(name = NAME, max_term_width = 100, no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
#[command(override_usage = "ld.thinfarm [OPTIONS OF LLD] [--thinfarm-OPTION[=VALUE]] FILE…")]
#[command(after_help = "\
Examples:
  clang -flto=thin -fuse-ld=thinfarm …            ld.thinfarm is found on PATH
  clang -flto=thin --ld-path=/opt/bin/ld.thinfarm …
  make LLVM=-22 LD=ld.thinfarm                    the Linux kernel
  THINFARM_PROFILE=cost.json ninja prog           what each object cost

Without --thinfarm-options, here or in thinfarm.toml, the sources are recorded and kbuild. A module that
no source knows is compiled as lld would.")]
struct Linker {
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Leave the backends to lld: for comparison.
    #[arg(long)]
    off: bool,
    /// Show these options.
    #[arg(long)]
    help: bool,
}

/// The definition of our own options: those of the other front doors, named so that lld's are left alone, each
/// with a variable.
pub(super) fn command() -> clap::Command {
    Linker::command().mut_args(|arg| {
        let name = arg.get_long().expect("a linker's own options are long").to_owned();
        let arg = arg.short(None).long(format!("thinfarm-{name}")).hide_env_values(true);
        let variable = || format!("THINFARM_{}", name.to_uppercase().replace('-', "_"));
        match name.as_str() {
            "help" => arg,
            "options" => arg.env(variable()).value_delimiter(','),
            "jobs" => arg.env(variable()).help(JOBS),
            _ if matches!(arg.get_action(), ArgAction::SetTrue) => {
                arg.env(variable()).value_parser(FalseyValueParser::new())
            }
            _ => arg.env(variable()),
        }
    })
}

const JOBS: &str = "Jobs to run at once [default: as --thinlto-jobs or --threads say, else the cores this process \
     may use]";

/// Runs the linker if this program is called as one.
pub(super) fn run_if_called() -> Option<ExitCode> {
    let mut args = env::args_os();
    let program = args.next()?;
    (Path::new(&program).file_name() == Some(OsStr::new(NAME))).then(|| {
        let args = Arguments::sort(args);
        // As clap does: --help is an answer, anything else an error with status 2.
        let linker = command()
            .try_get_matches_from(&args.own)
            .and_then(|matches| Linker::from_arg_matches(&matches))
            .unwrap_or_else(|error| error.exit());
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
        let farm = self.run.farm_of_linker().cache(self.run.cache.open(&self.sources)?);
        let settings = Settings {
            farm: farm.clone(),
            sources: self.sources.ask(Sources::given(Vec::new()), &SourceName::OWN)?,
            is_off: self.off,
            may_cache: !self.run.cache.no_cache,
            threads: self.run.threads(),
        };
        let mut hearing = Hearing { run: &self.run, clang: self.run.clang()?, progress: None };
        let mut backends = Backends::new(settings, args, |told| hearing.hear(told));
        let directory = backends.directory();
        let watched = farm.clone();
        signals::watch(move || {
            watched.abandon();
            directory.remove();
        })
        .map_err(|error| format!("cannot watch for signals: {error}"))?;
        let linked = link::run(NAME, args, &mut backends);
        if args.asks_who() {
            // After lld's line: build systems look at the first. libtool looks at all, and takes a version that
            // begins with " 0." or " 1." for that of a GNU ld which is too old for version scripts.
            let version = env!("CARGO_PKG_VERSION");
            let line = "runs its ThinLTO backends; --thinfarm-help shows its options";
            print::answer(&format!("thinfarm v{version} {line}\n"));
        }
        Ok(linked)
    }
}

/// Tells a person what the backends of a link do.
struct Hearing<'a> {
    run: &'a RunArgs,
    clang: Option<Clang>,
    progress: Option<Progress>,
}

impl Hearing<'_> {
    fn hear(&mut self, told: &Told<'_>) -> Result<(), String> {
        match told {
            Told::LeftToLlvm { reason, loses_options: true } => {
                print::warning(&format_args!(
                    "lld's own backends compile this link, every file with the link's options, because of {reason}"
                ));
            }
            // The link is lld's in every way, and only who asked for more than a link is to know.
            Told::LeftToLlvm { reason, .. } => {
                let message = format!("lld's own backends compile this link, because of {reason}");
                if self.run.asks_for_reports() {
                    print::warning(&format_args!("{message}: nothing is measured or compared"));
                } else if self.run.verbose {
                    print::note(&message);
                }
            }
            Told::NoCache(error) => cache_args::unusable(error),
            Told::NotCached(reason) => {
                if self.run.verbose {
                    print::note(&format_args!("no object of this link is cached, because of {reason}"));
                }
            }
            Told::Planned(plan, sources) => {
                warn_of_missing(sources, "--thinfarm-missing-options");
                self.progress = Some(Progress::quiet(plan.jobs.len(), self.run.verbose));
            }
            Told::Event(event) => self.progress.iter_mut().for_each(|progress| progress.hear(event)),
            Told::Done(plan, report, farm) => self.done(plan, report, farm)?,
        }
        Ok(())
    }

    fn done(&mut self, plan: &Plan, report: &Report, farm: &Farm) -> Result<(), String> {
        self.progress.take().iter().for_each(Progress::finish);
        self.run.tell_details(report, farm);
        if self.run.verbose {
            telling::summary(plan, report, 0);
        }
        self.run.write_profile(report)?;
        let threads = farm.threads_without_leave().min(report.threads);
        match verify(self.clang.as_ref(), report.made(plan), threads)? {
            true => Ok(()),
            false => Err("objects differ from clang's".to_owned()),
        }
    }
}
