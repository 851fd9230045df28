//! The places where builds keep the options of their files.

pub mod recorded;
pub mod rust;

use std::path::{Path, PathBuf};

use llvm_build::CommandError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub program: String,
    pub args: Vec<String>,
    pub directory: Option<PathBuf>,
    pub found_in: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(
        "{module} holds {count} different command lines, of several files; which one is its own cannot be said: give another source of options first"
    )]
    SeveralCommands { module: String, count: usize },
    #[error("{found_in}: {error}")]
    Flags { found_in: String, error: CommandError },
    #[error("no options for {} modules", modules.len())]
    Missing { modules: Vec<String> },
}
#[derive(Debug)]
pub struct CompileCommands;
impl CompileCommands {
    pub fn find(_: Option<&Path>) -> Result<Self, SourceError> {
        Ok(Self)
    }
    pub fn command(
        &self,
        _: Option<&Path>,
        _: impl FnOnce() -> Option<String>,
    ) -> Result<Option<Kept>, SourceError> {
        Ok(None)
    }
}
pub mod ninja {
    use super::*;
    pub fn compile_commands(_: Option<&Path>) -> Result<CompileCommands, SourceError> {
        Ok(CompileCommands)
    }
}
pub mod kbuild {
    use super::*;
    pub fn command(_: &Path) -> Result<Option<Kept>, SourceError> {
        Ok(None)
    }
}
