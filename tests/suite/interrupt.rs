//! Ctrl-C means now: a run that is stopped in the middle of a long job ends within a second and leaves no
//! temporaries and no partial objects.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
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

/// Starts a run with `variables`, and waits until the objects of `small` are there and the long job is at work.
fn started(link: &Link, small: &[&str], variables: &[(&str, &Path)]) -> Child {
    let mut farm = thinfarm();
    farm.current_dir(link.dir()).args(["backend", "-j", "3", "--list", "list", "--", "-O2"]);
    farm.envs(variables.iter().copied());
    let farm = farm.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = farm.spawn().expect("thinfarm to start");
    wait_for("the small objects", &mut child, || {
        small.iter().all(|stem| link.path(&format!("{stem}{NATIVE}")).exists())
    });
    sleep(Duration::from_millis(100));
    assert!(child.try_wait().expect("a child to wait for").is_none(), "the long job is too short");
    child
}

/// Waits until `came` says that `what` has come, which has to be while `child` runs.
fn wait_for(what: &str, child: &mut Child, came: impl Fn() -> bool) {
    let started = Instant::now();
    while !came() {
        let ended = child.try_wait().expect("a child to wait for");
        assert!(ended.is_none(), "the run ended before it could be stopped: {ended:?}");
        assert!(started.elapsed() < Duration::from_secs(60), "{what} never came");
        sleep(Duration::from_millis(10));
    }
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).expect("a process to signal");
}

/// Starts a run, waits until the small objects are there and the long job is alone, sends `signal`.
fn stops_at_once(signal: Signal) {
    let link = link_with_a_long_job();
    let small = ["shape", "area", "names"].map(|stem| format!("{stem}{NATIVE}"));
    let added: Vec<&str> = small.iter().map(String::as_str).collect();
    let status = link.adds_only(&added, || {
        let child = started(&link, &["shape", "area", "names"], &[]);
        send(&child, signal);
        // As a make and a terminal that both send it.
        send(&child, signal);
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

/// A disk that does not answer, for whoever has it loaded before libc: the call that `HANGS` names, of a path that
/// has the text after the colon, never returns.
const HUNG_DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void ask(const char *call, const char *path) {
  const char *hangs = getenv("HANGS");
  size_t length = strlen(call);
  while (hangs && !strncmp(hangs, call, length) && hangs[length] == ':' && strstr(path, hangs + length + 1))
    pause();
}
int unlink(const char *path) {
  ask("unlink", path);
  return ((int (*)(const char *))dlsym(RTLD_NEXT, "unlink"))(path);
}
int rename(const char *from, const char *to) {
  ask("rename", from);
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
"#;

fn hung_disk(link: &Link) -> PathBuf {
    link.write("hung.c", HUNG_DISK);
    run(link.command(llvm_tool("clang")).args(["-shared", "-fPIC", "hung.c", "-o", "hung.so"])).succeeded();
    link.path("hung.so")
}

/// The temporaries of `stem`'s object.
fn temporaries(link: &Link, stem: &str) -> Vec<String> {
    let prefix = format!(".{stem}.");
    link.files().into_keys().filter(|name| name.starts_with(&prefix) && name.ends_with(".tmp")).collect()
}

#[test]
fn a_second_signal_does_not_wait_for_what_the_first_does() {
    let link = link_with_a_long_job();
    let disk = hung_disk(&link);
    let variables = [("LD_PRELOAD", disk.as_path()), ("HANGS", Path::new("unlink:.long."))];
    let mut child = started(&link, &["shape", "area", "names"], &variables);
    send(&child, Signal::SIGINT);
    sleep(Duration::from_millis(800));
    assert!(child.try_wait().unwrap().is_none(), "a useless test: nothing hung");
    send(&child, Signal::SIGTERM);
    let status = wait_until(child, Instant::now() + PROMPT).expect("the end of the run");
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32), "{status}");
}

#[test]
fn no_signal_waits_for_ever() {
    let link = link_with_a_long_job();
    let disk = hung_disk(&link);
    let variables = [("LD_PRELOAD", disk.as_path()), ("HANGS", Path::new("unlink:.long."))];
    let child = started(&link, &["shape", "area", "names"], &variables);
    send(&child, Signal::SIGINT);
    let status = wait_until(child, Instant::now() + Duration::from_secs(10)).expect("the end of the run");
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32), "{status}");
}

/// One output that does not get its name keeps nobody from clearing up.
#[test]
fn a_disk_that_hangs_does_not_hold_the_clearing_up() {
    let link = link_with_a_long_job();
    let disk = hung_disk(&link);
    let variables = [("LD_PRELOAD", disk.as_path()), ("HANGS", Path::new("rename:.names."))];
    let child = started(&link, &["shape", "area"], &variables);
    assert_eq!((temporaries(&link, "names").len(), temporaries(&link, "long").len()), (1, 1));
    send(&child, Signal::SIGINT);
    let status = wait_until(child, Instant::now() + PROMPT).expect("the end of the run");
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32), "{status}");
    let left = [temporaries(&link, "names"), temporaries(&link, "long")].concat();
    assert!(left.is_empty(), "{left:?}");
}

/// `nohup` ignores a signal for the programs it starts.
#[test]
fn what_is_ignored_stays_ignored() {
    let link = Link::new();
    compile_long(&link, 300);
    link.write("list", "long.o\n");
    let mut shell = link.command("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(thinfarm().get_program());
    shell.args(["backend", "--list", "list", "--", "-O2"]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().expect("a shell");
    wait_for("a temporary", &mut child, || !temporaries(&link, "long").is_empty());
    send(&child, Signal::SIGHUP);
    let status = wait_until(child, Instant::now() + Duration::from_secs(120)).expect("the end of the run");
    assert!(status.success(), "{status}");
    assert!(link.path(&format!("long{NATIVE}")).exists());
}
