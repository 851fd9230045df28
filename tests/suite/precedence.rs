//! Which options count where several could, what is said where there are none, and `thinfarm.toml`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use nix::unistd::geteuid;

use crate::fixture::{NATIVE, alone, run, thinfarm, thinfarm_path};
use crate::own_options::{OWN, backend, clangs, link, write_database};

#[test]
fn a_module_that_no_source_knows_is_told_once_and_gets_what_is_given_for_all() {
    let link = link(|_| Vec::new());
    let said = backend(&link, "recorded").succeeded();
    assert_eq!(said.stderr.matches("warning").count(), 1, "{said}");
    assert!(said.stderr.contains("shape.o and 2 more"), "{said}");
    assert!(link.read(&format!("names{NATIVE}")) == clangs(&link, "names.o", &["-O0"]));
    let said =
        link.thinfarm(&["backend", "--options", "recorded", "--missing-options", "error", "--list", "list"]);
    said.failed_on("area.o", &["no options"], &[]);
}

/// Rules over sources, sources over what is given for all; the first source that knows a module counts.
#[test]
fn precedence() {
    let link = link(|stem| match stem {
        "names" => Vec::new(),
        _ => vec!["-frecord-command-line".to_owned(), "-MJ".to_owned(), format!("{stem}.json")],
    });
    write_database(&link, "compile_commands.json", &["area.json"]);
    let database = String::from_utf8(link.read("compile_commands.json")).unwrap();
    link.write("compile_commands.json", database.replace("-O1", "-O2"));
    link.write(
        "thinfarm.toml",
        "options = [\"compile-commands\", \"recorded\"]\nmissing-options = \"ignore\"\n\
         [[rule]]\nmodules = [\"sh*.o\"]\nremove = [\"-ffunction-sections\", \"-O?\"]\nadd = [\"-O1\"]\n\
         [[rule]]\nmodules = [\"nam*.o\"]\nreplace = [\"-Oz\", \"-fPIC\"]\n",
    );
    let is = |stem: &str, flags: &[&str]| {
        let ours = link.read(&format!("{stem}{NATIVE}"));
        assert!(ours == clangs(&link, &format!("{stem}.o"), flags), "{stem} was not compiled with {flags:?}");
    };
    // Found upwards from the working directory, which has no such file itself.
    fs::create_dir(link.path("below")).unwrap();
    link.thinfarm(&["backend", "--list", "list", "--", "-O0"]).succeeded();
    is("shape", &["-fPIC", "-O1"]);
    is("area", &["-O2", "-fPIC", "-mno-sse", "-mno-sse2"]);
    is("names", &["-Oz", "-fPIC"]);

    let explained = link.thinfarm(&["explain", "shape.o", "area.o", "names.o"]).succeeded();
    for word in ["thinfarm.toml", "compile_commands.json", "!llvm.commandline of shape.o"] {
        assert!(explained.stdout.contains(word), "no {word} in {explained}");
    }
    let mut below = thinfarm();
    let said = run(below.current_dir(link.path("below")).args(["explain", "../shape.o"])).succeeded();
    assert!(said.stdout.contains("thinfarm.toml"), "{said}");

    // What the command line asks for replaces the sources of the file; its rules stay.
    link.thinfarm(&["backend", "--options", "recorded", "--list", "list", "--", "-O0"]).succeeded();
    is("area", OWN[1].1);
    is("shape", &["-fPIC", "-O1"]);
    // Another file replaces all of it.
    link.write("other.toml", "");
    link.thinfarm(&["backend", "--config", "other.toml", "--list", "list", "--", "-O0"]).succeeded();
    is("area", &["-O0"]);
}

#[test]
fn what_cannot_be_used_is_told() {
    let link = link(|_| Vec::new());
    for (source, reasons) in
        [("nonsense", &["kbuild, compile-commands"][..]), ("kbuild=x", &["takes no path"])]
    {
        let said = backend(&link, source);
        assert_eq!(said.code, Some(2), "{said}");
        assert!(reasons.iter().all(|reason| said.stderr.contains(reason)), "{said}");
    }
    backend(&link, "compile-commands=no/such").failed_on("no/such", &["No such file", "not found"], &[]);
    backend(&link, "ninja").failed_on("build.ninja", &["ninja"], &[]);
    link.write("compile_commands.json", "[{\"directory\": 3}]");
    backend(&link, "compile-commands").failed_on("compile_commands.json", &["entry", "directory"], &[]);
    link.write("thinfarm.toml", "[[rule]]\nmodule = [\"x\"]\n");
    backend(&link, "recorded").failed_on("thinfarm.toml", &["module"], &[]);
}

/// What is found is only used if nobody else can have written it; what is named is.
#[test]
fn a_configuration_that_others_may_write_is_not_used() {
    let link = link(|_| Vec::new());
    let file = link.path("thinfarm.toml");
    link.write("thinfarm.toml", "[[rule]]\nmodules = [\"area.o\"]\nadd = [\"-O1\", \"-fPIC\"]\n");
    let below = link.path("below");
    fs::create_dir(&below).unwrap();
    let backend = |options: &[&str]| {
        let args = [&["backend", "--list", "list"], options, &["--", "-O0"]].concat();
        let said = link.thinfarm(&args).succeeded();
        let object = link.read(&format!("area{NATIVE}"));
        let is_used = object == clangs(&link, "area.o", &["-fPIC", "-O1"]);
        assert!(is_used || object == clangs(&link, "area.o", &["-O0"]), "{said}");
        (is_used, said.stderr)
    };
    assert!(backend(&[]).0);
    let is_refused = |reason: &str| {
        let (is_used, stderr) = backend(&[]);
        assert!(!is_used, "{reason}: {stderr}");
        assert_eq!(stderr.matches("warning").count(), 1, "{stderr}");
        assert!(stderr.contains(&format!("thinfarm.toml is not used: {reason}")), "{stderr}");
        assert!(stderr.contains("; to use it all the same, name it: --config FILE ("), "{stderr}");
        let (is_used, stderr) = backend(&["--config", "thinfarm.toml"]);
        assert!(is_used && !stderr.contains("warning"), "{stderr}");
    };
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    is_refused("every user may write to it");
    // From below, too, and by the linker.
    let mut explain = thinfarm();
    let said = run(explain.current_dir(&below).args(["explain", "../area.o"])).succeeded();
    assert!(said.stderr.contains("thinfarm.toml is not used"), "{said}");
    symlink(thinfarm_path(), link.path("ld.thinfarm")).unwrap();
    let mut linker = link.command(link.path("ld.thinfarm"));
    alone(&mut linker);
    let said = run(linker.args(["-shared", "-o", "lib.so", "area.o"])).succeeded();
    assert!(said.stderr.contains("--thinfarm-config=FILE"), "{said}");
    assert_eq!(said.stderr.matches("warning").count(), 1, "{said}");

    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    if geteuid().is_root() {
        chown(&file, Some(54321), None).unwrap();
        is_refused("it belongs to another user");
    }
}
