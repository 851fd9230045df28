//! From a module id to bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use llvm_build::{MAGIC_SIZE, Mapped, OpenError, has_object_magic, is_native_object};

use super::Location;
use super::archive::{Archive, MemberBytes, cannot_open_beside};
use crate::memo::Memo;

/// Answers where the module with some id is. An archive is read once for all its members.
#[derive(Debug, Default)]
pub struct Archives {
    known: Memo<PathBuf, Result<Arc<Archive>, String>>,
}

/// What there is to know of a module before it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Bytes of the file or member, 0 if it cannot be read.
    pub size: u64,
    /// It is a native object already: nothing is to be compiled.
    pub is_native: bool,
}

/// Where the bytes of a module are.
#[derive(Debug)]
enum Source {
    /// A file of the module's name.
    File(PathBuf),
    /// A file that a thin archive names.
    Beside(PathBuf),
    /// Inside a regular archive.
    Inside(Mapped),
}

impl Archives {
    /// The size and kind of a module; of one that cannot be read, whoever loads it will say why.
    pub fn glance(&self, id: &str) -> Glance {
        match self.find(id) {
            Ok(Source::File(path) | Source::Beside(path)) => glance_at_file(&path).unwrap_or_default(),
            Ok(Source::Inside(bytes)) => Glance { size: bytes.size(), is_native: is_native_object(&bytes) },
            Err(_) => Glance::default(),
        }
    }

    /// The file that is the module's alone: the file itself, or the one that a thin archive names.
    /// `None` for a member of a regular archive, whose name [`Location`] knows, and for one that
    /// cannot be found.
    pub fn object_path(&self, id: &str) -> Option<PathBuf> {
        match self.find(id).ok()? {
            Source::File(path) | Source::Beside(path) => Some(path),
            Source::Inside(_) => None,
        }
    }

    /// The bytes of a module's file or member, mapped.
    ///
    /// # Errors
    /// It is missing or cannot be read.
    pub fn map(&self, id: &str) -> Result<Mapped, OpenError> {
        let map = |path: &Path| File::open(path).and_then(|file| Mapped::file(&file));
        match self.find(id).map_err(OpenError::Format)? {
            Source::File(path) => map(&path).map_err(OpenError::Io),
            Source::Beside(path) => {
                map(&path).map_err(|error| OpenError::Format(cannot_open_beside(&path, &error)))
            }
            Source::Inside(bytes) => Ok(bytes),
        }
    }

    fn find(&self, id: &str) -> Result<Source, String> {
        let members = Location::members(id);
        if members.is_empty() || Path::new(id).exists() {
            return Ok(Source::File(id.into()));
        }
        let is_there =
            |member: &&Location| matches!(member, Location::Member { archive, .. } if archive.exists());
        let likely = Location::of(id);
        let Location::Member { archive, offset, name } = members.iter().find(is_there).unwrap_or(&likely)
        else {
            return Ok(Source::File(id.into()));
        };
        let archive = self.known.get(archive.as_path(), || Archive::open(archive).map(Arc::new))?;
        Ok(match archive.member(*offset, name)? {
            MemberBytes::File(path) => Source::Beside(path),
            MemberBytes::Inside(bytes) => Source::Inside(bytes),
        })
    }
}

/// Maps the file only if its beginning leaves a doubt.
fn glance_at_file(path: &Path) -> io::Result<Glance> {
    let file = File::open(path)?;
    let mut beginning = Vec::with_capacity(MAGIC_SIZE);
    (&file).take(MAGIC_SIZE as u64).read_to_end(&mut beginning)?;
    let size = file.metadata()?.len();
    let is_native = has_object_magic(&beginning) && is_native_object(&Mapped::file(&file)?);
    Ok(Glance { size, is_native })
}
