//! lld's library, with a few calls going elsewhere.
//!
//! lld asks LLVM for the backends of a ThinLTO link by `lto::createInProcessThinBackend`, and only takes objects without
//! a copy from what it believes to be a cache. Nothing lets others take these places, so the copy of the library that is
//! linked here calls functions of `cpp/lld.cpp` and `cpp/lld_objects.cpp` instead. LLVM's are there as well, for those who
//! call them by their names.

use crate::changed;
use crate::locate::{LlvmConfig, MAJOR, fail};

/// How the names of LLVM's functions begin, the C++ library in use decides the rest, and what lld calls instead.
const CALLED: &[(&str, &str)] = &[
    ("_ZN4llvm3lto26createInProcessThinBackend", "thinfarm_thin_backend"),
    ("_ZN4llvm10localCache", "thinfarm_local_cache"),
    ("_ZN4llvm10pruneCache", "thinfarm_prune_cache"),
];

pub fn link(llvm: &LlvmConfig) {
    let libraries = llvm.directory("--libdir");
    let elf = libraries.join("liblldELF.a");
    if !elf.exists() {
        fail(&format!(
            "{} is missing.\nInstall liblld-{MAJOR}-dev (llvm-build/install-packages.sh does).",
            elf.display(),
        ));
    }
    changed::redirect(llvm, &elf, CALLED);
    println!("cargo::rustc-link-search=native={}", libraries.display());
    println!("cargo::rustc-link-lib=static:-bundle=lldCommon");
}
