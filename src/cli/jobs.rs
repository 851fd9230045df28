//! How many jobs run at once: `-j`, and the jobserver of a `make` that runs this program.

use std::num::NonZero;

use super::print;
use crate::farm::{Farm, Jobserver, available_cores};

/// A farm of at most `jobs` threads, or as many as there are cores, that takes tokens of make's jobserver.
///
/// Under a make that has one it does not let this program have (no `+` in the makefile), that is one thread, as
/// in a make that is run by it so.
pub(super) fn farm(jobs: Option<NonZero<usize>>) -> Farm {
    match Jobserver::inherited() {
        Ok(jobserver) => Farm::default().threads(jobs.unwrap_or_else(available_cores)).jobserver(jobserver),
        Err(reason) => {
            let threads = jobs.unwrap_or(NonZero::<usize>::MIN);
            print::warning(&format!(
                "jobserver unavailable: using -j{threads}. Add '+' to the line of the makefile ({reason})"
            ));
            Farm::default().threads(threads)
        }
    }
    .worker_program(WORKER_PROGRAM)
}

/// A farm for a linker: as [`farm`], but a jobserver that make does not let it have is no news, since builds
/// run linkers without `+`.
pub(super) fn farm_of_linker() -> Farm {
    Farm::default().jobserver(Jobserver::inherited().unwrap_or_default()).worker_program(WORKER_PROGRAM)
}

/// This very program, even if its file was replaced since it was started.
const WORKER_PROGRAM: &str = "/proc/self/exe";
