//! clang's command lines, parsed by clang.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::bridge::ffi;
use crate::bridge::ffi::{ClangOption, CodegenOptions, JobFiles, MissingFile, WordShape};

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
            Self::Rejected(diagnostics) => f.write_str(&errors(diagnostics)),
            Self::NothingToDo(_) => f.write_str("the command line compiles nothing"),
            Self::Unsupported(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for CommandError {}

/// The errors among clang's `diagnostics`, without the words before them: whoever tells them says who says so.
fn errors(diagnostics: &str) -> String {
    let error = |line: &'_ str| {
        let (before, error) = line.split_once("error: ")?;
        (before.is_empty() || before.ends_with(": ")).then(|| error.to_owned())
    };
    let errors: Vec<String> = diagnostics.lines().filter_map(error).collect();
    if errors.is_empty() { diagnostics.trim_end().to_owned() } else { errors.join("; ") }
}

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

/// Where a compile command ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RanIn<'a> {
    /// In the working directory of this process.
    Here,
    /// In this directory, which may be gone.
    Directory(&'a str),
    /// In one of these, as far as anybody knows. The first that has the most of the files which the command names
    /// is taken; the working directory, if none has any.
    OneOf(&'a [String]),
}

/// What a backend needs of a compile command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendFlags {
    /// The options that are left, each with its values.
    pub options: Vec<Vec<String>>,
    /// DWARF is split by options that are not among them, because they name the front end's files.
    pub splits_dwarf: bool,
    /// Where the command ran or most likely ran, if that matters and is not the working directory.
    pub directory: Option<String>,
    /// Something depends on which of several places the command ran in.
    pub depends_on_places: bool,
    /// Files that a backend would read and that are not there. Their options are not among those left.
    pub missing: Vec<MissingFile>,
}

impl fmt::Display for MissingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, path, only } = self;
        match option.ends_with(path.as_str()) {
            true => write!(f, "{option}: the file is not there")?,
            false => write!(f, "{option}: {path} is not there")?,
        }
        if !only.is_empty() {
            write!(f, ", which matters only {only}")?;
        }
        Ok(())
    }
}

/// Takes from a front end's command line, clang's or (`-cc1` first) cc1's, the options that a backend
/// job needs: what names files of the front end's job and what the preprocessor, the linker and LTO
/// read goes, and so does every option that names a file which is not there any more.
///
/// `program` is the name that clang was called by, which may say what the target is. Relative paths of files that
/// the options make clang read or write become absolute, unless the command ran here. Response files are expanded.
///
/// # Errors
/// A response file cannot be read.
pub fn backend_flags(
    args: &[String],
    program: &str,
    ran_in: RanIn<'_>,
) -> Result<BackendFlags, CommandError> {
    crate::initialize();
    let (directory, places) = match ran_in {
        RanIn::Here => ("", &[][..]),
        RanIn::Directory(directory) => (directory, &[][..]),
        RanIn::OneOf(places) => ("", places),
    };
    grouped(ffi::backend_flags(args, program, directory, places))
}

/// What `word` is in a command line of clang's driver, or of cc1, if no option before it takes it as a value. A response
/// file is not opened.
pub fn word_shape(word: &str, is_cc1: bool) -> WordShape {
    crate::initialize();
    ffi::word_shape(word, is_cc1)
}

/// All options of clang and cc1 that have one value, in the order of clang's table: what a test walks that is to
/// find every one of a kind.
pub fn clang_options() -> Vec<ClangOption> {
    ffi::clang_options()
}

/// The options of a clang command line (or, `-cc1` first, of cc1's), each with its values.
pub fn option_groups(args: &[String]) -> Vec<Vec<String>> {
    crate::initialize();
    grouped(ffi::option_groups(args)).map(|flags| flags.options).unwrap_or_default()
}

fn grouped(flags: ffi::BackendFlags) -> Result<BackendFlags, CommandError> {
    let ffi::BackendFlags { flags, starts, splits_dwarf, directory, depends_on_places, missing, error } =
        flags;
    if !error.is_empty() {
        return Err(CommandError::Unsupported(error));
    }
    let ranges = starts.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
    Ok(BackendFlags {
        options: ranges.map(|range| flags[range].to_vec()).collect(),
        splits_dwarf,
        directory: (!directory.is_empty()).then_some(directory),
        depends_on_places,
        missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags_in(directory: &str, program: &str, line: &str) -> String {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let ran_in = if directory.is_empty() { RanIn::Here } else { RanIn::Directory(directory) };
        backend_flags(&args, program, ran_in).unwrap().options.concat().join(" ")
    }

    fn flags(line: &str) -> String {
        flags_in("", "clang", line)
    }

    #[test]
    fn a_rejection_says_what_is_wrong_and_not_who_says_so() {
        let rejected = |text: &str| CommandError::Rejected(text.to_owned()).to_string();
        let both = "thinfarm: error: unknown argument: '-a'\nthinfarm: warning: b\nerror: c: error: d\n2 errors generated.\n";
        assert_eq!(rejected(both), "unknown argument: '-a'; c: error: d");
        assert_eq!(rejected("nobody knows\n"), "nobody knows");
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

    /// A directory with `files`, gone at the end of the test.
    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        directory
    }

    #[test]
    fn paths_are_those_of_the_directory() {
        let directory = directory(&["p", "x/y", "l", "default.profdata", "default.cgdata", "r.txt"]);
        let name = directory.path().to_str().unwrap();
        for (line, absolute) in [
            ("-fprofile-sample-use=p", "-fprofile-sample-use=DIR/p"),
            ("-fprofile-use", "-fprofile-use=DIR"),
            ("-fprofile-use=x/y", "-fprofile-use=DIR/x/y"),
            ("-fcodegen-data-use -O2", "-fcodegen-data-use=DIR/default.cgdata -O2"),
            ("-Ii -I j -I/k", "-IDIR/i -I DIR/j -I/k"),
            ("-Xclang -internal-isystem -Xclang i", "-Xclang -internal-isystem -Xclang DIR/i"),
            ("-fbasic-block-sections=list=l", "-fbasic-block-sections=list=DIR/l"),
            ("-fbasic-block-sections=all", "-fbasic-block-sections=all"),
            ("-mllvm -cgscc-inline-replay=r.txt", "-mllvm -cgscc-inline-replay=DIR/r.txt"),
            ("-foptimization-record-file=r.yaml", "-foptimization-record-file=DIR/r.yaml"),
            (
                "-fprofile-generate=run -fdebug-compilation-dir=x",
                "-fprofile-generate=run -fdebug-compilation-dir=x",
            ),
        ] {
            assert_eq!(flags_in(name, "clang", line), absolute.replace("DIR", name));
        }
    }

    /// The options that are left of `line`, and what is missing, for a command that ran in `directory`.
    fn left_and_missing(directory: &str, line: &str) -> (String, Vec<String>) {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let flags = backend_flags(&args, "clang", RanIn::Directory(directory)).unwrap();
        (flags.options.concat().join(" "), flags.missing.into_iter().map(|file| file.option).collect())
    }

    #[test]
    fn options_of_files_that_are_gone_go_and_those_of_backends_are_told() {
        let directory = directory(&["there"]);
        let name = directory.path().to_str().unwrap();
        for told in [
            "-fprofile-use",
            "-fprofile-use=gone",
            "-fprofile-instr-use=gone",
            "-fprofile-sample-use=gone",
            "-fauto-profile=gone",
            "-fprofile-remapping-file=gone",
            "-fbasic-block-sections=list=gone",
            "-fcodegen-data-use",
            "-fcodegen-data-use=gone",
            "-fpass-plugin=gone",
            "--config=./gone",
            "@gone",
            "-mllvm -fs-profile-file=gone",
            "-Xclang -fprofile-instrument-use-path=gone",
        ] {
            let word = told.strip_prefix("-Xclang ").unwrap_or(told).replace("@", &format!("@{name}/"));
            assert_eq!(left_and_missing(name, &format!("-O2 {told} -g")), ("-O2 -g".to_owned(), vec![word]));
        }
        for silent in ["-fsanitize-ignorelist=there", "-fxray-attr-list=gone", "-fmemory-profile-use=gone"] {
            assert_eq!(left_and_missing(name, &format!("-O2 {silent}")), ("-O2".to_owned(), vec![]));
        }
        // The last one counts.
        for (line, left) in [
            ("-fprofile-use=gone -fno-profile-use", "-fno-profile-use".to_owned()),
            ("-fauto-profile=gone -fauto-profile=there", format!("-fauto-profile={name}/there")),
        ] {
            assert_eq!(left_and_missing(name, line), (left, vec![]));
        }
        // A directory that is gone has no files, whatever this process's has.
        let here = directory.path().join("gone");
        assert_eq!(left_and_missing(here.to_str().unwrap(), "@Cargo.toml").1.len(), 1);
    }

    #[test]
    fn the_likely_directory_has_the_most_of_the_files() {
        let directory = directory(&["p", "a/p", "a/b/c.c", "a/b/o/x"]);
        let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let places = ["a/b/o", "a/b", "a", ""].map(place);
        let taken = |line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            backend_flags(&args, "clang", RanIn::OneOf(&places)).unwrap()
        };
        // The nearest with the profile; the one with profile and source.
        assert_eq!(taken("-fprofile-sample-use=p").directory.as_deref(), Some(&*places[2]));
        let found = taken("-fprofile-sample-use=p -c b/c.c");
        assert_eq!(found.options[0], [format!("-fprofile-sample-use={}/p", places[2])]);
        // The source says where the profile is missing.
        let found = taken("-fprofile-sample-use=p -c c.c -o o/x");
        assert_eq!(
            (found.directory.as_deref(), &found.missing[0].path),
            (Some(&*places[1]), &format!("{}/p", places[1]))
        );
        // Nothing depends on it, or nothing is known of it.
        assert_eq!(taken("-O2 -c c.c").directory, None);
        assert_eq!(taken("-O2 -Ix").directory, None);
    }

    #[test]
    fn a_word_says_how_many_words_are_its_values() {
        let shape = |word: &str| word_shape(word, false);
        let told = |values, is_front_ends| WordShape { values, is_front_ends, ..WordShape::default() };
        for word in ["-DA=-o", "a.c", "-", "-MD", "-Wp,-MMD,d", "-c", "-flto=thin", "-v"] {
            assert_eq!(shape(word), told(0, true), "{word}");
        }
        for word in ["-D", "-o", "-x", "-include", "-MF"] {
            assert_eq!(shape(word), told(1, true), "{word}");
        }
        for word in ["-O2", "-fno-such-flag", "-fsanitize=cfi", "-iquotei", "@f", ""] {
            assert_eq!(shape(word), told(0, word == "@f"), "{word}");
        }
        for word in ["-mllvm", "-Xclang", "-isystem", "-target"] {
            assert_eq!(shape(word), told(1, false), "{word}");
        }
        for (word, values) in [("-Ii", 0), ("-I", 1)] {
            assert_eq!(
                shape(word),
                WordShape { is_include_directory: true, ..told(values, false) },
                "{word}"
            );
        }
        assert_eq!(shape("--"), WordShape { takes_all: true, ..told(0, false) });
        // Only cc1 has it; what it says about DWARF stays.
        assert_eq!(word_shape("-split-dwarf-output", true), told(1, false));
        assert_eq!(word_shape("-main-file-name", true), told(1, true));
    }

    #[test]
    fn a_command_changes_no_working_directory() {
        let before = std::env::current_dir().unwrap();
        let driver = Driver { clang: "clang", program: "thinfarm", check_inputs: false };
        let args = ["-working-directory=src", "-c", "a.c"].map(str::to_owned);
        drive(driver, &args).unwrap();
        assert_eq!(std::env::current_dir().unwrap(), before);
    }

    #[test]
    fn cc1_has_options_of_its_own() {
        let line = "-cc1 -triple t -emit-llvm-bc -flto=thin -flto-unit -main-file-name a.c -split-dwarf-output a.dwo -O2";
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let flags = backend_flags(&args, "clang", RanIn::Here).unwrap();
        assert_eq!(flags.options.concat().join(" "), "-cc1 -triple t -O2");
        assert!(flags.splits_dwarf);
        assert_eq!(
            option_groups(&args)[..2],
            [vec!["-cc1".to_owned()], vec!["-triple".to_owned(), "t".to_owned()]]
        );
    }

    #[test]
    fn response_files_are_those_of_the_directory() {
        let directory = directory(&[]);
        std::fs::write(directory.path().join("rsp"), "-O3 -DX '-mllvm' -y").unwrap();
        assert_eq!(flags_in(directory.path().to_str().unwrap(), "clang", "@rsp -c a.c"), "-O3 -mllvm -y");
    }
}
