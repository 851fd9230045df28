//! What the documents say of a report: all of it in BENCHMARKS.md, a summary in README.md.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Report, replace};

/// Where the chart that BENCHMARKS.md shows is, from the repository's root.
const CHART: &str = "benches/chart.svg";

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// Writes what `report` says into the documents below `root`, and its chart.
///
/// # Errors
/// A document cannot be read or written, or does not say where to write.
pub fn write_into_documents(root: &Path, report: &Report) -> Result<()> {
    for (name, text) in [("BENCHMARKS.md", section(report)), ("README.md", report.summary())] {
        let path = root.join(name);
        let document =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        replace(&path, &put_into(&document, &text, name)?)?;
    }
    replace(&root.join(CHART), &report.chart())
}

/// `document`, with `text` between its markers. `name` is told in errors.
fn put_into(document: &str, text: &str, name: &str) -> Result<String> {
    let missing = |marker| format!("{name} has no line {marker}, which says where to write");
    let (before, rest) = document.split_once(&format!("{BEGIN}\n")).with_context(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).with_context(|| missing(END))?;
    ensure!(!after.contains(BEGIN), "{name} has {BEGIN} twice");
    Ok(format!("{before}{BEGIN}\n{text}{END}{after}"))
}

fn section(report: &Report) -> String {
    let Report { date, machine, corpora, .. } = report;
    let runs = report.runs();
    let mut text = format!(
        "Whole links, from bitcode to the linked output (`make bench`, {date}:\n{machine}).\n\
         Medians of {runs} runs in turn, in parentheses the least and the most; ratios are of one run.\n\n\
         ![CPU time of each way to link]({CHART})\n\n"
    );
    for corpus in corpora {
        text += &corpus.markdown();
        text.push('\n');
    }
    let targets = report.targets();
    if !targets.is_empty() {
        text += &format!("Targets, and what was reached:\n\n{targets}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::way::Way;

    fn report() -> Report {
        sample::report(vec![sample::corpus("rocksdb", &[&[(Way::Lld, 10.0), (Way::Thinfarm, 6.0)]])])
    }

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let document = "# Title\n\n<!-- bench -->\nold\n<!-- /bench -->\n\nmore\n";
        let put = |document: &str| put_into(document, &section(&report()), "BENCHMARKS.md").unwrap();
        let once = put(document);
        assert!(once.starts_with("# Title\n\n<!-- bench -->\nWhole links"), "{once}");
        assert!(once.ends_with("<!-- /bench -->\n\nmore\n") && !once.contains("old"), "{once}");
        assert!(once.contains("2026-01-31:\n2 cores of Abacus & Sons, 8 GiB of memory"), "{once}");
        assert!(once.contains("rocksdb: CPU time, of ld.lld"), "{once}");
        assert_eq!(put(&once), once);
    }

    #[test]
    fn markers_that_are_not_there_are_named() {
        for (document, marker) in [("text", "<!-- bench -->"), ("<!-- bench -->\ntext", "<!-- /bench -->")] {
            let error = put_into(document, "", "README.md").unwrap_err().to_string();
            assert!(error.contains(marker) && error.contains("README.md"), "{error}");
        }
    }

    #[test]
    fn the_documents_of_this_repository_have_the_markers() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("benches")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for name in ["BENCHMARKS.md", "README.md"] {
            fs::copy(root.join(name), dir.path().join(name)).unwrap();
        }
        write_into_documents(dir.path(), &report()).unwrap();
        let text = |name| fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(text("BENCHMARKS.md").contains("rocksdb: CPU time, of ld.lld"));
        assert!(text("README.md").contains("Abacus & Sons"));
        assert!(text(CHART).starts_with("<svg"));
    }
}
