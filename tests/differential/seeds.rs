//! Runs the random programs of seeds, and makes what differs as small as it can.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use thinfarm_corpora::Invocation;

use crate::link::Link;
use crate::linkers::{Agreed, prints};
use crate::program::Program;
use crate::{Suite, fresh, random, remove};

/// Seeds of programs that showed a fault once, one a line, with what it was.
const KEPT: &str = include_str!("seeds.txt");

/// The seeds that are kept.
pub fn kept() -> impl Iterator<Item = u64> {
    let lines = KEPT.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(|line| line.parse().expect("seeds.txt has a number first"))
}

/// The program of `seed` by both linkers, in no more than `count` links.
///
/// # Errors
/// They differ. The directory that the error names has the program, and the smallest that still differs.
pub fn check(suite: &Suite, seed: u64, count: usize) -> Result<()> {
    let (program, links) = random::case(seed);
    let dir = fresh(&format!("seed-{seed}"))?;
    let built = program.build(&suite.linkers.tools, &dir);
    let commands = built.with_context(|| format!("the program of seed {seed} does not compile"))?;
    for link in links.iter().take(count) {
        let Err(difference) = compare(suite, &dir, &program, link) else { continue };
        write_script(suite, &dir, &program, link, &commands)?;
        let small = smallest(suite, &dir.join("smallest"), &program, link, &difference)?;
        bail!("seed {seed}: {difference:#}in {}\n{small}", dir.display());
    }
    remove(&dir)
}

/// Links a program that is built, and runs it.
fn compare(suite: &Suite, dir: &Path, program: &Program, link: &Link) -> Result<()> {
    link.write(dir)?;
    let runs = link.runs(program);
    let linked = |link: &Link| suite.linkers.compare(dir, &link.args(program, &suite.surroundings), runs);
    match linked(link)? {
        Agreed::Died => suite.tally.died(),
        Agreed::Linked => suite.tally.add(1, 0),
        Agreed::Refused => {
            suite.tally.add(0, 1);
            if matches!(linked(&link.forced())?, Agreed::Linked) {
                suite.tally.add(1, 0);
            }
        }
    }
    if let Some(program) = runs
        && dir.join("ours").join(program).exists()
        && prints(dir, "ours", program)?.ends_with("exit status: 0")
    {
        suite.tally.ran();
    }
    Ok(())
}

/// Makes the program smaller in `dir`, and says what is left.
fn smallest(
    suite: &Suite,
    dir: &Path,
    program: &Program,
    link: &Link,
    first: &anyhow::Error,
) -> Result<String> {
    let again = |program: &Program| -> Result<Vec<Invocation>> {
        if dir.exists() {
            remove(dir)?;
        }
        fs::create_dir_all(dir)?;
        program.build(&suite.linkers.tools, dir)
    };
    let is_of_status = |error: &anyhow::Error| error.to_string().contains("status:");
    let differs = |program: &Program, link: &Link| {
        again(program).is_ok()
            && compare(suite, dir, program, link)
                .is_err_and(|error| is_of_status(&error) == is_of_status(first))
    };
    let (program, link) = crate::shrink::shrink(program, link, differs);
    let commands = again(&program)?;
    let Err(difference) = compare(suite, dir, &program, &link) else {
        return Ok("it does not differ each time".to_owned());
    };
    write_script(suite, dir, &program, &link, &commands)?;
    let mut text = format!("smallest: {difference:#}");
    for command in &commands {
        let _ = writeln!(text, "{command}");
    }
    let _ = writeln!(text, "LINKER {}", link.args(&program, &suite.surroundings).join(" "));
    for number in program.present() {
        let _ = writeln!(text, "{}:\n{}", program.modules[number].source(number), program.text(number));
    }
    Ok(text)
}

/// Writes `run.sh`, which repeats a link by hand.
fn write_script(
    suite: &Suite,
    dir: &Path,
    program: &Program,
    link: &Link,
    commands: &[Invocation],
) -> Result<()> {
    let mut text =
        "#!/bin/sh\n# LD=LINKER sh run.sh\ncd \"$(dirname \"$0\")\" && mkdir -p out && set -ex\n".to_owned();
    for command in commands {
        let _ = writeln!(text, "{command}");
    }
    let args = Invocation::new("\"$LD\"", dir).args(link.args(program, &suite.surroundings)).to_string();
    let _ = writeln!(text, "\"$LD\"{}", args.trim_start_matches(|c| c != ' '));
    fs::write(dir.join("run.sh"), text).context("cannot write run.sh")
}

/// Runs `count` seeds from `first` on, `threads` at a time, and prints each failure. Returns how many there were.
pub fn many(suite: &Suite, first: u64, count: u64, links: usize, threads: usize) -> usize {
    let next = AtomicU64::new(first);
    let failures = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Err(error) = check(suite, seed, links) {
                        failures.fetch_add(1, Ordering::Relaxed);
                        println!("{error:#}\n");
                    }
                    let done = seed - first + 1;
                    if done.is_multiple_of(500) {
                        println!("{done} of {count} programs; {}", suite.tally);
                    }
                }
            });
        }
    });
    failures.into_inner().try_into().unwrap_or(usize::MAX)
}
