//! What a link writes besides its output.

use std::fs;
use std::path::Path;

use crate::fixture::{llvm_tool, run};
use crate::two_linkers::{OBJECTS, PRINTS, Pair, TwoLinkers};

#[track_caller]
fn link(linkers: &TwoLinkers, options: &[&str]) -> Pair {
    linkers.link(&[&OBJECTS[..], options, &["-shared", "-o", "lib.so"]].concat())
}

#[test]
fn maps_and_dependencies() {
    let linkers = TwoLinkers::program();
    let linked =
        link(&linkers, &["-Map=map", "--cref", "--dependency-file=deps", "--why-extract=why"]).same();
    assert!(String::from_utf8_lossy(linked.file("deps")).contains("names.o"));
    link(&linkers, &["--print-map"]).same();
    link(&linkers, &["--trace", "--trace-symbol=area"]).same();
    link(&linkers, &["--print-symbol-order=order", "--call-graph-profile-sort=hfsort"]).same();
}

/// Panics unless bitcode that both wrote is, disassembled, the same.
#[track_caller]
fn same_modules(linkers: &TwoLinkers, linked: &Pair) {
    for (name, theirs) in &linked.lld.files {
        let text = |bytes: &[u8]| {
            linkers.write("module.bc", bytes);
            run(linkers.command(llvm_tool("llvm-dis")).args(["module.bc", "-o", "-"])).succeeded().stdout
        };
        if theirs.starts_with(b"BC") {
            assert!(text(theirs) == text(&linked.ours.files[name]), "{} differs", name.display());
        }
    }
}

#[test]
fn intermediate_results() {
    let linkers = TwoLinkers::program();
    for option in [
        "--save-temps",
        "-plugin-opt=save-temps",
        "--save-temps=resolution",
        "--save-temps=preopt",
        "--save-temps=promote",
        "--save-temps=internalize",
        "--save-temps=import",
        "--save-temps=opt",
        "--save-temps=precodegen",
        "--save-temps=prelink",
        "--save-temps=combinedindex",
    ] {
        // Bitcode lists kinds of metadata by what was registered in a context before, whether used or not.
        let linked = link(&linkers, &[option]).same_files_but(|name| name.ends_with(".bc"));
        assert!(linked.ours.files.len() > 1, "{option}");
        assert!(linked.ours.said.stderr.is_empty(), "{}", linked.ours.said);
        if option == "--save-temps" {
            same_modules(&linkers, &linked);
        }
    }
    // Members of archives, and modules of other kinds.
    linkers.compile("names.c", &["-O2", "-fPIC", "-fcommon", "-flto=full"]);
    linkers.tool("llvm-ar", &["rc", "lib.a", "area.o", "names.o"]);
    let args = ["-shared", "main.o", "--whole-archive", "lib.a", "--save-temps", "-o", "lib.so"];
    linkers.link(&args).same_files_but(|name| name.ends_with(".bc"));
}

#[test]
fn native_objects() {
    let linkers = TwoLinkers::program();
    let linked = link(&linkers, &["--lto-obj-path=obj"]).same();
    assert!(linked.file("obj1").starts_with(b"\x7fELF"));
    link(&linkers, &["-plugin-opt=obj-path=dir.o"]).same();
    linkers.compile("names.c", &["-O2", "-fPIC", "-fcommon", "-flto=full"]);
    link(&linkers, &["--lto-obj-path=obj"]).same();
    let relocatable = ["-r", "area.o", "-o", "area.native.o", "--lto-obj-path=obj"];
    linkers.link(&relocatable).same();
}

#[test]
fn indexes() {
    let linkers = TwoLinkers::program();
    linkers.tool("llvm-ar", &["rc", "lib.a", "area.o", "names.o"]);
    let archive = ["main.o", "lib.a", "-shared", "-o", "lib.so"];
    for options in [
        &["--thinlto-index-only"][..],
        &["--thinlto-index-only=LIST"],
        &["-plugin-opt=thinlto-index-only=LIST", "--thinlto-emit-imports-files"],
        &["--thinlto-index-only=LIST", "--thinlto-prefix-replace=;out/;obj/"],
        &["--thinlto-index-only=LIST", "--thinlto-object-suffix-replace=.o;.x"],
        &["--thinlto-index-only=LIST", "--lto-obj-path=object"],
        &["--thinlto-emit-index-files"],
        &["--thinlto-emit-index-files", "--thinlto-emit-imports-files"],
        &["-plugin-opt=thinlto-emit-imports-files", "--thinlto-index-only"],
    ] {
        link(&linkers, options).same();
        linkers.link(&[&archive[..], options].concat()).same();
    }
}

#[test]
fn a_single_module() {
    let linkers = TwoLinkers::program();
    for module in ["area", "names.o", "main.o", "nothing"] {
        link(&linkers, &[&format!("--thinlto-single-module={module}"), "--lto-obj-path=obj"]).same();
    }
}

#[test]
fn a_time_trace_has_the_jobs() {
    let linkers = TwoLinkers::program();
    for (option, file) in [("--time-trace", "lib.so.time-trace"), ("--time-trace=trace.json", "trace.json")] {
        let args = [option, "--time-trace-granularity=0", "--thinlto-jobs=2"];
        let linked = link(&linkers, &args).same_files_but(|name| name == file);
        let trace: serde_json::Value = serde_json::from_slice(linked.file(file)).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("events");
        let spans = |name: &str| events.iter().filter(|event| event["name"] == name).count();
        for (name, count) in [("LTO", 1), ("Import functions", 3), ("opt", 3), ("codegen", 3)] {
            assert!(spans(name) >= count, "{} of {name}, not {count}", spans(name));
        }
    }
}

#[test]
fn a_link_to_reproduce() {
    let linkers = TwoLinkers::program();
    linkers.tool("llvm-ar", &["rc", "lib.a", "area.o", "names.o"]);
    linkers.write("options", "--thinfarm-jobs=1 --defsym=more=area");
    let plain = ["main.o", "lib.a", "-shared", "-o", "lib.so", "--reproduce=again.tar"];
    let linked = linkers.link(&plain).same();
    // An option of ours is nothing that lld can reproduce.
    let ours = linkers.ours(&[&plain[..], &["@options"]].concat()).succeeded();
    assert!(ours.stderr.is_empty(), "{ours}");
    run(linkers.command("tar").args(["xf", "again.tar"])).succeeded();
    let again = linkers.path("again");
    let response = fs::read_to_string(again.join("response.txt")).unwrap();
    assert!(!response.contains("thinfarm-jobs") && response.contains("--defsym"), "{response}");
    run(linkers.command(llvm_tool("ld.lld")).current_dir(&again).arg("@response.txt")).succeeded();
    let made = fs::read(again.join(Path::new("lib.so"))).unwrap();
    assert!(made == fs::read(linkers.path("lib.so")).unwrap(), "the tar links to something else");
    assert!(made != linked.file("lib.so"), "the symbol of the response file is missing");
}

#[test]
fn two_links_at_once_in_one_directory() {
    let linkers = TwoLinkers::program();
    let expected = linkers.link_by_clang(&[&OBJECTS[..], &["-o", "prog"]].concat()).same();
    let links: Vec<_> = (0..4)
        .map(|number| {
            let output = format!("prog{number}");
            let args = [&OBJECTS[..], &["-o", output.as_str()]].concat();
            (linkers.clang(&linkers.linker(), &args).spawn().expect("clang to start"), output)
        })
        .collect();
    for (mut link, output) in links {
        assert!(link.wait().unwrap().success());
        assert!(fs::read(linkers.path(&output)).unwrap() == expected.file("prog"), "{output}");
    }
    linkers.leaves_nothing();
    expected.runs("prog3", PRINTS);
}
