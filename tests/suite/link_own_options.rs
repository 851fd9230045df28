//! Each file with its own options in one link. The native objects that lld is given, which `--lto-obj-path` keeps,
//! are compared with those that clang makes of the same modules and indexes.

use crate::fixture::{llvm_tool, run};
use crate::two_linkers::{OBJECTS, PRINTS, Pair, THIN, TwoLinkers};

/// What each module's options are, and the oracle has to be told.
const OWN: [(&str, &[&str]); 3] = [
    ("main", &["-O3", "-fPIC", "-fno-function-sections"]),
    ("area", &["-Os", "-fPIC", "-fdata-sections", "-mno-avx", "-falign-functions=64"]),
    ("names", &["-O1", "-fPIC", "-ffunction-sections", "-fno-jump-tables"]),
];

/// The program whose modules remember [`OWN`] and `more`.
fn recorded(more: &[&str]) -> TwoLinkers {
    let linkers = TwoLinkers::program();
    for (name, own) in OWN {
        let flags = [own, &["-fcommon", "-flto=thin", "-frecord-command-line"], more].concat();
        linkers.compile(&format!("{name}.c"), &flags);
    }
    linkers
}

/// Links with `options` and keeps the native objects.
#[track_caller]
fn link(linkers: &TwoLinkers, options: &[&str]) -> Pair {
    let args = [&OBJECTS[..], options, &["-shared", "--lto-obj-path=obj", "-o", "lib.so"]].concat();
    let linked = linkers.link(&args);
    assert_eq!((linked.lld.said.code, linked.ours.said.code), (Some(0), Some(0)), "{}", linked.ours.said);
    linked
}

/// Panics unless the object of task `number` is the one clang makes of `module` with `flags`.
#[track_caller]
fn is_clangs(linkers: &TwoLinkers, linked: &Pair, number: usize, module: &str, flags: &[&str]) {
    let indexes = ["-shared", "--thinlto-index-only", "-o", "unused.so"];
    run(linkers.command(llvm_tool("ld.lld")).args(OBJECTS).args(indexes)).succeeded();
    let index = format!("-fthinlto-index={module}.thinlto.bc");
    let backend = [flags, &["-fno-lto", "-x", "ir", &index, "-c", module, "-o", "clang.out"]].concat();
    run(linkers.command(llvm_tool("clang")).args(backend)).succeeded();
    let clangs = std::fs::read(linkers.path("clang.out")).unwrap();
    assert!(clangs == linked.file(&format!("obj{number}")), "{module} is not compiled with its own options");
}

#[test]
fn are_those_it_was_compiled_with() {
    let linkers = recorded(&[]);
    let linked = link(&linkers, &["--lto-O1"]);
    for (number, (name, own)) in OWN.iter().enumerate() {
        is_clangs(&linkers, &linked, number + 1, &format!("{name}.o"), own);
    }
    assert_eq!(linked.ours.said.stderr.lines().count(), 1, "{}", linked.ours.said);
    assert!(linked.file("lib.so") != linked.lld.files[std::path::Path::new("lib.so")], "a useless test");
    let prog = linkers.link_by_clang(&[&OBJECTS[..], &["-o", "prog"]].concat());
    prog.runs("prog", PRINTS);
}

#[test]
fn stand_beside_files_that_have_none() {
    let linkers = recorded(&[]);
    linkers.compile("names.c", &THIN);
    let linked = link(&linkers, &["--lto-O3"]);
    is_clangs(&linkers, &linked, 1, "main.o", OWN[0].1);
    // What has none is compiled as by lld.
    assert!(linked.file("obj3") == linked.lld.files[std::path::Path::new("obj3")]);
    assert!(linked.file("obj1") != linked.lld.files[std::path::Path::new("obj1")], "a useless test");
}

#[test]
fn for_llvm_make_no_difference_to_others() {
    let linkers = recorded(&[]);
    let own = [OWN[0].1, &["-mllvm", "-align-all-functions=7"]].concat();
    linkers.compile("main.c", &[&own[..], &["-fcommon", "-flto=thin", "-frecord-command-line"]].concat());
    let linked = link(&linkers, &[]);
    is_clangs(&linkers, &linked, 1, "main.o", &own);
    for (number, (name, own)) in OWN.iter().enumerate().skip(1) {
        is_clangs(&linkers, &linked, number + 1, &format!("{name}.o"), own);
    }
    // Those of the link are for all.
    let linked = link(&linkers, &["-mllvm", "-align-all-nofallthru-blocks=4"]);
    let blocks = ["-mllvm", "-align-all-nofallthru-blocks=4"];
    is_clangs(&linkers, &linked, 1, "main.o", &[&own[..], &blocks].concat());
    is_clangs(&linkers, &linked, 2, "area.o", &[OWN[1].1, &blocks].concat());
}

#[test]
fn of_kbuild_lie_beside_the_module() {
    let linkers = TwoLinkers::program();
    linkers.write(
        ".area.o.cmd",
        "savedcmd_area.o := clang -O1 -fPIC -fno-function-sections -flto=thin -c -o area.o area.c\n",
    );
    let linked = link(&linkers, &[]);
    is_clangs(&linkers, &linked, 2, "area.o", &["-O1", "-fPIC", "-fno-function-sections"]);
    assert!(linked.file("obj1") == linked.lld.files[std::path::Path::new("obj1")]);
}

#[test]
fn of_members_of_archives_have_rules_too() {
    let linkers = recorded(&[]);
    linkers.tool("llvm-ar", &["rc", "lib.a", "area.o", "names.o"]);
    linkers.write(
        "thinfarm.toml",
        "[[rule]]\nmodules = [\"lib.a(area.o)\", \"area.o\"]\nremove = [\"-O*\"]\nadd = [\"-O0\"]\n",
    );
    let linked = link(&linkers, &[]);
    let flags: Vec<&str> = OWN[1].1.iter().copied().filter(|flag| *flag != "-Os").chain(["-O0"]).collect();
    is_clangs(&linkers, &linked, 2, "area.o", &flags);
    let args = ["main.o", "--whole-archive", "lib.a", "-shared", "--lto-obj-path=obj", "-o", "lib.so"];
    let members = linkers.link(&args);
    assert!(members.file("obj2") == linked.file("obj2"), "the member does not follow the rule");
}

#[test]
fn about_warnings_and_those_of_the_link() {
    let linkers = TwoLinkers::program();
    linkers.write("big.c", "void sink(char *); int big(int x) { char a[5000]; sink(a); return a[x]; }\n");
    let args = [&OBJECTS[..], &["big.o", "-shared", "-o", "lib.so"]].concat();
    let link = |flags: &[&str], options: &[&str]| {
        linkers.compile("big.c", &[&THIN[..], &["-Wframe-larger-than=100"], flags].concat());
        linkers.link(&[&args[..], options].concat())
    };
    link(&[], &[]).same().says("warning: ").says("exceeds limit (100) in function 'big'");
    link(&[], &["-w"]).same();
    link(&[], &["--no-warnings"]).same();
    link(&[], &["--fatal-warnings"]).same_failure("exceeds limit (100)");
    let record = "-frecord-command-line";
    link(&[record], &[]).same().says("exceeds limit (100) in function 'big'");
    link(&[record], &["-w"]).same();
    link(&[record], &["--fatal-warnings"]).same_failure("exceeds limit (100)");
}

/// Records of types have the codes of records of metadata, of which a part is left out to read what a module says of
/// itself. Without the last fields of this structure the constant makes no sense.
#[test]
fn of_a_module_with_a_large_structure() {
    let linkers = TwoLinkers::new();
    let numbers = "i32, ".repeat(9);
    linkers.write(
        "large.ll",
        format!(
            "target triple = \"x86_64-pc-linux-gnu\"\n\
             %inner = type {{ i32, [4 x i32] }}\n\
             %large = type {{ {numbers}%inner, %inner, %inner, %inner, %inner, %inner, %inner, %inner, %inner }}\n\
             @large = global %large zeroinitializer\n\
             @part = global ptr getelementptr (%large, ptr @large, i32 0, i32 11, i32 1, i32 2)\n\
             define i32 @f(i32 %x) {{ %y = mul i32 %x, 10\n ret i32 %y }}\n\
             !llvm.commandline = !{{!0}}\n\
             !0 = !{{!\"clang -O1 -fPIC -ffunction-sections -c large.c\"}}\n"
        ),
    );
    linkers.tool("opt", &["-module-summary", "large.ll", "-o", "large.o"]);
    let own = ["--thinfarm-options=recorded", "--thinfarm-missing-options=error"];
    linkers.ours(&[&own[..], &["-shared", "large.o", "-o", "x.so"]].concat()).succeeded();
}

/// Other compilers and newer clangs have options that this one does not know; lld makes such a link.
#[test]
fn that_clang_or_llvm_does_not_know_are_told_and_the_module_is_compiled_as_by_lld() {
    let linkers = TwoLinkers::new();
    let policy = |policy: &str| format!("--thinfarm-missing-options={policy}");
    let (error, ignore) = (policy("error"), policy("ignore"));
    for (line, word) in [
        ("flang-22 -O1 -ffree-form -c a.f90", "-ffree-form"),
        ("clang-24 -O1 -fnew-thing -c a.c", "-fnew-thing"),
        ("clang -O1 -mllvm -gone-option=3 -c a.c", "-gone-option=3"),
    ] {
        for name in ["a", "b"] {
            linkers.write(
                format!("{name}.ll"),
                format!(
                    "target triple = \"x86_64-pc-linux-gnu\"\n\
                     define i32 @{name}(i32 %x) {{ %y = mul i32 %x, 10\n ret i32 %y }}\n\
                     !llvm.commandline = !{{!0}}\n!0 = !{{!\"{line}\"}}\n"
                ),
            );
            linkers.tool("opt", &["-module-summary", &format!("{name}.ll"), "-o", &format!("{name}.o")]);
        }
        let args = ["-shared", "a.o", "b.o", "-o", "x.so"];
        let said = linkers.link(&args).same_files().ours.said;
        assert_eq!(said.stderr.lines().count(), 1, "{said}");
        for part in ["warning: ", "a.o, b.o: ", word, "--thinfarm-missing-options"] {
            assert!(said.stderr.contains(part), "no {part} in {said}");
        }
        let said = linkers.ours(&[&args[..], &[&ignore]].concat()).succeeded();
        assert!(said.stderr.is_empty(), "{said}");
        let said = linkers.ours(&[&args[..], &[&error]].concat());
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains(word) && said.stderr.contains("[[rule]]"), "{said}");
    }
    // After llvm-link nothing says which counts.
    linkers.write("a.c", "int a(int x) { return x * 10; }\n");
    linkers.write("b.c", "int b(int x) { return x * 20; }\n");
    for (source, level) in [("a.c", "-O1"), ("b.c", "-O2")] {
        linkers.compile(source, &[level, "-fPIC", "-flto=thin", "-frecord-command-line"]);
    }
    linkers.tool("llvm-link", &["a.o", "b.o", "-o", "ab.bc"]);
    linkers.tool("opt", &["-module-summary", "ab.bc", "-o", "ab.o"]);
    let args = ["-shared", "ab.o", "-o", "x.so"];
    let said = linkers.link(&args).same_files().ours.said;
    assert!(said.stderr.contains("ab.o: ") && said.stderr.contains("2 different command lines"), "{said}");
    let said = linkers.ours(&[&args[..], &[&error]].concat());
    assert_eq!(said.code, Some(1), "{said}");
    // What LLVM knows is applied: a value of its own, and an option that is another word.
    let own = ["-O2", "-flto=thin", "-frecord-command-line", "-mllvm", "-inline-threshold", "-mllvm", "300"];
    linkers.compile("a.c", &own);
    let said = linkers.ours(&["-shared", "a.o", "-o", "x.so"]).succeeded();
    assert!(said.stderr.is_empty(), "{said}");
}
