//! What jobs cost, as a profile tells of it or as a file with a line for each job.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// One job that was run.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// Bytes.
    pub module: u64,
    /// Of the module's functions and of those it imported.
    pub instructions: u64,
    /// CPU seconds.
    pub seconds: f64,
    /// The most it had allocated, bytes.
    pub peak: u64,
}

/// The jobs in a profile, or in a file that [`text`] wrote.
pub fn read(path: &Path) -> Result<Vec<Recorded>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let jobs = if text.starts_with('{') { of_profile(&text) } else { Recorded::parse(&text) };
    jobs.with_context(|| format!("{} has no costs of jobs", path.display()))
}

fn of_profile(text: &str) -> Result<Vec<Recorded>> {
    let profile: Value = serde_json::from_str(text)?;
    let job = |job: &Value| {
        let number = |name: &str| job[name].as_u64().with_context(|| format!("no {name} in {job:#}"));
        Ok(Recorded {
            module: number("module_bytes")?,
            instructions: number("instructions")?,
            seconds: job["cpu_seconds"].as_f64().context("no cpu_seconds")?,
            peak: number("peak_memory_bytes")?,
        })
    };
    profile["jobs"].as_array().context("no jobs")?.iter().map(job).collect()
}

/// A line for each job.
pub fn text(jobs: &[Recorded]) -> String {
    let mut text = String::from("# module bytes, instructions, CPU milliseconds, peak KiB\n");
    for Recorded { module, instructions, seconds, peak } in jobs {
        text += &format!("{module} {instructions} {:.1} {}\n", seconds * 1e3, peak >> 10);
    }
    text
}

impl Recorded {
    /// What [`text`] wrote.
    pub fn parse(text: &str) -> Result<Vec<Self>> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let jobs = lines.map(Self::of_line).collect::<Result<Vec<_>>>()?;
        ensure!(!jobs.is_empty(), "no jobs");
        Ok(jobs)
    }

    fn of_line(line: &str) -> Result<Self> {
        let [module, instructions, milliseconds, peak] = *line.split(' ').collect::<Vec<_>>() else {
            bail!("not four numbers: {line}");
        };
        Ok(Self {
            module: module.parse()?,
            instructions: instructions.parse()?,
            seconds: milliseconds.parse::<f64>()? / 1e3,
            peak: peak.parse::<u64>()? << 10,
        })
    }
}
