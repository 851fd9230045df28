//! Marks of a file by which one that is untouched is known.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What the file system says of a file; whatever writes or replaces it changes one of these, unless it does so
/// within the same tick of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    size: u64,
    inode: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Of the file's data or attributes, nanoseconds since 1970.
    changed: i128,
}

impl Marks {
    /// Those of the file at `path`, if there is one.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Some(Self {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// When the file or its attributes were last written, nanoseconds since 1970.
    pub fn latest(&self) -> i128 {
        self.modified.max(self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_or_replaced_has_other_marks() {
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| directory.path().join(name));
        fs::write(&path, "one").unwrap();
        let before = Marks::of(&path).unwrap();
        assert_eq!(Marks::of(&path), Some(before));
        fs::write(&path, "more").unwrap();
        let written = Marks::of(&path).unwrap();
        assert_ne!(written, before);
        fs::write(&other, "more").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_ne!(Marks::of(&path), Some(written));
        assert_eq!(Marks::of(&other), None);
    }
}
