//! `thinfarm worker`: what a farm starts for jobs whose `-mllvm` options its own process cannot have, and for those that
//! come after a crash of LLVM.

use std::process::ExitCode;
use std::time::Duration;
use std::{fs, thread};

use super::{print, signals};
use crate::farm;
use crate::output::abandon_outputs;

/// A signal from a terminal goes to the farm as well, which then ends its workers. One that was meant for
/// this process alone ends it after this time.
const FARM_FIRST: Duration = Duration::from_secs(1);

pub(super) fn run() -> ExitCode {
    // For `top` and `ps`, which would else call it after the link it was started by.
    let _ = fs::write("/proc/self/comm", "thinfarm-worker");
    signals::watch(|| {
        abandon_outputs();
        thread::sleep(FARM_FIRST);
    });
    match farm::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::failure(&format!(
            "thinfarm itself starts `thinfarm worker`, which is of no use to people: {error}"
        )),
    }
}
