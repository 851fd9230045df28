//! Ctrl-C and friends: remove what is half-written, then end as the signal says.
//!
//! LLVM cannot be interrupted in the middle of a function, so nothing waits for the workers. A disk that does not
//! answer can keep the clearing up; a second signal ends that, and so does time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

use crossbeam_channel::bounded;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::crash;

const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// A further signal within this time is the same one: `make` and `timeout` pass on what the terminal, or they
/// themselves, have sent to the whole group.
const ECHO: Duration = Duration::from_millis(200);

/// Clearing up that takes longer is left undone.
const LONGEST: Duration = Duration::from_secs(5);

/// Starts the thread that waits for signals, and calls `clear_up` before the first of them ends the process. A second
/// one ends it at once.
///
/// Where there can be no such thread signals do what they always do, and nothing is removed.
pub(super) fn watch(clear_up: impl FnOnce() + Send + 'static) {
    let clear_up = crash::watch(clear_up);
    let (ready, started) = bounded::<()>(0);
    let ignored = ignored();
    let signals = SIGNALS.into_iter().filter(move |signal| ignored >> (signal - 1) & 1 == 0);
    let watching = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let Ok(mut watched) = Signals::new(signals.clone()) else { return };
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in signals {
            // In the handler itself, so that nothing can be in its way.
            let _ = flag::register_conditional_default(signal, is_second.clone());
        }
        drop(ready);
        if let Some(signal) = watched.forever().next() {
            end_soon(signal, &is_second);
            clear_up();
            // The parent sees that a signal ended the process, as `make` and shells expect.
            let _ = emulate_default_handler(signal);
        }
    });
    if watching.is_ok() {
        // It never says anything: it has begun to watch when it drops its side, or has given up.
        let _ = started.recv();
    }
}

/// The signals that whoever started this process wants it not to mind, as `nohup` does: the lowest bit is signal 1.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Lets further signals end the process, and ends it by `signal` itself in the end.
fn end_soon(signal: i32, is_second: &Arc<AtomicBool>) {
    let armed = is_second.clone();
    let timer = thread::Builder::new().spawn(move || {
        thread::sleep(ECHO);
        armed.store(true, Ordering::Relaxed);
        thread::sleep(LONGEST);
        let _ = emulate_default_handler(signal);
    });
    if timer.is_err() {
        is_second.store(true, Ordering::Relaxed);
    }
}
