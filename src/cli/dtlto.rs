//! `thinfarm dtlto`: the backends of a link that lld hands out, as its distributor.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::option_args::{MISSING, SourceArgs, warn_of_missing};
use super::progress::Progress;
use super::run_args::{RunArgs, verify};
use super::telling::plan_error;
use super::{print, signals, telling};
use crate::options::{Frame, Resolver, SourceName, Sources};
use crate::plan::{CommonArgs, Distribution, Plan};
use crate::report::{Doing, Phases};
use crate::toolchain::Tool;

/// Compile the modules that lld hands to its distributor (DTLTO).
///
/// lld runs this command if --thinlto-distributor names it. Each --thinlto-distributor-arg is one of the
/// arguments below. It prints nothing unless something is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ld.lld-22 --thinlto-distributor=$(command -v thinfarm) --thinlto-distributor-arg=dtlto \\
    --thinlto-remote-compiler=clang-22 -shared -o lib.so *.o

  with each file's own options from a compilation database, at most four jobs, and a profile:
    … --thinlto-distributor-arg=--options=compile-commands=build \\
      --thinlto-distributor-arg=-j4 --thinlto-distributor-arg=--profile=cost.json

  the same by way of clang:
    clang-22 -flto=thin -fuse-ld=lld -fthinlto-distributor=$(command -v thinfarm) \\
      -Xthinlto-distributor=dtlto -shared -o lib.so *.o

Options of a module, the strongest first:
  1. --thinlto-remote-compiler-arg of lld
  2. what a source knows of the module, changed by the rules of thinfarm.toml
  3. what lld makes of its own options and defaults, -O2 and -ffunction-sections for example,
     for modules that no source knows
Without --options, here or in thinfarm.toml, the sources are recorded and kbuild, and there is no
warning about modules that they do not know.

lld needs a compiler to be named. It is not run: thinfarm compiles as clang 22 does.

Exit status: 0 if every object was made, 1 if one was not, 2 for a wrong command line.")]
pub(super) struct Dtlto {
    /// The description of the jobs, which lld writes and names last.
    #[arg(value_name = "JOBS.json")]
    description: PathBuf,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Who has options for modules that no source knows.
const LINKER: &str = "lld, its defaults";

impl Dtlto {
    pub(super) fn run(&self) -> ExitCode {
        print::status(self.compile())
    }

    /// Whether everything asked for was made.
    fn compile(&self) -> Result<bool, String> {
        let mut phases = Phases::begin_with_process();
        self.run.log.start();
        let distribution = Distribution::read(&self.description).map_err(|error| error.to_string())?;
        if self.run.verbose {
            for field in &distribution.unknown {
                let description = self.description.display();
                print::note(&format_args!("{description}: the field {field} is unknown and is ignored"));
            }
        }
        let farm = self.run.farm_of_linker().cache(self.run.cache.open(&self.sources)?);
        phases.end(Doing::StartUp);
        let plan = self.plan(distribution)?;
        phases.end(Doing::Planning);
        let clang = self.run.clang()?;
        let watched = farm.clone();
        signals::watch(move || watched.abandon());

        let mut progress = Progress::quiet(plan.jobs.len(), self.run.verbose);
        let report = farm.run_with(&plan, |event| {
            progress.hear(event);
            ControlFlow::Continue(())
        });
        progress.finish();
        let mut report = report.map_err(|error| error.to_string())?;
        report.preceded_by(&mut phases);

        self.run.tell_details(&report, &farm);
        if self.run.verbose || !report.is_success() {
            telling::summary(&plan, &report, 0);
        }
        self.run.write_profile(&report)?;
        let verified = verify(clang.as_ref(), report.made(&plan), farm.threads_without_permits())?;
        Ok(report.is_success() && verified)
    }

    fn plan(&self, mut distribution: Distribution) -> Result<Plan, String> {
        let CommonArgs { prepended, linkers, appended } = std::mem::take(&mut distribution.common);
        let frame = Frame { first: prepended, last: appended, from: "--thinlto-remote-compiler-arg" };
        let sources = Sources::defaults(linkers, LINKER).framed(frame);
        let mut sources = self.sources.ask(sources, &SourceName::OWN)?;
        let mut resolver = Resolver::new(Tool::clang_for_driver());
        let plan = Plan::for_distribution(&distribution, &mut sources, &mut resolver).map_err(plan_error)?;
        warn_of_missing(&sources, MISSING);
        Ok(plan)
    }
}
