//! A panic is a bug of this program, and ends no more than the job it happened in.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::backend::{self, JobError};
use crate::plan::Job;

/// Does the `work` of `job`; a panic in it is an error of the job, which leaves no old object behind.
pub(super) fn as_error<T>(job: &Job, work: impl FnOnce() -> T) -> Result<T, JobError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        backend::discard_outputs(job);
        JobError::Panicked { module: job.module.clone(), reason: words(&*panic) }
    })
}

/// What the panic says.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason is known".to_owned())
}
