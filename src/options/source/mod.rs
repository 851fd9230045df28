//! The places where builds keep the options of their files, a file for each.
//!
//! None of them knows what an option means. A source answers with a compile command as it is written
//! there; [`Sources`](super::Sources) asks them in order and has clang take the options from it.

pub mod compile_commands;
pub mod kbuild;
pub mod launchers;
pub mod ninja;
pub mod recorded;
pub mod rust;
pub mod shell;

use std::io;
use std::path::PathBuf;

use llvm_build::{CommandError, OpenError};

use super::MissingInput;
pub use compile_commands::CompileCommands;

/// A compile command that a build kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The compiler, as it was called.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it ran.
    pub ran_in: RanIn,
    /// Where the command was found, for people.
    pub found_in: String,
}

/// Where a command ran, as far as a source knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RanIn {
    /// In the working directory of this process.
    #[default]
    Here,
    /// In this directory.
    Directory(PathBuf),
    /// Nobody knows, or the directory is gone: the module's own and those above it are searched for what the command
    /// names.
    Unknown,
}

/// Why a source has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file that a source reads cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no compilation database where one was looked for.
    #[error(
        "compile_commands.json not found in {} or above; give its place (--options \
         compile-commands=PATH)", directory.display()
    )]
    NoDatabase {
        /// Where the search began.
        directory: PathBuf,
    },
    /// A compilation database is not JSON, or not a list.
    #[error("{database} is no compilation database: {reason}")]
    NotADatabase {
        /// The file, or the command that wrote it.
        database: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// An entry of a compilation database makes no sense.
    #[error("{database}, entry {entry}: {reason}")]
    Entry {
        /// The file, or the command that wrote it.
        database: String,
        /// Counted from 1.
        entry: usize,
        /// What is wrong.
        reason: String,
    },
    /// Several entries may be the module's.
    #[error(
        "{database} has {} different commands for {source_file}, and the outputs ({}) do not tell which one \
         made {module}",
        outputs.len(), outputs.join(", ")
    )]
    Ambiguous {
        /// The file, or the command that wrote it.
        database: String,
        /// The module id.
        module: String,
        /// What they compile.
        source_file: String,
        /// Their outputs.
        outputs: Vec<String>,
    },
    /// A module cannot be asked how it was made.
    #[error("{module}: cannot read what it says of how it was made: {error}")]
    Record {
        /// The module id.
        module: String,
        /// Why.
        error: OpenError,
    },
    /// ninja cannot be asked.
    #[error("cannot ask ninja: {0}")]
    Ninja(String),
    /// A module records several command lines.
    #[error(
        "{module} holds {count} different command lines, of several files, and nothing says which counts; name \
         another source of options before `recorded`"
    )]
    SeveralCommands {
        /// The module id.
        module: String,
        /// How many.
        count: usize,
    },
    /// clang cannot take options from the command.
    #[error("{found_in}: {error}")]
    Flags {
        /// Where the command is.
        found_in: String,
        /// Why.
        error: CommandError,
    },
    /// Commands that name files which a backend would read and which are not there.
    #[error(
        "{}; bring the files back, or compile without the options that name them (--missing-options warn)",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    MissingFiles(Vec<MissingInput>),
    /// Modules that no source knows.
    #[error(
        "no options for {}: not known to {sources}; name another source (--options), or give all of them \
         those of {giver} (--missing-options warn)",
        some_of(modules)
    )]
    Missing {
        /// The module ids.
        modules: Vec<String>,
        /// Who was asked.
        sources: String,
        /// Who has options for all modules.
        giver: &'static str,
    },
}

/// The first few names, and how many more there are.
pub(super) fn some_of(names: &[String]) -> String {
    const ENOUGH: usize = 5;
    match names.len().checked_sub(ENOUGH) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..ENOUGH].join(", ")),
    }
}
