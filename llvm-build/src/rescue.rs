//! After a crash: locks that the crashed job held stay held, and other jobs may wait for them.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::bridge::ffi;

/// How often jobs are looked at, once there was a crash.
const EVERY: Duration = Duration::from_secs(1);

/// Looks in a row at which a job has used no processor time. Then it is ended.
const PATIENCE: u32 = 10;

/// While there is one, the calling thread runs a job. If LLVM has crashed in this process and then the job does not go
/// on for ten seconds, its call into LLVM ends with an error. A job that does not go on elsewhere cannot be ended
/// alone; after ten seconds more the process is.
#[derive(Debug)]
pub struct JobThread {
    id: u64,
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

impl JobThread {
    /// The calling thread begins with a job.
    pub fn begin() -> Self {
        if has_crashed() {
            watch_jobs();
        }
        Self { id: ffi::watch_job_thread(), _not_send: PhantomData }
    }
}

impl Drop for JobThread {
    fn drop(&mut self) {
        ffi::unwatch_job_thread(self.id);
    }
}

/// Whether LLVM has crashed in this process, so that a job may wait for ever in it.
pub fn has_crashed() -> bool {
    ffi::has_crashed()
}

/// Looks at the jobs once LLVM has crashed, on a thread of its own. It is to be there before the first job, where threads
/// are not scarce: nobody else could start it when the only job crashes and does not come out of that. Idempotent; the
/// first job after a crash starts it at the latest. Where crashes are not contained there is nothing to look for.
pub fn watch_jobs() {
    static IS_WATCHED: AtomicBool = AtomicBool::new(false);
    if !ffi::contains_crashes() || IS_WATCHED.swap(true, Ordering::AcqRel) {
        return;
    }
    let watching = thread::Builder::new().name("watchdog".to_owned()).spawn(|| {
        ffi::wait_for_crash_in_job();
        loop {
            ffi::watch_jobs(PATIENCE);
            thread::sleep(EVERY);
        }
    });
    if watching.is_err() {
        // The next job tries again.
        IS_WATCHED.store(false, Ordering::Release);
    }
}
