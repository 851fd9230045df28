//! Every option of lld's that says how backends do their work: for modules without options of their own the output
//! is lld's. Options that only lld's own backends know go to these, with a warning if that costs a module its own.

use crate::two_linkers::{OBJECTS, THIN, TwoLinkers};

fn library(options: &[&str]) -> Vec<String> {
    let args = [&OBJECTS[..], options, &["-shared", "-o", "lib.so"]].concat();
    args.into_iter().map(str::to_owned).collect()
}

/// Panics unless each set of options makes the library that lld makes, and some make another than none do.
#[track_caller]
fn are_honoured(linkers: &TwoLinkers, sets: &[&[&str]]) {
    let plain = linkers.link(&library(&[])).same();
    for options in sets {
        let linked = linkers.link(&library(options)).same();
        assert!(
            linked.file("lib.so") != plain.file("lib.so"),
            "{options:?} makes no difference: a useless test"
        );
    }
}

#[test]
fn levels() {
    are_honoured(
        &TwoLinkers::program(),
        &[
            &["--lto-O0"],
            &["--lto-O1"],
            &["--lto-O3"],
            &["-plugin-opt=O1"],
            &["--lto-CGO0"],
            &["--lto-O2", "--lto-CGO3", "-plugin-opt=mcpu=skylake"],
            &["--lto-O3", "--lto-CGO0"],
        ],
    );
}

#[test]
fn code_generation() {
    let linkers = TwoLinkers::program();
    // Functions of clang's say their own CPU, and lld has its own mind about sections.
    for options in [
        &["-plugin-opt=mcpu=haswell"][..],
        &["-plugin-opt=-mattr=+bmi2", "-plugin-opt=mcpu=znver3"],
        &["-mllvm", "-function-sections=0"],
    ] {
        linkers.link(&library(options)).same();
    }
    are_honoured(
        &linkers,
        &[
            &["--lto-basic-block-sections=all", "--lto-unique-basic-block-section-names"],
            &["--lto-basic-block-address-map"],
            &["-mllvm=-code-model=large"],
            &["-plugin-opt=-stack-size-section"],
            &["-mllvm=-inline-threshold=0", "-mllvm", "-tail-dup-size=5", "-mllvm=-unroll-count=3"],
            &["-mllvm", "-align-all-functions=6"],
            &["--lto-cs-profile-generate"],
        ],
    );
}

#[test]
fn profiles_and_lists() {
    let linkers = TwoLinkers::program();
    linkers.write("sample.prof", "shape:90000:10\n 2: 9000\n 2.1: 8000 area:8000\nname:5:1\n 1: 5\n");
    linkers.write("other.prof", "chosen:5:5\n 0: 5\nproduct:80000:9\n 1: 9\n 2: 9000\n");
    for source in ["main.c", "area.c", "names.c"] {
        // Only functions with the front end's attribute are profiled.
        let profiled = ["-gmlt", "-fdebug-info-for-profiling", "-fprofile-sample-use=other.prof"];
        linkers.compile(source, &[&THIN[..], &profiled].concat());
    }
    linkers.write("blocks", "!area\n!!0\n!clamp\n!!0\n!!1\n");
    are_honoured(
        &linkers,
        &[&["--lto-sample-profile=sample.prof"], &["-plugin-opt=sample-profile=sample.prof"]],
    );
    linkers.link(&library(&["--lto-basic-block-sections=blocks"])).same();
    // Hooks of lld's are in this process: so are the jobs.
    let opt = ["--lto-sample-profile=sample.prof", "--save-temps=opt"];
    linkers.link(&library(&opt)).same_files_but(|name| name.ends_with(".bc"));
}

#[test]
fn options_that_change_no_bytes() {
    let linkers = TwoLinkers::program();
    let plain = linkers.link(&library(&[])).same();
    for options in [
        &["--thinlto-jobs=1"][..],
        &["--thinlto-jobs=all"],
        &["-plugin-opt=jobs=3"],
        &["--threads=1"],
        &["--disable-verify"],
        &["-plugin-opt=disable-verify"],
        &["--no-lto-pgo-warn-mismatch"],
        &["--lto-known-safe-vtables=_ZTV1A"],
        &["--lto-partitions=2"],
        &["--lto-O2"],
        &["--verbose"],
        &["--stats"],
    ] {
        let linked = linkers.link(&library(options));
        // Memory and times are among the statistics.
        let linked = if options == ["--stats"] { linked.same_files() } else { linked.same() };
        assert!(linked.file("lib.so") == plain.file("lib.so"), "{options:?}");
    }
    // Partitions are of what is not ThinLTO.
    for source in ["main.c", "names.c"] {
        linkers.compile(source, &["-O2", "-fPIC", "-fcommon", "-flto=full"]);
    }
    linkers.link(&library(&["--lto-partitions=2"])).same();
}

#[test]
fn what_only_llds_own_backends_know_goes_to_them() {
    let linkers = TwoLinkers::program();
    let of_their_own = TwoLinkers::program();
    of_their_own.compile("area.c", &[&THIN[..], &["-frecord-command-line"]].concat());
    for options in [
        &["--lto-newpm-passes=default<O1>"][..],
        &["--lto-newpm-passes=default<O2>", "--lto-aa-pipeline=basic-aa"],
        &["--opt-remarks-filename", "remarks", "--opt-remarks-passes", "inline"],
        &["-plugin-opt=opt-remarks-filename=remarks", "-plugin-opt=opt-remarks-format=yaml"],
        &["-plugin-opt=stats-file=stats"],
        &["--lto-emit-asm"],
        &["-mllvm=-pass-remarks=inline", "--threads=1"],
        &["--lto-debug-pass-manager", "--threads=1"],
    ] {
        // Counters of what LLVM did are of the process, and lld's process does the same as ours.
        linkers.link(&library(options)).same();
        let linked = of_their_own.link(&library(options)).same_files();
        let option = options[0].trim_start_matches('-').trim_start_matches("mllvm=-");
        let option = option.split('=').find(|part| *part != "plugin-opt").unwrap();
        linked.says("lld's own backends compile this link").says(option);
    }
    // All modules are written to the one output, so there is one.
    for option in ["--lto-emit-llvm", "-plugin-opt=emit-llvm"] {
        let args = ["area.o", option, "-shared", "-o", "area.bc"];
        assert!(linkers.link(&args).same().file("area.bc").starts_with(b"BC"));
        of_their_own.link(&args).same_files().says("--lto-emit-llvm");
    }
    let both = ["area.o", "--lto-emit-llvm", "--save-temps", "-shared", "-o", "area.bc"];
    linkers.link(&both).same();
    of_their_own.link(&both).same_files().says("--lto-emit-llvm");
    // Who asks for more than a link hears that there is none of it.
    let said = linkers
        .ours(&[&library(&["--lto-emit-asm"])[..], &["--thinfarm-profile=p.json".to_owned()]].concat());
    assert!(said.succeeded().stderr.contains("nothing is measured"));
}

#[test]
fn a_distributor_is_llds() {
    let linkers = TwoLinkers::program();
    let distributor = ["--thinlto-distributor=/bin/false", "--thinlto-remote-compiler=clang"];
    linkers.link(&library(&distributor)).fails(&["DTLTO backend compilation"]);
}

#[test]
fn wrong_options_are_llds_to_refuse() {
    let linkers = TwoLinkers::program();
    for option in ["--lto-O9", "--lto-CGO7", "--thinlto-jobs=foo", "--no-such-option", "-plugin-opt=nonsense"]
    {
        linkers.link(&library(&[option])).fails(&["error:"]);
    }
    linkers.link(&library(&["-mllvm", "-no-such-option"])).fails(&["Unknown command line argument"]);
}
