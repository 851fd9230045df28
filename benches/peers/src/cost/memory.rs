//! Memory of processes beside each other, looked at from time to time: pages that several have in common count
//! once.

use std::fs;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// How often memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Does `work`, and tells the most memory that this process's descendants had together at any one look, bytes.
pub fn peak_during<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let sampler = scope.spawn(move || {
            let mut peak = 0;
            while is_done.recv_timeout(SAMPLE_EVERY) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(of_descendants(process::id()));
            }
            peak
        });
        let result = work();
        drop(done);
        (result, sampler.join().expect("looking at memory does not panic"))
    })
}

/// Lets children begin without the most memory that this process has had: the kernel takes it for theirs, because they
/// are this process until they run another program.
pub fn forget_own_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak memory of this process")
}

fn of_descendants(process: u32) -> u64 {
    children(process).into_iter().map(|child| of_process(child) + of_descendants(child)).sum()
}

/// What the threads of a process have started; nothing once it has ended.
fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// The proportional share of a process in the memory of the machine, bytes; nothing once it has ended.
fn of_process(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn grandchildren_count() {
        // The inner shell holds 20 MB in a variable; the outer one holds nothing.
        let script = "sh -c 'x=$(head -c 20000000 /dev/zero | tr \"\\0\" x); sleep 2; : $x' ; :";
        let (_, peak) = peak_during(|| Command::new("sh").args(["-c", script]).status().unwrap());
        assert!(peak > 20_000_000, "{peak}");
    }

    #[test]
    fn nothing_runs_nothing_counts() {
        assert_eq!(of_descendants(u32::MAX), 0);
    }
}
