//! Recorded jobs on more cores than there are.

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use thinfarm::farm::{Prediction, Schedule, lower_bound, makespan, predict_by_size};

use crate::recorded::Recorded;

const WIDTHS: [usize; 6] = [8, 16, 32, 64, 128, 256];

/// How far off noisy predictions are at most, as a factor.
const NOISE: f64 = 2.0;

/// A way to predict what jobs cost, and its predictions.
type Way = (&'static str, Vec<Prediction>);

/// Prints the makespan of `jobs` against its lower bound, by cores and by what the farm knows when it orders them, and
/// returns the same.
pub fn replay(jobs: &[Recorded], earlier: Option<&[Recorded]>) -> Result<Value> {
    let learnt = earlier.unwrap_or(jobs);
    ensure!(learnt.len() == jobs.len(), "{} jobs, and {} earlier", jobs.len(), learnt.len());
    let costs: Vec<f64> = jobs.iter().map(|job| job.seconds).collect();
    let by_size = |job: &Recorded| predict_by_size(job.module, || Some(job.instructions));
    let by_history = |job: &Recorded| Prediction { seconds: job.seconds, memory: job.peak };
    let noisy = |job: &Recorded| {
        let Prediction { seconds, memory } = by_history(job);
        Prediction { seconds: seconds * NOISE.powf(fastrand::f64() * 2.0 - 1.0), memory }
    };
    fastrand::seed(7);
    let ways: [Way; 4] = [
        ("link order", vec![Prediction { seconds: 0.0, memory: 0 }; jobs.len()]),
        ("by size", jobs.iter().map(by_size).collect()),
        ("learnt", learnt.iter().map(by_history).collect()),
        ("learnt, noisy", learnt.iter().map(noisy).collect()),
    ];

    let total: f64 = costs.iter().sum();
    let longest = costs.iter().copied().fold(0.0, f64::max);
    println!("{} jobs, {total:.2} CPU s, the longest {longest:.2} s; makespan / lower bound\n", jobs.len());
    println!("| cores | lower bound s | bound by        |{}", cells(ways.iter().map(|(name, _)| *name)));
    println!("|------:|--------------:|-----------------|{}", cells(ways.iter().map(|_| RULE)));
    let row = |cores: usize| {
        let least = lower_bound(&costs, cores);
        let bound_by = if least > total / cores as f64 { "the longest job" } else { "all cores" };
        let mut ratios = Map::new();
        for (name, predictions) in &ways {
            let took = makespan(Schedule::new(predictions, u64::MAX, cores), &costs, cores);
            ratios.insert((*name).to_owned(), json!(took / least));
        }
        let numbers: Vec<String> =
            ratios.values().map(|ratio| format!("{:.3}", ratio.as_f64().unwrap_or(f64::NAN))).collect();
        let numbers = cells(numbers.iter().map(String::as_str));
        println!("| {cores:>5} | {least:>13.3} | {bound_by:<15} |{numbers}");
        json!({ "cores": cores, "lower_bound_seconds": least, "bound_by": bound_by, "makespan_over_bound": ratios })
    };
    Ok(WIDTHS.map(row).to_vec().into())
}

/// Below a title.
const RULE: &str = "-------------:";

/// The last cells of a row.
fn cells<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(|text| format!(" {text:>14} |")).collect()
}
