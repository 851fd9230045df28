//! Output files that exist under their final name only when they are whole.
//!
//! The bytes go to a temporary file in the same directory, which is renamed at the end. Temporaries
//! are known to the process, so that whoever ends it early can remove them all. Files are changed without a lock:
//! on a disk that does not answer that can take for ever, and nobody else is to wait for it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::close;
use tempfile::{Builder, TempPath};

/// The temporaries of this process.
#[derive(Debug)]
struct Temporaries {
    paths: BTreeSet<PathBuf>,
    /// How many files get a name at this moment, see [`Naming`].
    underway: usize,
    /// [`abandon_outputs`] was called: there will be no others.
    abandoned: bool,
}

static TEMPORARIES: Mutex<Temporaries> =
    Mutex::new(Temporaries { paths: BTreeSet::new(), underway: 0, abandoned: false });

/// Tells of an end of [`Naming`].
static NAMED: Condvar = Condvar::new();

/// How long [`abandon_outputs`] waits for files that get a name.
const PATIENCE: Duration = Duration::from_millis(200);

fn known() -> MutexGuard<'static, Temporaries> {
    TEMPORARIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those known, unless outputs were abandoned.
fn usable() -> io::Result<MutexGuard<'static, Temporaries>> {
    let known = known();
    if known.abandoned { Err(ErrorKind::Interrupted.into()) } else { Ok(known) }
}

/// While a file gets its first name, or its final one.
struct Naming(());

impl Naming {
    /// # Errors
    /// Outputs were abandoned.
    fn begin() -> io::Result<Self> {
        usable()?.underway += 1;
        Ok(Self(()))
    }
}

impl Drop for Naming {
    fn drop(&mut self) {
        known().underway -= 1;
        NAMED.notify_all();
    }
}

/// Removes every temporary and lets no further output be created or finished: for a process that
/// is about to end before its jobs have.
///
/// A job that clang's own action runs opens its temporary by name, and may do so after this. So it is
/// called again as the last thing of all.
pub fn abandon_outputs() {
    let mut known = known();
    known.abandoned = true;
    // As a rule that is over at once, and then nothing is left and no output gets its name after this.
    let waited = NAMED.wait_timeout_while(known, PATIENCE, |known| known.underway > 0);
    let paths = waited.unwrap_or_else(PoisonError::into_inner).0.paths.clone();
    for path in &paths {
        // It may be renamed or removed already; there is nobody left to tell of anything else.
        let _ = fs::remove_file(path);
    }
}

/// Ends the name of a temporary.
const SUFFIX: &str = ".tmp";

/// Begins the names of the temporaries of `path` that the process `pid` makes: whoever outlives it knows
/// which are its.
fn prefix_of_temporaries(path: &Path, pid: u32) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(format!(".{pid}-"));
    prefix
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes the temporaries of `path` that the process `pid`, which is dead, left behind.
pub(crate) fn remove_temporaries(path: &Path, pid: u32) {
    let prefix = prefix_of_temporaries(path, pid);
    for entry in fs::read_dir(directory_of(path)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes()) {
            // One that cannot be removed is no error of the job, which has failed already.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the file `path` of an earlier time, unless outputs were abandoned: it must not be taken for what could not be
/// made. What is no regular file stays.
pub(crate) fn discard(path: &Path) {
    if usable().is_ok() && fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        // One that cannot be removed cannot be replaced either, which the next attempt will say.
        let _ = fs::remove_file(path);
    }
}

/// The error as the system words it; tempfile keeps the kind only.
fn without_path(error: &io::Error) -> io::Error {
    let code = match error.kind() {
        ErrorKind::NotFound => Errno::ENOENT,
        ErrorKind::PermissionDenied => Errno::EACCES,
        ErrorKind::NotADirectory => Errno::ENOTDIR,
        ErrorKind::ReadOnlyFilesystem => Errno::EROFS,
        ErrorKind::StorageFull => Errno::ENOSPC,
        other => return other.into(),
    };
    code.into()
}

/// One output in the making. Dropped unfinished, it leaves nothing behind.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Temporary(Temporary),
    /// A device, a pipe or standard output: there is no name to protect.
    Direct(Option<File>),
}

impl OutputFile {
    /// Starts writing `path`; `-` and the empty path are standard output.
    ///
    /// # Errors
    /// The directory does not exist or cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        let place = if path == Path::new("-") || path.as_os_str().is_empty() {
            Place::Direct(None)
        } else if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(ErrorKind::IsADirectory.into());
        } else if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            Place::Direct(Some(File::options().write(true).open(path)?))
        } else {
            let prefix = prefix_of_temporaries(path, std::process::id());
            Place::Temporary(Temporary::create(path, &prefix, 0o666)?)
        };
        Ok(Self { path: path.to_owned(), place })
    }

    /// Starts writing the file `path`, under a name that begins with `prefix` until it is whole. No umask lets every user
    /// write to it.
    ///
    /// # Errors
    /// As of [`OutputFile::create`].
    pub(crate) fn create_with_prefix(path: &Path, prefix: &str) -> io::Result<Self> {
        let place = Place::Temporary(Temporary::create(path, prefix.as_ref(), 0o664)?);
        Ok(Self { path: path.to_owned(), place })
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the bytes go until then, for those who open the file themselves.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Temporary(temporary) => temporary.path.0.to_string_lossy().into_owned(),
            Place::Direct(Some(_)) => self.path.to_string_lossy().into_owned(),
            Place::Direct(None) => "-".to_owned(),
        }
    }

    /// Adds all that `source` has. What is read of a file the kernel copies itself, without taking room on
    /// a disk that can share blocks between files. Returns how many bytes these are.
    ///
    /// # Errors
    /// The disk is full, or `source` cannot be read.
    pub fn append(&mut self, source: &mut impl Read) -> io::Result<u64> {
        match &mut self.place {
            Place::Temporary(temporary) => io::copy(source, &mut temporary.file),
            Place::Direct(Some(file)) => io::copy(source, file),
            Place::Direct(None) => io::copy(source, &mut io::stdout().lock()),
        }
    }

    /// Gives up, and removes the file of an earlier time as well.
    pub fn discard(self) {
        discard(&self.path);
    }

    /// Writes `contents`, if any, after what others wrote, and gives the file its final name.
    /// Returns its size.
    ///
    /// # Errors
    /// The disk is full, or the name cannot be taken.
    pub fn finish(self, contents: &[u8]) -> io::Result<u64> {
        match self.place {
            Place::Direct(Some(mut file)) => file.write_all(contents).map(|()| contents.len() as u64),
            Place::Direct(None) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(contents)?;
                stdout.flush().map(|()| contents.len() as u64)
            }
            Place::Temporary(Temporary { path, mut file }) => {
                file.write_all(contents)?;
                let size = file.metadata()?.len();
                // NFS writes when a file is closed: only then is it known that the disk has room, and only
                // from then on do other machines find under the final name what is written here.
                close(file)?;
                let _naming = Naming::begin()?;
                fs::rename(&path.0, &self.path)?;
                Ok(size)
            }
        }
    }
}

/// A temporary file and its name.
#[derive(Debug)]
struct Temporary {
    path: KnownPath,
    file: File,
}

impl Temporary {
    /// Creates the temporary of `path`, under a name that begins with `prefix`, with what the umask leaves of `mode`, as a
    /// compiler does.
    fn create(path: &Path, prefix: &OsStr, mode: u32) -> io::Result<Self> {
        let naming = Naming::begin()?;
        let (file, temporary) = Builder::new()
            .prefix(prefix)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory_of(path))
            // The error of a missing directory names the temporary, of which nobody has heard.
            .map_err(|error| without_path(&error))?
            .into_parts();
        known().paths.insert(temporary.to_path_buf());
        let path = KnownPath(temporary);
        drop(naming);
        // Whoever abandoned outputs meanwhile may not have waited for this one, which removes itself then.
        drop(usable()?);
        Ok(Self { path, file })
    }
}

/// A temporary that the process knows. `TempPath` removes the file; after a rename there is none.
#[derive(Debug)]
struct KnownPath(TempPath);

impl Drop for KnownPath {
    fn drop(&mut self) {
        if let Ok(mut known) = usable() {
            known.paths.remove(&*self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_output_is_whole_and_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.o");
        assert_eq!(OutputFile::create(&path).unwrap().finish(b"object").unwrap(), 6);
        assert_eq!(fs::read(&path).unwrap(), b"object");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o400, 0o400);
    }

    #[test]
    fn an_unfinished_output_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.o");
        fs::write(&path, "old").unwrap();
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_discarded_is_a_regular_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.o");
        fs::write(&path, "old").unwrap();
        for discarded in [path.as_path(), &path, directory.path(), Path::new("/dev/null"), Path::new("-")] {
            discard(discarded);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(Path::new("/dev/null").exists());
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.o");
        for name in [".a.o.7-x.tmp", ".a.o.77-x.tmp", ".b.o.7-x.tmp", "a.o"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let ours = OutputFile::create(&path).unwrap();
        remove_temporaries(&path, 7);
        assert!(!directory.path().join(".a.o.7-x.tmp").exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
        remove_temporaries(&path, std::process::id());
        assert!(!Path::new(&ours.name()).exists());
    }

    #[test]
    fn a_device_is_written_not_replaced() {
        let null = Path::new("/dev/null");
        assert_eq!(OutputFile::create(null).unwrap().finish(b"object").unwrap(), 6);
        assert!(!fs::metadata(null).unwrap().is_file());
    }

    #[test]
    fn a_missing_directory_is_an_error_at_once() {
        let error = OutputFile::create(Path::new("no/such/directory/a.o")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
