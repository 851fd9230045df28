//! LLVM's tests, as they were released.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Invocation, Toolchain, source_package};

/// The release whose tests are run: a test of another one tells nothing.
const VERSION: &str = "22.1.8";

/// What the upstream archive of Debian's source package hashes to.
const SHA256: &str = "b49b9277aef97616320b2da259e1f8174c65b0ce2fbe2e8629644a97693402fe";

/// What is taken out of the archive.
const PARTS: [&str; 10] = [
    "lld/test/ELF",
    "lld/test/lit.cfg.py",
    "clang/test/CodeGen",
    "clang/test/CodeGenCXX",
    "clang/test/Driver",
    "clang/test/lit.cfg.py",
    "llvm/test/ThinLTO",
    "llvm/utils",
    "cross-project-tests/dtlto",
    "cross-project-tests/lit.cfg.py",
];

/// The directory of the unpacked sources, below `dir`.
///
/// # Errors
/// This machine's LLVM is of another release, or the sources cannot be downloaded, checked or unpacked.
pub fn sources(toolchain: &Toolchain, dir: &Path) -> Result<PathBuf> {
    ensure!(
        toolchain.version == VERSION,
        "the tests are those of LLVM {VERSION}, and {} is of {}",
        toolchain.clang.display(),
        toolchain.version
    );
    let sources = dir.join("source");
    if !sources.exists() {
        let archive = source_package::archive("llvm-toolchain-22", "trixie", SHA256, &dir.join("archive"))?;
        println!("  unpacking {}", archive.display());
        // Under another name until it is whole.
        let unpacking = dir.join("source.unpacking");
        if unpacking.exists() {
            fs::remove_dir_all(&unpacking)?;
        }
        fs::create_dir_all(&unpacking).with_context(|| format!("cannot create {}", unpacking.display()))?;
        let inside = format!("llvm-toolchain-22_{VERSION}");
        Invocation::new("tar", &unpacking)
            .arg("--strip-components=1")
            .arg("-xf")
            .arg(&archive)
            .args(PARTS.map(|part| format!("{inside}/{part}")))
            .capture()?;
        fs::rename(&unpacking, &sources)?;
    }
    Ok(sources)
}
