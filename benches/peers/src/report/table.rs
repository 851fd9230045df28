//! What was measured of one corpus, as Markdown that also reads well as plain text.

use super::numbers::{Measure, Spread};
use super::{CorpusReport, Identity};
use crate::way::Way;

impl CorpusReport {
    /// The tables and what a reader must know to judge them.
    pub fn markdown(&self) -> String {
        let header =
            [&*self.title, "CPU s", "wall s", "peak MiB", "CPU : lld", "wall : lld"].map(str::to_owned);
        let rows = Way::ALL.into_iter().filter_map(|way| self.row(way)).collect();
        format!("{}\n{}", table(header, rows), self.notes())
    }

    fn row(&self, way: Way) -> Option<[String; 6]> {
        let memory = self.spread(way, Measure::Memory)?.median / f64::from(1 << 20);
        Some([
            way.title().to_owned(),
            self.spread(way, Measure::Cpu)?.to_string(),
            self.spread(way, Measure::Wall)?.to_string(),
            format!("{memory:.0}"),
            shown(self.ratio(way, Way::Lld, Measure::Cpu)),
            shown(self.ratio(way, Way::Lld, Measure::Wall)),
        ])
    }

    fn notes(&self) -> String {
        let Identity { objects, lld, dtlto_links_as_lld } = self.identity;
        let mut notes = format!(
            "- All of thinfarm's objects are clang's, {objects} of {objects}; of lld's, {lld} are.\n"
        );
        if dtlto_links_as_lld == Some(false) {
            notes += "- What the DTLTO link makes is not what lld makes.\n";
        }
        if let Some(backends) = self.backends_alone() {
            notes += &backends;
        }
        let compiled: Vec<String> = Way::ALL.into_iter().filter_map(|way| self.compiled(way)).collect();
        if !compiled.is_empty() {
            notes += &format!("- Compiled, of {objects}: {}.\n", compiled.join("; "));
        }
        for (way, reason) in &self.left_out {
            notes += &format!("- Not measured: {}: {reason}.\n", way.title());
        }
        notes
    }

    /// `79.1 CPU s by thinfarm (0.93 of lld's), …`
    fn backends_alone(&self) -> Option<String> {
        let part = |name: &str, way: Way| {
            let seconds = self.backends(way)?.median;
            let ratio = self.backends_ratio(way, Way::Lld)?.median;
            Some(format!("{seconds:.2} by {name} ({ratio:.2} of lld's)"))
        };
        let others = [("thinfarm", Way::Thinfarm), ("clang", Way::Clang)].into_iter();
        let mut parts: Vec<String> = others.filter_map(|(name, way)| part(name, way)).collect();
        parts.push(format!("{:.2} by lld, as its link less the two", self.backends(Way::Lld)?.median));
        Some(format!("- Backends without thin link and final link, CPU s: {}.\n", parts.join(", ")))
    }

    /// How many modules `way` compiled, if it says so.
    fn compiled(&self, way: Way) -> Option<String> {
        let counts = self.rounds.iter().map(|round| Some(round.get(&way)?.compiled?.modules as f64));
        let count = Spread::of(counts.collect::<Option<_>>()?)?.median;
        Some(format!("{count:.0} by {}", way.title()))
    }
}

fn shown(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| spread.to_string())
}

/// `rows` below `header`, the first column flush left and the others flush right.
pub fn table<const COLUMNS: usize>(header: [String; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let lines = || std::iter::once(&header).chain(&rows);
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for (number, line) in lines().enumerate() {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            text += &match column {
                0 => format!("| {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            };
        }
        text.push('\n');
        if number == 0 {
            for (column, width) in widths.into_iter().enumerate() {
                text += &match column {
                    0 => format!("|{}|", "-".repeat(width + 2)),
                    _ => format!("{}:|", "-".repeat(width + 1)),
                };
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_row_for_each_way_that_was_measured() {
        let report = sample::corpus(
            "zstd",
            &[
                &[(Way::Lld, 10.0), (Way::Thinfarm, 8.0), (Way::ThinfarmChanged, 1.0)],
                &[(Way::Lld, 12.0), (Way::Thinfarm, 9.0), (Way::ThinfarmChanged, 1.0)],
            ],
        );
        assert_eq!(
            report.markdown(),
            "\
| zstd, 3 C modules, -O2                      |               CPU s |              wall s | peak MiB |              CPU : lld |             wall : lld |
|---------------------------------------------|--------------------:|--------------------:|---------:|-----------------------:|-----------------------:|
| thinfarm backend                            | 8.50 (8.00 to 9.00) | 4.25 (4.00 to 4.50) |        8 |    0.78 (0.75 to 0.80) |    0.78 (0.75 to 0.80) |
| ld.lld                                      | 11.0 (10.0 to 12.0) | 5.50 (5.00 to 6.00) |       11 |                   1.00 |                   1.00 |
| thinfarm backend --incremental, one changed |                1.00 |                0.50 |        1 | 0.092 (0.083 to 0.100) | 0.092 (0.083 to 0.100) |

- All of thinfarm's objects are clang's, 3 of 3; of lld's, 3 are.
- Backends without thin link and final link, CPU s: 6.80 by thinfarm (0.73 of lld's), 9.30 by lld, as its link less the two.
- Compiled, of 3: 3 by thinfarm backend --incremental, one changed.
- Not measured: ld.lld, cached: it has <none>.
"
        );
    }
}
