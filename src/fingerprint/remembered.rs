//! Hashes of modules that earlier runs have read, by the marks of the files that they are in.
//!
//! They are kept beside the objects of a cache, whose keys they are for. Most of a module whose file nobody has touched is
//! then not read where its object is there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use blake3::{Hash, OUT_LEN};
use tracing::debug;

use crate::input::{Marks, now};
use crate::memo::Memo;
use crate::records::{FILES, Record, Records, today};

/// The folder of a cache's directory that has them.
pub(crate) const FOLDER: &str = ".thinfarm-hashes";

/// Names a module in a state of its file.
type Name = [u8; OUT_LEN];

/// The hash of a module.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    hash: Hash,
    day: u32,
}

impl Record for Known {
    type Key = Name;

    const MAGIC: &'static [u8; 8] = b"tfhashs1";
    const SIZE: usize = 2 * OUT_LEN + 4;
    /// All files together are 9 MiB then.
    const MOST: usize = 8_192;

    fn file_of(name: Name) -> u8 {
        name[0] % FILES
    }

    fn day(&self) -> u32 {
        self.day
    }

    fn encode(&self, name: Name, bytes: &mut Vec<u8>) {
        bytes.extend(name);
        bytes.extend(self.hash.as_bytes());
        bytes.extend(self.day.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<(Name, Self)> {
        let (name, rest) = bytes.split_first_chunk()?;
        let (hash, day) = rest.split_first_chunk()?;
        let known = Self { hash: Hash::from_bytes(*hash), day: u32::from_le_bytes(*day.first_chunk()?) };
        Some((*name, known))
    }
}

/// Answers "the hash of this module", and remembers it.
#[derive(Debug)]
pub(crate) struct RememberedHashes {
    records: Records<Known>,
    /// By the number of their file.
    earlier: Memo<u8, Arc<HashMap<Name, Known>>>,
    learnt: Mutex<HashMap<Name, Known>>,
    /// Numbers of devices and files are this machine's, and others may use the cache.
    machine: String,
    /// What is hashed of a file is this build's affair.
    build: Hash,
}

impl RememberedHashes {
    /// Those in a folder of a cache's `directory`, as [`crate::farm::Costs`] are.
    pub(crate) fn in_cache(directory: &Path, build: Hash) -> Self {
        Self {
            records: Records::at(directory.join(FOLDER)),
            earlier: Memo::default(),
            learnt: Mutex::default(),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            build,
        }
    }

    /// The hash of the module `id`, which is in the file `path` of these `marks`. If nobody knows it, it is what `make` reads
    /// from that very file.
    pub(crate) fn get(&self, id: &str, path: &Path, marks: &Marks, make: impl FnOnce() -> Hash) -> Hash {
        let named = (self.build.as_bytes(), &self.machine, id, marks);
        let named = serde_json::to_vec(&named).expect("marks are plain data");
        let name = *blake3::hash(&named).as_bytes();
        let number = Known::file_of(name);
        let earlier = self.earlier.get(&number, || Arc::new(self.records.read_file(number)));
        let day = today();
        if let Some(known) = earlier.get(&name) {
            if known.day != day {
                self.learn(name, Known { day, ..*known });
            }
            return known.hash;
        }
        let read = now();
        let hash = make();
        // It may have been written while it was read.
        if marks.are_sure_at(read) && Marks::of(path) == Some(*marks) {
            self.learn(name, Known { hash, day });
        }
        hash
    }

    fn learn(&self, name: Name, known: Known) {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).insert(name, known);
    }

    /// Leaves what was learnt for later runs. If the cache cannot be written to, later runs read the modules once more.
    pub(crate) fn keep(&self) {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.records.add(&learnt) {
            debug!(%error, "hashes of modules are not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_file_is_read_once_unless_it_was_touched_just_now() {
        let directory = tempfile::tempdir().unwrap();
        let module = directory.path().join("m.o");
        let hashes = || RememberedHashes::in_cache(directory.path(), blake3::hash(b"build"));
        let get = |hashes: &RememberedHashes, id: &str, text: &str| {
            let marks = Marks::of(&module).unwrap();
            hashes.get(id, &module, &marks, || blake3::hash(text.as_bytes()))
        };
        fs::write(&module, "one").unwrap();
        let new = hashes();
        get(&new, "m.o", "one");
        new.keep();
        assert_eq!(get(&hashes(), "m.o", "two"), blake3::hash(b"two"), "it may still change unseen");

        // The time of the last change cannot be set; that of the reading can be waited for.
        let old = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&module).unwrap().set_modified(old).unwrap();
        std::thread::sleep(Duration::from_millis(2_100));
        let sure = hashes();
        assert_eq!(get(&sure, "m.o", "three"), blake3::hash(b"three"));
        sure.keep();
        let other = RememberedHashes::in_cache(directory.path(), blake3::hash(b"another build"));
        assert_eq!(get(&other, "m.o", "other"), blake3::hash(b"other"));
        let later = hashes();
        assert_eq!(get(&later, "m.o", "four"), blake3::hash(b"three"), "it was not read");
        assert_eq!(get(&later, "m.o(member at 8)", "four"), blake3::hash(b"four"));
        // Its size and time are those of before.
        fs::write(&module, "two").unwrap();
        File::options().write(true).open(&module).unwrap().set_modified(old).unwrap();
        assert_eq!(get(&later, "m.o", "five"), blake3::hash(b"five"));
    }
}
