//! `--incremental`: what is remembered from run to run, and what is said if that fails.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use crate::cli::print;
use crate::cli::telling::cannot_write;
use crate::incremental::{Incremental, Split};
use crate::plan::Plan;
use crate::report::Event;

/// The memory of a build directory.
pub(super) struct Remembered {
    path: PathBuf,
    incremental: Incremental,
    /// The first error of writing it, told at the end.
    error: Option<String>,
}

impl Remembered {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let (incremental, complaint) = Incremental::open(path)
            .map_err(|error| format!("cannot remember in {}: {error}", path.display()))?;
        if let Some(complaint) = complaint {
            print::warning(&format!("{}: {complaint}; everything is compiled", path.display()));
        }
        Ok(Self { path: path.to_owned(), incremental, error: None })
    }

    pub(super) fn split(&mut self, plan: &Plan, threads: NonZero<usize>) -> Split {
        self.incremental.split(plan, threads)
    }

    pub(super) fn hear(&mut self, event: &Event<'_>) {
        if let Some((_, job, report)) = event.outcome()
            && let Err(error) = self.incremental.done(job, report)
        {
            self.error.get_or_insert(cannot_write(&self.path, &error));
        }
    }

    pub(super) fn finish(self) -> Result<(), String> {
        match self.error {
            Some(error) => Err(error),
            None => self.incremental.finish().map_err(|error| cannot_write(&self.path, &error)),
        }
    }
}
