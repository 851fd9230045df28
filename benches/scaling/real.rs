//! Runs on the cores there are.

use std::fs;
use std::iter::successors;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use thinfarm_corpora::{Corpus, Toolchain, compile, default_jobs, products_dir, thin_link, thinfarm_program};

/// Prints what the backends of `corpus` take with 1, 2, 4, … jobs at a time up to the cores there are, and returns
/// the same.
pub fn measure(corpus: Corpus) -> Result<Value> {
    let toolchain = Toolchain::find()?;
    let sources = corpus.sources()?;
    let flags: Vec<String> = corpus.usual_flags().iter().map(ToString::to_string).collect();
    let dir = products_dir().join(corpus.name());
    eprintln!("{corpus}: front ends and thin link, where something changed");
    let objects =
        compile(&toolchain, &sources.files, &[sources.flags, flags.clone()].concat(), &dir, default_jobs())?;
    let link = thin_link(&toolchain, &dir, &objects, &["-shared"])?;

    println!("{corpus}: {} modules, {} cores\n", link.modules.len(), default_jobs());
    println!("|   jobs | wall s | lower bound s | wall / bound |  CPU s | CPU / CPU of -j1 |");
    println!("|-------:|-------:|--------------:|-------------:|-------:|-----------------:|");
    let widths = successors(Some(1), |jobs| Some(jobs * 2)).take_while(|jobs| *jobs < default_jobs());
    let (mut rows, mut alone) = (Vec::new(), None);
    for jobs in widths.chain([default_jobs()]) {
        let profile = run(&dir, jobs, &link.modules, &flags)?;
        let number = |name: &str| profile[name].as_f64().with_context(|| format!("no {name} in the profile"));
        let (wall, least, cpu) =
            (number("wall_seconds")?, number("least_wall_seconds")?, number("cpu_seconds")?);
        let dearer = cpu / *alone.get_or_insert(cpu);
        println!(
            "| {jobs:>6} | {wall:>6.2} | {least:>13.2} | {:>12.3} | {cpu:>6.2} | {dearer:>16.3} |",
            wall / least
        );
        rows.push(
            json!({ "jobs": jobs, "wall_seconds": wall, "least_wall_seconds": least, "cpu_seconds": cpu }),
        );
    }
    println!();
    Ok(rows.into())
}

/// The profile of one run.
fn run(dir: &Path, jobs: usize, modules: &[PathBuf], flags: &[String]) -> Result<Value> {
    let outputs = tempfile::tempdir_in(dir)?;
    let profile = outputs.path().join("profile.json");
    let mut command = Command::new(thinfarm_program()?);
    command.current_dir(dir).env_remove("MAKEFLAGS").stdin(Stdio::null()).stderr(Stdio::null());
    command.args(["backend", "--machine-share", "off", &format!("-j{jobs}"), "--profile"]).arg(&profile);
    command.arg("--out-dir").arg(outputs.path()).args(modules).arg("--").args(flags);
    let status = command.status().context("cannot run thinfarm")?;
    ensure!(status.success(), "thinfarm: {status}");
    Ok(serde_json::from_slice(&fs::read(&profile)?)?)
}
