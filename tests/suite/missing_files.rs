//! Commands that name files which are gone, or which lie elsewhere than where the link runs: another machine, a cleaned
//! build, a container, make in a directory below.

use std::fs;

use crate::fixture::{Link, Said, llvm_tool, run};
use crate::two_linkers::{OBJECTS, TwoLinkers};

/// How modules are compiled whose objects are compared.
const RECORDED: [&str; 5] = ["-O2", "-fPIC", "-fcommon", "-flto=thin", "-frecord-command-line"];

/// The one function of `area.c` that gets sections of its own for its basic blocks.
const CLUSTER: &str = "!area\n";

/// Links `objects` with `options`, keeps the native objects as `obj1` and so on, and returns what was said.
fn link(linkers: &TwoLinkers, objects: &[&str], options: &[&str]) -> Said {
    let args = [objects, options, &["-shared", "--lto-obj-path=obj", "-o", "lib.so"]].concat();
    linkers.ours(&args)
}

/// Panics unless `obj` is the object that clang makes of `module`, one of `objects`, with `flags`.
#[track_caller]
fn is_clangs(linkers: &TwoLinkers, obj: &str, objects: &[&str], module: &str, flags: &[&str]) {
    let indexes = ["-shared", "--thinlto-index-only", "-o", "unused.so"];
    run(linkers.command(llvm_tool("ld.lld")).args(objects).args(indexes)).succeeded();
    let index = format!("-fthinlto-index={module}.thinlto.bc");
    let job = ["-fno-lto", "-x", "ir", &index, "-c", module, "-o", "clang.out"];
    run(linkers.command(llvm_tool("clang")).args(flags).args(job)).succeeded();
    let (clangs, ours) = (fs::read(linkers.path("clang.out")).unwrap(), fs::read(linkers.path(obj)).unwrap());
    assert!(clangs == ours, "{module} is not compiled as by clang with {flags:?}");
}

fn warnings(said: &Said) -> Vec<&str> {
    said.stderr.lines().filter(|line| line.contains("warning:")).collect()
}

#[test]
fn what_only_the_front_end_read_is_not_wanted() {
    let linkers = TwoLinkers::program();
    linkers.write("list", "src:nothing\n");
    linkers.write("xray", "[always]\nfun:nothing\n");
    linkers.write("pre.h", "");
    let backend = ["-fsanitize=undefined", "-fsanitize-trap=all", "-fxray-instrument"];
    let front_end = [
        "-fsanitize-ignorelist=list",
        "-fxray-attr-list=xray",
        "-fxray-always-instrument=list",
        "-fxray-never-instrument=list",
        "-fprofile-list=list",
        "-fsanitize-coverage=func,trace-pc-guard",
        "-fsanitize-coverage-allowlist=list",
        "-fsanitize-coverage-ignorelist=list",
        "-include",
        "pre.h",
        "-MD",
        "-MF",
        "area.d",
        "--serialize-diagnostics",
        "area.dia",
    ];
    linkers.compile("area.c", &[&RECORDED[..], &backend, &front_end].concat());
    for name in ["list", "xray", "pre.h", "area.dia"] {
        fs::remove_file(linkers.path(name)).unwrap();
    }
    let said = link(&linkers, &OBJECTS, &[]).succeeded();
    assert!(said.stderr.is_empty(), "{said}");
    assert!(!linkers.path("area.dia").exists(), "a backend writes a file of the front end");
    is_clangs(&linkers, "obj2", &OBJECTS, "area.o", &[&["-O2", "-fPIC"], &backend[..]].concat());
}

#[test]
fn what_a_backend_reads_is_told_and_the_option_left_out() {
    let linkers = TwoLinkers::program();
    linkers.write("s.prof", "area:10:1\n 1: 5\n");
    linkers.write("bb", CLUSTER);
    linkers.write("p.proftext", ":ir\nf\n5\n1\n5\n\n");
    linkers.tool("llvm-profdata", &["merge", "p.proftext", "-o", "p.profdata"]);
    for (option, file) in [
        ("-fprofile-use=p.profdata", "p.profdata"),
        ("-fprofile-sample-use=s.prof", "s.prof"),
        ("-fbasic-block-sections=list=bb", "bb"),
    ] {
        linkers.compile("area.c", &[&RECORDED[..], &["-Wno-everything", option]].concat());
        let there = link(&linkers, &OBJECTS, &[]).succeeded();
        assert!(there.stderr.is_empty(), "{there}");
        is_clangs(&linkers, "obj2", &OBJECTS, "area.o", &["-O2", "-fPIC", option]);

        let kept = fs::read(linkers.path(file)).unwrap();
        fs::remove_file(linkers.path(file)).unwrap();
        let said = link(&linkers, &OBJECTS, &[]).succeeded();
        let told = warnings(&said);
        assert_eq!(told.len(), 1, "{said}");
        for word in ["area.o", option, file, "is not there", "--thinfarm-missing-options"] {
            assert!(told[0].contains(word), "no {word} in {said}");
        }
        is_clangs(&linkers, "obj2", &OBJECTS, "area.o", &["-O2", "-fPIC"]);

        let said = link(&linkers, &OBJECTS, &["--thinfarm-missing-options=ignore"]).succeeded();
        assert!(said.stderr.is_empty(), "{said}");
        link(&linkers, &OBJECTS, &["--thinfarm-missing-options=error"]).failed_on(
            "area.o",
            &[option],
            &["main.o"],
        );
        linkers.write(file, kept);
    }
}

/// Each of 7 modules names a file that is gone: the same, then one of its own.
#[test]
fn many_are_told_in_few_words() {
    let linkers = TwoLinkers::new();
    let names: Vec<String> = (0..7).map(|number| format!("f{number}")).collect();
    let objects: Vec<String> = names.iter().map(|name| format!("{name}.o")).collect();
    let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
    let compile = |list: &dyn Fn(&str) -> String| {
        for name in &names {
            linkers.write(list(name), "!f\n");
            let option = format!("-fbasic-block-sections=list={}", list(name));
            let text = format!("int {name}(int x) {{ return x + 3; }}\n");
            linkers.add(&format!("{name}.c"), &text, &[&RECORDED[..], &[&option]].concat());
            fs::remove_file(linkers.path(list(name))).unwrap();
        }
        link(&linkers, &objects, &[]).succeeded()
    };
    let said = compile(&|_| "bb".to_owned());
    assert_eq!(warnings(&said).len(), 1, "{said}");
    assert!(said.stderr.contains("f0.o, f1.o, f2.o, f3.o, f4.o and 2 more: "), "{said}");
    let said = compile(&|name| format!("bb-{name}"));
    assert_eq!(warnings(&said).len(), 6, "{said}");
    assert!(said.stderr.contains("2 more files"), "{said}");
}

/// make in a directory below: names in the command are relative to it, and only debug information says so.
#[test]
fn relative_names_are_those_of_the_directory_of_the_command() {
    let linkers = TwoLinkers::program();
    fs::create_dir_all(linkers.path("a/lib/o")).unwrap();
    fs::rename(linkers.path("area.c"), linkers.path("a/lib/area.c")).unwrap();
    linkers.write("a/lib/bb list", CLUSTER);
    // A file of the same name where the link runs, and another.
    linkers.write("bb list", "!clamp\n");
    let flags = ["-O2", "-fPIC", "-fbasic-block-sections=list=a/lib/bb list"];
    for debug in ["-g", "-g0"] {
        let mut clang = linkers.command(llvm_tool("clang"));
        clang
            .current_dir(linkers.path("a/lib"))
            .args(RECORDED)
            .args([debug, "-fbasic-block-sections=list=bb list"]);
        run(clang.args(["-c", "area.c", "-o", "o/area.o"])).succeeded();
        let objects = ["main.o", "a/lib/o/area.o", "names.o"];
        let said = link(&linkers, &objects, &[]).succeeded();
        assert!(said.stderr.is_empty(), "{debug}: {said}");
        let flags = [&flags[..], &[debug]].concat();
        is_clangs(&linkers, "obj2", &objects, "a/lib/o/area.o", &flags);
        let alone = fs::read(linkers.path("obj2")).unwrap();

        // In an archive of that directory, with no object beside it.
        linkers.tool("llvm-ar", &["rcS", "a/lib/area.a", "a/lib/o/area.o"]);
        fs::rename(linkers.path("a/lib/o/area.o"), linkers.path("moved.o")).unwrap();
        let archive = ["main.o", "--whole-archive", "a/lib/area.a", "names.o"];
        let said = link(&linkers, &archive, &[]).succeeded();
        assert!(said.stderr.is_empty(), "{debug}: {said}");
        let member = fs::read(linkers.path("obj2")).unwrap();
        assert!(member == alone, "{debug}: the member of an archive is another object");
        fs::remove_file(linkers.path("a/lib/area.a")).unwrap();
        fs::rename(linkers.path("moved.o"), linkers.path("a/lib/o/area.o")).unwrap();

        let mut explain = linkers.command(crate::fixture::thinfarm_path());
        let explained = run(explain.args(["explain", "a/lib/o/area.o"])).succeeded();
        let taken = linkers.path("a/lib").display().to_string();
        assert!(explained.stdout.contains(&taken), "no {taken} in {explained}");
    }
}

/// Every source that looks a command up; what a person gives on the command line stays an error.
#[test]
fn commands_that_are_looked_up_and_options_that_are_given() {
    let link = Link::new();
    let command =
        "clang -O2 -fPIC -fprofile-sample-use=gone.prof -fsanitize-ignorelist=gone -c -o area.o area.c";
    let database = format!("[{{\"directory\": \".\", \"file\": \"area.c\", \"command\": \"{command}\"}}]");
    link.write("compile_commands.json", database);
    link.write(".area.o.cmd", format!("savedcmd_area.o := {command}\n"));
    for source in ["compile-commands", "kbuild"] {
        let options = ["backend", "--options", source, "--list", "list"];
        let said =
            link.thinfarm(&[&options[..], &["--missing-options", "warn", "--", "-O2"]].concat()).succeeded();
        let told = warnings(&said);
        let about = told.iter().filter(|line| line.contains("area.o: -fprofile-sample-use=gone.prof: "));
        assert_eq!(about.count(), 1, "{said}");
        assert!(!said.stderr.contains("ignorelist"), "{said}");
        link.same_as_clang("area.o", "area.thinlto-native.o");
        let said = link.thinfarm(&[&options[..], &["--missing-options", "error", "--", "-O2"]].concat());
        assert!(said.code == Some(1) && said.stderr.contains("gone.prof"), "{said}");
    }
    let said = link.thinfarm(&["backend", "--list", "list", "--", "-O2", "-fprofile-sample-use=gone.prof"]);
    assert!(said.code == Some(1) && said.stderr.contains("no such file or directory: 'gone.prof'"), "{said}");
}
