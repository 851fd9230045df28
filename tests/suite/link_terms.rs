//! What a link says to modules with options of their own: what it decides for them, and what is only a wish.

use crate::two_linkers::{OBJECTS, TwoLinkers};

/// Modules that remember `flags`.
fn recorded(flags: &[&str]) -> TwoLinkers {
    let linkers = TwoLinkers::program();
    for source in ["main.c", "area.c", "names.c"] {
        let all = [&["-O2", "-fcommon", "-flto=thin", "-frecord-command-line"], flags].concat();
        linkers.compile(source, &all);
    }
    linkers
}

/// The lines of ours that are warnings.
fn warnings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("thinfarm: warning:")).collect()
}

#[test]
fn code_for_a_fixed_address_gets_the_links_relocation_model() {
    let linkers = TwoLinkers::new();
    linkers.add(
        "m.c",
        "int f(int); int *ga(void); int main(int c, char **v) { return f(c) + *ga() - 12; }",
        &[],
    );
    let source = "__thread int t = 3; static __thread int u; int g = 4;\n\
        int f(int x) { u += x; return t + g + u; } int *ga(void) { return &g; }";
    for flags in
        [&["-fno-pic", "-fno-pie"][..], &["-fno-pic", "-fno-pie", "-Xclang", "-fembed-bitcode=marker"]]
    {
        let record = if flags.len() == 2 { "-frecord-command-line" } else { "-O2" };
        linkers.add("a.c", source, &[flags, &["-O2", "-flto=thin", record]].concat());
        linkers.add(
            "m.c",
            "int f(int); int *ga(void); int main(int c, char **v) { return f(c) + *ga() - 12; }",
            &["-O2", "-flto=thin", "-fno-pic", "-fno-pie", "-frecord-command-line"],
        );
        for kind in [&["-pie"][..], &["-static-pie"]] {
            let linked = linkers
                .link_by_clang(&[&["a.o", "m.o", "-o", "prog"], kind].concat())
                .same_files_but(|_| true);
            let told = warnings(&linked.ours.said.stderr);
            assert_eq!(told.len(), 1, "{}", linked.ours.said);
            assert!(
                told[0].contains("2 modules (a.o is the first)") && told[0].contains("-fno-pic"),
                "{}",
                told[0]
            );
            linked.runs("prog", "");
        }
        // Where the output can hold it, a file's own model stays.
        for kind in [&["-no-pie"][..], &["-static", "-no-pie"], &["-r", "-nostdlib"]] {
            let linked = linkers
                .link_by_clang(&[&["a.o", "m.o", "-o", "prog"], kind].concat())
                .same_files_but(|_| true);
            assert!(warnings(&linked.ours.said.stderr).is_empty(), "{}", linked.ours.said);
        }
    }
}

#[test]
fn code_for_a_fixed_address_in_a_library_is_what_lld_makes_of_it() {
    let linkers = TwoLinkers::new();
    let flags = ["-O2", "-flto=thin", "-fno-pic", "-ffunction-sections", "-fdata-sections", "-fno-plt"];
    let source = "static int g = 4; static int table(int x) { return x + g; }\n\
        int (*at(void))(int) { g++; return table; }";
    linkers.add("a.c", source, &[&flags[..], &["-frecord-command-line"]].concat());
    let linked = linkers.link(&["a.o", "-shared", "-o", "lib.so"]).same_files_but(|_| true);
    assert_eq!(warnings(&linked.ours.said.stderr).len(), 1, "{}", linked.ours.said);
    // Position-independent code is nobody's concern.
    linkers.add("a.c", source, &["-O2", "-flto=thin", "-fPIE", "-frecord-command-line"]);
    let linked = linkers.link(&["a.o", "-shared", "-o", "lib.so"]).same_files_but(|_| true);
    assert!(linked.ours.said.stderr.is_empty(), "{}", linked.ours.said);
}

/// The names of counters in `object`.
fn counters(linkers: &TwoLinkers, object: &str) -> usize {
    linkers.tool("llvm-nm", &[object]).stdout.matches("__profc_").count()
}

#[test]
fn context_sensitive_profiles_are_the_links() {
    let linkers = recorded(&["-fPIC"]);
    let generate = ["--lto-cs-profile-generate", "--lto-cs-profile-file=x.profraw"];
    let link = |options: &[&str], output: &str| {
        let args = [&OBJECTS[..], &["-r", "-o", output], options].concat();
        let said = linkers.ours(&args).succeeded();
        assert!(said.stderr.is_empty(), "{said}");
        counters(&linkers, output)
    };
    let expected = {
        let plain = TwoLinkers::program();
        run_lld(&plain, &[&OBJECTS[..], &["-r", "-o", "cs.o"], &generate].concat());
        counters(&plain, "cs.o")
    };
    assert!(expected > 0, "a useless test");
    // One cache, with and without.
    let cached =
        |options: &[&str], output: &str| link(&[options, &["--thinlto-cache-dir=cache"]].concat(), output);
    assert_eq!(cached(&[], "plain.o"), 0);
    assert_eq!(cached(&generate, "cs.o"), expected);
    assert_eq!(cached(&[], "again.o"), 0);
    // What a job is told is what clang makes of it.
    let clang = format!("--thinfarm-verify-with={}", crate::fixture::llvm_tool("clang").display());
    let said = linkers.ours(&[&OBJECTS[..], &["-r", "-o", "cs.o", &clang], &generate].concat()).succeeded();
    assert!(said.stderr.contains("3 identical of 3"), "{said}");
    // A profile that is used: read by every module.
    linkers.write("cs.proftext", ":ir\n:csir\nnobody\n1\n1\n1\n");
    linkers.tool("llvm-profdata", &["merge", "cs.proftext", "-o", "cs.profdata"]);
    let used = ["--lto-cs-profile-file=cs.profdata"];
    linkers.ours(&[&OBJECTS[..], &["-r", "-o", "cs.o"], &used].concat()).succeeded();
    let used = ["--lto-cs-profile-file=missing.profdata"];
    let said = linkers.ours(&[&OBJECTS[..], &["-r", "-o", "none.o"], &used].concat());
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("missing.profdata") && !linkers.path("none.o").exists(), "{said}");
    // A file's own wish to be instrumented is nothing without the runtime that the link would bring.
    let linkers = recorded(&["-fPIC", "-fcs-profile-generate"]);
    let said = linkers.ours(&[&OBJECTS[..], &["-r", "-o", "own.o"]].concat()).succeeded();
    assert_eq!((counters(&linkers, "own.o"), said.stderr.as_str()), (0, ""));
}

#[track_caller]
fn run_lld(linkers: &TwoLinkers, args: &[&str]) {
    linkers.tool("ld.lld", args);
}

#[test]
fn what_is_not_followed_is_told_once_with_its_name() {
    let linkers = recorded(&["-fPIC"]);
    linkers.compile(
        "names.c",
        &["-O3", "-fPIC", "-fcommon", "-flto=thin", "-frecord-command-line", "-mcmodel=large"],
    );
    let told = |options: &[&str]| -> Vec<String> {
        let args = [&OBJECTS[..], &["-r", "-o", "lib.o"], options].concat();
        let said = linkers.ours(&args).succeeded();
        warnings(&said.stderr).into_iter().map(str::to_owned).collect()
    };
    let one = |options: &[&str], modules: &str| {
        let told = told(options);
        assert_eq!(told.len(), 1, "{options:?}: {told:?}");
        let name = options.join(" ");
        assert!(
            told[0].contains(&format!("{name} is not followed by {modules}")),
            "{options:?}: {}",
            told[0]
        );
    };
    one(&["-mllvm", "-code-model=large"], "2 modules (main.o is the first)");
    one(&["-mllvm=-code-model=large"], "2 modules");
    one(&["-plugin-opt=-function-sections=1"], "3 modules");
    one(&["-plugin-opt=-stack-size-section"], "3 modules");
    one(&["-plugin-opt=-emulated-tls"], "3 modules");
    one(&["-mllvm", "-mattr=+avx2"], "3 modules");
    one(&["-mllvm", "-float-abi=soft"], "3 modules");
    one(&["--lto-O0"], "3 modules");
    one(&["--lto-O3"], "2 modules");
    one(&["--lto-CGO0"], "3 modules");
    // Those that are followed, that lld itself does not follow, that hold for all, and what clang's driver says on every
    // link.
    for options in [
        &["-mllvm", "-function-sections=0"][..],
        &["-mllvm", "-align-all-functions=6"],
        &["-mllvm", "-inline-threshold=0"],
        &["--lto-basic-block-sections=all"],
        &["-plugin-opt=O3", "-plugin-opt=mcpu=skylake"],
        &["--no-warnings", "--lto-O0", "-mllvm", "-code-model=large"],
    ] {
        assert!(told(options).is_empty(), "{options:?}: {:?}", told(options));
    }
    assert_eq!(told(&["--lto-O0", "--lto-CGO0", "-mllvm", "-code-model=large"]).len(), 3);
    // Nobody has options of their own.
    TwoLinkers::program()
        .link(&[&OBJECTS[..], &["--lto-O1", "-mllvm", "-code-model=large", "-r", "-o", "x"]].concat())
        .same();
}
