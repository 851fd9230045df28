//! One entry, a file: the object, what is known of it, and the seal.
//!
//! ```text
//! object         as it is, at the beginning, where a disk can share its blocks with the output
//! about          JobDone, as JSON
//! object size    8 bytes, little-endian
//! seal           16 bytes, XXH3 of the key and all of the above, little-endian
//! ```
//!
//! The seal is against accidents. The key is under the seal, so that an entry under the wrong name is as bad as a damaged one. One file
//! rather than two: there is no half of an entry, nor halves of two.

use std::borrow::Cow;
use std::fs::{File, FileTimes};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use llvm_build::Mapped;
use nix::errno::Errno;
use nix::sys::stat::futimens;
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, FsType, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC, fstatfs,
};
use nix::sys::time::TimeSpec;

use xxhash_rust::xxh3::Xxh3;

use super::Key;
use crate::backend::JobDone;
use crate::output::OutputFile;

/// Bytes of the object's size.
const SIZE: u64 = 8;

/// Bytes of the seal.
const SEAL: u64 = size_of::<u128>() as u64;

/// How much of a large entry is read at once, bytes.
const CHUNK: usize = 256 << 10;

/// Entries up to this size are read at once, bytes.
const SMALL: u64 = 64 << 10;

/// File systems on which no other machine can remove what this one has mapped.
const LOCAL: [FsType; 5] =
    [BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC];

/// A hit: an object that is what was put in.
#[derive(Debug)]
#[doc(hidden)]
pub struct Entry {
    file: File,
    /// All of it, if it is small.
    small: Option<Vec<u8>>,
    object_size: u64,
    about: JobDone,
}

/// Why there is no hit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Miss {
    /// Nobody put it in, or somebody removed it, if only at this moment.
    #[error("there is none")]
    Absent,
    /// It is not what was put in.
    #[error("{0}")]
    Damaged(&'static str),
    /// The file or the disk cannot be read.
    #[error(transparent)]
    Unreadable(io::Error),
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        // Over NFS an open file, too, is gone when another machine removes it.
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle => Self::Absent,
            ErrorKind::UnexpectedEof => Self::Damaged("it is shorter than it was a moment ago"),
            _ => Self::Unreadable(error),
        }
    }
}

/// Writes an entry and gives it its name.
pub(super) fn write(file: OutputFile, key: &Key, mut object: &[u8], about: &JobDone) -> io::Result<()> {
    let mut rest = serde_json::to_vec(about)?;
    rest.extend((object.len() as u64).to_le_bytes());
    rest.extend(seal([&key.as_bytes()[..], object, &rest]));
    let mut file = file;
    file.append(&mut object)?;
    file.finish(&rest).map(drop)
}

impl Entry {
    /// Reads all of the entry of `key` at `path`, and makes sure that it is whole.
    pub(super) fn open(path: &Path, key: &Key) -> Result<Self, Miss> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let sealed = length.checked_sub(SEAL).ok_or(Miss::Damaged("it is too short"))?;
        let small = (length <= SMALL).then(|| read(&file, 0, length)).transpose()?;
        let part = |offset: u64, size: u64| match &small {
            Some(all) => Ok(Cow::Borrowed(&all[offset as usize..(offset + size) as usize])),
            None => read(&file, offset, size).map(Cow::Owned),
        };

        let seal = match &small {
            Some(_) => seal([&key.as_bytes()[..], &part(0, sealed)?]),
            None => seal_of_file(key, &file, sealed)?,
        };
        if seal[..] != part(sealed, SEAL)?[..] {
            return Err(Miss::Damaged("its bytes are not those that were written"));
        }

        // Whoever sealed an entry wrote it as above; nothing more is taken on trust for it.
        let about_end = sealed.checked_sub(SIZE).ok_or(Miss::Damaged("it has no size"))?;
        let object_size = u64::from_le_bytes(part(about_end, SIZE)?[..].try_into().expect("it has its size"));
        let about_size = about_end.checked_sub(object_size).ok_or(Miss::Damaged("its size is wrong"))?;
        let about = part(object_size, about_size)?;
        let about = serde_json::from_slice(&about).map_err(|_| Miss::Damaged("it is of another version"))?;
        Ok(Self { file, small, object_size, about })
    }

    /// What the job did that made the object.
    pub fn about(&self) -> &JobDone {
        &self.about
    }

    /// Bytes of the object.
    pub fn object_size(&self) -> u64 {
        self.object_size
    }

    /// The object.
    ///
    /// # Errors
    /// As of [`Entry::place`].
    pub fn object(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.small {
            Some(all) => Ok(Cow::Borrowed(&all[..self.object_size as usize])),
            None => read(&self.file, 0, self.object_size).map(Cow::Owned),
        }
    }

    /// The object without a copy, which also stays when the entry is removed; `None` if a copy is quicker, or the only
    /// one that stays.
    pub fn map(&self) -> Option<Mapped> {
        let is_local = || fstatfs(&self.file).is_ok_and(|disk| LOCAL.contains(&disk.filesystem_type()));
        if self.small.is_some() || !is_local() {
            return None;
        }
        Mapped::file(&self.file).ok()?.part(0, self.object_size)
    }

    /// Writes the object to `output`, gives that its final name and tells its size. On a disk that can, both
    /// files share their blocks until one is changed; never are they the same file.
    ///
    /// # Errors
    /// The output cannot be written, or the entry cannot be read any more, over NFS for example because
    /// another machine pruned it. Nothing is left; the object can be made as if there had been no entry.
    pub fn place(&mut self, mut output: OutputFile) -> io::Result<u64> {
        self.file.rewind()?;
        let placed = output.append(&mut (&self.file).take(self.object_size))?;
        if placed != self.object_size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        output.finish(&[])?;
        Ok(self.object_size)
    }

    /// Makes this the entry that was used last. Its times are set, because most disks are mounted so that
    /// reading changes them seldom or never.
    pub(super) fn mark_used(&self) {
        // Those who may write to a file may set both of its times to now, also if it is another's. In a
        // cache that cannot be written to there is no order to keep.
        let _: Result<(), Errno> = futimens(&self.file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
    }

    /// Undoes that it was read: whoever looks at every entry uses none.
    pub(super) fn mark_unused(&self, before: FileTimes) {
        // Only the owner may; others change the order.
        let _ = self.file.set_times(before);
    }
}

/// The seal of `parts`.
fn seal<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; SEAL as usize] {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.digest128().to_le_bytes()
}

/// The seal of `key` and so many bytes of `file`.
fn seal_of_file(key: &Key, file: &File, size: u64) -> io::Result<[u8; SEAL as usize]> {
    let mut hasher = Xxh3::new();
    hasher.update(key.as_bytes());
    let mut chunk = vec![0; CHUNK.min(size as usize)];
    let mut offset = 0;
    while offset < size {
        let read = chunk.len().min((size - offset) as usize);
        file.read_exact_at(&mut chunk[..read], offset)?;
        hasher.update(&chunk[..read]);
        offset += read as u64;
    }
    Ok(hasher.digest128().to_le_bytes())
}

fn read(file: &File, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size as usize];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Key {
        Key::new(blake3::hash(name.as_bytes()))
    }

    fn about() -> JobDone {
        JobDone { imported_functions: 7, diagnostics: "warning: \u{fffd}".to_owned(), ..JobDone::default() }
    }

    fn written(path: &Path, key: &Key, object: &[u8]) {
        write(OutputFile::create(path).unwrap(), key, object, &about()).unwrap();
    }

    fn placed(entry: &mut Entry, path: &Path) -> Vec<u8> {
        assert_eq!(entry.place(OutputFile::create(path).unwrap()).unwrap(), entry.object_size());
        fs::read(path).unwrap()
    }

    #[test]
    fn every_changed_byte_and_every_missing_one_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("entry");
        written(&path, &key("a"), b"\x7fELF and so on");
        let whole = fs::read(&path).unwrap();
        let is_damaged = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            matches!(Entry::open(&path, &key("a")), Err(Miss::Damaged(_)))
        };
        assert!(!is_damaged(&whole));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(is_damaged(&changed), "byte {at}");
            assert!(is_damaged(&whole[..at]), "only {at} bytes");
        }
        assert!(is_damaged(&[&whole[..], &[0]].concat()));
    }

    #[test]
    fn a_large_entry_is_read_as_a_small_one_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("entry");
        let object: Vec<u8> = (0..SMALL * 3).map(|at| (at % 251) as u8).collect();
        written(&path, &key("a"), &object);
        let entry = Entry::open(&path, &key("a")).unwrap();
        assert_eq!((entry.object_size(), entry.about().imported_functions), (SMALL * 3, 7));
        assert!(entry.object().unwrap() == object);
        let mapped = entry.map().expect("temporary directories are on a disk of this machine");
        assert!(mapped.bytes() == object);
        let whole = fs::read(&path).unwrap();
        for at in [0, SMALL as usize, object.len(), whole.len() - SEAL as usize, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(matches!(Entry::open(&path, &key("a")), Err(Miss::Damaged(_))), "byte {at}");
        }
    }

    #[test]
    fn another_key_has_no_use_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("entry");
        written(&path, &key("a"), b"object");
        assert!(matches!(Entry::open(&path, &key("b")), Err(Miss::Damaged(_))));
        assert!(matches!(Entry::open(&directory.path().join("none"), &key("a")), Err(Miss::Absent)));
        assert!(matches!(
            Entry::open(directory.path(), &key("a")),
            Err(Miss::Damaged(_) | Miss::Unreadable(_))
        ));
    }

    #[test]
    fn an_output_is_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let (path, output) = (directory.path().join("entry"), directory.path().join("a.o"));
        written(&path, &key("a"), b"object");
        placed(&mut Entry::open(&path, &key("a")).unwrap(), &output);
        assert_ne!(fs::metadata(&path).unwrap().ino(), fs::metadata(&output).unwrap().ino());
        File::options().write(true).open(&output).unwrap().write_all_at(b"strip", 0).unwrap();
        assert_eq!(placed(&mut Entry::open(&path, &key("a")).unwrap(), &output), b"object");
    }

    #[test]
    fn a_device_is_an_output() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("entry");
        written(&path, &key("a"), b"object");
        let null = OutputFile::create(Path::new("/dev/null")).unwrap();
        assert_eq!(Entry::open(&path, &key("a")).unwrap().place(null).unwrap(), 6);
    }

    #[test]
    fn an_entry_that_shrinks_is_not_placed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, output) = (directory.path().join("entry"), directory.path().join("a.o"));
        written(&path, &key("a"), b"object");
        let mut entry = Entry::open(&path, &key("a")).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(3).unwrap();
        let error = entry.place(OutputFile::create(&output).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn objects_come_back(object in prop::collection::vec(any::<u8>(), 0..4096)) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("entry");
            written(&path, &key("a"), &object);
            let mut entry = Entry::open(&path, &key("a")).unwrap();
            let json = |about: &JobDone| serde_json::to_value(about).unwrap();
            prop_assert_eq!(json(entry.about()), json(&about()));
            let output = directory.path().join("a.o");
            // Twice: an entry is not used up.
            for _ in 0..2 {
                prop_assert!(placed(&mut entry, &output) == object);
            }
        }

        #[test]
        fn any_file_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("entry");
            // Also one that somebody sealed.
            let seal = seal([&key("a").as_bytes()[..], &bytes]);
            for file in [bytes.clone(), [&bytes[..], &seal].concat()] {
                fs::write(&path, file).unwrap();
                prop_assert!(matches!(Entry::open(&path, &key("a")), Err(Miss::Damaged(_))));
            }
        }
    }
}
