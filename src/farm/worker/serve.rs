//! The child's side: a process that runs the jobs it is sent, with `-mllvm` options of its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use llvm_build::{LinkHooks, Mapped, watch_jobs};
use signal_hook::low_level;

use super::build;
use super::protocol::{self, Answer, Failed, Hello, Request};
use crate::backend;
use crate::farm::{STACK_SIZE, panicking, process};
use crate::input::Modules;
use crate::output::{Spool, abandon_outputs};
use crate::plan::{InMemory, Job};

/// Runs jobs for the farm at the other end of standard input until it needs no more, and then returns. If it
/// goes away earlier, the outputs of its jobs are abandoned and the process ends.
///
/// # Errors
/// There is no farm at the other end.
pub fn serve() -> io::Result<()> {
    let channel = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut from = BufReader::new(channel.try_clone()?);
    let Some(hello) = protocol::receive::<Hello>(&mut from)? else { return Ok(()) };
    let worker = Worker {
        to: Mutex::new(channel),
        modules: Modules::default(),
        tells_stages: hello.tells_stages,
        running: AtomicUsize::new(0),
    };
    match accept(&hello) {
        Ok(()) => worker.answer(&Answer::Ready, &[])?,
        Err(reason) => return worker.answer(&Answer::Refused(reason), &[]),
    }
    watch_jobs();
    worker.work(&mut from)
}

/// Takes over what the farm says this process must be.
fn accept(hello: &Hello) -> Result<(), String> {
    if hello.build != build() {
        return Err(format!("is another program ({}, not {})", build(), hello.build));
    }
    process::set_llvm_args(&hello.llvm_args).map_err(|complaint| {
        format!("cannot give LLVM its options (-mllvm): {}", complaint.to_string().trim_end())
    })?;
    Ok(())
}

struct Worker {
    to: Mutex<File>,
    modules: Modules,
    tells_stages: bool,
    /// Jobs without a result yet.
    running: AtomicUsize,
}

impl Worker {
    fn work(&self, from: &mut impl BufRead) -> io::Result<()> {
        thread::scope(|scope| {
            // The farm sends no more at a time than shall run.
            while let Some(Request { id, job, index }) = protocol::receive::<Request>(from)? {
                let mut job = job.into_owned();
                if let Some(size) = index {
                    let Some(index) = protocol::receive_bytes(from, size) else { break };
                    // Of one object, which is sent as soon as it is made.
                    let spool = Arc::new(Spool::new(u64::MAX, []));
                    job.in_memory = Some(InMemory {
                        index: index.into(),
                        instructions: None,
                        spool,
                        hooks: LinkHooks::default(),
                    });
                }
                self.running.fetch_add(1, Ordering::Relaxed);
                let job = Arc::new(job);
                let taken = job.clone();
                let thread = thread::Builder::new().stack_size(STACK_SIZE);
                if thread.spawn_scoped(scope, move || self.run(id, &taken)).is_err() {
                    // Where there can be no thread, there is this one.
                    self.run(id, &job);
                }
            }
            if self.running.load(Ordering::Relaxed) > 0 {
                abandon_outputs();
                // Not by way of destructors that the jobs' threads would trip over.
                low_level::exit(1);
            }
            Ok(())
        })
    }

    fn run(&self, id: u64, job: &Job) {
        let mut reached = |stage| {
            if self.tells_stages {
                // Of a farm that is gone this process hears otherwise.
                let _ = self.answer(&Answer::Reached { id, stage }, &[]);
            }
            // The farm ends this process if the job is to stop.
            true
        };
        let made = panicking::as_error(job, || backend::run(job, &self.modules, &mut reached)).flatten();
        let mut bytes = None;
        let (result, object) = match made {
            Ok(made) => {
                let hash = made.object.hash();
                if let (Some(_), Some(_), Ok(object)) = (&job.in_memory, hash, job.object()) {
                    bytes = Some(object);
                }
                (Ok(made.done), hash)
            }
            Err(error) => (Err(Failed::from(error)), None),
        };
        self.running.fetch_sub(1, Ordering::Relaxed);
        // A farm that is gone has hung up too, which ends this process.
        let answer = Answer::Done { id, result, object, size: bytes.as_ref().map(Mapped::size) };
        let _ = self.answer(&answer, bytes.as_ref().map_or(&[], Mapped::bytes));
    }

    fn answer(&self, answer: &Answer, bytes: &[u8]) -> io::Result<()> {
        protocol::send(&*self.to.lock().unwrap_or_else(PoisonError::into_inner), answer, bytes)
    }
}
