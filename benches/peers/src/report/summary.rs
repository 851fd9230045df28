//! The few lines that a reader sees first.

use super::numbers::{Measure, Spread, precision};
use super::table::table;
use super::{CorpusReport, Report};
use crate::way::Way;

/// A line: a link of one corpus, in one state.
struct Line {
    corpus: &'static str,
    /// What follows the corpus's title.
    state: &'static str,
    thinfarm: Way,
    lld: Way,
    clang: Option<Way>,
}

const fn cold(corpus: &'static str) -> Line {
    let (thinfarm, lld, clang) = (Way::LdThinfarm, Way::Lld, Some(Way::Clang));
    Line { corpus, state: "", thinfarm, lld, clang }
}

const LINES: [Line; 6] = [
    cold("zstd"),
    cold("tiny"),
    cold("rocksdb"),
    cold("kernel"),
    Line {
        corpus: "rocksdb",
        state: "; cached, one module changed",
        thinfarm: Way::LdThinfarmChanged,
        lld: Way::LldChanged,
        clang: None,
    },
    Line {
        corpus: "rocksdb",
        state: "; cached, nothing changed",
        thinfarm: Way::LdThinfarmCached,
        lld: Way::LldCached,
        clang: None,
    },
];

impl Report {
    /// How often each way was measured, at least.
    pub fn runs(&self) -> usize {
        self.corpora.iter().map(|corpus| corpus.rounds.len()).min().unwrap_or(0)
    }

    /// Six lines of medians, as Markdown. Lines of what was not measured are left out.
    pub fn summary(&self) -> String {
        let header = [
            "CPU seconds of a whole link",
            "`ld.thinfarm`",
            "`ld.lld`",
            "clang, a process per module",
            "`ld.thinfarm` : cold `ld.lld`",
            "peak MiB, `ld.thinfarm`",
            "peak MiB, `ld.lld`",
        ];
        let rows = LINES.iter().filter_map(|line| {
            let corpus = self.corpora.iter().find(|corpus| corpus.corpus == line.corpus)?;
            corpus.line(line)
        });
        format!(
            "{}\nMedians of {} runs, {}: {}.\n",
            table(header.map(str::to_owned), rows.collect()),
            self.runs(),
            self.date,
            self.machine
        )
    }
}

impl CorpusReport {
    fn line(&self, line: &Line) -> Option<[String; 7]> {
        let cpu = |way| Some(number(self.spread(way, Measure::Cpu)?));
        let memory =
            |way| Some(format!("{:.0}", self.spread(way, Measure::Memory)?.median / f64::from(1 << 20)));
        Some([
            format!("{}{}", self.title, line.state),
            cpu(line.thinfarm)?,
            cpu(line.lld)?,
            line.clang.and_then(cpu).unwrap_or_default(),
            number(self.ratio(line.thinfarm, Way::Lld, Measure::Cpu)?),
            memory(line.thinfarm)?,
            memory(line.lld)?,
        ])
    }
}

fn number(spread: Spread) -> String {
    format!("{:.*}", precision(spread.median), spread.median)
}

#[cfg(test)]
mod tests {
    use super::super::sample;

    use super::*;

    #[test]
    fn a_line_for_each_link_that_was_measured() {
        let rounds: &[&[(Way, f64)]] = &[
            &[(Way::Lld, 10.0), (Way::LdThinfarm, 8.0), (Way::Clang, 20.0), (Way::LdThinfarmCached, 0.5)],
            &[(Way::Lld, 12.0), (Way::LdThinfarm, 9.0), (Way::Clang, 22.0), (Way::LdThinfarmCached, 0.5)],
        ];
        let report = sample::report(vec![sample::corpus("rocksdb", rounds)]);
        let summary = report.summary();
        let mut lines = summary.lines().skip(2);
        let cells: Vec<&str> = lines.next().unwrap().split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "rocksdb, 3 C modules, -O2", "8.50", "11.0", "21.0", "0.78", "8", "11", ""]);
        // lld was not measured with a cache.
        assert_eq!(lines.next(), Some(""));
        assert!(lines.next().unwrap().starts_with("Medians of 2 runs, 2026-01-31: 2 cores of Abacus & Sons"));
    }

    #[test]
    fn every_line_is_of_a_corpus() {
        for line in LINES {
            line.corpus.parse::<crate::subject::Corpus>().unwrap();
        }
    }
}
