//! The oracle: are the objects of a run those that clang writes?

mod difference;
mod shadow;

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

pub use difference::{Difference, first_difference};
use shadow::Shadow;

use crate::output::OutputFile;
use crate::parallel;
use crate::plan::Job;
use crate::toolchain::{self, Found, Tool, ToolError};

/// A clang to compare with.
#[derive(Clone, Debug)]
pub struct Clang {
    found: Found,
}

/// How a comparison ended.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Files that are the same, byte for byte.
    pub identical: usize,
    /// The others.
    pub differences: Vec<Mismatch>,
}

/// A file that is not clang's.
#[derive(Debug)]
pub enum Mismatch {
    /// The bytes differ. Both files are kept.
    Differs {
        /// thinfarm's.
        ours: PathBuf,
        /// clang's.
        theirs: PathBuf,
        /// Where they first differ.
        difference: Difference,
    },
    /// clang made no object where thinfarm did, or it cannot be read.
    NotMade {
        /// thinfarm's.
        ours: PathBuf,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { ours, theirs, difference } => write!(
                f,
                "{} differs from clang's, which is kept as {}: {difference}",
                ours.display(),
                theirs.display()
            ),
            Self::NotMade { ours, reason } => {
                write!(f, "{} cannot be compared with clang's: {reason}", ours.display())
            }
        }
    }
}

impl Clang {
    /// The clang called `name`: a path, or looked for where thinfarm looks for its own.
    ///
    /// # Errors
    /// It is missing, does not run, or belongs to another LLVM.
    pub fn find(name: &Path) -> Result<Self, ToolError> {
        let found = if name == Path::new("clang") {
            Tool::Clang.find()
        } else {
            toolchain::check(&toolchain::on_path(name).unwrap_or_else(|| name.to_owned()))
        };
        let mut found = found?;
        // It may be run in another directory.
        found.path = std::path::absolute(&found.path).unwrap_or(found.path);
        Ok(Self { found })
    }

    /// Compiles `jobs`, which have made their objects, with this clang too, `threads` at a time, and
    /// compares what both wrote.
    ///
    /// # Errors
    /// clang cannot be given the modules that are no files by themselves.
    pub fn compare<'a>(
        &self,
        jobs: impl IntoIterator<Item = &'a Job>,
        threads: NonZero<usize>,
    ) -> io::Result<Verdict> {
        let jobs: Vec<&Job> = jobs.into_iter().collect();
        for job in &jobs {
            // clang only knows files.
            job.write_index()?;
            job.write_object()?;
        }
        let shadow = Shadow::of(&jobs)?;
        let compared = parallel::map(threads, &jobs, |_, job| self.compare_job(job, &shadow));
        let mut verdict = Verdict::default();
        for mismatch in compared.into_iter().flatten() {
            match mismatch {
                None => verdict.identical += 1,
                Some(mismatch) => verdict.differences.push(mismatch),
            }
        }
        Ok(verdict)
    }

    /// One entry for each file of the job, `None` for the same bytes.
    fn compare_job(&self, job: &Job, shadow: &Shadow) -> Vec<Option<Mismatch>> {
        let directory = match shadow.directory(job) {
            Ok(directory) => directory.unwrap_or_default(),
            Err(reason) => return vec![Some(Mismatch::not_made(&job.output, reason))],
        };
        let dwo = &job.command.files.split_dwarf_output;
        let mut files = vec![job.output.as_path()];
        if !dwo.is_empty() {
            files.push(Path::new(dwo));
        }
        // Names of outputs are recorded in objects, so clang must write to the same ones. A file is
        // whole at any time, thinfarm's or clang's, and thinfarm's at the end.
        let run = || -> io::Result<Vec<Option<Mismatch>>> {
            let ours = files.iter().map(|name| Ours::read(name)).collect::<io::Result<Vec<_>>>()?;
            let mut clang = Command::new(&self.found.path);
            if !directory.as_os_str().is_empty() {
                clang.current_dir(&directory);
            }
            let output = clang.args(job.command.args()).output()?;
            let settle = |(name, ours): (&&Path, Ours)| settle(name, &ours, &directory.join(name), &output);
            files.iter().zip(ours).map(settle).collect()
        };
        run().unwrap_or_else(|error| vec![Some(Mismatch::not_made(&job.output, error.to_string()))])
    }
}

impl Mismatch {
    fn not_made(ours: &Path, reason: String) -> Self {
        Self::NotMade { ours: ours.to_owned(), reason }
    }
}

/// A file that thinfarm wrote.
struct Ours {
    bytes: Vec<u8>,
    written: SystemTime,
}

impl Ours {
    fn read(name: &Path) -> io::Result<Self> {
        Ok(Self { bytes: fs::read(name)?, written: fs::metadata(name)?.modified()? })
    }
}

/// Compares `ours`, called `name`, with what clang wrote to `place`, which may be the same file. If they
/// differ, ours keeps its name and clang's is kept beside it.
fn settle(name: &Path, ours: &Ours, place: &Path, clang: &Output) -> io::Result<Option<Mismatch>> {
    if !clang.status.success() {
        let told = String::from_utf8_lossy(&clang.stderr);
        let reason = format!("clang failed ({}): {}", clang.status, told.trim_end());
        OutputFile::create(name)?.finish(&ours.bytes)?;
        return Ok(Some(Mismatch::not_made(name, reason)));
    }
    let clangs = fs::read(place)?;
    let Some(difference) = first_difference(&clangs, &ours.bytes) else {
        // An object that was only looked at is as old as it was.
        File::options().append(true).open(name)?.set_modified(ours.written)?;
        return Ok(None);
    };
    let mut theirs = OsString::from(name);
    theirs.push(".clang");
    let theirs = PathBuf::from(theirs);
    OutputFile::create(&theirs)?.finish(&clangs)?;
    OutputFile::create(name)?.finish(&ours.bytes)?;
    Ok(Some(Mismatch::Differs { ours: name.to_owned(), theirs, difference }))
}
