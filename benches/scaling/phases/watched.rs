//! A command, and how much CPU time it had used at each moment.
//!
//! The kernel's clock of another process can be read at any time, so neither linker has to do anything for it.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nix::time::ClockId;
use nix::unistd::Pid;
use wait4::Wait4;

/// How often the clock is read. It takes a microsecond.
const EVERY: Duration = Duration::from_micros(500);

/// A command that has ended well.
pub struct Watched {
    /// Since 1970, seconds.
    pub start: f64,
    pub end: f64,
    /// When it had used how many CPU seconds.
    samples: Vec<(f64, f64)>,
}

impl Watched {
    /// Runs `command` to its end.
    pub fn run(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = now();
        let child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(child.id().cast_signed()))?;
        let over = AtomicBool::new(false);
        let mut samples = vec![(start, 0.0)];
        let (ended, end) = thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let ended = child.wait4();
                let end = now();
                over.store(true, Ordering::Relaxed);
                (ended, end)
            });
            while !over.load(Ordering::Relaxed) {
                if let Ok(cpu) = clock.now() {
                    samples.push((now(), Duration::from(cpu).as_secs_f64()));
                }
                thread::sleep(EVERY);
            }
            waiting.join().expect("waiting does not panic")
        });
        let ended = ended?;
        ensure!(ended.status.success(), "{}: {command:?}", ended.status);
        let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
        // Once it is gone there is nothing to read, or only the clock of what has its number now.
        samples.retain(|&(at, used)| at < end && used <= cpu);
        samples.push((end, cpu));
        Ok(Self { start, end, samples })
    }

    /// CPU seconds of the whole.
    pub fn cpu(&self) -> f64 {
        self.cpu_at(self.end)
    }

    /// Wall seconds of the whole.
    pub fn wall(&self) -> f64 {
        self.end - self.start
    }

    /// CPU seconds up to `moment`.
    pub fn cpu_at(&self, moment: f64) -> f64 {
        let after = self.samples.partition_point(|&(at, _)| at < moment);
        let Some(&(later, most)) = self.samples.get(after) else { return self.samples[after - 1].1 };
        let Some(&(earlier, least)) = after.checked_sub(1).map(|before| &self.samples[before]) else {
            return most;
        };
        least + (most - least) * (moment - earlier) / (later - earlier)
    }

    /// What each of `spans`, which are jobs on threads of their own, used: whatever the process used is shared by those
    /// that ran at the moment.
    pub fn cpu_of(&self, spans: &[(f64, f64)]) -> Vec<f64> {
        let mut edges: Vec<f64> = spans.iter().flat_map(|&(begin, end)| [begin, end]).collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let mut used = vec![0.0; spans.len()];
        for edge in edges.windows(2) {
            let &[from, to] = edge else { continue };
            let running: Vec<usize> =
                (0..spans.len()).filter(|&job| spans[job].0 <= from && to <= spans[job].1).collect();
            let share = (self.cpu_at(to) - self.cpu_at(from)) / running.len().max(1) as f64;
            running.iter().for_each(|&job| used[job] += share);
        }
        used
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    seconds(SystemTime::now())
}

/// `time` since 1970.
pub fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
