//! The directories in which pages run.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use thinfarm_corpora::Toolchain;

use crate::page::Page;
use crate::root;

/// Programs that a kernel's make calls by their names with a version.
const VERSIONED: [&str; 3] = ["clang", "ld.lld", "llvm-ar"];

/// Puts what the commands of `page` work on into `directory`, and programs that its tree needs into `bin`.
///
/// # Errors
/// Something cannot be written, or a program is missing.
pub fn plant(page: &Page, directory: &Path, bin: &Path) -> Result<()> {
    let is_kernel = page.name == "docs/kernel.md";
    if is_kernel {
        let programs = Toolchain::find()?.clang;
        let programs = programs.parent().context("clang is in a directory")?;
        for name in VERSIONED {
            symlink(programs.join(name), bin.join(format!("{name}-22")))?;
        }
    }
    copy(&root().join(if is_kernel { "tests/documents/kernel" } else { "docs/example" }), directory)
}

/// Checks what is left in `directory` when all commands have succeeded.
///
/// # Errors
/// The commands did not do what the page says they do.
pub fn inspect(page: &Page, directory: &Path) -> Result<()> {
    if page.name == "docs/kernel.md" {
        // Each of the three ways leaves something: the last link's index list, and the overlay's directory.
        for left in
            ["vmlinux.o", "vmlinux.thinlto-index", "init/main.thinlto-native.o", ".tmp_thinlto/objects"]
        {
            ensure!(directory.join(left).exists(), "the commands have left no {left}");
        }
    }
    if page.name == "docs/profiles.md" {
        let profile: Value = serde_json::from_slice(&fs::read(directory.join("cost.json"))?)?;
        let missing: Vec<_> =
            keys(&profile).into_iter().filter(|key| !page.text.contains(&format!("`{key}`"))).collect();
        ensure!(missing.is_empty(), "the page says nothing of these fields: {missing:?}");
    }
    Ok(())
}

/// The names of all fields of `value` and of what is in it.
fn keys(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(fields) => fields.keys().cloned().chain(fields.values().flat_map(keys)).collect(),
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        _ => BTreeSet::new(),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
