//! The public items of the library are those that `public.txt` lists. `--write` writes the list anew.
//!
//! rustdoc says which they are. Its JSON belongs to one version of Rust: with another the list is not compared.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What a line of the list can say of an item before its path.
const KINDS: [&str; 9] = [
    "pub use ",
    "pub mod ",
    "pub struct ",
    "pub enum ",
    "pub trait ",
    "pub type ",
    "pub const ",
    "pub fn ",
    "pub macro ",
];

/// How paths begin that everybody can name.
const EVERYBODYS: [&str; 4] = ["std::", "core::", "alloc::", "Self::"];

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = directory.join("public.txt");
    let json = rustdoc(directory)?;
    let format = format_of(&json)?;
    if format != rustdoc_types::FORMAT_VERSION {
        let ours = rustdoc_types::FORMAT_VERSION;
        println!(
            "public items not compared: rustdoc writes format {format}, and the list was made from {ours}"
        );
        return Ok(());
    }
    let public = public_items(&json)?;
    if env::args().any(|arg| arg == "--write") {
        fs::write(&list, public.join("\n") + "\n").with_context(|| list.display().to_string())?;
    }
    let listed = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let listed: Vec<&str> = listed.lines().collect();

    let unnamed = unnamed(&public);
    ensure!(
        unnamed.is_empty(),
        "types in public signatures that the library has no name for; re-export them:\n{}",
        unnamed.join("\n")
    );
    let changes = changes(&listed, &public);
    ensure!(
        changes.is_empty(),
        "the library has other public items than {} lists:\n{}\nIf that is meant, run `make api` and commit the list.",
        list.display(),
        changes.join("\n")
    );
    println!("{} lines of public items, as listed", public.len());
    Ok(())
}

/// Has rustdoc write down the library as an embedder gets it; returns the file.
fn rustdoc(directory: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| directory.join("../../target"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(["rustdoc", "--quiet", "--release", "-p", "thinfarm", "--lib", "--no-default-features"]);
    command.arg("--target-dir").arg(&target);
    command.args(["--", "-Zunstable-options", "--output-format=json"]);
    // A variable for cargo itself would have it build every dependency that looks at that variable anew.
    command.env("RUSTDOC", directory.join("rustdoc.sh"));
    let status = command.current_dir(directory).status().context("cargo")?;
    ensure!(status.success(), "cargo rustdoc failed");
    Ok(target.join("doc/thinfarm.json"))
}

fn format_of(json: &Path) -> Result<u32> {
    let text = fs::read(json).with_context(|| json.display().to_string())?;
    let json: Value = serde_json::from_slice(&text)?;
    let format = json["format_version"].as_u64().context("rustdoc names no format")?;
    Ok(u32::try_from(format)?)
}

/// A line for each, without what every type has and what `derive` adds.
fn public_items(json: &Path) -> Result<Vec<String>> {
    let mut builder = public_api::Builder::from_rustdoc_json(json);
    builder = builder.omit_blanket_impls(true).omit_auto_trait_impls(true).omit_auto_derived_impls(true);
    let public = builder.build()?;
    Ok(public.items().map(ToString::to_string).collect())
}

/// Lines that `public` has more or fewer than `listed`.
fn changes(listed: &[&str], public: &[String]) -> Vec<String> {
    let before: BTreeSet<&str> = listed.iter().copied().collect();
    let now: BTreeSet<&str> = public.iter().map(String::as_str).collect();
    let gone = before.difference(&now).map(|line| format!("- {line}"));
    gone.chain(now.difference(&before).map(|line| format!("+ {line}"))).collect()
}

/// Types in `public` that no item of it names and that are not Rust's own, with the first line that has them.
fn unnamed(public: &[String]) -> Vec<String> {
    let named: BTreeSet<&str> = public.iter().filter_map(|line| named_by(line)).collect();
    let mut seen = BTreeSet::new();
    let mut unnamed = Vec::new();
    for line in public {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let is_known = |word: &&str| EVERYBODYS.iter().any(|known| word.starts_with(known));
        for word in words.filter(|word| word.contains("::") && !is_known(word)) {
            let is_type =
                |part: &&str| part.starts_with(char::is_uppercase) && part.contains(char::is_lowercase);
            let Some(name) = word.split("::").find(is_type) else { continue };
            if !named.contains(name) && seen.insert(name) {
                unnamed.push(format!("{word}: {line}"));
            }
        }
    }
    unnamed
}

/// The last part of the path of what `line` is about.
fn named_by(line: &str) -> Option<&str> {
    let line = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
    let path = KINDS.iter().find_map(|kind| line.strip_prefix(kind))?;
    let path = path.split(['<', '(', ' ']).next()?.trim_end_matches(':');
    path.rsplit("::").next()
}
