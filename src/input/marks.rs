//! Marks of a file by which one that is untouched is known.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use llvm_build::{Bitcode, FileState};
use serde::{Deserialize, Serialize};

/// Writes within this time of a reading may leave the marks as they were: clocks of file systems are
/// coarse. Nanoseconds.
const RACY: i128 = 2_000_000_000;

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(FileState);

impl Marks {
    /// Those of the file at `path`, if there is one.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self(FileState::of(&metadata)))
    }

    /// Those of the file that `module` is in, when that was opened, if it is in one.
    pub fn of_opened(module: &Bitcode) -> Option<Self> {
        module.file_state().map(Self)
    }

    /// Whether a file that was read at this time ([`now`]) is known by its marks: no later write can have left the same.
    pub fn are_sure_at(&self, read: i128) -> bool {
        self.0.last_written().is_some_and(|written| written + RACY < read)
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
        let latest = marks.0.last_written().unwrap();
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
