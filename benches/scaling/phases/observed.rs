//! One link as it went: its phases, which add up to the whole, and its jobs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use thinfarm::farm::Prediction;

use super::watched::{Watched, seconds};

/// What the process did on its own account last, which it would not do in other links: it wrote its trace or profile.
pub const WRITING: &str = "(writing what is measured)";

/// The phase of the jobs.
pub const JOBS: &str = "jobs";

/// Seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time {
    pub cpu: f64,
    pub wall: f64,
}

/// A backend job.
#[derive(Clone, Debug)]
pub struct Job {
    pub module: String,
    /// CPU seconds.
    pub cpu: f64,
    /// What ld.thinfarm expected.
    pub predicted: Prediction,
}

/// One link.
pub struct Observed {
    /// In order; each begins where the one before ends.
    pub phases: Vec<(String, Time)>,
    /// In the order in which they began.
    pub jobs: Vec<Job>,
}

impl Observed {
    /// The phase `name`; nothing if there is none.
    pub fn phase(&self, name: &str) -> Time {
        self.phases.iter().find(|(phase, _)| phase == name).map(|(_, time)| *time).unwrap_or_default()
    }

    /// All that other cores cannot take over.
    pub fn serial(&self) -> Time {
        let all = self.phases.iter().filter(|(name, _)| ![JOBS, WRITING].contains(&name.as_str()));
        all.fold(Time::default(), |sum, (_, time)| Time {
            cpu: sum.cpu + time.cpu,
            wall: sum.wall + time.wall,
        })
    }

    /// The whole but for the measuring.
    pub fn whole(&self) -> Time {
        let (serial, jobs) = (self.serial(), self.phase(JOBS));
        Time { cpu: serial.cpu + jobs.cpu, wall: serial.wall + jobs.wall }
    }
}

/// Runs a link by ld.thinfarm, whose profile goes to `profile`.
pub fn by_thinfarm(command: &mut Command, profile: &Path) -> Result<Observed> {
    let watched = Watched::run(command.env("THINFARM_PROFILE", profile))?;
    let written = written(profile)?;
    let told: Value = serde_json::from_slice(&fs::read(profile)?)?;
    let told_phases = told["phases"].as_array().context("no phases in the profile")?;
    let number = |value: &Value, name: &str| value[name].as_f64().with_context(|| format!("no {name}"));

    // The run began with the phase of its first decision.
    let mut moment = number(&told, "started_unix_seconds")?;
    for phase in told_phases.iter().take_while(|phase| phase["name"] != "admission") {
        moment -= number(phase, "wall_seconds")?;
    }
    // From the call of the program to the first moment that it knows of.
    let before = (moment - watched.start).max(0.0);
    let mut phases = Vec::new();
    for phase in told_phases {
        let name = phase["name"].as_str().context("a phase has no name")?;
        let time = Time { cpu: number(phase, "cpu_seconds")?, wall: number(phase, "wall_seconds")? };
        moment += time.wall;
        // It is written once when the jobs have ended, and once at the end.
        phases.push((if name == "telling" { WRITING } else { name }.to_owned(), time));
    }
    let told_of: f64 = phases.iter().map(|(_, time)| time.cpu).sum();
    phases.first_mut().context("no phases in the profile")?.1.wall += before;
    let exit = Time { cpu: watched.cpu() - watched.cpu_at(written), wall: watched.end - written };
    let writing = Time { cpu: watched.cpu() - told_of - exit.cpu, wall: written - moment };
    phases.extend([(WRITING.to_owned(), writing), ("exit".to_owned(), exit)]);

    let mut jobs = Vec::new();
    for job in told["jobs"].as_array().context("no jobs in the profile")? {
        let seconds = job["predicted_seconds"].as_f64().unwrap_or_default();
        let memory = job["claimed_memory_bytes"].as_u64().unwrap_or_default();
        jobs.push(Job {
            module: job["module"].as_str().unwrap_or_default().to_owned(),
            cpu: job["cpu_seconds"].as_f64().unwrap_or_default(),
            predicted: Prediction { seconds, memory },
        });
    }
    Ok(Observed { phases, jobs })
}

/// Runs a link by ld.lld, whose trace goes to `trace`. One with everything in the cache can have all `events` in it.
pub fn by_lld(command: &mut Command, trace: &Path, all_events: bool) -> Result<Observed> {
    command.arg(format!("--time-trace={}", trace.display()));
    if all_events {
        command.arg("--time-trace-granularity=0");
    }
    let watched = Watched::run(command)?;
    let written = written(trace)?;
    let told: Value = serde_json::from_slice(&fs::read(trace)?)?;
    let zero = told["beginningOfTime"].as_f64().context("the trace has no beginningOfTime")? * 1e-6;
    let events = told["traceEvents"].as_array().context("no events in the trace")?;
    let named = |name: &'static str| {
        events.iter().filter(move |event| event["name"] == name && event["ph"] == "X").map(move |event| {
            let begin = zero + event["ts"].as_f64().unwrap_or_default() * 1e-6;
            let module = event["args"]["detail"].as_str().unwrap_or_default().to_owned();
            (begin, begin + event["dur"].as_f64().unwrap_or_default() * 1e-6, module)
        })
    };
    let first = |name| named(name).map(|(begin, _, _)| begin).min_by(f64::total_cmp);
    let last = |name| named(name).map(|(_, end, _)| end).max_by(f64::total_cmp);
    let mut jobs: Vec<(f64, f64, String)> = named("Run ThinLTO backend thread (in-process)").collect();
    jobs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends = [
        ("start-up", first("ExecuteLinker")),
        ("reading", first("Parse input files")),
        ("resolution", first("Drop dead symbols and propagate attributes").or(first("Run ThinLTO"))),
        ("thin-link", last("ThinLink")),
        ("to the first job", jobs.first().map(|job| job.0)),
        (JOBS, jobs.iter().map(|job| job.1).max_by(f64::total_cmp)),
        ("handing-over", last("LTO")),
        ("final-link", last("ExecuteLinker")),
        (WRITING, Some(written)),
        ("exit", Some(watched.end)),
    ];
    let (mut phases, mut since) = (Vec::new(), watched.start);
    for (name, end) in ends {
        // Events that took next to no time are in no trace; what follows has their time, too.
        let Some(end) = end else { continue };
        let time = Time { cpu: watched.cpu_at(end) - watched.cpu_at(since), wall: end - since };
        phases.push((name.to_owned(), time));
        since = end;
    }
    let spans: Vec<(f64, f64)> = jobs.iter().map(|job| (job.0, job.1)).collect();
    let used = watched.cpu_of(&spans);
    let job = |((_, _, module), cpu)| Job { module, cpu, predicted: Prediction { seconds: 0.0, memory: 0 } };
    Ok(Observed { phases, jobs: jobs.into_iter().zip(used).map(job).collect() })
}

/// When the file was written last.
fn written(path: &Path) -> Result<f64> {
    let data = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(seconds(data.modified()?))
}
