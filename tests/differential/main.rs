//! `ld.thinfarm` against `ld.lld`: the same bytes, messages and status, whatever is linked.
//!
//! Three kinds of programs are linked by both, and everything that comes out is compared: `matrix.rs` has every kind of
//! symbol in every kind of output for six processors, `random.rs` makes small programs and links up from a seed, and
//! `programs.rs` links the command lines of zstd, Lua and SQLite.
//!
//! `cargo test --test differential` runs all of them, with a few hundred random links. `cargo test --test differential --
//! --seed 7` repeats the program of one seed, `--count 2000` goes on to 1,999 seeds more, `--links 1` leaves it at the first
//! of a program's four links. An argument picks the tests whose names hold it. `THINFARM` names another binary to test.

mod link;
mod linkers;
mod matrix;
mod program;
mod programs;
mod random;
mod seeds;
mod shrink;
mod symbol;

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Trial};
use thinfarm_corpora::{Toolchain, default_jobs, target_dir};

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
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let (asked, rest) = Asked::take(env::args())?;
    let suite = Arc::new(suite()?);
    if let Some(Asked { first, count, links }) = asked {
        println!("seeds {first} to {}", first + count - 1);
        let failures = seeds::many(&suite, first, count, links, default_jobs());
        println!("{failures} of {count} programs differ; {}", suite.tally);
        return Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let arguments = Arguments::from_iter(rest);
    let conclusion = libtest_mimic::run(&arguments, trials(&suite));
    if !arguments.list {
        println!("{}", suite.tally);
    }
    Ok(conclusion.exit_code())
}

/// Seeds that are asked for on the command line.
struct Asked {
    first: u64,
    count: u64,
    /// Of each program.
    links: usize,
}

impl Asked {
    /// Takes `--seed N`, `--count N` and `--links N` out of `words`.
    fn take(words: impl Iterator<Item = String>) -> Result<(Option<Asked>, Vec<String>)> {
        let (mut seed, mut count, mut links, mut rest) = (None, None, None, Vec::new());
        let mut words = words;
        while let Some(word) = words.next() {
            let place = match &*word {
                "--seed" => &mut seed,
                "--count" => &mut count,
                "--links" => &mut links,
                _ => {
                    rest.push(word);
                    continue;
                }
            };
            let number = words.next().with_context(|| format!("{word} needs a number"))?;
            *place = Some(number.parse().with_context(|| format!("{word} {number} is no number"))?);
        }
        let asked = (seed.is_some() || count.is_some()).then(|| Asked {
            first: seed.unwrap_or(0),
            count: count.unwrap_or(1),
            links: links.map_or(usize::MAX, |links: u64| links as usize),
        });
        Ok((asked, rest))
    }
}

fn suite() -> Result<Suite> {
    let tools = Toolchain::find()?;
    let surroundings = AllSurroundings::find(&tools)?;
    let thinfarm = env::var_os("THINFARM").unwrap_or_else(|| env!("CARGO_BIN_EXE_thinfarm").into());
    Ok(Suite { linkers: Linkers::new(tools, Path::new(&thinfarm))?, surroundings, tally: Tally::default() })
}

/// Everything there is to run.
fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let mut trials = Vec::new();
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

fn trial<F>(suite: &Arc<Suite>, name: String, check: F) -> Trial
where
    F: FnOnce(&Suite) -> Result<()> + Send + 'static,
{
    let suite = Arc::clone(suite);
    Trial::test(name, move || check(&suite).map_err(|error| format!("{error:#}").into()))
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
