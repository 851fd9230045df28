//! What a build system found out of its tools, which must not depend on who runs the backends.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A build directory that was configured with a linker.
pub struct Configured<'a> {
    /// The directory.
    pub dir: &'a Path,
    /// How the linker was named when it was configured.
    pub names: &'a [&'a str],
}

impl Configured<'_> {
    /// The lines of `file` with the same word for the directory and each name of the linker, whatever they are.
    fn lines(&self, file: &str) -> Result<Vec<String>> {
        let path = self.dir.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut text = text.replace(&*self.dir.to_string_lossy(), "DIRECTORY");
        for name in self.names {
            text = text.replace(name, "LINKER");
        }
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// Compares `file` in two directories, and returns how many lines it has.
///
/// # Errors
/// One of the files cannot be read, or they differ.
pub fn compare(file: &str, ours: &Configured<'_>, theirs: &Configured<'_>) -> Result<usize> {
    let (left, right) = (ours.lines(file)?, theirs.lines(file)?);
    if let Some((found, expected)) = left.iter().zip(&right).find(|(found, expected)| found != expected) {
        bail!("{file} says `{found}` with ld.thinfarm and `{expected}` with ld.lld");
    }
    if left.len() != right.len() {
        bail!("{file} has {} lines with ld.thinfarm and {} with ld.lld", left.len(), right.len());
    }
    Ok(left.len())
}
