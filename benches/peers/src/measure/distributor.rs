//! A distributor for DTLTO: LLVM has only one that runs one job at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Runs the jobs of a link in parallel, those with the largest modules first. Its arguments are how many run at
/// once and lld's description of the jobs.
const SCRIPT: &str = r#"import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

with open(sys.argv[2]) as file:
    link = json.load(file)

def size(job):
    return os.path.getsize(job["inputs"][0])

def run(job):
    return subprocess.run(link["common"]["args"] + job["args"]).returncode

with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    sys.exit(max(pool.map(run, sorted(link["jobs"], key=size, reverse=True)), default=0))
"#;

/// What lld starts in a DTLTO link.
pub struct Distributor {
    python: PathBuf,
    script: PathBuf,
    jobs: usize,
}

impl Distributor {
    /// Writes one for `jobs` jobs at once in `dir`; a reason if there is no Python to run it.
    pub fn write(dir: &Path, jobs: usize) -> Result<Result<Distributor, String>> {
        let Some(python) = python() else {
            return Ok(Err("there is no python3, which runs the parallel distributor".to_owned()));
        };
        let script = dir.join("distributor.py");
        fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
        Ok(Ok(Distributor { python, script, jobs }))
    }

    /// The options of a link by `compiler` with `flags`.
    pub fn options(&self, compiler: &Path, flags: &[String]) -> Vec<String> {
        let mut options = vec![
            format!("--thinlto-distributor={}", self.python.display()),
            format!("--thinlto-distributor-arg={}", self.script.display()),
            format!("--thinlto-distributor-arg={}", self.jobs),
            format!("--thinlto-remote-compiler={}", compiler.display()),
        ];
        options.extend(flags.iter().map(|flag| format!("--thinlto-remote-compiler-arg={flag}")));
        options
    }
}

/// The interpreter itself: on PATH there may be a script that takes longer to find it than it runs.
fn python() -> Option<PathBuf> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}
