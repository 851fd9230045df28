//! `thinfarm backend`: the backends of a whole link.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::BinaryBytes;

use super::option_args::{OptionArgs, warn_of_missing};
use super::progress::Progress;
use super::{jobs, print, signals};
use crate::backend::OutputFile;
use crate::options::{CommandError, Resolver};
use crate::plan::{IndexList, Naming, Plan, PlanError, PrefixReplace, SuffixReplace};
use crate::report::Report;
use crate::toolchain::Tool;
use crate::verify::{self, Verdict};

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
  thinfarm backend --verify-with clang --list thinlto.list -- -O2

Exit status: 0 if every object was made, 1 if one was not, 2 for a wrong command line.")]
pub(super) struct Backend {
    /// The file `ld.lld --thinlto-index-only=LIST` wrote; `-` is standard input.
    #[arg(long, value_name = "LIST", required_unless_present = "modules")]
    list: Option<PathBuf>,
    /// Modules to compile, each with its index `MODULE.thinlto.bc` beside it.
    #[arg(value_name = "MODULE", conflicts_with = "list")]
    modules: Vec<String>,
    #[command(flatten)]
    options: OptionArgs,
    /// Jobs to run at once, and fewer if the jobserver of `make -j` says so [default: the cores this process
    /// may use].
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// What replaces `.o` in the name of a native object.
    #[arg(long, default_value = Naming::SUFFIX)]
    suffix: String,
    /// Write native objects under DIR, mirroring the paths of the modules.
    // A string, because the path is also part of a clang command line.
    #[arg(long, value_name = "DIR")]
    out_dir: Option<String>,
    /// lld was given this option: indexes and the list are under another prefix.
    #[arg(long, value_name = "OLD;NEW")]
    thinlto_prefix_replace: Option<PrefixReplace>,
    /// lld was given this option: the modules have another suffix than the list says.
    #[arg(long, value_name = "OLD;NEW")]
    thinlto_object_suffix_replace: Option<SuffixReplace>,
    /// Start no further job once one has failed.
    #[arg(long)]
    fail_fast: bool,
    /// Write what each job cost to FILE, as JSON.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// After success, write the names of all objects to FILE, in link order, for `ld.lld @FILE`.
    #[arg(long, value_name = "FILE")]
    objects: Option<PathBuf>,
    /// Compile everything with CLANG too (a name or a path) and compare the objects.
    #[arg(long, value_name = "CLANG")]
    verify_with: Option<PathBuf>,
    /// Tell of every object, and of the ten slowest at the end.
    #[arg(short, long)]
    verbose: bool,
}

impl Backend {
    pub(super) fn run(&self) -> ExitCode {
        match self.compile() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(reason) => {
                print::error(&reason);
                ExitCode::FAILURE
            }
        }
    }

    /// Whether everything asked for was made.
    fn compile(&self) -> Result<bool, String> {
        let farm = jobs::farm(self.jobs).fail_fast(self.fail_fast);
        let plan = self.plan()?;
        self.tell_native(&plan);
        let clang = self.verify_with.as_deref().map(verify::Clang::find).transpose();
        let clang = clang.map_err(|error| error.to_string())?;
        let watched = farm.clone();
        signals::watch(move || watched.abandon())
            .map_err(|error| format!("cannot watch for signals: {error}"))?;
        let objects = self.objects.as_deref().map(|path| Objects::create(path, &plan)).transpose()?;

        let mut progress = Progress::new(plan.jobs.len(), self.verbose);
        let report = farm.run_with(&plan, |event| progress.hear(event));
        progress.finish();
        let report = report.map_err(|error| error.to_string())?;

        self.tell(&plan, &report);
        if let Some(path) = &self.profile {
            write_profile(path, &report)?;
        }
        let verified = match clang {
            Some(clang) => {
                let verdict = clang.compare(&plan, &report, farm.threads_without_leave());
                tell_verdict(&verdict.map_err(|error| format!("cannot verify: {error}"))?)
            }
            None => true,
        };
        let is_success = report.is_success() && verified;
        if let Some(objects) = objects {
            objects.finish(is_success)?;
        }
        Ok(is_success)
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
        warn_of_missing(&sources);
        if self.out_dir.is_some() {
            create_directories(&plan)?;
        }
        Ok(plan)
    }

    /// A line for each object that needs no backend, or, of very many, for the first. Who asks for the
    /// names of all objects has them there.
    fn tell_native(&self, plan: &Plan) {
        const ENOUGH: usize = 10;
        if self.objects.is_some() && !self.verbose {
            return;
        }
        let told = if self.verbose { usize::MAX } else { ENOUGH };
        for object in plan.native.iter().take(told) {
            print::note(&format_args!("{} is native already; passed over", object.module));
        }
        if let more @ 1.. = plan.native.len().saturating_sub(told) {
            print::note(&format_args!("{more} more are native already (-v names them)"));
        }
    }

    fn tell(&self, plan: &Plan, report: &Report) {
        if self.verbose {
            tell_slowest(report);
        }
        let failed = report.failed().count();
        let mut summary = format!(
            "thinfarm: {} objects, {} in {:.2} s, {:.2} CPU s, peak {}, {} threads",
            report.objects(),
            option_sets(plan),
            report.wall.as_secs_f64(),
            report.usage.cpu,
            BinaryBytes(report.usage.peak_memory),
            report.threads,
        );
        if failed > 0 {
            summary += &format!("; {failed} failed");
        }
        if !plan.native.is_empty() {
            summary += &format!("; {} native already", plan.native.len());
        }
        if report.not_started() > 0 {
            summary += &format!("; {} not started", report.not_started());
        }
        print::tell(summary + "\n");
        for (_, module, _) in report.failed() {
            print::tell(format!("thinfarm: failed: {module}\n"));
        }
    }
}

/// How many ways of compiling there are among the jobs.
fn option_sets(plan: &Plan) -> String {
    match plan.option_sets() {
        1 => "1 option set".to_owned(),
        number => format!("{number} option sets"),
    }
}

/// Tells clang's own words, if it is clang who rejects the plan.
fn plan_error(error: PlanError) -> String {
    match error {
        PlanError::Flags { error: CommandError::Rejected(diagnostics), from, module } => {
            print::tell(diagnostics);
            format!("clang rejects the options of {module}, which are from {from}")
        }
        other => other.to_string(),
    }
}

/// The file that names the objects, in the making.
struct Objects {
    file: OutputFile,
    text: String,
}

impl Objects {
    /// Before the work rather than after it: a file that cannot be written costs nothing.
    fn create(path: &Path, plan: &Plan) -> Result<Self, String> {
        let text = plan.response_file().map_err(|error| error.to_string())?;
        let file = OutputFile::create(path).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { file, text })
    }

    /// Without success, an earlier time's file goes with the objects that failed.
    fn finish(self, is_success: bool) -> Result<(), String> {
        if !is_success {
            self.file.discard();
            return Ok(());
        }
        let path = self.file.path().to_owned();
        self.file.finish(self.text.as_bytes()).map(drop).map_err(|error| cannot_write(&path, &error))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

fn create_directories(plan: &Plan) -> Result<(), String> {
    let directories: BTreeSet<&Path> = plan.jobs.iter().filter_map(|job| job.output.parent()).collect();
    for directory in directories {
        fs::create_dir_all(directory)
            .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    }
    Ok(())
}

fn write_profile(path: &Path, report: &Report) -> Result<(), String> {
    OutputFile::create(path)
        .and_then(|file| file.finish((report.to_json() + "\n").as_bytes()))
        .map(drop)
        .map_err(|error| cannot_write(path, &error))
}

fn tell_slowest(report: &Report) {
    print::tell("the slowest objects (seconds):\n");
    print::tell("    wall    load  import     opt codegen   write  object\n");
    for (_, module, job) in report.slowest(10) {
        let Ok(done) = &job.result else { continue };
        let stages = done.stages;
        print::tell(format!(
            "{:8.2}{:8.2}{:8.2}{:8.2}{:8.2}{:8.2}  {module}\n",
            job.wall.as_secs_f64(),
            stages.load.wall,
            stages.import.wall,
            stages.optimise.wall,
            stages.codegen.wall,
            done.write.wall,
        ));
    }
}

/// Whether all objects are clang's.
fn tell_verdict(verdict: &Verdict) -> bool {
    for difference in &verdict.differences {
        print::error(difference);
    }
    print::tell(format!(
        "thinfarm: verify: {} identical of {}\n",
        verdict.identical,
        verdict.identical + verdict.differences.len()
    ));
    verdict.differences.is_empty()
}
