//! The command line of one job, resolved.

use std::sync::Arc;

use llvm_build::{Cc1, CodegenOptions, CommandError, Driver, JobFiles, drive, parse_cc1};
use serde::{Deserialize, Serialize};

/// How one module is compiled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CompileCommand {
    /// The paths of this job: module, index, outputs.
    pub files: JobFiles,
    /// The flags that were given, shared by all jobs they were given for.
    flags: Arc<[String]>,
    /// Whether `flags` are codegen options only, to which a job's own arguments are added, or the
    /// whole command line.
    is_backend: bool,
    /// The clang to pretend to be.
    clang: Arc<str>,
    /// What the command line says about code generation. `None` in a command never resolved.
    options: Option<Arc<CodegenOptions>>,
    /// The cc1 command line of this job, or of one that differs from it in file names only.
    cc1: Option<Arc<Cc1>>,
    /// Whether `cc1` is this very job's.
    is_own_cc1: bool,
}

/// Begins clang's diagnostics, as a program's name does.
const PROGRAM: &str = "thinfarm";

/// Appended to a user's codegen flags. They were written for the front end, most of them: those
/// that a backend has no use for are not worth a warning, and `-flto` would ask for bitcode again.
const APPENDED: [&str; 5] = ["-Wno-unused-command-line-argument", "-fno-lto", "-x", "ir", "-c"];

impl CompileCommand {
    /// Resolves a whole clang command line. Also returns clang's warnings about it.
    ///
    /// # Errors
    /// clang's diagnostics, or why the command line is not one backend job.
    pub fn of_command_line(args: Vec<String>, clang: Arc<str>) -> Result<(Self, String), CommandError> {
        let mut command = Self { flags: args.into(), clang, ..Self::default() };
        let warnings = command.resolve(/* check_inputs */ true)?;
        Ok((command, warnings))
    }

    /// Resolves codegen `flags` for the job of `files`: its `input`, `index` and `output`.
    pub(super) fn of_backend(
        flags: Arc<[String]>,
        clang: Arc<str>,
        files: JobFiles,
    ) -> Result<Self, CommandError> {
        let mut command = Self { files, flags, is_backend: true, clang, ..Self::default() };
        // A missing module is the loader's error, which names it for one job of many.
        command.resolve(/* check_inputs */ false)?;
        Ok(command)
    }

    fn resolve(&mut self, check_inputs: bool) -> Result<String, CommandError> {
        let driver = Driver { check_inputs, ..self.driver() };
        let driven = drive(driver, &self.args())?;
        let parsed = parse_cc1(&driven.cc1)?;
        self.files = parsed.files;
        self.options = Some(Arc::new(parsed.options));
        self.cc1 = Some(Arc::new(driven.cc1));
        self.is_own_cc1 = true;
        Ok(driven.warnings + &parsed.warnings)
    }

    /// The same command for another job's `input`, `index` and `output`.
    ///
    /// Right only if nothing else in the options is named after the job; the resolver knows.
    pub(super) fn for_another(&self, files: JobFiles) -> Self {
        let files =
            JobFiles { input: files.input, index: files.index, output: files.output, ..self.files.clone() };
        Self { files, is_own_cc1: false, ..self.clone() }
    }

    /// Uses the other's options object if it is equal, so that a set of options exists once.
    pub(super) fn share_options(&mut self, other: &Self) {
        if self.options == other.options {
            self.options.clone_from(&other.options);
        }
    }

    /// The clang command line of this job, without the program's name.
    pub fn args(&self) -> Vec<String> {
        let mut args = self.flags.to_vec();
        if self.is_backend {
            args.extend(APPENDED.map(str::to_owned));
            args.push(format!("-fthinlto-index={}", self.files.index));
            args.extend(["-o", &self.files.output, "--", &self.files.input].map(str::to_owned));
        }
        args
    }

    /// The flags as they were given.
    pub(super) fn flags(&self) -> &[String] {
        &self.flags
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
    /// As [`CompileCommand::of_command_line`].
    pub fn cc1(&self) -> Result<Arc<Cc1>, CommandError> {
        match &self.cc1 {
            Some(cc1) if self.is_own_cc1 => Ok(cc1.clone()),
            _ => Ok(Arc::new(drive(self.driver(), &self.args())?.cc1)),
        }
    }

    /// A cc1 command line that says which warnings this job wants; file names may be another's.
    pub(crate) fn warning_flags(&self) -> &Cc1 {
        self.cc1.as_ref().expect("a resolved command")
    }

    pub(super) fn driver(&self) -> Driver<'_> {
        Driver { clang: &self.clang, program: PROGRAM, check_inputs: false }
    }
}
