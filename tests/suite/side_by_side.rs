//! Two farms in one directory, as two targets of one `make -j` that share modules: temporaries must not
//! meet, and whoever renames last leaves a whole object.

use std::process::Stdio;

use crate::fixture::{Link, NATIVE, thinfarm};

#[test]
fn two_runs_in_one_directory() {
    let link = Link::new();
    let objects = ["shape", "area", "names"].map(|stem| format!("{stem}{NATIVE}"));
    let added: Vec<&str> = objects.iter().map(String::as_str).collect();
    link.adds_only(&added, || {
        let start = || {
            let mut farm = thinfarm();
            farm.current_dir(link.dir()).args(["backend", "--list", "list", "--", "-O2"]);
            farm.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("thinfarm to start")
        };
        let runs: Vec<_> = (0..4).map(|_| start()).collect();
        for mut run in runs {
            assert!(run.wait().expect("a child to wait for").success());
        }
    });
    for stem in ["shape", "area", "names"] {
        link.same_as_clang(&format!("{stem}.o"), &format!("{stem}{NATIVE}"));
    }
}
