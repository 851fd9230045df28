//! Jobs whose index and object have no files of their own, in a link that one process does from its beginning to its end.
//!
//! A link has thousands of either, most of them small, and a directory takes longer to make and remove a file than LLVM
//! to compile a small module; workers even wait for each other there. So indexes stay in memory, where they are tiny, and
//! objects go one after the other into a file, where they take no memory, unless they are parts of files already.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use llvm_build::Mapped;

use super::Job;

/// Where each object begins, bytes: those who read it need not care for the ones before it.
const ALIGNMENT: u64 = 16;

/// Objects of so many other files are not copied; a process has no more than 65,530 mappings.
const MOST_MAPPED: usize = 16_384;

/// Where jobs of one link put their objects: one file, which belongs to whoever made it.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Bytes that are taken.
    end: AtomicU64,
    /// As much of the file as was there when somebody asked.
    mapped: Mutex<Option<Mapped>>,
    /// Objects that are elsewhere.
    elsewhere: AtomicUsize,
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
    Spooled { offset: u64, size: u64 },
    Elsewhere(Mapped),
}

impl Spool {
    /// Creates the file.
    ///
    /// # Errors
    /// It is there already, or cannot be.
    pub fn create(path: PathBuf) -> io::Result<Self> {
        File::options().read(true).write(true).create_new(true).open(path).map(Self::of)
    }

    fn of(file: File) -> Self {
        Self { file, end: AtomicU64::new(0), mapped: Mutex::default(), elsewhere: AtomicUsize::new(0) }
    }

    /// Adds `contents`, from any thread.
    fn add(&self, contents: &[u8]) -> io::Result<Object> {
        let size = contents.len() as u64;
        let offset = self.end.fetch_add(size.next_multiple_of(ALIGNMENT), Ordering::Relaxed);
        self.file.write_all_at(contents, offset)?;
        Ok(Object::Spooled { offset, size })
    }

    fn part(&self, offset: u64, size: u64) -> io::Result<Mapped> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = mapped.as_ref().and_then(|known| known.part(offset, size)) {
            return Ok(part);
        }
        let all = mapped.insert(Mapped::file(&self.file)?);
        all.part(offset, size).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Held {
    /// A job's `index`, and room for its object in `spool`.
    pub fn new(index: Vec<u8>, spool: Arc<Spool>) -> Self {
        Self { index: index.into(), spool, object: OnceLock::new() }
    }

    /// Keeps the object that was made.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn put(&self, object: &[u8]) -> io::Result<()> {
        self.set(self.spool.add(object)?)
    }

    /// Keeps the object that a part of another file is, which nobody writes to any more.
    ///
    /// # Errors
    /// It cannot be written, because there are many of these.
    pub(crate) fn put_mapped(&self, object: Mapped) -> io::Result<()> {
        if self.spool.elsewhere.fetch_add(1, Ordering::Relaxed) < MOST_MAPPED {
            self.set(Object::Elsewhere(object))
        } else {
            self.put(object.bytes())
        }
    }

    fn set(&self, object: Object) -> io::Result<()> {
        self.object.set(object).map_err(|_| io::Error::other("it was made twice"))
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

    /// Makes sure that its index is a file, for those who know it by name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_index(&self) -> io::Result<()> {
        self.held.as_ref().map_or(Ok(()), |held| fs::write(&self.index, &held.index))
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
        let held = self.held.as_ref().and_then(|held| Some((&held.spool, held.object.get()?)));
        match held {
            Some((spool, Object::Spooled { offset, size })) => spool.part(*offset, *size),
            Some((_, Object::Elsewhere(object))) => Ok(object.clone()),
            None => Mapped::file(&File::open(&self.output)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
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

    #[test]
    fn objects_of_many_threads_do_not_mix() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let spool = Arc::new(Spool::create(directory.join("objects")).unwrap());
        let jobs: Vec<Job> = (0..32)
            .map(|number| job(directory, number, Some(Held::new(vec![number], spool.clone()))))
            .collect();
        thread::scope(|scope| {
            for (number, job) in jobs.iter().enumerate() {
                scope.spawn(move || {
                    job.held.as_ref().unwrap().put(&vec![number as u8; 9000 + number]).unwrap()
                });
            }
        });
        assert_eq!(fs::read_dir(directory).unwrap().count(), 1, "one file for all");
        for (number, job) in jobs.iter().enumerate() {
            assert_eq!(job.read_index().unwrap(), [number as u8].as_slice());
            let object = job.object().unwrap();
            assert_eq!(object.size(), 9000 + number as u64);
            assert_eq!(object.bytes().as_ptr() as u64 % ALIGNMENT, 0);
            job.write_object().unwrap();
            job.write_index().unwrap();
            assert_eq!(fs::read(&job.output).unwrap(), vec![number as u8; 9000 + number]);
            assert_eq!(fs::read(&job.index).unwrap(), [number as u8]);
        }
        assert!(jobs[0].held.as_ref().unwrap().put(b"again").is_err());
    }

    #[test]
    fn objects_are_there_while_others_are_made() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let spool = Arc::new(Spool::create(directory.join("objects")).unwrap());
        for number in 0..5u8 {
            let job = job(directory, number, Some(Held::new(Vec::new(), spool.clone())));
            let object = vec![number; 5000 * usize::from(number)];
            job.held.as_ref().unwrap().put(&object).unwrap();
            assert_eq!(job.object().unwrap().bytes(), object);
        }
    }

    #[test]
    fn parts_of_other_files_are_not_copied_unless_there_are_many() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let spool = Arc::new(Spool::create(directory.join("objects")).unwrap());
        let entry = directory.join("entry");
        fs::write(&entry, "an object and more").unwrap();
        let object = Mapped::file(&File::open(entry).unwrap()).unwrap().part(0, 9).unwrap();
        for (known, copied) in [(0, 0), (MOST_MAPPED, 16)] {
            spool.elsewhere.store(known, Ordering::Relaxed);
            let job = job(directory, 1, Some(Held::new(Vec::new(), spool.clone())));
            job.held.as_ref().unwrap().put_mapped(object.clone()).unwrap();
            assert_eq!(job.object().unwrap().bytes(), b"an object");
            assert_eq!(spool.end.load(Ordering::Relaxed), copied);
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
    fn a_full_disk_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let held = Held::new(Vec::new(), Arc::new(Spool::of(full)));
        assert_eq!(held.put(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(held.object.get().is_none());
    }
}
