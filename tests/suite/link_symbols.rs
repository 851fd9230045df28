//! Symbols: who defines them, under which name and version, and who may see them.

use crate::two_linkers::{OBJECTS, PRINTS, THIN, TwoLinkers};

#[test]
fn wrapped_defined_weak_and_common() {
    let linkers = TwoLinkers::program();
    linkers.add(
        "wrap.c",
        "int __real_chosen(int); int __wrap_chosen(int x) { return __real_chosen(x) + 58; }\n",
        &THIN,
    );
    let program = [&OBJECTS[..], &["-o", "prog"]].concat();
    linkers.link_by_clang(&program).same().runs("prog", PRINTS);
    let wrapped = [&program[..], &["wrap.o", "-Wl,--wrap=chosen"]].concat();
    linkers.link_by_clang(&wrapped).same().runs("prog", "160 line 100 5\n");
    // The weak definition is used where there is no other.
    linkers.write("only_name.ld", "chosen_too = chosen; name = clamp;\n");
    linkers.link(&["-shared", "main.o", "area.o", "--defsym=name=clamp", "-o", "lib.so"]).same();
    linkers.link(&["-shared", "main.o", "area.o", "only_name.ld", "-o", "lib.so"]).same();
    linkers
        .link(
            &[&OBJECTS[..], &["-shared", "-u", "unused", "--export-dynamic-symbol=area", "-o", "lib.so"]]
                .concat(),
        )
        .same();
}

#[test]
fn version_scripts_and_dynamic_lists() {
    let linkers = TwoLinkers::program();
    linkers.write("versions", "V1 { global: area; name; local: *; };\nV2 { global: sh*; } V1;\n");
    linkers.write("list", "{ area; };\n");
    linkers.write("retained", "area\nname\n");
    for options in [
        &["--version-script=versions"][..],
        &["--dynamic-list=list"],
        &["--version-script=versions", "--gc-sections", "--icf=all"],
        &["--retain-symbols-file=retained"],
        &["--exclude-libs=ALL", "-soname", "lib.so.1"],
    ] {
        linkers.link(&[&OBJECTS[..], options, &["-shared", "-o", "lib.so"]].concat()).same();
    }
}

#[test]
fn symbols_of_inline_assembly() {
    let linkers = TwoLinkers::new();
    linkers.add(
        "versions.c",
        "int old_f(void) { return 1; } int new_f(void) { return 2; }\n\
         __asm__(\".symver old_f,f@V1\"); __asm__(\".symver new_f,f@@V2\");\n",
        &THIN,
    );
    linkers.add(
        "assembly.c",
        "__asm__(\".globl seven\\n.type seven,@function\\nseven:\\n mov $7,%eax\\n ret\\n\");\n\
         int seven(void); static int hidden(void) { return 35; }\n\
         __attribute__((used)) static int (*kept)(void) = hidden;\n\
         int answer(void) { return seven() + kept(); }\n",
        &THIN,
    );
    linkers.add(
        "main.c",
        "int printf(const char *, ...); int answer(void); int f(void); int seven(void);\n\
         int main(void) { printf(\"%d %d %d\\n\", answer(), f(), seven()); return 0; }\n",
        &THIN,
    );
    linkers.write("script", "V1 { global: f; local: *; };\nV2 { global: f; };\n");
    linkers.link(&["-shared", "versions.o", "--version-script=script", "-o", "libf.so"]).same();
    let program = ["main.o", "assembly.o", "-L.", "-lf", "-Wl,-rpath,.", "-o", "prog"];
    linkers.link_by_clang(&program).same().runs("prog", "42 2 7\n");
}

/// Two modules with the same inline functions, templates and classes.
fn cxx(flags: &[&str]) -> TwoLinkers {
    const SHARED: &str = "#include <vector>\n\
        template <class T> T twice(T x) { return x + x; }\n\
        inline int counter() { static int count; return ++count; }\n\
        struct Base { virtual int f() { return 1; } virtual ~Base() {} };\n\
        std::vector<int> many(int); int call(Base *);\n";
    let linkers = TwoLinkers::new();
    linkers.add(
        "many.cc",
        &format!(
            "{SHARED}std::vector<int> many(int n) {{ std::vector<int> v;\n\
             for (int i = 0; i < n; i++) v.push_back(twice(i) + counter()); return v; }}\n\
             int call(Base *base) {{ return base->f(); }}\n"
        ),
        flags,
    );
    linkers.add(
        "main.cc",
        &format!(
            "#include <cstdio>\n#include <stdexcept>\n{SHARED}\
             struct Derived : Base {{ int f() override {{ return 2; }} }};\n\
             int main() {{ Derived derived; int caught = 0;\n\
             try {{ many(1).at(9); }} catch (const std::out_of_range &) {{ caught = 1; }}\n\
             std::printf(\"%d %d %d %d %d\\n\", many(5)[4], twice(3), counter(), call(&derived), caught); }}\n"
        ),
        flags,
    );
    linkers
}

#[test]
fn comdats_of_cxx() {
    for flags in [&["-flto=thin"][..], &["-flto=thin", "-g", "-fPIC", "-ffat-lto-objects"]] {
        let linkers = cxx(&[flags, &["-O2"]].concat());
        let args = ["main.o", "many.o", "-lstdc++", "-no-pie", "-Wl,--icf=all", "-o", "prog"];
        linkers.link_by_clang(&args).same().runs("prog", "14 6 7 2 1\n");
    }
    // A function's definitions come from modules of both kinds and from native objects.
    let linkers = cxx(&["-flto=thin", "-O2", "-fPIC"]);
    for kind in [&["-O2", "-fPIC"][..], &["-O2", "-fPIC", "-flto=full"]] {
        linkers.compile("many.cc", kind);
        let args = ["main.o", "many.o", "-lstdc++", "-o", "prog"];
        linkers.link_by_clang(&args).same().runs("prog", "14 6 7 2 1\n");
    }
}

#[test]
fn units_of_lto_that_are_split() {
    let split = ["-fsplit-lto-unit", "-fwhole-program-vtables", "-fvisibility=hidden"];
    let linkers = cxx(&[&split[..], &["-O2", "-fPIC", "-flto=thin"]].concat());
    for options in [
        "-Wl,--lto-whole-program-visibility",
        "-Wl,--no-lto-whole-program-visibility",
        "-Wl,--lto-whole-program-visibility,--lto-validate-all-vtables-have-type-infos",
    ] {
        let args = ["main.o", "many.o", "-lstdc++", options, "-o", "prog"];
        linkers.link_by_clang(&args).same().runs("prog", "14 6 7 2 1\n");
    }
}
