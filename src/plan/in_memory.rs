//! Jobs whose index and object have no files of their own, in a link that one process does from its beginning to its end.

use std::borrow::Cow;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use llvm_build::{LinkHooks, Mapped};

use super::Job;
use crate::output::Spool;

/// What a job has in the place of two files, in a link that this process does.
#[derive(Clone, Debug)]
pub(crate) struct InMemory {
    /// Its index.
    pub index: Arc<[u8]>,
    /// Instructions that it compiles, those of imported functions too, before optimisation; `None` if nobody counted.
    pub instructions: Option<u64>,
    /// Where its object goes, under the name of [`Job::output`].
    pub spool: Arc<Spool>,
    /// What lld wants of it besides. A child worker has none.
    pub hooks: LinkHooks,
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
    pub(crate) fn read_index(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.in_memory {
            Some(place) => Ok(Cow::Borrowed(&place.index)),
            None if self.index.as_os_str().is_empty() => Ok(Cow::Borrowed(&[])),
            None => fs::read(&self.index).map(Cow::Owned),
        }
    }

    /// Makes sure that its index is a file, and that its object can be one, for those who know them by name.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write_index(&self) -> io::Result<()> {
        let Some(place) = &self.in_memory else { return Ok(()) };
        make_room(&self.index)?;
        fs::write(&self.index, &place.index)
    }

    /// As [`Job::write_index`], of its object, if it is made.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write_object(&self) -> io::Result<()> {
        match self.spooled()? {
            Some(object) => fs::write(&self.output, object.bytes()),
            None => Ok(()),
        }
    }

    /// Its object, which is made.
    ///
    /// # Errors
    /// There is no such file, or it cannot be mapped.
    pub(crate) fn object(&self) -> io::Result<Mapped> {
        match self.spooled()? {
            Some(object) => Ok(object),
            None => Mapped::file(&File::open(&self.output)?),
        }
    }

    fn spooled(&self) -> io::Result<Option<Mapped>> {
        self.in_memory.as_ref().map_or(Ok(None), |place| place.spool.get(&self.output))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn job(directory: &Path, in_memory: Option<InMemory>) -> Job {
        Job {
            module: "1.o".to_owned(),
            index: directory.join("1.thinlto.bc"),
            output: directory.join("1.o"),
            command: Arc::default(),
            size: 1,
            in_memory,
        }
    }

    fn in_memory() -> Option<InMemory> {
        Some(InMemory {
            index: (*b"index").into(),
            instructions: None,
            spool: Arc::new(Spool::new(u64::MAX, [])),
            hooks: LinkHooks::default(),
        })
    }

    #[test]
    fn what_is_in_memory_becomes_a_file_if_somebody_needs_one() {
        let parent = tempfile::tempdir().unwrap();
        // The directory is made when the first file is.
        let job = job(&parent.path().join("files"), in_memory());
        assert_eq!(*job.read_index().unwrap(), *b"index");
        job.write_object().unwrap();
        assert!(job.object().is_err());
        job.in_memory.as_ref().unwrap().spool.put(&job.output, *b"object").unwrap();
        assert_eq!(job.object().unwrap().bytes(), b"object");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        job.write_index().unwrap();
        job.write_object().unwrap();
        assert_eq!(fs::read(&job.index).unwrap(), b"index");
        assert_eq!(fs::read(&job.output).unwrap(), b"object");
    }

    #[test]
    fn files_are_what_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let job = job(directory.path(), None);
        assert!(job.object().is_err() && job.read_index().is_err());
        job.write_index().unwrap();
        job.write_object().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        fs::write(&job.output, "object").unwrap();
        assert_eq!(job.object().unwrap().bytes(), b"object");
        assert!(Job { index: PathBuf::new(), ..job }.read_index().unwrap().is_empty());
    }

    #[test]
    fn files_that_nobody_can_make_are_told_of_with_their_directory() {
        let error = job(Path::new("/nonexistent/link"), in_memory()).write_index().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/link: No such file") && error.contains("TMPDIR"), "{error}");
    }
}
