//! What was to be reached, and what was.

use super::numbers::{Measure, Spread, precision};
use super::table::table;
use super::{CorpusReport, Report};
use crate::way::Way;

/// A ratio that is to be at most a certain number.
struct Target {
    corpus: &'static str,
    what: &'static str,
    ratio: Ratio,
    at_most: f64,
}

/// What is divided by what.
#[derive(Clone, Copy)]
enum Ratio {
    /// A cold link, by that of another.
    Cold(Measure, Way),
    /// CPU time where nothing changed, by that of a cold link.
    Unchanged,
    /// CPU time where one module changed, by that of thin link, final link and the jobs of what changed.
    OneChanged,
}

const fn target(corpus: &'static str, what: &'static str, ratio: Ratio, at_most: f64) -> Target {
    Target { corpus, what, ratio, at_most }
}

/// The targets that thinfarm was built for.
const TARGETS: [Target; 18] = {
    use Measure::{Cpu, Memory, Wall};
    use Ratio::{Cold, OneChanged, Unchanged};
    use Way::{Clang, Lld};
    [
        target("kernel", "CPU time, of ld.lld", Cold(Cpu, Lld), 0.65),
        target("kernel", "CPU time, of spawned clang", Cold(Cpu, Clang), 0.52),
        target("kernel", "wall time, of ld.lld", Cold(Wall, Lld), 0.68),
        target("kernel", "wall time, of spawned clang", Cold(Wall, Clang), 0.55),
        target("kernel", "memory, of ld.lld", Cold(Memory, Lld), 0.5),
        target("kernel", "CPU time where nothing changed, of a cold link", Unchanged, 0.05),
        target(
            "kernel",
            "CPU time where one module changed, of thin link, final link and its jobs",
            OneChanged,
            1.05,
        ),
        target("rocksdb", "CPU time, of ld.lld", Cold(Cpu, Lld), 0.65),
        target("rocksdb", "CPU time, of spawned clang", Cold(Cpu, Clang), 0.62),
        target("rocksdb", "wall time, of ld.lld", Cold(Wall, Lld), 0.68),
        target("rocksdb", "wall time, of spawned clang", Cold(Wall, Clang), 0.65),
        target("rocksdb", "memory, of ld.lld", Cold(Memory, Lld), 0.6),
        target("rocksdb", "CPU time where nothing changed, of a cold link", Unchanged, 0.05),
        target(
            "rocksdb",
            "CPU time where one module changed, of thin link, final link and its jobs",
            OneChanged,
            1.05,
        ),
        target("tiny", "CPU time, of ld.lld", Cold(Cpu, Lld), 0.65),
        target("tiny", "CPU time, of spawned clang", Cold(Cpu, Clang), 0.16),
        target("tiny", "CPU time where nothing changed, of a cold link", Unchanged, 0.05),
        target(
            "tiny",
            "CPU time where one module changed, of thin link, final link and its jobs",
            OneChanged,
            1.05,
        ),
    ]
};

impl Ratio {
    /// What `thinfarm backend` and `ld.thinfarm` reached.
    fn reached(self, corpus: &CorpusReport) -> [Option<Spread>; 2] {
        match self {
            Ratio::Cold(measure, of) => {
                [Way::Thinfarm, Way::LdThinfarm].map(|way| corpus.ratio(way, of, measure))
            }
            Ratio::Unchanged => [
                corpus.ratio(Way::ThinfarmUnchanged, Way::Thinfarm, Measure::Cpu),
                corpus.ratio(Way::LdThinfarmCached, Way::LdThinfarm, Measure::Cpu),
            ],
            Ratio::OneChanged => {
                [Way::ThinfarmChanged, Way::LdThinfarmChanged].map(|way| corpus.needed_ratio(way))
            }
        }
    }
}

/// The targets of the corpora that `report` is of, as Markdown; nothing if there are none.
pub fn table_of(report: &Report) -> String {
    let header = ["target", "at most", "`thinfarm backend`", "`ld.thinfarm`"].map(str::to_owned);
    let rows: Vec<_> = report
        .corpora
        .iter()
        .flat_map(|corpus| {
            let targets = TARGETS.iter().filter(|target| target.corpus == corpus.corpus);
            targets.filter_map(|target| row(target, corpus))
        })
        .collect();
    if rows.is_empty() { String::new() } else { table(header, rows) }
}

fn row(target: &Target, corpus: &CorpusReport) -> Option<[String; 4]> {
    let reached = target.ratio.reached(corpus);
    if reached == [None, None] {
        return None;
    }
    let [backend, linker] =
        reached.map(|ratio| ratio.map_or_else(String::new, |ratio| verdict(ratio, target.at_most)));
    Some([format!("{}: {}", corpus.corpus, target.what), format!("{:.2}", target.at_most), backend, linker])
}

/// The median decides, as it is shown.
fn verdict(ratio: Spread, at_most: f64) -> String {
    let scale = 10_f64.powi(precision(ratio.median) as i32);
    let is_reached = (ratio.median * scale).round() <= (at_most * scale).round();
    format!("{ratio}, {}", if is_reached { "reached" } else { "missed" })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn targets_are_judged_by_the_median() {
        let rounds: &[&[(Way, f64)]] = &[
            &[(Way::Lld, 10.0), (Way::Thinfarm, 6.5), (Way::LdThinfarm, 7.0), (Way::ThinfarmUnchanged, 0.1)],
            &[(Way::Lld, 10.0), (Way::Thinfarm, 6.4), (Way::LdThinfarm, 6.0), (Way::ThinfarmUnchanged, 0.5)],
            &[(Way::Lld, 10.0), (Way::Thinfarm, 9.9), (Way::LdThinfarm, 7.0), (Way::ThinfarmUnchanged, 0.5)],
        ];
        let report = sample::report(vec![sample::corpus("tiny", rounds), sample::corpus("zstd", rounds)]);
        assert_eq!(
            table_of(&report),
            "\
| target                                               | at most |             `thinfarm backend` |               `ld.thinfarm` |
|------------------------------------------------------|--------:|-------------------------------:|----------------------------:|
| tiny: CPU time, of ld.lld                            |    0.65 |   0.65 (0.64 to 0.99), reached | 0.70 (0.60 to 0.70), missed |
| tiny: CPU time where nothing changed, of a cold link |    0.05 | 0.051 (0.015 to 0.078), missed |                             |
"
        );
    }

    #[test]
    fn every_target_is_of_a_corpus() {
        for target in TARGETS {
            target.corpus.parse::<crate::subject::Corpus>().unwrap();
        }
    }
}
