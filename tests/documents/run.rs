//! Runs the blocks of a page as one shell script.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use thinfarm_corpora::{Toolchain, alone};

use crate::page::{Block, Kind, Page};
use crate::trees;

/// The name of the file with what a block printed.
fn printed_by(block: &Block) -> String {
    format!("line-{}", block.line)
}

/// Runs every command of `page` and compares what it prints.
///
/// # Errors
/// A command failed, or printed something else.
pub fn run(page: &Page) -> Result<()> {
    let home = TempDir::new()?;
    let [bin, work, records, runtime] = ["bin", "work", "records", "run"].map(|name| home.path().join(name));
    for directory in [&bin, &work, &records, &runtime] {
        fs::create_dir(directory)?;
    }
    trees::plant(page, &work, &bin)?;
    let toolchain = Toolchain::find()?;
    symlink(program(), bin.join("thinfarm"))?;
    symlink("thinfarm", bin.join("ld.thinfarm"))?;

    let mut shell = Command::new("bash");
    alone(&mut shell);
    // A page has the machine to share for itself.
    shell.env_remove("THINFARM_MACHINE_SHARE").env("XDG_RUNTIME_DIR", &runtime);
    shell.env("HOME", home.path()).envs(homes_of_rust());
    let llvm = toolchain.clang.parent().context("clang is in a directory")?;
    let others = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{}:{others}", bin.display(), llvm.display()));
    shell.env("RECORDS", &records).current_dir(&work).stdin(Stdio::null());
    let done = shell.args(["-c", &script(page)]).output().context("bash does not start")?;

    let printed: BTreeMap<String, String> = fs::read_dir(&records)?
        .map(|entry| {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, String::from_utf8_lossy(&fs::read(&path)?).into_owned()))
        })
        .collect::<Result<_>>()?;
    let commands = || page.blocks.iter().filter(|block| block.kind == Kind::Commands);
    if !done.status.success() {
        let last = commands().rfind(|block| printed.contains_key(&printed_by(block)));
        let line = last.map_or(0, |block| block.line);
        let said = last.map_or("", |block| &printed[&printed_by(block)]);
        let stderr = String::from_utf8_lossy(&done.stderr);
        bail!("{}:{line}: the commands failed with {}:\n{said}{stderr}", page.name, done.status);
    }
    let mut last = None;
    for block in &page.blocks {
        match (&block.kind, last) {
            (Kind::Commands, _) => last = Some(&printed[&printed_by(block)]),
            (Kind::Output, Some(printed)) => compare(&block.text, printed)
                .with_context(|| format!("{}:{}: it printed\n{printed}", page.name, block.line))?,
            _ => {}
        }
    }
    trees::inspect(page, &work)
}

/// The program under test.
pub fn program() -> std::path::PathBuf {
    std::env::var_os("THINFARM").map_or_else(|| env!("CARGO_BIN_EXE_thinfarm").into(), Into::into)
}

/// cargo and rustup look below the home directory, which is another one here.
fn homes_of_rust() -> Vec<(&'static str, std::path::PathBuf)> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let of = |(variable, folder): (&'static str, &str)| {
        let there = std::env::var_os(variable).map_or_else(|| Path::new(&home).join(folder), Into::into);
        (variable, there)
    };
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")].map(of).into()
}

/// The page's commands and files as one script.
fn script(page: &Page) -> String {
    let mut script = "set -eu -o pipefail\n".to_owned();
    for block in &page.blocks {
        match &block.kind {
            // In this shell, so that what a block sets the next one has.
            Kind::Commands => {
                let _ = writeln!(script, "{{\n{}}} > \"$RECORDS/{}\" 2>&1", block.text, printed_by(block));
            }
            Kind::File(name) => {
                let _ = write!(script, "cat > {name} <<'END OF {name}'\n{}END OF {name}\n", block.text);
            }
            Kind::Output | Kind::NotRun(_) | Kind::Example | Kind::Text => {}
        }
    }
    script
}

/// Whether `printed` has the lines of `expected` in this order.
pub fn compare(expected: &str, printed: &str) -> Result<()> {
    let mut lines = printed.lines();
    for expected in expected.lines() {
        ensure!(lines.any(|line| matches(expected, line)), "and not, or not in this order:\n{expected}");
    }
    Ok(())
}

/// Whether `line` is `pattern`, in which `…` stands for anything and runs of spaces for one.
pub fn matches(pattern: &str, line: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (pattern, line) = (words(pattern), words(line));
    let mut pieces = pattern.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        last = Some(piece);
        match rest.find(piece.trim()) {
            Some(at) => rest = &rest[at + piece.trim().len()..],
            None => return false,
        }
    }
    last.map_or(rest.is_empty(), |last| last.trim().is_empty() || line.ends_with(last.trim()))
}
