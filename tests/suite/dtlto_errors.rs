//! What goes wrong below lld, which only says that its distributor failed: the reason is told whole, before
//! lld's own line, with the object's name, and nothing is left that could be taken for an output.

use std::fs;

use crate::distributed::Distributed;
use crate::fixture::{Link, Said, llvm_tool, run};
use crate::own_options::link;

const MODULES: [&str; 3] = ["shape.o", "area.o", "names.o"];

/// A module that its backend cannot compile.
fn write_broken(link: &Link) {
    link.write(
        "broken.c",
        "int broken(int a) { __asm__(\"no_such_instruction %0\" :: \"r\"(a)); return a; }\n",
    );
    let clang = ["-O2", "-fPIC", "-flto=thin", "-c", "broken.c"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
}

/// Panics unless the link failed, `words` stand before lld's own line, and nothing was made.
#[track_caller]
fn explained(distributed: &Distributed<'_>, words: &[&str]) -> Said {
    let said = distributed.run();
    assert_eq!(said.code, Some(1), "{said}");
    let (before, _) =
        said.stderr.split_once("distributor execution failed").unwrap_or_else(|| panic!("{said}"));
    for word in words {
        assert!(before.contains(word), "no {word} before lld's line: {said}");
    }
    assert!(distributed.made().is_empty(), "left behind: {:?}", distributed.made());
    said
}

#[test]
fn an_object_that_cannot_be_made() {
    let link = link(|_| Vec::new());
    write_broken(&link);
    let distributed = Distributed::new(&link, &["shape.o", "area.o", "names.o", "broken.o"]);
    let reasons = ["broken.o:\n", "no_such_instruction", "thinfarm: error: broken.o", "1 failed"];
    let said = explained(&distributed, &reasons);
    assert!(said.stderr.contains("thinfarm: 3 objects"), "the others are finished: {said}");

    run(link.command(llvm_tool("llvm-ar")).args(["rc", "l.a", "broken.o", "area.o"])).succeeded();
    let distributed = Distributed::new(&link, &["shape.o", "--whole-archive", "l.a"]);
    explained(&distributed, &["thinfarm: error: made/l.a(broken.o at ", "no_such_instruction"]);
}

/// What LLVM 22 cannot do with any distributor is told as what it is.
#[test]
fn imports_from_names_that_llvm_garbles() {
    let link = link(|_| Vec::new());
    fs::rename(link.path("area.o"), link.path("flaeche_ä.o")).expect("a module");
    let distributed = Distributed::new(&link, &["shape.o", "flaeche_ä.o"]);
    explained(&distributed, &["shape.o imports from", "its path must be ASCII"]);
}

#[test]
fn fail_fast_starts_nothing_more() {
    let link = link(|_| Vec::new());
    // The largest module is compiled first.
    let large: String = (0..200).map(|n| format!("int f{n}(int a) {{ return a * {n}; }}\n")).collect();
    link.write("broken.c", format!("{large}void g(void) {{ __asm__(\"no_such_instruction\"); }}\n"));
    let clang = ["-O2", "-fPIC", "-flto=thin", "-c", "broken.c"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
    let inputs = ["shape.o", "area.o", "names.o", "broken.o"];
    let distributed = Distributed::new(&link, &inputs).distributor(&["--fail-fast", "-j1"]);
    explained(&distributed, &["broken.o", "3 not started"]);
}

#[test]
fn options_that_cannot_be() {
    let link = link(|_| vec!["-frecord-command-line".to_owned()]);
    for (arg, reason) in [
        ("-fno-such-flag", "unknown argument: '-fno-such-flag'"),
        ("-save-temps", "-save-temps"),
        ("-fno-integrated-as", "-fno-integrated-as"),
    ] {
        let distributed = Distributed::new(&link, &MODULES).compiler(&[arg]);
        explained(&distributed, &["shape.o", reason, "--thinlto-remote-compiler-arg"]);
    }
    let distributed = Distributed::new(&link, &MODULES).compiler(&["-mllvm", "-no-such-option"]);
    explained(&distributed, &["no-such-option"]);
}

#[test]
fn options_that_nobody_knows() {
    let link = link(|_| Vec::new());
    let strict = ["--options=recorded", "--missing-options=error"];
    let distributed = Distributed::new(&link, &MODULES).distributor(&strict);
    explained(&distributed, &["no options for shape.o, area.o, names.o", "recorded", "lld"]);
    // A kernel's modules need theirs.
    let distributed = Distributed::new(&link, &MODULES).distributor(&["--options=kbuild"]);
    explained(&distributed, &["no options for shape.o", "kbuild"]);
    link.write("thinfarm.toml", "options = [\"nonsense\"]\n");
    explained(&Distributed::new(&link, &MODULES), &["thinfarm.toml", "nonsense"]);
}

#[test]
fn a_wrong_command_line() {
    let link = link(|_| Vec::new());
    let distributed = Distributed::new(&link, &MODULES).distributor(&["--no-such-option"]);
    explained(&distributed, &["unexpected argument '--no-such-option'"]);
    assert_eq!(link.thinfarm(&["dtlto"]).code, Some(2));
}

/// The description that lld wrote, altered: what is wrong is told with file and field, and nothing is compiled.
#[test]
fn descriptions_that_are_none() {
    let link = link(|_| Vec::new());
    let distributed = Distributed::new(&link, &MODULES);
    let jobs = distributed.jobs();
    let name = distributed.made().into_iter().find(|name| name.ends_with(".json")).expect("a description");
    let text = fs::read_to_string(link.path("made").join(&name)).expect("a description");
    let (index, output) = (&jobs.of("area").index, &jobs.of("area").output);
    let index_argument = format!("-fthinlto-index={index}");
    for (old, new, told) in [
        ("\"linker_output\":", "\"output\":", "common: missing field `linker_output`"),
        ("\"inputs\":[]", "\"inputs\":{}", "common.inputs: invalid type"),
        ("\"-c\"", "12", "common.args[1]: invalid type: integer `12`, expected a string"),
        ("\"outputs\":", "\"results\":", "jobs[0]: missing field `outputs`"),
        ("\"jobs\":[", "\"jobs\":[{\"args\":[],\"inputs\":[\"a\"],\"outputs\":[\"b\"]},", "jobs[0].inputs: "),
        (&index_argument, "-fthinlto-index=other", "].args: \"-fthinlto-index="),
        ("{\"common\"", "[{\"common\"", "invalid type: sequence, expected an object"),
        ("\"common\"", "common", "line 1 column 2"),
    ] {
        link.write("altered.json", text.replacen(old, new, 1));
        assert_ne!(link.read("altered.json"), text.as_bytes(), "{old}");
        let said = link.adds_only(&[], || link.thinfarm(&["dtlto", "altered.json"]));
        said.failed_on("altered.json", &[told], &[]);
    }
    link.thinfarm(&["dtlto", "absent.json"]).failed_on("absent.json", &["no such file"], &[]);

    // What a later lld says besides is passed over, and told to whoever asks.
    let object = link.read(output);
    link.remove(output);
    link.write("altered.json", text.replacen("{\"args\":", "{\"priority\":[1,2],\"args\":", 1));
    assert_eq!(link.thinfarm(&["dtlto", "altered.json"]).succeeded().stderr, "");
    assert!(link.read(output) == object);
    let said = link.thinfarm(&["dtlto", "-v", "altered.json"]).succeeded();
    assert!(said.stderr.contains("altered.json: the field jobs.0.priority is unknown"), "{said}");
}

/// Two jobs that would write one file are a mistake of whoever described them.
#[test]
fn jobs_with_one_output() {
    let link = link(|_| Vec::new());
    let job = |stem: &str| {
        format!(
            "{{\"args\":[\"{stem}.o\",\"-fthinlto-index={stem}.o.thinlto.bc\",\"-o\",\"x.o\"],\
             \"inputs\":[\"{stem}.o\",\"{stem}.o.thinlto.bc\"],\"outputs\":[\"x.o\"]}}"
        )
    };
    let common = "\"common\":{\"linker_output\":\"o\",\"args\":[\"clang\",\"-O2\"],\"inputs\":[]}";
    link.write("twice.json", format!("{{{common},\"jobs\":[{},{}]}}", job("shape"), job("area")));
    let said = link.adds_only(&[], || link.thinfarm(&["dtlto", "twice.json"]));
    said.failed_on("shape.o and area.o", &["would both be written to x.o"], &[]);
    // A description that is not lld's own: all arguments are the user's.
    link.write("once.json", format!("{{{common},\"jobs\":[{}]}}", job("shape")));
    link.thinfarm(&["dtlto", "once.json"]).succeeded();
    link.same_as_clang("shape.o", "x.o");
}
