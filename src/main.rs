//! The `thinfarm` program: a front door to the library of the same name.

use std::process::ExitCode;

/// LLVM allocates without end, on every thread at once; this allocator also replaces C++'s.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    thinfarm::cli::main()
}
