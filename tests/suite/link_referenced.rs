//! What lld's backends know of a symbol that a module references and another one defines, which decides how it is
//! reached. LLVM's indexes of single modules say nothing of it.

use std::path::Path;

use crate::fixture::llvm_tool;
use crate::two_linkers::TwoLinkers;

/// Compiles and links a program at a random address, as a distribution does by default.
const PIE: [&str; 3] = ["-O2", "-fPIE", "-flto=thin"];

/// Kinds of definitions and a module that references them by address, so that none of them can be imported.
const DEFINED: &str = "int w[4] = {1}; extern int aliased[4] __attribute__((alias(\"w\")));\n\
     int common[4]; __attribute__((weak)) int weak[4]; int *table[2] = {w, common};\n\
     __attribute__((weak)) int weak_function(void) { return 1; }\n\
     __attribute__((noinline)) int function(void) { return w[1] + common[1] + weak[1] + *table[1]; }\n";
const REFERENCED: &str = "extern int aliased[], common[], weak[], *table[];\n\
     int function(void), weak_function(void); int (*volatile by_address[2])(void);\n\
     void _start(void) { by_address[0] = function; by_address[1] = weak_function;\n\
     aliased[1] = common[2] = weak[3] = 5; table[1] = weak; }\n";

/// The two, compiled with `PIE` and `more`.
fn two_modules(more: &[&str]) -> TwoLinkers {
    let linkers = TwoLinkers::new();
    let flags = [&PIE[..], &["-fcommon"], more].concat();
    linkers.add("defined.c", DEFINED, &flags);
    linkers.add("referenced.c", REFERENCED, &flags);
    linkers
}

/// How many references in `object` go by way of the GOT.
#[track_caller]
fn by_the_got(linkers: &TwoLinkers, object: &str) -> usize {
    linkers.tool("llvm-readelf", &["-r", object]).stdout.matches("GOTPCREL").count()
}

#[test]
fn what_a_program_defines_is_reached_directly() {
    let linkers = two_modules(&[]);
    linkers.link(&["-r", "referenced.o", "defined.o", "-o", "out.o"]).same();
    assert_eq!(by_the_got(&linkers, "out.o"), 0);
    linkers.link(&["-pie", "referenced.o", "defined.o", "-o", "program"]).same();
    linkers.link(&["-shared", "-Bsymbolic", "referenced.o", "defined.o", "-o", "lib.so"]).same();
}

#[test]
fn what_else_reads_the_index_knows_it_too() {
    let linkers = two_modules(&[]);
    linkers.compile("referenced.c", &[&PIE[..], &["-fcommon", "-frecord-command-line"]].concat());
    let link = ["-r", "referenced.o", "defined.o", "-o", "out.o"];
    let verified = format!("--thinfarm-verify-with={}", llvm_tool("clang").display());
    let said = linkers.ours(&[&link[..], &[&verified]].concat()).succeeded();
    assert!(said.stderr.contains("2 identical of 2"), "{said}");
    assert_eq!(by_the_got(&linkers, "out.o"), 0, "a module with options of its own does not know");
    // Its own set of LLVM's options makes it a child worker's.
    let own = ["-fcommon", "-frecord-command-line", "-mllvm", "-align-all-functions=6"];
    linkers.compile("referenced.c", &[&PIE[..], &own].concat());
    linkers.ours(&link).succeeded();
    assert_eq!(by_the_got(&linkers, "out.o"), 0, "a child worker does not know");
}

#[test]
fn an_object_is_not_used_again_where_a_symbol_is_defined_elsewhere() {
    let linkers = two_modules(&[]);
    linkers.compile_to("native.o", "defined.c", &["-O2", "-fPIC", "-fcommon", "-fno-lto"]);
    linkers.tool("ld.lld", &["-shared", "native.o", "-o", "libdefined.so"]);
    for definition in ["defined.o", "libdefined.so", "defined.o"] {
        let link = ["-pie", "referenced.o", definition, "-o", "program"];
        let said = linkers.ours(&[&link[..], &["--thinlto-cache-dir=cache"]].concat()).succeeded();
        assert_eq!(said.stderr, "");
        let cached = std::fs::read(linkers.path("program")).unwrap();
        let fresh = linkers.link(&link).same();
        assert!(cached == fresh.file("program"), "an object of another link is used with {definition}");
    }
}

#[test]
fn copies_of_a_symbol_that_disagree() {
    let linkers = TwoLinkers::new();
    let text = "__attribute__((weak)) int twice[4]; int NAME(void) { return twice[1]; }\n";
    // Only one of them takes the symbol for its own program's.
    linkers.add("pic.c", &text.replace("NAME", "pic"), &["-O2", "-fPIC", "-flto=thin"]);
    linkers.add("pie.c", &text.replace("NAME", "pie"), &PIE);
    linkers.add("main.c", "extern int twice[]; int *address(void) { return twice; }\n", &PIE);
    for order in [["pic.o", "pie.o"], ["pie.o", "pic.o"]] {
        for kind in [&["-r"][..], &["-shared", "-Bsymbolic"], &["-pie", "-e", "address"]] {
            for more in [&[][..], &["-mllvm", "-propagate-attrs=false"], &["--lto-O0"]] {
                let link = [&["main.o"], &order[..], kind, more, &["-o", "out"]].concat();
                linkers.link(&link).same();
            }
        }
    }
}

#[test]
fn checked_functions_are_called_past_their_jump_table() {
    const CALLEE: &str = "__attribute__((noinline, used)) int f(int x) { int s = x;\n\
         for (int i = 0; i < x; i++) { __asm__ volatile(\"\" : \"+r\"(s)); s += i; } return s; }\n\
         int (*volatile p)(int) = f; void call(void) { p(1); }\n";
    let linkers = TwoLinkers::new();
    let checked = ["-O2", "-fPIC", "-fsanitize=cfi-icall", "-fno-sanitize-ignorelist"];
    let thin = [&checked[..], &["-flto=thin"]].concat();
    // Also one that the link defines outside of all thin modules, and hides from others.
    let caller = "int f(int); __attribute__((visibility(\"hidden\"))) int g(int); extern int (*volatile p)(int);\n\
         void _start(void) { f(2); f(3); g(2); g(3); p(4); }\n";
    linkers.add("caller.c", caller, &thin);
    linkers.add("callee.c", CALLEE, &thin);
    let whole = CALLEE
        .replace("f(int x)", "g(int x)")
        .replace("p)(int) = f", "q)(int) = g")
        .replace("call", "call_g");
    linkers.add("whole.c", &whole.replace("p(1)", "q(1)"), &[&checked[..], &["-flto=full"]].concat());
    for kind in [&["-pie"][..], &["-shared"], &["-shared", "-Bsymbolic"], &["-r"]] {
        let link = [kind, &["caller.o", "callee.o", "whole.o", "-u", "call", "-o", "out"]].concat();
        linkers.link(&link).same();
    }
}

#[test]
fn memory_that_a_callee_uses_well_is_not_tagged() {
    let linkers = TwoLinkers::new();
    let tagged = ["--target=aarch64-linux-android31", "-march=armv8-a+memtag", "-fsanitize=memtag-stack"];
    let tagged = [&tagged[..], &PIE].concat();
    linkers.add(
        "caller.c",
        "void well(int *), badly(int *, long);\n\
         void uses_well(void) { int x[4]; well(x); } void uses_badly(long at) { int x[4]; badly(x, at); }\n",
        &tagged,
    );
    linkers.add(
        "callee.c",
        "__attribute__((noinline)) void well(int *p) { p[1] = 3; }\n\
         __attribute__((noinline)) void badly(int *p, long at) { p[at] = 3; }\n\
         void uses_well(void), uses_badly(long); void _start(void) { uses_well(); uses_badly(1); }\n",
        &tagged,
    );
    // Nothing is imported, so that only the index knows the callees.
    let link = ["-pie", "caller.o", "callee.o", "-o", "program", "-mllvm", "-import-instr-limit=0"];
    let linked = linkers.link(&link).same();
    assert!(linked.ours.files.contains_key(Path::new("program")));
    let shown =
        linkers.tool("llvm-objdump", &["-d", "--disassemble-symbols=uses_well,uses_badly", "program"]);
    let (well, badly) = shown.stdout.split_once("<uses_badly>:").expect("two functions");
    let (well, badly) = if well.contains("<uses_well>:") { (well, badly) } else { (badly, well) };
    assert!(!well.contains("irg") && badly.contains("irg"), "{}", shown.stdout);
}

#[test]
fn ifuncs_that_other_modules_point_to() {
    let linkers = TwoLinkers::new();
    linkers.add(
        "chosen.c",
        "static int one(int x) { return x + 40; } void *choose(void) { return (void *)one; }\n\
         int chosen(int) __attribute__((ifunc(\"choose\"))); int (*volatile kept)(int);\n\
         __attribute__((weak, noinline)) int twice(int x) { kept = chosen; return kept(x); }\n",
        &PIE,
    );
    linkers.add(
        "main.c",
        "int printf(const char *, ...); int chosen(int); extern int (*volatile kept)(int);\n\
         __attribute__((noinline)) int twice(int x) { kept = chosen; return kept(x) * 2; }\n\
         int main(void) { printf(\"%d\\n\", twice(2)); return 0; }\n",
        &PIE,
    );
    for options in [&["-pie"][..], &["-static-pie"], &["-no-pie"], &["-pie", "-Wl,--gc-sections"]] {
        let args = [&["main.o", "chosen.o", "-o", "prog"], options].concat();
        linkers.link_by_clang(&args).same().runs("prog", "84\n");
    }
}
