//! The farm's side of a child worker: one process, the jobs it has, and how it ended.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{io, net, thread};

use crossbeam_channel::{Sender, bounded, unbounded};
use llvm_build::Stage;
use nix::sys::signal::Signal;
use wait4::Wait4;

use super::protocol::{self, Answer, Failed, Hello, Request};
use crate::backend::{self, JobError, Made, Object};
use crate::plan::Job;
use crate::report::Usage;

/// How long [`Children::bury`] waits for the kernel to take back processes it has killed. Tokens are given back
/// afterwards, so it is less than a process that ends has for clearing up.
const BURIAL: Duration = Duration::from_secs(3);

/// The children of every run of a farm and its clones, for a process that is about to end.
#[derive(Debug, Default)]
pub(in crate::farm) struct Families {
    runs: Mutex<Vec<Weak<Children>>>,
    are_abandoned: AtomicBool,
}

impl Families {
    /// A run begins, which may have children until it drops what is returned.
    pub(in crate::farm) fn found(&self) -> Arc<Children> {
        let children = Arc::default();
        let mut runs = lock(&self.runs);
        runs.retain(|run: &Weak<Children>| run.strong_count() > 0);
        runs.push(Arc::downgrade(&children));
        if self.are_abandoned() {
            children.kill();
        }
        children
    }

    /// Kills every child and lets none be started.
    pub(in crate::farm) fn abandon(&self) -> Vec<Arc<Child>> {
        self.are_abandoned.store(true, Ordering::SeqCst);
        let runs: Vec<Arc<Children>> = lock(&self.runs).iter().filter_map(Weak::upgrade).collect();
        runs.iter().flat_map(|run| run.kill()).collect()
    }

    /// Whether the process is about to end.
    pub(in crate::farm) fn are_abandoned(&self) -> bool {
        self.are_abandoned.load(Ordering::SeqCst)
    }
}

/// The children of a run, dead ones too.
#[derive(Debug, Default)]
pub(in crate::farm) struct Children(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    children: Vec<Arc<Child>>,
    /// There will be no others.
    are_killed: bool,
}

impl Children {
    /// Lets every child end by itself, which has no job any more, and tells what all have used.
    pub(in crate::farm) fn dismiss(&self) -> Usage {
        let children = mem::take(&mut lock(&self.0).children);
        for child in &children {
            child.hang_up();
        }
        children.iter().map(|child| child.end.wait().usage).fold(Usage::default(), Usage::and)
    }

    /// Kills every child and lets none be started.
    pub(in crate::farm) fn kill(&self) -> Vec<Arc<Child>> {
        let mut known = lock(&self.0);
        known.are_killed = true;
        for child in &known.children {
            child.kill();
        }
        known.children.clone()
    }

    /// Whether `child` is one of these now: not if the others were killed while it was started.
    fn add(&self, child: &Arc<Child>) -> bool {
        let mut known = lock(&self.0);
        if !known.are_killed {
            known.children.push(child.clone());
        }
        !known.are_killed
    }

    /// Whether [`Children::kill`] was called.
    pub(in crate::farm) fn are_killed(&self) -> bool {
        lock(&self.0).are_killed
    }

    /// Waits until nothing is left of killed children.
    pub(in crate::farm) fn bury(killed: &[Arc<Child>]) {
        let start = Instant::now();
        while killed.iter().any(|child| child.end.get().is_none()) && start.elapsed() < BURIAL {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// One child worker.
#[derive(Debug)]
pub(in crate::farm) struct Child {
    pid: u32,
    /// `None` once nobody may signal it any more.
    process: Mutex<Option<process::Child>>,
    channel: Mutex<UnixStream>,
    jobs: Mutex<Jobs>,
    end: OnceLock<End>,
}

/// The jobs a child has.
#[derive(Debug, Default)]
struct Jobs {
    last_id: u64,
    waiting: HashMap<u64, Waiting>,
    /// No answer will come.
    over: bool,
    /// LLVM has crashed in it: it finishes what it has.
    crashed: bool,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    replies: Sender<Reply>,
}

/// What whoever waits for a job hears of it.
#[derive(Debug)]
enum Reply {
    Reached(Stage),
    Ended(Box<Result<Made, Failed>>),
}

/// How a child ended.
#[derive(Debug)]
struct End {
    /// What it did, to follow "the worker".
    how: String,
    usage: Usage,
}

/// Why a child takes no jobs.
pub(super) enum Unready {
    /// It says so itself; another one would say the same.
    Refused(String),
    /// It did not come to that.
    Failed(String),
}

/// What `start` starts, a process or a thread. Where a user may have few, one that has just ended counts for a moment more.
fn patiently<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..100 {
        match start() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            ended => return ended,
        }
    }
    start()
}

impl Child {
    /// Starts `program` as a worker and waits until it is ready.
    pub(super) fn start(program: &Path, hello: Hello, children: &Children) -> Result<Arc<Self>, Unready> {
        let failed = |error: io::Error| Unready::Failed(format!("cannot be started ({error})"));
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let from = ours.try_clone().map_err(failed)?;
        let (sender, ready) = bounded(1);
        let (give, given) = bounded::<Arc<Self>>(1);
        // Before the child, whose own threads may be the last ones that this user may have.
        patiently(|| {
            let (from, given, sender) = (BufReader::new(from.try_clone()?), given.clone(), sender.clone());
            thread::Builder::new().name("worker".to_owned()).spawn(move || {
                if let Ok(child) = given.recv() {
                    child.listen(from, &sender);
                }
            })
        })
        .map_err(failed)?;
        drop((from, sender));
        let abandoned = || failed(io::ErrorKind::Interrupted.into());
        if children.are_killed() {
            return Err(abandoned());
        }
        // Not under the lock, for it reads the program from a disk. Its side of the channel is closed here with the
        // command, or nobody would hear of its end.
        let mut command = Command::new(program);
        command.arg0("thinfarm").arg("worker").stdin(OwnedFd::from(theirs));
        let process = patiently(|| command.spawn())
            .map_err(|error| Unready::Failed(format!("cannot be started: {}: {error}", program.display())))?;
        drop(command);
        let child = Arc::new(Self {
            pid: process.id(),
            process: Mutex::new(Some(process)),
            channel: Mutex::new(ours),
            jobs: Mutex::default(),
            end: OnceLock::new(),
        });
        if !children.add(&child) {
            child.kill();
            child.bury(None);
            return Err(abandoned());
        }
        give.send(child.clone()).expect("the listener waits");
        // If it is dead already, the listener knows.
        let _ = protocol::send(&*lock(&child.channel), &hello, &[]);
        match ready.recv() {
            Ok(Ok(())) => Ok(child),
            Ok(Err(reason)) => Err(Unready::Refused(reason)),
            Err(_) => Err(Unready::Failed(child.end.wait().how.clone())),
        }
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it can be given jobs.
    pub(super) fn is_alive(&self) -> bool {
        let jobs = lock(&self.jobs);
        !jobs.over && !jobs.crashed
    }

    /// Sends it `job`, tells of the stages that this comes to, and waits for the result, or for its end and what that
    /// was.
    pub(super) fn run(
        &self,
        job: &Job,
        reached: &mut dyn FnMut(Stage),
    ) -> Result<Result<Made, JobError>, String> {
        let (sender, replies) = unbounded();
        let id = {
            let mut jobs = lock(&self.jobs);
            if jobs.over {
                return Err(self.end.wait().how.clone());
            }
            jobs.last_id += 1;
            let id = jobs.last_id;
            jobs.waiting.insert(id, Waiting { job: job.clone(), replies: sender });
            id
        };
        let index = job.in_memory.as_ref().map(|place| &*place.index);
        let request = Request { id, job: Cow::Borrowed(job), index: index.map(|index| index.len() as u64) };
        let line = protocol::line(&request).map_err(|error| {
            lock(&self.jobs).waiting.remove(&id);
            format!("cannot be told of it: {error}")
        })?;
        {
            let mut channel = lock(&self.channel);
            // If that fails, the listener soon finds the same.
            let _ = channel.write_all(&line).and_then(|()| channel.write_all(index.unwrap_or_default()));
        }
        loop {
            match replies.recv() {
                Ok(Reply::Reached(stage)) => reached(stage),
                Ok(Reply::Ended(result)) => return Ok(result.map_err(JobError::from)),
                Err(_) => return Err(self.end.wait().how.clone()),
            }
        }
    }

    /// Hands out answers until there are no more, on a thread of its own.
    fn listen(&self, mut from: BufReader<UnixStream>, ready: &Sender<Result<(), String>>) {
        let nonsense = loop {
            // Whoever no longer waits for an answer needs none.
            match protocol::receive(&mut from) {
                Ok(Some(Answer::Ready)) => drop(ready.send(Ok(()))),
                Ok(Some(Answer::Refused(reason))) => drop(ready.send(Err(reason))),
                Ok(Some(Answer::Reached { id, stage })) => {
                    if let Some(waiting) = lock(&self.jobs).waiting.get(&id) {
                        let _ = waiting.replies.send(Reply::Reached(stage));
                    }
                }
                Ok(Some(Answer::Done { id, result, object, size })) => {
                    let bytes = size.map(|size| protocol::receive_bytes(&mut from, size));
                    if let Some(None) = bytes {
                        break None;
                    }
                    let waiting = {
                        let mut jobs = lock(&self.jobs);
                        jobs.crashed |= result.as_ref().is_err_and(|failed| failed.is_crash);
                        jobs.waiting.remove(&id)
                    };
                    if let Some(waiting) = waiting {
                        if let (Some(place), Some(Some(bytes))) = (&waiting.job.in_memory, bytes) {
                            // A job is sent once, so there is no other object of it.
                            let _ = place.spool.put(&waiting.job.output, bytes);
                        }
                        let object = object.map_or(Object::WrittenByClang, Object::WrittenByWorker);
                        let result = result.map(|done| Made { done, object });
                        let _ = waiting.replies.send(Reply::Ended(Box::new(result)));
                    }
                }
                Ok(None) => break None,
                Err(error) => {
                    self.kill();
                    break Some(format!("does not answer as one ({error}); is it a thinfarm of this build?"));
                }
            }
        };
        self.bury(nonsense);
    }

    /// Waits for the end of the process, clears up after it and tells those who wait for its jobs.
    fn bury(&self, how: Option<String>) {
        let process = lock(&self.process).take();
        let ended = process.map(Wait4::wait4);
        let waiting = {
            let mut jobs = lock(&self.jobs);
            jobs.over = true;
            mem::take(&mut jobs.waiting)
        };
        for lost in waiting.values() {
            backend::remove_leftovers(&lost.job, self.pid);
        }
        let (status, usage) = match ended {
            Some(Ok(ended)) => {
                let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
                (described(ended.status), Usage { cpu, peak_memory: ended.rusage.maxrss })
            }
            _ => ("was lost".to_owned(), Usage::default()),
        };
        // Nobody else sets it; those who wait are told by dropping `waiting`.
        let _ = self.end.set(End { how: how.unwrap_or(status), usage });
    }

    fn hang_up(&self) {
        // If it is gone already, it needs no word.
        let _ = lock(&self.channel).shutdown(net::Shutdown::Write);
    }

    fn kill(&self) {
        if let Some(process) = lock(&self.process).as_mut() {
            // It may have ended by itself.
            let _ = process.kill();
        }
    }
}

fn described(status: ExitStatus) -> String {
    match status.signal().map(Signal::try_from) {
        Some(Ok(signal)) => format!("was killed by {signal}"),
        _ => format!("ended early ({status})"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
