//! Command lines to options, each distinct command line once.

use std::collections::HashMap;
use std::sync::Arc;

use llvm_build::{CommandError, JobFiles};

use super::CompileCommand;

/// Resolves the flags of many jobs and remembers what equal flags mean: clang needs a third of a
/// millisecond for each command line, and the 945 modules of a kernel have 9 different ones.
#[derive(Debug)]
pub struct Resolver {
    clang: Arc<str>,
    known: HashMap<Arc<[String]>, Known>,
}

#[derive(Debug)]
struct Known {
    first: CompileCommand,
    /// Some path in the options is named after the object, so every job must be resolved itself.
    per_job: bool,
}

/// Appended to the user's flags. They were written for the front end, most of them: those that a
/// backend has no use for are not worth a warning, and `-flto` would ask for bitcode again.
const APPENDED: [&str; 5] = ["-Wno-unused-command-line-argument", "-fno-lto", "-x", "ir", "-c"];

impl Resolver {
    /// A resolver that pretends to be the clang at `clang`.
    pub fn new(clang: Arc<str>) -> Self {
        Self { clang, known: HashMap::new() }
    }

    /// The command that compiles `module` with `index` to `output` with a user's codegen `flags`.
    ///
    /// # Errors
    /// clang's diagnostics, or why the flags do not make one backend job.
    pub fn resolve(
        &mut self,
        flags: &Arc<[String]>,
        module: &str,
        index: &str,
        output: &str,
    ) -> Result<Arc<CompileCommand>, CommandError> {
        let args = backend_args(flags, module, index, output);
        if let Some(known) = self.known.get(flags)
            && !known.per_job
        {
            let files = JobFiles {
                index: index.to_owned(),
                output: output.to_owned(),
                input: module.to_owned(),
                ..known.first.files.clone()
            };
            return Ok(Arc::new(known.first.like(args, files)));
        }
        let (mut command, _) = CompileCommand::resolve(args, &self.clang, false)?;
        if let Some(known) = self.known.get(flags) {
            // Equal flags, equal options: share them, so that a set of options exists once.
            if known.first.options == command.options {
                command.options.clone_from(&known.first.options);
            }
        } else {
            let per_job = names_files_after_the_job(&command.files);
            self.known.insert(flags.clone(), Known { first: command.clone(), per_job });
        }
        Ok(Arc::new(command))
    }
}

/// The clang command line of a backend job.
fn backend_args(flags: &[String], module: &str, index: &str, output: &str) -> Vec<String> {
    let mut args = Vec::with_capacity(flags.len() + APPENDED.len() + 5);
    args.extend_from_slice(flags);
    args.extend(APPENDED.map(str::to_owned));
    args.push(format!("-fthinlto-index={index}"));
    args.extend(["-o", output, "--", module].map(str::to_owned));
    args
}

fn names_files_after_the_job(files: &JobFiles) -> bool {
    !(files.split_dwarf_file.is_empty()
        && files.split_dwarf_output.is_empty()
        && files.object_filename_for_debug.is_empty()
        && files.side_outputs.is_empty())
}
