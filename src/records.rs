//! What runs leave for those after them, in files that many processes share without locks.
//!
//! A record is in one of a few files, by its key. A file is read whole and replaced whole; of two processes that replace it
//! at the same moment, one learnt for nothing. So a record must be what costs time if it is missing, and nothing else. A
//! file that is missing, damaged or of another version has none.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::hash::Hash;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::output::OutputFile;

/// The number of files: few for a large link on a slow file system, and not all of what is known for a small one.
pub(crate) const FILES: u8 = 16;

/// A kind of record.
pub(crate) trait Record: Copy {
    /// Names it from run to run.
    type Key: Copy + Eq + Hash + Ord;

    /// Opens a file of records, and is raised with their format.
    const MAGIC: &'static [u8; 8];

    /// A key and its record in a file, bytes: little-endian, without padding.
    const SIZE: usize;

    /// The most records of a file; the oldest fall away.
    const MOST: usize;

    /// The number of the file for `key`, below [`FILES`].
    fn file_of(key: Self::Key) -> u8;

    /// When it was last of use, days since 1970.
    fn day(&self) -> u32;

    /// Itself with what is worth keeping of the one `before` it.
    #[must_use]
    fn after(self, before: Self) -> Self {
        let _ = before;
        self
    }

    /// Appends `key` and itself.
    fn encode(&self, key: Self::Key, bytes: &mut Vec<u8>);

    /// What [`Record::encode`] appended.
    fn decode(bytes: &[u8]) -> Option<(Self::Key, Self)>;
}

/// Records by key, in the files of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Records<R> {
    directory: PathBuf,
    kind: PhantomData<R>,
}

impl<R: Record> Records<R> {
    /// Those in `directory`, which need not be there.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self { directory, kind: PhantomData }
    }

    /// What is known of `keys`, and of others.
    pub(crate) fn read(&self, keys: &[R::Key]) -> HashMap<R::Key, R> {
        let is_needed = |number: &u8| keys.iter().any(|key| R::file_of(*key) == *number);
        (0..FILES).filter(is_needed).flat_map(|number| self.read_file(number)).collect()
    }

    /// What is known of the keys of one file.
    pub(crate) fn read_file(&self, number: u8) -> HashMap<R::Key, R> {
        fs::read(self.path(number)).ok().and_then(|bytes| decoded(&bytes)).unwrap_or_default()
    }

    /// Adds what was learnt.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn add(&self, learnt: &HashMap<R::Key, R>) -> io::Result<()> {
        if !learnt.is_empty() {
            // Whatever the umask, not for everybody to write to.
            DirBuilder::new().recursive(true).mode(0o775).create(&self.directory)?;
        }
        for number in 0..FILES {
            let mut news = learnt.iter().filter(|(key, _)| R::file_of(**key) == number).peekable();
            if news.peek().is_none() {
                continue;
            }
            let mut records = self.read_file(number);
            for (&key, &record) in news {
                let record = records.get(&key).map_or(record, |before| record.after(*before));
                records.insert(key, record);
            }
            OutputFile::create(&self.path(number))?.finish(&encoded(&newest(records)))?;
        }
        Ok(())
    }

    /// The file of this number.
    pub(crate) fn path(&self, number: u8) -> PathBuf {
        self.directory.join(format!("{number:x}"))
    }

    /// Where the files are.
    #[cfg(test)]
    pub(crate) fn directory(&self) -> &std::path::Path {
        &self.directory
    }
}

/// Today, in days since 1970.
pub(crate) fn today() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs() / (24 * 60 * 60)).unwrap_or(u32::MAX)
}

fn newest<R: Record>(records: HashMap<R::Key, R>) -> Vec<(R::Key, R)> {
    let mut records: Vec<(R::Key, R)> = records.into_iter().collect();
    records.sort_unstable_by_key(|(key, record)| (Reverse(record.day()), *key));
    records.truncate(R::MOST);
    records
}

fn encoded<R: Record>(records: &[(R::Key, R)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(R::MAGIC.len() + records.len() * R::SIZE + blake3::OUT_LEN);
    bytes.extend(R::MAGIC);
    for (key, record) in records {
        record.encode(*key, &mut bytes);
    }
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

fn decoded<R: Record>(bytes: &[u8]) -> Option<HashMap<R::Key, R>> {
    let (content, hash) = bytes.split_last_chunk::<{ blake3::OUT_LEN }>()?;
    let records = content.strip_prefix(R::MAGIC)?.chunks_exact(R::SIZE);
    let is_whole = records.remainder().is_empty() && blake3::hash(content) == *hash;
    is_whole.then(|| records.filter_map(R::decode).collect())
}
