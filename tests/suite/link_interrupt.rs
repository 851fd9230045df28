//! A link that is stopped while its backends run: it ends at once, and nothing is left, because nothing was there.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jobserver::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::{Link, alone, llvm_tool, run, thinfarm_path};
use crate::interrupt::{PROMPT, compile_long, wait_until};

const SMALL: [&str; 2] = ["area.o", "names.o"];

/// What a link has among the temporaries.
fn temporary(tmp: &Path) -> Option<PathBuf> {
    fs::read_dir(tmp).unwrap().map(|entry| entry.unwrap().path()).next()
}

/// Stops a link in the middle of a long job, when it has the small objects.
fn leaves_nothing_after(signal: Signal) {
    let link = Link::sources();
    link.compile_into("", &["-O2"], &[]);
    compile_long(&link, 1500);
    let tmp = link.path("tmp");
    fs::create_dir(&tmp).unwrap();
    symlink(thinfarm_path(), link.path("ld.thinfarm")).unwrap();
    let linker = |inputs: &[&str]| {
        let mut linker: Command = link.command(link.path("ld.thinfarm"));
        alone(&mut linker);
        linker.env("TMPDIR", &tmp).args(["-shared", "-o", "lib.so", "--thinlto-jobs=2"]).args(inputs);
        linker.arg("--thinfarm-verbose");
        linker
    };
    let mut long = linker(&["long.o", SMALL[0], SMALL[1]]);
    let told = fs::File::create(link.path("told")).unwrap();
    let mut child = long.stdin(Stdio::null()).stdout(Stdio::null()).stderr(told).spawn().expect("a linker");
    let started = Instant::now();
    // Nothing comes of the long job before it is stopped.
    let has_objects = || {
        let told = fs::read_to_string(link.path("told")).unwrap();
        SMALL.iter().all(|small| told.contains(&format!("] {small} ")))
    };
    while !has_objects() {
        let ended = child.try_wait().expect("a child to wait for");
        assert!(ended.is_none(), "the link ended before it could be stopped: {ended:?}");
        assert!(started.elapsed() < Duration::from_secs(60), "the small objects never came");
        sleep(Duration::from_millis(10));
    }
    assert!(child.try_wait().expect("a child to wait for").is_none(), "the long job is too short");
    kill(Pid::from_raw(child.id() as i32), signal).expect("a process to signal");
    let status = wait_until(child, Instant::now() + PROMPT).expect("a link that ends at once");
    assert_eq!(status.signal(), Some(signal as i32), "{status}");
    assert!(!link.path("lib.so").exists(), "an output of a link that was stopped");

    assert_eq!(temporary(&tmp), None);
    run(&mut linker(&SMALL)).succeeded();
    assert_eq!(temporary(&tmp), None);
}

#[test]
fn leaves_nothing() {
    leaves_nothing_after(Signal::SIGINT);
    leaves_nothing_after(Signal::SIGTERM);
}

/// Nobody can clear up then, and a file that has a name would stay.
#[test]
fn leaves_nothing_when_killed() {
    leaves_nothing_after(Signal::SIGKILL);
}

/// lld ends the process then, in the middle of what other jobs do.
#[test]
fn an_error_too_many_leaves_nothing() {
    let link = Link::sources();
    compile_long(&link, 800);
    let long = link.read("long.o");
    let names = ["long0.o", "long1.o"];
    names.iter().for_each(|name| link.write(name, &long));
    let tmp = link.path("tmp");
    fs::create_dir(&tmp).unwrap();
    symlink(thinfarm_path(), link.path("ld.thinfarm")).unwrap();
    for (directive, options) in
        [("nonsense", &["--error-limit=5"][..]), (".warning 1", &["--error-limit=5", "--fatal-warnings"])]
    {
        let many = format!("{directive}\\n").repeat(30).replace(".warning 1", ".warning \\\"careful\\\"");
        link.write("many.c", format!("void many(void) {{ __asm__(\"{many}\"); }}\n"));
        let flags = ["-O2", "-fPIC", "-flto=thin", "-c", "many.c"];
        run(link.command(llvm_tool("clang")).args(flags)).succeeded();
        let mut linker = link.command(link.path("ld.thinfarm"));
        alone(&mut linker);
        linker.env("TMPDIR", &tmp).args(["-shared", "-o", "lib.so", "--thinlto-jobs=3"]).args(options);
        linker.arg("--allow-multiple-definition").args(names).args(["many.o", "-plugin-opt=dwo_dir=dwo"]);
        let jobserver = Client::new(2).expect("a pipe");
        jobserver.configure_make(&mut linker);
        let said = run(linker.env_remove("CARGO_MAKEFLAGS"));
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains("too many errors emitted"), "{said}");
        assert_eq!(jobserver.available().expect("a pipe"), 2, "tokens after {options:?}");
        assert_eq!(temporary(&tmp), None);
        assert_eq!(temporary(&link.path("dwo")), None, "half-written debug information");
    }
}
