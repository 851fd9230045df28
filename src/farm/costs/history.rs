//! What jobs cost in earlier runs.

use crate::records::{FILES, Record, Records};

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

/// The costs of jobs, in the files of a directory.
pub(super) type History = Records<Cost>;

impl Record for Cost {
    type Key = JobKey;

    const MAGIC: &'static [u8; 8] = b"tfcosts1";
    const SIZE: usize = 32;
    /// All files together are 8 MiB then.
    const MOST: usize = 16_384;

    fn file_of(key: JobKey) -> u8 {
        key.to_le_bytes()[0] % FILES
    }

    fn day(&self) -> u32 {
        self.day
    }

    /// Seconds become the mean of what they were and what they are, so that a run on a busy machine does not spoil them.
    fn after(self, before: Self) -> Self {
        let is_of_same = before.size == self.size;
        let seconds = if is_of_same { (before.seconds + self.seconds) / 2.0 } else { self.seconds };
        Self { seconds, ..self }
    }

    fn encode(&self, key: JobKey, bytes: &mut Vec<u8>) {
        for number in [key, self.size, self.peak_memory] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.seconds.to_le_bytes());
        bytes.extend(self.day.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<(JobKey, Self)> {
        let long = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let (seconds, day) = bytes.get(24..)?.split_first_chunk()?;
        let cost = Self {
            size: long(8)?,
            peak_memory: long(16)?,
            seconds: f32::from_le_bytes(*seconds),
            day: u32::from_le_bytes(*day.first_chunk()?),
        };
        Some((long(0)?, cost))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

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
        let key = |number: usize| number as u64 * u64::from(FILES);
        let old = Cost { day: 1, ..entry(1.0) };
        let all = (0..Cost::MOST + 5).map(|number| (key(number), if number < 5 { old } else { entry(1.0) }));
        history.add(&all.collect()).unwrap();
        let left = history.read(&[0]);
        assert_eq!(left.len(), Cost::MOST);
        assert!((0..5).all(|number| !left.contains_key(&key(number))));
        assert_eq!(fs::read_dir(history.directory()).unwrap().count(), 1);
    }
}
