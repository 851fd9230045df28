//! Bytes that several have: files in memory, and what was never in one.

use std::fs::{File, Metadata};
use std::io;
use std::ops::{Deref, Range};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions, UncheckedAdvice};
use serde::{Deserialize, Serialize};

/// The bytes of a file that is mapped, or of memory of this process, or a part of them. Clones and parts share them.
#[derive(Clone, Debug)]
pub struct Mapped {
    source: Arc<Source>,
    range: Range<usize>,
}

/// What the file system says of a file. Whoever writes or replaces the file changes one of these, unless within the same tick
/// of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    size: u64,
    device: u64,
    inode: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Of the file's data or attributes, nanoseconds since 1970.
    changed: i128,
}

impl FileState {
    /// That of the file with this `metadata`.
    pub fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            size: metadata.size(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// When the file or its attributes were last written, nanoseconds since 1970. `None` if the file system does not say:
    /// images that are only read, and some others, have whole seconds that somebody chose.
    pub fn last_written(&self) -> Option<i128> {
        (self.changed % 1_000_000_000 != 0).then(|| self.modified.max(self.changed))
    }
}

#[derive(Debug)]
enum Source {
    File(Mmap, FileState),
    Memory(Box<[u8]>),
}

impl Deref for Source {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map, _) => map,
            Self::Memory(bytes) => bytes,
        }
    }
}

impl From<Box<[u8]>> for Mapped {
    fn from(bytes: Box<[u8]>) -> Self {
        Self { range: 0..bytes.len(), source: Arc::new(Source::Memory(bytes)) }
    }
}

impl Mapped {
    /// Maps all of `file`, which may be closed then.
    ///
    /// # Errors
    /// It is a directory, or cannot be mapped.
    pub fn file(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // SAFETY: the mapping is private and read-only. A file that shrinks while it is mapped makes
        // a read fault, which the guard around every LLVM call turns into an error of that job; a
        // linker that maps its inputs takes the same risk.
        let map = unsafe { MmapOptions::new().len(metadata.size() as usize).map(file) }?;
        let state = FileState::of(&metadata);
        Ok(Self { range: 0..map.len(), source: Arc::new(Source::File(map, state)) })
    }

    /// `size` bytes from `offset` on, or `None` if these are not all there.
    pub fn part(&self, offset: u64, size: u64) -> Option<Self> {
        let start = self.range.start.checked_add(usize::try_from(offset).ok()?)?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        (end <= self.range.end).then(|| Self { source: self.source.clone(), range: start..end })
    }

    /// The file that is mapped, as it was when that was done, if it is one.
    pub fn file_state(&self) -> Option<FileState> {
        match &*self.source {
            Source::File(_, state) => Some(*state),
            Source::Memory(_) => None,
        }
    }

    /// How many bytes these are.
    pub fn size(&self) -> u64 {
        self.range.len() as u64
    }

    /// Lets the kernel take back the pages of a file that were read; whoever reads them again finds them in
    /// the page cache.
    pub fn release_pages(&self) {
        let Source::File(map, _) = &*self.source else { return };
        // SAFETY: the mapping is private, read-only and of a file: dropped pages come back with the
        // same contents, those at the edges that belong to other parts as well. A refusal costs
        // memory only.
        let _ = unsafe {
            map.unchecked_advise_range(UncheckedAdvice::DontNeed, self.range.start, self.range.len())
        };
    }

    /// The same bytes, for C++.
    pub(crate) fn share(&self) -> Box<Self> {
        Box::new(self.clone())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.source[self.range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_within_the_whole() {
        let file = File::open(env!("CARGO_MANIFEST_DIR").to_owned() + "/Cargo.toml").unwrap();
        let whole = Mapped::file(&file).unwrap();
        let part = whole.part(1, 7).unwrap();
        assert_eq!(part.bytes(), b"package");
        assert_eq!(part.part(4, 3).unwrap().bytes(), b"age");
        assert!(part.part(4, 4).is_none());
        assert!(whole.part(u64::MAX, 1).is_none());
        assert!(whole.part(1, u64::MAX).is_none());
        assert_eq!(whole.part(whole.size(), 0).unwrap().size(), 0);
        part.release_pages();
        assert_eq!(part.bytes(), b"package");
    }

    #[test]
    fn memory_has_parts_too() {
        let whole = Mapped::from(Box::from(*b"an object"));
        let part = whole.part(3, 6).unwrap();
        drop(whole);
        part.release_pages();
        assert_eq!(part.bytes(), b"object");
    }
}
