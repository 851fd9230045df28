//! `make test-kernel`: the Linux kernel, built through thinfarm, compared object by object with clang, and
//! booted.
//!
//! Everything is under `kernel` in cargo's target directory. What is there already is not made again, except
//! the comparisons: a second run takes a few minutes.

mod boot;
mod changes;
mod dist;
mod drop_in;
mod in_process;

use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use thinfarm_corpora::Toolchain;
use thinfarm_kernel_test::tree::{Arch, Build, Sources};
use thinfarm_kernel_test::{oracle, requirements};

/// Builds Linux kernels through thinfarm, compares every object with clang's, and boots one.
#[derive(Parser)]
struct Options {
    /// Only these parts, in this order [default: all].
    #[arg(value_enum)]
    parts: Vec<Part>,
}

/// A part of the test that can be run alone.
#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// x86-64 with CONFIG_LTO_CLANG_THIN and the overlay: built, compared with clang and with lld, booted.
    X86,
    /// The makefile for CONFIG_LTO_CLANG_THIN_DIST, on what part x86 built.
    Dist,
    /// `make LD=ld.thinfarm` on what part x86 configured: built, compared, booted.
    DropIn,
    /// arm64: objects only.
    Arm64,
    /// riscv: objects only.
    Riscv,
}

fn main() -> Result<()> {
    let mut parts = Options::parse().parts;
    if parts.is_empty() {
        parts = Part::value_variants().to_vec();
    }
    let toolchain = Toolchain::find()?;
    let sources = Sources::unpack(requirements::check()?)?;
    for part in parts {
        let start = Instant::now();
        let name = part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        println!("\n{name}:");
        run(part, &sources, &toolchain).with_context(|| format!("part {name} failed"))?;
        println!("  done in {:.0} s", start.elapsed().as_secs_f64());
    }
    println!("\ntest-kernel: all is well");
    Ok(())
}

fn run(part: Part, sources: &Sources, toolchain: &Toolchain) -> Result<()> {
    match part {
        Part::X86 => {
            let build = Build::configure(sources, Arch::X86, toolchain)?;
            build.make_with_overlay("bzImage")?;
            oracle::compare_all(&build.linked()?, toolchain)?;
            in_process::tell(&build, toolchain)?;
            boot::boot(&build, toolchain)
        }
        Part::Dist => dist::test(&Build::configure(sources, Arch::X86, toolchain)?, toolchain),
        Part::DropIn => drop_in::test(&Build::configure(sources, Arch::X86, toolchain)?, toolchain),
        Part::Arm64 => objects_only(sources, Arch::Arm64, toolchain),
        Part::Riscv => objects_only(sources, Arch::Riscv, toolchain),
    }
}

fn objects_only(sources: &Sources, arch: Arch, toolchain: &Toolchain) -> Result<()> {
    let build = Build::configure(sources, arch, toolchain)?;
    build.make_with_overlay("vmlinux_o")?;
    oracle::compare_all(&build.linked()?, toolchain)
}
