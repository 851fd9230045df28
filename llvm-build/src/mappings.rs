//! What anybody in this process has mapped.

use std::ffi::c_void;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};
use procfs::process::{MMPermissions, MMapPath, MemoryMap, Process};

/// Lets the kernel take back the pages of every file that this process has mapped only to read or run it, whoever
/// did: lld keeps its inputs to the end of a link, and of modules it has read most before their backends run. Of the
/// program, too, most was needed only to begin: options of all targets, the thin link. Whoever reads such a page
/// again finds it in the page cache. To be called when no other thread maps or unmaps anything.
///
/// How many bytes of address space that were. Where `/proc` says nothing, nothing is given back.
pub fn release_read_mappings() -> u64 {
    let Ok(maps) = Process::myself().and_then(|process| process.smaps()) else { return 0 };
    maps.into_iter().filter(is_of_a_file_as_it_is).map(|map| release(map.address)).sum()
}

/// Whether it is private, cannot be written, and has no page that was ever written to.
fn is_of_a_file_as_it_is(map: &MemoryMap) -> bool {
    matches!(map.pathname, MMapPath::Path(_))
        && map.perms - MMPermissions::EXECUTE == MMPermissions::READ | MMPermissions::PRIVATE
        && map.extension.map.get("Anonymous") == Some(&0)
}

/// Gives the pages of a private read-only mapping of a file back.
fn release((start, end): (u64, u64)) -> u64 {
    let size = end - start;
    let Some(start) = NonNull::new(start as *mut c_void) else { return 0 };
    // SAFETY: every page of the mapping is the file's: if it is dropped it comes back from there. Nobody has put
    // something else in its place since, see above.
    let released = unsafe { madvise(start, size as usize, MmapAdvise::MADV_DONTNEED) };
    if released.is_ok() { size } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn pages_of_files_come_back_as_they_were() {
        let path = std::env::temp_dir().join(format!("thinfarm-mappings-{}", std::process::id()));
        fs::write(&path, [7; 10_000]).unwrap();
        let file = File::open(&path).unwrap();
        // SAFETY: nobody else knows the file.
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }.unwrap();
        assert!(release_read_mappings() >= 12_288);
        assert!(map.iter().all(|&byte| byte == 7));
        // SAFETY: as above.
        let mut written = unsafe { memmap2::MmapOptions::new().map_copy(&file) }.unwrap();
        written[0] = 8;
        let written = written.make_read_only().unwrap();
        release_read_mappings();
        assert_eq!(written[0], 8, "the file does not have what was written to a private mapping");
        fs::remove_file(path).unwrap();
    }
}
