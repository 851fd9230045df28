//! clang's command lines, parsed by clang.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::bridge::ffi;
use crate::bridge::ffi::{CodegenOptions, JobFiles};

/// A cc1 command line: what clang's driver hands to its compiler proper.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cc1(pub(crate) Vec<String>);

impl Cc1 {
    /// A cc1 command line, `-cc1` first.
    pub fn new(args: Vec<String>) -> Self {
        Self(args)
    }

    /// The arguments, `-cc1` first.
    pub fn args(&self) -> &[String] {
        &self.0
    }

    /// Everything that decides which diagnostics a job tells, as what and how; not the files that diagnostics go to,
    /// or that say which are suppressed.
    pub fn diagnostic_options(&self) -> Vec<String> {
        ffi::diagnostic_options(&self.0)
    }

    /// Those files.
    pub fn diagnostic_files(&self) -> Vec<String> {
        ffi::diagnostic_files(&self.0)
    }
}

/// What the driver made of a command line.
#[derive(Clone, Debug)]
pub struct Driven {
    /// The compile job.
    pub cc1: Cc1,
    /// Warnings, as clang prints them; empty without any.
    pub warnings: String,
    /// The arguments with `@file`s expanded.
    pub arguments: Vec<String>,
    /// Where each option with its values stands in `arguments`.
    pub options: Vec<Range<usize>>,
}

/// What a cc1 command line says to a backend.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// How to generate code.
    pub options: CodegenOptions,
    /// The paths of this one job.
    pub files: JobFiles,
    /// Warnings, as clang prints them; empty without any.
    pub warnings: String,
}

/// A command line that is not one backend job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// clang rejects it; its diagnostics, one or more lines.
    Rejected(String),
    /// clang accepts it, but it is more or other than one compile job in this process.
    Unsupported(String),
    /// clang did all it was asked to (`--version`, `--help`); there is nothing to compile.
    NothingToDo(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(diagnostics) => f.write_str(diagnostics.trim_end()),
            Self::NothingToDo(_) => f.write_str("the command line compiles nothing"),
            Self::Unsupported(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for CommandError {}

/// How clang's driver is run.
#[derive(Clone, Copy, Debug)]
pub struct Driver<'a> {
    /// The clang to pretend to be: its resource directory is found from it.
    pub clang: &'a str,
    /// Begins each diagnostic.
    pub program: &'a str,
    /// Whether an input that does not exist is an error.
    pub check_inputs: bool,
}

/// Runs clang's driver on `args` (without the program's name).
///
/// # Errors
/// clang's own diagnostics, or the reason why the command is not one in-process job.
pub fn drive(driver: Driver<'_>, args: &[String]) -> Result<Driven, CommandError> {
    let outcome = ffi::run_driver(args, driver.clang, driver.program, driver.check_inputs);
    if outcome.compiles_nothing {
        return Err(CommandError::NothingToDo(outcome.diagnostics));
    }
    if !outcome.refusal.is_empty() {
        return Err(CommandError::Unsupported(outcome.refusal));
    }
    if outcome.cc1.is_empty() {
        return Err(CommandError::Rejected(outcome.diagnostics));
    }
    let options = outcome.option_starts.windows(2).map(|pair| pair[0] as usize..pair[1] as usize).collect();
    Ok(Driven { cc1: Cc1(outcome.cc1), warnings: outcome.diagnostics, arguments: outcome.arguments, options })
}

/// Parses a cc1 command line.
///
/// # Errors
/// clang's own diagnostics.
pub fn parse_cc1(cc1: &Cc1) -> Result<Parsed, CommandError> {
    crate::initialize();
    let outcome = ffi::parse_cc1(&cc1.0);
    if !outcome.ok {
        return Err(CommandError::Rejected(outcome.diagnostics));
    }
    Ok(Parsed { options: outcome.options, files: outcome.files, warnings: outcome.diagnostics })
}

/// What a backend needs of a compile command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendFlags {
    /// The options that are left, each with its values.
    pub options: Vec<Vec<String>>,
    /// DWARF is split by options that are not among them, because they name the front end's files.
    pub splits_dwarf: bool,
}

/// Takes from a front end's command line, clang's or (`-cc1` first) cc1's, the options that a backend
/// job needs: what names files of the front end's job and what the preprocessor, the linker and LTO
/// read goes.
///
/// `program` is the name that clang was called by, which may say what the target is. The command ran
/// in `directory`: relative paths of files that the options make clang read or write become absolute
/// (with an empty one they stay). Response files are expanded.
///
/// # Errors
/// A response file cannot be read.
pub fn backend_flags(args: &[String], program: &str, directory: &str) -> Result<BackendFlags, CommandError> {
    crate::initialize();
    grouped(ffi::backend_flags(args, program, directory))
}

/// The options of a clang command line (or, `-cc1` first, of cc1's), each with its values.
pub fn option_groups(args: &[String]) -> Vec<Vec<String>> {
    crate::initialize();
    grouped(ffi::option_groups(args)).map(|flags| flags.options).unwrap_or_default()
}

fn grouped(flags: ffi::BackendFlags) -> Result<BackendFlags, CommandError> {
    let ffi::BackendFlags { flags, starts, splits_dwarf, error } = flags;
    if !error.is_empty() {
        return Err(CommandError::Unsupported(error));
    }
    let ranges = starts.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
    Ok(BackendFlags { options: ranges.map(|range| flags[range].to_vec()).collect(), splits_dwarf })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags_in(directory: &str, program: &str, line: &str) -> String {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        backend_flags(&args, program, directory).unwrap().options.concat().join(" ")
    }

    fn flags(line: &str) -> String {
        flags_in("", "clang", line)
    }

    #[test]
    fn what_only_the_front_end_reads_goes() {
        assert_eq!(
            flags("-O2 -c -o a.o -x c a.c -MD -MF d -Wp,-MMD,x -DA -D B -UC -include h -imacros m"),
            "-O2"
        );
        assert_eq!(
            flags("-flto=thin -flto-jobs=3 -ffat-lto-objects -fsplit-lto-unit -g -fwhole-program-vtables"),
            "-g"
        );
        assert_eq!(
            flags("-save-temps=obj -fplugin=p.so -v -lm -Wl,-z,now -fembed-bitcode -Os -- a.c"),
            "-Os"
        );
        assert_eq!(flags("-fsanitize=cfi,kcfi -fsanitize=cfi-vcall -fPIC"), "-fsanitize=kcfi -fPIC");
        assert_eq!(
            flags("-Xclang -fembed-bitcode=marker -Xclang -target-feature -Xclang +x -Xclang -D -Xclang E"),
            "-Xclang -target-feature -Xclang +x"
        );
    }

    #[test]
    fn what_a_backend_reads_stays_with_its_values() {
        let line =
            "-O2 -mllvm -a=b -Ii -isystem s -Wframe-larger-than=1 -std=gnu11 -mcmodel=kernel -Xclang -x";
        assert_eq!(flags(line), line);
        // What clang does not know, or lacks a value, is for clang to complain of.
        assert_eq!(flags("-fno-such-flag -mllvm"), "-fno-such-flag -mllvm");
    }

    #[test]
    fn the_programs_name_may_be_a_target() {
        assert_eq!(
            flags_in("", "/bin/aarch64-linux-gnu-clang++-22", "-O2"),
            "--target=aarch64-linux-gnu -O2"
        );
    }

    #[test]
    fn paths_are_those_of_the_directory() {
        for (line, absolute) in [
            ("-fprofile-sample-use=p", "-fprofile-sample-use=/d/p"),
            ("-fprofile-use", "-fprofile-use=/d"),
            ("-fprofile-use=x/y", "-fprofile-use=/d/x/y"),
            ("-Ii -I j -I/k", "-I/d/i -I /d/j -I/k"),
            ("-fbasic-block-sections=list=l", "-fbasic-block-sections=list=/d/l"),
            ("-fbasic-block-sections=all", "-fbasic-block-sections=all"),
            ("-foptimization-record-file=r.yaml", "-foptimization-record-file=/d/r.yaml"),
            (
                "-fprofile-generate=run -fdebug-compilation-dir=x",
                "-fprofile-generate=run -fdebug-compilation-dir=x",
            ),
        ] {
            assert_eq!(flags_in("/d", "clang", line), absolute);
        }
    }

    #[test]
    fn cc1_has_options_of_its_own() {
        let line = "-cc1 -triple t -emit-llvm-bc -flto=thin -flto-unit -main-file-name a.c -split-dwarf-output a.dwo -O2";
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let flags = backend_flags(&args, "clang", "").unwrap();
        assert_eq!(flags.options.concat().join(" "), "-cc1 -triple t -O2");
        assert!(flags.splits_dwarf);
        assert_eq!(
            option_groups(&args)[..2],
            [vec!["-cc1".to_owned()], vec!["-triple".to_owned(), "t".to_owned()]]
        );
    }

    #[test]
    fn response_files_are_those_of_the_directory() {
        let directory = std::env::temp_dir().join(format!("flags-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("rsp"), "-O3 -DX '-mllvm' -y").unwrap();
        assert_eq!(flags_in(directory.to_str().unwrap(), "clang", "@rsp -c a.c"), "-O3 -mllvm -y");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
