//! What people do with a cache: look at it, check it, empty it.

use std::fs::{self, FileTimes};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::Serialize;

use super::Key;
use super::directory::{self, Found, Kind};
use super::entry::{Entry, Miss};
use super::store::{Store, StoreError};
use crate::fingerprint::HASHES;

/// A temporary that nobody has written to for so long is nobody's.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Some files of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[doc(hidden)]
pub struct Files {
    /// How many.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
}

impl Files {
    fn add(&mut self, file: &Found) {
        self.files += 1;
        self.bytes += file.metadata.len();
    }
}

/// What is in a cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[doc(hidden)]
pub struct Stats {
    /// Objects that can be found.
    pub entries: Files,
    /// What lld, or another version of thinfarm, put there.
    pub others: Files,
    /// Entries in the making, and what killed processes left of such.
    pub temporaries: Files,
    /// When the entry that was not used for longest was used last, in seconds since 1970.
    pub oldest_use_unix_seconds: Option<u64>,
}

/// What a check found.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Verified {
    /// Entries that are what was put in.
    pub whole: u64,
    /// Those that are not, and why; they were removed.
    pub damaged: Vec<(PathBuf, String)>,
    /// Those that could not be read, or be removed though damaged, and why.
    pub left: Vec<(PathBuf, String)>,
}

impl Store {
    /// Counts.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let mut stats = Stats::default();
        for file in self.files()? {
            match file.kind {
                Kind::Entry(_) => {
                    stats.entries.add(&file);
                    let used = last_use(&file);
                    stats.oldest_use_unix_seconds =
                        stats.oldest_use_unix_seconds.into_iter().chain(used).min();
                }
                Kind::Other => stats.others.add(&file),
                Kind::Temporary => stats.temporaries.add(&file),
            }
        }
        Ok(stats)
    }

    /// Removes every entry, also lld's, temporaries that are nobody's any more, and what is remembered of modules; tells
    /// what was removed of the first two. Other files in the directory stay.
    ///
    /// # Errors
    /// The directory cannot be read, or a file not be removed.
    pub fn clear(&self) -> Result<Files, StoreError> {
        let mut removed = Files::default();
        for file in self.files()? {
            // Without its temporary lld fails a link.
            if file.kind == Kind::Temporary && !is_abandoned(&file) {
                continue;
            }
            match fs::remove_file(&file.path) {
                Ok(()) => removed.add(&file),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(self.unusable(error)),
            }
        }
        match fs::remove_dir_all(self.directory().join(HASHES)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.unusable(error)),
            _ => Ok(removed),
        }
    }

    /// Reads every entry of thinfarm's and removes those that are damaged. lld's entries have nothing by which
    /// one could tell.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let files = self.files()?;
        let check = |file: &Found| match file.kind {
            Kind::Entry(key) => check(file, &key),
            _ => Checked::Gone,
        };
        let checked: Vec<Checked> = files.par_iter().map(check).collect();
        let mut verified = Verified::default();
        for (file, checked) in files.into_iter().zip(checked) {
            match checked {
                Checked::Whole => verified.whole += 1,
                Checked::Gone => {}
                Checked::Removed(why) => verified.damaged.push((file.path, why)),
                Checked::Left(why) => verified.left.push((file.path, why)),
            }
        }
        Ok(verified)
    }

    fn files(&self) -> Result<Vec<Found>, StoreError> {
        directory::files(self.directory()).map_err(|source| self.unusable(source))
    }
}

/// What became of one file.
enum Checked {
    Whole,
    /// There is nothing to say of it.
    Gone,
    Removed(String),
    Left(String),
}

fn check(file: &Found, key: &Key) -> Checked {
    match Entry::open(&file.path, key) {
        Ok(entry) => {
            if let Ok(accessed) = file.metadata.accessed() {
                entry.mark_unused(FileTimes::new().set_accessed(accessed));
            }
            Checked::Whole
        }
        Err(Miss::Absent) => Checked::Gone,
        Err(Miss::Unreadable(error)) => Checked::Left(error.to_string()),
        Err(Miss::Damaged(why)) => match fs::remove_file(&file.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Checked::Left(format!("{why}, and it cannot be removed: {error}"))
            }
            _ => Checked::Removed(why.to_owned()),
        },
    }
}

fn last_use(file: &Found) -> Option<u64> {
    let since = file.metadata.accessed().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

fn is_abandoned(file: &Found) -> bool {
    let age = file.metadata.modified().ok().and_then(|written| written.elapsed().ok());
    age.is_some_and(|age| age > ABANDONED)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::*;
    use crate::backend::JobDone;
    use crate::trust::Trust;

    fn aged(path: &Path, hours: u64) -> SystemTime {
        let then = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
        let times = FileTimes::new().set_accessed(then).set_modified(then);
        File::open(path).unwrap().set_times(times).unwrap();
        then
    }

    #[test]
    fn the_checked_are_not_the_used() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Trust::of_user()).unwrap();
        let key = Key::new(blake3::hash(b"key"));
        store.put(&key, b"object", &JobDone::default()).unwrap();
        // Longer than a day ago, so that reading it sets its access time on most disks.
        let then = aged(&directory::path_of(directory.path(), &key), 48);
        assert_eq!(store.verify().unwrap().whole, 1);
        let seconds = then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(store.stats().unwrap().oldest_use_unix_seconds, Some(seconds));
    }

    #[test]
    fn only_files_of_a_cache_are_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Trust::of_user()).unwrap();
        store.put(&Key::new(blake3::hash(b"key")), b"object", &JobDone::default()).unwrap();
        for name in ["llvmcache-0", "Thin-old.tmp", "Thin-new.tmp", "main.c"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("llvmcache-directory")).unwrap();
        aged(&directory.path().join("Thin-old.tmp"), 2);
        assert_eq!(store.clear().unwrap().files, 3);
        let left = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["Thin-new.tmp", "llvmcache-directory", "main.c"]);
    }
}
