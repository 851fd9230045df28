//! One archive: which members it has, and where.
//!
//! Headers are read with ordinary reads, once, and not through the mapping: an archive that is
//! truncated at this moment is an error here and not a signal.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use llvm_build::Mapped;
use object::archive::Header;
use object::read::archive::{ArchiveFile, ArchiveOffset};
use object::{ReadCache, ReadRef};

/// The members of an archive by the offset of their headers, and its bytes.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    bytes: Mapped,
    members: HashMap<u64, Member>,
    /// Where reading stopped, and why, if that is not the archive's end.
    damage: Option<(u64, &'static str)>,
}

#[derive(Debug)]
struct Member {
    /// As the archive has it; in a thin archive a path.
    name: Box<[u8]>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Inside { offset: u64, size: u64 },
    Beside,
}

/// The bytes of a member.
#[derive(Debug)]
pub(super) enum MemberBytes {
    /// Of a thin archive: this file.
    File(PathBuf),
    /// Of a regular one.
    Inside(Mapped),
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let cannot =
            |reason: &dyn std::fmt::Display| format!("cannot read the archive {}: {reason}", path.display());
        let file = File::open(path).map_err(|error| cannot(&error))?;
        let bytes = Mapped::file(&file).map_err(|error| cannot(&error))?;
        let headers = ReadCache::new(file);
        let parsed = ArchiveFile::parse(&headers).map_err(|_| cannot(&"it is no archive, or is damaged"))?;
        let mut archive = Self { path: path.to_owned(), bytes, members: HashMap::new(), damage: None };
        archive.damage = archive.scan(&headers, &parsed);
        Ok(archive)
    }

    /// Notes every member. Returns where and why it had to stop, if not at the end.
    fn scan<'a>(
        &mut self,
        headers: &'a ReadCache<File>,
        parsed: &ArchiveFile<'a, &'a ReadCache<File>>,
    ) -> Option<(u64, &'static str)> {
        let mut offset = object::archive::MAGIC.len() as u64;
        while offset < self.bytes.size() {
            let Ok(header) = headers.read_at::<Header>(offset) else {
                return Some((offset, "it is truncated"));
            };
            let Some(size) =
                decimal(&header.size).filter(|_| header.terminator == object::archive::TERMINATOR)
            else {
                return Some((offset, "there is no member's header"));
            };
            let start = offset + size_of::<Header>() as u64;
            let is_special = header.name.starts_with(b"/") && !header.name[1].is_ascii_digit();
            let is_beside = parsed.is_thin() && !is_special;
            if let (false, Ok(member)) = (is_special, parsed.member(ArchiveOffset(offset))) {
                let (offset_inside, size) = member.file_range();
                let place =
                    if is_beside { Place::Beside } else { Place::Inside { offset: offset_inside, size } };
                self.members.insert(offset, Member { name: member.name().into(), place });
            }
            // Members begin at even offsets.
            let end = if is_beside { Some(start) } else { start.checked_add(size) };
            offset = end.and_then(|end| end.checked_next_multiple_of(2)).unwrap_or(u64::MAX);
        }
        None
    }

    /// The member whose header is at `offset` and whose name ends in `name`.
    pub(super) fn member(&self, offset: u64, name: &str) -> Result<MemberBytes, String> {
        let archive = self.path.display();
        let Some(member) = self.members.get(&offset) else {
            return Err(self.no_member(offset));
        };
        let base = member.name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if base != name.as_bytes() {
            return Err(format!(
                "the member at offset {offset} of {archive} is {}: {CHANGED}",
                String::from_utf8_lossy(&member.name)
            ));
        }
        match member.place {
            Place::Beside => {
                let directory = self.path.parent().unwrap_or(Path::new(""));
                Ok(MemberBytes::File(directory.join(OsStr::from_bytes(&member.name))))
            }
            Place::Inside { offset, size } => {
                self.bytes.part(offset, size).map(MemberBytes::Inside).ok_or_else(|| {
                    format!(
                        "{archive} is truncated: the member's {size} bytes at {offset} are not all there; \
                         build the archive and the thin link again"
                    )
                })
            }
        }
    }

    fn no_member(&self, offset: u64) -> String {
        let archive = self.path.display();
        let size = self.bytes.size();
        match self.damage {
            Some((at, why)) if offset >= at => format!(
                "{archive} is damaged at offset {at}, where {why}; build the archive and the thin link again"
            ),
            _ if offset >= size => format!("{archive} has only {size} bytes: {CHANGED}"),
            _ => format!("{archive} has no member at offset {offset}: {CHANGED}"),
        }
    }
}

const CHANGED: &str = "the archive is not the one that the thin link read; run the thin link again";

/// A number as archives have them: decimal digits, padded with spaces.
fn decimal(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim_end_matches(' ').parse().ok()
}

/// What a member's bytes are read from cannot be opened.
pub(super) fn cannot_open_beside(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot read {}, which the thin archive names: {error}; a thin archive needs the files it was made from",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Two members, one with a name that does not fit into its header.
    const SOUND: &str = "!<arch>\n\
        //                                              24        `\n\
        a-rather-long-member.o/\n\
        /0              0           0     0     644     5         `\n\
        first\n\
        x.o/            0           0     0     644     6         `\n\
        second";

    fn opened(bytes: &[u8]) -> Result<Archive, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Archive::open(file.path())
    }

    fn size_of_member(archive: &Archive, offset: u64, name: &str) -> u64 {
        match archive.member(offset, name).unwrap() {
            MemberBytes::Inside(bytes) => bytes.size(),
            MemberBytes::File(path) => panic!("a member beside the archive: {}", path.display()),
        }
    }

    #[test]
    fn members_are_found_by_the_offset_of_their_headers() {
        let archive = opened(SOUND.as_bytes()).unwrap();
        assert_eq!(archive.damage, None);
        assert_eq!(size_of_member(&archive, 92, "a-rather-long-member.o"), 5);
        assert_eq!(size_of_member(&archive, 158, "x.o"), 6);
        assert!(archive.member(8, "").unwrap_err().contains("no member at offset 8"));
    }

    proptest! {
        #[test]
        fn damage_is_never_a_panic(
            at in 0..SOUND.len(), byte: u8, length in 0..=SOUND.len(), offset in 0..300_u64,
        ) {
            let mut bytes = SOUND.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.truncate(length);
            if let Ok(archive) = opened(&bytes) {
                for offset in [92, 158, offset] {
                    let _ = archive.member(offset, "x.o");
                }
            }
        }
    }
}
