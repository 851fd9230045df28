//! Links from page to page, and paths of this repository that pages name.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::page::Page;

/// Whether every relative link of `pages` leads to a file below `root` and, where it has one, to a heading, and whether
/// every path of sources that they name in backquotes is there.
///
/// # Errors
/// Which do not, and are not.
pub fn check(root: &Path, pages: &[Page]) -> Result<()> {
    let mut broken = Vec::new();
    for page in pages {
        let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
        for target in targets(&page.text) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => root.join(&page.name),
                _ => root.join(folder).join(file),
            };
            let is_there = path.exists();
            let text = || std::fs::read_to_string(&path).unwrap_or_default();
            if !is_there || !heading.is_empty() && !headings(&text()).contains(heading) {
                broken.push(format!("{}: {target}", page.name));
            }
        }
        let paths = named_paths(&page.text).filter(|path| !root.join(path).exists());
        broken.extend(paths.map(|path| format!("{}: `{path}`", page.name)));
    }
    ensure!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
    Ok(())
}

/// What the text's links `[words](target)` lead to.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// What the text names in backquotes that begins with a folder of sources; patterns are left out.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    const FOLDERS: [&str; 5] = ["src/", "llvm-build/", "tests/", "benches/", "docs/"];
    let is_pattern = |path: &str| path.contains(|letter: char| "*…{ ".contains(letter));
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(move |path| FOLDERS.iter().any(|folder| path.starts_with(folder)) && !is_pattern(path))
}

/// The anchors that GitHub makes of headings.
fn headings(text: &str) -> BTreeSet<String> {
    let anchor = |line: &str| {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        let title: String = line.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect();
        title.replace(' ', "-")
    };
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}
