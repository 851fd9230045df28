//! What clang's own tests of distributed backends look at, where no other file here does: each command runs in
//! clang and in `thinfarm cc`, which must say and write the same. `tests/README.md` says which test is whose.

use std::process::Command;

use crate::cc_drop_in::Twins;
use crate::fixture::{Link, llvm_tool, run};

/// Runs `line`, split at spaces, the first word being a program of LLVM's.
#[track_caller]
fn tool(link: &Link, line: &str) {
    let mut words = line.split_whitespace();
    let mut command: Command = link.command(llvm_tool(words.next().expect("a program")));
    run(command.args(words)).succeeded();
}

/// The text of a file that both have.
fn text(twins: &Twins, name: &str) -> String {
    String::from_utf8(twins.thinfarm.read(name)).expect("text")
}

/// The symbols of an object.
fn symbols(twins: &Twins, object: &str) -> String {
    run(twins.thinfarm.command(llvm_tool("llvm-nm")).arg(object)).succeeded().stdout
}

/// A C++ class that is derived from once, so that the thin link can tell what a call calls.
const SHAPES: &str = "struct Shape { virtual int edges() = 0; virtual ~Shape(); };\n\
    struct Square : Shape { int edges() override; };\n\
    Shape::~Shape() {}\n int Square::edges() { return 4; }\n\
    Square one;\n\
    #define API extern \"C\" __attribute__((visibility(\"default\")))\n\
    API Shape *square() { return &one; }\n API int edges(Shape *s) { return s->edges(); }\n";

/// Directories where `shapes.o`, of [`SHAPES`] and `more`, is compiled with `flags` and thin-linked.
fn shapes(flags: &str, more: &str) -> Twins {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        link.write("shapes.cc", format!("{SHAPES}{more}"));
        let flags = format!("-O2 -fPIC -fno-rtti -fwhole-program-vtables -fvisibility=hidden {flags}");
        tool(link, &format!("clang {flags} -flto=thin -c shapes.cc -o shapes.o"));
        tool(
            link,
            "ld.lld -shared --thinlto-index-only=list --lto-whole-program-visibility -o unused shapes.o",
        );
    });
    twins
}

/// Directories where the IR in `module` was thin-linked by `llvm-lto2`, which does not ask for what system.
fn resolved(module: &str, resolutions: &str) -> Twins {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        link.write("x.ll", module);
        tool(link, "opt -thinlto-bc x.ll -o x.o");
        tool(link, &format!("llvm-lto2 run -thinlto-distributed-indexes x.o -o index {resolutions}"));
    });
    twins
}

#[test]
fn sources_are_no_modules() {
    let twins = Twins::new(&["-O2"]);
    for args in ["shape.c", "-x c shape.c", "-x c++ shape.o"] {
        let said = twins.agree(&format!("-O2 -fthinlto-index=shape.o.thinlto.bc -c -o native.o {args}"));
        assert!(said.stderr.contains("requires input to be LLVM bitcode"), "{said}");
    }
}

/// With its index a function of another module is there; with an empty one it is asked for.
#[test]
fn an_empty_index_imports_nothing() {
    let twins = Twins::new(&["-O2"]);
    twins.agree_on("native.o", "-O2 -x ir -fthinlto-index=shape.o.thinlto.bc -c -o native.o shape.o");
    assert!(!symbols(&twins, "native.o").contains("U clamp"));
    twins.both(|link| link.write("empty", ""));
    twins.agree_on("native.o", "-O2 -x ir -fthinlto-index=empty -c -o native.o shape.o");
    assert!(symbols(&twins, "native.o").contains("U clamp"));
}

/// A module that no thin link has seen, with the index of another, makes an object without content.
#[test]
fn a_module_without_a_summary_and_an_index() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| tool(link, "clang -O2 -emit-llvm -c names.c -o plain.o"));
    twins.agree_on("native.o", "-O2 -x ir -fthinlto-index=shape.o.thinlto.bc -c -o native.o plain.o");
    assert_eq!(symbols(&twins, "native.o"), "");
}

/// A module to import from that lost its summary: clang leaves an object without content and says 0, thinfarm
/// names both.
#[test]
fn an_import_without_a_summary() {
    let link = Link::new();
    tool(&link, "clang -O2 -emit-llvm -c area.c -o area.o");
    let made = ["area.thinlto-native.o", "names.thinlto-native.o"];
    let said = link.adds_only(&made, || link.backend(&[]));
    said.failed_on("shape.o", &["area.o", "summary"], &["names.o"]);
}

/// The thin link writes an index that says "skip" for a module that the link did not need after all.
#[test]
fn an_index_that_says_skip() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        let lld = "ld.lld -shared --thinlto-index-only=list -o unused.so shape.o area.o";
        tool(link, &format!("{lld} --start-lib names.o --end-lib"));
    });
    let job = "-O2 -x ir -fthinlto-index=names.o.thinlto.bc";
    twins.agree_on("native.o", &format!("{job} -c -o native.o names.o"));
    assert_eq!(symbols(&twins, "native.o"), "");
    twins.agree_on("native.ll", &format!("{job} -S -emit-llvm -o native.ll names.o"));
    assert!(!text(&twins, "native.ll").contains("@name"));
    // Without that index there would be something.
    twins.agree_on("native.o", "-O2 -x ir -fthinlto-index=/dev/null -c -o native.o names.o");
    assert!(symbols(&twins, "native.o").contains("name"));
}

#[test]
fn options_of_llvm_reach_a_backend() {
    let twins = Twins::new(&["-O2"]);
    let job = "-O2 -x ir -fthinlto-index=shape.o.thinlto.bc -c -o native.o shape.o";
    let said = twins.agree(&format!("-mllvm -nonexistent {job}"));
    assert!(said.stderr.contains("nknown command line argument '-nonexistent'"), "{said}");
    twins.agree_on("native.o", &format!("-mllvm -align-all-functions=6 {job}"));
    // clang removes an object that was there before.
    twins.both(|link| link.remove("native.o"));
    let said = twins.agree(&format!("-Xclang -flto=thinfoo {job}"));
    assert!(said.stderr.contains("invalid value 'thinfoo'"), "{said}");
}

/// What embeds a copy of the command line: clang's own words and paths.
#[test]
fn the_command_line_in_an_object() {
    let twins = Twins::new(&["-O2"]);
    let job = "-ffile-compilation-dir=. -O2 -x ir -fthinlto-index=shape.o.thinlto.bc -c -o native.o shape.o";
    for kind in ["post-merge-pre-opt", "optimized", "none"] {
        twins.agree_on("native.o", &format!("-mllvm -lto-embed-bitcode={kind} {job}"));
    }
}

/// Which passes run at which level.
#[test]
fn the_pipeline_of_each_level() {
    let twins = Twins::new(&["-O2"]);
    let mut pipelines = Vec::new();
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
        let job = "-x ir -fthinlto-index=shape.o.thinlto.bc -c -o native.o shape.o";
        let said = twins.agree(&format!("{level} -Xclang -fdebug-pass-manager {job}"));
        assert!(said.stderr.contains("Running pass: WholeProgramDevirtPass"), "{level}: {said}");
        pipelines.push(said.stderr);
    }
    assert!(pipelines[2] != pipelines[3] && pipelines[1] != pipelines[2]);
}

/// A virtual call becomes a direct one by what the index says, if nobody forbids it.
#[test]
fn virtual_calls_become_direct_ones() {
    for lto_unit in ["-fsplit-lto-unit", "-fno-split-lto-unit"] {
        let twins = shapes(lto_unit, "");
        let job = "-O2 -x ir -fthinlto-index=shapes.o.thinlto.bc -Rpass=wholeprogramdevirt";
        let said = twins.agree(&format!("{job} -c -o native.o shapes.o"));
        assert!(said.stderr.contains("single-impl: devirtualized a call"), "{lto_unit}: {said}");
        let skip = "-mllvm -wholeprogramdevirt-skip=_ZN6Square5edgesEv";
        let said = twins.agree(&format!("{skip} {job} -c -o native.o shapes.o"));
        assert!(!said.stderr.contains("single-impl"), "{lto_unit}: {said}");
    }
}

/// Tests of types are gone from what a backend makes, also where the index is empty.
#[test]
fn tests_of_types_are_lowered() {
    let twins = shapes("-fno-split-lto-unit", "");
    twins.both(|link| link.write("empty", ""));
    for index in ["shapes.o.thinlto.bc", "empty"] {
        for level in ["-O2", "-O0"] {
            let job = format!("{level} -x ir -fthinlto-index={index}");
            twins.agree_on("native.o", &format!("{job} -c -o native.o shapes.o"));
            twins.agree_on("native.ll", &format!("{job} -S -emit-llvm -o native.ll shapes.o"));
            let ir = text(&twins, "native.ll");
            assert!(ir.contains("@edges("), "{ir}");
            assert!(
                !ir.contains("call i1 @llvm.type.test") && !ir.contains("call i1 @llvm.public.type.test"),
                "{index} {level}: {ir}"
            );
        }
    }
}

/// Checks of control flow: what a type's vtables are is in the index.
#[test]
fn control_flow_integrity_is_resolved_by_the_index() {
    // Two classes, one of which answers with no constant, or the call would need no check.
    let other = "struct Ring : Shape { int edges() override; };\n volatile int n; int Ring::edges() { return n; }\n\
        Ring two; API Shape *ring() { return &two; }\n";
    let twins = shapes("-fsplit-lto-unit -fsanitize=cfi-vcall -fno-sanitize-ignorelist", other);
    let job = "-O1 -x ir -fthinlto-index=shapes.o.thinlto.bc";
    twins.agree_on("native.o", &format!("{job} -c -o native.o shapes.o"));
    twins.agree_on("native.ll", &format!("{job} -S -emit-llvm -o native.ll shapes.o"));
    let ir = text(&twins, "native.ll");
    assert!(ir.contains("trap") && ir.contains("br i1"), "{ir}");
}

/// Two files of one name with constants of one name: both are imported, each as its own.
#[test]
fn constants_with_the_same_names() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        for (folder, number) in [("one", 10), ("two", 20)] {
            std::fs::create_dir(link.path(folder)).expect("a folder");
            let row = format!("static const int row[4] = {{1, 2, 3, {number}}};\n");
            link.write(
                &format!("{folder}/x.c"),
                format!("{row}int {folder}(int i) {{ return row[i & 3] + row[(i + 1) & 3]; }}\n"),
            );
            let clang = ["-O2", "-flto=thin", "-c", "x.c", "-o", "x.o"];
            run(Command::new(llvm_tool("clang")).current_dir(link.path(folder)).args(clang)).succeeded();
        }
        link.write("main.c", "int one(int), two(int); int _start(int n) { return one(n) - two(n); }\n");
        tool(link, "clang -O2 -flto=thin -c main.c -o main.o");
        tool(link, "ld.lld --thinlto-index-only=list -o unused main.o one/x.o two/x.o");
    });
    let job = "-O2 -x ir -fthinlto-index=main.o.thinlto.bc";
    twins.agree_on("native.o", &format!("{job} -c -o native.o main.o"));
    twins.agree_on("native.ll", &format!("{job} -S -emit-llvm -o native.ll main.o"));
    let ir = text(&twins, "native.ll");
    assert_eq!(ir.lines().filter(|line| line.starts_with("@row.llvm.")).count(), 2, "{ir}");
}

/// A profile in the record of what was inlined, and among a backend's remarks.
#[test]
fn remarks_with_a_profile() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        link.write(
            "hot.c",
            "int sum; int twice(int a) { return a + a; }\n\
             int hot(int n) { for (int i = 0; i < n; i++) sum += twice(i); return sum; }\n",
        );
        link.write(
            "samples",
            "hot:100000:1000\n 1: 1000\n 1.1: 9000 twice:9000\ntwice:9000:9000\n 0: 9000\n",
        );
        tool(link, "clang -O2 -g -ffile-compilation-dir=. -fPIC -flto=thin -fprofile-sample-use=samples -c hot.c -o hot.o");
        link.thin_link(&["hot.o"], &[]);
    });
    let job = "-O2 -x ir -fthinlto-index=hot.o.thinlto.bc -fdiagnostics-show-hotness";
    twins.agree_on("native.opt.yaml", &format!("{job} -fsave-optimization-record -c -o native.o hot.o"));
    assert!(text(&twins, "native.opt.yaml").contains("Hotness:"), "no hotness");
    let said = twins.agree(&format!("{job} -Rpass-analysis=. -c -o native.o hot.o"));
    assert!(said.stderr.contains("remark:") && said.stderr.contains("hotness:"), "{said}");
}

/// A profile given to a backend besides the one that its module was made with.
#[test]
fn a_profile_for_the_backend_alone() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        link.write("count.c", "int n; void one(int m) { if (__builtin_expect(m > 9, 1)) n = 7; }\n");
        link.write("text", ":ir\none\n# hash\n0\n# counters\n2\n12\n12\n");
        tool(link, "llvm-profdata merge text -o profile");
        tool(link, "clang -O2 -g -ffile-compilation-dir=. -fPIC -flto=thin -c count.c -o count.o");
        link.thin_link(&["count.o"], &[]);
    });
    let job = "-O2 -x ir -fthinlto-index=count.o.thinlto.bc -c -o native.o count.o";
    let profile = "-Xclang -fprofile-instrument-use=llvm -Xclang -fprofile-instrument-use-path=profile";
    let said = twins.agree(&format!("{profile} {job}"));
    assert!(!said.stderr.contains("12 / 24"), "{said}");
    twins.agree_on("native.o", &format!("-fprofile-use=profile {job}"));
}

/// Objects for a system that lld's ELF side does not link, with a pass that only such systems need.
#[test]
fn automatic_reference_counts_are_contracted() {
    let twins = resolved(
        "target datalayout = \"e-m:o-p270:32:32-p271:32:32-p272:64:64-i64:64-f80:128-n8:16:32:64-S128\"\n\
         target triple = \"x86_64-apple-darwin\"\n\
         declare void @llvm.objc.clang.arc.use(...)\n\
         define void @keep(ptr %one, ptr %two) {\n\
         call void (...) @llvm.objc.clang.arc.use(ptr %one, ptr %two)\n ret void\n}\n",
        "-r=x.o,_keep,px",
    );
    let job = "--target=x86_64-apple-darwin -O2 -x ir -fthinlto-index=x.o.thinlto.bc";
    twins.agree_on("native.o", &format!("{job} -c -o native.o x.o"));
    assert!(symbols(&twins, "native.o").contains("_keep"));
    // Its target is spelled otherwise than the module's, which is a warning or, on demand, an error.
    twins.both(|link| link.remove("native.o"));
    let said = twins.agree(&format!("-Werror {job} -c -o native.o x.o"));
    assert_eq!(said.code, Some(1), "{said}");
}

/// A second instrumentation by a backend, for a system that needs symbols of its own for it.
#[test]
fn context_sensitive_instrumentation() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        link.write("main.c", "int main(void) { return 0; }\n");
        let target = "--target=x86_64-apple-darwin -fcs-profile-generate";
        tool(link, &format!("clang {target} -flto=thin -c main.c -o main.o"));
        tool(link, "llvm-lto2 run -thinlto-distributed-indexes main.o -r=main.o,_main,px -o index");
    });
    let job = "-fcs-profile-generate -fthinlto-index=main.o.thinlto.bc -c -o native.o main.o";
    twins.agree_on("native.o", &format!("--target=x86_64-apple-darwin {job}"));
    assert!(symbols(&twins, "native.o").contains("_main"));
}

/// Two ways to allocate, cold and not: what becomes of them is for the index to say.
#[test]
fn profiles_of_memory() {
    const MODULE: &str = "target datalayout = \"e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-f80:128-n8:16:32:64-S128\"\n\
        target triple = \"x86_64-unknown-linux-gnu\"\n\
        declare ptr @_Znwm(i64)\n @kept = global ptr null\n\
        define ptr @room() {\n %all = call ptr @_Znwm(i64 8), !memprof !0, !callsite !5\n\
        %cold = call ptr @_Znwm(i64 16) #0\n store ptr %cold, ptr @kept\n ret ptr %all\n}\n\
        attributes #0 = { \"memprof\"=\"cold\" }\n\
        !0 = !{!1, !3}\n!1 = !{!2, !\"notcold\"}\n!2 = !{i64 11, i64 22}\n\
        !3 = !{!4, !\"cold\"}\n!4 = !{i64 11, i64 33}\n!5 = !{i64 11}\n";
    let job = "--target=x86_64-unknown-linux-gnu -O2 -x ir -fthinlto-index=x.o.thinlto.bc";
    for (thin_link, keeps) in [("-supports-hot-cold-new", true), ("", false)] {
        let twins = resolved(MODULE, &format!("-r=x.o,room,plx -r=x.o,kept,plx -r=x.o,_Znwm, {thin_link}"));
        twins.agree_on("native.o", &format!("{job} -c -o native.o x.o"));
        twins.agree_on("native.ll", &format!("{job} -S -emit-llvm -o native.ll x.o"));
        let ir = text(&twins, "native.ll");
        assert_eq!(ir.contains("\"memprof\"=\"cold\""), keeps, "{thin_link}: {ir}");
        let calls = "-mllvm -optimize-hot-cold-new";
        twins.agree_on("native.ll", &format!("{calls} {job} -S -emit-llvm -o native.ll x.o"));
        assert_eq!(text(&twins, "native.ll").contains("hot_cold_t"), keeps, "{thin_link}");
    }
}

/// The `.dwo` has the names that the debug information says, in both versions of DWARF.
#[test]
fn split_debug_information_of_each_version() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let twins = Twins::new(&["-O2", "-g", version]);
        let job = "-O2 -x ir -fthinlto-index=shape.o.thinlto.bc -c -o native.o shape.o";
        twins.agree_on("native.dwo", &format!("-g {version} -gsplit-dwarf {job}"));
        let dump = |name: &str| {
            let mut dump = twins.thinfarm.command(llvm_tool("llvm-dwarfdump"));
            run(dump.args(["--debug-info", name])).stdout
        };
        let (object, dwo) = (dump("native.o"), dump("native.dwo"));
        assert!(object.contains("native.dwo") && !object.contains("DW_TAG_subprogram"), "{object}");
        assert!(dwo.contains("DW_TAG_subprogram"), "{dwo}");
    }
}
