//! The files of a cache directory: which is what, by its name.
//!
//! LLVM's pruning removes `llvmcache-*` and `Thin-*` and nothing else, so every file that is to be pruned has
//! such a name.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Key;
use crate::output::OutputFile;

/// Begins the name of an entry; the number is raised when the format changes.
const ENTRY: &str = "llvmcache-thinfarm2-";

/// Begins the name of an entry until it is whole. lld's temporaries begin with `Thin-` too.
pub(super) const TEMPORARY: &str = "Thin-thinfarm-";

/// Tells backup programs, and us, that the directory is a cache (<https://bford.info/cachedir/>).
const TAG: &str = "CACHEDIR.TAG";

const TAG_TEXT: &str = "\
Signature: 8a477f597d28d172789f06886806bc55
# This directory is a cache of thinfarm: native objects, which are made again if they are removed.
";

/// What a file of a cache directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An entry of ours.
    Entry(Key),
    /// An entry of lld's, or of another version of thinfarm.
    Other,
    /// An entry in the making, or what a process that was killed left of one.
    Temporary,
}

impl Kind {
    /// What the file `name` is, or `None` if it is not for a cache to touch.
    fn of(name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        let key = name.strip_prefix(ENTRY).and_then(|digits| blake3::Hash::from_hex(digits).ok());
        match key {
            Some(hash) => Some(Self::Entry(Key::new(hash))),
            None if name.starts_with("llvmcache-") => Some(Self::Other),
            None if name.starts_with("Thin-") => Some(Self::Temporary),
            None => None,
        }
    }
}

/// The entry of `key` in `directory`.
pub(super) fn path_of(directory: &Path, key: &Key) -> PathBuf {
    directory.join(format!("{ENTRY}{key}"))
}

/// A file of a cache.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) metadata: Metadata,
}

/// The files of the cache `directory`, in no order. Others that are there are not mentioned, and neither are
/// those that others remove at this moment.
pub(super) fn files(directory: &Path) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(kind) = Kind::of(&entry.file_name())
            && let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            files.push(Found { path: entry.path(), kind, metadata });
        }
    }
    Ok(files)
}

/// Makes `directory` a cache, if it is not there. One that is there is not tagged: a backup would pass over files that
/// it has or will have, and who made it may count what lld leaves in it.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    let is_new = !directory.exists();
    // Whatever the umask, the new directory is none that is_open_to_all refuses.
    DirBuilder::new().recursive(true).mode(0o775).create(directory)?;
    if is_new {
        // Without it all works; a directory that cannot be written to has hits as well.
        let _ = OutputFile::create(&directory.join(TAG)).and_then(|file| file.finish(TAG_TEXT.as_bytes()));
    }
    Ok(())
}

/// Whether every user of the machine may put files into `directory`, be it only their own, as in `/tmp`.
pub(super) fn is_open_to_all(directory: &Path) -> io::Result<bool> {
    Ok(fs::metadata(directory)?.mode() & 0o002 != 0)
}

/// Whether `directory` has files, but none of a cache.
pub(super) fn is_foreign(directory: &Path) -> io::Result<bool> {
    let mut has_files = false;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        // The entries, `llvmcache.timestamp`, which is there after the first pruning, and what runs remember.
        let is_of_cache = name.as_encoded_bytes().starts_with(b"llvmcache")
            || name.as_encoded_bytes().starts_with(b".thinfarm-")
            || name == TAG && fs::read(entry.path()).is_ok_and(|text| text == TAG_TEXT.as_bytes());
        if is_of_cache {
            return Ok(false);
        }
        has_files = true;
    }
    Ok(has_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        let key = Key::new(blake3::hash(b"key"));
        let entry = path_of("cache".as_ref(), &key);
        let name = entry.file_name().unwrap().to_str().unwrap();
        assert_eq!(Kind::of(name.as_ref()), Some(Kind::Entry(key)));
        assert_eq!(Kind::of(name[..name.len() - 1].as_ref()), Some(Kind::Other));
        assert_eq!(Kind::of(name.replace("thinfarm2", "thinfarm3").as_ref()), Some(Kind::Other));
        assert_eq!(
            Kind::of("llvmcache-0123456789abcdef0123456789abcdef01234567".as_ref()),
            Some(Kind::Other)
        );
        assert_eq!(Kind::of(format!("{TEMPORARY}x.tmp").as_ref()), Some(Kind::Temporary));
        for name in ["llvmcache.timestamp", TAG, "main.o", ".llvmcache-1", ""] {
            assert_eq!(Kind::of(name.as_ref()), None, "{name}");
        }
    }

    #[test]
    fn only_what_was_not_there_is_tagged() {
        let parent = tempfile::tempdir().unwrap();
        let deep = parent.path().join("a/b");
        create(&deep).unwrap();
        assert_eq!(fs::read_to_string(deep.join(TAG)).unwrap(), TAG_TEXT);
        assert!(!is_foreign(&deep).unwrap());

        let home = parent.path().join("home");
        fs::create_dir(&home).unwrap();
        create(&home).unwrap();
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "lld leaves nothing but its entries there");
        fs::write(home.join("letter"), "").unwrap();
        create(&home).unwrap();
        assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
        assert!(is_foreign(&home).unwrap());
        fs::write(home.join(TAG), "another's").unwrap();
        assert!(is_foreign(&home).unwrap());
        fs::write(home.join("llvmcache.timestamp"), "").unwrap();
        assert!(!is_foreign(&home).unwrap());
    }
}
