//! Paths of inputs and outputs that are not plain ASCII words, and directories that nobody may write to.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::fixture::run;
use crate::two_linkers::{OBJECTS, PRINTS, THIN, TwoLinkers};

/// The program with its modules in `directory`, two of them in an archive and a thin archive.
fn placed(directory: &str) -> TwoLinkers {
    let linkers = TwoLinkers::program();
    for object in OBJECTS {
        linkers.write(Path::new(directory).join(object), fs::read(linkers.path(object)).unwrap());
    }
    let inside = |name: &str| format!("{directory}/{name}");
    let members = [inside("area.o"), inside("names.o")];
    linkers.tool("llvm-ar", &["rc", &inside("lib it.a"), &members[0], &members[1]]);
    linkers.tool("llvm-ar", &["rc", "--thin", &inside("thin it.a"), &members[0], &members[1]]);
    linkers
}

#[test]
fn spaces_quotes_and_other_alphabets() {
    for directory in ["with space", "a \"b\" 'c' \\d", "ünï/文書/Привет", "mixed ü \"q\" $x `y` (at 80)"]
    {
        let linkers = placed(directory);
        let inside = |name: &str| format!("{directory}/{name}");
        let output = inside("prog");
        let objects = OBJECTS.map(inside);
        for inputs in [
            objects.to_vec(),
            vec![inside("main.o"), inside("lib it.a")],
            vec![inside("main.o"), inside("thin it.a")],
        ] {
            let args = [&inputs[..], &["-o".to_owned(), output.clone()]].concat();
            linkers.link_by_clang(&args).same().runs(&output, PRINTS);
        }
        let list: String = objects.iter().map(|object| shlex::try_quote(object).unwrap() + "\n").collect();
        linkers.write("list", list);
        linkers.link(&["-shared", "@list", "-o", "lib.so", "--thinlto-emit-index-files"]).same();
    }
}

#[test]
fn own_options_reach_modules_of_other_alphabets() {
    let linkers = TwoLinkers::program();
    for name in ["main", "area", "names"] {
        let flags =
            [&THIN[..], &["-frecord-command-line", "-O1", "-mllvm", "-align-all-functions=6"]].concat();
        linkers.compile(&format!("{name}.c"), &flags);
    }
    let link = |objects: &[String]| {
        let linked =
            linkers.link(&[objects, &["-shared".to_owned(), "-o".to_owned(), "lib.so".to_owned()]].concat());
        assert_eq!(linked.ours.said.code, Some(0), "{}", linked.ours.said);
        linked.file("lib.so").to_owned()
    };
    let plain = link(&OBJECTS.map(str::to_owned));
    for object in OBJECTS {
        linkers.write(format!("文書 {object}"), fs::read(linkers.path(object)).unwrap());
    }
    assert!(link(&OBJECTS.map(|object| format!("文書 {object}"))) == plain, "a path changes bytes");
}

#[test]
fn names_that_are_not_utf_8() {
    let linkers = TwoLinkers::program();
    let odd = |stem: &[u8]| OsStr::from_bytes(&[stem, b"\xff\xfe.o"].concat()).to_owned();
    let args = |last: OsString| {
        let mut args: Vec<OsString> = ["main.o", "area.o", "-o", "prog"].map(Into::into).into();
        args.push(last);
        args
    };
    // Nothing but lld reads a native object.
    linkers.compile_to(odd(b"native"), "names.c", &["-O2", "-fPIC"]);
    linkers.link_by_clang(&args(odd(b"native"))).same().runs("prog", PRINTS);
    linkers.compile_to(odd(b"module"), "names.c", &THIN);
    let linked = linkers.link_by_clang(&args(odd(b"module"))).same_files().runs("prog", PRINTS);
    linked.says("lld's own backends compile this link").says("not UTF-8");
    let mut output = args("names.o".into());
    output[3] = odd(b"prog");
    linkers.link_by_clang(&output).same();
}

/// What every user may write to is refused, so nothing like it is made.
#[test]
fn directories_made_under_umask_0() {
    let linkers = TwoLinkers::program();
    let [cache, share] = ["new/cache", "new/share"].map(|name| linkers.tmp_beside(name));
    let mut shell = linkers.command("sh");
    shell.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(linkers.linker()).args(OBJECTS);
    shell.args(["-shared", "-o", "lib.so", &format!("--thinlto-cache-dir={cache}")]);
    let said = run(shell.arg(format!("--thinfarm-machine-share={share}"))).succeeded();
    assert_eq!(said.stderr, "", "{said}");
    for directory in [&cache, &share] {
        let mode = fs::metadata(directory).expect("a directory that was made").permissions().mode();
        assert_eq!(mode & 0o777, 0o775, "{directory}");
    }
    let files = fs::read_dir(&cache).unwrap().map(Result::unwrap);
    let is_entry = |name: OsString| name.as_encoded_bytes().starts_with(b"llvmcache-");
    let entries: Vec<_> = files.filter(|file| is_entry(file.file_name())).collect();
    assert_eq!(entries.len(), OBJECTS.len());
    for entry in entries {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o664, "{entry:?}");
    }
}

/// lld reads such a module once, and no job could read it again.
#[test]
fn modules_that_come_through_pipes() {
    let linkers = TwoLinkers::program();
    linkers.tool("llvm-ar", &["rc", "libnames.a", "names.o"]);
    linkers.add("native.c", "int native(void) { return 1; }", &["-O2", "-fPIC"]);
    // Not where all files are read to be compared.
    let fifo = linkers.tmp_beside("fifo");
    run(linkers.command("mkfifo").arg(&fifo)).succeeded();
    let through = |script: &str, args: &[&str]| {
        linkers.both(|linker| {
            let mut shell = linkers.command("sh");
            shell.args(["-c", script, "sh", &fifo, "timeout", "60"]).arg(linker);
            shell.args(["main.o", "area.o", "-shared", "-o", "lib.so"]).args(args);
            shell
        })
    };
    const STDIN: &str = "shift; cat names.o | \"$@\"";
    const FIFO: &str = "cat names.o >\"$1\" & shift; \"$@\"";
    for (script, args, name) in [
        (STDIN, &["/dev/stdin"][..], "/dev/stdin"),
        ("shift; cat libnames.a | \"$@\"", &["--whole-archive", "/dev/stdin"], "/dev/stdin(names.o at "),
        (FIFO, &[&fifo], &fifo),
    ] {
        let linked = through(script, args).same_files().says("lld's own backends compile this link");
        linked.says(name).says("which is not a regular file");
    }
    through(STDIN, &["/dev/stdin", "--no-warnings"]).same();
    // Nothing else opens a pipe either, which nobody writes to any more.
    through(FIFO, &[&fifo, "--lto-emit-asm"]).same_files().says("because of --lto-emit-asm");
    through("cat native.o >\"$1\" & shift; \"$@\"", &["names.o", &fifo]).same();
    through("shift; \"$@\" <names.o", &["/dev/stdin"]).same();
}

#[test]
fn directories_that_nobody_may_write_to() {
    let linkers = placed("inputs");
    let set_mode = |mode: u32| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(linkers.path("inputs"), permissions).unwrap();
    };
    set_mode(0o555);
    let inputs = ["inputs/main.o", "inputs/lib it.a"];
    linkers.link_by_clang(&[&inputs[..], &["-o", "prog"]].concat()).same().runs("prog", PRINTS);
    // Root may write anywhere; that other outputs fail is tested in link_failures.
    if fs::write(linkers.path("inputs/probe"), "").is_err() {
        linkers.link_by_clang(&[&inputs[..], &["-o", "inputs/prog"]].concat()).fails(&["inputs/prog"]);
    }
    set_mode(0o755);
}

#[test]
fn paths_by_way_of_other_directories() {
    let linkers = placed("a/b");
    std::os::unix::fs::symlink("a/b", linkers.path("link")).unwrap();
    let absolute = linkers.path("a/b/names.o").display().to_string();
    let objects = ["a/../a/b/main.o", "link/area.o", &absolute];
    linkers.link_by_clang(&[&objects[..], &["-o", "prog"]].concat()).same().runs("prog", PRINTS);
    linkers.link_by_clang(&["link/main.o", "link/thin it.a", "-o", "prog"]).same().runs("prog", PRINTS);
}
