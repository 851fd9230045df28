//! What the suites share that have a table of trials instead of `#[test]`: words of their own on the command line, the
//! program under test, and how trials are run.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Trial};

/// The words of a command line: those of the suite, and those of any suite, which pick trials.
pub struct Words {
    own: BTreeMap<String, u64>,
    rest: Vec<String>,
}

impl Words {
    /// Those of this process. The suite's own are `flags`, and `numbers`, which a number follows.
    pub fn of_process(flags: &[&str], numbers: &[&str]) -> Result<Words> {
        Words::sorted(env::args(), flags, numbers)
    }

    fn sorted(words: impl Iterator<Item = String>, flags: &[&str], numbers: &[&str]) -> Result<Words> {
        let (mut own, mut rest, mut words) = (BTreeMap::new(), Vec::new(), words);
        while let Some(word) = words.next() {
            if flags.contains(&&*word) {
                own.insert(word, 1);
            } else if numbers.contains(&&*word) {
                let number = words.next().with_context(|| format!("{word} needs a number"))?;
                let number = number.parse().with_context(|| format!("{word} {number} is no number"))?;
                own.insert(word, number);
            } else {
                rest.push(word);
            }
        }
        Ok(Words { own, rest })
    }

    /// The number after `word`, or 1 if it is a flag; nothing if it is not there.
    pub fn get(&self, word: &str) -> Option<u64> {
        self.own.get(word).copied()
    }
}

/// The program under test: `THINFARM`, or `built`, which cargo has built for these tests.
pub fn program(built: &str) -> OsString {
    env::var_os("THINFARM").unwrap_or_else(|| built.into())
}

/// Runs a suite, and says why it could not begin.
pub fn main(run: impl FnOnce() -> Result<ExitCode>) -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs those of `trials` that `words` pick. The last line is `tally`.
pub fn run(words: Words, trials: Vec<Trial>, tally: &dyn Display) -> ExitCode {
    let arguments = Arguments::from_iter(words.rest);
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        println!("{tally}");
    }
    conclusion.exit_code()
}

/// A trial of `suite`.
pub fn trial<S, F>(suite: &Arc<S>, name: String, check: F) -> Trial
where
    S: Send + Sync + 'static,
    F: FnOnce(&S) -> Result<()> + Send + 'static,
{
    let suite = Arc::clone(suite);
    Trial::test(name, move || check(&suite).map_err(|error| format!("{error:#}").into()))
}

/// A trial of this file, which has no `#[test]` where there is no harness for them.
pub fn words_are_sorted<S: Send + Sync + 'static>(suite: &Arc<S>) -> Trial {
    trial(suite, "words of the command line".to_owned(), |_| {
        let sorted = |line: &str| {
            Words::sorted(line.split(' ').map(str::to_owned), &["--full"], &["--seed", "--count"])
        };
        let words = sorted("suite --seed 7 name --full --list")?;
        anyhow::ensure!(
            (words.get("--seed"), words.get("--full"), words.get("--count")) == (Some(7), Some(1), None)
        );
        anyhow::ensure!(words.rest == ["suite", "name", "--list"], "{:?}", words.rest);
        for (line, said) in
            [("suite --seed", "--seed needs a number"), ("suite --count x", "--count x is no number")]
        {
            let error = sorted(line).err().context("it was taken")?;
            anyhow::ensure!(error.to_string() == said, "{line}: {error}");
        }
        Ok(())
    })
}
