//! How much memory jobs may have where nobody says so.

use super::available::{self, Memory};

/// What the jobs of a farm may claim together unless somebody says otherwise, bytes: four fifths of what this process
/// may use and nobody else does now, as the kernel and its control groups tell.
pub fn default_memory_budget() -> u64 {
    default_budget(0, &available::now())
}

/// The budget of all jobs together where nobody names one, given what they `claimed` already. The fifth that is
/// left is for the processes themselves, and for whatever else comes up while they run.
pub(super) fn default_budget(claimed: u64, memory: &Memory) -> u64 {
    memory.available.saturating_add(claimed).min(memory.total) / 5 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_default_budget_leaves_a_fifth() {
        let memory = Memory { total: 20 * GIB, available: 10 * GIB };
        assert_eq!(default_budget(0, &memory), 8 * GIB);
        assert_eq!(default_budget(5 * GIB, &memory), 12 * GIB, "what others claim is theirs to give back");
        assert_eq!(default_budget(90 * GIB, &memory), 16 * GIB, "never more than there is");
    }
}
