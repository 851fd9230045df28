//! Memory of processes beside each other: pages that several have in common count once.

use std::fs;

/// The proportional share of a process in the memory of the machine, bytes; nothing once it has ended.
pub fn of_process(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
