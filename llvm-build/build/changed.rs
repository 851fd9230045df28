//! Copies of static libraries in which functions make room for ours.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::locate::{LlvmConfig, fail};

/// What the names of LLVM's own functions begin with where ours have taken theirs.
const ORIGINAL: &str = "thinfarm_llvm";

/// A copy of a library, which is to be linked in its place.
pub struct Copy {
    library: PathBuf,
    name: String,
    path: PathBuf,
    /// For object files of it.
    directory: PathBuf,
}

impl Copy {
    pub fn of(library: &Path) -> Self {
        let stem = library.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("thinfarm-{}", stem.strip_prefix("lib").unwrap_or(&stem));
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        let directory = out.join(&name);
        fs::create_dir_all(&directory)
            .unwrap_or_else(|error| fail(&format!("{}: {error}", directory.display())));
        let path = out.join(format!("lib{name}.a"));
        fs::copy(library, &path).unwrap_or_else(|error| fail(&format!("{}: {error}", library.display())));
        Self { library: library.to_owned(), path, directory, name }
    }

    /// Gives the functions whose symbols begin with `prefixes` other names, see [`ORIGINAL`]. Whoever calls them, but
    /// the object file that defines them, calls ours then; without ours there is no link.
    pub fn replace(self, llvm: &LlvmConfig, prefixes: &[&str]) -> Self {
        let symbols = symbols(llvm, &self.path, "--defined-only");
        let found: BTreeSet<_> =
            prefixes.iter().flat_map(|prefix| beginning_with(&self.library, &symbols, prefix)).collect();
        let members: BTreeSet<&str> = found.iter().map(|symbol| symbol.member.as_str()).collect();
        for member in members {
            let changed = self.directory.join(member);
            let archiver = || {
                let mut archiver = Command::new(llvm.directory("--bindir").join("llvm-ar"));
                archiver.current_dir(&self.directory);
                archiver
            };
            output(archiver().arg("x").arg(&self.path).arg(member));
            let renamed = found.iter().filter(|symbol| symbol.member == member);
            let mut objcopy = Command::new(llvm.directory("--bindir").join("llvm-objcopy"));
            objcopy
                .args(renamed.map(|Symbol { name, .. }| format!("--redefine-sym={name}={ORIGINAL}{name}")));
            output(objcopy.arg(&changed));
            output(archiver().arg("r").arg(&self.path).arg(member));
        }
        self
    }

    /// Has the library call other functions: instead of the one whose symbol begins with a prefix, one of the name that
    /// is given with it.
    pub fn redirect(self, llvm: &LlvmConfig, calls: &[(&str, &str)]) -> Self {
        let symbols = symbols(llvm, &self.path, "--undefined-only");
        let mut objcopy = Command::new(llvm.directory("--bindir").join("llvm-objcopy"));
        for (prefix, instead) in calls {
            let found = beginning_with(&self.library, &symbols, prefix);
            let names: BTreeSet<&str> = found.iter().map(|symbol| symbol.name.as_str()).collect();
            // One of ours stands for one of LLVM's.
            if names.len() > 1 {
                fail(&format!("{} calls several functions {prefix}: {names:?}", self.library.display()));
            }
            objcopy.args(names.iter().map(|name| format!("--redefine-sym={name}={instead}")));
        }
        output(objcopy.arg(&self.path));
        self
    }

    pub fn link(self) {
        println!("cargo::rerun-if-changed={}", self.library.display());
        println!("cargo::rustc-link-search=native={}", self.path.parent().unwrap_or(&self.path).display());
        println!("cargo::rustc-link-lib=static:-bundle={}", self.name);
    }
}

/// A global symbol of a library.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Symbol {
    /// The object file in the library.
    member: String,
    name: String,
}

/// The symbols that `library` defines (`--defined-only`) or uses (`--undefined-only`).
fn symbols(llvm: &LlvmConfig, library: &Path, which: &str) -> Vec<Symbol> {
    let listed = output(
        Command::new(llvm.directory("--bindir").join("llvm-nm"))
            .args(["--quiet", "--extern-only", "--print-file-name", "--format=just-symbols", which])
            .arg(library),
    );
    // LIBRARY:MEMBER: SYMBOL
    let symbol = |line: &str| {
        let (place, name) = line.rsplit_once(": ")?;
        let (_, member) = place.rsplit_once(':')?;
        Some(Symbol { member: member.to_owned(), name: name.to_owned() })
    };
    listed.lines().filter_map(symbol).collect()
}

/// The symbols that begin with `prefix`; the C++ library in use decides the rest of their names.
fn beginning_with(library: &Path, symbols: &[Symbol], prefix: &str) -> Vec<Symbol> {
    let found: Vec<_> = symbols.iter().filter(|symbol| symbol.name.starts_with(prefix)).cloned().collect();
    if found.is_empty() {
        fail(&format!("{} has no symbol {prefix}: is it not of LLVM 22?", library.display()));
    }
    found
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| fail(&format!("{command:?} does not run: {error}")));
    if !output.status.success() {
        fail(&format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}
