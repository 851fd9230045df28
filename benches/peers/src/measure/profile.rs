//! What thinfarm tells of its jobs.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::report::Compiled;

/// The part of `--profile` that is of interest here.
#[derive(Deserialize)]
struct Profile {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    /// Whether the object is from a cache.
    #[serde(default)]
    cached: bool,
    /// What it cost whoever compiled it.
    #[serde(default)]
    stages: HashMap<String, Stage>,
}

#[derive(Deserialize)]
struct Stage {
    cpu: f64,
}

/// What was compiled, by the profile in `path`.
pub fn read(path: &Path) -> Result<Compiled> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let profile: Profile = serde_json::from_str(&text)
        .with_context(|| format!("{} is no profile of thinfarm that this bench can read", path.display()))?;
    let compiled: Vec<&Job> = profile.jobs.iter().filter(|job| !job.cached).collect();
    let stages = compiled.iter().flat_map(|job| job.stages.values());
    Ok(Compiled { modules: compiled.len(), cpu_seconds: stages.map(|stage| stage.cpu).sum() })
}
