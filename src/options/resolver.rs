//! Command lines to options, each distinct command line once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use llvm_build::{CodegenOptions, CommandError, JobFiles};

use super::{CompileCommand, FileOptions};

/// Resolves the flags of many jobs and remembers what equal flags mean: clang needs a third of a
/// millisecond for each command line, and the 945 modules of a kernel have 9 different ones.
#[derive(Debug)]
pub struct Resolver {
    clang: Arc<str>,
    known: HashMap<FileOptions, Known>,
    /// Each set of options once: command lines that differ may well mean the same to a backend.
    sets: HashSet<Arc<CodegenOptions>>,
}

#[derive(Debug)]
struct Known {
    first: CompileCommand,
    /// Some path in the options is named after the object, so every job must be resolved itself.
    per_job: bool,
}

impl Resolver {
    /// A resolver that pretends to be the clang at the given path, see
    /// [`Tool::clang_for_driver`](crate::toolchain::Tool::clang_for_driver).
    pub fn new(clang: Arc<str>) -> Self {
        Self { clang, known: HashMap::new(), sets: HashSet::new() }
    }

    /// The command that compiles `module` with `index` to `output` with a file's `options`.
    ///
    /// # Errors
    /// clang's diagnostics, or why the flags do not make one backend job.
    pub fn resolve(
        &mut self,
        options: &FileOptions,
        module: &str,
        index: &str,
        output: &str,
    ) -> Result<Arc<CompileCommand>, CommandError> {
        let files = JobFiles {
            input: module.to_owned(),
            index: index.to_owned(),
            output: output.to_owned(),
            ..JobFiles::default()
        };
        let known = self.known.get(options);
        if let Some(known) = known
            && !known.per_job
        {
            return Ok(Arc::new(known.first.for_another(files)));
        }
        let mut command = CompileCommand::of_backend(options, self.clang.clone(), files)?;
        if let Some(set) = self.sets.get(command.codegen()) {
            command.share_options(set.clone());
        } else {
            self.sets.insert(command.codegen().clone());
        }
        if known.is_none() {
            let per_job = names_files_after_the_job(&command.files);
            self.known.insert(options.clone(), Known { first: command.clone(), per_job });
        }
        Ok(Arc::new(command))
    }
}

fn names_files_after_the_job(files: &JobFiles) -> bool {
    !(files.split_dwarf_file.is_empty()
        && files.split_dwarf_output.is_empty()
        && files.object_filename_for_debug.is_empty()
        && files.side_outputs.is_empty())
}
