//! What a schedule comes to on any number of cores, given what the jobs cost: the same decisions, on a clock that is
//! only counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Next, Schedule};

/// When the last job of `schedule` would end on `cores` cores, seconds, if the job at each position took as many
/// seconds as `costs` says.
#[doc(hidden)]
pub fn makespan(mut schedule: Schedule, costs: &[f64], cores: usize) -> f64 {
    let mut now = 0.0;
    let mut running = BinaryHeap::new();
    loop {
        while running.len() < cores
            && let Next::Job(position) = schedule.take()
        {
            // Seconds of a run are positive, and the bits of positive numbers are in their order.
            running.push(Reverse(((now + costs[position]).to_bits(), position)));
        }
        let Some(Reverse((end, position))) = running.pop() else { return now };
        now = f64::from_bits(end);
        schedule.ended(position);
    }
}

/// What no order of jobs can beat on `cores` cores, seconds: all cores busy to the end, or the longest job alone.
#[doc(hidden)]
pub fn lower_bound(costs: &[f64], cores: usize) -> f64 {
    let total: f64 = costs.iter().sum();
    costs.iter().copied().fold(total / cores as f64, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::{Prediction, predict_by_size};

    /// The jobs of a kernel: what is predicted by size, and CPU seconds.
    fn kernel() -> (Vec<Prediction>, Vec<f64>) {
        let text = include_str!("../../../benches/scaling/kernel.costs");
        let job = |line: &str| {
            let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            (predict_by_size(numbers[0] as u64, || Some(numbers[1] as u64)), numbers[2] / 1e3)
        };
        text.lines().filter(|line| !line.starts_with('#')).map(job).unzip()
    }

    fn excess(predictions: &[Prediction], costs: &[f64], cores: usize) -> f64 {
        makespan(Schedule::new(predictions, u64::MAX, cores), costs, cores) / lower_bound(costs, cores)
    }

    #[test]
    fn a_kernel_takes_no_more_than_it_must_on_up_to_64_cores() {
        let (by_size, costs) = kernel();
        let learnt: Vec<Prediction> =
            by_size.iter().zip(&costs).map(|(job, &seconds)| Prediction { seconds, ..*job }).collect();
        let unordered = vec![Prediction { seconds: 0.0, memory: 0 }; costs.len()];
        assert!(costs.len() > 500, "{} jobs", costs.len());
        for cores in [1, 2, 4, 8, 16, 32, 64] {
            for (way, predictions) in [("by size", &by_size), ("learnt", &learnt)] {
                let excess = excess(predictions, &costs, cores);
                assert!((1.0 - 1e-9..=1.05).contains(&excess), "{way}, {cores} cores: {excess}");
            }
        }
        assert!(excess(&unordered, &costs, 64) > 1.05, "any order would do");
    }

    #[test]
    fn memory_bounds_what_runs_at_once_and_the_clock_goes_on() {
        let predictions = [4.0, 3.0, 2.0, 1.0].map(|seconds| Prediction { seconds, memory: 60 });
        let run = |budget, cores| {
            makespan(Schedule::new(&predictions, budget, cores), &[4.0, 3.0, 2.0, 1.0], cores)
        };
        assert_eq!((run(u64::MAX, 4), run(u64::MAX, 2)), (4.0, 5.0));
        assert_eq!((run(120, 4), run(119, 4), run(0, 4)), (5.0, 10.0, 10.0));
    }
}
