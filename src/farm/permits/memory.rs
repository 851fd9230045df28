//! How much memory jobs need and may have.

use super::available::Memory;
use crate::plan::Job;

/// The budget of all jobs together where nobody names one, given what they `claimed` already. The fifth that is
/// left is for the processes themselves, and for whatever else comes up while they run.
pub(super) fn default_budget(claimed: u64, memory: &Memory) -> u64 {
    memory.available.saturating_add(claimed).min(memory.total) / 5 * 4
}

/// What a job is expected to have in memory at most, bytes.
pub(super) fn predicted_peak(job: &Job) -> u64 {
    (16 << 20) + job.size * 100
}
