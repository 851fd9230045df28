//! What jobs cost in earlier runs, in files that many processes share without locks.
//!
//! A job's entry is in one of a few files, by its key. A file is read whole and replaced whole; of two processes
//! that replace it at the same moment, one learnt for nothing, which costs a prediction and nothing else. So does a
//! file that is missing, damaged or of another version.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::output::OutputFile;

/// Names a job from run to run.
pub(super) type JobKey = u64;

/// What a job cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    /// Bytes of the module.
    pub(super) size: u64,
    /// The most memory the job had allocated, bytes; 0 if the allocator did not tell.
    pub(super) peak_memory: u64,
    /// CPU seconds.
    pub(super) seconds: f32,
    /// When it was last compiled, days since 1970.
    pub(super) day: u32,
}

/// Opens a file of entries, and is raised with their format.
const MAGIC: &[u8; 8] = b"tfcosts1";

/// A key and its entry in a file, bytes: little-endian, without padding.
const RECORD: usize = 32;

/// The number of files: few for a large link on a slow file system, and not all of what is known for a small one.
const FILES: u64 = 16;

/// The most entries of a file; the oldest fall away. All files together are 8 MiB then.
const MOST_ENTRIES: usize = 16_384;

/// Entries by key, in the files of a directory.
#[derive(Clone, Debug)]
pub(super) struct History {
    directory: PathBuf,
}

impl History {
    /// Those in `directory`, which need not be there.
    pub(super) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// What is known of `keys`, and of others.
    pub(super) fn read(&self, keys: &[JobKey]) -> HashMap<JobKey, Cost> {
        let is_needed = |number: &u64| keys.iter().any(|key| key % FILES == *number);
        (0..FILES).filter(is_needed).flat_map(|number| read(&self.path(number))).collect()
    }

    /// Adds what was learnt. Seconds become the mean of what they were and what they are, so that a run on a busy
    /// machine does not spoil them.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn add(&self, learnt: &HashMap<JobKey, Cost>) -> io::Result<()> {
        if !learnt.is_empty() {
            fs::create_dir_all(&self.directory)?;
        }
        for number in 0..FILES {
            let mut news = learnt.iter().filter(|(key, _)| **key % FILES == number).peekable();
            if news.peek().is_none() {
                continue;
            }
            let path = self.path(number);
            let mut entries = read(&path);
            for (&key, &entry) in news {
                let before = entries.get(&key).filter(|before| before.size == entry.size);
                let seconds = before.map_or(entry.seconds, |before| (before.seconds + entry.seconds) / 2.0);
                entries.insert(key, Cost { seconds, ..entry });
            }
            OutputFile::create(&path)?.finish(&encoded(&newest(entries)))?;
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:x}"))
    }
}

/// Today, in days since 1970.
pub(super) fn today() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs() / (24 * 60 * 60)).unwrap_or(u32::MAX)
}

fn newest(entries: HashMap<JobKey, Cost>) -> Vec<(JobKey, Cost)> {
    let mut entries: Vec<(JobKey, Cost)> = entries.into_iter().collect();
    entries.sort_unstable_by_key(|(key, entry)| (std::cmp::Reverse(entry.day), *key));
    entries.truncate(MOST_ENTRIES);
    entries
}

/// The entries of a file, none if it is not whole.
fn read(path: &Path) -> HashMap<JobKey, Cost> {
    fs::read(path).ok().and_then(|bytes| decoded(&bytes)).unwrap_or_default()
}

fn encoded(entries: &[(JobKey, Cost)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + entries.len() * RECORD + blake3::OUT_LEN);
    bytes.extend(MAGIC);
    for (key, entry) in entries {
        for number in [*key, entry.size, entry.peak_memory] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(entry.seconds.to_le_bytes());
        bytes.extend(entry.day.to_le_bytes());
    }
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

fn decoded(bytes: &[u8]) -> Option<HashMap<JobKey, Cost>> {
    let (content, hash) = bytes.split_last_chunk::<{ blake3::OUT_LEN }>()?;
    let (records, []) = content.strip_prefix(MAGIC)?.as_chunks::<RECORD>() else { return None };
    (blake3::hash(content) == *hash).then(|| records.iter().filter_map(record).collect())
}

fn record(bytes: &[u8; RECORD]) -> Option<(JobKey, Cost)> {
    let long = |at| bytes[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let (seconds, day) = bytes[24..].split_first_chunk()?;
    let entry = Cost {
        size: long(8)?,
        peak_memory: long(16)?,
        seconds: f32::from_le_bytes(*seconds),
        day: u32::from_le_bytes(*day.first_chunk()?),
    };
    Some((long(0)?, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seconds: f32) -> Cost {
        Cost { size: 3 << 20, peak_memory: 5 << 30, seconds, day: 20_000 }
    }

    fn history() -> (tempfile::TempDir, History) {
        let directory = tempfile::tempdir().unwrap();
        let history = History::at(directory.path().join("costs"));
        (directory, history)
    }

    #[test]
    fn what_was_added_is_known_and_seconds_are_averaged() {
        let (_directory, history) = history();
        assert!(history.read(&[1, 2]).is_empty());
        history.add(&HashMap::from([(1, entry(4.0)), (2, entry(1.5)), (17, entry(9.0))])).unwrap();
        let seen = history.read(&[1, 2]);
        assert_eq!((seen[&1], seen[&2], seen[&17]), (entry(4.0), entry(1.5), entry(9.0)));
        history.add(&HashMap::from([(1, entry(2.0))])).unwrap();
        assert_eq!(history.read(&[1])[&1].seconds, 3.0);
        history.add(&HashMap::from([(1, Cost { size: 9, ..entry(2.0) })])).unwrap();
        assert_eq!(history.read(&[1])[&1].seconds, 2.0, "another module is no mean");
        assert_eq!(history.read(&[1])[&17], entry(9.0));
    }

    #[test]
    fn any_damage_is_no_history_and_is_repaired_by_the_next_run() {
        let (_directory, history) = history();
        history.add(&HashMap::from([(1, entry(4.0))])).unwrap();
        let whole = fs::read(history.path(1)).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(history.path(1), &damaged).unwrap();
            assert!(history.read(&[1]).is_empty(), "byte {at}");
            fs::write(history.path(1), &whole[..at]).unwrap();
            assert!(history.read(&[1]).is_empty(), "{at} bytes");
        }
        history.add(&HashMap::from([(1, entry(4.0))])).unwrap();
        assert_eq!(fs::read(history.path(1)).unwrap(), whole);
    }

    #[test]
    fn the_oldest_fall_away() {
        let (_directory, history) = history();
        let key = |number: usize| number as u64 * FILES;
        let old = Cost { day: 1, ..entry(1.0) };
        let all =
            (0..MOST_ENTRIES + 5).map(|number| (key(number), if number < 5 { old } else { entry(1.0) }));
        history.add(&all.collect()).unwrap();
        let left = history.read(&[0]);
        assert_eq!(left.len(), MOST_ENTRIES);
        assert!((0..5).all(|number| !left.contains_key(&key(number))));
        assert_eq!(fs::read_dir(&history.directory).unwrap().count(), 1);
    }
}
