//! Getting and putting.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use llvm_build::{CachePruningPolicy, prune_cache};

use super::Key;
use super::directory::{self, TEMPORARY};
use super::entry::{self, Entry, Miss};
use crate::backend::JobDone;
use crate::output::OutputFile;
use crate::trust::Trust;

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory cannot be created, read or, for upkeep, written to.
    #[error("cannot use the cache directory {}: {source}{}", directory.display(), hint(source))]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its owner could put objects into builds.
    #[error(
        "the cache directory {} is not used: {fault}, who could decide what goes into a build; \
         to use it all the same, name it in THINFARM_TRUST",
        directory.display()
    )]
    Untrusted {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Every user of the machine could put objects into builds.
    #[error(
        "the cache directory {} is not used: every user may write to it, and so decide what goes into a build; \
         take that from the others (chmod o-w)",
        directory.display()
    )]
    OpenToAll {
        /// The directory.
        directory: PathBuf,
    },
    /// Not a file of a cache is there: a slip of the pen, perhaps.
    #[error("{} is not a cache: it has files, but none of thinfarm's or lld's", directory.display())]
    NotACache {
        /// The directory.
        directory: PathBuf,
    },
    /// LLVM cannot prune it.
    #[error("cannot prune the cache directory {}: {reason}", directory.display())]
    Pruning {
        /// The directory.
        directory: PathBuf,
        /// LLVM's words.
        reason: String,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; name one of your own (--cache-dir, THINFARM_CACHE_DIR)"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "; a cache is a directory, a file is in its place"
        }
        _ => "",
    }
}

/// A cache directory. Clones are the same store.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    /// What went wrong, with how often it did and the first time's details.
    problems: Mutex<BTreeMap<String, (u64, String)>>,
}

impl Store {
    /// The store in `directory`, which is created if it is not there and must be of somebody whom `trust` has. One that
    /// cannot be written to gives hits, too. Whoever names a directory trusts the group that may write to it.
    ///
    /// # Errors
    /// See [`StoreError::Unusable`], [`StoreError::Untrusted`] and [`StoreError::OpenToAll`].
    pub fn open(directory: &Path, trust: &Trust) -> Result<Self, StoreError> {
        let store = Self::new(directory);
        directory::create(directory).map_err(|source| store.unusable(source))?;
        match trust.fault_of_named(directory) {
            Ok(None) => {}
            Ok(Some(fault)) => {
                return Err(StoreError::Untrusted { directory: directory.to_owned(), fault });
            }
            Err(source) => return Err(store.unusable(source)),
        }
        match directory::is_open_to_all(directory) {
            Ok(false) => Ok(store),
            Ok(true) => Err(StoreError::OpenToAll { directory: directory.to_owned() }),
            Err(source) => Err(store.unusable(source)),
        }
    }

    /// The store in `directory`, which has one already or is empty.
    ///
    /// # Errors
    /// There is no such directory, or it is not a cache.
    pub fn existing(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::new(directory);
        match directory::is_foreign(directory) {
            Ok(false) => Ok(store),
            Ok(true) => Err(StoreError::NotACache { directory: directory.to_owned() }),
            Err(source) => Err(store.unusable(source)),
        }
    }

    fn new(directory: &Path) -> Self {
        Self(Arc::new(Shared { directory: directory.to_owned(), problems: Mutex::default() }))
    }

    pub(super) fn unusable(&self, source: io::Error) -> StoreError {
        StoreError::Unusable { directory: self.directory().to_owned(), source }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// The object of `key`, if it is there and is what was put in. It then counts as used now. A damaged
    /// entry is removed.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        let path = directory::path_of(self.directory(), key);
        match Entry::open(&path, key) {
            Ok(entry) => {
                entry.mark_used();
                return Some(entry);
            }
            Err(Miss::Absent) => {}
            Err(Miss::Damaged(why)) => {
                // If another process has put a whole one there since, then that is made once more.
                let _ = fs::remove_file(&path);
                self.note("a damaged entry was found", format!("{}: {why}", path.display()));
            }
            Err(Miss::Unreadable(error)) => {
                self.note("an entry cannot be read", format!("{}: {error}", path.display()));
            }
        }
        None
    }

    /// Adds `object`, which the job described by `about` made of `key`, or replaces the one that is there.
    ///
    /// # Errors
    /// The disk is full, or the directory cannot be written to. Nothing is left then, and
    /// [`Store::problems`] knows of it.
    pub fn put(&self, key: &Key, object: &[u8], about: &JobDone) -> io::Result<()> {
        let path = directory::path_of(self.directory(), key);
        let put = OutputFile::create_with_prefix(&path, TEMPORARY)
            .and_then(|file| entry::write(file, key, object, about));
        match put {
            // Pruned before it had its name: no harm, where there is still a directory.
            Err(error) if error.kind() == ErrorKind::NotFound && self.directory().is_dir() => Ok(()),
            Err(error) => {
                self.note("an object cannot be added", error.to_string());
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn note(&self, problem: &str, details: String) {
        let mut problems = self.known_problems();
        problems.entry(problem.to_owned()).or_insert((0, details)).0 += 1;
    }

    fn known_problems(&self) -> MutexGuard<'_, BTreeMap<String, (u64, String)>> {
        self.0.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong with the cache up to now, though no job failed of it: a line for each kind of problem.
    pub fn problems(&self) -> Vec<String> {
        let directory = self.directory().display();
        let tell = |(problem, (times, details)): (&String, &(u64, String))| match times {
            1 => format!("cache {directory}: {problem} ({details})"),
            _ => format!("cache {directory}: {problem}, {times} times (first {details})"),
        };
        self.known_problems().iter().map(tell).collect()
    }

    /// Removes what is too old or too much for `policy`, also of lld's, and temporaries that were left behind,
    /// if it is time to look. Tells whether it was. Whoever reads an entry at this moment reads it to its end.
    ///
    /// # Errors
    /// See [`StoreError::Pruning`].
    pub fn prune(&self, policy: &CachePruningPolicy) -> Result<bool, StoreError> {
        prune_cache(self.directory(), policy)
            .map_err(|reason| StoreError::Pruning { directory: self.directory().to_owned(), reason })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::*;

    fn key(number: u8) -> Key {
        Key::new(blake3::hash(&[number]))
    }

    /// A store with the entries `keys`, and its directory.
    fn filled(keys: &[u8]) -> (Store, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Trust::of_user()).unwrap();
        for number in keys {
            store.put(&key(*number), &[*number; 100], &JobDone::default()).unwrap();
        }
        (store, directory)
    }

    fn path(store: &Store, number: u8) -> PathBuf {
        directory::path_of(store.directory(), &key(number))
    }

    /// Lets a file look as if nobody had used it for two hours.
    fn let_age(path: &Path) {
        let then = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
        let times = FileTimes::new().set_accessed(then).set_modified(then);
        File::open(path).unwrap().set_times(times).unwrap();
    }

    fn policy(text: &str) -> CachePruningPolicy {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_put_is_a_hit_and_nothing_else_is() {
        let (store, _directory) = filled(&[1, 2]);
        assert_eq!(store.get(&key(1)).unwrap().object_size(), 100);
        assert!(store.get(&key(3)).is_none());
        assert!(store.problems().is_empty());
        store.put(&key(1), b"again", &JobDone::default()).unwrap();
        assert_eq!(store.get(&key(1)).unwrap().object_size(), 5);
        // Two entries: no temporary.
        assert_eq!(fs::read_dir(store.directory()).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_entry_is_removed_and_told_once() {
        let (store, _directory) = filled(&[1, 2]);
        for number in [1, 2] {
            fs::write(path(&store, number), "damage").unwrap();
            assert!(store.get(&key(number)).is_none());
            assert!(!path(&store, number).exists());
            assert!(store.get(&key(number)).is_none());
        }
        let problems = store.clone().problems();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("damaged entry was found, 2 times"), "{problems:?}");
        assert!(problems[0].contains(&*path(&store, 1).to_string_lossy()), "{problems:?}");
    }

    #[test]
    fn a_directory_that_vanishes_is_told_once() {
        let (store, directory) = filled(&[1]);
        directory.close().unwrap();
        assert!(store.get(&key(1)).is_none());
        assert!(store.problems().is_empty());
        for number in [1, 2] {
            store.put(&key(number), b"object", &JobDone::default()).unwrap_err();
        }
        assert_eq!(store.problems().len(), 1);
        assert!(store.problems()[0].contains("No such file"), "{:?}", store.problems());
    }

    #[test]
    fn what_cannot_be_a_cache_is_refused() {
        let (_, directory) = filled(&[]);
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Store::open(&file, &Trust::of_user()).unwrap_err().to_string();
        assert!(error.contains("a file is in its place") && error.contains("file:"), "{error}");
        let error = Store::open(&file.join("below"), &Trust::of_user()).unwrap_err().to_string();
        assert!(error.contains("a file is in its place"), "{error}");
        let error = Store::existing(&directory.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn what_was_used_last_is_pruned_last() {
        let (store, _directory) = filled(&[1, 2, 3]);
        for number in [2, 1, 3] {
            let_age(&path(&store, number));
        }
        store.get(&key(2)).unwrap();
        // Reading sets the access time here, perhaps, as the file was changed just now; it never sets both.
        let modified = fs::metadata(path(&store, 2)).unwrap().modified().unwrap();
        assert!(modified.elapsed().unwrap() < Duration::from_secs(60 * 60));
        assert!(store.prune(&policy("cache_size_files=2").at_once()).unwrap());
        assert_eq!(store.stats().unwrap().entries.files, 2);
        assert!(path(&store, 2).exists());
        assert!(store.prune(&policy("prune_after=1h").at_once()).unwrap());
        assert_eq!(store.stats().unwrap().entries.files, 1);
        assert!(store.get(&key(2)).is_some());
    }

    #[test]
    fn pruning_keeps_its_interval_and_removes_temporaries() {
        let (store, directory) = filled(&[1]);
        let temporary = directory.path().join(format!("{TEMPORARY}x.tmp"));
        fs::write(&temporary, "").unwrap();
        let_age(&temporary);
        let hour = policy("prune_after=1h");
        assert!(store.prune(&hour).unwrap());
        assert!(!temporary.exists());
        assert!(!store.prune(&hour).unwrap());
        assert!(store.prune(&hour.at_once()).unwrap());
        assert!(store.prune(&policy("prune_interval=0s:prune_after=1h")).unwrap());
        // Its own interval counts.
        assert!(!store.prune(&policy("prune_interval=1h").at_once()).unwrap());
    }
}
