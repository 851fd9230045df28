//! What is linked: plain data, the same for every way.

mod kernel;
mod library;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use thinfarm_corpora::Toolchain;

/// What can be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// A shared library.
    Library(thinfarm_corpora::Corpus),
    /// Linux for x86-64, each file with the options that kbuild gives it.
    Kernel,
}

/// A link: its modules and all that its commands need.
pub struct Subject {
    /// What it is called in reports.
    pub name: &'static str,
    /// What it is called in tables, such as `zstd, 37 C modules, -O2 -fPIC`.
    pub title: String,
    /// The directory in which all commands run and where relative paths start.
    pub dir: PathBuf,
    /// The modules, in the order of the link, as the link spells them.
    pub modules: Vec<PathBuf>,
    /// The options of code generation.
    pub options: Options,
    /// What lld is told.
    pub link: Link,
    /// The module that changes where one changes.
    pub change: Change,
}

/// Options of code generation, as clang command lines.
pub enum Options {
    /// All modules have these.
    OfAll(Vec<String>),
    /// Each module has its own, which thinfarm finds in kbuild's records.
    OfEach(Vec<Vec<String>>),
}

/// The command lines of lld.
pub struct Link {
    /// Options of every visit.
    pub options: Vec<String>,
    /// What lld must be told besides for its own backends to make what clang makes.
    pub backends: Vec<String>,
    /// The inputs of a link of bitcode.
    pub bitcode: Vec<String>,
    /// The inputs of a link of native objects, in order: each module stands for its object.
    pub order: Vec<PathBuf>,
    /// What follows them.
    pub libraries: Vec<String>,
}

/// A module, and how to compile another version of it.
pub struct Change {
    /// The module.
    pub module: PathBuf,
    /// Its front end's command, but for `-o`.
    pub front_end: Vec<String>,
}

impl Corpus {
    /// The name on command lines and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Corpus::Library(library) => library.name(),
            Corpus::Kernel => "kernel",
        }
    }

    /// Compiles the modules, where something changed. `jobs` front ends run at once.
    pub fn build(self, toolchain: &Toolchain, jobs: usize) -> Result<Subject> {
        match self {
            Corpus::Library(library) => library::build(library, toolchain, jobs),
            Corpus::Kernel => kernel::build(toolchain),
        }
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Corpus {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        if name == Corpus::Kernel.name() {
            return Ok(Corpus::Kernel);
        }
        match name.parse() {
            Ok(library) => Ok(Corpus::Library(library)),
            Err(error) => bail!("{error}, kernel"),
        }
    }
}

impl Options {
    /// Those of the module at `position`.
    pub fn of(&self, position: usize) -> &[String] {
        match self {
            Options::OfAll(options) => options,
            Options::OfEach(options) => &options[position],
        }
    }
}

/// The position of the module that changes: the middle of the link, so that nobody chose a convenient one.
fn middle(modules: &[PathBuf]) -> usize {
    modules.len() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["zstd", "tiny", "kernel"] {
            assert_eq!(name.parse::<Corpus>().unwrap().name(), name);
        }
        let error = "chromium".parse::<Corpus>().unwrap_err().to_string();
        assert!(error.contains("chromium") && error.ends_with("rocksdb, kernel"), "{error}");
    }
}
