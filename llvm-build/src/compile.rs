//! One backend job, on the calling thread.

use std::fmt;

use cxx::UniquePtr;

use crate::bitcode::{Bitcode, Index};
use crate::bridge::ffi::{self, CodegenOptions, JobFiles, LinkMessage, Stage, StageTimes};
use crate::command::Cc1;
use crate::crash;
use crate::lld::LinkHooks;

/// What a successful job made.
pub struct Compiled {
    raw: UniquePtr<ffi::BackendResult>,
}

/// A job that made nothing.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why, in LLVM's words.
    pub reason: String,
    /// Diagnostics as clang words them, a line or more each; may be empty.
    pub diagnostics: String,
    /// The same in lld's words.
    pub messages: Vec<LinkMessage>,
    /// How many of them are warnings.
    pub warnings: u32,
    /// How many of them are errors.
    pub errors: u32,
    /// LLVM crashed rather than reported an error: locks that the job held stay held.
    pub crashed: bool,
    /// What LLVM was doing when a crash or a fatal error ended it, a line each, the innermost last: usually a pass
    /// and the function or the module it ran on.
    pub doing: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.doing.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl std::error::Error for Failure {}

// SAFETY: the C++ object owns all it has, bytes, text and numbers, and is only read.
unsafe impl Send for Compiled {}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("size", &self.object().len()).finish()
    }
}

impl Compiled {
    fn of(raw: UniquePtr<ffi::BackendResult>) -> Result<Self, Failure> {
        if raw.ok() {
            return Ok(Self { raw });
        }
        Err(Failure {
            reason: raw.error().trim_end().to_owned(),
            diagnostics: raw.diagnostics(),
            messages: raw.messages(),
            warnings: raw.warnings(),
            errors: raw.errors(),
            crashed: raw.crashed(),
            doing: raw.doing().lines().rev().map(crash::shortened).collect(),
        })
    }

    /// The native object. Empty if clang's own action wrote it, see [`compile_with_clang_action`].
    pub fn object(&self) -> &[u8] {
        self.raw.object()
    }

    /// Warnings as clang words them, a line or more each.
    pub fn diagnostics(&self) -> String {
        self.raw.diagnostics()
    }

    /// The same in lld's words.
    pub fn messages(&self) -> Vec<LinkMessage> {
        self.raw.messages()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> u32 {
        self.raw.warnings()
    }

    /// Where the time went.
    pub fn times(&self) -> StageTimes {
        self.raw.times()
    }
}

/// How a job is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Codegen options.
    pub options: &'a CodegenOptions,
    /// Files beside the module; a `.dwo` goes to `split_dwarf_output`.
    pub files: &'a JobFiles,
    /// Says which warnings are wanted.
    pub warning_flags: &'a Cc1,
    /// The debug information of the modules is not verified as it is read, where LLVM is linked statically. That is
    /// for bitcode that this very LLVM wrote.
    pub trust_debug_info: bool,
    /// What the link of the job wants besides.
    pub hooks: &'a LinkHooks,
}

/// Hears of the stages of a job, on its thread: which one begins. `false` stops the job, which is the only way to stop
/// LLVM before its end.
pub struct StageListener<'a>(pub &'a mut dyn FnMut(Stage) -> bool);

impl fmt::Debug for StageListener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StageListener")
    }
}

impl StageListener<'_> {
    pub(crate) fn reached(&mut self, stage: Stage) -> bool {
        (self.0)(stage)
    }
}

/// Compiles `module` as its `index` says, importing from `imports`, into memory. `listener` is told of the stages from
/// [`Stage::Import`] to [`Stage::Codegen`], and must not panic.
///
/// The calling thread needs a stack of 16 MB or more: LLVM recurses deeply.
///
/// # Errors
/// LLVM's reason, or that `listener` stopped it. A crash of LLVM is a [`Failure`] too.
///
/// # Panics
/// If `module` is not a ThinLTO module or the index is empty: then there is nothing to import, and
/// [`compile_with_clang_action`] does what clang does.
pub fn compile_with_thin_backend<'a>(
    module: &Bitcode,
    index: Index,
    imports: impl IntoIterator<Item = &'a Bitcode>,
    settings: &Settings<'_>,
    listener: &mut StageListener<'_>,
) -> Result<Compiled, Failure> {
    assert!(module.facts().is_thin_lto && !index.is_empty(), "not a thin backend job");
    let mut map = ffi::new_import_map();
    for import in imports {
        map.pin_mut().add(import.raw());
    }
    let Settings { options, files, warning_flags, trust_debug_info, hooks } = *settings;
    let (cc1, hooks) = (&warning_flags.0, &hooks.0);
    let raw = ffi::run_thin_backend(
        module.raw(),
        index.raw,
        map,
        options,
        files,
        cc1,
        trust_debug_info,
        hooks,
        listener,
    );
    Compiled::of(raw)
}

/// Runs `cc1` through clang's own code generation action, which reads and writes the files itself:
/// the main output to `output`, a `.dwo` to `split_dwarf_output`. Only a `module` that is not a file
/// by itself is handed to it; what it imports, clang looks for under the module ids.
///
/// # Errors
/// clang's diagnostics. A crash is a [`Failure`] too.
pub fn compile_with_clang_action(
    cc1: &Cc1,
    module: Option<&Bitcode>,
    output: &str,
    split_dwarf_output: &str,
) -> Result<Compiled, Failure> {
    crate::initialize();
    let module = module.map_or(&[][..], Bitcode::bitcode);
    Compiled::of(ffi::run_clang_action(&cc1.0, module, output, split_dwarf_output))
}
