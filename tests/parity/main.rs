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
#[path = "../harness/mod.rs"]
mod harness;
mod modules;
mod profile;
mod run;
mod table;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Trial;
use thinfarm_corpora::{Corpus, Toolchain, default_jobs};

use case::{Group, c};
use harness::{Words, trial};
use run::{Suite, Tally};

fn main() -> ExitCode {
    harness::main(|| {
        let words = Words::of_process(&["--full"], &[])?;
        let suite = Arc::new(Suite {
            toolchain: Toolchain::find()?,
            thinfarm: harness::program(env!("CARGO_BIN_EXE_thinfarm")),
            full: words.get("--full").is_some(),
            tally: Tally::default(),
        });
        Ok(harness::run(words, trials(&suite), &suite.tally))
    })
}

/// Everything there is to run.
fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let mut trials = vec![
        harness::words_are_sorted(suite),
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
