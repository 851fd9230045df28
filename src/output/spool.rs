//! Objects without files of their own, in a link that one process does from its beginning to its end.
//!
//! A link has thousands of them, most of them small, and a directory takes longer to make and remove a file than LLVM
//! to compile a small module; workers even wait for each other there. lld has them in memory, and so has a [`Spool`],
//! up to a share of it; further objects go one after the other into a file without a name. Nothing that is wrong
//! with a directory fails a link that lld can do without one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use llvm_build::Mapped;
use nix::sys::resource::{Resource, getrlimit};

/// Where each object of a file begins, bytes: those who read it need not care for the ones before it.
const ALIGNMENT: u64 = 16;

/// Objects of so many other files are not copied; a process has no more than 65,530 mappings.
const MOST_MAPPED: usize = 16_384;

/// The objects of one link, by the names that their files would have.
#[derive(Debug)]
pub struct Spool {
    objects: Mutex<HashMap<PathBuf, Stored>>,
    /// Bytes of memory that objects may still take.
    memory: AtomicU64,
    /// Where those go for which there is none, in this order.
    disks: Vec<Disk>,
    /// Objects that are parts of other files.
    elsewhere: AtomicUsize,
}

/// A directory, and the file in it that objects go to, once one has.
#[derive(Debug)]
struct Disk {
    directory: PathBuf,
    file: OnceLock<Option<SpoolFile>>,
}

/// Objects one after the other, in a file that is gone with this process.
#[derive(Debug)]
struct SpoolFile {
    file: File,
    /// Bytes that are taken.
    end: AtomicU64,
    /// As much of the file as was there when somebody asked.
    mapped: Mutex<Option<Mapped>>,
    /// An object could not be written, and no other is tried.
    is_full: AtomicBool,
}

/// Where an object is.
#[derive(Clone, Debug)]
enum Stored {
    /// In memory, or a part of a file that somebody else knows.
    Mapped(Mapped),
    /// In the file of the disk of this number.
    OnDisk { disk: usize, offset: u64, size: u64 },
}

impl Spool {
    /// Keeps `memory` bytes of objects in memory, and others in files in the first of `directories` that has room.
    /// Where none has, memory takes those too.
    pub fn new(memory: u64, directories: impl IntoIterator<Item = PathBuf>) -> Self {
        let disk = |directory| Disk { directory, file: OnceLock::new() };
        Self {
            objects: Mutex::default(),
            memory: AtomicU64::new(memory),
            disks: directories.into_iter().map(disk).collect(),
            elsewhere: AtomicUsize::new(0),
        }
    }

    /// Keeps the `object` that would be called `name`, from any thread.
    ///
    /// # Errors
    /// There is one already.
    pub fn put(&self, name: &Path, object: impl AsRef<[u8]> + Into<Box<[u8]>>) -> io::Result<()> {
        let stored = self.store(object);
        self.insert(name, stored)
    }

    /// Keeps the object that a part of another file is, which nobody writes to any more.
    ///
    /// # Errors
    /// As of [`Spool::put`].
    pub fn put_mapped(&self, name: &Path, object: Mapped) -> io::Result<()> {
        if self.elsewhere.fetch_add(1, Ordering::Relaxed) < MOST_MAPPED {
            self.insert(name, Stored::Mapped(object))
        } else {
            self.put(name, object.bytes())
        }
    }

    /// The object that would be called `name`, if it has been put here.
    ///
    /// # Errors
    /// The file that has it cannot be mapped.
    pub fn get(&self, name: &Path) -> io::Result<Option<Mapped>> {
        let stored = self.objects.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        match stored {
            None => Ok(None),
            Some(Stored::Mapped(object)) => Ok(Some(object)),
            Some(Stored::OnDisk { disk, offset, size }) => {
                let file = self.disks[disk].file().ok_or(ErrorKind::NotFound)?;
                file.part(offset, size).map(Some)
            }
        }
    }

    fn insert(&self, name: &Path, stored: Stored) -> io::Result<()> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        match objects.entry(name.to_owned()) {
            Entry::Vacant(place) => drop(place.insert(stored)),
            Entry::Occupied(_) => return Err(io::Error::other("it was made twice")),
        }
        Ok(())
    }

    fn store(&self, contents: impl AsRef<[u8]> + Into<Box<[u8]>>) -> Stored {
        let size = contents.as_ref().len() as u64;
        let take = |left: u64| left.checked_sub(size);
        if self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            for (disk, place) in self.disks.iter().enumerate() {
                if let Some(offset) = place.file().and_then(|file| file.add(contents.as_ref())) {
                    return Stored::OnDisk { disk, offset, size };
                }
            }
        }
        // Also what nobody else takes: lld would have it there from the start.
        Stored::Mapped(contents.into().into())
    }
}

impl Disk {
    /// The file, which is created if it is not there.
    fn file(&self) -> Option<&SpoolFile> {
        self.file.get_or_init(|| tempfile::tempfile_in(&self.directory).ok().map(SpoolFile::of)).as_ref()
    }
}

impl SpoolFile {
    fn of(file: File) -> Self {
        Self { file, end: AtomicU64::new(0), mapped: Mutex::default(), is_full: AtomicBool::new(false) }
    }

    /// Adds `contents`, from any thread, and tells where. `None` if there is no room.
    fn add(&self, contents: &[u8]) -> Option<u64> {
        if self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        let size = contents.len() as u64;
        let offset = self.end.fetch_add(size.next_multiple_of(ALIGNMENT), Ordering::Relaxed);
        // Beyond the limit a signal would end the process.
        let is_within_limit =
            || getrlimit(Resource::RLIMIT_FSIZE).is_ok_and(|(soft, _)| offset + size <= soft);
        if is_within_limit() && self.file.write_all_at(contents, offset).is_ok() {
            return Some(offset);
        }
        self.is_full.store(true, Ordering::Relaxed);
        None
    }

    fn part(&self, offset: u64, size: u64) -> io::Result<Mapped> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = mapped.as_ref().and_then(|known| known.part(offset, size)) {
            return Ok(part);
        }
        let all = mapped.insert(Mapped::file(&self.file)?);
        all.part(offset, size).ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    fn name(number: usize) -> PathBuf {
        format!("{number}.o").into()
    }

    fn get(spool: &Spool, number: usize) -> Mapped {
        spool.get(&name(number)).unwrap().expect("it was put there")
    }

    fn disk_of(spool: &Spool, number: usize) -> Option<usize> {
        match spool.objects.lock().unwrap()[&name(number)] {
            Stored::Mapped(_) => None,
            Stored::OnDisk { disk, .. } => Some(disk),
        }
    }

    #[test]
    fn objects_of_many_threads_do_not_mix() {
        let directory = tempfile::tempdir().unwrap();
        // Memory has room for some of them.
        let spool = &Spool::new(100_000, [directory.path().to_owned()]);
        let bytes = |number: usize| vec![number as u8; 9000 + number];
        thread::scope(|scope| {
            for number in 0..32 {
                scope.spawn(move || spool.put(&name(number), bytes(number)).unwrap());
            }
        });
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "no file has a name");
        let on_disk = (0..32).filter(|&number| disk_of(spool, number).is_some());
        assert_eq!(on_disk.count(), 32 - 100_000 / 9031);
        for number in 0..32 {
            let object = get(spool, number);
            assert_eq!(object.bytes(), bytes(number));
            assert_eq!(object.bytes().as_ptr() as u64 % ALIGNMENT, 0);
        }
        assert!(spool.get(&name(32)).unwrap().is_none());
        assert!(spool.put(&name(0), *b"again").is_err());
        assert_eq!(get(spool, 0).bytes(), bytes(0));
    }

    #[test]
    fn objects_are_there_while_others_are_made() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(0, [directory.path().to_owned()]);
        for number in 0..5 {
            let object = vec![number as u8; 5000 * number];
            spool.put(&name(number), object.as_slice()).unwrap();
            assert_eq!(get(&spool, number).bytes(), object);
        }
    }

    #[test]
    fn parts_of_other_files_are_not_copied_unless_there_are_many() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(100, []);
        let entry = directory.path().join("entry");
        fs::write(&entry, "an object and more").unwrap();
        let object = Mapped::file(&File::open(entry).unwrap()).unwrap().part(0, 9).unwrap();
        for (known, copied) in [(0, 0), (MOST_MAPPED, 9)] {
            spool.elsewhere.store(known, Ordering::Relaxed);
            spool.put_mapped(&name(known), object.clone()).unwrap();
            assert_eq!(get(&spool, known).bytes(), b"an object");
            assert_eq!(spool.memory.load(Ordering::Relaxed), 100 - copied);
        }
    }

    #[test]
    fn a_disk_without_room_is_left_for_the_next_and_for_memory_at_last() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let full = Disk { directory: PathBuf::new(), file: OnceLock::new() };
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        full.file.set(Some(SpoolFile::of(file))).unwrap();
        let mut spool = Spool::new(0, ["/nonexistent".into(), directory.into()]);
        spool.disks.insert(0, full);
        let disk = |spool: &Spool| {
            spool.put(&name(1), *b"object").unwrap();
            assert_eq!(get(spool, 1).bytes(), b"object");
            disk_of(spool, 1)
        };
        assert_eq!(disk(&spool), Some(2));
        assert_eq!(disk(&Spool::new(0, ["/nonexistent".into()])), None);
        assert_eq!(disk(&Spool::new(6, [directory.into()])), None);
        assert_eq!(disk(&Spool::new(5, [directory.into()])), Some(0));
    }
}
