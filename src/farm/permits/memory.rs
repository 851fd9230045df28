//! How much memory jobs need and may have.

use super::available::Memory;
use crate::plan::Job;

/// The budget of all jobs together where nobody names one, given what they `claimed` already. The fifth that is
/// left is for the processes themselves, and for whatever else comes up while they run.
pub(super) fn default_budget(claimed: u64, memory: &Memory) -> u64 {
    memory.available.saturating_add(claimed).min(memory.total) / 5 * 4
}

/// What a job needs however small it is, bytes: LLVM's tables, and the passes that run for every module.
const LEAST: u64 = 32 << 20;

/// What a byte of bitcode comes to while it is compiled.
const GROWTH: u64 = 48;

/// What a job is expected to have in memory at most, bytes.
///
/// It is meant to be too much. Of the 275 modules of RocksDB (-O2 -g) and the 37 of zstd (-O2, and -O3 -g), each
/// compiled by a process of its own, none took more than this (beyond what the process of the smallest module
/// took), the median module 0.6 of it. What a module imports made no difference that the factor does not cover: the
/// thin link bounds it, and only the parts of a mapped module that are read need memory, which the kernel can
/// take back at that.
pub(super) fn predicted_peak(job: &Job) -> u64 {
    job.size.saturating_mul(GROWTH).saturating_add(LEAST)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_default_budget_leaves_a_fifth() {
        let memory = Memory { total: 20 * GIB, available: 10 * GIB };
        assert_eq!(default_budget(0, &memory), 8 * GIB);
        assert_eq!(default_budget(5 * GIB, &memory), 12 * GIB, "what others claim is theirs to give back");
        assert_eq!(default_budget(90 * GIB, &memory), 16 * GIB, "never more than there is");
    }

    #[test]
    fn a_job_claims_by_the_size_of_its_module() {
        let job = |size| Job {
            module: "a.o".to_owned(),
            index: "a.o.thinlto.bc".into(),
            output: "a.native.o".into(),
            command: Arc::default(),
            size,
        };
        assert_eq!(predicted_peak(&job(0)), 32 << 20);
        assert_eq!(predicted_peak(&job(1 << 20)), 80 << 20);
        assert_eq!(predicted_peak(&job(u64::MAX)), u64::MAX);
    }
}
