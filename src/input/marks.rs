//! Marks of a file by which one that is untouched is known.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use llvm_build::FileIdentity;
use serde::{Deserialize, Serialize};

/// Writes within this time of a reading may leave the marks as they were: clocks of file systems are
/// coarse. Nanoseconds.
const RACY: i128 = 2_000_000_000;

/// What the file system says of a file; whatever writes or replaces it changes one of these, unless it does so
/// within the same tick of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    size: u64,
    device: u64,
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
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether a file that was read at this time ([`now`]) is known by its marks: no later write can have left the same.
    pub fn are_sure_at(&self, read: i128) -> bool {
        self.modified.max(self.changed) + RACY < read
    }

    /// Whether these are of that file.
    pub fn are_of(&self, file: FileIdentity) -> bool {
        file == FileIdentity { device: self.device, inode: self.inode }
    }
}

/// The time, nanoseconds since 1970.
pub fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_sure_only_if_the_file_was_old_when_it_was_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let marks = Marks::of(file.path()).unwrap();
        let latest = marks.modified.max(marks.changed);
        assert!(marks.are_sure_at(latest + RACY + 1));
        assert!(!marks.are_sure_at(latest + RACY));
    }

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
