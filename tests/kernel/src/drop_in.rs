//! `make LD=ld.thinfarm` on the tree as it is: the linker that anybody would put in the place of lld.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use thinfarm_corpora::{Toolchain, thinfarm_program};
use thinfarm_kernel_test::oracle;
use thinfarm_kernel_test::tree::Build;

use crate::{boot, in_process};

/// Builds and boots a copy of `x86` by way of `LD`, and compares the objects of that link with those that part x86
/// compared with clang's.
pub fn test(x86: &Build, toolchain: &Toolchain) -> Result<()> {
    let linker = linker(x86)?;
    let build = x86.copy("dropin")?;
    // Whatever part x86 has left of the link.
    for name in ["vmlinux.o", ".vmlinux.o.cmd", "vmlinux", "arch/x86/boot/bzImage"] {
        fs::remove_file(build.dir.join(name)).with_context(|| format!("part x86 has left no {name}"))?;
    }
    build.make_with_linker(&linker, "bzImage")?;

    let modules = x86.linked()?;
    in_process::link(x86, &linker, "thinfarm.o")?;
    let verdicts = oracle::each(&modules, |compiled, _| {
        let kept = in_process::kept(compiled, "thinfarm.o");
        let theirs = fs::read(&kept).with_context(|| format!("the link left no {}", kept.display()))?;
        Ok(theirs == fs::read(compiled.build.join(&compiled.native))?)
    })?;
    let different: Vec<&str> = modules
        .iter()
        .zip(verdicts)
        .filter(|(_, same)| !same)
        .map(|(each, _)| each.module.as_str())
        .collect();
    println!("  {} of {} objects identical to clang's", modules.len() - different.len(), modules.len());
    if !different.is_empty() {
        bail!("not clang's objects:\n  {}", different.join("\n  "));
    }
    boot::boot(&build, toolchain)
}

/// The program under the name that makes it a linker.
fn linker(x86: &Build) -> Result<PathBuf> {
    let linker = x86.dir.with_file_name("ld.thinfarm");
    if linker.is_symlink() {
        fs::remove_file(&linker)?;
    }
    std::os::unix::fs::symlink(thinfarm_program()?, &linker)?;
    Ok(linker)
}
