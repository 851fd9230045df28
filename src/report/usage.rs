//! What the process used, as the kernel accounts it.

use nix::sys::resource::{Usage as Resources, UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// CPU seconds and memory of a process, or of a farm: this process and its child workers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// CPU seconds of all threads, user and system.
    pub cpu: f64,
    /// The most memory the process had at any time since it started, bytes. Of several processes, the sum
    /// of their peaks, which are seldom at the same time.
    pub peak_memory: u64,
}

impl Usage {
    /// Use up to now.
    pub(crate) fn now() -> Self {
        getrusage(UsageWho::RUSAGE_SELF).map_or(Self::default(), |resources: Resources| {
            let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 * 1e-6;
            Self {
                cpu: seconds(resources.user_time()) + seconds(resources.system_time()),
                // Linux counts in KiB.
                peak_memory: u64::try_from(resources.max_rss()).unwrap_or(0) * 1024,
            }
        })
    }

    /// Use of both.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, peak_memory: self.peak_memory + other.peak_memory }
    }

    /// Use since `self` was taken; the peak is the process's.
    pub(crate) fn until_now(self) -> Self {
        let now = Self::now();
        Self { cpu: now.cpu - self.cpu, ..now }
    }
}
