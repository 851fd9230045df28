//! thinfarm against what people have today: the backends of one link, by each way there is to run them.
//!
//! A claim to be faster is worth what can be repeated, so this takes libraries that are not ours, gives the
//! same modules, indexes and codegen options to all, and measures in rounds (each way once, then all again),
//! so that whatever else the machine does hits all alike. Only ratios of one round are computed. That all
//! made the same objects is checked, not assumed.
//!
//! `cargo bench --bench backends` measures zstd and RocksDB; `cargo bench --bench backends -- --help` tells
//! what else can be asked for. `THINFARM` names another binary to measure. The table goes to standard output,
//! progress to standard error.

mod arguments;
mod cost;
mod identity;
mod machine;
mod report;
mod round;
mod subject;
mod table;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use thinfarm_corpora::{Corpus, Toolchain};

use arguments::Arguments;
use identity::Identity;
use machine::Machine;
use report::{CorpusReport, Report};
use round::Round;
use subject::Subject;

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
    let toolchain = Toolchain::find()?;
    let thinfarm = env::var_os("THINFARM").unwrap_or_else(|| env!("CARGO_BIN_EXE_thinfarm").into());
    let thinfarm = std::path::absolute(&thinfarm).context("THINFARM is no path")?;
    let machine = Machine::describe(&toolchain, &thinfarm)?;

    let mut corpora = Vec::new();
    for &corpus in arguments.corpora() {
        let measured = measure(&toolchain, &thinfarm, corpus, arguments)?;
        println!("{}", measured.table(&machine));
        corpora.push(measured);
    }
    match &arguments.json {
        Some(path) => Report::new(machine, corpora).write(path),
        None => Ok(()),
    }
}

fn measure(
    toolchain: &Toolchain,
    thinfarm: &Path,
    corpus: Corpus,
    arguments: &Arguments,
) -> Result<CorpusReport> {
    let jobs = arguments.jobs();
    eprintln!("{corpus}: front ends and thin link, where something changed");
    let subject = Subject::build(toolchain, thinfarm, corpus, jobs)?;
    subject.clear()?;

    // This run also brings modules and linker into the page cache before the clock starts.
    eprintln!("{corpus}: ld.lld, its objects kept for comparison");
    subject.keep_lld_objects()?;
    let mut identity = None;
    let mut rounds = Vec::new();
    for number in 1..=arguments.runs.get() {
        let round = Round::measure(&subject, &|step| {
            eprintln!("{corpus}: run {number} of {}: {step}", arguments.runs);
        })?;
        if identity.is_none() {
            identity = Some(Identity::check(&subject)?);
        }
        rounds.push(round);
    }
    subject.clear()?;
    let identity = identity.expect("there is at least one run");
    Ok(CorpusReport::new(&subject, identity, rounds))
}
