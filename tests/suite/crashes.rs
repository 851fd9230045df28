//! LLVM crashes, gives up or runs out of stack: in a job that is the job's error, which says where; anywhere else the
//! process dies as lld does, with its words. Nothing is left behind, and no other job waits for ever.

use std::process::Command;
use std::time::Instant;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::fixture::{Said, llvm_tool, run, thinfarm_path};
use crate::two_linkers::{OBJECTS, THIN, TwoLinkers};

const RECORDED: &str = "-frecord-command-line";

const HEAD: &str = "\
target datalayout = \"e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128\"
target triple = \"x86_64-pc-linux-gnu\"
";

/// What a processor without AVX-512 has no code for: LLVM calls it a fatal error.
const CULPRIT: &str = "
define <16 x float> @culprit(ptr %p) {
  %a = load <16 x float>, ptr %p
  %r = call <16 x float> @llvm.x86.avx512.min.ps.512(<16 x float> %a, <16 x float> %a, i32 4)
  ret <16 x float> %r
}
declare <16 x float> @llvm.x86.avx512.min.ps.512(<16 x float>, <16 x float>, i32 immarg)
";

/// A module with a function `culprit` that no backend can compile.
fn add_culprit(linkers: &TwoLinkers, flags: &[&str]) {
    linkers.write("bad.ll", format!("{HEAD}{CULPRIT}"));
    linkers.compile_to("bad.o", "bad.ll", &[&["-O1", "-x", "ir", "-flto=thin"], flags].concat());
}

/// A module `deep.o` whose debug information is nested deeper than a thread of LLVM can follow.
fn add_deep(linkers: &TwoLinkers) {
    use std::fmt::Write;
    const LEVELS: usize = 400_000;
    let mut text = format!(
        "{HEAD}
@v = global ptr null, !dbg !0
define ptr @deep() {{ ret ptr @v }}
!llvm.dbg.cu = !{{!2}}
!llvm.module.flags = !{{!6, !7}}
!0 = !DIGlobalVariableExpression(var: !1, expr: !DIExpression())
!1 = distinct !DIGlobalVariable(name: \"v\", scope: !2, file: !3, line: 1, type: !10, isLocal: false, isDefinition: true)
!2 = distinct !DICompileUnit(language: DW_LANG_C11, file: !3, producer: \"x\", isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, globals: !5)
!3 = !DIFile(filename: \"deep.c\", directory: \"/w\")
!5 = !{{!0}}
!6 = !{{i32 2, !\"Debug Info Version\", i32 3}}
!7 = !{{i32 7, !\"Dwarf Version\", i32 5}}
"
    );
    for level in 10..10 + LEVELS {
        let below = level + 1;
        writeln!(text, "!{level} = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !{below}, size: 64)")
            .expect("room for text");
    }
    let last = 10 + LEVELS;
    writeln!(text, "!{last} = !DIBasicType(name: \"int\", size: 32, encoding: DW_ATE_signed)")
        .expect("room for text");
    linkers.write("deep.ll", text);
    // clang itself needs a larger stack for it.
    let mut clang: Command = linkers.command("sh");
    clang.args(["-c", "ulimit -s 4000000; exec \"$@\"", "sh"]).arg(llvm_tool("clang"));
    run(clang.args(["-O1", "-x", "ir", "-flto=thin", "-c", "deep.ll", "-o", "deep.o"])).succeeded();
}

#[track_caller]
fn says(said: &Said, words: &[&str]) {
    for word in words {
        assert!(said.stderr.contains(word), "no word of {word:?}: {said}");
    }
}

/// LLVM 22 follows the alias of an ifunc in a table to nowhere.
#[test]
fn a_crash_of_the_thin_link_says_what_lld_says() {
    let linkers = TwoLinkers::new();
    let ifunc = "
static int impl(int x) { return x + 1; }
static void *pick(void) { return (void *)impl; }
int via(int) __attribute__((ifunc(\"pick\")));
int also(int) __attribute__((alias(\"via\")));
int (*const table[2])(int) = { via, also };
";
    let user = "extern int (*const table[2])(int); void _start(void) { table[0](1); }\n";
    for flags in [&["-O0", "-fPIE", "-flto=thin"][..], &["-O0", "-fPIE", "-flto=thin", RECORDED]] {
        linkers.add("i.c", ifunc, flags);
        linkers.add("m.c", user, flags);
        let pair = linkers.link(&["i.o", "m.o", "-pie", "-o", "p"]);
        // Both die by a signal.
        assert_eq!((pair.lld.said.code, pair.ours.said.code), (None, None), "{}", pair.ours.said);
        assert!(pair.ours.files.is_empty(), "an output");
        let report = "PLEASE submit a bug report";
        says(&pair.lld.said, &[report, "Program arguments:", "computeDeadSymbols"]);
        says(&pair.ours.said, &[report, "--reproduce=", "i.o m.o -pie -o p", "computeDeadSymbols"]);
    }
}

#[test]
fn a_fatal_error_names_the_function_and_the_pass() {
    let linkers = TwoLinkers::program();
    let words = ["error: bad.o: ", "'X86 DAG->DAG Instruction Selection'", "'@culprit'"];
    let args = [&OBJECTS[..], &["bad.o", "-shared", "-o", "lib.so"]].concat();
    for flags in [&[][..], &[RECORDED]] {
        add_culprit(&linkers, flags);
        let said = linkers.ours(&args);
        assert_eq!(said.code, Some(1), "{said}");
        says(&said, &words);
        for good in OBJECTS {
            assert!(!said.stderr.contains(good), "{good} is blamed: {said}");
        }
    }
    // In a child worker, which alone has such an option.
    linkers.write(
        "thinfarm.toml",
        "[[rule]]\nmodules = [\"bad.o\"]\nadd = [\"-mllvm\", \"-align-all-functions=6\"]\n",
    );
    let said = linkers.ours(&args);
    assert_eq!(said.code, Some(1), "{said}");
    says(&said, &words);
    linkers.leaves_nothing();
}

#[test]
fn a_fatal_error_is_told_by_every_front_door() {
    let linkers = TwoLinkers::new();
    add_culprit(&linkers, &[]);
    let index = ["--thinlto-index-only", "-shared", "bad.o", "-o", "lib.so"];
    run(linkers.command(llvm_tool("ld.lld")).args(index)).succeeded();
    let words = ["'X86 DAG->DAG Instruction Selection'", "'@culprit'"];
    let job =
        ["cc", "-O2", "-x", "ir", "-fthinlto-index=bad.o.thinlto.bc", "-c", "-o", "bad.native.o", "bad.o"];
    for args in [&["backend", "bad.o", "--", "-O2"][..], &job] {
        let said = run(linkers.command(thinfarm_path()).args(args));
        assert_eq!(said.code, Some(1), "{said}");
        says(&said, &words);
    }
    let mut distributed = linkers.command(llvm_tool("ld.lld"));
    distributed.arg(format!("--thinlto-distributor={}", thinfarm_path().display()));
    distributed.arg("--thinlto-distributor-arg=dtlto").arg("--thinlto-remote-compiler=clang");
    let said = run(distributed.args(["-shared", "bad.o", "-o", "lib.so"]));
    assert_eq!(said.code, Some(1), "{said}");
    says(&said, &words);
}

/// The job that imports from it runs out of stack as well, and says so; those after it run in a child worker.
#[test]
fn a_full_stack_is_an_error_of_its_job() {
    let linkers = TwoLinkers::program();
    add_deep(&linkers);
    linkers.add("user.c", "void *deep(void); void *user(void) { return deep(); }\n", &THIN);
    for jobs in ["--thinlto-jobs=1", "--thinlto-jobs=3"] {
        let said =
            linkers.ours(&[&OBJECTS[..], &["deep.o", "user.o", "-shared", "-o", "lib.so", jobs]].concat());
        assert_eq!(said.code, Some(1), "{said}");
        says(&said, &["error: deep.o: LLVM has run out of stack", "2 of 5 ThinLTO backends failed: "]);
        says(&said, &["error: user.o: LLVM has run out of stack", "'user.o' from 'deep.o'"]);
        for good in OBJECTS {
            assert!(!said.stderr.contains(good), "{good} is blamed: {said}");
        }
        assert!(!linkers.path("lib.so").exists());
        linkers.leaves_nothing();
    }
}

/// As one waits that needs a lock which the crashed one had. This one waits for a file that nobody writes.
#[test]
fn a_job_that_waits_for_ever_beside_a_crash_is_given_up() {
    let linkers = TwoLinkers::new();
    add_deep(&linkers);
    // The larger module comes first.
    let waiting: String = (0..30_000).map(|n| format!("int waiting{n}(void) {{ return {n}; }}\n")).collect();
    linkers.add("waiting.c", &waiting, &["-O0", "-fPIC", "-flto=thin"]);
    mkfifo(&linkers.path("list"), Mode::S_IRWXU).expect("a pipe");
    let list = format!("-fbasic-block-sections=list={}", linkers.path("list").display());
    linkers.write("thinfarm.toml", format!("[[rule]]\nmodules = [\"waiting.o\"]\nadd = [\"{list}\"]\n"));
    let began = Instant::now();
    let said = linkers.ours(&["waiting.o", "deep.o", "-shared", "-o", "lib.so", "--thinlto-jobs=2"]);
    assert_eq!(said.code, Some(1), "{said}");
    says(&said, &["error: deep.o: LLVM has run out of stack", "error: waiting.o: given up"]);
    assert!(began.elapsed().as_secs() >= 9, "given up at once: {said}");
    linkers.leaves_nothing();
}

/// A module `self.o` in which a scope of debug information is its own parent: LLVM's verifier never ends.
fn add_endless(linkers: &TwoLinkers) {
    let text = format!(
        "{HEAD}
define i32 @endless(i32 %x) !dbg !5 {{
  %r = add i32 %x, 1, !dbg !11
  ret i32 %r, !dbg !11
}}
!llvm.dbg.cu = !{{!2}}
!llvm.module.flags = !{{!0, !1}}
!0 = !{{i32 2, !\"Debug Info Version\", i32 3}}
!1 = !{{i32 7, !\"Dwarf Version\", i32 5}}
!2 = distinct !DICompileUnit(language: DW_LANG_C11, file: !3, producer: \"x\", isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug)
!3 = !DIFile(filename: \"self.c\", directory: \"/w\")
!4 = !DISubroutineType(types: !{{null}})
!5 = distinct !DISubprogram(name: \"endless\", scope: !3, file: !3, line: 1, type: !4, unit: !2, spFlags: DISPFlagDefinition)
!10 = distinct !DILexicalBlock(scope: !10, file: !3, line: 1, column: 1)
!11 = !DILocation(line: 1, column: 1, scope: !10)
"
    );
    linkers.write("self.ll", text);
    let unseen = ["-disable-verify", "-disable-auto-upgrade-debug-info", "-passes=", "--module-summary"];
    linkers.tool("opt", &[&unseen[..], &["self.ll", "-o", "self.o"]].concat());
}

#[test]
fn a_damaged_module_does_the_same_beside_any_other() {
    let linkers = TwoLinkers::program();
    add_endless(&linkers);
    let index = ["--thinlto-index-only", "-shared", "-u", "endless", "self.o", "-o", "lib.so"];
    run(linkers.command(llvm_tool("ld.lld")).args([&index[..], &OBJECTS].concat())).succeeded();
    // What this one imports from is gone, so nobody knows who wrote it.
    std::fs::remove_file(linkers.path("area.o")).expect("a module to remove");
    let backend = |modules: &[&str]| {
        let mut limited: Command = linkers.command("timeout");
        limited.arg("100").arg(thinfarm_path()).arg("backend").args(modules).args(["--", "-O2", "-fPIC"]);
        let said = run(&mut limited);
        assert_eq!(said.code, Some(1), "{said}");
        said
    };
    let errors = |said: &Said| {
        let lines = said.stderr.lines().skip_while(|line| !line.contains("error: self.o"));
        lines
            .take_while(|line| !line.contains("main.o") && !line.contains("objects,"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let alone = errors(&backend(&["self.o"]));
    assert!(!alone.is_empty());
    let said = backend(&["self.o", "main.o", "-j1"]);
    says(&said, &["error: main.o imports from area.o"]);
    assert_eq!(errors(&said), alone, "{said}");
}

#[test]
fn a_scope_within_itself_is_found_before_it_is_followed() {
    let linkers = TwoLinkers::new();
    add_endless(&linkers);
    let index = ["--thinlto-index-only", "-shared", "-u", "endless", "self.o", "-o", "lib.so"];
    run(linkers.command(llvm_tool("ld.lld")).args(index)).succeeded();
    // clang's own action, which writes assembly, verifies debug information.
    let job = ["-O2", "-x", "ir", "-fthinlto-index=self.o.thinlto.bc", "-S", "-o", "self.s", "self.o"];
    let said = run(linkers.command("timeout").arg("100").arg(thinfarm_path()).arg("cc").args(job));
    assert_eq!(said.code, Some(1), "{said}");
    says(&said, &["error: self.o: the debug information of self.o is damaged: a scope is within itself"]);
}
