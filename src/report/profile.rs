//! The report as JSON, for scripts.

use std::time::UNIX_EPOCH;

use serde::Serialize;

use super::{JobReport, Phase, Report};
use llvm_build::{StageTime, StageTimes};

/// The version of the profile's format. It is raised when a field changes its meaning or goes;
/// fields may be added at any time.
pub const PROFILE_VERSION: u32 = 1;

#[derive(Serialize)]
struct Profile<'a> {
    version: u32,
    thinfarm: &'static str,
    llvm: &'static str,
    threads: usize,
    /// Since 1970.
    started_unix_seconds: f64,
    wall_seconds: f64,
    /// What no order of the jobs could have beaten.
    least_wall_seconds: f64,
    cpu_seconds: f64,
    peak_memory_bytes: u64,
    /// Whether the run was ended before its time, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<bool>,
    phases: &'a [Phase],
    jobs: Vec<Job<'a>>,
}

#[derive(Serialize)]
struct Job<'a> {
    module: &'a str,
    output: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    queued_seconds: f64,
    waited_seconds: f64,
    wall_seconds: f64,
    /// CPU seconds, as `cpu_seconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_memory_bytes: Option<u64>,
    /// Whether the object is from the cache, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Stages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imported_functions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    import_sources: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<u32>,
}

#[derive(Serialize)]
struct Stages {
    #[serde(flatten)]
    llvm: StageTimes,
    write: StageTime,
}

impl Report {
    /// The report as one JSON object: seconds and bytes, versioned by [`PROFILE_VERSION`].
    ///
    /// # Panics
    /// Never: the report holds nothing JSON cannot.
    pub fn to_json(&self) -> String {
        let profile = Profile {
            version: PROFILE_VERSION,
            thinfarm: env!("CARGO_PKG_VERSION"),
            llvm: llvm_build::build_version(),
            threads: self.threads.get(),
            started_unix_seconds: self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            wall_seconds: self.wall.as_secs_f64(),
            least_wall_seconds: self.least_wall().as_secs_f64(),
            cpu_seconds: self.usage.cpu,
            peak_memory_bytes: self.usage.peak_memory,
            cancelled: self.cancelled.then_some(true),
            phases: &self.phases,
            jobs: self.ran().map(|(position, module, job)| self.job(position, module, job)).collect(),
        };
        serde_json::to_string_pretty(&profile).expect("a report is plain data")
    }

    fn job<'a>(&'a self, position: usize, module: &'a str, job: &'a JobReport) -> Job<'a> {
        let done = job.result.as_ref().ok();
        Job {
            module,
            output: &self.outputs[position],
            error: job.result.as_ref().err().map(ToString::to_string),
            queued_seconds: job.queued.as_secs_f64(),
            waited_seconds: job.waited.as_secs_f64(),
            wall_seconds: job.wall.as_secs_f64(),
            predicted_seconds: job.predicted,
            cpu_seconds: job.cpu_seconds(),
            claimed_memory_bytes: job.claimed_memory,
            cached: job.cache.as_ref().map(|_| job.is_from_cache()),
            stages: done.map(|done| Stages { llvm: done.stages, write: done.write }),
            module_bytes: done.map(|done| done.module_size),
            object_bytes: done.map(|done| done.object_size),
            imported_functions: done.map(|done| done.imported_functions),
            import_sources: done.map(|done| done.import_sources),
            instructions: done.map(|done| done.instructions),
            peak_memory_bytes: done.and_then(|done| done.peak_memory),
            warnings: done.map(|done| done.warnings),
        }
    }
}
