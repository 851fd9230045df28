//! Jobs whose index and object have no files of their own, in a link that one process does from its beginning to its end.
//!
//! A link has thousands of either, most of them small, and a directory takes longer to make and remove a file than LLVM
//! to compile a small module; workers even wait for each other there. So indexes stay in memory, where they are tiny, and
//! objects go one after the other into a file, where they take no memory.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::Job;

/// Where jobs of one link put their objects: one file, which belongs to whoever made it.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    /// Bytes that are taken.
    end: AtomicU64,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The file.
    pub path: PathBuf,
    /// Where it begins, bytes.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// The index of a job, and its object as soon as it is made.
#[derive(Debug)]
pub struct Held {
    index: Box<[u8]>,
    spool: Arc<Spool>,
    object: OnceLock<Extent>,
}

impl Spool {
    /// Creates the file.
    ///
    /// # Errors
    /// It is there already, or cannot be.
    pub fn create(path: PathBuf) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { path, file, end: AtomicU64::new(0) })
    }

    /// Adds `contents`, from any thread.
    fn add(&self, contents: &[u8]) -> io::Result<Extent> {
        let size = contents.len() as u64;
        let offset = self.end.fetch_add(size, Ordering::Relaxed);
        self.file.write_all_at(contents, offset)?;
        Ok(Extent { path: self.path.clone(), offset, size })
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
        let extent = self.spool.add(object)?;
        self.object.set(extent).map_err(|_| io::Error::other("it was made twice"))
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
        let held = self.held.as_ref().and_then(|held| Some((held, held.object.get()?)));
        let Some((held, &Extent { offset, size, .. })) = held else { return Ok(()) };
        let mut object = vec![0; size as usize];
        held.spool.file.read_exact_at(&mut object, offset)?;
        fs::write(&self.output, object)
    }

    /// Where its object is, which is made.
    ///
    /// # Errors
    /// There is no such file.
    pub fn object(&self) -> io::Result<Extent> {
        match self.held.as_ref().and_then(|held| held.object.get()) {
            Some(extent) => Ok(extent.clone()),
            None => whole(&self.output),
        }
    }
}

/// All of a file.
fn whole(path: &Path) -> io::Result<Extent> {
    Ok(Extent { path: path.to_owned(), offset: 0, size: fs::metadata(path)?.len() })
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
            assert_eq!(job.object().unwrap().size, 9000 + number as u64);
            job.write_object().unwrap();
            job.write_index().unwrap();
            assert_eq!(fs::read(&job.output).unwrap(), vec![number as u8; 9000 + number]);
            assert_eq!(fs::read(&job.index).unwrap(), [number as u8]);
        }
        assert!(jobs[0].held.as_ref().unwrap().put(b"again").is_err());
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
        assert_eq!(job.object().unwrap(), Extent { path: job.output.clone(), offset: 0, size: 6 });
        assert!(Job { index: PathBuf::new(), ..job }.read_index().unwrap().is_empty());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let spool = Spool { path: "/dev/full".into(), file: full, end: AtomicU64::new(0) };
        let held = Held::new(Vec::new(), Arc::new(spool));
        assert_eq!(held.put(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(held.object.get().is_none());
    }
}
