//! The module that changes, put in the place of the original, and back.
//!
//! The corpora are shared with whoever else uses them. What is changed is therefore written down first, so that
//! the next run undoes what one that was killed left behind.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use thinfarm_corpora::Invocation;

use super::OUTPUT;
use crate::subject::Subject;

/// In this file, below the output directory, stands which module is not the original.
const RECORD: &str = "changed-module";

/// The original meanwhile.
const ORIGINAL: &str = "original.o";

/// What another version has and the original has not: a function that nobody calls and the linker keeps.
const ADDITION: &str = "\
#ifdef __cplusplus
extern \"C\"
#endif
int thinfarm_bench_changed(int c);
int thinfarm_bench_changed(int c) { return c * 3 + THINFARM_BENCH_VERSION; }
";

/// A module is another than the original as long as this lives.
pub struct Swapped {
    dir: PathBuf,
}

impl Swapped {
    /// Puts version `number` of the subject's changing module in its place. No two versions are the same.
    pub fn in_place(subject: &Subject, number: usize) -> Result<Swapped> {
        let output = subject.dir.join(OUTPUT);
        let (addition, other) = (output.join("addition.h"), output.join("changed.o"));
        fs::write(&addition, ADDITION).with_context(|| format!("cannot write {}", addition.display()))?;
        let (compiler, arguments) = subject.change.front_end.split_first().context("no front end")?;
        Invocation::new(compiler, &subject.dir)
            .args(arguments)
            .arg(format!("-DTHINFARM_BENCH_VERSION={number}"))
            .arg("-include")
            .arg(&addition)
            .arg("-o")
            .arg(&other)
            .capture()
            .with_context(|| format!("cannot change {}", subject.change.module.display()))?;

        let (module, original) = (subject.dir.join(&subject.change.module), output.join(ORIGINAL));
        let record = output.join(RECORD);
        fs::write(&record, subject.change.module.as_os_str().as_encoded_bytes())
            .with_context(|| format!("cannot write {}", record.display()))?;
        let swapped = Swapped { dir: subject.dir.clone() };
        rename(&module, &original)?;
        rename(&other, &module)?;
        Ok(swapped)
    }

    /// Puts the original back.
    pub fn undo(self) -> Result<()> {
        restore(&self.dir)
    }
}

impl Drop for Swapped {
    fn drop(&mut self) {
        if let Err(error) = restore(&self.dir) {
            eprintln!("error: {error:#}");
        }
    }
}

/// Puts the original back in `dir`, if it is not there.
pub fn restore(dir: &Path) -> Result<()> {
    let output = dir.join(OUTPUT);
    let (record, original) = (output.join(RECORD), output.join(ORIGINAL));
    if !record.exists() {
        return Ok(());
    }
    if original.exists() {
        let module =
            fs::read_to_string(&record).with_context(|| format!("cannot read {}", record.display()))?;
        rename(&original, &dir.join(module))?;
    }
    fs::remove_file(&record).with_context(|| format!("cannot remove {}", record.display()))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_undone() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| fs::write(dir.path().join(path), text).unwrap();
        let read = || fs::read_to_string(dir.path().join("a.o")).unwrap();
        fs::create_dir(dir.path().join(OUTPUT)).unwrap();
        write("a.o", "the original");
        restore(dir.path()).unwrap();
        assert_eq!(read(), "the original");

        // Killed before the first rename, and after the second.
        write("bench/changed-module", "a.o");
        restore(dir.path()).unwrap();
        assert_eq!(read(), "the original");
        write("bench/changed-module", "a.o");
        write("bench/original.o", "the original");
        write("a.o", "another");
        restore(dir.path()).unwrap();
        assert_eq!(read(), "the original");
        assert!(fs::read_dir(dir.path().join(OUTPUT)).unwrap().next().is_none());
    }
}
