//! Ctrl-C means now: a run that is stopped in the middle of a long job ends within a second and leaves no
//! temporaries and no partial objects.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::{Link, NATIVE, llvm_tool, run, thinfarm};

/// Stopping takes a second at most; the other second is for a machine with other work.
pub const PROMPT: Duration = Duration::from_secs(2);

/// One module whose backend runs for many seconds, beside the three small ones.
pub fn link_with_a_long_job() -> Link {
    let link = Link::new();
    compile_long(&link, 1500);
    link.write("list", "long.o\nshape.o\narea.o\nnames.o\n");
    link
}

/// Adds `long.o` of so many functions, and an index that imports nothing. The front end does no optimisation, so
/// that it is quick.
pub fn compile_long(link: &Link, functions: usize) {
    let mut source = String::from("int sink(int *, int);\n");
    for n in 0..functions {
        write!(
            source,
            "int f{n}(int *a, int *b, int n) {{ int s = {n};\n\
             for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) {{\n\
             if (a[i] > b[j]) s += a[i] * b[j] + {n}; else s ^= a[j] - b[i] / (j + {n} + 1);\n\
             switch ((s + j) & 7) {{ case 0: s += 3; break; case 1: s = sink(a, s); break;\n\
             case 2: a[j] = s; break; case 3: b[i] += a[i]; break; default: s--; }} }}\n\
             return s; }}\n"
        )
        .expect("a string takes any text");
    }
    link.write("long.c", source);
    let clang = ["-O2", "-fPIC", "-flto=thin", "-Xclang", "-disable-llvm-passes", "-c", "long.c"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
    run(link.command(llvm_tool("opt")).args(["-thinlto-bc", "long.o", "-o", "long.o"])).succeeded();
    link.write("long.o.thinlto.bc", "");
}

/// How `child` ended, or `None` if it had to be killed at the deadline.
pub fn wait_until(mut child: Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            return Some(status);
        }
        sleep(Duration::from_millis(10));
    }
    child.kill().expect("a child to kill");
    child.wait().expect("a child to wait for");
    None
}

/// Starts a run, waits until the small objects are there and the long job is alone, sends `signal`.
fn stops_at_once(signal: Signal) {
    let link = link_with_a_long_job();
    let small = ["shape", "area", "names"].map(|stem| format!("{stem}{NATIVE}"));
    let added: Vec<&str> = small.iter().map(String::as_str).collect();
    let status = link.adds_only(&added, || {
        let mut farm = thinfarm();
        farm.current_dir(link.dir()).args(["backend", "-j", "2", "--list", "list", "--", "-O2"]);
        let farm = farm.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = farm.spawn().expect("thinfarm to start");
        let started = Instant::now();
        while !small.iter().all(|object| link.path(object).exists()) {
            let ended = child.try_wait().expect("a child to wait for");
            assert!(ended.is_none(), "the run ended before it could be stopped: {ended:?}");
            assert!(started.elapsed() < Duration::from_secs(60), "the small objects never came");
            sleep(Duration::from_millis(10));
        }
        sleep(Duration::from_millis(100));
        assert!(child.try_wait().expect("a child to wait for").is_none(), "the long job is too short");
        kill(Pid::from_raw(child.id() as i32), signal).expect("a process to signal");
        wait_until(child, Instant::now() + PROMPT)
    });
    let status = status.unwrap_or_else(|| panic!("still running {PROMPT:?} after {signal:?}"));
    let by_signal = status.signal() == Some(signal as i32);
    let by_status = status.code() == Some(128 + signal as i32);
    assert!(by_signal || by_status, "a stopped run must end as stopped, not with {status}");
}

#[test]
fn interrupt_stops_the_run() {
    stops_at_once(Signal::SIGINT);
}

#[test]
fn terminate_stops_the_run() {
    stops_at_once(Signal::SIGTERM);
}
