//! What to compile: every front door becomes one [`Plan`].
//!
//! A plan is made once, checked, and then only read. Making one touches the file system for the
//! sizes of the modules and nothing else.

mod list;
mod naming;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use list::{IndexList, ListError};
pub use naming::{ModuleFiles, Naming, NamingError, PrefixReplace, SuffixReplace};

use crate::options::{CommandError, CompileCommand, Resolver};

/// The backend jobs of one link.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The jobs, in link order.
    pub jobs: Vec<Job>,
    /// Whether `jobs` has every bitcode module of the link, so that imports come from these only.
    pub whole_link: bool,
}

/// One backend job: module + index + codegen options -> native object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The module id, as the index spells it; also the path of the module.
    pub module: String,
    /// The index the thin link wrote for it; empty or `/dev/null` asks for no importing.
    pub index: PathBuf,
    /// Where the native object goes.
    pub output: PathBuf,
    /// How it is compiled.
    pub command: Arc<CompileCommand>,
    /// Bytes of the module, 0 if unknown; large modules are compiled first.
    pub size: u64,
}

impl Job {
    /// Its `-mllvm` options.
    ///
    /// # Panics
    /// If its command was never resolved.
    pub fn llvm_args(&self) -> &[String] {
        &self.command.codegen().llvm_args
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Two jobs would write the same file.
    #[error(
        "{first} and {second} would both be written to {}; give --out-dir or another --suffix",
        output.display()
    )]
    OutputCollision {
        /// One writer, or a module that would be overwritten.
        first: String,
        /// The other.
        second: String,
        /// The file.
        output: PathBuf,
    },
    /// clang rejects the flags.
    #[error(transparent)]
    Flags(#[from] CommandError),
}

impl Plan {
    /// A plan of `jobs`, whose sizes are looked up.
    ///
    /// # Errors
    /// Two jobs have the same output, or a job's output is one of the modules.
    pub fn new(mut jobs: Vec<Job>, whole_link: bool) -> Result<Self, PlanError> {
        let mut writers: HashMap<PathBuf, String> = HashMap::with_capacity(jobs.len());
        for job in &jobs {
            if let Some(first) = writers.insert(job.output.clone(), job.module.clone()) {
                return Err(PlanError::OutputCollision {
                    first,
                    second: job.module.clone(),
                    output: job.output.clone(),
                });
            }
        }
        for job in &mut jobs {
            if let Some(writer) = writers.get(std::path::Path::new(&job.module)) {
                return Err(PlanError::OutputCollision {
                    first: format!("the module {}", job.module),
                    second: format!("the object of {writer}"),
                    output: job.module.clone().into(),
                });
            }
            job.size = std::fs::metadata(&job.module).map_or(0, |metadata| metadata.len());
        }
        Ok(Self { jobs, whole_link })
    }

    /// A plan of the modules in `list`, all compiled with the same clang codegen `flags`.
    ///
    /// # Errors
    /// clang rejects the flags, or outputs collide.
    pub fn for_link(
        list: &IndexList,
        naming: &Naming,
        flags: &Arc<[String]>,
        resolver: &mut Resolver,
    ) -> Result<Self, PlanError> {
        let job = |listed: &String| {
            let ModuleFiles { module, index, output } = naming.files(listed);
            let command =
                resolver.resolve(flags, &module, &index.to_string_lossy(), &output.to_string_lossy())?;
            Ok(Job { module, index, output, command, size: 0 })
        };
        let jobs = list.modules.iter().map(job).collect::<Result<_, CommandError>>()?;
        Self::new(jobs, list.whole_link)
    }

    /// Positions of the jobs, the largest module first: the long ones must not start last.
    pub fn largest_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.jobs.len()).collect();
        order.sort_by_key(|&position| (std::cmp::Reverse(self.jobs[position].size), position));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(module: &str, output: &str, size: u64) -> Job {
        Job {
            module: module.to_owned(),
            index: format!("{module}.thinlto.bc").into(),
            output: output.into(),
            command: Arc::new(CompileCommand::default()),
            size,
        }
    }

    #[test]
    fn the_largest_module_comes_first_and_equals_keep_link_order() {
        let plan =
            Plan { jobs: vec![job("a", "1", 5), job("b", "2", 9), job("c", "3", 5)], whole_link: true };
        assert_eq!(plan.largest_first(), [1, 0, 2]);
    }

    #[test]
    fn two_jobs_may_not_share_an_output() {
        let error = Plan::new(vec![job("a.o", "x", 0), job("a.obj", "x", 0)], true).unwrap_err();
        assert!(error.to_string().contains("a.o and a.obj would both be written to x"), "{error}");
    }

    #[test]
    fn an_output_may_not_replace_a_module() {
        let error = Plan::new(vec![job("a.o", "b.o", 0), job("b.o", "c.o", 0)], true).unwrap_err();
        assert!(error.to_string().contains("the module b.o"), "{error}");
    }
}
