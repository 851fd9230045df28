//! The parts that the life of a process falls into, one after the other: what no number of cores makes shorter is in
//! all of them but one, that of the jobs.

use std::time::{Duration, Instant};

use nix::time::ClockId;
use serde::Serialize;

/// What a process is doing. A profile has these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Doing {
    /// The process starts and reads its own options. In a link this ends where lld begins.
    StartUp,
    /// lld reads its command line and opens files.
    Reading,
    /// lld reads symbols, decides which definition each has, and gives LLVM the modules it takes.
    Resolution,
    /// LLVM analyses all modules together.
    ThinLink,
    /// An index is made for each module.
    Indexes,
    /// The options of each module are found, and the jobs are listed.
    Planning,
    /// Which objects are up to date is found out, in a run that remembers what they were made of.
    Comparison,
    /// It is decided which jobs need a child worker.
    Admission,
    /// Objects are looked for in the cache.
    LookUp,
    /// What jobs will cost is predicted, and their order follows from that.
    Prediction,
    /// Jobs run: from the start of the first worker to the end of the last.
    Jobs,
    /// What jobs cost is remembered for the next run.
    Learning,
    /// What happened is told: the profile, the summary, a comparison with clang.
    Telling,
    /// lld takes the objects.
    HandingOver,
    /// lld links them, as it links native objects.
    FinalLink,
}

/// One part of the life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Phase {
    /// What was done.
    #[serde(rename = "name")]
    pub doing: Doing,
    /// Seconds from its beginning to its end, which is the beginning of the next.
    #[serde(rename = "wall_seconds")]
    pub wall: f64,
    /// CPU seconds that all threads of the process used meanwhile. Those of child workers are not in it.
    #[serde(rename = "cpu_seconds")]
    pub cpu: f64,
}

/// Notes phases as they end. Each begins where the one before has ended, so that nothing is between them.
#[derive(Clone, Debug)]
pub struct Phases {
    ended: Vec<Phase>,
    since: Instant,
    cpu: f64,
}

impl Phases {
    /// The first phase begins now.
    pub fn begin() -> Self {
        Self { ended: Vec::new(), since: Instant::now(), cpu: cpu_seconds() }
    }

    /// The first phase began with this process, which had one thread since. Before a program's own code runs, there is
    /// its CPU time to tell how long that took.
    pub fn begin_with_process() -> Self {
        let before = Duration::try_from_secs_f64(cpu_seconds()).unwrap_or_default();
        let now = Instant::now();
        Self { ended: Vec::new(), since: now.checked_sub(before).unwrap_or(now), cpu: 0.0 }
    }

    /// What was done since the last phase is `doing`, and something else begins now.
    pub fn end(&mut self, doing: Doing) {
        let (now, cpu) = (Instant::now(), cpu_seconds());
        let phase = Phase { doing, wall: (now - self.since).as_secs_f64(), cpu: cpu - self.cpu };
        (self.since, self.cpu) = (now, cpu);
        self.ended.push(phase);
    }

    /// Those of a run, which began when the last phase had ended and is over now.
    pub(super) fn extend(&mut self, run: &[Phase]) {
        self.ended.extend_from_slice(run);
        (self.since, self.cpu) = (Instant::now(), cpu_seconds());
    }

    /// Those that have ended, in order.
    pub fn ended(&self) -> &[Phase] {
        &self.ended
    }
}

/// Of all threads of this process, since it began.
fn cpu_seconds() -> f64 {
    ClockId::CLOCK_PROCESS_CPUTIME_ID.now().map_or(0.0, |time| Duration::from(time).as_secs_f64())
}
