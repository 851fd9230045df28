//! Which program compiles. Another build of LLVM or of this program may make other objects, and so may another
//! mathematical library, with which LLVM folds constants, or the same one on another CPU, for which it has other variants
//! of its functions.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use llvm_build::{Mapped, chosen_variants};
use object::{Object, ObjectSection};
use procfs::process::{MMPermissions, MMapPath, MemoryMap, MemoryMaps, Process};

/// What runs here, even if its file was replaced since.
const PROGRAM: &str = "/proc/self/exe";

/// Why it cannot be told which program this is.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell which build of {} this is: {error}", file.display())]
#[non_exhaustive]
pub struct BuildError {
    pub(crate) file: PathBuf,
    pub(crate) error: io::Error,
}

/// A hash of the program that runs, of every library it has loaded, and of what of these the CPU has chosen.
pub(crate) fn identity() -> Result<Hash, BuildError> {
    let mut hasher = Hasher::new();
    let told = |path: &Path| identity_of(path).map_err(|error| BuildError { file: path.to_owned(), error });
    hasher.update(told(Path::new(PROGRAM))?.as_bytes());
    let maps = Process::myself().and_then(|process| process.maps());
    let unreadable = |error| BuildError { file: "/proc/self/maps".into(), error: io::Error::other(error) };
    let maps = maps.map_err(unreadable)?;
    let program = std::env::current_exe().unwrap_or_default();
    for library in executed(&maps).into_iter().filter(|path| *path != program) {
        hasher.update(told(library)?.as_bytes());
        if is_mathematical(library) {
            let variants = chosen_variants(library);
            let variants = variants.map_err(|error| BuildError { file: library.to_owned(), error })?;
            for place in variants {
                hasher.update(&place.to_le_bytes());
            }
        }
    }
    Ok(hasher.finalize())
}

/// Whether it is the library whose functions compute what is in objects. Those of the C library that have variants
/// copy and compare bytes; which of these a CPU prefers changes nothing.
fn is_mathematical(library: &Path) -> bool {
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libm.") || name.starts_with("libm-")
}

/// Whether `path` is the program that runs here.
pub(crate) fn is_this_program(path: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    identity(path).is_some_and(|file| Some(file) == identity(Path::new(PROGRAM)))
}

/// The files that have code in memory, by what the kernel says in `maps`. The name of one that was deleted says so, and
/// there is no such file.
fn executed(maps: &MemoryMaps) -> BTreeSet<&Path> {
    let is_code = |map: &&MemoryMap| map.perms.contains(MMPermissions::EXECUTE);
    maps.iter().filter(is_code).filter_map(path_of).collect()
}

fn path_of(map: &MemoryMap) -> Option<&Path> {
    match &map.pathname {
        MMapPath::Path(path) => Some(path),
        _ => None,
    }
}

/// The build id that the linker gave a program or library; without one, all of it. Where its sections are counts as
/// well, because a program that was rearranged later keeps its id.
fn identity_of(path: &Path) -> io::Result<Hash> {
    let mapped = Mapped::file(&File::open(path)?)?;
    let bytes = mapped.bytes();
    let whole = || blake3::hash(bytes);
    let Ok(elf) = object::File::parse(bytes) else { return Ok(whole()) };
    let Ok(Some(id)) = elf.build_id() else { return Ok(whole()) };
    let mut hasher = Hasher::new();
    hasher.update(&(id.len() as u64).to_le_bytes()).update(id);
    for section in elf.sections() {
        let name = section.name_bytes().unwrap_or_default();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
        for number in [section.address(), section.size(), section.align()] {
            hasher.update(&number.to_le_bytes());
        }
    }
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use procfs::FromRead;

    use super::*;

    #[test]
    fn the_program_and_its_libraries_are_found() {
        let maps = "00400000-0f000000 r-xp 00001000 fe:01 77    /opt/a b/thinfarm\n\
                    7f0000000000-7f0000001000 r--p 00000000 fe:01 78  /usr/lib/libc.so.6\n\
                    7f0000001000-7f0000002000 r-xp 00001000 fe:01 78  /usr/lib/libc.so.6\n\
                    7f0000003000-7f0000004000 r-xp 00001000 fe:01 79  /usr/lib/libm.so.6 (deleted)\n\
                    7f0000005000-7f0000006000 r--p 00001000 fe:01 80  /usr/share/data\n\
                    7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0   [vdso]\n";
        let expected =
            ["/opt/a b/thinfarm", "/usr/lib/libc.so.6", "/usr/lib/libm.so.6 (deleted)"].map(Path::new);
        let maps = MemoryMaps::from_read(maps.as_bytes()).unwrap();
        assert_eq!(executed(&maps).into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(identity().unwrap(), identity().unwrap());
    }

    #[test]
    fn another_build_id_another_layout_and_other_bytes_without_an_id_are_other_programs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let program = fs::read(PROGRAM).unwrap();
        let changed = |at: usize| {
            let mut bytes = program.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            identity_of(&path).unwrap()
        };
        let original = identity_of(Path::new(PROGRAM)).unwrap();
        let elf = object::File::parse(&*program).unwrap();
        let id = elf.build_id().unwrap().expect("a build id");
        let place = id.as_ptr() as usize - program.as_ptr() as usize;
        assert_ne!(changed(place), original);
        // The size of a section, in the header of the last.
        assert_ne!(changed(program.len() - 64 + 32), original);
        fs::write(&path, "no program").unwrap();
        let text = identity_of(&path).unwrap();
        fs::write(&path, "no Program").unwrap();
        assert_ne!(identity_of(&path).unwrap(), text);
    }
}
