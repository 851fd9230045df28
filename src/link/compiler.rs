//! The modules of one link, compiled by a farm when lld asks for their objects.

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, iter, mem};

use llvm_build::{LinkConfig, LinkHooks, LinkJob, LinkObject, LinkStep, release_read_mappings};

use super::wishes::wishes;
use super::{Arguments, Directory};
use crate::backend::JobError;
use crate::cache::{Cache, CacheError};
use crate::farm::{Farm, Lent};
use crate::input::Location;
use crate::options::{LinkLine, LinkTerms, Resolver, Settled, Sources};
use crate::output::Spool;
use crate::plan::{InMemory, Job, ModuleFiles, Plan};
use crate::report::{Doing, Event, JobReport, Phase, Phases, Report};
use crate::toolchain::Tool;
use crate::trust::Trust;

/// What the maker of a linker decides.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Runs the jobs.
    pub farm: Farm,
    /// Where files are that jobs need, if any does.
    pub directory: Directory,
    /// Knows the options of files.
    pub sources: Sources,
    /// LLVM's own backends are to do the work.
    pub is_off: bool,
    /// A farm without a cache gets the one that lld is told of, if it is.
    pub may_cache: bool,
    /// Whose directory lld's cache may be.
    pub trust: Trust,
    /// No more threads than these, instead of what lld is told.
    pub threads: Option<NonZero<usize>>,
}

impl Settings {
    /// A link whose jobs `farm` runs, with the options that `sources` know and files in `directory` where a job needs
    /// any. It may use lld's cache if that is the user's own, and as many threads as lld is told.
    pub fn new(farm: Farm, sources: Sources, directory: Directory) -> Self {
        Self {
            farm,
            directory,
            sources,
            is_off: false,
            may_cache: true,
            trust: Trust::of_user(),
            threads: None,
        }
    }
}

/// What happens in a link.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkEvent<'a> {
    /// LLVM's own backends do the work.
    LeftToLlvm {
        /// Because of this, which only they can do.
        reason: &'a str,
        /// A file has options of its own, which they know nothing of, or may have them.
        loses_options: bool,
    },
    /// lld was given a directory for a cache, and there is none.
    NoCache(&'a CacheError),
    /// There is a cache, but no object of this link can be in it, because of this.
    NotCached(&'a str),
    /// What became of the link's terms for modules with options of their own.
    Settled(&'a Settled),
    /// What is to be done.
    Planned(&'a Plan, &'a Sources),
    /// What happens.
    Event(&'a Event<'a>),
    /// What happened, with every object there or not, in which farm.
    Done(&'a Plan, &'a Report, &'a Farm),
}

/// What a listener fails a link with. lld says it, with its causes.
pub type ListenerError = Box<dyn Error + Send + Sync>;

/// Hears what happens in a link; an error, which is for lld to say, fails it.
type Listener<'a> = Box<dyn FnMut(&LinkEvent<'_>) -> Result<(), String> + 'a>;

/// Compiles the modules of one link.
pub struct Compiler<'a> {
    settings: Option<Settings>,
    args: Arguments,
    line: Option<LinkLine>,
    /// What the link says to modules with options of their own.
    terms: Option<LinkTerms>,
    caches_as_lld: bool,
    hooks: LinkHooks,
    directory: Directory,
    dwo_directory: PathBuf,
    listen: Listener<'a>,
    /// Until lld has read its options.
    pub(super) lent: Option<Lent>,
    pub(super) phases: Phases,
}

impl fmt::Debug for Compiler<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<'a> Compiler<'a> {
    /// For the link that `args` ask for; tells `listen` what happens. An error that it returns fails the link.
    pub fn new(
        settings: Settings,
        args: &Arguments,
        mut listen: impl FnMut(&LinkEvent<'_>) -> Result<(), ListenerError> + 'a,
    ) -> Self {
        Self {
            directory: settings.directory.clone(),
            settings: Some(settings),
            args: args.clone(),
            line: None,
            terms: None,
            caches_as_lld: false,
            hooks: LinkHooks::default(),
            dwo_directory: PathBuf::new(),
            listen: Box::new(move |event| listen(event).map_err(|error| with_causes(&*error))),
            lent: None,
            phases: Phases::begin(),
        }
    }

    /// What the process has done up to now is `phases`.
    #[must_use]
    pub fn after(self, phases: Phases) -> Self {
        Self { phases, ..self }
    }

    /// What the process has done, in order. The report of [`LinkEvent::Done`] has what came before that.
    pub fn phases(&self) -> &[Phase] {
        self.phases.ended()
    }

    /// The cache of thinfarm's own settings, or else lld's, in a link that can have any. lld prunes its own.
    fn choose_cache(&mut self, config: &LinkConfig) -> Result<(), String> {
        let Some(settings) = &mut self.settings else { return Ok(()) };
        let mut cache = settings.farm.cache_in_use().cloned();
        self.caches_as_lld = cache.is_none() && settings.may_cache;
        if cache.is_none() && settings.may_cache && !config.cache_directory.is_empty() {
            match Cache::open(Path::new(&config.cache_directory), &settings.trust) {
                Ok(opened) => cache = Some(opened),
                Err(error) => (self.listen)(&LinkEvent::NoCache(&error))?,
            }
        }
        if cache.is_some() && !config.not_cacheable.is_empty() {
            (self.listen)(&LinkEvent::NotCached(&config.not_cacheable))?;
            cache = None;
        }
        settings.farm = settings.farm.clone().cache(cache);
        Ok(())
    }

    fn plan(
        &self,
        sources: &mut Sources,
        jobs: &[LinkJob],
        directory: &Path,
        threads: NonZero<usize>,
    ) -> Result<(Plan, Settled), String> {
        let modules: Vec<&str> = jobs.iter().map(|job| job.module.as_str()).collect();
        sources.look_at(&modules, threads);
        let files: Vec<ModuleFiles> = jobs.iter().map(|job| files(job, directory)).collect();
        let mut resolver = Resolver::new(Tool::clang_for_driver());
        if let Some(terms) = &self.terms {
            resolver = resolver.for_link(terms.clone());
        }
        let plan = Plan::for_files(&files, sources, &mut resolver);
        let plan = plan.map_err(|error| error.to_string())?;
        // lld wants an object of each module that it has read.
        match plan.native.first() {
            None => Ok((plan, resolver.settled().cloned().unwrap_or_default())),
            Some(native) => Err(format!(
                "{}: lld read bitcode of this name, but the file is a native object; was it replaced during the link?",
                native.module
            )),
        }
    }
}

/// `error` and what caused it, in one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What the index and the object of a module are called, where they have to be files.
fn files(job: &LinkJob, directory: &Path) -> ModuleFiles {
    let file = |extension: &str| directory.join(format!("{}.{extension}", job.task));
    ModuleFiles::new(&job.module, file("thinlto.bc"), file("o"))
}

#[doc(hidden)]
impl llvm_build::LinkCompiler for Compiler<'_> {
    fn reached(&mut self, step: LinkStep) {
        self.phases.end(match step {
            LinkStep::Resolution => Doing::Reading,
            LinkStep::ThinLink => Doing::Resolution,
            _ => Doing::ThinLink,
        });
    }

    fn begin(&mut self, config: &LinkConfig) -> Result<Option<PathBuf>, String> {
        // lld's hook that writes LLVM-IR cannot be told from those of --save-temps.
        let mut reason =
            if self.args.emits_llvm() { "--lto-emit-llvm" } else { config.only_own_backends.as_str() };
        let read_once = config.modules.iter().find(|module| is_read_once(module));
        let of_module = read_once.map(|module| format!("{module}, which is not a regular file"));
        if reason.is_empty() {
            reason = of_module.as_deref().unwrap_or_default();
        }
        let is_off = self.settings.as_ref().is_some_and(|settings| settings.is_off);
        // Asking for them touches options of LLVM, which lld's own backends are to have as they are.
        let wishes = if reason.is_empty() && !is_off { wishes(&self.args) } else { Vec::new() };
        // lld has given LLVM its options, for good, and nobody was told of anything yet.
        if let Some(lent) = self.lent.take() {
            lent.end();
        }
        if !reason.is_empty() {
            let sources = self.settings.as_mut().map(|settings| &mut settings.sources);
            // Where modules cannot be named or read, they may have options.
            let loses_options = config.modules.is_empty()
                || read_once.is_some()
                || sources.is_some_and(|sources| config.modules.iter().any(|module| sources.knows(module)));
            (self.listen)(&LinkEvent::LeftToLlvm { reason, loses_options })?;
            return Ok(None);
        }
        if is_off {
            return Ok(None);
        }
        self.choose_cache(config)?;
        let settings = self.settings.as_mut().ok_or("lld has run the backends of this link already")?;
        let line = LinkLine::new(config.codegen.clone(), self.args.llvm.clone());
        self.terms = Some(LinkTerms::new(config.codegen.clone(), wishes));
        self.line = Some(line.warnings(config.fatal_warnings, config.no_warnings));
        self.hooks = config.link_hooks();
        self.dwo_directory = PathBuf::from(&config.dwo_directory);
        let asked = NonZero::new(config.threads as usize);
        if let Some(threads) = settings.threads.or(asked) {
            settings.farm = settings.farm.clone().threads(threads);
        }
        if !config.dwo_directory.is_empty() {
            fs::create_dir_all(&config.dwo_directory)
                .map_err(|error| format!("cannot create {}: {error}", config.dwo_directory))?;
        }
        Ok(Some(self.directory.path().to_owned()))
    }

    fn compile(&mut self, jobs: Vec<LinkJob>) -> Result<Vec<LinkObject>, String> {
        self.phases.end(Doing::Indexes);
        let Settings { farm, sources, .. } = self.settings.take().ok_or("no backends have begun")?;
        let mut sources = match self.line.take() {
            Some(line) => sources.with_link(line),
            None => sources,
        };
        // Of its mappings lld only needs the names of symbols from now on.
        release_read_mappings();
        let directory = self.directory.path().to_owned();
        let (mut plan, settled) =
            self.plan(&mut sources, &jobs, &directory, farm.threads_without_permits())?;
        (self.listen)(&LinkEvent::Settled(&settled))?;
        let mut asked = Asked::new(jobs, &directory);
        if !self.dwo_directory.as_os_str().is_empty() {
            split_dwarf(&mut plan, &mut asked, &self.dwo_directory);
        }
        let places = self.directory.places().iter().cloned();
        keep_in_memory(&mut plan, &mut asked, Spool::new(farm.memory_for_objects(), places), &self.hooks);
        (self.listen)(&LinkEvent::Planned(&plan, &sources))?;
        // Jobs read by way of these.
        let modules = sources.modules().clone();
        drop(sources);
        self.phases.end(Doing::Planning);
        let mut failure = None;
        let report = farm.prepare(&plan).reading(modules).execute(|event| {
            match (self.listen)(&LinkEvent::Event(event)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure.get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        });
        let mut report = report.map_err(|error| error.to_string())?;
        report.preceded_by(&mut self.phases);
        (self.listen)(&LinkEvent::Done(&plan, &report, &farm))?;
        self.phases.end(Doing::Telling);
        failure.map_or(Ok(()), Err)?;
        // lld has told of errors that are among a backend's diagnostics, and will not write an output.
        if !report.is_success() {
            let is_told = |job: &JobReport| job.result.as_ref().is_err_and(JobError::is_told);
            if report.failed().next().is_some() && report.failed().all(|(_, _, job)| is_told(job)) {
                return Ok(Vec::new());
            }
            let untold = report.failed().filter(|(_, _, job)| !is_told(job));
            let untold: Vec<&str> = untold.map(|(_, module, _)| module).collect();
            return Err(failures(&untold, plan.jobs.len()));
        }
        plan.jobs.iter().map(|job| object(asked.take(job), job)).collect()
    }

    fn caches_as_lld(&self) -> bool {
        self.caches_as_lld
    }

    fn finish(&mut self) {
        self.phases.end(Doing::HandingOver);
        self.directory.remove();
    }
}

/// Whether lld has read `module` from what no job can read again, such as a pipe.
fn is_read_once(module: &str) -> bool {
    let (Location::File(path) | Location::Member { archive: path, .. }) = Location::of(module);
    fs::metadata(path).is_ok_and(|found| !found.is_file())
}

/// What lld asks for, by the object that is to be made: a plan has an order of its own.
struct Asked(HashMap<PathBuf, LinkJob>);

impl Asked {
    fn new(jobs: Vec<LinkJob>, directory: &Path) -> Self {
        Self(jobs.into_iter().map(|job| (files(&job, directory).output, job)).collect())
    }

    /// What `job` of the plan is made for.
    fn get(&mut self, job: &Job) -> &mut LinkJob {
        self.0.get_mut(&job.output).expect("a plan has jobs that were asked for")
    }

    fn take(&mut self, job: &Job) -> LinkJob {
        self.0.remove(&job.output).expect("a plan has jobs that were asked for, each once")
    }
}

/// Gives each job of `plan` a file in `directory` for its debug information.
fn split_dwarf(plan: &mut Plan, asked: &mut Asked, directory: &Path) {
    for job in &mut plan.jobs {
        let name = directory.join(format!("{}.dwo", asked.get(job).task));
        let files = &mut Arc::make_mut(&mut job.command).files;
        files.split_dwarf_file = name.to_string_lossy().into_owned();
        files.split_dwarf_output = files.split_dwarf_file.clone();
    }
}

/// Gives the jobs of `plan` their indexes, and a `spool` for their objects.
fn keep_in_memory(plan: &mut Plan, asked: &mut Asked, spool: Spool, hooks: &LinkHooks) {
    let spool = Arc::new(spool);
    for job in &mut plan.jobs {
        let asked = asked.get(job);
        job.in_memory = Some(InMemory {
            index: mem::take(&mut asked.index).into(),
            instructions: Some(asked.instructions),
            spool: spool.clone(),
            hooks: hooks.clone(),
        });
    }
}

/// What lld gets for the job it `asked` for.
fn object(asked: LinkJob, job: &Job) -> Result<LinkObject, String> {
    let contents = job.object().map_err(|error| format!("{}: {error}", job.output.display()))?;
    let LinkJob { task, module, .. } = asked;
    Ok(LinkObject { task, module, contents: Box::new(contents) })
}

/// What lld says of backends that failed; what each of them said came before.
fn failures(failed: &[&str], jobs: usize) -> String {
    const ENOUGH: usize = 10;
    let mut text = format!("{} of {jobs} ThinLTO backends failed: ", failed.len());
    text += &failed[..failed.len().min(ENOUGH)].join(", ");
    if failed.len() > ENOUGH {
        text += &format!(" and {} more", failed.len() - ENOUGH);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_of_a_listener_is_told_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("the profile is not written")]
        struct NotWritten(#[source] io::Error);
        let error: ListenerError = NotWritten(io::Error::other("no space left")).into();
        assert_eq!(with_causes(&*error), "the profile is not written: no space left");
        assert_eq!(with_causes(&*ListenerError::from("objects differ")), "objects differ");
    }

    #[test]
    fn failures_are_named_but_not_without_end() {
        assert_eq!(failures(&["a.o"], 3), "1 of 3 ThinLTO backends failed: a.o");
        let names = ["x.o"; 12];
        assert!(failures(&names, 12).ends_with("x.o and 2 more"), "{}", failures(&names, 12));
    }

    #[test]
    fn an_object_lies_beside_its_index() {
        let job = LinkJob { task: 7, module: "lib.a(x.o at 80)".into(), ..LinkJob::default() };
        let files = files(&job, Path::new("/t"));
        assert_eq!((files.index, files.output), ("/t/7.thinlto.bc".into(), "/t/7.o".into()));
    }
}
