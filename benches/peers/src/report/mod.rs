//! What was measured: plain data, written as JSON and read again.

mod chart;
mod documents;
mod machine;
mod numbers;
#[cfg(test)]
mod sample;
mod summary;
mod table;
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

pub use documents::write_into_documents;
pub use machine::Machine;

use crate::cost::Cost;
use crate::way::Way;

/// The version of the JSON report: it grows by one when a field changes its meaning or goes.
const FORMAT: u32 = 2;

/// Everything that was measured.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    format: u32,
    /// The day, as `2026-01-31`.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// What.
    pub corpora: Vec<CorpusReport>,
}

/// What was measured of one corpus.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusReport {
    /// Its name.
    pub corpus: String,
    /// What tables call it.
    pub title: String,
    /// How many backends ran at once.
    pub jobs: usize,
    /// Whether all made the same.
    pub identity: Identity,
    /// What was asked for and not measured, and why.
    pub left_out: BTreeMap<Way, String>,
    /// What was measured, one round after the other. All have the same ways.
    pub rounds: Vec<Round>,
}

/// What each way cost in one round.
pub type Round = BTreeMap<Way, Measurement>;

/// Whose objects are clang's, byte for byte. thinfarm's are, in all ways, or nothing is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// How many objects there are.
    pub objects: usize,
    /// How many of lld's are clang's.
    pub lld: usize,
    /// Whether what a DTLTO link makes is what lld makes, if it was measured.
    pub dtlto_links_as_lld: Option<bool>,
}

/// What one way cost, once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// From modules to the linked output.
    pub whole: Cost,
    /// The same in its stages, where there are any.
    pub stages: Option<Stages>,
    /// What was compiled, where not everything was.
    pub compiled: Option<Compiled>,
}

/// The stages of a link whose backends do not run in the linker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    /// From modules to indexes.
    pub thin_link: Cost,
    /// From indexes to objects.
    pub backends: Cost,
    /// From objects to the output.
    pub final_link: Cost,
}

/// The modules that were compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compiled {
    /// How many.
    pub modules: usize,
    /// CPU seconds of their jobs alone.
    pub cpu_seconds: f64,
}

impl Report {
    /// Keeps what `earlier` has of all corpora.
    ///
    /// # Errors
    /// It is of another day, machine or version of a program: a report names one of each.
    pub fn keep(&mut self, earlier: Report) -> Result<()> {
        ensure!(self.date == earlier.date, "what is to be kept is of {}", earlier.date);
        ensure!(self.machine == earlier.machine, "what is to be kept was measured on {}", earlier.machine);
        self.corpora = earlier.corpora;
        Ok(())
    }

    /// Adds what was measured of a corpus, in place of what was before.
    pub fn put(&mut self, measured: CorpusReport) {
        match self.corpora.iter_mut().find(|known| known.corpus == measured.corpus) {
            Some(known) => *known = measured,
            None => self.corpora.push(measured),
        }
    }

    /// What was measured on `machine`, today.
    pub fn new(machine: Machine) -> Report {
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        Report { format: FORMAT, date, machine, corpora: Vec::new() }
    }

    /// Reads what [`Report::write`] wrote.
    pub fn read(path: &Path) -> Result<Report> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}, which `make bench` writes", path.display()))?;
        let report: Report = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what `make bench` writes", path.display()))?;
        let found = report.format;
        ensure!(found == FORMAT, "{} has format {found}, this reads {FORMAT}: measure again", path.display());
        Ok(report)
    }

    /// Writes it to `path` as JSON, and a chart beside it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).expect("the report is plain data");
        replace(path, &(json + "\n"))?;
        replace(&path.with_extension("svg"), &self.chart())
    }

    /// The chart, as SVG.
    pub fn chart(&self) -> String {
        chart::draw(self)
    }

    /// The targets and what was reached, as Markdown.
    pub fn targets(&self) -> String {
        targets::table_of(self)
    }
}

impl Measurement {
    /// What the backends cost; the whole link where they run in it.
    pub fn backends_or_whole(&self) -> Cost {
        self.stages.map_or(self.whole, |stages| stages.backends)
    }
}

/// Writes `text` to `path`, wholly or not at all.
fn replace(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = NamedTempFile::new_in(dir)?;
        file.write_all(text.as_bytes())?;
        // Temporary files are for their owner only.
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(path)?;
        anyhow::Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_back_and_another_format_refused() {
        let rounds: &[&[(Way, f64)]] = &[&[(Way::Thinfarm, 5.0), (Way::Lld, 10.0)]];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/bench.json");
        let mut report = sample::report(vec![sample::corpus("zstd", rounds)]);
        report.write(&path).unwrap();
        assert_eq!(Report::read(&path).unwrap(), report);
        assert!(path.with_extension("svg").exists());

        report.format += 1;
        report.write(&path).unwrap();
        let error = Report::read(&path).unwrap_err().to_string();
        assert!(error.contains("has format 3") && error.contains("measure again"), "{error}");
        let error = Report::read(&dir.path().join("none.json")).unwrap_err().to_string();
        assert!(error.contains("none.json") && error.contains("make bench"), "{error}");
    }

    #[test]
    fn a_corpus_measured_again_takes_the_place_of_the_first() {
        let measured = |corpus, seconds| sample::corpus(corpus, &[&[(Way::Lld, seconds)]]);
        let first = || sample::report(vec![measured("zstd", 1.0), measured("tiny", 2.0)]);
        let mut report = sample::report(Vec::new());
        report.keep(first()).unwrap();
        report.put(measured("zstd", 3.0));
        report.put(measured("kernel", 4.0));
        assert_eq!(report.corpora, [measured("zstd", 3.0), measured("tiny", 2.0), measured("kernel", 4.0)]);

        assert!(report.keep(Report { date: "2026-02-01".to_owned(), ..first() }).is_err());
        let machine = Machine { cores: 3, ..first().machine };
        assert!(report.keep(Report { machine, ..first() }).is_err());
    }
}
