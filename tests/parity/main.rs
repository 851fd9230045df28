//! The parity suite: thinfarm's objects are clang's objects, byte for byte, whatever the flags.
//!
//! Each case compiles a few real modules with `clang -flto=thin`, lets lld thin-link them, runs the backends
//! once as `clang -fthinlto-index=…` and once as `thinfarm backend`, and compares object by object. The last
//! line says how many were identical. `table.rs` is the list of cases; the rest is how one is run.
//!
//! `cargo test --test parity` runs a core of a few minutes on two cores; `cargo test --test parity -- --full`
//! runs every case with more modules, and whole libraries. An argument picks the cases whose names hold it,
//! as in `cargo test --test parity -- gsplit-dwarf`. `THINFARM` names another binary to test.

mod case;
mod corpora;
mod damage;
#[path = "../../src/verify/difference.rs"]
mod difference;
mod modules;
mod profile;
mod run;
mod table;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use thinfarm_corpora::{Corpus, Toolchain, default_jobs};

use case::{Group, c};
use run::{Suite, Tally};

fn main() -> ExitCode {
    let (ours, theirs): (Vec<String>, Vec<String>) = env::args().partition(|arg| arg == "--full");
    let full = !ours.is_empty();
    let arguments = Arguments::from_iter(theirs);
    let toolchain = match Toolchain::find() {
        Ok(toolchain) => toolchain,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let built = env!("CARGO_BIN_EXE_thinfarm").into();
    let thinfarm = env::var_os("THINFARM").unwrap_or(built);
    let suite = Arc::new(Suite { toolchain, thinfarm, full, tally: Tally::default() });

    let conclusion = libtest_mimic::run(&arguments, trials(&suite));
    if !arguments.list {
        println!("{}", suite.tally);
    }
    conclusion.exit_code()
}

/// Everything there is to run.
fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let mut trials = vec![
        trial(suite, "comparison finds damage".to_owned(), |suite| damage::is_found(&suite.toolchain)),
        trial(suite, "refused: -fno-integrated-as".to_owned(), |suite| {
            let case = c("-O2 -fPIC").backend("-fno-integrated-as");
            suite.refuses(&suite.subject(&case, Group::Lua)?, "-fno-integrated-as", "assembler")
        }),
    ];
    for case in table::cases() {
        for group in case.links(suite.full) {
            let check = move |suite: &Suite| suite.compare(&suite.subject(&case, group)?, 1);
            trials.push(trial(suite, case.name(group), check));
        }
    }
    let libraries: &[Corpus] = match suite.full {
        true => &[Corpus::Lua, Corpus::Zstd, Corpus::RocksDb],
        false => &[Corpus::Lua],
    };
    for &library in libraries {
        trials.push(trial(suite, format!("whole {library}, and -j1 and -j2 twice"), move |suite| {
            let subject = corpora::whole(suite, library)?;
            suite.compare(&subject, default_jobs())?;
            suite.is_deterministic(&subject)
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
