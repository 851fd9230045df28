//! lld's library, with a few calls going elsewhere.
//!
//! lld asks LLVM for the backends of a ThinLTO link by `lto::createInProcessThinBackend`, and only takes objects without
//! a copy from what it believes to be a cache. Nothing lets others take these places, so the copy of the library that is
//! linked here calls functions of `cpp/lld.cpp`, `cpp/lld_objects.cpp` and `cpp/lld_inputs.cpp` instead. LLVM's are there
//! as well, for those who call them by their names.

use crate::changed;
use crate::locate::{LlvmConfig, MAJOR, fail};

/// How the names of LLVM's functions begin, the C++ library in use decides the rest, and what lld calls instead.
const CALLED: &[(&str, &str)] = &[
    ("_ZN4llvm3lto26createInProcessThinBackend", "thinfarm_thin_backend"),
    ("_ZN4llvm10localCache", "thinfarm_local_cache"),
    ("_ZN4llvm10pruneCache", "thinfarm_prune_cache"),
    ("_ZN4llvm3lto3LTO3run", "thinfarm_lto_run"),
];

/// How the names of lld's own functions begin that make room for ours: we are told so which inputs it takes, and when.
const REPLACED: &[&str] =
    &["_ZN3lld3elf13createObjFile", "_ZN3lld3elf9parseFileE", "_ZN3lld3elf10parseFilesE"];

pub fn link(llvm: &LlvmConfig) {
    let libraries = llvm.directory("--libdir");
    let elf = libraries.join("liblldELF.a");
    if !elf.exists() {
        fail(&format!(
            "{} is missing.\nInstall liblld-{MAJOR}-dev (llvm-build/install-packages.sh does).",
            elf.display(),
        ));
    }
    changed::Copy::of(&elf).redirect(llvm, CALLED).replace(llvm, REPLACED).link();
    println!("cargo::rustc-link-search=native={}", libraries.display());
    println!("cargo::rustc-link-lib=static:-bundle=lldCommon");
}
