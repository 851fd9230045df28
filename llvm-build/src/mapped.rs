//! Files in memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use memmap2::{Mmap, UncheckedAdvice};

/// The bytes of a file, or a part of them, mapped. Clones and parts share the one mapping.
#[derive(Clone, Debug)]
pub struct Mapped {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Mapped {
    /// Maps all of `file`, which may be closed then.
    ///
    /// # Errors
    /// It is a directory, or cannot be mapped.
    pub fn file(file: &File) -> io::Result<Self> {
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // SAFETY: the mapping is private and read-only. A file that shrinks while it is mapped makes
        // a read fault, which the guard around every LLVM call turns into an error of that job; a
        // linker that maps its inputs takes the same risk.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self { range: 0..map.len(), map: Arc::new(map) })
    }

    /// `size` bytes from `offset` on, or `None` if these are not all there.
    pub fn part(&self, offset: u64, size: u64) -> Option<Self> {
        let start = self.range.start.checked_add(usize::try_from(offset).ok()?)?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        (end <= self.range.end).then(|| Self { map: self.map.clone(), range: start..end })
    }

    /// How many bytes these are.
    pub fn size(&self) -> u64 {
        self.range.len() as u64
    }

    /// Lets the kernel take back the pages that were read; whoever reads them again finds them in
    /// the page cache.
    pub fn release_pages(&self) {
        // SAFETY: the mapping is private, read-only and of a file: dropped pages come back with the
        // same contents, those at the edges that belong to other parts as well. A refusal costs
        // memory only.
        let _ = unsafe {
            self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, self.range.start, self.range.len())
        };
    }

    /// The same bytes, for C++.
    pub(crate) fn share(&self) -> Box<Self> {
        Box::new(self.clone())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.map[self.range.clone()]
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
}
