//! What jobs share with one another is a queue, not a lock that each takes a thousand times.

use std::path::Path;

use crate::fixture::{Link, llvm_tool, run, thinfarm};

/// LLVM's registry of passes takes some hundred read locks for the smallest job.
#[test]
fn jobs_take_no_read_locks() {
    let link = Link::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/contention/locks.c");
    let counter = link.path("locks.so");
    let compile = ["-shared", "-fPIC", "-o"];
    run(link.command(llvm_tool("clang")).args(compile).args([&counter, &source])).succeeded();

    let mut backend = thinfarm();
    backend.current_dir(link.dir()).args(["backend", "--list", "list", "--", "-O2"]);
    run(backend.env("LD_PRELOAD", counter).env("THINFARM_LOCKS", "counts")).succeeded();

    let counts = String::from_utf8(link.read("counts")).unwrap();
    let read_locks = counts.lines().find_map(|line| line.strip_suffix(" read locks"));
    let read_locks: u32 = read_locks.expect("a line of read locks").parse().unwrap();
    assert!(read_locks < 10, "{counts}");
    assert!(
        counts.contains(" write locks") && !counts.contains("\n0 write locks"),
        "nothing counted: {counts}"
    );
}
