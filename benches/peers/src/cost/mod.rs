//! What commands cost: CPU time and memory as the kernel counted them when they ended, and memory of processes
//! beside each other as it was seen from time to time.

mod memory;

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use wait4::Wait4;

/// The cost of one process and those it waited for, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// CPU seconds in user mode.
    pub user_seconds: f64,
    /// CPU seconds in the kernel.
    pub system_seconds: f64,
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// The most memory of everything that ran, bytes: of one process as the kernel counted it, of several beside
    /// each other the most that was seen.
    pub peak_bytes: u64,
}

impl Cost {
    /// Runs `command` to its end. A failure is an error that shows the command and its standard error.
    pub fn of(command: &mut Command) -> Result<Cost> {
        let (cost, seen) = memory::peak_during(|| Cost::of_process(command));
        Ok(cost?.with_memory(seen))
    }

    /// Runs `commands`, `jobs` at a time, each as soon as one before it has ended.
    pub fn of_all(commands: Vec<Command>, jobs: usize) -> Result<Cost> {
        let queue = Mutex::new(commands.into_iter());
        let failed = AtomicBool::new(false);
        let next = || {
            let mut queue = queue.lock().expect("no worker panics while it holds this lock");
            if failed.load(Ordering::Relaxed) { None } else { queue.next() }
        };
        let worker = || -> Result<Cost> {
            let mut sum = Cost::default();
            while let Some(mut command) = next() {
                let cost =
                    Cost::of_process(&mut command).inspect_err(|_| failed.store(true, Ordering::Relaxed));
                sum = sum.then(cost?);
            }
            Ok(sum)
        };
        let ((sums, wall_seconds), seen) = memory::peak_during(|| {
            let start = Instant::now();
            let sums: Vec<Result<Cost>> = thread::scope(|scope| {
                let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
                workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
            });
            (sums, start.elapsed().as_secs_f64())
        });
        let mut all = Cost::default();
        for sum in sums {
            all = all.then(sum?);
        }
        Ok(Cost { wall_seconds, ..all.with_memory(seen) })
    }

    fn of_process(command: &mut Command) -> Result<Cost> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        memory::forget_own_peak()?;
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let mut said = Vec::new();
        let pipe = child.stderr.as_mut().expect("standard error is a pipe");
        pipe.read_to_end(&mut said).with_context(|| format!("cannot read what {command:?} says"))?;
        let end = child.wait4().with_context(|| format!("cannot wait for {command:?}"))?;
        let wall_seconds = start.elapsed().as_secs_f64();
        if !end.status.success() {
            bail!("{} of\n  {command:?}\n{}", end.status, String::from_utf8_lossy(&said));
        }
        Ok(Cost {
            user_seconds: end.rusage.utime.as_secs_f64(),
            system_seconds: end.rusage.stime.as_secs_f64(),
            wall_seconds,
            peak_bytes: end.rusage.maxrss,
        })
    }

    /// CPU seconds, user and system.
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// This, and `other` after it.
    pub fn then(self, other: Cost) -> Cost {
        Cost {
            user_seconds: self.user_seconds + other.user_seconds,
            system_seconds: self.system_seconds + other.system_seconds,
            wall_seconds: self.wall_seconds + other.wall_seconds,
            peak_bytes: self.peak_bytes.max(other.peak_bytes),
        }
    }

    /// What is left of this when the time of `part` is taken off; memory stays.
    pub fn less(self, part: Cost) -> Cost {
        Cost {
            user_seconds: self.user_seconds - part.user_seconds,
            system_seconds: self.system_seconds - part.system_seconds,
            wall_seconds: self.wall_seconds - part.wall_seconds,
            ..self
        }
    }

    /// This, where processes beside each other were seen to have `seen` bytes.
    fn with_memory(self, seen: u64) -> Cost {
        Cost { peak_bytes: self.peak_bytes.max(seen), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_shows_command_status_and_what_was_said() {
        let error = Cost::of(&mut shell("echo because >&2; exit 3")).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("echo because"), "{error}");
        assert!(error.ends_with("because\n"), "{error}");
    }

    #[test]
    fn memory_of_ours_is_not_theirs() {
        const MUCH: usize = 200 << 20;
        drop(std::hint::black_box(vec![1u8; MUCH]));
        assert!(Cost::of(&mut shell(":")).unwrap().peak_bytes < MUCH as u64 / 2);
    }

    #[test]
    fn commands_run_beside_each_other() {
        // Each waits for what the other writes.
        let dir = tempfile::tempdir().unwrap();
        let meet = |own: &str, other: &str| {
            let script = format!(
                "touch {own}; for _ in $(seq 500); do [ -e {other} ] && exit; sleep 0.02; done; exit 1"
            );
            let mut command = shell(&script);
            command.current_dir(dir.path());
            command
        };
        Cost::of_all(vec![meet("a", "b"), meet("b", "a")], 2).unwrap();
    }

    #[test]
    fn one_failure_is_a_failure_of_all() {
        let commands = vec![shell("exit 0"), shell("exit 4"), shell("exit 0")];
        assert!(Cost::of_all(commands, 2).unwrap_err().to_string().contains("exit status: 4"));
    }
}
