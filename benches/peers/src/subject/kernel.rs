//! The kernel that `make test-kernel` builds: Linux 6.12 for x86-64, tinyconfig with 64 bits and ThinLTO.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use thinfarm_corpora::Toolchain;
use thinfarm_kernel_test::oracle::Compiled;
use thinfarm_kernel_test::requirements;
use thinfarm_kernel_test::tree::{Arch, Build, Sources};

use super::{Change, Link, Options, Subject, middle};
use crate::measure::swap;

/// Builds the kernel as far as its link of vmlinux.o, unless that is done.
pub fn build(toolchain: &Toolchain) -> Result<Subject> {
    let build = Build::configure(&Sources::unpack(requirements::check()?)?, Arch::X86, toolchain)?;
    swap::restore(&build.dir)?;
    let linked = build.dir.join(Build::STAGES).join("linked");
    if !linked.exists() || !build.dir.join("vmlinux.o").exists() {
        build.make_with_overlay("vmlinux_o")?;
    }
    let compiled = build.linked()?;
    let modules: Vec<PathBuf> = compiled.iter().map(|each| each.module.clone().into()).collect();
    let options = compiled.iter().map(backend_options).collect::<Result<_>>()?;
    let changed = &compiled[middle(&modules)];

    let order = fs::read_to_string(&linked).with_context(|| format!("cannot read {}", linked.display()))?;
    Ok(Subject {
        name: "kernel",
        title: format!("Linux 6.12 for x86-64, {} C modules, -Os", modules.len()),
        options: Options::OfEach(options),
        link: Link {
            options: build.link_flags()?,
            backends: Vec::new(),
            bitcode: Build::link_inputs().into(),
            order: order.lines().map(Into::into).collect(),
            libraries: build.link_libraries()?,
        },
        change: Change { module: changed.module.clone().into(), front_end: front_end(changed, toolchain)? },
        modules,
        dir: build.dir,
    })
}

/// As the makefile for backends of newer kernels gives them to clang.
fn backend_options(compiled: &Compiled) -> Result<Vec<String>> {
    let mut options = words(compiled)?;
    options.extend(["-fno-lto", "-Wno-unused-command-line-argument"].map(str::to_owned));
    Ok(options)
}

/// The command that kbuild ran, without what names the output.
fn front_end(compiled: &Compiled, toolchain: &Toolchain) -> Result<Vec<String>> {
    let mut command = vec![toolchain.clang.display().to_string()];
    command.extend(words(compiled)?);
    command.extend(["-c".to_owned(), compiled.source()?]);
    Ok(command)
}

fn words(compiled: &Compiled) -> Result<Vec<String>> {
    let flags = compiled.flags()?;
    shlex::split(&flags)
        .with_context(|| format!("{}: these are no words of a shell: {flags}", compiled.module))
}
