//! Every option of clang's table, tried with a file that is there and with one that is gone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{
    ClangOption, Driver, Parsed, RanIn, backend_flags, build_bindir, clang_options, drive, parse_cc1,
};

/// Options whose value reaches a backend without being a file that it reads: files that are written, and words that
/// clang takes as they are. Files of `-mllvm` are named by options of LLVM.
const NOT_READ: [&str; 12] = [
    "-as-secure-log-file",
    "-fbinutils-version=",
    "-fcrash-diagnostics-dir=",
    "-fcs-profile-generate=",
    "-flimited-precision=",
    "-fprofile-generate-cold-function-coverage=",
    "-mcmodel=",
    "-mdebug-pass",
    "-mfloat-abi",
    "-mlimit-float-precision",
    "-mllvm",
    "-mllvm=",
];

/// How options begin where clang itself dies of a word that is no number (`std::stoi`).
const CLANG_DIES: &str = "-ftrivial-auto-var-init-";

/// Contents of which every option that reads a file accepts one.
struct Files {
    directory: tempfile::TempDir,
    there: Vec<PathBuf>,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut there = Vec::new();
        for (name, text) in [("empty", ""), ("samples", "f:10:1\n 1: 5\n"), ("mappings", "src:x\n")] {
            there.push(directory.path().join(name));
            fs::write(there.last().unwrap(), text).unwrap();
        }
        for (name, kind) in [("ir", ":ir\n"), ("context", ":csir\n"), ("front-end", "")] {
            let text = directory.path().join(format!("{name}.proftext"));
            fs::write(&text, format!("{kind}f\n5\n1\n5\n\n")).unwrap();
            let indexed = directory.path().join(format!("{name}.profdata"));
            let mut profdata = Command::new(build_bindir().join("llvm-profdata"));
            assert!(profdata.arg("merge").arg(text).arg("-o").arg(&indexed).status().unwrap().success());
            there.push(indexed);
        }
        Self { directory, there }
    }

    /// Where no option that writes a file can make one.
    fn gone(&self) -> PathBuf {
        self.directory.path().join("none/gone")
    }
}

/// The ways to write an option, with `value`.
fn forms(option: &ClangOption, value: &Path) -> Vec<Vec<String>> {
    let mut forms = Vec::new();
    for value in [value.display().to_string(), format!("list={}", value.display())] {
        if option.is_joined {
            forms.push(vec![option.name.clone() + &value]);
        }
        if option.is_separate {
            forms.push(vec![option.name.clone(), value]);
        }
    }
    let cc1 =
        |words: &Vec<String>| words.iter().flat_map(|word| ["-Xclang".to_owned(), word.clone()]).collect();
    let of_cc1: Vec<Vec<String>> = if option.is_cc1s { forms.iter().map(cc1).collect() } else { Vec::new() };
    if option.is_clangs { [forms, of_cc1].concat() } else { of_cc1 }
}

/// What a recorded command with `words` means to a backend, and whether a missing file is told.
fn meaning(words: &[String]) -> (Option<Parsed>, bool) {
    let given = [&["-O2".to_owned()], words].concat();
    let flags = backend_flags(&given, "clang", RanIn::Here).unwrap();
    let mut args = flags.options.concat();
    let job = ["-w", "-fno-lto", "-x", "ir", "-c", "-fthinlto-index=i", "-o", "o", "--", "m.o"];
    args.extend(job.map(str::to_owned));
    let clang = build_bindir().join("clang").display().to_string();
    let driver = Driver { clang: &clang, program: "clang", check_inputs: false };
    let parsed = drive(driver, &args).ok().and_then(|driven| parse_cc1(&driven.cc1).ok());
    (parsed, !flags.missing.is_empty())
}

#[test]
fn no_option_needs_a_file_that_is_gone_and_what_a_backend_reads_is_told() {
    let files = Files::new();
    let gone = files.gone();
    let (mut needed, mut silent, mut told) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for option in clang_options().into_iter().filter(|option| !option.name.starts_with(CLANG_DIES)) {
        for (form, without) in forms(&option, &gone).iter().enumerate() {
            let (meant, is_told) = meaning(without);
            let there: Vec<(&PathBuf, Parsed)> = files
                .there
                .iter()
                .filter_map(|file| Some((file, meaning(&forms(&option, file)[form]).0?)))
                .collect();
            if meant.is_none() && !there.is_empty() {
                needed.push(without.join(" "));
            }
            let is_read = there.iter().any(|(file, parsed)| {
                let path = file.to_str().unwrap();
                let texts = format!("{:?}", parsed.options);
                texts.contains(path) || parsed.options.clang_action_reason == "a plugin"
            });
            if is_told {
                told.insert(option.name.clone());
            } else if is_read {
                silent.insert(option.name.clone());
            }
        }
    }
    assert!(needed.is_empty(), "with a file that is gone, clang rejects {needed:#?}");
    // -fbasic-block-sections= reads a file in one of its forms.
    silent.retain(|name| !NOT_READ.contains(&name.as_str()) && !told.contains(name));
    assert!(silent.is_empty(), "a backend reads the file of {silent:#?}, and nobody is told that it is gone");
    assert!(told.len() > 8, "the walk found nothing: {told:?}");
}
