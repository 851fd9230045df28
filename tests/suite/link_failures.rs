//! Links that fail: lld's words where lld finds the fault, the module's name where a backend does, and in any case
//! no output and nothing left behind.

use std::fs;
use std::process::Command;

use crate::fixture::run;
use crate::two_linkers::{OBJECTS, THIN, TwoLinkers};

/// A function with an instruction that does not exist: found when code is generated.
fn broken(name: &str) -> String {
    format!("int {name}(int x) {{ __asm__ volatile(\"nosuch_{name} %0\" : \"+r\"(x)); return x; }}\n")
}

fn library<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&OBJECTS[..], more, &["-shared", "-o", "lib.so"]].concat()
}

#[test]
fn symbols_that_are_missing_or_there_twice() {
    let linkers = TwoLinkers::program();
    linkers.add("calls.c", "int nowhere(int); int calls(int x) { return nowhere(x) + 1; }\n", &THIN);
    linkers.add("again.c", "int area(int a, int b) { return a + b; }\n", &THIN);
    linkers.link(&library(&["calls.o", "-z", "defs"])).fails(&["undefined symbol: nowhere", "calls.o"]);
    linkers.link(&library(&["again.o"])).fails(&["duplicate symbol: area"]);
    linkers
        .link_by_clang(&[&OBJECTS[..], &["calls.o", "-Wl,-u,calls", "-o", "prog"]].concat())
        .fails(&["undefined symbol"]);
    linkers.link(&library(&["absent.o"])).fails(&["cannot open absent.o"]);
    linkers.link(&library(&["-labsent"])).fails(&["unable to find library -labsent"]);
}

#[test]
fn modules_that_are_damaged() {
    let linkers = TwoLinkers::program();
    linkers.write("good.o", fs::read(linkers.path("area.o")).unwrap());
    let mut bytes = fs::read(linkers.path("area.o")).unwrap();
    linkers.write("area.o", &bytes[..2000]);
    linkers.link(&library(&[])).fails(&["area.o"]);
    // Past what lld itself reads: the functions.
    bytes[1500..1516].fill(b'X');
    linkers.write("area.o", &bytes);
    linkers.link(&library(&[])).fails(&["error: area.o: "]);
}

#[test]
fn backends_that_fail_are_all_told() {
    let linkers = TwoLinkers::program();
    for name in ["first", "second"] {
        linkers.add(&format!("{name}.c"), &broken(name), &THIN);
    }
    linkers.write("lib.so", "what was there before");
    let failed = linkers.link(&library(&["first.o", "second.o"]));
    let failed = failed.fails(&["first.o", "second.o", "nosuch_first", "nosuch_second"]);
    for good in OBJECTS {
        assert!(!failed.ours.said.stderr.contains(good), "{good} is blamed: {}", failed.ours.said);
    }
    assert_eq!(fs::read(linkers.path("lib.so")).unwrap(), b"what was there before");
    let fast = ["first.o", "second.o", "--thinfarm-fail-fast", "--thinfarm-jobs=1"];
    let said = linkers.ours(&library(&fast));
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(said.stderr.matches("error: ").count(), 1, "{said}");
    linkers.leaves_nothing();
}

#[test]
fn more_failures_than_lld_tells_of() {
    let linkers = TwoLinkers::new();
    linkers.add("one.c", &broken("one"), &THIN);
    let modules: Vec<String> = (0..30).map(|number| format!("{number}.o")).collect();
    for module in &modules {
        linkers.write(module, fs::read(linkers.path("one.o")).unwrap());
    }
    // lld ends the process after 20 errors.
    let mut args: Vec<&str> = modules.iter().map(String::as_str).collect();
    args.extend(["-z", "muldefs", "-shared", "-u", "one", "-o", "lib.so"]);
    let said = linkers.ours(&args);
    assert_eq!(said.code, Some(1), "{said}");
    linkers.leaves_nothing();
}

#[test]
fn options_of_a_file_that_make_no_job() {
    let linkers = TwoLinkers::program();
    linkers.write("thinfarm.toml", "[[rule]]\nmodules = [\"area.o\"]\nadd = [\"-fno-such-option\"]\n");
    let said = linkers.ours(&library(&[]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("area.o") && said.stderr.contains("-fno-such-option"), "{said}");
    assert!(!linkers.path("lib.so").exists());
    linkers.leaves_nothing();
}

#[test]
fn outputs_that_cannot_be_written() {
    let linkers = TwoLinkers::program();
    for output in ["no/such/directory/lib.so", "main.c/lib.so"] {
        let args = [&OBJECTS[..], &["-shared", "-o", output]].concat();
        linkers.link(&args).fails(&["cannot open output file"]);
    }
    linkers
        .link(&[&OBJECTS[..], &["-shared", "-o", "/dev/full"]].concat())
        .fails(&["No space left on device"]);
    let temps = ["--save-temps", "-shared", "-o", "main.c/lib.so"];
    linkers.link(&[&OBJECTS[..], &temps].concat()).fails(&["main.c/lib.so"]);
    // LLVM ends the process, from a thread of the farm.
    fs::create_dir(linkers.path("area.o.0.preopt.bc")).unwrap();
    let said = linkers.ours(&library(&["--save-temps"]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("area.o.0.preopt.bc"), "{said}");
    linkers.leaves_nothing();
    // lld aborts here.
    let said = linkers.ours(&library(&["-plugin-opt=dwo_dir=main.c/dwo"]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("error: cannot create main.c/dwo: Not a directory"), "{said}");
    linkers.leaves_nothing();
}

#[test]
fn temporaries_that_cannot_be_written() {
    let linkers = TwoLinkers::program();
    let missing = linkers.path("missing");
    // lld needs none, and who asks for one is told where it would be.
    let mut linker = linkers.command(linkers.linker());
    linker.env("TMPDIR", &missing).args(library(&["--save-temps"])).arg("--thinfarm-verify-with=clang");
    run(&mut linker).succeeded();

    // A file can have one block, and none of the objects fits.
    for module in ["full", "more"] {
        linkers.add(&format!("{module}.c"), &format!("int {module}[9000] = {{1}};\n"), &THIN);
    }
    let mut limited: Command = linkers.command("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]).arg(linkers.linker());
    let said = run(limited.args(library(&["full.o", "more.o"])));
    assert_eq!(said.code, Some(1), "{said}");
    // What is too large is the library, as with lld.
    assert!(said.stderr.contains("lib.so: File too large"), "{said}");
    assert!(!linkers.path("lib.so").exists());
    linkers.leaves_nothing();
}
