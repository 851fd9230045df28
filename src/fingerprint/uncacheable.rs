//! What no cache can answer for.

use std::fmt;

use super::files::names_directory;
use crate::plan::Job;

/// Why an object is neither looked for in a cache nor kept there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Uncacheable {
    /// Its module, its index or one it imports from cannot be read; the job says why.
    Unreadable,
    /// clang's own action makes it, because of this; it writes its outputs itself, and there may be several.
    ClangAction(String),
    /// There is a `.dwo` beside it.
    SplitDwarf,
    /// The assembler writes to a log.
    AssemblerLog,
    /// Diagnostics go to files, or files say which are suppressed.
    DiagnosticFiles,
    /// This `-mllvm` option tells something while LLVM works, or looks at more than the job, or at a directory.
    LlvmOption(String),
    /// A child worker makes it that may be another program.
    OtherProgram,
    /// Inline assembly of its own, or of a module it imports from, reads files.
    Assembly,
    /// Its diagnostics name a module, which elsewhere has another path.
    Diagnostics,
    /// What it was made of changed in the meantime.
    Changed,
}

impl fmt::Display for Uncacheable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("what it is made of cannot be read"),
            Self::ClangAction(reason) => f.write_str(reason),
            Self::SplitDwarf => f.write_str("-gsplit-dwarf"),
            Self::AssemblerLog => f.write_str("-as-secure-log-file"),
            Self::DiagnosticFiles => f.write_str("diagnostics have files of their own"),
            Self::LlvmOption(option) => write!(f, "-mllvm {option}"),
            Self::OtherProgram => f.write_str("another program is its worker"),
            Self::Assembly => f.write_str("inline assembly reads files"),
            Self::Diagnostics => f.write_str("its diagnostics name files"),
            Self::Changed => f.write_str("its inputs changed during the run"),
        }
    }
}

/// How options of LLVM begin that print or write something besides the object, or count what all jobs of a process do.
const TELLING: [&str; 12] = [
    "debug",
    "dot",
    "dump",
    "info-output-file",
    "opt-bisect",
    "pass-remarks",
    "print",
    "rng-seed",
    "stats",
    "time-passes",
    "verify-misched",
    "view",
];

impl Uncacheable {
    /// Why the options of `job` forbid it, if they do.
    pub(crate) fn by_options(job: &Job) -> Option<Self> {
        let options = job.command.codegen();
        let files = &job.command.files;
        if !options.clang_action_reason.is_empty() {
            return Some(Self::ClangAction(options.clang_action_reason.clone()));
        }
        if let Some(file) = files.side_outputs.first() {
            return Some(Self::ClangAction(file.clone()));
        }
        if !files.split_dwarf_file.is_empty() || !files.split_dwarf_output.is_empty() {
            return Some(Self::SplitDwarf);
        }
        if !options.as_secure_log_file.is_empty() {
            return Some(Self::AssemblerLog);
        }
        let tells = |option: &&str| {
            let name = option.trim_start_matches('-');
            TELLING.iter().any(|telling| name.starts_with(telling))
        };
        let telling = job.llvm_args().iter().map(String::as_str).find(tells);
        telling.or_else(|| names_directory(options)).map(|option| Self::LlvmOption(option.to_owned()))
    }
}
