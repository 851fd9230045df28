//! Runs that compile only what changed: what each object was made of is remembered in a file.
//!
//! A thin link writes every index anew, so times of files say nothing; contents do. The file is also a
//! journal: every finished object adds its line at once, so a run that is interrupted loses nothing.

mod state;

use std::collections::HashMap;
use std::io;
use std::num::NonZero;
use std::path::Path;

pub use crate::fingerprint::Change;
use tracing::debug;

use state::{ObjectRecord, State, Written};

use crate::backend::JobError;
use crate::fingerprint::Fingerprint;
use crate::fingerprint::contents::Hashes;
use crate::parallel;
use crate::plan::{Job, Plan};
use crate::report::JobReport;

/// What earlier runs left, and what this one adds.
#[derive(Debug)]
pub struct Incremental {
    state: State,
    hashes: Hashes,
    /// By output, those of the jobs that have to run.
    wanted: HashMap<String, Fingerprint>,
}

/// A plan, split into what has to be compiled and what need not be.
#[derive(Debug)]
pub struct Split {
    /// The jobs to run. Their imports may come from modules of other jobs.
    pub stale: Plan,
    /// Why, in the same order.
    pub changes: Vec<Change>,
    /// The jobs whose objects are what they would be compiled to again.
    pub up_to_date: Vec<Job>,
}

impl Split {
    /// Everything has to be compiled.
    pub fn all(plan: Plan) -> Self {
        Self { changes: vec![Change::New; plan.jobs.len()], stale: plan, up_to_date: Vec::new() }
    }
}

impl Incremental {
    /// Reads the state at `path`, or begins one. Also tells why an existing one is of no use.
    ///
    /// # Errors
    /// The file cannot be read, or cannot be written to.
    pub fn open(path: &Path) -> io::Result<(Self, Option<String>)> {
        let (mut state, complaint) = State::open(path)?;
        let hashes = Hashes::knowing(state.stamps());
        Ok((Self { state, hashes, wanted: HashMap::new() }, complaint))
    }

    /// Splits `plan`, looking at `threads` jobs at a time.
    pub fn split(&mut self, plan: &Plan, threads: NonZero<usize>) -> Split {
        let checked = self.check_all(plan, threads);
        let mut split = Split {
            stale: Plan { jobs: Vec::new(), native: plan.native.clone() },
            changes: Vec::new(),
            up_to_date: Vec::new(),
        };
        for (job, (fingerprint, change)) in plan.jobs.iter().zip(checked) {
            let Some(change) = change else {
                debug!(module = job.module, "is up to date");
                split.up_to_date.push(job.clone());
                continue;
            };
            self.wanted.extend(fingerprint.map(|fingerprint| (key(job), fingerprint)));
            split.stale.jobs.push(job.clone());
            debug!(module = job.module, why = %change, "has to be compiled");
            split.changes.push(change);
        }
        self.state.keep_only(split.up_to_date.iter().map(key));
        split
    }

    fn check_all(&self, plan: &Plan, threads: NonZero<usize>) -> Vec<(Option<Fingerprint>, Option<Change>)> {
        parallel::map(threads, &plan.jobs, |_, job| self.check(job))
    }

    /// What the job would be made of now, and why it has to run, if it has to.
    fn check(&self, job: &Job) -> (Option<Fingerprint>, Option<Change>) {
        let fingerprint = match Fingerprint::of(job, &self.hashes) {
            Ok(fingerprint) => fingerprint,
            Err(change) => return (None, Some(change)),
        };
        let change = match self.state.entry(&key(job)) {
            None => Some(Change::New),
            Some(entry) if entry.written != Written::of(job) => Some(Change::Object),
            Some(entry) => entry.fingerprint.change_to(&fingerprint),
        };
        (Some(fingerprint), change)
    }

    /// Remembers that a job of [`Split::stale`] is done, or has failed.
    ///
    /// # Errors
    /// The state cannot be written.
    pub fn done(&mut self, job: &Job, report: &JobReport) -> io::Result<()> {
        match (&report.result, self.wanted.remove(&key(job))) {
            (Ok(_), Some(fingerprint)) => {
                self.state.add(&key(job), ObjectRecord { fingerprint, written: Written::of(job) })
            }
            (Ok(_), None) | (Err(JobError::Command(_)), _) => Ok(()),
            (Err(_), _) => self.state.forget(&key(job)),
        }
    }

    /// Writes the state anew, without what no longer counts.
    ///
    /// # Errors
    /// It cannot be written; what was there stays.
    pub fn finish(self) -> io::Result<()> {
        self.state.finish(self.hashes.into_stamps())
    }
}

fn key(job: &Job) -> String {
    job.output.to_string_lossy().into_owned()
}
