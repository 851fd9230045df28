//! Kinds of inputs and the ways of naming them.

use std::fmt::Write;
use std::fs;

use crate::two_linkers::{PRINTS, THIN, TwoLinkers};

/// Links the program of these inputs by clang and runs it.
#[track_caller]
fn links_and_runs(linkers: &TwoLinkers, args: &[&str]) {
    linkers.link_by_clang(&[args, &["-o", "prog"]].concat()).same().runs("prog", PRINTS);
}

const KINDS: [(&str, &[&str]); 4] = [
    ("native", &["-O2", "-fPIC", "-fcommon"]),
    ("full", &["-O2", "-fPIC", "-fcommon", "-flto=full"]),
    ("fat", &["-O2", "-fPIC", "-fcommon", "-flto=thin", "-ffat-lto-objects"]),
    ("unified", &["-O2", "-fPIC", "-fcommon", "-flto=thin", "-funified-lto"]),
];

/// The program, each of whose sources is there as `NAME.KIND.o`, too.
fn all_kinds() -> TwoLinkers {
    let linkers = TwoLinkers::program();
    for (kind, flags) in KINDS {
        for name in ["main", "area", "names"] {
            linkers.compile_to(format!("{name}.{kind}.o"), &format!("{name}.c"), flags);
        }
    }
    linkers
}

#[test]
fn native_regular_thin_and_fat_in_one_link() {
    let linkers = all_kinds();
    links_and_runs(&linkers, &["main.o", "area.full.o", "names.native.o"]);
    links_and_runs(&linkers, &["main.full.o", "area.o", "names.o"]);
    links_and_runs(&linkers, &["main.o", "area.fat.o", "names.full.o", "-Wl,--fat-lto-objects"]);
    let machine_code = ["main.o", "area.fat.o", "names.o", "-o", "prog"];
    linkers.link_by_clang(&machine_code).says("area.fat.o has bitcode").same_files().runs("prog", PRINTS);
    links_and_runs(&linkers, &["main.fat.o", "area.fat.o", "names.fat.o", "-Wl,--fat-lto-objects"]);
    links_and_runs(&linkers, &["main.full.o", "area.full.o", "names.full.o"]);
    linkers.link(&["-r", "main.o", "area.full.o", "names.native.o", "-o", "all.o"]).same();
}

#[test]
fn unified_lto_as_either_kind() {
    let linkers = all_kinds();
    let objects = ["main.unified.o", "area.unified.o", "names.unified.o"];
    for mode in ["-Wl,--lto=thin", "-Wl,--lto=full", "-Wl,-O1"] {
        links_and_runs(&linkers, &[&objects[..], &[mode]].concat());
    }
}

#[test]
fn members_of_archives() {
    let linkers = TwoLinkers::program();
    for (name, bytes) in [("one/x.o", "area.o"), ("two/x.o", "names.o")] {
        linkers.write(name, fs::read(linkers.path(bytes)).unwrap());
    }
    linkers.tool("llvm-ar", &["rc", "lib.a", "area.o", "names.o"]);
    linkers.tool("llvm-ar", &["rc", "--thin", "thin.a", "area.o", "names.o"]);
    linkers.tool("llvm-ar", &["qc", "same.a", "one/x.o", "two/x.o"]);
    linkers.tool("llvm-ar", &["qc", "--thin", "thinsame.a", "one/x.o", "two/x.o"]);
    linkers.tool("llvm-ar", &["rc", "--thin", "nested.a", "thin.a"]);
    linkers.write("sub/deep.a", fs::read(linkers.path("lib.a")).unwrap());
    for archive in ["lib.a", "thin.a", "same.a", "thinsame.a", "nested.a", "sub/deep.a"] {
        links_and_runs(&linkers, &["main.o", archive]);
        let whole = ["main.o", "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive"];
        links_and_runs(&linkers, &whole);
    }
    links_and_runs(&linkers, &["main.o", "-Lsub", "-l:deep.a"]);
    links_and_runs(&linkers, &["-Wl,--start-group", "lib.a", "main.o", "thin.a", "-Wl,--end-group"]);
}

#[test]
fn libraries_without_an_archive() {
    let linkers = TwoLinkers::program();
    linkers.add("idle.c", "int idle(void) { return 1; }\n", &THIN);
    links_and_runs(&linkers, &["main.o", "-Wl,--start-lib", "area.o", "idle.o", "names.o", "-Wl,--end-lib"]);
    links_and_runs(&linkers, &["-Wl,--start-lib", "area.o", "names.o", "-Wl,--end-lib", "main.o"]);
}

#[test]
fn one_module_twice() {
    let linkers = TwoLinkers::program();
    let args = ["main.o", "area.o", "area.o", "names.o", "-z", "muldefs", "-shared", "-o", "lib.so"];
    linkers.link(&args).same_failure("at most one ThinLTO module per bitcode file");
}

#[test]
fn response_files() {
    let linkers = TwoLinkers::program();
    linkers.write("sp ace/it's.o", fs::read(linkers.path("names.o")).unwrap());
    linkers.write("objects", "main.o \"area.o\" 'sp ace/it'\\''s.o'\n-shared @more");
    linkers.write("more", "--defsym=more=main\n-o lib.so");
    let linked = linkers.link(&["@objects"]).same();
    assert!(!linked.file("lib.so").is_empty());

    // lld sees no option of ours, be it in a file.
    linkers.write("more", "--defsym=more=main --thinfarm-jobs=1\n-o lib.so --thinfarm-verbose");
    let said = linkers.ours(&["@objects"]).succeeded();
    assert!(said.stderr.contains("3 objects"), "{said}");
    assert!(fs::read(linkers.path("lib.so")).unwrap() == linked.file("lib.so"), "another library");
}

#[test]
fn three_thousand_inputs() {
    const COUNT: usize = 3000;
    let linkers = TwoLinkers::new();
    // One module, assembled that often with another name of its function.
    linkers.add("one.c", "int function_0000(int x) { return x + 1; }\n", &THIN);
    let mut list = String::from("-shared -o lib.so\n");
    let bitcode = fs::read(linkers.path("one.o")).unwrap();
    let name = b"function_0000";
    let at: Vec<usize> =
        (0..bitcode.len() - name.len()).filter(|&at| bitcode[at..].starts_with(name)).collect();
    assert_eq!(at.len(), 1, "the symbol's name is once in a module's table of strings");
    for number in 0..COUNT {
        let mut module = bitcode.clone();
        module[at[0]..at[0] + name.len()].copy_from_slice(format!("function_{number:04}").as_bytes());
        linkers.write(format!("m/{number}.o"), &module);
        writeln!(list, "m/{number}.o").unwrap();
    }
    linkers.write("list", list);
    linkers.link(&["@list", "--lto-O0"]).same();
}

/// A file can have the very name that lld gives to a member of an archive, or replace the module while it is linked.
#[test]
fn a_module_that_is_a_native_object_to_us() {
    let linkers = TwoLinkers::program();
    linkers.tool("llvm-ar", &["rc", "lib.a", "area.o", "names.o"]);
    let args = ["-shared", "main.o", "--whole-archive", "lib.a", "--no-whole-archive", "-o", "x.so"];
    linkers.ours(&[&args[..], &["--thinlto-index-only=list"]].concat()).succeeded();
    let list = fs::read_to_string(linkers.path("list")).unwrap();
    let member = list.lines().find(|id| id.contains("(area.o at ")).expect("a member").to_owned();
    linkers.compile_to(&member, "area.c", &["-O2", "-fPIC", "-fcommon"]);
    let said = linkers.ours(&args);
    // The objects of the other modules are not shifted into its place.
    assert!(said.code == Some(1) && !linkers.path("x.so").exists(), "{said}");
    let reason = format!("{member}: lld read bitcode of this name, but the file is a native object");
    assert!(said.stderr.contains(&reason), "{said}");
    linkers.leaves_nothing();
}
