//! Kinds of outputs, and what a linker does with sections: each is lld's output byte for byte, and runs.

use crate::two_linkers::{OBJECTS, PRINTS, THIN, TwoLinkers};

/// Links the program by clang with `args` and runs it.
#[track_caller]
fn links_and_runs(linkers: &TwoLinkers, args: &[&str]) {
    let all = [&OBJECTS[..], &["-o", "prog"], args].concat();
    linkers.link_by_clang(&all).same().runs("prog", PRINTS);
}

#[test]
fn executables() {
    let linkers = TwoLinkers::program();
    links_and_runs(&linkers, &["-pie"]);
    links_and_runs(&linkers, &["-no-pie"]);
    links_and_runs(&linkers, &["-static-pie"]);
    links_and_runs(&linkers, &["-static"]);
    links_and_runs(&linkers, &["-O3", "-flto=thin", "-march=x86-64-v2"]);
}

#[test]
fn shared_libraries_and_relocatable_objects() {
    let linkers = TwoLinkers::program();
    linkers.link(&[&OBJECTS[..], &["-shared", "-o", "lib.so"]].concat()).same();
    linkers.link(&[&OBJECTS[..], &["-shared", "-Bsymbolic", "-z", "now", "-o", "lib.so"]].concat()).same();
    linkers.link(&["-r", "area.o", "names.o", "-o", "both.o"]).same();
    // What was linked is linked again: the library by the loader, the object by lld.
    linkers.link(&["-shared", "area.o", "names.o", "-o", "libparts.so"]).same();
    linkers.link_by_clang(&["main.o", "-L.", "-lparts", "-Wl,-rpath,.", "-o", "prog"]).same();
    linkers.link_by_clang(&["main.o", "both.o", "-o", "prog"]).same().runs("prog", PRINTS);
}

#[test]
fn sections_are_collected_folded_and_ordered() {
    let linkers = TwoLinkers::program();
    linkers.write("order", "name\narea\nclamp\nmain\n");
    linkers.write("calls", "main name 7\nmain area 9\n");
    for options in [
        "-Wl,--gc-sections,--print-gc-sections",
        "-Wl,--icf=all,--print-icf-sections",
        "-Wl,--icf=safe",
        "-Wl,--symbol-ordering-file=order,--no-warn-symbol-ordering",
        "-Wl,--call-graph-ordering-file=calls,--no-warn-symbol-ordering",
        "-Wl,--call-graph-profile-sort=none",
        "-Wl,--build-id=sha1,--strip-all",
        "-Wl,--emit-relocs",
        "-Wl,--compress-debug-sections=zlib",
        "-Wl,--hash-style=both,-z,norelro",
        "-rdynamic",
    ] {
        links_and_runs(&linkers, &[options]);
    }
}

#[test]
fn linker_scripts() {
    let linkers = TwoLinkers::program();
    linkers.write(
        "sections.ld",
        "SECTIONS { .first : { *(.text.name) *(.text.main) } } INSERT BEFORE .text;\n\
         ASSERT(DEFINED(main), \"no main\")\n",
    );
    linkers.write("inputs.ld", "INPUT(area.o)\nGROUP(names.o)\n");
    links_and_runs(&linkers, &["-Wl,-T,sections.ld"]);
    linkers.link_by_clang(&["main.o", "inputs.ld", "-o", "prog"]).same().runs("prog", PRINTS);
    linkers
        .write("whole.ld", "SECTIONS { . = 0x10000; .text : { *(.text*) } .data : { *(.data* .bss*) } }\n");
    linkers.link(&["-T", "whole.ld", "area.o", "names.o", "-o", "image"]).same();
}

#[test]
fn debug_info() {
    let linkers = TwoLinkers::program();
    for source in ["main.c", "area.c", "names.c"] {
        linkers.compile(source, &[&THIN[..], &["-g"]].concat());
    }
    links_and_runs(&linkers, &["-Wl,--gdb-index"]);
    for source in ["main.c", "area.c", "names.c"] {
        linkers.compile(source, &[&THIN[..], &["-g", "-gsplit-dwarf"]].concat());
    }
    links_and_runs(&linkers, &[]);
    let split =
        linkers.link(&[&OBJECTS[..], &["-shared", "-plugin-opt=dwo_dir=a/dwo", "-o", "x.so"]].concat());
    assert!(!split.same().file("a/dwo/1.dwo").is_empty());
}

#[test]
fn a_link_without_bitcode_is_llds() {
    let linkers = TwoLinkers::program();
    for source in ["main.c", "area.c", "names.c"] {
        linkers.compile(source, &["-O2", "-fPIC", "-fcommon"]);
    }
    links_and_runs(&linkers, &["-Wl,--threads=1"]);
}
