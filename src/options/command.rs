//! The command line of one job, resolved.

use std::path::Path;
use std::sync::Arc;

use llvm_build::{Cc1, CodegenOptions, CommandError, Driver, JobFiles, drive, parse_cc1};
use serde::{Deserialize, Serialize};

use super::FileOptions;

/// How one module is compiled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompileCommand {
    /// The paths of this job: module, index, outputs.
    pub files: JobFiles,
    /// The flags that were given, shared by all jobs they were given for.
    flags: Arc<[String]>,
    /// What has to be added to them.
    form: Form,
    /// The flags are of a command that ran in another directory than this process does.
    is_elsewhere: bool,
    /// The clang to pretend to be.
    clang: Arc<str>,
    /// What the command line says about code generation. `None` in a command never resolved.
    options: Option<Arc<CodegenOptions>>,
    /// The cc1 command line of this job, or of one that differs from it in file names only.
    cc1: Option<Arc<Cc1>>,
    /// Whether `cc1` is this very job's.
    is_own_cc1: bool,
}

/// What flags are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    /// The whole command line of one job.
    #[default]
    CommandLine,
    /// clang options, to which a job's own arguments are added.
    Clang,
    /// cc1 options, to which a job's own arguments are added.
    Cc1 {
        /// Among them the names of the `.dwo`.
        splits_dwarf: bool,
    },
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

    /// Resolves a file's `options` for the job of `files`: its `input`, `index` and `output`.
    pub(super) fn of_backend(
        options: &FileOptions,
        clang: Arc<str>,
        files: JobFiles,
    ) -> Result<Self, CommandError> {
        let form = match options.flags.first() {
            Some(first) if first == "-cc1" => Form::Cc1 { splits_dwarf: options.splits_dwarf },
            _ => Form::Clang,
        };
        let flags = options.flags.clone();
        let is_elsewhere = options.directory.is_some();
        let mut command = Self { files, flags, form, is_elsewhere, clang, ..Self::default() };
        // A missing module is the loader's error, which names it for one job of many.
        command.resolve(/* check_inputs */ false)?;
        if let Some(codegen) = &options.codegen {
            let said = command.codegen();
            let mut codegen = CodegenOptions { triple: said.triple.clone(), ..codegen.as_ref().clone() };
            if codegen.relocation_model.is_empty() {
                codegen.relocation_model.clone_from(&said.relocation_model);
            }
            command.options = Some(Arc::new(codegen));
        }
        Ok(command)
    }

    fn resolve(&mut self, check_inputs: bool) -> Result<String, CommandError> {
        let (cc1, warnings) = self.drive(check_inputs)?;
        let parsed = parse_cc1(&cc1)?;
        let own = std::mem::replace(&mut self.files, parsed.files);
        if self.form != Form::CommandLine {
            // As the plan spells them; the command line may have to spell them otherwise.
            self.files =
                JobFiles { input: own.input, index: own.index, output: own.output, ..self.files.clone() };
        }
        self.options = Some(Arc::new(parsed.options));
        self.cc1 = Some(Arc::new(cc1));
        self.is_own_cc1 = true;
        Ok(warnings + &parsed.warnings)
    }

    /// The cc1 command line and the driver's warnings.
    fn drive(&self, check_inputs: bool) -> Result<(Cc1, String), CommandError> {
        if let Form::Cc1 { .. } = self.form {
            return Ok((Cc1::new(self.args()), String::new()));
        }
        let driven = drive(Driver { check_inputs, ..self.driver() }, &self.args())?;
        Ok((driven.cc1, driven.warnings))
    }

    /// The same command for another job's `input`, `index` and `output`.
    ///
    /// Right only if nothing else in the options is named after the job; the resolver knows.
    pub(super) fn for_another(&self, files: JobFiles) -> Self {
        let files =
            JobFiles { input: files.input, index: files.index, output: files.output, ..self.files.clone() };
        Self { files, is_own_cc1: false, ..self.clone() }
    }

    /// The same with other directories of headers: in the flags, and where assembly looks for files.
    pub(super) fn with_include_directories(&self, flags: Arc<[String]>, paths: Vec<String>) -> Self {
        let files = JobFiles { assembler_search_paths: paths, ..self.files.clone() };
        Self { files, flags, is_own_cc1: false, ..self.clone() }
    }

    /// The flags that were given.
    pub(super) fn flags(&self) -> &[String] {
        &self.flags
    }

    /// Uses `known` for the options, which are equal, so that a set of options exists once.
    pub(super) fn share_options(&mut self, known: Arc<CodegenOptions>) {
        self.options = Some(known);
    }

    /// The clang command line of this job, without the program's name.
    pub fn args(&self) -> Vec<String> {
        let mut args = self.flags.to_vec();
        let JobFiles { input, index, output, .. } = &self.files;
        // Names derived from the object's, of a .dwo for example, must mean the same to who reads them
        // in the directory of the front end, which debug information names.
        let output = if self.is_elsewhere { absolute(output) } else { output.clone() };
        match self.form {
            Form::CommandLine => return args,
            Form::Clang => {
                args.extend(APPENDED.map(str::to_owned));
                args.push(format!("-fthinlto-index={index}"));
                args.extend(["-o", &output, "--", input].map(str::to_owned));
            }
            Form::Cc1 { splits_dwarf } => {
                if splits_dwarf {
                    let dwo = Path::new(&output).with_extension("dwo").to_string_lossy().into_owned();
                    args.extend(["-split-dwarf-file", &dwo, "-split-dwarf-output", &dwo].map(str::to_owned));
                }
                args.push(format!("-fthinlto-index={index}"));
                args.extend(["-emit-obj", "-o", &output, "-x", "ir", input].map(str::to_owned));
            }
        }
        args
    }

    /// How many of the arguments are not the flags but the job's own.
    pub(super) fn own_arguments(&self) -> usize {
        self.args().len() - self.flags.len()
    }

    /// Whether the flags are cc1's, not those of clang's driver.
    pub(super) fn is_cc1(&self) -> bool {
        matches!(self.form, Form::Cc1 { .. })
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
    pub(crate) fn cc1(&self) -> Result<Arc<Cc1>, CommandError> {
        match &self.cc1 {
            Some(cc1) if self.is_own_cc1 => Ok(cc1.clone()),
            _ => Ok(Arc::new(self.drive(false)?.0)),
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

fn absolute(path: &str) -> String {
    match std::path::absolute(path) {
        Ok(absolute) => absolute.to_string_lossy().into_owned(),
        // Only of an empty path, which no output has.
        Err(_) => path.to_owned(),
    }
}
