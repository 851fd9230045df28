//! lld's library, with one call going elsewhere.
//!
//! lld asks LLVM for the backends of a ThinLTO link by `lto::createInProcessThinBackend`. Nothing lets others
//! take its place, so the copy of the library that is linked here calls `thinfarm_thin_backend`, which
//! `cpp/lld.cpp` has, instead. LLVM's function is there as well, for those who call it by its name.

use crate::changed::{self, Change};
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
    let called = changed::symbol(llvm, &elf, "--undefined-only", CALLED);
    changed::link(llvm, &elf, &[called], Change::Rename(INSTEAD));
    println!("cargo::rustc-link-search=native={}", libraries.display());
    println!("cargo::rustc-link-lib=static:-bundle=lldCommon");
}
