//! Copies of static libraries in which functions make room for ours.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::locate::{LlvmConfig, fail};

/// How a function makes room.
#[derive(Clone, Copy)]
pub enum Change {
    /// It has another name, also where its library calls it; ours can call it by that.
    Rename(&'static str),
    /// Ours takes its place everywhere.
    Weaken,
}

/// Makes a copy of `library` with these changes of symbols, and links it.
pub fn link(llvm: &LlvmConfig, library: &Path, changes: &[(String, Change)]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let stem = library.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("thinfarm-{}", stem.strip_prefix("lib").unwrap_or(&stem));
    output(
        Command::new(llvm.directory("--bindir").join("llvm-objcopy"))
            .args(changes.iter().map(|(symbol, change)| match change {
                Change::Rename(instead) => format!("--redefine-sym={symbol}={instead}"),
                Change::Weaken => format!("--weaken-symbol={symbol}"),
            }))
            .args([library, &out.join(format!("lib{name}.a"))]),
    );
    println!("cargo::rerun-if-changed={}", library.display());
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static:-bundle={name}");
}

/// The symbol that begins with `prefix` among those that `library` defines (`--defined-only`) or uses
/// (`--undefined-only`); the C++ library in use decides the rest of its name.
pub fn symbol(llvm: &LlvmConfig, library: &Path, which: &str, prefix: &str) -> String {
    let listed = output(
        Command::new(llvm.directory("--bindir").join("llvm-nm"))
            .args(["--quiet", "--just-symbol-name", which])
            .arg(library),
    );
    let found = listed.split_whitespace().find(|symbol| symbol.starts_with(prefix));
    found.map(str::to_owned).unwrap_or_else(|| {
        fail(&format!("{} has no symbol {prefix}: is it not of LLVM 22?", library.display()))
    })
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| fail(&format!("{command:?} does not run: {error}")));
    if !output.status.success() {
        fail(&format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}
