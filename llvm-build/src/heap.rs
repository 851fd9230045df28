//! The memory that a thread allocates.

use crate::bridge::ffi;

/// Measures the memory that the calling thread allocates, from its creation on.
///
/// What the thread frees of memory that others allocated counts as its own; pages of files do not count at all.
#[derive(Debug)]
pub struct ThreadPeak(());

impl ThreadPeak {
    /// Begins to measure, and ends what began earlier on this thread.
    pub fn begin() -> Self {
        ffi::reset_thread_peak();
        Self(())
    }

    /// The most memory that the thread had allocated at any time since, bytes, to about 64 KiB. `None` if the
    /// program's allocator does not tell: only jemalloc does, built with statistics.
    pub fn bytes(&self) -> Option<u64> {
        Some(ffi::thread_peak()).filter(|&bytes| bytes > 0)
    }
}
