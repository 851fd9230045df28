//! A source file that is changed for a while.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that gets its text back when this is dropped.
pub struct Changed {
    path: PathBuf,
    original: PathBuf,
}

impl Changed {
    /// Adds `code` to the end of the file.
    pub fn append(path: &Path, code: &str) -> Result<Self> {
        let changed = Changed { path: path.to_owned(), original: path.with_added_extension("orig") };
        changed.restore()?;
        fs::copy(path, &changed.original)
            .with_context(|| format!("cannot write {}", changed.original.display()))?;
        let text = fs::read_to_string(path)?;
        fs::write(path, text + code).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(changed)
    }

    /// Undoes what this run, or an earlier one that was interrupted, did.
    fn restore(&self) -> Result<()> {
        if self.original.exists() {
            // A copy and not a rename: the file must be newer than what was built from it.
            fs::copy(&self.original, &self.path)?;
            fs::remove_file(&self.original)?;
        }
        Ok(())
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        if let Err(error) = self.restore() {
            eprintln!("cannot restore {}: {error}", self.path.display());
        }
    }
}
