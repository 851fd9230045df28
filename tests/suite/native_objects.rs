//! Objects that need no backend, and the list of all objects that the final link reads.

use std::fs;

use crate::fixture::{Link, NATIVE, Said, llvm_tool, run};

fn clang(link: &Link, args: &[&str]) {
    run(link.command(llvm_tool("clang")).args(args)).succeeded();
}

/// The objects that a response file names, as lld itself reads it.
fn read_back(link: &Link, objects: &str) -> Vec<String> {
    let mut lld = link.command(llvm_tool("ld.lld"));
    let said = run(lld.args(["-r", "--trace", "-o", "together.o", &format!("@{objects}")])).succeeded();
    said.stdout.lines().map(str::to_owned).collect()
}

fn noted(said: &Said, module: &str) -> bool {
    said.stderr
        .lines()
        .any(|line| line == format!("thinfarm: note: {module} is native already and is skipped"))
}

#[test]
fn native_objects_are_passed_over_and_keep_their_place() {
    let link = Link::new();
    clang(&link, &["-c", "-O2", "names.c", "-o", "native.o"]);
    link.write("empty.s", "");
    clang(&link, &["-c", "empty.s", "-o", "empty.o"]);
    link.remove("names.o");
    link.write("list", "empty.o\nshape.o\nnative.o\narea.o\n");
    let (shape, area) = (format!("shape{NATIVE}"), format!("area{NATIVE}"));
    let said =
        link.adds_only(&[&shape, &area, "objects"], || link.backend(&["--objects", "objects"])).succeeded();
    assert!(!noted(&said, "empty.o"), "the file of objects tells of it: {said}");
    assert!(said.stderr.contains("2 objects, ") && said.stderr.contains("; 2 native already"), "{said}");
    assert_eq!(read_back(&link, "objects"), ["empty.o", &shape, "native.o", &area]);
    link.same_as_clang("shape.o", &shape);
    let said = link.backend(&["--objects", "objects", "-v"]).succeeded();
    assert!(noted(&said, "empty.o") && noted(&said, "native.o"), "{said}");
}

#[test]
fn objects_for_other_systems_are_native_too() {
    let link = Link::new();
    for (target, object) in [("x86_64-windows-msvc", "coff.o"), ("arm64-apple-macos", "macho.o")] {
        clang(&link, &["-c", "-target", target, "names.c", "-o", object]);
    }
    let said = link.thinfarm(&["backend", "coff.o", "macho.o", "--", "-O2"]).succeeded();
    assert!(noted(&said, "coff.o") && noted(&said, "macho.o"), "{said}");
}

#[test]
fn only_the_first_of_many_native_objects_are_named() {
    let link = Link::new();
    clang(&link, &["-c", "names.c", "-o", "0.o"]);
    let names: Vec<String> = (0..13).map(|number| format!("{number}.o")).collect();
    for name in &names[1..] {
        fs::copy(link.path("0.o"), link.path(name)).expect("a copy");
    }
    link.write("list", names.join("\n"));
    let said = link.backend(&[]).succeeded();
    assert!(noted(&said, "9.o") && !noted(&said, "10.o"), "{said}");
    assert!(said.stderr.contains("3 more are native already"), "{said}");
    assert!(noted(&link.backend(&["-v"]).succeeded(), "12.o"));
}

#[test]
fn importing_from_a_native_object_is_an_error() {
    let link = Link::new();
    clang(&link, &["-c", "area.c", "-o", "area.o"]);
    let said = link.backend(&["--objects", "objects"]);
    assert!(!link.path("objects").exists(), "{said}");
    let said = said.failed_on("area.o", &["not LLVM bitcode but a native ELF object"], &["names.o"]);
    assert!(said.stderr.contains("shape.o imports from area.o"), "{said}");
}

#[test]
fn native_members_of_archives() {
    for (operation, is_thin) in [("qcS", false), ("qcST", true)] {
        let link = Link::new();
        fs::create_dir(link.path("lib")).expect("a folder");
        clang(&link, &["-c", "area.c", "-o", "native.o"]);
        run(link.command(llvm_tool("llvm-ar")).args([operation, "lib/parts.a", "native.o", "area.o"]))
            .succeeded();
        let header = if is_thin { 8 + 60 + "../native.o/\n../area.o/\n".len() } else { 8 };
        let member = format!("lib/parts.a(native.o at {})", header.next_multiple_of(2));
        link.write("list", format!("names.o\n{member}\n"));
        let said = link.backend(&[]).succeeded();
        assert!(noted(&said, &member), "{said}");
        let said = link.backend(&["--objects", "objects"]);
        if is_thin {
            said.succeeded();
            assert_eq!(read_back(&link, "objects"), [&format!("names{NATIVE}"), "lib/../native.o"]);
        } else {
            said.failed_on(&member, &["give the archive to the final link"], &[]);
        }
    }
}

/// Every letter that means something to lld's reader of response files.
const FOLDER: &str = "my (own) 'lib' \\ \"quoted\" #1 $HOME at 3/";

#[test]
fn the_final_link_reads_the_objects_and_the_program_runs() {
    let link = Link::sources();
    let modules = link.compile_into(FOLDER, &["-O2"], &[]);
    link.write("main.c", "int shape(int *, int); int main() { int e[] = {2, 3, 4}; return shape(e, 3); }");
    clang(&link, &["-O2", "-flto=thin", "-fPIC", "-c", "main.c", "-o", "-main (1).o"]);
    let archive = format!("{FOLDER}lib.a");
    run(link.command(llvm_tool("llvm-ar")).arg("qc").arg(&archive).args(&modules)).succeeded();
    link.thin_link(&["./-main (1).o", "--whole-archive", &archive], &[]);
    link.backend(&["--objects", "all objects", "--verify-with", "clang"]).succeeded();

    clang(&link, &["-fuse-ld=lld", "-Wl,@all objects", "-o", "program"]);
    let plain: Vec<&str> = ["-O2", "main.c", "shape.c", "area.c", "names.c", "-o", "plain"].to_vec();
    clang(&link, &plain);
    let (program, plain) = (run(&mut link.command("./program")), run(&mut link.command("./plain")));
    assert_eq!(program.code, plain.code);
    assert_eq!(program.code, Some(2 * 3 * 5 + 3 * 4 * 7));
}

#[test]
fn a_failed_job_takes_the_list_of_objects_with_it() {
    let link = Link::new();
    link.backend(&["--objects", "objects"]).succeeded();
    assert_eq!(link.read("objects").iter().filter(|&&byte| byte == b'\n').count(), 3);
    link.write("names.o", "noise");
    link.backend(&["--objects", "objects"]).failed_on("names.o", &["bitcode"], &[]);
    assert!(!link.path("objects").exists());
}

#[test]
fn objects_in_a_folder_that_is_not_there() {
    let link = Link::new();
    let said = link.adds_only(&[], || link.backend(&["--objects", "absent/objects"]));
    said.failed_on("absent/objects", &["no such file", "not found"], &[]);
}
