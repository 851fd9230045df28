//! Medians, and ratios of what was measured in the same round.

use std::fmt;

use super::{CorpusReport, Round};
use crate::cost::Cost;
use crate::way::Way;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// User and system time, seconds.
    Cpu,
    /// From start to end, seconds.
    Wall,
    /// The peak of everything running, bytes.
    Memory,
}

/// The middle of some numbers, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle.
    pub median: f64,
    least: f64,
    most: f64,
}

impl Measure {
    /// This of `cost`.
    pub fn of(self, cost: &Cost) -> f64 {
        match self {
            Measure::Cpu => cost.cpu_seconds(),
            Measure::Wall => cost.wall_seconds,
            Measure::Memory => cost.peak_bytes as f64,
        }
    }
}

impl Spread {
    /// Of `numbers`; nothing of none.
    pub fn of(mut numbers: Vec<f64>) -> Option<Spread> {
        numbers.sort_by(f64::total_cmp);
        let (&least, &most) = (numbers.first()?, numbers.last()?);
        let middle = numbers.len() / 2;
        let median = match numbers.len() % 2 {
            0 => (numbers[middle - 1] + numbers[middle]) / 2.0,
            _ => numbers[middle],
        };
        Some(Spread { median, least, most })
    }
}

/// How many digits after the point a number is shown with: three that tell something.
pub fn precision(number: f64) -> usize {
    match number {
        ..0.1 => 3,
        0.1..10.0 => 2,
        _ => 1,
    }
}

/// `14.6 (14.2 to 15.1)`; only the number where all are the same.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let precision = precision(self.median);
        write!(f, "{:.precision$}", self.median)?;
        if self.least < self.most {
            write!(f, " ({:.precision$} to {:.precision$})", self.least, self.most)?;
        }
        Ok(())
    }
}

impl CorpusReport {
    /// `measure` of the whole link by `way`, if it was measured.
    pub fn spread(&self, way: Way, measure: Measure) -> Option<Spread> {
        self.per_round(|round| Some(measure.of(&round.get(&way)?.whole)))
    }

    /// The same as a part of the whole link by `reference`.
    pub fn ratio(&self, way: Way, reference: Way, measure: Measure) -> Option<Spread> {
        self.per_round(|round| {
            Some(measure.of(&round.get(&way)?.whole) / measure.of(&round.get(&reference)?.whole))
        })
    }

    /// CPU seconds of the backends alone.
    pub fn backends(&self, way: Way) -> Option<Spread> {
        self.per_round(|round| backends(round, way))
    }

    /// The same as a part of those of `reference`.
    pub fn backends_ratio(&self, way: Way, reference: Way) -> Option<Spread> {
        self.per_round(|round| Some(backends(round, way)? / backends(round, reference)?))
    }

    /// CPU seconds of the whole link by `way` as a part of what it cannot do without: thin link, final link, and
    /// the jobs that it ran.
    pub fn needed_ratio(&self, way: Way) -> Option<Spread> {
        self.per_round(|round| {
            let measured = round.get(&way)?;
            // Where one program links, what the links cost is known of those that do it in stages.
            let stages = measured.stages.or_else(|| round.values().find_map(|other| other.stages))?;
            let links = stages.thin_link.then(stages.final_link).cpu_seconds();
            Some(measured.whole.cpu_seconds() / (links + measured.compiled?.cpu_seconds))
        })
    }

    fn per_round(&self, number: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(number).collect::<Option<_>>()?)
    }
}

/// lld cannot run backends alone: for it, they are its link less the thin link and the final link that others
/// have as stages. The thin link also writes indexes and the final link reads objects, neither of which the whole
/// link does, so this is a little too good for lld.
fn backends(round: &Round, way: Way) -> Option<f64> {
    let measured = round.get(&way)?;
    if let Some(stages) = measured.stages {
        return Some(stages.backends.cpu_seconds());
    }
    let of_others = [Way::Thinfarm, Way::Clang].iter().find_map(|way| round.get(way)?.stages)?;
    Some(measured.whole.less(of_others.thin_link).less(of_others.final_link).cpu_seconds())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn spreads_are_shown_with_what_lies_apart() {
        let shown = |numbers: &[f64]| Spread::of(numbers.to_vec()).map(|spread| spread.to_string());
        assert_eq!(shown(&[]), None);
        assert_eq!(shown(&[3.0]), Some("3.00".into()));
        assert_eq!(shown(&[0.0512]), Some("0.051".into()));
        assert_eq!(shown(&[30.0, 10.0, 20.0]), Some("20.0 (10.0 to 30.0)".into()));
        assert_eq!(shown(&[1.0, 4.0, 2.0, 3.0]), Some("2.50 (1.00 to 4.00)".into()));
    }

    #[test]
    fn ratios_are_of_one_round() {
        // lld took 10 and 20 s, thinfarm 8 and 8: neither ratio is that of the medians.
        let report = sample::corpus(
            "zstd",
            &[&[(Way::Lld, 10.0), (Way::Thinfarm, 8.0)], &[(Way::Lld, 20.0), (Way::Thinfarm, 8.0)]],
        );
        let ratio = report.ratio(Way::Thinfarm, Way::Lld, Measure::Cpu).unwrap();
        assert_eq!(ratio.to_string(), "0.60 (0.40 to 0.80)");
        assert_eq!(report.ratio(Way::Clang, Way::Lld, Measure::Cpu), None);
    }

    #[test]
    fn lld_has_its_backends_by_difference() {
        // In the sample, a tenth of a link in stages is the thin link, and another the final link.
        let report = sample::corpus("zstd", &[&[(Way::Lld, 10.0), (Way::Thinfarm, 8.0)]]);
        assert_eq!(report.backends(Way::Thinfarm).unwrap().to_string(), "6.40");
        assert_eq!(report.backends(Way::Lld).unwrap().to_string(), "8.40");
    }

    #[test]
    fn what_changed_is_compared_with_what_it_needs() {
        // In the sample, jobs are half of the backends.
        let report = sample::corpus("kernel", &[&[(Way::ThinfarmChanged, 10.0)]]);
        assert_eq!(report.needed_ratio(Way::ThinfarmChanged).unwrap().to_string(), "1.67");
    }
}
