//! The names of sources, as people write them.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One of the places where builds keep the options of their files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceName {
    /// `.NAME.o.cmd` beside the module, as the Linux kernel's build leaves them.
    Kbuild,
    /// `compile_commands.json`: the file or its directory; looked for where clangd looks without one.
    CompileCommands(Option<PathBuf>),
    /// The module itself: clang keeps a command line in it (`-frecord-command-line`, for example).
    Recorded,
    /// What ninja knows of its build directory, by default the working directory.
    Ninja(Option<PathBuf>),
    /// What a module of rustc's says of its target.
    Rust,
}

impl SourceName {
    /// The sources that belong to a module itself, so that asking them is right in any build.
    pub const OWN: [Self; 2] = [Self::Recorded, Self::Kbuild];

    /// The same, with a relative path taken as relative to `directory`.
    #[must_use]
    pub fn below(self, directory: &Path) -> Self {
        let below = |path: Option<PathBuf>| path.map(|path| directory.join(path));
        match self {
            Self::CompileCommands(path) => Self::CompileCommands(below(path)),
            Self::Ninja(path) => Self::Ninja(below(path)),
            other => other,
        }
    }
}

impl FromStr for SourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (text, None),
        };
        match (name, path) {
            ("kbuild", None) => Ok(Self::Kbuild),
            ("compile-commands", path) => Ok(Self::CompileCommands(path)),
            ("recorded", None) => Ok(Self::Recorded),
            ("ninja", path) => Ok(Self::Ninja(path)),
            ("rust", None) => Ok(Self::Rust),
            ("kbuild" | "recorded" | "rust", Some(_)) => Err(format!("{name} takes no path")),
            _ => Err("expected kbuild, compile-commands[=PATH], recorded, ninja[=DIR] or rust".to_owned()),
        }
    }
}
