//! Words for people: standard output for what was asked for, standard error for the rest.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, WeakProgressBar};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Magenta.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// For what is worth finding at a glance.
pub(super) const STRONG: Style = Style::new().bold();

/// Has colours always or never, or, without a wish, where standard error is a terminal that has them.
pub(super) fn colours(wanted: Option<bool>) {
    if let Some(wanted) = wanted {
        let choice = if wanted { anstream::ColorChoice::AlwaysAnsi } else { anstream::ColorChoice::Never };
        choice.write_global();
    }
}

/// Warnings are not wanted.
static NO_WARNINGS: AtomicBool = AtomicBool::new(false);

/// From now on warnings are printed, or not.
pub(super) fn warnings(wanted: bool) {
    NO_WARNINGS.store(!wanted, Ordering::Relaxed);
}

/// The status of a program that has, or has not, made everything; or that failed for a reason, which it prints.
pub(super) fn status(made: Result<bool, String>) -> ExitCode {
    match made {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => failure(&reason),
    }
}

/// Says why the program fails.
pub(super) fn failure(reason: &dyn Display) -> ExitCode {
    error(reason);
    ExitCode::FAILURE
}

/// Prints what was asked for. A reader that has gone away (`| head`) is not an error.
pub(super) fn answer(text: &str) -> ExitCode {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(reason) => failure(&format!("cannot write to standard output: {reason}")),
    }
}

/// Prints text to standard error, whole. If that is closed there is nobody to tell.
pub(super) fn tell(text: impl Display) {
    let _ = anstream::stderr().lock().write_all(text.to_string().as_bytes());
}

/// The bar that is on the terminal at the moment.
static BAR: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// From now on lines of the log leave room for `bar`.
pub(super) fn beside(bar: &ProgressBar) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
}

/// Prints a line of the log to standard error, whole, on any thread.
pub(super) fn log(line: &[u8]) {
    let write = || {
        let _ = anstream::stderr().lock().write_all(line);
    };
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// `thinfarm: error: …`, in clang's format.
pub(super) fn error(text: &dyn Display) {
    tell(format_args!("thinfarm: {ERROR}error:{ERROR:#} {text}\n"));
}

/// `thinfarm: warning: …`, in clang's format, unless nobody wants warnings.
pub(super) fn warning(text: &dyn Display) {
    if !NO_WARNINGS.load(Ordering::Relaxed) {
        tell(format_args!("thinfarm: {WARNING}warning:{WARNING:#} {text}\n"));
    }
}

/// `thinfarm: note: …`, in clang's format.
pub(super) fn note(text: &dyn Display) {
    tell(format_args!("thinfarm: {NOTE}note:{NOTE:#} {text}\n"));
}
