//! The command line of one job, resolved.

use std::sync::Arc;

use llvm_build::{Cc1, CodegenOptions, CommandError, Driver, JobFiles, drive, parse_cc1};

/// How one module is compiled.
#[derive(Clone, Debug, Default)]
pub struct CompileCommand {
    /// The clang command line, without the program's name.
    pub args: Vec<String>,
    /// The clang to pretend to be.
    pub clang: Arc<str>,
    /// What it says about code generation, shared by all jobs compiled alike. `None` only in a
    /// command that was not resolved.
    pub options: Option<Arc<CodegenOptions>>,
    /// What it says about this job's files.
    pub files: JobFiles,
    /// The cc1 command line, if clang's driver was asked for this very job.
    cc1: Option<Cc1>,
    /// A cc1 command line equal to it but for file names: it says which warnings are wanted.
    like: Option<Arc<Cc1>>,
}

/// Begins clang's diagnostics, as a program's name does.
pub(crate) const PROGRAM: &str = "thinfarm";

impl CompileCommand {
    /// Resolves a clang command line for one module.
    ///
    /// `check_inputs` makes a missing input clang's error rather than the loader's.
    ///
    /// # Errors
    /// clang's diagnostics, or why the command line is not one backend job.
    pub fn resolve(
        args: Vec<String>,
        clang: &Arc<str>,
        check_inputs: bool,
    ) -> Result<(Self, String), CommandError> {
        let driver = Driver { clang, program: PROGRAM, check_inputs };
        let driven = drive(driver, &args)?;
        let parsed = parse_cc1(&driven.cc1)?;
        let command = Self {
            args,
            clang: clang.clone(),
            options: Some(Arc::new(parsed.options)),
            files: parsed.files,
            like: Some(Arc::new(driven.cc1.clone())),
            cc1: Some(driven.cc1),
        };
        Ok((command, driven.warnings + &parsed.warnings))
    }

    /// The same command for another job: equal in everything but `args` and `files`, which the
    /// caller must have made so that clang would read `options` from them too.
    pub(crate) fn like(&self, args: Vec<String>, files: JobFiles) -> Self {
        Self { args, files, cc1: None, ..self.clone() }
    }

    /// The codegen options.
    ///
    /// # Panics
    /// If the command was never resolved.
    pub fn codegen(&self) -> &Arc<CodegenOptions> {
        self.options.as_ref().expect("a resolved command")
    }

    /// The cc1 command line of this job.
    ///
    /// # Errors
    /// As [`CompileCommand::resolve`].
    pub fn cc1(&self) -> Result<Cc1, CommandError> {
        if let Some(cc1) = &self.cc1 {
            return Ok(cc1.clone());
        }
        let driver = Driver { clang: &self.clang, program: PROGRAM, check_inputs: false };
        Ok(drive(driver, &self.args)?.cc1)
    }

    /// A cc1 command line that says which warnings this job wants; file names may be another's.
    pub(crate) fn warning_flags(&self) -> &Cc1 {
        self.like.as_ref().expect("a resolved command")
    }
}
