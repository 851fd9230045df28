//! Jobs whose index and object have no files of their own, in a link that one process does from its beginning to its end.
//!
//! A link has thousands of either, most of them small, and a directory takes longer to make and remove a file than LLVM
//! to compile a small module; workers even wait for each other there. lld has them in memory, and so has a [`Spool`],
//! up to a share of it; further objects go one after the other into a file without a name. Nothing that is wrong
//! with a directory fails a link that lld can do without one.

use std::borrow::Cow;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use llvm_build::Mapped;
use nix::sys::resource::{Resource, getrlimit};

use super::Job;

/// Where each object of a file begins, bytes: those who read it need not care for the ones before it.
const ALIGNMENT: u64 = 16;

/// Objects of so many other files are not copied; a process has no more than 65,530 mappings.
const MOST_MAPPED: usize = 16_384;

/// Where jobs of one link put their objects.
#[derive(Debug)]
pub struct Spool {
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
    file: OnceLock<Option<Objects>>,
}

/// Objects one after the other, in a file that is gone with this process.
#[derive(Debug)]
struct Objects {
    file: File,
    /// Bytes that are taken.
    end: AtomicU64,
    /// As much of the file as was there when somebody asked.
    mapped: Mutex<Option<Mapped>>,
    /// An object could not be written, and no other is tried.
    is_full: AtomicBool,
}

/// The index of a job, and its object as soon as it is made.
#[derive(Debug)]
pub struct Held {
    index: Box<[u8]>,
    spool: Arc<Spool>,
    object: OnceLock<Object>,
}

/// Where an object is.
#[derive(Debug)]
enum Object {
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
            memory: AtomicU64::new(memory),
            disks: directories.into_iter().map(disk).collect(),
            elsewhere: AtomicUsize::new(0),
        }
    }

    /// Adds `contents`, from any thread.
    fn add(&self, contents: impl AsRef<[u8]> + Into<Box<[u8]>>) -> Object {
        let size = contents.as_ref().len() as u64;
        let take = |left: u64| left.checked_sub(size);
        if self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            for (disk, place) in self.disks.iter().enumerate() {
                if let Some(offset) = place.file().and_then(|file| file.add(contents.as_ref())) {
                    return Object::OnDisk { disk, offset, size };
                }
            }
        }
        // Also what nobody else takes: lld would have it there from the start.
        Object::Mapped(contents.into().into())
    }

    fn object(&self, object: &Object) -> io::Result<Mapped> {
        match object {
            Object::Mapped(object) => Ok(object.clone()),
            Object::OnDisk { disk, offset, size } => {
                self.disks[*disk].file().ok_or(ErrorKind::NotFound)?.part(*offset, *size)
            }
        }
    }
}

impl Disk {
    /// The file, which is created if it is not there.
    fn file(&self) -> Option<&Objects> {
        self.file.get_or_init(|| tempfile::tempfile_in(&self.directory).ok().map(Objects::of)).as_ref()
    }
}

impl Objects {
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

impl Held {
    /// A job's `index`, and room for its object in `spool`.
    pub fn new(index: Vec<u8>, spool: Arc<Spool>) -> Self {
        Self { index: index.into(), spool, object: OnceLock::new() }
    }

    /// Its index.
    pub(crate) fn index(&self) -> &[u8] {
        &self.index
    }

    /// Keeps the object that was made.
    ///
    /// # Errors
    /// There is one already.
    pub(crate) fn put(&self, object: impl AsRef<[u8]> + Into<Box<[u8]>>) -> io::Result<()> {
        self.set(self.spool.add(object))
    }

    /// Keeps the object that a part of another file is, which nobody writes to any more.
    ///
    /// # Errors
    /// As of [`Held::put`].
    pub(crate) fn put_mapped(&self, object: Mapped) -> io::Result<()> {
        if self.spool.elsewhere.fetch_add(1, Ordering::Relaxed) < MOST_MAPPED {
            self.set(Object::Mapped(object))
        } else {
            self.put(object.bytes())
        }
    }

    fn set(&self, object: Object) -> io::Result<()> {
        self.object.set(object).map_err(|_| io::Error::other("it was made twice"))
    }
}

/// Creates the directory that `file` is to be in, for this user alone, if it is not there.
fn make_room(file: &Path) -> io::Result<()> {
    let Some(directory) = file.parent() else { return Ok(()) };
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            let text =
                format!("cannot make the directory {}: {error}; TMPDIR names another", directory.display());
            Err(io::Error::new(error.kind(), text))
        }
        _ => Ok(()),
    }
}

impl Job {
    /// Its index, wherever that is; nothing if it has none, which means what an empty one does.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_index(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.held {
            Some(held) => Ok(Cow::Borrowed(&held.index)),
            None if self.index.as_os_str().is_empty() => Ok(Cow::Borrowed(&[])),
            None => fs::read(&self.index).map(Cow::Owned),
        }
    }

    /// Makes sure that its index is a file, and that its object can be one, for those who know them by name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_index(&self) -> io::Result<()> {
        let Some(held) = &self.held else { return Ok(()) };
        make_room(&self.index)?;
        fs::write(&self.index, &held.index)
    }

    /// As [`Job::write_index`], of its object, if it is made.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_object(&self) -> io::Result<()> {
        match self.held.as_ref().and_then(|held| held.object.get()) {
            Some(_) => fs::write(&self.output, self.object()?.bytes()),
            None => Ok(()),
        }
    }

    /// Its object, which is made.
    ///
    /// # Errors
    /// There is no such file, or it cannot be mapped.
    pub fn object(&self) -> io::Result<Mapped> {
        match self.held.as_ref().and_then(|held| Some((&held.spool, held.object.get()?))) {
            Some((spool, object)) => spool.object(object),
            None => Mapped::file(&File::open(&self.output)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn job(directory: &Path, number: u8, held: Option<Held>) -> Job {
        Job {
            module: format!("{number}.o"),
            index: directory.join(format!("{number}.thinlto.bc")),
            output: directory.join(format!("{number}.o")),
            command: Arc::default(),
            size: 1,
            held: held.map(Arc::new),
        }
    }

    fn is_on_disk(job: &Job) -> bool {
        matches!(job.held.as_ref().unwrap().object.get(), Some(Object::OnDisk { .. }))
    }

    #[test]
    fn objects_of_many_threads_do_not_mix() {
        let parent = tempfile::tempdir().unwrap();
        // The directory of those that are written as files is made when the first is.
        let directory = &parent.path().join("files");
        // Memory has room for some of them.
        let spool = Arc::new(Spool::new(100_000, [parent.path().to_owned()]));
        let jobs: Vec<Job> = (0..32)
            .map(|number| job(directory, number, Some(Held::new(vec![number], spool.clone()))))
            .collect();
        thread::scope(|scope| {
            for (number, job) in jobs.iter().enumerate() {
                scope.spawn(move || {
                    job.held.as_ref().unwrap().put(vec![number as u8; 9000 + number]).unwrap()
                });
            }
        });
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0, "no file has a name");
        assert_eq!(jobs.iter().filter(|job| is_on_disk(job)).count(), 32 - 100_000 / 9031);
        for (number, job) in jobs.iter().enumerate() {
            assert_eq!(job.read_index().unwrap(), [number as u8].as_slice());
            let object = job.object().unwrap();
            assert_eq!(object.size(), 9000 + number as u64);
            assert_eq!(object.bytes().as_ptr() as u64 % ALIGNMENT, 0);
            job.write_index().unwrap();
            job.write_object().unwrap();
            assert_eq!(fs::read(&job.output).unwrap(), vec![number as u8; 9000 + number]);
            assert_eq!(fs::read(&job.index).unwrap(), [number as u8]);
        }
        assert!(jobs[0].held.as_ref().unwrap().put(*b"again").is_err());
    }

    #[test]
    fn objects_are_there_while_others_are_made() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let spool = Arc::new(Spool::new(0, [directory.to_owned()]));
        for number in 0..5u8 {
            let job = job(directory, number, Some(Held::new(Vec::new(), spool.clone())));
            let object = vec![number; 5000 * usize::from(number)];
            job.held.as_ref().unwrap().put(object.as_slice()).unwrap();
            assert_eq!(job.object().unwrap().bytes(), object);
        }
    }

    #[test]
    fn parts_of_other_files_are_not_copied_unless_there_are_many() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let spool = Arc::new(Spool::new(100, []));
        let entry = directory.join("entry");
        fs::write(&entry, "an object and more").unwrap();
        let object = Mapped::file(&File::open(entry).unwrap()).unwrap().part(0, 9).unwrap();
        for (known, copied) in [(0, 0), (MOST_MAPPED, 9)] {
            spool.elsewhere.store(known, Ordering::Relaxed);
            let job = job(directory, 1, Some(Held::new(Vec::new(), spool.clone())));
            job.held.as_ref().unwrap().put_mapped(object.clone()).unwrap();
            assert_eq!(job.object().unwrap().bytes(), b"an object");
            assert_eq!(spool.memory.load(Ordering::Relaxed), 100 - copied);
            job.write_object().unwrap();
            assert_eq!(fs::read(&job.output).unwrap(), b"an object");
        }
    }

    #[test]
    fn without_a_spool_files_are_what_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let job = job(directory.path(), 1, None);
        assert!(job.object().is_err() && job.read_index().is_err());
        job.write_index().unwrap();
        job.write_object().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        fs::write(&job.output, "object").unwrap();
        assert_eq!(job.object().unwrap().bytes(), b"object");
        assert!(Job { index: PathBuf::new(), ..job }.read_index().unwrap().is_empty());
    }

    #[test]
    fn a_disk_without_room_is_left_for_the_next_and_for_memory_at_last() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let full = Disk { directory: PathBuf::new(), file: OnceLock::new() };
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        full.file.set(Some(Objects::of(file))).unwrap();
        let mut spool = Spool::new(0, ["/nonexistent".into(), directory.into()]);
        spool.disks.insert(0, full);
        let put = |spool: Spool| {
            let job = job(directory, 1, Some(Held::new(Vec::new(), Arc::new(spool))));
            job.held.as_ref().unwrap().put(*b"object").unwrap();
            assert_eq!(job.object().unwrap().bytes(), b"object");
            job
        };
        let first = put(spool);
        assert!(matches!(first.held.as_ref().unwrap().object.get(), Some(Object::OnDisk { disk: 2, .. })));
        assert!(!is_on_disk(&put(Spool::new(0, ["/nonexistent".into()]))));
        assert!(!is_on_disk(&put(Spool::new(6, [directory.into()]))));
        assert!(is_on_disk(&put(Spool::new(5, [directory.into()]))));
    }

    #[test]
    fn files_that_nobody_can_make_are_told_of_with_their_directory() {
        let job =
            job(Path::new("/nonexistent/link"), 1, Some(Held::new(Vec::new(), Arc::new(Spool::new(0, [])))));
        let error = job.write_index().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/link: No such file") && error.contains("TMPDIR"), "{error}");
    }
}
