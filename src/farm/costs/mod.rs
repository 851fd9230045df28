//! What jobs are expected to cost, and what is learnt from what they did cost.

mod history;
mod model;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::num::NonZero;
use std::path::Path;

use history::{Entry, History, Key};
pub use model::predict_by_size;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use crate::backend;
use crate::input::Location;
use crate::plan::{Job, Plan};
use crate::report::JobReport;

/// What a job is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// CPU seconds.
    pub seconds: f64,
    /// The most memory it has at any time, bytes: meant to be too much rather than too little.
    pub memory: u64,
}

/// Remembers what each job cost, for the runs that come after.
///
/// Processes may share its directory, also over a network: nothing is locked, and whatever is wrong with a file is as
/// if nothing had been learnt. It takes 8 MiB at most; what was not compiled for longest falls away.
#[derive(Clone, Debug)]
pub struct Costs(History);

impl Costs {
    /// Those in a folder `costs` of `directory`, which may have a cache in it, also LLVM's: what prunes that one by
    /// age or size leaves folders alone.
    pub fn in_cache(directory: &Path) -> Self {
        Self(History::at(directory.join("costs")))
    }

    /// What is known of each job of `plan`.
    fn entries(&self, plan: &Plan) -> Vec<Option<Entry>> {
        let keys = keys(plan);
        let known = self.0.read(&keys);
        let entry = |(job, key): (&Job, &Key)| known.get(key).filter(|entry| is_of(job, entry)).copied();
        plan.jobs.iter().zip(&keys).map(entry).collect()
    }

    /// Adds what the jobs of `plan` that made their objects have cost.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn learn(&self, plan: &Plan, reports: &[Option<JobReport>]) -> io::Result<()> {
        let day = history::today();
        let entry = |job: &Job, report: &JobReport| {
            let done = report.result.as_ref().ok().filter(|_| !report.is_cached())?;
            let peak_memory = done.peak_memory.unwrap_or(0);
            Some(Entry { size: job.size, peak_memory, seconds: done.cpu_seconds() as f32, day })
        };
        let learnt = plan.jobs.iter().zip(keys(plan)).zip(reports);
        let learnt = learnt.filter_map(|((job, key), report)| Some((key, entry(job, report.as_ref()?)?)));
        self.0.add(&learnt.collect())
    }
}

/// What each job of `plan` is expected to cost: as it did before, if `costs` knows, and by its size if not. So many
/// `threads` may read indexes for that, of jobs that are `wanted`.
pub(super) fn predict(
    plan: &Plan,
    wanted: impl Fn(usize) -> bool + Sync,
    costs: Option<&Costs>,
    threads: NonZero<usize>,
) -> Vec<Prediction> {
    let entries = costs.map_or_else(|| vec![None; plan.jobs.len()], |costs| costs.entries(plan));
    let models = by_size(plan, |position| wanted(position) && entries[position].is_none(), threads);
    let speed = speed(&models, &entries);
    let scaled = |model: Prediction| Prediction { seconds: model.seconds * speed, ..model };
    let known = |(model, entry): (Prediction, Option<Entry>)| entry.map_or(scaled(model), Prediction::from);
    models.into_iter().zip(entries).map(known).collect()
}

impl From<Entry> for Prediction {
    fn from(entry: Entry) -> Self {
        let memory = match entry.peak_memory {
            0 => predict_by_size(entry.size, None).memory,
            peak => model::claim(peak),
        };
        Self { seconds: f64::from(entry.seconds), memory }
    }
}

/// Below this many bytes of bitcode a job is too short for its place in the order to matter, and an index would be
/// read for nothing.
const SMALL: u64 = 8 << 10;

/// What jobs cost as far as modules tell, and indexes where it is `worth` reading one.
fn by_size(plan: &Plan, worth: impl Fn(usize) -> bool + Sync, threads: NonZero<usize>) -> Vec<Prediction> {
    let predict = |(position, job): (usize, &Job)| {
        let counted = (job.size >= SMALL && worth(position)).then(|| backend::instructions(job)).flatten();
        predict_by_size(job.size, counted)
    };
    match ThreadPoolBuilder::new().num_threads(threads.get()).build() {
        Ok(pool) => pool.install(|| plan.jobs.par_iter().enumerate().map(predict).collect()),
        Err(_) => plan.jobs.iter().enumerate().map(predict).collect(),
    }
}

/// Whether the entry can be of the job as it is now: one of a module that is twice as large, or half, is of another
/// one with the same name or of one that was rewritten.
fn is_of(job: &Job, entry: &Entry) -> bool {
    let (small, large) = (job.size.min(entry.size), job.size.max(entry.size));
    large / 2 <= small
}

/// How many seconds of this machine a second of the model is: the median of what is known.
fn speed(models: &[Prediction], entries: &[Option<Entry>]) -> f64 {
    let known = models.iter().zip(entries);
    let mut ratios: Vec<f64> =
        known.filter_map(|(model, entry)| Some(f64::from((*entry)?.seconds) / model.seconds)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(1.0)
}

/// The names of the jobs in the history: module id and options. Offsets of archive members move with every change of
/// the archive, so members of one name are told apart by their order.
fn keys(plan: &Plan) -> Vec<Key> {
    let mut seen: HashMap<Key, u32> = HashMap::new();
    let key = |job: &Job| {
        let place = match Location::of(&job.module) {
            Location::File(path) => (path, String::new()),
            Location::Member { archive, name, .. } => (archive, name),
        };
        let name = hash((place, job.command.codegen()));
        let times = seen.entry(name).or_default();
        *times += 1;
        hash((name, *times))
    };
    plan.jobs.iter().map(key).collect()
}

/// The same in every process of one build, and no matter if another build has another.
fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
