//! `ld.thinfarm` against `ld.lld`: the same bytes, messages and status, whatever is linked.
//!
//! Three kinds of programs are linked by both, and everything that comes out is compared: `matrix.rs` has every kind of
//! symbol in every kind of output for six processors, `random.rs` makes small programs and links up from a seed, and
//! `programs.rs` links the command lines of zstd, Lua and SQLite.
//!
//! `cargo test --test differential` runs all of them, with a few hundred random links. `cargo test --test differential --
//! --seed 7` repeats the program of one seed, `--count 2000` goes on to 1,999 seeds more, `--links 1` leaves it at the first
//! of a program's four links. An argument picks the tests whose names hold it. `THINFARM` names another binary to test.

#[path = "../harness/mod.rs"]
mod harness;
mod link;
mod linkers;
mod matrix;
mod program;
mod programs;
mod random;
mod seeds;
mod shrink;
mod symbol;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use libtest_mimic::Trial;
use thinfarm_corpora::{Toolchain, default_jobs, target_dir};

use harness::{Words, trial};
use link::AllSurroundings;
use linkers::Linkers;

/// What all tests share.
struct Suite {
    linkers: Linkers,
    surroundings: AllSurroundings,
    tally: Tally,
}

/// How many links were compared.
#[derive(Default)]
struct Tally {
    linked: AtomicUsize,
    refused: AtomicUsize,
    ran: AtomicUsize,
    died: AtomicUsize,
}

impl Tally {
    fn add(&self, linked: usize, refused: usize) {
        self.linked.fetch_add(linked, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }

    fn died(&self) {
        self.died.fetch_add(1, Ordering::Relaxed);
    }

    fn ran(&self) {
        self.ran.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (linked, refused) = (count(&self.linked), count(&self.refused));
        let (ran, died) = (count(&self.ran), count(&self.died));
        write!(
            f,
            "{linked} links are ld.lld's to the byte, of which {ran} ran; {refused} are refused in its words; \
             {died} kill both"
        )
    }
}

/// How many seeds `make test` runs, in parts that are tests of their own.
const PARTS: u64 = 10;
const SEEDS_PER_PART: u64 = 8;

fn main() -> ExitCode {
    harness::main(|| {
        let words = Words::of_process(&[], &["--seed", "--count", "--links"])?;
        let suite = Arc::new(suite()?);
        let (seed, count) = (words.get("--seed"), words.get("--count"));
        if seed.is_none() && count.is_none() {
            return Ok(harness::run(words, trials(&suite), &suite.tally));
        }
        let (first, count) = (seed.unwrap_or(0), count.unwrap_or(1));
        let links = words.get("--links").map_or(usize::MAX, |links| links as usize);
        println!("seeds {first} to {}", first + count - 1);
        let failures = seeds::many(&suite, first, count, links, default_jobs());
        println!("{failures} of {count} programs differ; {}", suite.tally);
        Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn suite() -> Result<Suite> {
    let tools = Toolchain::find()?;
    let surroundings = AllSurroundings::find(&tools)?;
    let thinfarm = harness::program(env!("CARGO_BIN_EXE_thinfarm"));
    Ok(Suite { linkers: Linkers::new(tools, Path::new(&thinfarm))?, surroundings, tally: Tally::default() })
}

/// Everything there is to run.
fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let mut trials = vec![harness::words_are_sorted(suite)];
    for (name, target) in matrix::TARGETS {
        for mode in matrix::MODES {
            trials.push(trial(suite, format!("matrix: {name} {mode}"), move |suite| {
                let dir = fresh(&format!("matrix-{name}{mode}"))?;
                matrix::row(suite, &dir, target, mode)?;
                remove(&dir)
            }));
        }
    }
    for subject in programs::Subject::ALL {
        let check = move |suite: &Suite| programs::check(suite, subject);
        let program = trial(suite, format!("program: {subject:?}"), check);
        trials.push(program.with_ignored_flag(subject.is_large()));
    }
    for part in 0..PARTS {
        let of_part = part * SEEDS_PER_PART..(part + 1) * SEEDS_PER_PART;
        let name = format!("random: seeds {} to {}", of_part.start, of_part.end - 1);
        trials.push(trial(suite, name, move |suite| {
            of_part.into_iter().try_for_each(|seed| seeds::check(suite, seed, usize::MAX))
        }));
    }
    for seed in seeds::kept() {
        trials.push(trial(suite, format!("random: kept seed {seed}"), move |suite| {
            seeds::check(suite, seed, usize::MAX)
        }));
    }
    trials
}

/// An empty directory in cargo's target directory. It stays if the test fails.
fn fresh(name: &str) -> Result<PathBuf> {
    let dir = target_dir().join("differential").join(name);
    if dir.exists() {
        remove(&dir)?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

fn remove(dir: &Path) -> Result<()> {
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}
