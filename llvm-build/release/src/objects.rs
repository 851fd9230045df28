//! Whether two directories hold the same files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Fails unless the files below `expected`, and there are some, are those below `made`, byte for byte.
pub fn same(expected: &Path, made: &Path) -> Result<()> {
    let (names, others) = (files(expected)?, files(made)?);
    ensure!(!names.is_empty(), "nothing was made in {}", expected.display());
    let odd: Vec<&PathBuf> = names.symmetric_difference(&others).collect();
    ensure!(odd.is_empty(), "made by one of two programs only: {odd:?}");
    let read = |path: PathBuf| fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
    for name in &names {
        let is_same = read(expected.join(name))? == read(made.join(name))?;
        ensure!(is_same, "{} is not what the program as built makes", made.join(name).display());
    }
    Ok(())
}

/// The files below `dir`, by their paths from there.
fn files(dir: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(dir)?.to_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_count() {
        let temporary = tempfile::tempdir().unwrap();
        let [left, right] = ["left", "right"].map(|name| temporary.path().join(name));
        for dir in [&left, &right] {
            fs::create_dir_all(dir.join("below")).unwrap();
        }
        assert!(same(&left, &right).unwrap_err().to_string().contains("nothing"));
        fs::write(left.join("below/a.o"), "1").unwrap();
        assert!(same(&left, &right).unwrap_err().to_string().contains("below/a.o"));
        fs::write(right.join("below/a.o"), "2").unwrap();
        assert!(same(&left, &right).unwrap_err().to_string().contains("right/below/a.o"));
        fs::write(right.join("below/a.o"), "1").unwrap();
        same(&left, &right).unwrap();
    }
}
