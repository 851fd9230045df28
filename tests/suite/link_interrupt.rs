//! A link that is stopped while its backends run: it ends at once, and nothing is left. Only SIGKILL leaves the
//! directory of its indexes, which no other link looks at.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::{Link, alone, run, thinfarm_path};
use crate::interrupt::{PROMPT, compile_long, wait_until};

const SMALL: [&str; 2] = ["area.o", "names.o"];

/// The link's directory of indexes and objects, once there is one.
fn directory_of_link(tmp: &Path) -> Option<PathBuf> {
    fs::read_dir(tmp).unwrap().map(|entry| entry.unwrap().path()).next()
}

/// Stops a link in the middle of a long job, when it has a small object, and returns what is in its TMPDIR.
fn left_after(signal: Signal) -> Option<PathBuf> {
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
        linker
    };
    let mut long = linker(&["long.o", SMALL[0], SMALL[1]]);
    let mut child =
        long.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a linker");
    let started = Instant::now();
    // Nothing comes of the long job before it is stopped.
    let has_objects = || {
        let spool = directory_of_link(&tmp).map(|directory| directory.join("objects"));
        spool.and_then(|spool| spool.metadata().ok()).is_some_and(|found| found.len() > 0)
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

    let left = directory_of_link(&tmp);
    run(&mut linker(&SMALL)).succeeded();
    assert_eq!(directory_of_link(&tmp), left, "what the next link leaves");
    left
}

#[test]
fn leaves_nothing() {
    assert_eq!(left_after(Signal::SIGINT), None);
    assert_eq!(left_after(Signal::SIGTERM), None);
}

#[test]
fn killed_leaves_its_directory_and_harms_no_other_link() {
    let left = left_after(Signal::SIGKILL).expect("nobody can remove it");
    assert!(left.file_name().unwrap().to_string_lossy().starts_with("thinfarm-link-"), "{}", left.display());
}
