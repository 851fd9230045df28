//! Who made a file: an extended attribute of it.
//!
//! The bytes of an output are lld's, so they cannot tell. An attribute changes none of them, goes with the file where it
//! is moved, and goes away with it where another program writes a new file under its name. What is written into the file
//! itself later shows in its size and time, which stand in the attribute.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// The attribute.
const NAME: &str = "user.thinfarm.linker";

/// How a file was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[doc(hidden)]
pub struct Made {
    /// The linker and its version.
    pub linker: String,
    /// The version of LLVM and lld in it.
    pub llvm: String,
    /// ThinLTO modules that its farm compiled or had in a cache.
    pub modules: usize,
    /// ThinLTO modules, if there were any, were compiled by lld's own backends.
    pub left_to_lld: bool,
    marks: Marks,
}

/// What tells a file from the same one with something else in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Marks {
    fn of(data: &Metadata) -> Self {
        Self { size: data.size(), seconds: data.mtime(), nanoseconds: data.mtime_nsec() }
    }
}

/// Who made a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum MadeBy {
    /// `ld.thinfarm`, and the file is as it was then.
    Us(Made),
    /// `ld.thinfarm`, but something else has been written into the file since.
    ChangedSince(Made),
    /// Nobody says so.
    Unknown,
    /// The file system keeps no such attributes.
    CannotTell,
}

/// Waits for a linker to make its output.
#[derive(Debug)]
#[doc(hidden)]
pub struct Maker {
    output: PathBuf,
    before: Option<(u64, Marks, i64, i64)>,
}

impl Maker {
    /// Of the file `output`, which is not made yet.
    pub fn of(output: PathBuf) -> Self {
        let before = identity(&output);
        Self { output, before }
    }

    /// Signs the output, if there is one: a link may write none (`--thinlto-index-only`), or one that is no file. Whether
    /// a file can be signed is nobody's concern but of those who ask later.
    pub fn sign(&self, modules: usize, left_to_lld: bool) {
        let (Some(now), Ok(data)) = (identity(&self.output), fs::metadata(&self.output)) else { return };
        if self.before.as_ref() == Some(&now) {
            return;
        }
        let made = Made {
            linker: format!("ld.thinfarm {}", env!("CARGO_PKG_VERSION")),
            llvm: llvm_build::build_version().to_owned(),
            modules,
            left_to_lld,
            marks: Marks::of(&data),
        };
        let text = serde_json::to_vec(&made).expect("plain data");
        let _ = setxattr(&self.output, NAME, &text, XattrFlags::empty());
    }
}

/// What changes whenever a file is written or replaced; `None` if it is none.
fn identity(path: &Path) -> Option<(u64, Marks, i64, i64)> {
    let data = fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some((data.ino(), Marks::of(&data), data.ctime(), data.ctime_nsec()))
}

/// Who made the file `path`.
///
/// # Errors
/// It cannot be read.
#[doc(hidden)]
pub fn who_made(path: &Path) -> io::Result<MadeBy> {
    let data = fs::metadata(path)?;
    let mut text = vec![0; 4096];
    match getxattr(path, NAME, &mut text[..]) {
        Ok(size) => text.truncate(size),
        Err(Errno::NODATA) => return Ok(MadeBy::Unknown),
        Err(Errno::NOTSUP) => return Ok(MadeBy::CannotTell),
        Err(error) => return Err(error.into()),
    }
    // Of another version, perhaps.
    Ok(match serde_json::from_slice::<Made>(&text) {
        Ok(made) if made.marks == Marks::of(&data) => MadeBy::Us(made),
        Ok(made) => MadeBy::ChangedSince(made),
        Err(_) => MadeBy::Unknown,
    })
}
