//! `make test-peers`: LLVM's own tests, run as they are, with thinfarm where they name a program of LLVM.
//!
//! Everything is under `peers` in cargo's target directory, the tests themselves too, which are downloaded. What
//! passes with LLVM's program must pass with ours; a test where it does not is on the list `exceptions.txt` with
//! the reason, and no test is on it without need.

mod exceptions;
mod lit;
mod modules;
mod parts;
mod side_by_side;
mod upstream;

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use thinfarm_corpora::{Toolchain, default_jobs, target_dir, thinfarm_program};

use crate::exceptions::{Exceptions, Finding};

/// Runs LLVM's own tests as they are, with thinfarm where they name a program of LLVM.
#[derive(Parser)]
struct Options {
    /// Only these parts, in this order [default: all].
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How many tests to run at once [default: the cores this process may use].
    #[arg(long, short)]
    jobs: Option<usize>,
    /// Only tests with one of these in their path; nothing on the list is outdated then.
    #[arg(long)]
    only: Vec<String>,
}

/// A part of the test that can be run alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// lld's tests of ELF links, by their own verdict, with `ld.lld` and with `ld.thinfarm`.
    Elf,
    /// Those of them that link bitcode, each link by both and compared whole.
    SideBySide,
    /// Tests of distributed ThinLTO: with LLVM's distributor, with `thinfarm dtlto`, and with `ld.thinfarm`.
    Dtlto,
    /// clang's tests of backends with an index, with `thinfarm cc` where the driver is to run one.
    Clang,
    /// The modules of LLVM's own tests of ThinLTO, compiled by `thinfarm backend` and clang.
    Modules,
}

impl Part {
    /// The part called `name`.
    fn named(name: &str) -> Option<Part> {
        Part::from_str(name, false).ok()
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What every part has at hand.
struct Bench {
    toolchain: Toolchain,
    /// The directory of LLVM's tools.
    tools: PathBuf,
    thinfarm: PathBuf,
    /// The same program by the name that makes it a linker.
    linker: PathBuf,
    /// The unpacked sources.
    source: PathBuf,
    /// The directory of everything that is written.
    dir: PathBuf,
    jobs: usize,
    only: Vec<String>,
}

impl Bench {
    fn set_up(options: &Options) -> Result<Bench> {
        let dir = target_dir().join("peers");
        let toolchain = Toolchain::find()?;
        // LLVM's tests name tools without a version, and lit looks for all of them in one directory.
        let file_check = toolchain.tool("FileCheck").context("test-peers needs the package llvm-22-tools")?;
        let tools = file_check.canonicalize()?.parent().context("FileCheck is in a directory")?.to_owned();
        for tool in ["FileCheck", "not", "count", "split-file", "yaml2obj", "llvm-lto", "ld.lld", "clang"] {
            ensure!(tools.join(tool).is_file(), "test-peers needs {tool} beside {}", file_check.display());
        }
        let source = upstream::sources(&toolchain, &dir)?;
        let thinfarm = thinfarm_program()?;
        let linker = dir.join("bin/ld.thinfarm");
        fs::create_dir_all(dir.join("bin"))?;
        if linker.symlink_metadata().is_ok() {
            fs::remove_file(&linker)?;
        }
        std::os::unix::fs::symlink(&thinfarm, &linker)?;
        let jobs = options.jobs.unwrap_or_else(default_jobs);
        Ok(Bench { toolchain, tools, thinfarm, linker, source, dir, jobs, only: options.only.clone() })
    }

    /// Whether the test with this path is to be run.
    fn wants(&self, test: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| test.contains(only))
    }
}

fn main() -> Result<()> {
    let mut args = env::args_os().skip(1);
    if args.next().is_some_and(|arg| arg == side_by_side::ROLE) {
        return side_by_side::run(args);
    }
    let options = Options::parse();
    let exceptions = Exceptions::read(include_str!("exceptions.txt"))?;
    let bench = Bench::set_up(&options)?;
    let parts = if options.parts.is_empty() { Part::value_variants() } else { &options.parts };
    let mut wrong = 0;
    for part in parts {
        let start = Instant::now();
        println!("\n{}:", part.name());
        let (counts, findings) =
            parts::run(*part, &bench, &exceptions).with_context(|| format!("part {} failed", part.name()))?;
        let details = bench.dir.join(format!("findings-{}.txt", part.name()));
        let whole: String =
            findings.iter().map(|found| format!("{}\n{}\n\n", found.test, found.what)).collect();
        fs::write(&details, whole).with_context(|| format!("cannot write {}", details.display()))?;
        let more = report(&exceptions, &part.name(), &findings, options.only.is_empty());
        if more > 0 {
            println!("  more of them is in {}", details.display());
        }
        wrong += more;
        println!("  {counts} ({:.0} s)", start.elapsed().as_secs_f64());
    }
    ensure!(wrong == 0, "{wrong} tests go otherwise than tests/peers/src/exceptions.txt says");
    println!("\ntest-peers: all is well");
    Ok(())
}

/// Prints what was found in `part`, and returns how many tests are not as the list says.
fn report(exceptions: &Exceptions, part: &str, findings: &[Finding], is_whole: bool) -> usize {
    let mut wrong = 0;
    for found in findings {
        match exceptions.reason(part, &found.test) {
            Some(reason) => println!("  known: {}: {reason}", found.test),
            None => {
                wrong += 1;
                println!("  NOT KNOWN: {}\n    {}", found.test, found.shown().join("\n    "));
            }
        }
    }
    let outdated = if is_whole { exceptions.outdated(part, findings) } else { Vec::new() };
    for test in &outdated {
        println!("  NO LONGER SO: {test} is on the list of exceptions of part {part} without need");
    }
    // A person watches, perhaps through a pipe.
    let _ = std::io::stdout().flush();
    wrong + outdated.len()
}
