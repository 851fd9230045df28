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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::options::CompileCommand;

    #[test]
    fn a_panic_is_the_error_of_its_job_and_no_old_object_stays() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("a.o");
        fs::write(&output, "old").unwrap();
        let job = Job {
            module: "a.bc".to_owned(),
            index: PathBuf::new(),
            output: output.clone(),
            command: Arc::new(CompileCommand::default()),
            size: 0,
            in_memory: None,
        };
        assert_eq!(as_error(&job, || 7).unwrap(), 7);
        assert!(output.exists());
        let error = as_error(&job, || panic!("what happened: {}", 1 + 1)).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("a.bc: ") && said.ends_with("what happened: 2"), "{said}");
        assert!(!output.exists());
    }
}
