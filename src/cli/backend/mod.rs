//! `thinfarm backend`: the backends of a whole link.

mod objects;
mod remembered;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use objects::Objects;
use remembered::Remembered;

use super::option_args::{MISSING, OptionArgs, warn_of_missing};
use super::progress::Progress;
use super::run_args::{RunArgs, verify};
use super::telling::plan_error;
use super::{print, signals, telling};
use crate::incremental::Split;
use crate::options::Resolver;
use crate::plan::{IndexList, Naming, Plan, PrefixReplace, SuffixReplace};
use crate::report::{Doing, Phases};
use crate::toolchain::Tool;

/// Compile the modules of a thin link to native objects.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ld.lld-22 --thinlto-index-only=thinlto.list -shared -o lib.so *.o
  thinfarm backend --list thinlto.list -- -O2 -fPIC
  ld.lld-22 -shared -o lib.so *.thinlto-native.o

  thinfarm backend -j4 --out-dir native --profile cost.json --list thinlto.list -- -O2 -g
  thinfarm backend a.o b.o -- -O3                      these modules only
  thinfarm backend --options compile-commands=build --list thinlto.list
  thinfarm backend --options recorded --list thinlto.list -- -O2
  thinfarm backend --incremental --list thinlto.list -- -O2        what changed only
  thinfarm backend --verify-with clang --list thinlto.list -- -O2

Exit status: 0 if every object was made, 1 if one was not, 2 for a wrong command line.")]
pub(super) struct Backend {
    /// The file `ld.lld --thinlto-index-only=LIST` wrote; `-` is standard input.
    #[arg(long, value_name = "LIST", required_unless_present = "modules")]
    list: Option<PathBuf>,
    /// Modules to compile, each with its index `MODULE.thinlto.bc` beside it.
    #[arg(value_name = "MODULE", conflicts_with = "list")]
    modules: Vec<String>,
    /// What replaces `.o` in the name of a native object.
    #[arg(long, default_value = Naming::SUFFIX)]
    suffix: String,
    /// Write native objects under DIR, in the folders that the modules have.
    // A string, because the path is also part of a clang command line.
    #[arg(long, value_name = "DIR")]
    out_dir: Option<String>,
    /// lld was given this option: indexes and the list are under another prefix.
    #[arg(long, value_name = "OLD;NEW")]
    thinlto_prefix_replace: Option<PrefixReplace>,
    /// lld was given this option: the modules have another suffix than the list says.
    #[arg(long, value_name = "OLD;NEW")]
    thinlto_object_suffix_replace: Option<SuffixReplace>,
    /// Compile only what changed since the last such run. Contents decide: of modules, indexes, imports and objects,
    /// and the options. FILE keeps what objects were made of [default: LIST.thinfarm].
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    incremental: Option<Option<PathBuf>>,
    /// After success, write the names of all objects to FILE, in link order, for `ld.lld @FILE`.
    #[arg(long, value_name = "FILE")]
    objects: Option<PathBuf>,
    #[command(flatten)]
    options: OptionArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Backend {
    pub(super) fn run(&self) -> ExitCode {
        print::status(self.compile())
    }

    /// Whether everything asked for was made.
    fn compile(&self) -> Result<bool, String> {
        let mut phases = Phases::begin_with_process();
        self.run.log.start();
        let cache = self.run.cache.open(&self.options.sources)?;
        let (farm, verbose) = (self.run.farm().cache(cache), self.run.verbose);
        let threads = farm.threads_without_permits();
        phases.end(Doing::StartUp);
        let plan = self.plan()?;
        phases.end(Doing::Planning);
        // Who asks for the names of all objects has them there.
        if self.objects.is_none() || verbose {
            telling::native(&plan, verbose);
        }
        let clang = self.run.clang()?;
        let watched = farm.clone();
        signals::watch(move || watched.abandon());
        let objects = self.objects.as_deref().map(|path| Objects::create(path, &plan)).transpose()?;
        let mut remembered = self.state()?.as_deref().map(Remembered::open).transpose()?;
        let split = match &mut remembered {
            Some(remembered) => remembered.split(&plan, threads),
            None => Split::all(plan),
        };
        if verbose && remembered.is_some() {
            telling::changes(&split);
        }

        phases.end(Doing::Comparison);
        let mut progress = Progress::new(split.stale.jobs.len(), verbose);
        let report = farm.run_with(&split.stale, |event| {
            progress.hear(event);
            if let Some(remembered) = &mut remembered {
                remembered.hear(event);
            }
            ControlFlow::Continue(())
        });
        progress.finish();
        let mut report = report.map_err(|error| error.to_string())?;
        report.preceded_by(&mut phases);

        self.run.tell_details(&report, &farm);
        telling::summary(&split.stale, &report, split.up_to_date.len());
        self.run.write_profile(&report)?;
        let objects_made = report.made(&split.stale).chain(&split.up_to_date);
        let verified = verify(clang.as_ref(), objects_made, farm.threads_without_permits())?;
        let is_success = report.is_success() && verified;
        if let Some(objects) = objects {
            objects.finish(is_success)?;
        }
        remembered.map_or(Ok(()), Remembered::finish)?;
        Ok(is_success)
    }

    /// The file that remembers what objects were made of.
    fn state(&self) -> Result<Option<PathBuf>, String> {
        match (&self.incremental, &self.list) {
            (None, _) => Ok(None),
            (Some(Some(path)), _) => Ok(Some(path.clone())),
            (Some(None), Some(list)) if list != Path::new("-") => {
                Ok(Some(list.with_added_extension("thinfarm")))
            }
            (Some(None), _) => {
                Err("--incremental needs a file to remember in: --incremental=FILE".to_owned())
            }
        }
    }

    fn plan(&self) -> Result<Plan, String> {
        let naming = Naming {
            prefix_replace: self.thinlto_prefix_replace.clone(),
            object_suffix_replace: self.thinlto_object_suffix_replace.clone(),
            suffix: self.suffix.clone(),
            out_dir: self.out_dir.as_ref().map(PathBuf::from),
        };
        let list = match &self.list {
            Some(path) => IndexList::read(path).map_err(|error| error.to_string())?,
            None => IndexList::part(self.modules.clone()),
        };
        let mut sources = self.options.sources()?;
        let mut resolver = Resolver::new(Tool::clang_for_driver());
        let plan = Plan::for_link(&list, &naming, &mut sources, &mut resolver).map_err(plan_error)?;
        warn_of_missing(&sources, MISSING);
        if self.out_dir.is_some() {
            create_directories(&plan)?;
        }
        Ok(plan)
    }
}

fn create_directories(plan: &Plan) -> Result<(), String> {
    let directories: BTreeSet<&Path> = plan.jobs.iter().filter_map(|job| job.output.parent()).collect();
    for directory in directories {
        fs::create_dir_all(directory)
            .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    }
    Ok(())
}
