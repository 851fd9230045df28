//! What to compile: every front door becomes one [`Plan`].
//!
//! A plan is made once, checked, and then only read. Making one touches the file system for the
//! sizes and kinds of the modules and nothing else.

mod command;
mod distribution;
mod in_memory;
mod list;
mod naming;
mod objects;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use command::{Compiled, Wanted};
pub use distribution::{CommonArgs, DistributedJob, Distribution, DistributionError};
pub(crate) use in_memory::InMemory;
pub use list::{IndexList, ListError};
pub use naming::{ModuleFiles, Naming, NamingError, PrefixReplace, SuffixReplace};
pub use objects::{NativeObject, ObjectsError};
use path_clean::PathClean;
use tracing::{debug, info_span};

use crate::input::{Archives, Glance, Location};
use crate::options::{CommandError, CompileCommand, Resolver, SourceError, Sources};

/// The backend jobs of one link.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Plan {
    /// The jobs, in link order.
    pub jobs: Vec<Job>,
    /// What was listed, but is a native object already, in link order.
    pub native: Vec<NativeObject>,
}

/// One backend job: module + index + codegen options -> native object.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// The module id, as the index spells it; also the path of the module.
    pub module: String,
    /// The index the thin link wrote for it; empty or `/dev/null` asks for no importing.
    pub index: PathBuf,
    /// Where the native object goes.
    pub output: PathBuf,
    /// How it is compiled.
    pub command: Arc<CompileCommand>,
    /// Bytes of the module, 0 if unknown.
    pub size: u64,
    /// Its index and the place of its object, if these are no files. Another process would not find them.
    #[serde(skip)]
    pub(crate) in_memory: Option<InMemory>,
}

impl Job {
    /// The job that compiles `module` with `index` to `output` as `command` says. [`Plan::new`] looks up the size.
    pub fn new(
        module: impl Into<String>,
        index: impl Into<PathBuf>,
        output: impl Into<PathBuf>,
        command: Arc<CompileCommand>,
    ) -> Self {
        let (module, index, output) = (module.into(), index.into(), output.into());
        Self { module, index, output, command, size: 0, in_memory: None }
    }

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
#[non_exhaustive]
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
    /// clang rejects the flags of a module.
    #[error("{module}: its options, from {from}, make no backend job: {error}")]
    Flags {
        /// The module id.
        module: String,
        /// Where the flags are from.
        from: String,
        /// Why.
        error: CommandError,
    },
    /// The options that a source has for a module are of no use, and that is to be an error.
    #[error(
        "{module}: its options, from {from}, make no backend job: {error}; remove the word by a [[rule]] of \
         thinfarm.toml, name another source (--options), or compile it without its own options \
         (--missing-options warn)"
    )]
    Unusable {
        /// The module id.
        module: String,
        /// Where the options are from.
        from: String,
        /// Why.
        error: CommandError,
    },
    /// A module's options cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Plan {
    /// A plan of `jobs`. Sizes that are unknown are looked up.
    ///
    /// # Errors
    /// Two jobs have the same output, or a job's output is one of the modules or has one in it.
    pub fn new(jobs: Vec<Job>) -> Result<Self, PlanError> {
        Self::checked(jobs, &Archives::default())
    }

    fn checked(mut jobs: Vec<Job>, archives: &Archives) -> Result<Self, PlanError> {
        let mut writers: HashMap<PathBuf, String> = HashMap::with_capacity(jobs.len());
        for job in &jobs {
            if let Some(first) = writers.insert(job.output.clean(), job.module.clone()) {
                return Err(PlanError::OutputCollision {
                    first,
                    second: job.module.clone(),
                    output: job.output.clone(),
                });
            }
        }
        for job in &mut jobs {
            for file in files_of(&job.module, archives) {
                if let Some(writer) = writers.get(&file.clean()) {
                    return Err(PlanError::OutputCollision {
                        first: format!("the module {}", job.module),
                        second: format!("the object of {writer}"),
                        output: file,
                    });
                }
            }
            if job.size == 0 {
                job.size = archives.glance(&job.module).size;
            }
        }
        Ok(Self { jobs, native: Vec::new() })
    }

    /// A plan of the modules in `list`, each compiled with the options that `sources` have for it.
    ///
    /// # Errors
    /// A module has no options or clang rejects them, or outputs collide.
    pub fn for_link(
        list: &IndexList,
        naming: &Naming,
        sources: &mut Sources,
        resolver: &mut Resolver,
    ) -> Result<Self, PlanError> {
        let files: Vec<ModuleFiles> = list.modules.iter().map(|listed| naming.files(listed)).collect();
        Self::for_files(&files, sources, resolver)
    }

    /// A plan of the modules of `files`, each compiled with the options that `sources` have for it.
    ///
    /// # Errors
    /// As [`Plan::for_link`].
    pub fn for_files(
        files: &[ModuleFiles],
        sources: &mut Sources,
        resolver: &mut Resolver,
    ) -> Result<Self, PlanError> {
        let _span = info_span!("plan", modules = files.len()).entered();
        let modules = sources.modules().clone();
        let archives = modules.archives();
        let (mut jobs, mut native) = (Vec::with_capacity(files.len()), Vec::new());
        for ModuleFiles { module, index, output } in files.iter().cloned() {
            let Glance { size, is_native } = modules.glance(&module);
            if is_native {
                debug!(module, "is a native object already");
                let path = archives.object_path(&module);
                native.push(NativeObject { module, path, jobs_before: jobs.len() });
                continue;
            }
            let wanted = Wanted::new(&module, &index, &output);
            let command = wanted.compiled(sources, resolver)?.command;
            jobs.push(Job { module, index, output, command, size, in_memory: None });
        }
        sources.check()?;
        Ok(Self { native, ..Self::checked(jobs, archives)? })
    }

    /// A plan of the jobs that lld distributes, each compiled with the options that `sources` have for its
    /// module and the job's own arguments after them.
    ///
    /// # Errors
    /// As [`Plan::for_link`].
    #[doc(hidden)]
    pub fn for_distribution(
        distribution: &Distribution,
        sources: &mut Sources,
        resolver: &mut Resolver,
    ) -> Result<Self, PlanError> {
        let _span = info_span!("plan", modules = distribution.jobs.len()).entered();
        let mut jobs = Vec::with_capacity(distribution.jobs.len());
        for job in &distribution.jobs {
            let DistributedJob { module, index, output, args } = job;
            let wanted = Wanted::new(module, index.as_ref(), output.as_ref());
            let wanted = Wanted { origin: job.taken_from(), more: args, ..wanted };
            let command = wanted.compiled(sources, resolver)?.command;
            jobs.push(Job::new(module, index, output, command));
        }
        sources.check()?;
        Self::checked(jobs, sources.modules().archives())
    }

    /// How many different sets of codegen options the jobs have.
    pub fn option_sets(&self) -> usize {
        self.jobs.iter().map(|job| job.command.codegen()).collect::<HashSet<_>>().len()
    }
}

/// The files that hold a module: its own, and an archive that names or contains it.
fn files_of(module: &str, archives: &Archives) -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from(module)];
    if let Location::Member { archive, .. } = Location::of(module) {
        files.push(archive);
        files.extend(archives.object_path(module));
    }
    files
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
            in_memory: None,
        }
    }

    #[test]
    fn two_jobs_may_not_share_an_output() {
        let error = Plan::new(vec![job("a.o", "x", 0), job("a.obj", "x", 0)]).unwrap_err();
        assert!(error.to_string().contains("a.o and a.obj would both be written to x"), "{error}");
    }

    #[test]
    fn an_output_may_not_replace_a_module() {
        let error = Plan::new(vec![job("a.o", "b.o", 0), job("b.o", "c.o", 0)]).unwrap_err();
        assert!(error.to_string().contains("the module b.o"), "{error}");
    }

    #[test]
    fn two_spellings_of_an_output_are_one() {
        let error = Plan::new(vec![job("a.o", "x", 0), job("b.o", "./d/../x", 0)]).unwrap_err();
        assert!(error.to_string().contains("a.o and b.o"), "{error}");
    }

    #[test]
    fn an_output_may_not_replace_an_archive() {
        let jobs = vec![job("lib.a(x.o at 80)", "x.o", 0), job("main.o", "lib.a", 0)];
        let error = Plan::new(jobs).unwrap_err();
        assert!(error.to_string().contains("the module lib.a(x.o at 80)"), "{error}");
    }
}
