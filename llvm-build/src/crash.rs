//! Crashes: what they tell, and who clears up after one that ends the process.

use std::ffi::OsString;
use std::{io, thread};

use crate::bridge::ffi;
use crate::lld::arguments;

/// Installs handlers of SIGSEGV, SIGABRT and their like, so that a crash of LLVM ends the job it was at, with an error,
/// instead of the process. Nothing else installs any: without this a fatal error that LLVM reports is its job's error,
/// and a fault ends the process. Idempotent, and for good.
pub fn contain_crashes() {
    ffi::contain_crashes();
}

/// Says what a crash of this process tells before the process ends: its arguments, `args`, and after LLVM's words to
/// whom it is to be reported, `advice`. Contains crashes from then on ([`contain_crashes`]). To be called once, by the main thread, before
/// there are others.
pub fn describe_program(args: &[OsString], advice: &str) {
    ffi::describe_program(&arguments(args), advice);
}

/// Has `clear_up` called, on a thread of its own, when a crash is about to end the process. It has some seconds for it.
/// To be called once; a crash within a job is an error of that job and nothing to do with this.
///
/// # Errors
/// The thread cannot be started.
pub fn clear_up_after_crash(clear_up: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("crash".to_owned()).spawn(|| {
        ffi::wait_for_crash();
        clear_up();
        ffi::crash_is_cleared_up();
    })?;
    Ok(())
}

/// Removes outputs that lld and clang's actions have in the making: for a process that is about to end.
pub fn remove_files_of_llvm() {
    ffi::remove_files_of_llvm();
}

/// A line of what LLVM was doing, without the middle if it is long: a pass may be a whole pipeline, and what it ran on
/// stands at the end.
pub(crate) fn shortened(line: &str) -> String {
    const MOST: usize = 240;
    let length = line.chars().count();
    if length <= MOST {
        return line.to_owned();
    }
    let begin = line.chars().take(MOST / 2);
    let end = line.chars().skip(length - MOST / 2);
    begin.chain([' ', '…', ' ']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_both_ends() {
        assert_eq!(shortened("a pass on @f"), "a pass on @f");
        let long = format!("first{}last", "ä".repeat(1000));
        let short = shortened(&long);
        assert!(short.starts_with("first") && short.ends_with("last"), "{short}");
        assert_eq!(short.chars().count(), 243);
    }
}
