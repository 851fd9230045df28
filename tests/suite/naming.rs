//! Where modules and indexes are looked for and where objects land: what a build system must be able to
//! predict, in the conventions of lld's distributed ThinLTO options.

use std::io::Write;
use std::process::Stdio;

use crate::fixture::{Link, NATIVE, thinfarm};

const STEMS: [&str; 3] = ["shape", "area", "names"];

/// Panics unless every module `FOLDER/STEM.o` has its native object as `{out}{folder}{stem}{suffix}`.
#[track_caller]
fn objects_are_at(link: &Link, out: &str, folder: &str, suffix: &str) {
    for stem in STEMS {
        link.same_as_clang(&format!("{folder}{stem}.o"), &format!("{out}{folder}{stem}{suffix}"));
    }
}

#[test]
fn objects_lie_beside_their_modules() {
    let link = Link::placed("lib/core/", &["-O2"]);
    let added = STEMS.map(|stem| format!("lib/core/{stem}{NATIVE}"));
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    link.adds_only(&added, || link.backend(&[])).succeeded();
    objects_are_at(&link, "", "lib/core/", NATIVE);
}

#[test]
fn suffix_of_ones_own() {
    let link = Link::new();
    link.adds_only(&["shape.native.o", "area.native.o", "names.native.o"], || {
        link.backend(&["--suffix", ".native.o"]).succeeded()
    });
    objects_are_at(&link, "", "", ".native.o");
}

#[test]
fn out_dir_mirrors_the_modules_paths() {
    let link = Link::placed("lib/core/", &["-O2"]);
    link.backend(&["--out-dir", "objects/native"]).succeeded();
    objects_are_at(&link, "objects/native/", "lib/core/", NATIVE);
}

#[test]
fn modules_named_on_the_command_line() {
    let link = Link::new();
    let added = ["area", "shape"].map(|stem| format!("{stem}{NATIVE}"));
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    link.adds_only(&added, || link.thinfarm(&["backend", "shape.o", "area.o", "--", "-O2"])).succeeded();
    link.same_as_clang("shape.o", &format!("shape{NATIVE}"));
}

#[test]
fn list_from_standard_input() {
    let link = Link::new();
    let mut farm = thinfarm();
    farm.current_dir(link.dir()).args(["backend", "--list", "-", "--", "-O2"]);
    let mut child = farm.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("thinfarm to start");
    let mut list = child.stdin.take().expect("a pipe to standard input");
    list.write_all(&link.read("list")).expect("a reader of the list");
    drop(list);
    assert!(child.wait().expect("a child to wait for").success());
    objects_are_at(&link, "", "", NATIVE);
}

/// Quoting is clang's: a name with a space is one name between quotes.
#[test]
fn response_file() {
    let link = Link::placed("my lib/", &["-O2"]);
    link.write("args", "--suffix .native.o\n\"my lib/shape.o\" 'my lib/area.o'\nmy\\ lib/names.o\n");
    link.thinfarm(&["backend", "@args", "--", "-O2"]).succeeded();
    objects_are_at(&link, "", "my lib/", ".native.o");
}

#[test]
fn modules_whose_paths_have_spaces() {
    let link = Link::placed("my own lib/", &["-O2"]);
    link.backend(&[]).succeeded();
    objects_are_at(&link, "", "my own lib/", NATIVE);
}

/// Only around the modules: LLVM 22 writes module ids with letters beyond ASCII into indexes as noise, so no
/// backend, clang's included, can find such a module again.
#[test]
fn folders_and_objects_named_in_any_alphabet() {
    let link = Link::new();
    link.backend(&["--out-dir", "größe und 名前", "--suffix", ".природный.o"]).succeeded();
    objects_are_at(&link, "größe und 名前/", "", ".природный.o");
}

/// With `OLD;NEW` lld writes indexes, and the list, below NEW; modules stay below OLD, as the indexes say.
#[test]
fn prefix_replaced_as_lld_does() {
    let link = Link::sources();
    let modules = link.compile_into("front/", &["-O2"], &[]);
    link.thin_link(&modules, &["--thinlto-prefix-replace=front/;back/"]);
    assert_eq!(link.read("list"), b"back/shape.o\nback/area.o\nback/names.o\n");
    link.backend(&["--thinlto-prefix-replace", "front/;back/"]).succeeded();
    for stem in STEMS {
        let expected = link.expected(&format!("front/{stem}.o"), &format!("back/{stem}.o.thinlto.bc"));
        assert!(link.read(&format!("back/{stem}{NATIVE}")) == expected, "{stem}");
    }
}

/// Thin-linking minimised bitcode: the linker saw `shape.thin`, the backends compile `shape.o`.
#[test]
fn object_suffix_replaced_as_lld_does() {
    let link = Link::sources();
    let thin = ["-Xclang", "-fthin-link-bitcode={stem}.thin"];
    link.compile_into("", &["-O2"], &thin);
    let minimised = STEMS.map(|stem| format!("{stem}.thin"));
    link.thin_link(&minimised, &["--thinlto-object-suffix-replace=.thin;.o"]);
    let replace = ["backend", "--thinlto-object-suffix-replace", ".thin;.o"];
    let minimised: Vec<&str> = minimised.iter().map(String::as_str).collect();
    link.thinfarm(&[&replace, &minimised[..], &["--", "-O2"]].concat()).succeeded();
    objects_are_at(&link, "", "", NATIVE);
}
