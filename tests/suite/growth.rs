//! One process, many jobs: what a job had is given back when it ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::fixture::{Link, llvm_tool, run, thinfarm};

/// What a job may leave behind in the mean, bytes: its module stays mapped, and its report is kept. Less than any
/// part of a job: a context, a target machine or an object.
const KEPT: f64 = 4096.0;

/// A thin link of `count` tiny modules, each of which imports a function.
fn link_of_tiny(count: usize) -> Link {
    let link = Link::sources();
    link.write("helper.c", "int helper(int x) { return x * 3 + 1; }\n");
    link.write(
        "tiny.c",
        "int helper(int);\n__attribute__((used)) static int tiny(int x) { return helper(x) + 1; }\n",
    );
    for source in ["helper.c", "tiny.c"] {
        run(link.command(llvm_tool("clang")).args(["-O2", "-fPIC", "-flto=thin", "-c", source])).succeeded();
    }
    let name = |number| format!("tiny{number}.o");
    let modules: Vec<String> = (0..count).map(name).chain(["helper.o".to_owned()]).collect();
    for module in &modules[..count] {
        fs::hard_link(link.path("tiny.o"), link.path(module)).expect("a name");
    }
    link.write("objects", modules.join("\n"));
    link.thin_link(&["@objects"], &[]);
    link
}

/// What each job of `count` adds to the memory of the process, once `warm` of them have run, bytes.
fn growth(count: usize, warm: usize) -> f64 {
    let link = link_of_tiny(count);
    let mut command = thinfarm();
    command.current_dir(link.dir()).args(["backend", "-v", "-j2", "--list", "list", "--", "-O2", "-fPIC"]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("thinfarm to start");
    let status = format!("/proc/{}/status", child.id());
    let resident = || {
        let text = fs::read_to_string(&status).expect("a process that runs");
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a kernel that tells");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0
    };
    // Not to the very last, after which the process may be gone.
    let last = count - 20;
    let [mut before, mut after] = [None, None];
    for line in BufReader::new(child.stderr.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if line.starts_with(&format!("[{warm}/")) {
            before = Some(resident());
        } else if line.starts_with(&format!("[{last}/")) {
            after = Some(resident());
        }
    }
    assert!(child.wait().expect("an end").success());
    let [before, after] = [before, after].map(|bytes| bytes.expect("a line for each job"));
    (after - before) / (last - warm) as f64
}

#[test]
fn two_thousand_jobs_leave_nothing_behind() {
    let growth = growth(2_000, 500);
    assert!(growth < KEPT, "each job leaves {growth:.0} bytes");
}

#[test]
#[ignore = "some 40 CPU seconds: make test-growth"]
fn ten_thousand_jobs_leave_nothing_behind() {
    let growth = growth(10_000, 500);
    assert!(growth < KEPT, "each job leaves {growth:.0} bytes");
}
