//! thinfarm as a file, with `ld.thinfarm` beside it.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use thinfarm_corpora::{Invocation, target_dir};

const NAME: &str = "thinfarm";
const LINKER: &str = "ld.thinfarm";

/// What cargo calls the profile, and the directory of what is built by it.
const PROFILE: &str = "dist";

/// A thinfarm in a directory of its own.
pub struct Program {
    dir: PathBuf,
}

impl Program {
    /// One that is yet to be written to `dir`.
    pub fn new(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let program = Program { dir: dir.to_owned() };
        let linker = program.linker();
        if linker.symlink_metadata().is_err() {
            symlink(NAME, &linker).with_context(|| format!("cannot create {}", linker.display()))?;
        }
        Ok(program)
    }

    /// Builds it with all relocations kept: by these BOLT knows code from data, and may move both.
    pub fn build() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Invocation::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root)
            .args(["rustc", "--quiet", "--package", NAME, "--bin", NAME, "--profile", PROFILE])
            .args(["--", "-C", "link-arg=-Wl,--emit-relocs"])
            .watch()?;
        Program::new(&target_dir().join(PROFILE))
    }

    /// Moves it to `dir`, in place of what is there: whoever starts a program meanwhile gets the old one or
    /// the new one.
    pub fn install(self, dir: &Path) -> Result<Self> {
        let installed = Program::new(dir)?;
        fs::rename(self.path(), installed.path())
            .with_context(|| format!("cannot rename {}", self.path().display()))?;
        Ok(installed)
    }

    /// The program.
    pub fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// The same by its other name.
    pub fn linker(&self) -> PathBuf {
        self.dir.join(LINKER)
    }
}
