//! What a command costs: its own rusage, which the kernel hands over when it ends.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use wait4::Wait4;

/// The cost of one process and those it waited for, or of several.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cost {
    /// CPU seconds in user mode.
    user_seconds: f64,
    /// CPU seconds in the kernel.
    system_seconds: f64,
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// The most memory resident at once; for processes that ran beside each other an upper bound.
    pub peak_bytes: u64,
    /// The most memory resident in one process.
    largest_process_bytes: u64,
}

impl Cost {
    /// Runs `command` to its end. A failure is an error that shows the command and its standard error.
    pub fn of(command: &mut Command) -> Result<Cost> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
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
            largest_process_bytes: end.rusage.maxrss,
        })
    }

    /// Runs `commands`, `jobs` at a time, each as soon as one before it has ended.
    pub fn of_all(commands: Vec<Command>, jobs: usize) -> Result<Cost> {
        let at_once = jobs.min(commands.len());
        let queue = Mutex::new(commands.into_iter());
        let failed = AtomicBool::new(false);
        let next = || {
            let mut queue = queue.lock().expect("no worker panics while it holds this lock");
            if failed.load(Ordering::Relaxed) { None } else { queue.next() }
        };
        let worker = || -> Result<Cost> {
            let mut sum = Cost::default();
            while let Some(mut command) = next() {
                let cost = Cost::of(&mut command).inspect_err(|_| failed.store(true, Ordering::Relaxed));
                sum = sum.then(cost?);
            }
            Ok(sum)
        };
        let start = Instant::now();
        let sums: Vec<Result<Cost>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
        });
        let wall_seconds = start.elapsed().as_secs_f64();
        let mut all = Cost::default();
        for sum in sums {
            all = all.then(sum?);
        }
        let peak_bytes = all.largest_process_bytes * at_once as u64;
        Ok(Cost { wall_seconds, peak_bytes, ..all })
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
            largest_process_bytes: self.largest_process_bytes.max(other.largest_process_bytes),
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
}
