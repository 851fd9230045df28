//! Whether all ways made the same objects: the speed of something wrong is worth nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::staged::Staged;
use crate::subject::Subject;

/// How many objects of `subject` are clang's, which are in `clang`. `object` says where the other's object of a
/// module is, by its position.
pub fn identical(subject: &Subject, clang: &Staged, object: impl Fn(usize) -> PathBuf) -> Result<usize> {
    Ok(subject.modules.len() - different(subject, clang, &object)?.len())
}

/// Any difference is an error, which leaves all objects in place. `who` made those of `object`.
pub fn demand(subject: &Subject, clang: &Staged, who: &str, object: impl Fn(usize) -> PathBuf) -> Result<()> {
    let different = different(subject, clang, &object)?;
    ensure!(
        different.is_empty(),
        "{who}: {} of {} objects are not clang's, and must be before their speed means anything; the first:\n  {}\n  {}",
        different.len(),
        subject.modules.len(),
        object(different[0]).display(),
        clang.object(&subject.modules[different[0]]).display(),
    );
    Ok(())
}

fn different(subject: &Subject, clang: &Staged, object: &impl Fn(usize) -> PathBuf) -> Result<Vec<usize>> {
    let mut different = Vec::new();
    for (position, module) in subject.modules.iter().enumerate() {
        if !same(&object(position), &clang.object(module))? {
            different.push(position);
        }
    }
    Ok(different)
}

/// `output`, which `who` linked, must be `reference`.
pub fn demand_same(who: &str, output: &Path, reference: &Path) -> Result<()> {
    let is_same = same(output, reference)?;
    ensure!(is_same, "{who}: {} must be the same as {}, and is not", output.display(), reference.display());
    Ok(())
}

/// Whether two files have the same contents.
pub fn same(one: &Path, other: &Path) -> Result<bool> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    Ok(read(one)? == read(other)?)
}
