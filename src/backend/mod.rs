//! One backend job, on one thread: load, import, optimise, generate code, write.
//!
//! It knows nothing of queues and other jobs, except that they share [`Modules`].

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use blake3::Hash;
use llvm_build::{
    BackendSettings, Bitcode, Compiled, Failure, Imports, Index, JobFiles, JobThread, LinkMessage, OpenError,
    Severity, Stage, StageListener, StageTime, StageTimes, ThreadPeak, compile_with_clang_action,
    compile_with_thin_backend, index_imports,
};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::input::{Modules, Reading, is_its_own_file};
use crate::options::CommandError;
use crate::output::{OutputFile, Spool, discard, remove_temporaries};
use crate::plan::Job;

/// What a job did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobDone {
    /// Where LLVM spent its time.
    pub stages: StageTimes,
    /// Writing and renaming the outputs.
    pub write: StageTime,
    /// Bytes of the module.
    pub module_size: u64,
    /// Bytes of the native object.
    pub object_size: u64,
    /// Functions imported.
    pub imported_functions: u32,
    /// Modules the index lets it import from.
    pub import_sources: u32,
    /// Instructions of its functions and of those it imports, before optimisation.
    pub instructions: u64,
    /// The most memory it had allocated at any time, bytes, if the allocator tells.
    pub peak_memory: Option<u64>,
    /// Number of warnings.
    pub warnings: u32,
    /// Warnings as clang words them, a line or more each; empty without any.
    pub diagnostics: String,
    /// The same as lld words them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<LinkMessage>,
}

/// What a job did, with the object it made.
#[derive(Debug)]
pub struct Made {
    /// What it did.
    pub done: JobDone,
    /// Its object, which is in its place.
    pub object: Object,
}

/// Who knows the bytes of an object.
#[derive(Debug)]
pub enum Object {
    /// This process has them.
    Compiled(Compiled),
    /// A child worker wrote or sent it and tells its hash.
    WrittenByWorker(Hash),
    /// clang's own action wrote it, and what else there may be.
    WrittenByClang,
}

impl Object {
    /// Its bytes, if those where `job` has its object are these.
    pub fn bytes(&self, job: &Job) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Compiled(compiled) => Some(compiled.object().into()),
            Self::WrittenByWorker(hash) => {
                // A copy, for a file can change.
                let bytes = job.object().ok()?.bytes().to_vec();
                (blake3::hash(&bytes) == *hash).then_some(bytes.into())
            }
            Self::WrittenByClang => None,
        }
    }

    /// The hash of its bytes, if this process has or had them.
    pub fn hash(&self) -> Option<Hash> {
        match self {
            Self::Compiled(compiled) => Some(blake3::hash(compiled.object())),
            Self::WrittenByWorker(hash) => Some(*hash),
            Self::WrittenByClang => None,
        }
    }
}

impl JobDone {
    /// CPU seconds of the job.
    pub fn cpu_seconds(&self) -> f64 {
        let StageTimes { load, import, optimise, codegen } = self.stages;
        [load, import, optimise, codegen, self.write].iter().map(|stage| stage.cpu).sum()
    }
}

/// Why a job made nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The module is missing or is not bitcode.
    #[error("cannot load the module {module}: {error}")]
    Module {
        /// The module id.
        module: String,
        /// Why.
        error: Arc<OpenError>,
    },
    /// The index is missing or is not an index.
    #[error("cannot load the index {}: {error}{}", index.display(), index_hint(error))]
    Index {
        /// The index file.
        index: PathBuf,
        /// Why.
        error: Arc<OpenError>,
    },
    /// The index names a module that cannot be loaded.
    #[error("{module} imports from {import}, which cannot be loaded: {error}{}", id_hint(import))]
    Import {
        /// The module that is compiled.
        module: String,
        /// The module the index names.
        import: String,
        /// Why.
        error: Arc<OpenError>,
    },
    /// The index imports from a file without a ThinLTO module.
    #[error("{module} imports from {import}, which has no ThinLTO summary")]
    ImportWithoutSummary {
        /// The module that is compiled.
        module: String,
        /// The module the index names.
        import: String,
    },
    /// What clang's own action does is asked for, and it cannot read a module to import from.
    #[error(
        "{module} imports from {import}, which is not a bitcode file by itself, and {reason} is done by \
         clang's own action, which reads nothing else; extract the members of archives, or the section \
         .llvm.lto of FatLTO objects, before the thin link"
    )]
    ImportNotAFile {
        /// The module that is compiled.
        module: String,
        /// The module the index names.
        import: String,
        /// What asks for clang's action.
        reason: String,
    },
    /// clang rejects the command line.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// LLVM reported an error or crashed.
    #[error("{module}: {failure}")]
    Backend {
        /// The module id.
        module: String,
        /// LLVM's words, and clang's diagnostics.
        failure: Box<Failure>,
    },
    /// This program has a bug.
    #[error("{module}: thinfarm panicked, which is a bug of it: {reason}")]
    Panicked {
        /// The module id.
        module: String,
        /// What the panic said.
        reason: String,
    },
    /// The run was cancelled before the job came to its end.
    #[error("{module}: cancelled")]
    Cancelled {
        /// The module id.
        module: String,
    },
    /// An output cannot be written.
    #[error("cannot write {}: {error}", output.display())]
    Output {
        /// The final name.
        output: PathBuf,
        /// Why.
        error: Arc<std::io::Error>,
    },
    /// The job failed in a child worker, which tells of it so.
    #[error("{message}")]
    InWorker {
        /// The error as the worker words it.
        message: String,
        /// clang's diagnostics.
        diagnostics: String,
        /// The same in lld's words.
        messages: Vec<LinkMessage>,
        /// How many of them are warnings.
        warnings: u32,
        /// How many of them are errors.
        errors: u32,
        /// See [`JobError::is_crash`].
        is_crash: bool,
    },
    /// The child worker that had the job died, or there could be none.
    #[error("{module}: its child worker {reason}")]
    NoWorker {
        /// The module id.
        module: String,
        /// What became of the worker.
        reason: String,
    },
}

fn index_hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "; was the thin link (ld.lld --thinlto-index-only) run, and is its prefix replaced?"
        }
        _ => "",
    }
}

fn id_hint(import: &str) -> &'static str {
    if import.contains(char::REPLACEMENT_CHARACTER) {
        "; LLVM 22 garbles module ids that are not ASCII in indexes (clang cannot find such a module \
         either), so its path must be ASCII"
    } else {
        ""
    }
}

impl JobError {
    /// Diagnostics as clang words them, or nothing.
    pub fn diagnostics(&self) -> &str {
        match self {
            Self::Backend { failure, .. } => &failure.diagnostics,
            Self::InWorker { diagnostics, .. } => diagnostics,
            _ => "",
        }
    }

    /// Whether LLVM crashed, in the process that had the job.
    pub fn is_crash(&self) -> bool {
        match self {
            Self::Backend { failure, .. } => failure.crashed,
            Self::InWorker { is_crash, .. } => *is_crash,
            _ => false,
        }
    }

    /// Whether nothing is wrong with the job but that its run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// Diagnostics as lld words them, or nothing.
    pub(crate) fn messages(&self) -> &[LinkMessage] {
        match self {
            Self::Backend { failure, .. } => &failure.messages,
            Self::InWorker { messages, .. } => messages,
            _ => &[],
        }
    }

    /// Whether its diagnostics say why it failed, so that nothing is left to be said.
    pub(crate) fn is_told(&self) -> bool {
        let is_error = |message: &LinkMessage| message.severity == Severity::Error;
        !self.is_crash() && self.messages().iter().any(is_error)
    }

    /// How many warnings and how many errors there are among the diagnostics.
    pub(crate) fn counts(&self) -> (u32, u32) {
        match self {
            Self::Backend { failure, .. } => (failure.warnings, failure.errors),
            Self::InWorker { warnings, errors, .. } => (*warnings, *errors),
            _ => (0, 0),
        }
    }
}

/// Runs one job on the calling thread, which needs a stack of [`crate::farm::STACK_SIZE`], in a process that has its
/// `-mllvm` options. `reached` is told of its stages as they begin, and stops the job by `false`; it must not panic.
///
/// # Errors
/// See [`JobError`]; nothing is left under the final name of an output then, whatever it failed of.
pub(crate) fn run(
    job: &Job,
    modules: &Modules,
    reached: &mut dyn FnMut(Stage) -> bool,
) -> Result<Made, JobError> {
    compile(job, modules, reached).inspect_err(|_| discard_outputs(job))
}

fn compile(job: &Job, modules: &Modules, reached: &mut dyn FnMut(Stage) -> bool) -> Result<Made, JobError> {
    let cancelled = || JobError::Cancelled { module: job.module.clone() };
    let thread = JobThread::begin();
    let heap = ThreadPeak::begin();
    let start = StageStart::now();
    if !reached(Stage::Load) {
        return Err(cancelled());
    }
    let mut reading = modules.reading();
    let (index, imports) = open(job, &mut reading)?;
    let opened = start.elapsed();

    let options = job.command.codegen();
    let mut read = reading.opened();
    let module = read.next().expect("open() begins with the job's own module");
    let is_importing = module.facts().is_thin_lto && !index.is_empty() && !imports.skip;
    // Of this job alone: what others read is not its business. clang's own action verifies.
    let trusts_debug_info = reading.opened().all(is_of_this_llvm);
    let is_thin_backend = is_importing && options.clang_action_reason.is_empty();
    if is_importing && !is_thin_backend {
        check_imports_are_files(job, &reading)?;
    }
    // Before the work rather than after it: an output that cannot be written costs nothing.
    if !is_thin_backend {
        // Also where its object goes.
        job.write_index().map_err(|error| unreadable_index(job, OpenError::Io(error)))?;
    }
    let outputs = Outputs::create(
        job,
        if is_thin_backend { job.in_memory.as_ref().map(|place| &*place.spool) } else { None },
    )?;
    let mut is_stopped = false;
    let mut go_on = |stage| {
        is_stopped = !reached(stage);
        !is_stopped
    };
    let compiled = if is_thin_backend {
        let settings = BackendSettings {
            options,
            files: &outputs.redirect(&job.command.files),
            warning_flags: job.command.warning_flags(),
            trust_debug_info: trusts_debug_info,
            hooks: &job.in_memory.as_ref().map(|place| place.hooks.clone()).unwrap_or_default(),
        };
        compile_with_thin_backend(module, index, read, &settings, &mut StageListener(&mut go_on))
    } else {
        let cc1 = job.command.cc1()?;
        let contents = (!is_its_own_file(module)).then_some(module);
        compile_with_clang_action(&cc1, contents, &outputs.object_name(), &outputs.dwo_name())
    };
    if is_stopped {
        return Err(cancelled());
    }
    let failed = |failure: Failure| JobError::Backend { module: job.module.clone(), failure: failure.into() };
    let compiled = compiled.map_err(failed)?;
    // What is compiled is written, whoever wants the run to end.
    reached(Stage::Write);

    // A slow disk is no job that hangs in LLVM.
    drop(thread);
    let start = StageStart::now();
    let object_size = outputs.finish(compiled.object())?;
    let mut done = JobDone {
        stages: compiled.times(),
        write: start.elapsed(),
        module_size: module.size(),
        object_size,
        imported_functions: imports.functions,
        import_sources: imports.sources.len() as u32,
        instructions: imports.instructions,
        peak_memory: heap.bytes(),
        warnings: compiled.warnings(),
        diagnostics: compiled.diagnostics(),
        messages: compiled.messages(),
    };
    done.stages.import.wall += opened.wall;
    done.stages.import.cpu += opened.cpu;
    let object = if is_thin_backend { Object::Compiled(compiled) } else { Object::WrittenByClang };
    Ok(Made { done, object })
}

/// Whether this very LLVM wrote the module.
fn is_of_this_llvm(module: &Bitcode) -> bool {
    module.facts().producer.strip_prefix("LLVM") == Some(llvm_build::build_version())
}

/// Opens every module that `job` reads, its own first, and its index.
///
/// # Errors
/// As of a job, for what that would fail on.
pub fn open(job: &Job, reading: &mut Reading<'_>) -> Result<(Index, Imports), JobError> {
    reading.open(&job.module).map_err(|error| JobError::Module { module: job.module.clone(), error })?;
    let index = read_index(job)?;
    let imports = index.imports(&job.module);
    for import in &imports.sources {
        let source = reading.open(import).map_err(|error| JobError::Import {
            module: job.module.clone(),
            import: import.clone(),
            error,
        })?;
        if !source.facts().is_thin_lto {
            return Err(JobError::ImportWithoutSummary {
                module: job.module.clone(),
                import: import.clone(),
            });
        }
    }
    Ok((index, imports))
}

/// clang's own action opens what it imports by the module ids.
fn check_imports_are_files(job: &Job, reading: &Reading<'_>) -> Result<(), JobError> {
    match reading.opened().skip(1).find(|import| !is_its_own_file(import)) {
        Some(import) => Err(JobError::ImportNotAFile {
            module: job.module.clone(),
            import: import.id().to_owned(),
            reason: job.command.codegen().clang_action_reason.clone(),
        }),
        None => Ok(()),
    }
}

/// Removes what an earlier run left under the final names of a job that failed, wherever it did: an old object must
/// not be taken for this one.
pub fn discard_outputs(job: &Job) {
    for path in [&job.output, Path::new(&job.command.files.split_dwarf_output)] {
        discard(path);
    }
}

/// Removes the temporaries that the dead process `pid` left of a job.
pub fn remove_leftovers(job: &Job, pid: u32) {
    let dwo = Path::new(&job.command.files.split_dwarf_output);
    for path in [&job.output, dwo] {
        remove_temporaries(path, pid);
    }
}

/// How many instructions `job` compiles, with those of functions it imports, before optimisation: what its index says,
/// which is read for that unless lld has counted. `None` if it says nothing, because it cannot be read or because nothing
/// is imported.
pub fn instructions(job: &Job) -> Option<u64> {
    if let Some(counted) = job.in_memory.as_ref().and_then(|place| place.instructions) {
        return Some(counted);
    }
    let index = job.read_index().ok().filter(|index| !index.is_empty())?;
    index_imports(&index, &job.module).ok().map(|imports| imports.instructions)
}

fn read_index(job: &Job) -> Result<Index, JobError> {
    let failed = |error| unreadable_index(job, error);
    let bytes = job.read_index().map_err(|error| failed(OpenError::Io(error)))?;
    Index::read(&bytes, &job.index.to_string_lossy()).map_err(failed)
}

/// The index of `job` cannot be had, because of this.
pub(crate) fn unreadable_index(job: &Job, error: OpenError) -> JobError {
    JobError::Index { index: job.index.clone(), error: Arc::new(error) }
}

/// The outputs of one job, under temporary names until it has succeeded.
struct Outputs<'a> {
    object: Destination<'a>,
    dwo: Option<OutputFile>,
}

/// Where an object goes.
enum Destination<'a> {
    File(OutputFile),
    /// The object that would be called by this name otherwise.
    Spool(&'a Spool, &'a Path),
}

impl<'a> Outputs<'a> {
    /// Those of `job`, with its object in `spool` if that is given.
    fn create(job: &'a Job, spool: Option<&'a Spool>) -> Result<Self, JobError> {
        let create = |path: &Path| {
            OutputFile::create(path)
                .map_err(|error| JobError::Output { output: path.to_owned(), error: Arc::new(error) })
        };
        let dwo = &job.command.files.split_dwarf_output;
        Ok(Self {
            object: match spool {
                Some(spool) => Destination::Spool(spool, &job.output),
                None => Destination::File(create(&job.output)?),
            },
            dwo: (!dwo.is_empty()).then(|| create(Path::new(dwo))).transpose()?,
        })
    }

    /// What the object is called for now, if it has a name.
    fn object_name(&self) -> String {
        match &self.object {
            Destination::File(file) => file.name(),
            Destination::Spool(..) => String::new(),
        }
    }

    fn dwo_name(&self) -> String {
        self.dwo.as_ref().map(OutputFile::name).unwrap_or_default()
    }

    /// The files of a job, written where these outputs are; the name of the `.dwo` that the object
    /// records stays.
    fn redirect(&self, files: &JobFiles) -> JobFiles {
        JobFiles { split_dwarf_output: self.dwo_name(), ..files.clone() }
    }

    /// Writes what is in memory, gives every output its final name and tells the object's size.
    fn finish(self, object: &[u8]) -> Result<u64, JobError> {
        let failed = |output: PathBuf, error| JobError::Output { output, error: Arc::new(error) };
        let finish = |file: OutputFile, contents: &[u8]| {
            let output = file.path().to_owned();
            file.finish(contents).map_err(|error| failed(output, error))
        };
        if let Some(dwo) = self.dwo {
            finish(dwo, &[])?;
        }
        match self.object {
            Destination::File(file) => finish(file, object),
            Destination::Spool(spool, output) => {
                spool.put(output, object).map_err(|error| failed(output.to_owned(), error))?;
                Ok(object.len() as u64)
            }
        }
    }
}

/// The clock of what happens outside LLVM.
struct StageStart {
    wall: Instant,
    cpu: f64,
}

impl StageStart {
    fn now() -> Self {
        Self { wall: Instant::now(), cpu: thread_cpu_seconds() }
    }

    fn elapsed(&self) -> StageTime {
        StageTime { wall: self.wall.elapsed().as_secs_f64(), cpu: thread_cpu_seconds() - self.cpu }
    }
}

fn thread_cpu_seconds() -> f64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0.0, |time| time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9)
}
