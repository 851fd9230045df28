//! lld's library, with one call going elsewhere.
//!
//! lld asks LLVM for the backends of a ThinLTO link by `lto::createInProcessThinBackend`. Nothing lets others
//! take its place, so the copy of the library that is linked here calls `thinfarm_thin_backend`, which
//! `cpp/lld.cpp` has, instead. LLVM's function is there as well, for those who call it by its name.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::locate::{LlvmConfig, MAJOR, fail};

/// How the name of LLVM's function begins; the C++ library in use decides the rest.
const CALLED: &str = "_ZN4llvm3lto26createInProcessThinBackend";

/// What lld calls instead.
const INSTEAD: &str = "thinfarm_thin_backend";

pub fn link(llvm: &LlvmConfig) {
    let libraries = llvm.directory("--libdir");
    let elf = libraries.join("liblldELF.a");
    if !elf.exists() {
        fail(&format!(
            "{} is missing.\nInstall liblld-{MAJOR}-dev (llvm-build/install-packages.sh does).",
            elf.display(),
        ));
    }
    let programs = llvm.directory("--bindir");
    let symbols =
        output(Command::new(programs.join("llvm-nm")).args(["--undefined-only", "--quiet"]).arg(&elf));
    let Some(called) = symbols.split_whitespace().find(|symbol| symbol.starts_with(CALLED)) else {
        fail(&format!(
            "{} does not call createInProcessThinBackend: not the lld of LLVM {MAJOR}?",
            elf.display()
        ))
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    output(
        Command::new(programs.join("llvm-objcopy"))
            .arg(format!("--redefine-sym={called}={INSTEAD}"))
            .args([&elf, &out.join("libthinfarm-lld.a")]),
    );
    println!("cargo::rerun-if-changed={}", elf.display());
    search(&out);
    println!("cargo::rustc-link-lib=static:-bundle=thinfarm-lld");
    search(&libraries);
    println!("cargo::rustc-link-lib=static:-bundle=lldCommon");
}

fn search(directory: &Path) {
    println!("cargo::rustc-link-search=native={}", directory.display());
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| fail(&format!("{command:?} does not run: {error}")));
    if !output.status.success() {
        fail(&format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}
