//! What jobs are expected to cost, and what is learnt from what they did cost.

mod history;
mod model;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::num::NonZero;
use std::path::Path;

use history::{Cost, History, JobKey};
pub use model::predict_by_size;

use crate::backend;
use crate::input::Location;
use crate::parallel;
use crate::plan::{Job, Plan};
use crate::records::today;
use crate::report::JobReport;

/// What a job is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
#[doc(hidden)]
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
    /// Those in a folder `.thinfarm-costs` of `directory`, which may have a cache in it, also LLVM's: what prunes that
    /// one by age or size leaves folders alone, and a build that counts its files does not see this one.
    pub fn in_cache(directory: &Path) -> Self {
        Self(History::at(directory.join(".thinfarm-costs")))
    }

    /// What is known of each job of `plan`.
    fn entries(&self, plan: &Plan) -> Vec<Option<Cost>> {
        let keys = keys(plan);
        let known = self.0.read(&keys);
        let entry = |(job, key): (&Job, &JobKey)| known.get(key).filter(|entry| is_of(job, entry)).copied();
        plan.jobs.iter().zip(&keys).map(entry).collect()
    }

    /// Adds what the jobs of `plan` that made their objects have cost.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn learn(&self, plan: &Plan, reports: &[Option<JobReport>]) -> io::Result<()> {
        let day = today();
        let entry = |job: &Job, report: &JobReport| {
            let done = report.result.as_ref().ok().filter(|_| !report.is_from_cache())?;
            let peak_memory = done.peak_memory.unwrap_or(0);
            Some(Cost { size: job.size, peak_memory, seconds: done.cpu_seconds() as f32, day })
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
    let known = |(model, entry): (Prediction, Option<Cost>)| entry.map_or(scaled(model), Prediction::from);
    models.into_iter().zip(entries).map(known).collect()
}

impl From<Cost> for Prediction {
    fn from(entry: Cost) -> Self {
        let memory = match entry.peak_memory {
            0 => predict_by_size(entry.size, || None).memory,
            peak => model::claim(peak),
        };
        Self { seconds: f64::from(entry.seconds), memory }
    }
}

/// What jobs cost as far as modules tell, and indexes where it is `worth` reading one.
fn by_size(plan: &Plan, worth: impl Fn(usize) -> bool + Sync, threads: NonZero<usize>) -> Vec<Prediction> {
    parallel::map(threads, &plan.jobs, |position, job| {
        predict_by_size(job.size, || worth(position).then(|| backend::instructions(job)).flatten())
    })
}

/// Whether the entry can be of the job as it is now: one of a module that is twice as large, or half, is of another
/// one with the same name or of one that was rewritten.
fn is_of(job: &Job, entry: &Cost) -> bool {
    let (small, large) = (job.size.min(entry.size), job.size.max(entry.size));
    large / 2 <= small
}

/// How many seconds of this machine a second of the model is: the median of what is known.
fn speed(models: &[Prediction], entries: &[Option<Cost>]) -> f64 {
    let known = models.iter().zip(entries);
    let mut ratios: Vec<f64> =
        known.filter_map(|(model, entry)| Some(f64::from((*entry)?.seconds) / model.seconds)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(1.0)
}

/// The names of the jobs in the history: module id and options. Offsets of archive members move with every change of
/// the archive, so members of one name are told apart by their order.
fn keys(plan: &Plan) -> Vec<JobKey> {
    let mut seen: HashMap<JobKey, u32> = HashMap::new();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use llvm_build::StageTime;

    use super::*;
    use crate::backend::JobDone;
    use crate::options::{Resolver, Sources};

    /// A plan of modules with their sizes, compiled alike.
    fn plan(modules: &[(&str, u64)]) -> Plan {
        let (options, _) = Sources::given(["-O2".to_owned()]).options("a.o").unwrap();
        let command = Resolver::new("clang".into()).resolve(&options, "a.o", "", "a.native.o").unwrap();
        let job = |&(module, size): &(&str, u64)| Job {
            module: module.to_owned(),
            index: "".into(),
            output: "".into(),
            command: command.clone(),
            size,
            in_memory: None,
        };
        Plan { jobs: modules.iter().map(job).collect(), ..Plan::default() }
    }

    fn report(seconds: f64, peak: u64) -> Option<JobReport> {
        let write = StageTime { wall: seconds, cpu: seconds };
        let done = JobDone { write, peak_memory: Some(peak), ..JobDone::default() };
        let none = Duration::ZERO;
        let [queued, waited, wall] = [none; 3];
        Some(JobReport {
            queued,
            waited,
            wall,
            predicted: None,
            claimed_memory: None,
            cache: None,
            result: Ok(done),
        })
    }

    fn seconds(plan: &Plan, costs: &Costs) -> Vec<f64> {
        let predictions = predict(plan, |_| true, Some(costs), NonZero::<usize>::MIN);
        predictions.iter().map(|prediction| prediction.seconds).collect()
    }

    #[test]
    fn members_are_known_wherever_they_are_in_their_archive() {
        let directory = tempfile::tempdir().unwrap();
        let costs = Costs::in_cache(directory.path());
        let before = plan(&[("l.a(x.o at 80)", 9), ("l.a(x.o at 96)", 9), ("l.a(y.o at 8)", 9), ("x.o", 9)]);
        let reports = [report(1.0, 8 << 20), report(2.0, 1), report(3.0, 1), report(4.0, 0)];
        costs.learn(&before, &reports).unwrap();
        let now = plan(&[("x.o", 9), ("l.a(x.o at 7)", 9), ("l.a(y.o at 70)", 9), ("l.a(x.o at 99)", 9)]);
        assert_eq!(seconds(&now, &costs), [4.0, 1.0, 3.0, 2.0]);
        let predictions = predict(&now, |_| true, Some(&costs), NonZero::<usize>::MIN);
        assert_eq!(predictions[1].memory, 14 << 20);
        assert_eq!(predictions[0].memory, predict_by_size(9, || None).memory, "nobody told");
    }

    #[test]
    fn what_is_new_is_scaled_by_what_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let costs = Costs::in_cache(directory.path());
        let known = plan(&[("a.o", 8000), ("b.o", 4000)]);
        let model = predict_by_size(8000, || None).seconds;
        costs.learn(&known, &[report(model * 10.0, 1), None]).unwrap();
        let near = |seconds: f64, expected: f64| (seconds / expected - 1.0).abs() < 1e-6;
        let now = seconds(&plan(&[("a.o", 8000), ("c.o", 8000)]), &costs);
        assert!(near(now[0], model * 10.0) && near(now[1], model * 10.0), "{now:?}");
        let other = seconds(&plan(&[("a.o", 16_010)]), &costs);
        assert!(near(other[0], predict_by_size(16_010, || None).seconds), "another module of this name");
    }
}
