//! `make bench`: thinfarm beside what people have today, on the same links.
//!
//! A claim to be faster is worth what can be repeated, so this takes links that are not ours, gives the same
//! modules and codegen options to all, and measures in rounds (each way once, then all again), so that whatever
//! else the machine does hits all alike. Only ratios of one round are computed. That all made the same objects is
//! checked, not assumed.
//!
//! `THINFARM` names another binary to measure. Tables go to standard output, progress to standard error.

mod arguments;
mod cost;
mod measure;
mod report;
mod subject;
mod way;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use thinfarm_corpora::{Toolchain, thinfarm_program};

use arguments::Arguments;
use measure::Programs;
use report::{Machine, Report};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.documents() {
        Some(json) => write_documents(&json),
        None => measure_all(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(arguments: &Arguments) -> Result<()> {
    let programs = Programs { toolchain: Toolchain::find()?, thinfarm: thinfarm_program()? };
    let mut report = Report::new(Machine::describe(&programs.toolchain, &programs.thinfarm)?);
    if arguments.again {
        report.keep(Report::read(&arguments.json())?)?;
    }
    println!("{}: {}\n", report.date, report.machine);
    for corpus in arguments.corpora() {
        eprintln!("{corpus}: front ends, where something changed");
        let subject = corpus.build(&programs.toolchain, arguments.jobs())?;
        let runs = arguments.runs.get();
        let measured = measure::measure(&subject, &programs, arguments.jobs(), &arguments.ways(), runs)?;
        println!("{}", measured.markdown());
        report.put(measured);
        // After each corpus, so that it is there if a later one fails.
        report.write(&arguments.json())?;
    }
    println!("{}", report.targets());
    eprintln!("written: {}, and a chart beside it", arguments.json().display());
    Ok(())
}

/// Puts what `json` says into the documents of this repository.
fn write_documents(json: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    report::write_into_documents(&root, &Report::read(json)?)
}
