//! `ld.thinfarm`: a linker with lld's command line, for any build.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};

use super::option_args::{SourceArgs, warn_of_missing};
use super::progress::{ClearUp, Progress};
use super::run_args::{RunArgs, verify};
use super::{cache_args, print, signals, telling, trust};
use crate::farm::{Farm, available_cores};
use crate::link::{
    self, Arguments, Compiler, Directory, LinkEvent, ListenerError, Maker, Settings, exit_as_lld,
    unused_bitcode,
};
use crate::options::{Settled, SourceName, Sources, Tally};
use crate::plan::Plan;
use crate::report::{Phase, Phases, Report};
use crate::verify::Clang;

/// What this program is called when it is a linker.
const NAME: &str = "ld.thinfarm";

/// A drop-in for ld.lld that runs the ThinLTO backends of a link in a farm, each file with its own codegen options.
///
/// All options but these are lld's. An option takes its value after `=`. Each has a variable of the environment, for
/// builds whose command lines are out of reach. Options win over variables, and both win over thinfarm.toml. The
/// variable of an option without a value is on unless it is empty, 0, false, no or off.
#[derive(Debug, Parser)]
#[command(name = NAME, max_term_width = 100, no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
#[command(override_usage = "ld.thinfarm [OPTIONS OF LLD] [--thinfarm-OPTION[=VALUE]] FILE…")]
#[command(after_help = "\
Examples:
  clang -flto=thin -fuse-ld=thinfarm …            ld.thinfarm is found on PATH
  clang -flto=thin --ld-path=/opt/bin/ld.thinfarm …
  make LLVM=-22 LD=ld.thinfarm                    the Linux kernel
  THINFARM_PROFILE=cost.json ninja prog           what each object cost

Without --thinfarm-options, here or in thinfarm.toml, the sources are recorded and kbuild.
A module that no source knows is compiled as by lld.")]
struct Linker {
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Use lld's own backends, for comparison.
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

/// Threads of a link that are there beside those of lld, or of the farm: for signals, permits, and each worker.
const THREADS_BESIDE: usize = 8;

/// What lld is given where no thread can be started.
const ONE_THREAD: [&str; 2] = ["--threads=1", "--thinlto-jobs=1"];

/// Whether this program is called as a linker.
pub(super) fn is_called() -> bool {
    env::args_os().next().is_some_and(|program| Path::new(&program).file_name() == Some(OsStr::new(NAME)))
}

/// Runs the linker if this program is called as one.
pub(super) fn run_if_called() -> Option<ExitCode> {
    is_called().then(|| {
        let mut args = match Arguments::sort(env::args_os().skip(1)) {
            Ok(args) => args,
            Err(error) => {
                print::tell(format_args!("{error}\n"));
                return ExitCode::FAILURE;
            }
        };
        print::colours(args.has_colours());
        print::warnings(!args.has_no_warnings());
        if let Some(target) = args.mingw_target() {
            print::error(&format_args!(
                "MinGW is out of scope: -m {target} asks for a link for Windows, and {NAME} links ELF only; \
                 ld.lld does it"
            ));
            return ExitCode::FAILURE;
        }
        // As clap does: --help is an answer, anything else an error with status 2.
        let linker = command()
            .try_get_matches_from(&args.own)
            .and_then(|matches| Linker::from_arg_matches(&matches))
            .unwrap_or_else(|error| error.exit());
        if linker.help {
            return print::answer(&command().render_help().ansi().to_string());
        }
        match linker.link(&mut args) {
            Ok(linked) => exit_as_lld(i32::from(!linked)),
            Err(reason) => print::failure(&reason),
        }
    })
}

impl Linker {
    fn link(&self, args: &mut Arguments) -> Result<bool, String> {
        let phases = Phases::begin_with_process();
        self.run.log.start();
        let mut farm = self.run.farm_of_linker().cache(self.run.cache.open(&self.sources)?);
        let is_alone = link::are_scarce(available_cores().get() + THREADS_BESIDE);
        if is_alone {
            farm = farm.no_threads();
            args.lld.extend(ONE_THREAD.map(OsString::from));
        }
        let directory = Directory::of_link(&args.output(), &env::temp_dir());
        let (watched, temporaries) = (farm.clone(), directory.clone());
        let clear_up = move || {
            watched.abandon();
            temporaries.remove();
        };
        let sources = self.sources.ask(Sources::given(Vec::new()), &SourceName::OWN)?;
        let settings = Settings {
            is_off: self.off,
            may_cache: !self.run.cache.no_cache,
            trust: trust::of_process(),
            threads: self.run.threads(),
            ..Settings::new(farm, sources, directory)
        };
        let mut hearing = Hearing {
            run: &self.run,
            clang: self.run.clang()?,
            clear_up: Some(Box::new(clear_up.clone())),
            progress: None,
            modules: 0,
            left_to_lld: self.off,
            profiled: None,
        };
        let maker = Maker::of(args.output());
        let mut compiler = Compiler::new(settings, args, |event| hearing.hear(event)).after(phases);
        if !is_alone {
            signals::watch(clear_up);
        }
        let linked = link::run(NAME, args, &mut compiler).map_err(|error| error.to_string())?;
        let phases = compiler.phases().to_vec();
        drop(compiler);
        hearing.add_to_profile(phases)?;
        if linked {
            hearing.linked(args, &maker);
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
}

/// "a.o", or how many there are and that one.
fn modules_and(modules: usize, first: &str) -> String {
    match modules {
        1 => format!("1 module ({first})"),
        _ => format!("{modules} modules ({first} is the first)"),
    }
}

/// Shows a person what happens in a link.
struct Hearing<'a> {
    run: &'a RunArgs,
    clang: Option<Clang>,
    /// For `progress`, which may have to end the link.
    clear_up: Option<ClearUp>,
    progress: Option<Progress>,
    /// How many modules the farm compiles.
    modules: usize,
    left_to_lld: bool,
    /// What the profile tells of, if there is one.
    profiled: Option<Report>,
}

impl Hearing<'_> {
    /// The profile, which is there since the jobs have ended in case that lld ends the process, tells of all `phases`.
    fn add_to_profile(&mut self, phases: Vec<Phase>) -> Result<(), String> {
        let Some(mut report) = self.profiled.take() else { return Ok(()) };
        report.phases = phases;
        self.run.rewrite_profile(&report)
    }

    /// What is left to be said and kept of a link that has its output.
    fn linked(&self, args: &Arguments, maker: &Maker) {
        maker.sign(self.modules, self.left_to_lld);
        if args.has_no_warnings() {
            return;
        }
        if let Some(object) = unused_bitcode(args) {
            print::warning(&format_args!(
                "{object} has bitcode for LTO beside its machine code (FatLTO), and this link uses the machine code: \
                 --fat-lto-objects is missing, which clang passes only to a linker that it knows; \
                 -fuse-ld=lld --ld-path=PATH/{NAME}, or -Wl,--fat-lto-objects, makes it LTO"
            ));
        }
    }

    /// What the link's own options are to modules with options of their own.
    fn settled(settled: &Settled) {
        let Tally { modules, first } = &settled.relocated;
        if *modules > 0 {
            print::warning(&format_args!(
                "{}, made for an output at a fixed address (such as -fno-pic), compiled with the link's relocation \
                 model, pic: this output can hold no other",
                modules_and(*modules, first)
            ));
        }
        for (option, Tally { modules, first }) in &settled.unfollowed {
            if *modules > 0 {
                print::warning(&format_args!(
                    "{option} is not followed by {}, compiled with options of their own; \
                     a [[rule]] of thinfarm.toml can change those options",
                    modules_and(*modules, first)
                ));
            }
        }
    }

    fn hear(&mut self, event: &LinkEvent<'_>) -> Result<(), ListenerError> {
        match event {
            LinkEvent::LeftToLlvm { reason, loses_options: true } => {
                self.left_to_lld = true;
                print::warning(&format_args!(
                    "lld's own backends compile this link, every file with the link's options, because of {reason}"
                ));
            }
            // The link is lld's in every way, and only who asked for more than a link is to know.
            LinkEvent::LeftToLlvm { reason, .. } => {
                self.left_to_lld = true;
                let message = format!("lld's own backends compile this link, because of {reason}");
                if self.run.asks_for_reports() {
                    print::warning(&format_args!("{message}: nothing is measured or compared"));
                } else if self.run.verbose {
                    print::note(&message);
                }
            }
            LinkEvent::NoCache(error) => cache_args::unusable(error),
            LinkEvent::NotCached(reason) => {
                if self.run.verbose {
                    print::note(&format_args!("no object of this link is cached, because of {reason}"));
                }
            }
            LinkEvent::Settled(settled) => Self::settled(settled),
            LinkEvent::Planned(plan, sources) => {
                warn_of_missing(sources, "--thinfarm-missing-options");
                self.modules = plan.jobs.len();
                let clear_up = self.clear_up.take().expect("a link plans its backends once");
                self.progress = Some(Progress::of_link(plan.jobs.len(), self.run.verbose, clear_up));
            }
            LinkEvent::Event(event) => self.progress.iter_mut().for_each(|progress| progress.hear(event)),
            LinkEvent::Done(plan, report, farm) => self.done(plan, report, farm)?,
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
        self.profiled = self.run.asks_for_profile().then(|| report.clone());
        let threads = farm.threads_without_permits().min(report.threads);
        match verify(self.clang.as_ref(), report.made(plan), threads)? {
            true => Ok(()),
            false => Err("objects differ from clang's".to_owned()),
        }
    }
}
