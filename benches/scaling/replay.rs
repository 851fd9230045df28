//! Recorded jobs on more cores than there are.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use thinfarm::farm::{Prediction, Schedule, lower_bound, makespan, predict_by_size};

use crate::recorded::Recorded;

const WIDTHS: [usize; 6] = [8, 16, 32, 64, 128, 256];

/// How far off perturbed predictions are at most, as a factor.
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
    let perturbed = |job: &Recorded| {
        let Prediction { seconds, memory } = by_history(job);
        Prediction { seconds: seconds * NOISE.powf(fastrand::f64() * 2.0 - 1.0), memory }
    };
    fastrand::seed(7);
    let ways: [Way; 4] = [
        ("link order", vec![Prediction { seconds: 0.0, memory: 0 }; jobs.len()]),
        ("by size", jobs.iter().map(by_size).collect()),
        ("learnt", learnt.iter().map(by_history).collect()),
        ("learnt, wrong by up to 2", learnt.iter().map(perturbed).collect()),
    ];

    let total: f64 = costs.iter().sum();
    let longest = costs.iter().copied().fold(0.0, f64::max);
    println!("{} jobs, {total:.2} CPU s, the longest {longest:.2} s; makespan / lower bound\n", jobs.len());
    let titles: String = ways.iter().map(|(name, _)| format!(" {name:>8} |")).collect();
    println!("| cores | lower bound s |{titles} bound by |");
    println!(
        "|------:|--------------:|{}----------|",
        ways.iter().map(|(name, _)| format!("{}:|", "-".repeat(name.len().max(8) + 1))).collect::<String>()
    );
    let row = |cores: usize| {
        let least = lower_bound(&costs, cores);
        let bound_by = if least > total / cores as f64 { "the longest job" } else { "all cores" };
        let ratio = |(_, predictions): &Way| {
            makespan(Schedule::new(predictions, u64::MAX, cores), &costs, cores) / least
        };
        let ratios: Vec<f64> = ways.iter().map(ratio).collect();
        let cells: String = ways
            .iter()
            .zip(&ratios)
            .map(|((name, _), ratio)| format!(" {ratio:>width$.3} |", width = name.len().max(8)))
            .collect();
        println!("| {cores:>5} | {least:>13.3} |{cells} {bound_by} |");
        let ratios: serde_json::Map<String, Value> =
            ways.iter().zip(ratios).map(|((name, _), ratio)| ((*name).to_owned(), json!(ratio))).collect();
        json!({ "cores": cores, "lower_bound_seconds": least, "bound_by": bound_by, "makespan_over_bound": ratios })
    };
    Ok(WIDTHS.map(row).to_vec().into())
}
