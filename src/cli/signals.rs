//! Ctrl-C and friends: remove what is half-written, then end as the signal says.
//!
//! LLVM cannot be interrupted in the middle of a function, so nothing waits for the workers.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::crash;

/// Starts the thread that waits for signals, and calls `clear_up` before the first of them ends the process.
pub(super) fn watch(clear_up: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let clear_up = crash::watch(clear_up);
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            clear_up();
            // The parent sees that a signal ended the process, as `make` and shells expect.
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}
