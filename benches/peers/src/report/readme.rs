//! The section of README.md that is made of a report.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Report;

/// Where the chart that README.md shows is, from the repository's root.
pub const CHART: &str = "benches/chart.svg";

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// `readme`, with what `report` says between its markers. `path` is told in errors.
pub fn put_into(readme: &str, report: &Report, path: &Path) -> Result<String> {
    let missing = |marker| format!("{} has no line {marker}, which says where to write", path.display());
    let (before, rest) = readme.split_once(&format!("{BEGIN}\n")).with_context(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).with_context(|| missing(END))?;
    ensure!(!after.contains(BEGIN), "{} has {BEGIN} twice", path.display());
    Ok(format!("{before}{BEGIN}\n{}{END}{after}", section(report)))
}

fn section(report: &Report) -> String {
    let Report { date, machine, corpora, .. } = report;
    let runs = corpora.iter().map(|corpus| corpus.rounds.len()).min().unwrap_or(0);
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
        text += &format!("What thinfarm is to reach, and what it does:\n\n{targets}");
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
        let path = Path::new("README.md");
        let readme = "# Title\n\n<!-- bench -->\nold\n<!-- /bench -->\n\nmore\n";
        let once = put_into(readme, &report(), path).unwrap();
        assert!(once.starts_with("# Title\n\n<!-- bench -->\nWhole links"), "{once}");
        assert!(once.ends_with("<!-- /bench -->\n\nmore\n") && !once.contains("old"), "{once}");
        assert!(once.contains("2026-01-31:\n2 cores of Abacus & Sons, 8 GiB of memory"), "{once}");
        assert!(once.contains("rocksdb: CPU time, of ld.lld"), "{once}");
        assert_eq!(put_into(&once, &report(), path).unwrap(), once);
    }

    #[test]
    fn markers_that_are_not_there_are_named() {
        for (readme, marker) in [("text", "<!-- bench -->"), ("<!-- bench -->\ntext", "<!-- /bench -->")] {
            let error = put_into(readme, &report(), Path::new("README.md")).unwrap_err().to_string();
            assert!(error.contains(marker) && error.contains("README.md"), "{error}");
        }
    }

    #[test]
    fn the_readme_of_this_repository_has_the_markers() {
        let readme = include_str!("../../../../README.md");
        put_into(readme, &report(), Path::new("README.md")).unwrap();
    }
}
