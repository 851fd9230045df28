//! A native object is there whole or not at all: what cannot be written is an error that names it, and
//! leaves no part of it, neither under its final name nor under a temporary one.

use std::fs;

use crate::fixture::{Link, NATIVE, llvm_tool, run, thinfarm};

#[test]
fn output_directory_that_is_a_file() {
    let link = Link::new();
    link.write("out", "not a directory");
    let said = link.adds_only(&[], || link.backend(&["--out-dir", "out"]));
    said.failed_on("out", &["not a directory", "file exists"], &[]);
}

#[test]
fn object_whose_name_a_directory_has() {
    let link = Link::new();
    let (shape, area, names) = (format!("shape{NATIVE}"), format!("area{NATIVE}"), format!("names{NATIVE}"));
    fs::create_dir(link.path(&shape)).expect("a directory in the object's place");
    let said = link.adds_only(&[&area, &names], || link.backend(&[]));
    said.failed_on(&shape, &["directory"], &["area.o", "names.o"]);
}

/// Runs the backends, of which that of `shape.o` fails for one of `reasons`, over objects of an earlier run.
#[track_caller]
fn fails_without_a_trace(link: &Link, options: &[&str], file: &str, reasons: &[&str]) {
    let stale = [format!("shape{NATIVE}"), "shape.thinlto-native.dwo".to_owned()];
    for name in &stale {
        link.write(name, "what an earlier run made");
    }
    let flags = ["--list", "list", "--", "-O2", "-g", "-gsplit-dwarf=split"];
    let args = [&["backend"], options, &flags].concat();
    link.thinfarm(&args).failed_on(file, reasons, &["names.o"]);
    let left: Vec<_> = stale.iter().filter(|name| link.path(name).exists()).collect();
    assert!(left.is_empty(), "{file}: {left:?} of an earlier run");
    assert!(link.path(&format!("names{NATIVE}")).exists());
}

/// What is left of an earlier run could be linked as if it were this one's, whatever the job failed of.
#[test]
fn failed_job_leaves_no_object_of_an_earlier_run() {
    let link = Link::new();
    link.write("shape.o", "noise");
    fails_without_a_trace(&link, &[], "shape.o", &["bitcode"]);
    link.remove("shape.o");
    fails_without_a_trace(&link, &[], "shape.o", &["no such file"]);
    // Nothing of it is made where the cache is asked first, either.
    fails_without_a_trace(&link, &["--cache-dir", "cache"], "shape.o", &["no such file"]);

    let link = Link::new();
    link.remove("shape.o.thinlto.bc");
    fails_without_a_trace(&link, &[], "shape.o.thinlto.bc", &["no such file"]);
    link.write("shape.o.thinlto.bc", "noise");
    fails_without_a_trace(&link, &[], "shape.o.thinlto.bc", &["bitcode", "invalid"]);

    let link = Link::new();
    link.remove("area.o");
    let said = link.backend(&[]);
    assert_eq!(said.code, Some(1), "{said}");
    fails_without_a_trace(&link, &[], "shape.o imports from area.o", &["no such file"]);
}

/// The same of a job that a child worker has.
#[test]
fn failed_job_of_a_worker_leaves_no_object_of_an_earlier_run() {
    let link = Link::new();
    let database = |options: &str| {
        let entry = |stem: &str, options: &str| {
            format!(
                "{{\"directory\": \"{}\", \"file\": \"{stem}.c\", \"output\": \"{stem}.o\", \
                 \"command\": \"clang -O2 -fPIC {options} -c {stem}.c -o {stem}.o\"}}",
                link.dir().display()
            )
        };
        let others = [entry("area", ""), entry("names", "")];
        link.write("compile_commands.json", format!("[{},{}]", entry("shape", options), others.join(",")));
    };
    link.remove("shape.o.thinlto.bc");
    for (options, file) in
        [("-mllvm -align-all-functions=5", "shape.o.thinlto.bc"), ("-mllvm -no-such-option", "shape.o")]
    {
        database(options);
        let stale = format!("shape{NATIVE}");
        link.write(&stale, "what an earlier run made");
        let said = link.thinfarm(&["backend", "--options", "compile-commands", "--list", "list"]);
        said.failed_on(file, &["no such file", "no-such-option", "does not know"], &["names.o"]);
        assert!(!link.path(&stale).exists(), "{options}");
    }
}

#[test]
fn profile_that_cannot_be_written() {
    let link = Link::new();
    let said = link.backend(&["--profile", "absent/profile.json"]);
    said.failed_on("absent/profile.json", &["no such file", "not found", "does not exist"], &[]);
}

/// Writes a megabyte of object to a disk of 64 KiB: that job fails, the ones that fit are whole. One worker,
/// because a second one would meet the disk while the first has it full.
#[test]
fn disk_that_fills_up() {
    let link = Link::new();
    link.write("huge.c", "const int huge[1 << 18] = {1, 2, 3};\n");
    let compile = ["-O2", "-flto=thin", "-fPIC", "-c", "huge.c", "-o", "huge.o"];
    run(link.command(llvm_tool("clang")).args(compile)).succeeded();
    link.thin_link(&["shape.o", "area.o", "names.o", "huge.o"], &[]);

    // The small disk exists only inside the namespace, so the shell copies what is on it before it goes.
    fs::create_dir(link.path("disk")).expect("a mount point");
    fs::create_dir(link.path("found")).expect("a folder for what was on the disk");
    let script = "mount -t tmpfs -o size=64k tmpfs disk || exit 77\n\
                  \"$@\"; status=$?; cp -r disk/. found/ && exit $status";
    let mut farm = link.command("unshare");
    farm.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    farm.arg(thinfarm().get_program());
    farm.args(["backend", "-j", "1", "--out-dir", "disk", "--list", "list", "--", "-O2"]);
    let said = run(&mut farm);
    let mounted = said.code != Some(77) && !said.stderr.contains("unshare:");
    assert!(
        mounted,
        "this test needs a small disk: allow unprivileged user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1) or run it as root\n{said}"
    );

    let said = said.failed_on("huge", &["no space left"], &["area.o", "names.o", "shape.o"]);
    let found: Vec<String> = link.files().into_keys().filter(|name| name.starts_with("found/")).collect();
    let mut expected = ["area", "names", "shape"].map(|stem| format!("found/{stem}{NATIVE}"));
    expected.sort_unstable();
    assert_eq!(found, expected, "files on the full disk\n{said}");
    for stem in ["area", "names", "shape"] {
        link.same_as_clang(&format!("{stem}.o"), &format!("found/{stem}{NATIVE}"));
    }
}
