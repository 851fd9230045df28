//! A link of the program in which one of our functions is missing must fail. It must not take LLVM's in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use llvm_build::replaced::{ChangedLibrary, bridge_library, changed_libraries};
use tempfile::TempDir;

use super::fixture::{Said, llvm_tool, run};

/// The global symbols of `library` that `which` selects, each with the object files that have it.
fn symbols(library: &Path, which: &str) -> BTreeMap<String, Vec<String>> {
    let mut nm = Command::new(llvm_tool("llvm-nm"));
    nm.args(["--quiet", "--extern-only", "--print-file-name", "--format=just-symbols", which]).arg(library);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in run(&mut nm).succeeded().stdout.lines() {
        // LIBRARY:MEMBER: SYMBOL
        let (place, symbol) = line.rsplit_once(": ").expect(line);
        let (_, member) = place.rsplit_once(':').expect(line);
        found.entry(symbol.to_owned()).or_default().push(member.to_owned());
    }
    found
}

/// What a changed library leaves to us: functions that it defined, or calls that go elsewhere.
fn left_to_us(library: &ChangedLibrary) -> BTreeSet<String> {
    let keys = |library: &Path, which| symbols(library, which).into_keys().collect::<BTreeSet<_>>();
    let defined = |library: &Path| keys(library, "--defined-only");
    let called = |library: &Path| keys(library, "--undefined-only");
    let mut left = &defined(&library.original) - &defined(&library.copy);
    left.extend(&called(&library.copy) - &called(&library.original));
    // LLVM's own under its other name is called where it is defined only.
    left.retain(|symbol| !symbol.starts_with("thinfarm_llvm"));
    assert!(!left.is_empty(), "{} is not changed", library.copy.display());
    left
}

/// What the program needs of us, by symbol, and the changed libraries.
fn replaced() -> (BTreeSet<String>, Vec<PathBuf>) {
    let libraries = changed_libraries().expect("the libraries");
    let symbols = libraries.iter().flat_map(left_to_us).collect();
    (symbols, libraries.into_iter().map(|library| library.copy).collect())
}

/// The symbols among `of` that a linker's complaint names.
fn named(said: &Said, of: &BTreeSet<String>) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.$".contains(c);
    // "undefined symbol: NAME", "undefined reference to `NAME'"; other lines say where.
    let missing = said.stderr.lines().filter_map(|line| line.split_once("undefined "));
    let words: BTreeSet<&str> = missing.flat_map(|(_, what)| what.split(|c| !is_part(c))).collect();
    of.iter().filter(|symbol| words.contains(symbol.as_str())).cloned().collect()
}

/// A link of nothing but calls of all that is replaced. Most of LLVM is missing, which each of these linkers says of
/// all that it misses.
fn link(linker: &Path, directory: &Path, ours: &Path, libraries: &[PathBuf]) -> Said {
    let mut linker = Command::new(linker);
    if linker.get_program().to_string_lossy().ends_with("lld") {
        linker.arg("--error-limit=0");
    }
    linker.current_dir(directory).args(["--no-demangle", "-o", "calls", "calls.o"]).arg(ours).args(libraries);
    run(&mut linker)
}

#[test]
fn each_function_of_ours_is_there_once() {
    let (replaced, libraries) = replaced();
    let ours = symbols(&bridge_library(), "--defined-only");
    for symbol in &replaced {
        assert_eq!(ours.get(symbol).map_or(0, Vec::len), 1, "{symbol} of ours");
        for library in &libraries {
            let theirs = symbols(library, "--defined-only").remove(symbol);
            assert_eq!(theirs, None, "{symbol} of {}", library.display());
        }
    }
}

/// By every linker that distributions have for such a program.
#[test]
fn a_link_without_ours_names_what_is_missing() {
    let (replaced, libraries) = replaced();
    let directory = TempDir::new().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let calls: String = replaced.iter().map(|symbol| format!(".quad {symbol}\n")).collect();
    fs::write(path("calls.s"), format!(".globl _start\n_start:\n{calls}")).unwrap();
    let mut assemble = Command::new(llvm_tool("clang"));
    run(assemble.current_dir(directory.path()).args(["-c", "calls.s", "-o", "calls.o"])).succeeded();

    // Our library without the object files that have these functions.
    let ours = bridge_library();
    let defined = symbols(&ours, "--defined-only");
    let members: BTreeSet<&String> =
        replaced.iter().filter_map(|symbol| defined.get(symbol)).flatten().collect();
    fs::copy(&ours, path("without.a")).unwrap();
    run(Command::new(llvm_tool("llvm-ar")).arg("d").arg(path("without.a")).args(members)).succeeded();

    for linker in [llvm_tool("ld.lld"), "ld.bfd".into(), "mold".into()] {
        let name = linker.display();
        assert!(
            Command::new(&linker).arg("--version").output().is_ok(),
            "{name} is not installed; llvm-build/install-packages.sh installs it",
        );
        let without = link(&linker, directory.path(), &path("without.a"), &libraries);
        assert_ne!(without.code, Some(0), "{name}");
        assert_eq!(named(&without, &replaced), replaced, "what {name} misses:\n{without}");
        let with = link(&linker, directory.path(), &ours, &libraries);
        assert_eq!(named(&with, &replaced), BTreeSet::new(), "what {name} misses where ours are:\n{with}");
    }
}
