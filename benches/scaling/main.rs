//! How a link's backends scale: with the cores there are, and, replayed, with those there are not.
//!
//! `cargo bench --bench scaling` measures RocksDB here, at `-j1`, `-j2` and so on up to the cores of this machine, and
//! replays the jobs of a kernel on 8 to 256 cores. A replay asks the farm's own schedule which job starts next; only
//! the clock is not real, and what cores do to each other (caches, locks, clock rates) is not in it. `-- --help` tells
//! what else there is: `-- phases` compares the phases of links with `ld.lld`'s. `THINFARM` names another binary to measure.
//!
//! `kernel.costs` was made by `thinfarm backend --profile FILE` on the tree that `make test-kernel PARTS="x86 dist"`
//! leaves, and `cargo bench --bench scaling -- record FILE`.

mod phases;
mod real;
mod recorded;
mod replay;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde_json::json;
use thinfarm_corpora::Corpus;

use recorded::{Recorded, read};

/// Measures how thinfarm scales, and replays recorded jobs on any number of cores.
#[derive(Parser)]
#[command(name = "scaling")]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Write what was measured to FILE, too.
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
    /// What cargo tells every benchmark.
    #[arg(long = "bench", hide = true, global = true)]
    _bench: bool,
}

#[derive(Subcommand)]
enum What {
    /// Run the backends of CORPUS with 1, 2, 4, … jobs at a time.
    Run {
        #[arg(default_value = "rocksdb")]
        corpus: Corpus,
    },
    /// Replay jobs on 8 to 256 cores.
    Replay {
        /// What `thinfarm backend --profile` wrote or `record` printed [default: the kernel's].
        profile: Option<PathBuf>,
        /// A profile of an earlier run of the same jobs: what was learnt from it orders them.
        #[arg(long, value_name = "PROFILE")]
        earlier: Option<PathBuf>,
    },
    /// Compare every phase of links by ld.thinfarm and by ld.lld, and compute their time on many cores.
    Phases(phases::Arguments),
    /// Print what a replay needs of PROFILE.
    Record { profile: PathBuf },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let measured = match &arguments.what {
        None => json!({
            "run": real::measure(Corpus::RocksDb)?,
            "replay": replay::replay(&kernel()?, None)?,
        }),
        Some(What::Run { corpus }) => json!({ "run": real::measure(*corpus)? }),
        Some(What::Replay { profile, earlier }) => {
            let earlier = earlier.as_deref().map(read).transpose()?;
            let jobs = profile.as_deref().map_or_else(kernel, read)?;
            json!({ "replay": replay::replay(&jobs, earlier.as_deref())? })
        }
        Some(What::Phases(arguments)) => json!({ "phases": phases::measure(arguments)? }),
        Some(What::Record { profile }) => {
            print!("{}", recorded::text(&read(profile)?));
            return Ok(());
        }
    };
    match &arguments.json {
        Some(path) => fs::write(path, format!("{measured:#}\n"))
            .with_context(|| format!("cannot write {}", path.display())),
        None => Ok(()),
    }
}

fn kernel() -> Result<Vec<Recorded>> {
    Recorded::parse(include_str!("kernel.costs"))
}
