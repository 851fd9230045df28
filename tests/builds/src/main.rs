//! `make test-builds`: projects that are not ours, built by their own build systems with `ld.thinfarm` as the
//! linker, and run.
//!
//! Everything is under `builds` in cargo's target directory. Sources that are unpacked and modules that are compiled
//! stay; what is linked is linked again in every run, since that is what is tested.

mod autotools;
mod cmake;
mod findings;
mod linker;
mod meson;
mod requirements;
mod rocksdb;
mod rocksdb_tools;
mod rust;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use thinfarm_corpora::{Toolchain, target_dir};

use crate::linker::Linker;

/// Builds projects that are not ours with ld.thinfarm as their linker, and runs what comes out.
#[derive(Parser)]
struct Options {
    /// Only these parts, in this order [default: all].
    #[arg(value_enum)]
    parts: Vec<Part>,
}

/// A part of the test that can be run alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// zstd, by CMake and ninja.
    Cmake,
    /// FriBidi as a subproject, by Meson.
    Meson,
    /// XZ Utils, by configure, libtool and make.
    Autotools,
    /// A Rust program with a C function in it, by cargo.
    Rust,
    /// All of RocksDB as a shared library, and a program that keeps a database.
    Rocksdb,
    /// RocksDB's command lines, `ldb` and `sst_dump`, as position-independent executables.
    RocksdbTools,
}

/// What every part has at hand.
struct Bench {
    toolchain: Toolchain,
    linker: Linker,
    /// The directory of everything that is built.
    dir: PathBuf,
}

impl Bench {
    /// The directory `name`, empty.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(dir)
    }
}

fn main() -> Result<()> {
    let mut parts = Options::parse().parts;
    if parts.is_empty() {
        parts = Part::value_variants().to_vec();
    }
    requirements::check(&parts)?;
    let dir = target_dir().join("builds");
    let bench = Bench { toolchain: Toolchain::find()?, linker: Linker::install(&dir)?, dir };
    for part in parts {
        let start = Instant::now();
        let name = part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        println!("\n{name}:");
        let checked = run(part, &bench).with_context(|| format!("part {name} failed"))?;
        println!("  {name}: {checked} ({:.0} s)", start.elapsed().as_secs_f64());
    }
    println!("\ntest-builds: all is well");
    Ok(())
}

/// What was checked, in one line.
fn run(part: Part, bench: &Bench) -> Result<String> {
    match part {
        Part::Cmake => cmake::test(bench),
        Part::Meson => meson::test(bench),
        Part::Autotools => autotools::test(bench),
        Part::Rust => rust::test(bench),
        Part::Rocksdb => rocksdb::test(bench),
        Part::RocksdbTools => rocksdb_tools::test(bench),
    }
}
