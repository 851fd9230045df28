//! Where a link has files that lld would not have: as a rule it has none.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

/// The directory of what jobs need files for: clang's own action, for example. It is made when the first is written.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    places: Vec<PathBuf>,
}

impl Directory {
    /// That of the link that writes `output`: in `temporary`, or beside the output if there is no room in that.
    pub fn of_link(output: &Path, temporary: &Path) -> Self {
        Self::in_one_of([temporary.to_owned(), beside(output)])
    }

    fn in_one_of(places: [PathBuf; 2]) -> Self {
        // Children have the same working directory, clang need not have.
        let places = places.map(|place| path::absolute(&place).unwrap_or(place)).to_vec();
        let place = places.iter().find(|place| has_room(place)).unwrap_or(&places[0]);
        let number = RandomState::new().build_hasher().finish();
        Self(Arc::new(Shared { path: place.join(format!("thinfarm-link-{number:016x}")), places }))
    }

    /// Removes it with all that is in it: also for a process that is about to end, from any of its threads.
    pub fn remove(&self) {
        // As a rule there is none.
        let _ = fs::remove_dir_all(self.path());
    }

    /// What it is called, or will be.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The directories that may have files of the link, the best first.
    pub(super) fn places(&self) -> &[PathBuf] {
        &self.0.places
    }
}

/// The directory of `output`, or this one if that is a device.
fn beside(output: &Path) -> PathBuf {
    let is_file = |path: &Path| fs::metadata(path).map_or(true, |found| found.is_file());
    match Some(output).filter(|path| is_file(path)).and_then(Path::parent) {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether files can be made in `directory`.
fn has_room(directory: &Path) -> bool {
    let may = access(directory, AccessFlags::W_OK | AccessFlags::X_OK);
    may.is_ok() && statvfs(directory).is_ok_and(|disk| disk.blocks_available() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_with_room_is_taken() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        let file = here.join("file");
        fs::write(&file, "").unwrap();
        // A disk of no blocks, as a full one.
        for bad in ["/nonexistent".into(), file, "/proc".into()] {
            let directory = Directory::in_one_of([bad, here.to_owned()]);
            assert_eq!(directory.path().parent(), Some(here));
            assert!(!directory.path().exists());
            directory.remove();
        }
        let directory = Directory::in_one_of(["/nonexistent".into(), "/nonexistent".into()]);
        assert!(directory.path().starts_with("/nonexistent"));
        assert!(directory.path() != Directory::in_one_of(["/nonexistent".into(), here.into()]).path());
    }

    #[test]
    fn nothing_is_put_beside_a_device() {
        assert_eq!(beside(Path::new("/dev/null")), Path::new("."));
        assert_eq!(beside(Path::new("program")), Path::new("."));
        assert_eq!(beside(Path::new("-")), Path::new("."));
        assert_eq!(beside(Path::new("no/such/program")), Path::new("no/such"));
    }
}
