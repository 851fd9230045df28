//! What is said on standard error, in lld's form: warnings about the cache, diagnostics of backends, response files that
//! cannot be, and what is out of scope.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::fixture::{run, thinfarm_path};
use crate::two_linkers::{OBJECTS, TwoLinkers};

#[test]
fn a_cache_that_is_too_small_for_the_link() {
    let linkers = TwoLinkers::program();
    let policies = ["cache_size_files=1", "cache_size_bytes=1", "cache_size_bytes=1:cache_size_files=2"];
    for (number, policy) in policies.iter().enumerate() {
        let link = |more: &[&str]| {
            let policy = format!("--thinlto-cache-policy=prune_interval=0s:{policy}");
            let both = |linker: &std::path::Path| {
                // Not the same directory, or the second would find what the first left.
                let name = if linker.ends_with("ld.thinfarm") { "ours" } else { "llds" };
                let mut command = linkers.command(linker);
                let directory =
                    format!("--thinlto-cache-dir={}", linkers.tmp_beside(&format!("{name}{number}")));
                command.args(OBJECTS).args(["-shared", "-o", "lib.so", &directory, &policy]).args(more);
                command
            };
            linkers.both(both).same().says("consider adjusting --thinlto-cache-policy")
        };
        link(&[]);
        // From the cache, as far as it goes.
        link(&[]);
        // Copies instead of loans.
        link(&["--save-temps=resolution"]);
    }
    let policy = "--thinlto-cache-policy=prune_interval=0s:cache_size_files=1";
    let elsewhere = ["--thinlto-cache-dir=llds", policy, "--thinfarm-cache-dir=ours"];
    for more in [&elsewhere[..], &["--thinlto-cache-dir=llds", policy, "--thinfarm-no-cache"]] {
        let said = linkers.ours(&[&OBJECTS[..], &["-shared", "-o", "lib.so"], more].concat()).succeeded();
        assert!(said.stderr.is_empty(), "{more:?}: nothing is in that cache: {said}");
    }
}

#[test]
fn diagnostics_of_backends() {
    let linkers = TwoLinkers::program();
    linkers.add(
        "warns.c",
        "void f(void) { __asm__(\".warning \\\"careful\\\"\"); }",
        &["-O2", "-fPIC", "-flto=thin"],
    );
    linkers.add("fails.c", "void g(void) { __asm__(\"nonsense\"); }", &["-O2", "-fPIC", "-flto=thin"]);
    let args = |object: &'static str, more: &[&'static str]| -> Vec<&'static str> {
        [&[object, "-shared", "-o", "lib.so"], more].concat()
    };
    linkers.link(&args("warns.o", &[])).same().says("warning: warns.o <inline asm>:1:2: careful");
    linkers.link(&args("warns.o", &["--color-diagnostics"])).same().says("\x1b[");
    linkers.link(&args("warns.o", &["--no-warnings"])).same();
    linkers.link(&args("warns.o", &["--no-warnings", "-mllvm", "-pass-remarks=inline"])).same();
    linkers.link(&args("warns.o", &["--fatal-warnings"])).same_failure("careful");
    let failed = linkers.link(&args("fails.o", &[])).same_failure("fails.o <inline asm>:1:2: ");
    assert!(!failed.ours.said.stderr.contains("\nthinfarm: error"), "{}", failed.ours.said);
    linkers.link(&args("fails.o", &["--color-diagnostics=always"])).same_failure("nonsense");
    linkers.link(&args("fails.o", &["--color-diagnostics=never", "--no-warnings"])).same_failure("nonsense");
    // More errors than lld tells of.
    let many: String = (0..30).map(|_| "nonsense\\n").collect();
    linkers.add(
        "many.c",
        &format!("void h(void) {{ __asm__(\"{many}\"); }}"),
        &["-O2", "-fPIC", "-flto=thin"],
    );
    linkers.link(&args("many.o", &["--error-limit=5"])).same_failure("too many errors emitted");
    // By a child worker, too, in a link where other files are compiled here.
    let own = ["-O2", "-fPIC", "-flto=thin", "-frecord-command-line", "-mllvm", "-align-all-functions=5"];
    linkers.compile("fails.c", &own);
    let failed = linkers.link(&["main.o", "area.o", "names.o", "fails.o", "-shared", "-o", "lib.so"]);
    failed.same_failure("fails.o <inline asm>:1:2: ");
    // From the cache a warning is told again, which lld forgets.
    linkers.write("big.c", "void sink(char *); int big(int x) { char a[5000]; sink(a); return a[x]; }\n");
    linkers.compile("big.c", &["-O2", "-fPIC", "-flto=thin", "-Wframe-larger-than=100"]);
    let cached = ["main.o", "area.o", "big.o", "-shared", "-o", "lib.so", "--thinlto-cache-dir=cache"];
    let first = linkers.ours(&cached).succeeded();
    assert!(first.stderr.starts_with("ld.thinfarm: warning: "), "{first}");
    assert_eq!(linkers.ours(&cached).succeeded().stderr, first.stderr);
}

#[test]
fn response_files_that_cannot_be() {
    let linkers = TwoLinkers::program();
    linkers.write("rsp", "@rsp");
    linkers.write("one", "@two");
    linkers.write("two", "main.o @one");
    for args in [
        &["main.o", "@rsp"][..],
        &["@one", "main.o"],
        // lld looks for an emulation first.
        &["-m", "elf_x86_64", "main.o", "@rsp"],
        &["@no-such-file"],
    ] {
        let pair = linkers.link(args);
        assert_eq!(pair.ours.said.code, Some(1), "{args:?}: {}", pair.ours.said);
        let same = |text: &str| text.replace("ld.thinfarm", "ld.lld").replace("ld.lld-22", "ld.lld");
        assert_eq!(same(&pair.ours.said.stderr), same(&pair.lld.said.stderr), "{args:?}");
    }
}

#[test]
fn links_for_windows_are_out_of_scope() {
    let linkers = TwoLinkers::program();
    for target in ["i386pe", "i386pep", "thumb2pe", "arm64pe"] {
        let said = linkers.ours(&["-m", target, "main.o"]);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains("MinGW is out of scope") && said.stderr.contains(target), "{said}");
    }
}

#[test]
fn bitcode_that_a_link_does_not_use() {
    let linkers = TwoLinkers::new();
    let flags = ["-O2", "-fPIC", "-flto=thin", "-ffat-lto-objects"];
    linkers.add("h.c", "int helper(int x) { return x * 3; }", &flags);
    linkers.add("m.c", "int helper(int); int main(int c, char **v) { return helper(c) - 3; }", &flags);
    linkers.add("t.c", "int thin(void) { return 1; }", &["-O2", "-fPIC", "-flto=thin"]);
    linkers.add("n.c", "int native(void) { return 1; }", &["-O2", "-fPIC"]);
    linkers.tool("llvm-ar", &["rc", "libfat.a", "n.o", "h.o"]);
    linkers.tool("llvm-ar", &["rcT", "libthin.a", "n.o", "h.o"]);
    linkers.add(
        "u.c",
        "int helper(int); int use(void) { return helper(1); }",
        &["-O2", "-fPIC", "-flto=thin"],
    );
    linkers.add("regular.c", "int regular(void) { return 1; }", &["-O2", "-fPIC", "-flto"]);
    linkers.write("script", "INPUT(h.o)");
    // A shared library is chosen before an archive.
    linkers.tool("llvm-ar", &["rc", "libboth.a", "h.o"]);
    linkers.ours(&["-shared", "h.o", "-o", "libboth.so"]).succeeded();
    let told = |args: &[&str]| {
        let said = linkers.ours(&[args, &["-shared", "-o", "lib.so"]].concat()).succeeded();
        assert!(said.stderr.matches("FatLTO").count() <= 1, "{said}");
        said.stderr
    };
    // The rest is LTO, or a compiler's driver says so.
    for (args, object) in [
        (&["n.o", "h.o", "m.o", "t.o"][..], "h.o has bitcode"),
        (&["-plugin-opt=thinlto", "h.o", "m.o"], "h.o has bitcode"),
        (&["-plugin-opt=mcpu=x86-64", "n.o", "m.o", "libfat.a"], "m.o has bitcode"),
        (&["t.o", "--whole-archive", "libfat.a"], "libfat.a(h.o) has bitcode"),
        (&["u.o", "-L.", "-lfat"], "./libfat.a(h.o) has bitcode"),
        (&["u.o", "-lfat", "-L."], "./libfat.a(h.o) has bitcode"),
        (&["u.o", "-L", ".", "-l:libthin.a"], "./libthin.a(h.o) has bitcode"),
        (&["u.o", "--start-lib", "h.o", "--end-lib"], "h.o has bitcode"),
        (&["u.o", "script"], "h.o has bitcode"),
        (&["regular.o", "h.o"], "h.o has bitcode"),
    ] {
        let stderr = told(args);
        assert!(stderr.contains(object) && stderr.contains("-fuse-ld=lld --ld-path="), "{args:?}: {stderr}");
    }
    for args in [
        &["h.o", "m.o", "n.o"][..],
        &["n.o", "t.o"],
        &["t.o", "libfat.a"],
        &["t.o", "--start-lib", "h.o", "--end-lib"],
        &["u.o", "-L.", "-lboth"],
        &["h.o", "m.o", "t.o", "--fat-lto-objects"],
        &["h.o", "m.o", "t.o", "--no-fat-lto-objects"],
        &["h.o", "m.o", "t.o", "--no-warnings"],
    ] {
        assert_eq!(told(args), "", "{args:?}");
    }
    // By clang under a name that it does not know, and as the warning says.
    let mut clang =
        linkers.clang(&linkers.linker(), &["-flto=thin", "-ffat-lto-objects", "h.o", "m.o", "-o", "prog"]);
    let said = run(&mut clang).succeeded();
    assert!(said.stderr.contains("--fat-lto-objects is missing"), "{said}");
    let said = run(clang.arg("-fuse-ld=lld")).succeeded();
    assert_eq!(said.stderr, "", "{said}");
    let main = linkers.tool("llvm-objdump", &["-d", "--disassemble-symbols=main", "prog"]).stdout;
    assert!(!main.contains("helper"), "no LTO: {main}");
}

#[test]
fn no_warnings_is_for_ours_too() {
    let linkers = TwoLinkers::program();
    let open_to_all = |name: &str, mode: u32| {
        std::fs::set_permissions(linkers.path(name), Permissions::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(linkers.path("cache")).unwrap();
    open_to_all("cache", 0o777);
    linkers.write("thinfarm.toml", "");
    open_to_all("thinfarm.toml", 0o666);
    let link = |more: &[&str]| {
        linkers.ours(&[&OBJECTS[..], &["-shared", "-o", "lib.so"], more].concat()).succeeded().stderr
    };
    for cache in ["--thinfarm-cache-dir=cache", "--thinlto-cache-dir=cache"] {
        let stderr = link(&[cache]);
        assert!(stderr.contains("thinfarm.toml is not used"), "{stderr}");
        assert!(stderr.contains("nothing is cached"), "{stderr}");
        for option in ["-w", "--no-warnings"] {
            assert_eq!(link(&[cache, option]), "", "{cache} {option}");
        }
    }
}

#[test]
fn who_linked_a_file() {
    let linkers = TwoLinkers::program();
    let ask = |file: &str| run(linkers.command(thinfarm_path()).args(["doctor", file]));
    let link = |args: &[&str]| {
        linkers.link(&[&OBJECTS[..], args, &["-shared", "-o", "lib.so"]].concat()).same();
    };
    // The second linker is ours.
    link(&[]);
    if ask("lib.so").stdout.contains("no extended attributes") {
        return;
    }
    let said = ask("lib.so").succeeded();
    assert!(
        said.stdout.contains("linked by ld.thinfarm") && said.stdout.contains("3 ThinLTO modules"),
        "{said}"
    );
    let json = run(linkers.command(thinfarm_path()).args(["doctor", "--json", "lib.so"])).succeeded();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((&json["verdict"], &json["linked_by"]["modules"]), (&"thinfarm".into(), &3.into()), "{json}");
    // A file that was moved is the same file.
    std::fs::rename(linkers.path("lib.so"), linkers.path("moved.so")).unwrap();
    ask("moved.so").succeeded();
    let not_ours = |file: &str, words: &str| {
        let said = ask(file);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stdout.contains(words), "no word of {words:?}: {said}");
    };
    std::fs::write(linkers.path("copy.so"), std::fs::read(linkers.path("moved.so")).unwrap()).unwrap();
    not_ours("copy.so", "a copy keeps no record");
    not_ours("copy.so", "its section .comment says: Linker:");
    linkers.tool("llvm-strip", &["-o", "stripped.so", "moved.so"]);
    not_ours("stripped.so", "not linked by ld.thinfarm");
    // Written into, as `strip` of GNU's does.
    let file = std::fs::OpenOptions::new().append(true).open(linkers.path("moved.so")).unwrap();
    std::io::Write::write_all(&mut &file, b"more").unwrap();
    not_ours("moved.so", "changed by something else since");
    // By another linker later.
    link(&[]);
    ask("lib.so").succeeded();
    linkers.tool("ld.lld", &[&OBJECTS[..], &["-shared", "-o", "lib.so"]].concat());
    not_ours("lib.so", "not linked by ld.thinfarm");
    // A link that writes no output signs none.
    linkers.ours(&[&OBJECTS[..], &["-shared", "-o", "lib.so", "--thinlto-index-only"]].concat()).succeeded();
    not_ours("lib.so", "not linked by ld.thinfarm");
    let other =
        linkers.ours(&[&OBJECTS[..], &["--thinfarm-off", "-shared", "--output=off.so"]].concat()).succeeded();
    assert!(ask("off.so").succeeded().stdout.contains("lld's own backends"), "{other}");
    linkers.add("n.c", "int n;", &["-fPIC"]);
    linkers.ours(&["n.o", "-shared", "-onative.so"]).succeeded();
    assert!(ask("native.so").succeeded().stdout.contains("no ThinLTO"));
    let missing = ask("missing");
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("cannot read missing"), "{missing}");
    run(linkers.command("mkfifo").arg("fifo")).succeeded();
    for name in [".", "fifo"] {
        let doctor = ["60", &thinfarm_path().display().to_string(), "doctor", name].map(str::to_owned);
        let said = run(linkers.command("timeout").args(doctor));
        assert_eq!((said.code, &said.stdout[..]), (Some(1), ""), "{said}");
        assert!(said.stderr.contains(&format!("cannot read {name}: it is not a regular file")), "{said}");
    }
}
