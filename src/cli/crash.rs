//! A crash that ends the program: it says what it can and leaves nothing behind.

use std::sync::{Arc, Mutex, PoisonError};

/// What a linker says after LLVM's request for a report of the bug.
const OF_LINKER: &str = "\
ld.thinfarm: note: --reproduce=FILE.tar packs the inputs of this link for such a report; with --thinfarm-off nothing \
but lld and LLVM runs
";

/// Prepares the words of a crash. To be called first of all.
pub(super) fn prepare(is_linker: bool) {
    let args: Vec<_> = std::env::args_os().collect();
    llvm_build::describe_program(&args, if is_linker { OF_LINKER } else { "" });
}

/// Has `clear_up` called when the program crashes. Returns what calls it before any other end; it is called once.
pub(super) fn watch(clear_up: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
    let clear_up = Arc::new(Mutex::new(Some(clear_up)));
    let once = move || {
        let first = clear_up.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(clear_up) = first {
            clear_up();
        }
    };
    let crashed = once.clone();
    // Where there can be no such thread, a crash leaves what it was at.
    let _ = llvm_build::clear_up_after_crash(crashed);
    move || {
        llvm_build::remove_files_of_llvm();
        once();
    }
}
