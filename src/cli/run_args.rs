//! The arguments of every subcommand that compiles a link: what runs at once, when to stop, what to tell.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

use super::cache_args::{self, CacheArgs};
use super::jobs::{self, JobArgs};
use super::log::LogArgs;
use super::telling;
use crate::farm::Farm;
use crate::plan::Job;
use crate::report::Report;
use crate::verify::Clang;

/// How a link is compiled, whatever the front door. Those of the linker have a prefix, see `ld.rs`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(super) struct RunArgs {
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    pub(super) cache: CacheArgs,
    /// Start no further job once one has failed.
    #[arg(long)]
    fail_fast: bool,
    /// Write what each job cost to FILE, as JSON.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Compile every module with CLANG (a name or a path) as well, and compare the objects. A difference is a failure.
    #[arg(long, value_name = "CLANG")]
    verify_with: Option<PathBuf>,
    /// Print every object, and the ten slowest at the end.
    #[arg(short, long)]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) log: LogArgs,
}

impl RunArgs {
    /// How many jobs are to run at once, if somebody said so.
    pub(super) fn threads(&self) -> Option<NonZero<usize>> {
        self.jobs.jobs
    }

    /// A farm that does as these say, see [`jobs::farm`].
    pub(super) fn farm(&self) -> Farm {
        jobs::farm(&self.jobs, self.verbose).fail_fast(self.fail_fast)
    }

    /// A farm for a linker, see [`jobs::farm_of_linker`].
    pub(super) fn farm_of_linker(&self) -> Farm {
        jobs::farm_of_linker(&self.jobs, self.verbose).fail_fast(self.fail_fast)
    }

    /// The clang to verify with, if that was asked for: looked for before the work rather than after it.
    pub(super) fn clang(&self) -> Result<Option<Clang>, String> {
        self.verify_with.as_deref().map(Clang::find).transpose().map_err(|error| error.to_string())
    }

    /// Tells those who want to know what was slow, and what became of `farm`'s share of the machine; and ends the use
    /// of its cache.
    pub(super) fn tell_details(&self, report: &Report, farm: &Farm) {
        if self.verbose {
            telling::slowest(report);
            telling::not_cached(report);
            telling::order(report);
            jobs::tell_of_sharing(farm);
        }
        cache_args::finish(farm.cache_in_use());
    }

    /// Whether the run is to tell more than errors and warnings: by a file, or by comparing objects.
    pub(super) fn asks_for_reports(&self) -> bool {
        self.profile.is_some() || self.verify_with.is_some()
    }

    /// Whether somebody asks what each job cost.
    pub(super) fn asks_for_profile(&self) -> bool {
        self.profile.is_some()
    }

    /// Writes a profile that is there again, with what is known by now; not one that went into a pipe.
    pub(super) fn rewrite_profile(&self, report: &Report) -> Result<(), String> {
        match &self.profile {
            Some(path) if path.is_file() => telling::profile(path, report),
            _ => Ok(()),
        }
    }

    /// Writes what each job cost, if somebody asked for it.
    pub(super) fn write_profile(&self, report: &Report) -> Result<(), String> {
        self.profile.as_deref().map_or(Ok(()), |path| telling::profile(path, report))
    }
}

/// Whether the objects of `jobs` are those of `clang`, if there is one; `threads` of it at a time.
pub(super) fn verify<'a>(
    clang: Option<&Clang>,
    jobs: impl IntoIterator<Item = &'a Job>,
    threads: NonZero<usize>,
) -> Result<bool, String> {
    let Some(clang) = clang else { return Ok(true) };
    let verdict = clang.compare(jobs, threads);
    Ok(telling::verdict(&verdict.map_err(|error| format!("cannot verify: {error}"))?))
}
