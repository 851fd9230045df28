//! Hashes of modules, each once per run, and not even that for a file that has not been touched.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use blake3::{Hash, Hasher};
use serde::{Deserialize, Serialize};

use crate::input::Archives;

/// Marks of a file by which one that is untouched is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    size: u64,
    inode: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Of the file's data or attributes, nanoseconds since 1970.
    changed: i128,
}

/// The hash of a module, and when its file was known to have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    marks: Marks,
    hash: Hash,
    /// When the file was read, nanoseconds since 1970.
    read: i128,
}

/// Writes within this time of a reading may leave the marks as they were: clocks of file systems are
/// coarse. Nanoseconds.
const RACY: i128 = 2_000_000_000;

/// Answers "the hash of the module with this id".
#[derive(Debug, Default)]
pub(super) struct Hashes {
    archives: Archives,
    earlier: HashMap<String, Stamp>,
    now: Mutex<HashMap<String, Slot>>,
}

type Slot = Arc<OnceLock<Option<Known>>>;

#[derive(Clone, Debug)]
struct Known {
    hash: Hash,
    /// `None` for a member of an archive, whose file says little about it.
    stamp: Option<Stamp>,
}

impl Hashes {
    /// Begins with what an earlier run found.
    pub(super) fn knowing(earlier: HashMap<String, Stamp>) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// The hash of module `id`, if it can be read.
    pub(super) fn of(&self, id: &str) -> Option<Hash> {
        let slot = {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            match now.get(id) {
                Some(slot) => slot.clone(),
                None => now.entry(id.to_owned()).or_default().clone(),
            }
        };
        slot.get_or_init(|| self.look_at(id)).as_ref().map(|known| known.hash)
    }

    fn look_at(&self, id: &str) -> Option<Known> {
        let Some(file) = self.archives.object_path(id) else {
            let bytes = self.archives.map(id).ok()?;
            let hash = blake3::hash(bytes.bytes());
            bytes.release_pages();
            return Some(Known { hash, stamp: None });
        };
        let marks = Marks::of(&file)?;
        if let Some(stamp) = self.earlier.get(id)
            && stamp.marks == marks
            && stamp.is_sure()
        {
            return Some(Known { hash: stamp.hash, stamp: Some(stamp.clone()) });
        }
        let read = now();
        let mut hasher = Hasher::new();
        hasher.update_reader(File::open(&file).ok()?).ok()?;
        let hash = hasher.finalize();
        Some(Known { hash, stamp: Some(Stamp { marks, hash, read }) })
    }

    /// What this run found.
    pub(super) fn into_stamps(self) -> impl Iterator<Item = (String, Stamp)> {
        let now = self.now.into_inner().unwrap_or_else(PoisonError::into_inner);
        now.into_iter().filter_map(|(id, slot)| Some((id, slot.get()?.clone()?.stamp?)))
    }
}

impl Stamp {
    /// Whether a later write cannot have left the same marks.
    fn is_sure(&self) -> bool {
        self.marks.modified.max(self.marks.changed) + RACY < self.read
    }
}

impl Marks {
    fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Some(Self {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_only_if_the_file_was_old_when_it_was_read() {
        let marks = |modified, changed| Marks { size: 1, inode: 1, modified, changed };
        let is_sure = |modified, changed, read| {
            Stamp { marks: marks(modified, changed), hash: blake3::hash(b""), read }.is_sure()
        };
        assert!(is_sure(0, 0, RACY + 1));
        assert!(!is_sure(0, 0, RACY));
        assert!(!is_sure(0, 5, RACY + 1));
    }

    #[test]
    fn an_untouched_file_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("m");
        fs::write(&path, "one").unwrap();
        let id = path.to_str().unwrap();
        let hashes = Hashes::default();
        assert_eq!(hashes.of(id), Some(blake3::hash(b"one")));
        let mut stamps: HashMap<_, _> = hashes.into_stamps().collect();
        // As if it had been read long after it was written, and had hashed to something else.
        let stamp = stamps.get_mut(id).unwrap();
        stamp.hash = blake3::hash(b"two");
        assert_eq!(
            Hashes::knowing(stamps.clone()).of(id),
            Some(blake3::hash(b"one")),
            "too fresh to be sure"
        );
        stamps.get_mut(id).unwrap().read += 2 * RACY;
        assert_eq!(Hashes::knowing(stamps.clone()).of(id), Some(blake3::hash(b"two")), "read again");
        fs::write(&path, "three").unwrap();
        assert_eq!(Hashes::knowing(stamps).of(id), Some(blake3::hash(b"three")));
        assert_eq!(Hashes::default().of("no/such"), None);
    }
}
