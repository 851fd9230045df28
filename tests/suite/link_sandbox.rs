//! Links in sandboxes of build systems, which have no directory for temporaries, no `/proc`, few processes: what lld
//! links there is linked, with the same bytes as anywhere else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::unistd::geteuid;

use crate::fixture::{Said, run};
use crate::two_linkers::{OBJECTS, THIN, TwoLinkers};

/// A module's own options that take another process.
const WITH_WORKER: [&str; 3] = ["-frecord-command-line", "-mllvm", "-align-all-functions=5"];

/// What a link may need beside LLVM's backends in this process: options of a module, and of the link.
const KINDS: [(&str, &[&str], &[&str]); 3] = [
    ("nothing", &[], &[]),
    ("a child worker", &WITH_WORKER, &[]),
    // Which only knows files.
    ("clang", &[], &["--thinfarm-verify-with=clang"]),
];

/// The program with one module that has more options, and in `want.so` what is linked of it where nothing is amiss.
fn library(more: &[&str]) -> TwoLinkers {
    let linkers = TwoLinkers::program();
    linkers.compile("area.c", &[&THIN[..], more].concat());
    run(&mut linker(&linkers, "want.so")).succeeded();
    linkers
}

fn linker(linkers: &TwoLinkers, output: &str) -> Command {
    let mut linker = linkers.command(linkers.linker());
    linker.args(["-shared", "-o", output]).args(OBJECTS);
    linker
}

/// Runs `script`, in which `"$@"` links `lib.so` with `options`, in a place with file systems of its own.
fn in_sandbox(linkers: &TwoLinkers, options: &[&str], script: &str) -> Said {
    let linker = linker(linkers, "lib.so");
    let mut unshare = linkers.command("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]);
    run(unshare.arg(linker.get_program()).args(linker.get_args()).args(options))
}

/// Panics unless the library was linked as anywhere else, and nothing else is left.
#[track_caller]
fn is_linked(linkers: &TwoLinkers, said: Said, told: &str) {
    assert_eq!(said.code, Some(0), "{told}: {said}");
    let read = |name: &str| fs::read(linkers.path(name)).unwrap_or_default();
    assert!(read("lib.so") == read("want.so"), "{told}: other bytes\n{said}");
    fs::remove_file(linkers.path("lib.so")).unwrap();
    let left = fs::read_dir(linkers.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("thinfarm")).collect();
    assert!(left.is_empty(), "{told}: {left:?}");
}

#[test]
fn need_no_directory_for_temporaries() {
    for (kind, more, options) in KINDS {
        let linkers = library(more);
        fs::create_dir(linkers.path("tmp")).unwrap();
        for (place, script) in [
            ("missing", "TMPDIR=/nonexistent"),
            ("read-only", "mount -t tmpfs -o ro none tmp; TMPDIR=$PWD/tmp"),
            ("full", "mount -t tmpfs -o size=4k none tmp; head -c 4096 /dev/zero > tmp/x; TMPDIR=$PWD/tmp"),
        ] {
            let said = in_sandbox(&linkers, options, &format!("{script}; export TMPDIR; exec \"$@\""));
            is_linked(&linkers, said, &format!("{kind}, TMPDIR is {place}"));
        }
    }
}

#[test]
fn need_no_proc() {
    for (kind, more, _) in &KINDS[..2] {
        let linkers = library(more);
        let said = in_sandbox(&linkers, &[], "mount -t tmpfs none /proc; exec \"$@\"");
        is_linked(&linkers, said, kind);
    }
}

/// Objects are larger than a file may be, and than the library that is made of them, and there is no memory for them.
#[test]
fn need_no_large_files() {
    let linkers = TwoLinkers::new();
    for module in ["a", "b"] {
        // As debug information is, which the library is stripped of.
        let text = format!(
            "asm(\".section .debug_much,\\\"\\\",@progbits; .zero 200000; .previous\");\n\
             int {module}(int x) {{ return x + 1; }}\n"
        );
        linkers.add(&format!("{module}.c"), &text, &THIN);
    }
    for limit in ["unlimited", "128"] {
        let both = linkers.both(|linker| {
            let mut shell = linkers.command("bash");
            shell.args(["-c", &format!("ulimit -f {limit}; exec \"$@\""), "bash"]).arg(linker);
            shell.args(["-shared", "--strip-all", "-o", "lib.so", "a.o", "b.o"]);
            shell.env("THINFARM_MEMORY_LIMIT", "64");
            shell
        });
        let size = both.same().file("lib.so").len();
        assert!(size < 128 << 10, "{size}");
    }
}

/// With room for two more, of which a child worker is one: lld ends there with an error of LLVM's.
#[test]
fn need_no_threads() {
    for (kind, more, _) in &KINDS[..2] {
        let linkers = library(more);
        let linker = linker(&linkers, "lib.so");
        // The limit is of all processes of a user, and root has none.
        let mut few = match geteuid().is_root() {
            true => {
                for directory in
                    [linkers.path("."), linkers.linker().parent().unwrap().to_owned(), linkers.tmp()]
                {
                    fs::set_permissions(directory, Permissions::from_mode(0o777)).unwrap();
                }
                let mut setpriv = linkers.command("setpriv");
                setpriv.args(["--reuid=54322", "--regid=54322", "--clear-groups"]);
                setpriv
            }
            false => {
                let mut unshare = linkers.command("unshare");
                unshare.args(["--user", "--map-root-user"]);
                unshare
            }
        };
        few.args(["bash", "-c", "ulimit -u 3; exec \"$@\"", "bash"]);
        let said = run(few.arg(linker.get_program()).args(linker.get_args()));
        is_linked(&linkers, said, kind);
    }
}

/// Sharing the machine takes an open file for each core: not where few may be open, for lld needs some.
#[test]
fn need_few_open_files() {
    let linkers = library(&WITH_WORKER);
    linkers.tool("clang", &[&THIN[..], &["-c", "area.c", "-o", "plain.o"]].concat());
    for (module, limit) in [("area.o", 12), ("plain.o", 10)] {
        let mut linker = linkers.command("bash");
        linker.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "bash"]).arg(linkers.linker());
        linker.args(["-shared", "-o", "lib.so", "main.o", module, "names.o"]);
        let share = linkers.path("share");
        let said = run(linker.env("THINFARM_MACHINE_SHARE", share));
        assert_eq!(said.code, Some(0), "{module}: {said}");
    }
}
