//! `--incremental`: only what changed is compiled, every object is the one a full run makes, and nothing that
//! can happen to the file it remembers in leads to a wrong one.

use std::fs::{self, File};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::{Link, NATIVE, Said, llvm_tool, run, thinfarm};
use crate::interrupt::compile_long;

/// `names.o` imports nothing and is imported by nobody; `shape.o` imports from `area.o`.
const MODULES: [&str; 3] = ["shape.o", "area.o", "names.o"];

/// The default name, beside the list.
const STATE: &str = "list.thinfarm";

fn incremental(link: &Link, more: &[&str]) -> Said {
    let mut thinfarm = thinfarm();
    thinfarm.current_dir(link.dir()).args(["backend", "--incremental", "-v", "--list", "list"]);
    run(thinfarm.args(more).args(["--", "-O2"]))
}

/// Runs and panics unless exactly these modules were compiled, each with the reason given, and every object is
/// clang's.
#[track_caller]
fn compiles(link: &Link, expected: &[(&str, &str)]) {
    let said = incremental(link, &[]).succeeded();
    for module in MODULES {
        let reason = expected.iter().find(|(stale, _)| *stale == module).map(|(_, reason)| *reason);
        let told = said.stderr.lines().find_map(|line| line.strip_prefix(&format!("{module}: ")));
        assert_eq!(told, reason, "{module}: {said}");
        link.same_as_clang(module, &module.replace(".o", NATIVE));
    }
    let up_to_date = format!("{} up to date", MODULES.len() - expected.len());
    assert!(expected.len() == MODULES.len() || said.stderr.contains(&up_to_date), "{said}");
}

/// A link whose objects are made and remembered.
fn link() -> Link {
    let link = Link::new();
    compiles(&link, &MODULES.map(|module| (module, "new")));
    link
}

fn compile(link: &Link, source: &str) {
    let mut clang = link.command(llvm_tool("clang"));
    let module = source.replace(".c", ".o");
    run(clang.args(["-flto=thin", "-fPIC", "-O2", "-c", source, "-o", &module])).succeeded();
}

fn relink(link: &Link) {
    link.thin_link(&MODULES, &[]);
}

fn edit(link: &Link, source: &str, from: &str, to: &str) {
    let text = String::from_utf8(link.read(source)).unwrap();
    assert!(text.contains(from));
    link.write(source, text.replace(from, to));
    compile(link, source);
    relink(link);
}

#[test]
fn nothing_changed() {
    let link = link();
    compiles(&link, &[]);
    // Every module and index written anew, with the same content and another time.
    for source in ["shape.c", "area.c", "names.c"] {
        compile(&link, source);
    }
    relink(&link);
    compiles(&link, &[]);
    assert!(incremental(&link, &[]).stderr.contains("nothing to compile"));
}

#[test]
fn a_module_that_stands_alone() {
    let link = link();
    edit(&link, "names.c", "square", "circle");
    compiles(&link, &[("names.o", "the module changed")]);
    compiles(&link, &[]);
}

#[test]
fn a_module_that_others_import_from() {
    let link = link();
    edit(&link, "area.c", "scale += 2", "scale += 3");
    compiles(&link, &[("area.o", "the module changed"), ("shape.o", "the index changed")]);
    // Without a new thin link the indexes say nothing of it.
    link.write("area.c", String::from_utf8(link.read("area.c")).unwrap().replace("scale += 3", "scale += 4"));
    compile(&link, "area.c");
    compiles(&link, &[("area.o", "the module changed"), ("shape.o", "an imported module changed")]);
    // Too large to be imported now: the index of who imported it says something else.
    edit(&link, "area.c", "int area(int a, int b) {", "__attribute__((noinline)) int area(int a, int b) {");
    let said = incremental(&link, &[]).succeeded();
    assert!(
        said.stderr.contains("area.o: the module changed") && said.stderr.contains("shape.o: "),
        "{said}"
    );
    link.same_as_clang("shape.o", "shape.thinlto-native.o");
}

#[test]
fn options_and_the_files_they_name() {
    let link = link();
    let with = |flags: &[&str]| {
        let args = [&["backend", "--incremental", "--list", "list", "--"], flags].concat();
        link.thinfarm(&args).succeeded()
    };
    assert!(with(&["-O2", "-DX", "-Wall", "-flto=thin"][..3]).stderr.contains("nothing to compile"));
    assert!(with(&["-O3"]).stderr.contains("3 objects"));
    link.write("profile.txt", "shape:100:10\n 1: 10\n");
    let profiled = ["-O2", "-fprofile-sample-use=profile.txt"];
    assert!(with(&profiled).stderr.contains("3 objects"));
    assert!(with(&profiled).stderr.contains("nothing to compile"));
    link.write("profile.txt", "shape:900:90\n 1: 90\n");
    assert!(with(&profiled).stderr.contains("3 objects"));
    // LLVM has options of its own that name files; one that is missing is not an empty one.
    let llvm = ["-O2", "-mllvm", "-fs-profile-file=flow.txt"];
    let all = |compiled: &str, why: &str| assert!(with(&llvm).stderr.contains(compiled), "{why}");
    all("3 objects", "an option more");
    all("nothing to compile", "the file is missing still");
    link.write("flow.txt", "");
    all("3 objects", "it is empty");
    all("nothing to compile", "the same");
    link.write("flow.txt", "shape:900:90\n 1: 90\n");
    all("3 objects", "it has other contents");
    all("nothing to compile", "the same");
    link.remove("flow.txt");
    all("3 objects", "it is missing again");
    std::fs::create_dir(link.path("flow.txt")).unwrap();
    all("3 objects", "a directory");
    all("3 objects", "what is in a directory is not known");
}

/// The kernel's configs.c is such a module: nothing but the assembler knows that a file is read.
#[test]
fn files_that_assembly_reads() {
    let link = Link::new();
    link.write("data", "one");
    fs::create_dir(link.path("more")).unwrap();
    link.write("more/extra", "two");
    let source = "__asm__(\".section .rodata\\n.globl blob\\nblob: .incbin \\\"data\\\"\\n.previous\");\n\
                  int f(int x) { __asm__(\"# %0\\n.pushsection .x\\n.incbin \\\"extra\\\"\\n.popsection\" : \"+r\"(x));\n\
                  return x; }\n";
    link.write("blob.c", source);
    let flags = ["-O2", "-fPIC", "-Wa,-Imore"];
    run(link.command(llvm_tool("clang")).args(flags).args(["-flto=thin", "-c", "blob.c"])).succeeded();
    link.thin_link(&["names.o", "blob.o"], &[]);
    let farm =
        || link.thinfarm(&[&["backend", "--incremental", "-v", "--list", "list", "--"], &flags[..]].concat());
    assert!(farm().succeeded().stderr.contains("2 objects"));
    assert!(farm().succeeded().stderr.contains("nothing to compile"));
    // The last one is found before the one it hides.
    for file in ["data", "more/extra", "extra"] {
        link.write(file, "changed");
        let said = farm().succeeded();
        assert!(said.stderr.contains("blob.o: a file that options or assembly read changed"), "{said}");
        assert!(said.stderr.contains("1 objects"), "{said}");
        let object = link.read("blob.thinlto-native.o");
        assert!(object.windows(7).any(|bytes| bytes == b"changed"), "{file}");
    }
    assert!(farm().succeeded().stderr.contains("nothing to compile"));
}

#[test]
fn assembly_that_only_an_assembler_understands() {
    let link = Link::new();
    link.write("more.s", ".globl more\nmore: .incbin \"data\"\n");
    link.write("data", "one");
    link.write("blob.c", "__asm__(\".include \\\"more.s\\\"\");\n");
    compile(&link, "blob.c");
    link.thin_link(&["names.o", "blob.o"], &[]);
    incremental(&link, &[]).succeeded();
    let said = incremental(&link, &[]).succeeded();
    assert!(said.stderr.contains("blob.o: its assembly reads files"), "{said}");
    assert!(said.stderr.contains("1 objects") && said.stderr.contains("1 up to date"), "{said}");
}

#[test]
fn objects_that_are_not_as_they_were_written() {
    let link = link();
    let reason = "the object is missing or was changed";
    link.remove("names.thinlto-native.o");
    compiles(&link, &[("names.o", reason)]);
    link.write("area.thinlto-native.o", "short");
    compiles(&link, &[("area.o", reason)]);
    let object = File::options().append(true).open(link.path("shape.thinlto-native.o")).unwrap();
    object.set_modified(SystemTime::now() - Duration::from_secs(100)).unwrap();
    compiles(&link, &[("shape.o", reason)]);
}

#[test]
fn a_file_that_is_of_no_use() {
    let link = link();
    let good = String::from_utf8(link.read(STATE)).unwrap();
    let others = good.replacen("thinfarm ", "thickfarm ", 1);
    for (bad, told) in [(others.as_str(), "another build"), ("{\"state\":{\"version\":", "damaged")] {
        link.write(STATE, bad);
        let said = incremental(&link, &[]).succeeded();
        assert!(said.stderr.contains("warning") && said.stderr.contains(told), "{said}");
        assert!(said.stderr.contains("3 objects"), "{said}");
        compiles(&link, &[]);
    }
    link.write(STATE, "int main(void);");
    incremental(&link, &[]).failed_on(STATE, &["not written over"], &[]);
    assert_eq!(link.read(STATE), b"int main(void);");
    link.write(STATE, "");
    incremental(&link, &[]).succeeded();

    // A line cut off by the end of a run, and one that is none, cost their objects only.
    let good = String::from_utf8(link.read(STATE)).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let shape = lines.iter().position(|line| line.contains("shape.thinlto-native.o")).unwrap();
    let mut cut = lines.clone();
    cut[shape] = &lines[shape][..40];
    link.write(STATE, cut.join("\n"));
    let said = incremental(&link, &[]).succeeded();
    assert!(said.stderr.contains("1 objects") && said.stderr.contains("2 up to date"), "{said}");
    compiles(&link, &[]);
}

#[test]
fn a_place_where_nothing_can_be_remembered() {
    let link = Link::new();
    let said = link.thinfarm(&["backend", "--incremental=no/such/state", "--list", "list", "--", "-O2"]);
    said.failed_on("no/such/state", &["No such file"], &MODULES);
    let said = link.thinfarm(&["backend", "--incremental", "shape.o", "--", "-O2"]);
    said.failed_on("--incremental=FILE", &["needs a file"], &MODULES);
    let said = link.thinfarm(&["backend", "--incremental=mine", "shape.o", "--", "-O2"]).succeeded();
    assert!(said.stderr.contains("1 objects") && link.path("mine").exists(), "{said}");
}

/// A failed job is tried again, and only that one.
#[test]
fn a_job_that_fails() {
    let link = link();
    let index = link.read("area.o.thinlto.bc");
    link.write("area.o.thinlto.bc", "nonsense");
    for _ in 0..2 {
        let said = incremental(&link, &[]);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains("failed: area.o") && said.stderr.contains("2 up to date"), "{said}");
    }
    link.write("area.o.thinlto.bc", index);
    assert!(incremental(&link, &[]).succeeded().stderr.contains("1 objects"));
    compiles(&link, &[]);
}

/// What was finished before a signal is not done again.
#[test]
fn a_run_that_is_interrupted() {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let link = Link::new();
        compile_long(&link, 200);
        link.write("list", "long.o\nshape.o\narea.o\nnames.o\n");
        let farm = || {
            let mut thinfarm = thinfarm();
            thinfarm.current_dir(link.dir());
            thinfarm.args(["backend", "-j2", "--incremental", "--list", "list", "--", "-O2"]);
            thinfarm
        };
        let mut child = farm().stderr(Stdio::null()).spawn().unwrap();
        let is_remembered = |module: &str| {
            let state = fs::read_to_string(link.path(STATE)).unwrap_or_default();
            state.contains(&module.replace(".o", NATIVE))
        };
        while !MODULES.into_iter().all(is_remembered) {
            assert!(child.try_wait().unwrap().is_none(), "the long job was too short");
            sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert!(!child.wait().unwrap().success());
        let said = run(&mut farm()).succeeded();
        assert!(
            said.stderr.contains("1 objects") && said.stderr.contains("3 up to date"),
            "{signal}: {said}"
        );
    }
}

/// With the objects of an incremental run the oracle looks at all.
#[test]
fn verification_is_of_all_objects() {
    let link = link();
    edit(&link, "names.c", "square", "circle");
    let said = incremental(&link, &["--verify-with", "clang"]).succeeded();
    assert!(said.stderr.contains("1 objects") && said.stderr.contains("3 identical of 3"), "{said}");
    // Objects that were only looked at are as they were.
    compiles(&link, &[]);
}

/// Two runs that share a file each compile what they find stale, and leave a file of use.
#[test]
fn two_runs_at_once() {
    let link = Link::new();
    let start = || {
        let mut thinfarm = thinfarm();
        thinfarm.current_dir(link.dir()).args(["backend", "--incremental", "--list", "list", "--", "-O2"]);
        thinfarm.spawn().unwrap()
    };
    let mut runs = [start(), start()];
    for run in &mut runs {
        assert!(run.wait().unwrap().success());
    }
    let said = incremental(&link, &[]).succeeded();
    assert!(!said.stderr.contains("warning"), "{said}");
    compiles(&link, &[]);
}
