//! thinfarm as lld's distributor: the objects are clang's, each file has its own options where they are known,
//! and what the user gives to lld for the compiler counts most.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::distributed::{Distributed, MADE};
use crate::fixture::{Link, llvm_tool, run, thinfarm_path};
use crate::interrupt::{PROMPT, link_with_a_long_job, wait_until};
use crate::own_options::{OWN, link, write_database};

const MODULES: [&str; 3] = ["shape.o", "area.o", "names.o"];

/// Modules that record how they were compiled.
fn recorded() -> Link {
    link(|_| vec!["-frecord-command-line".to_owned()])
}

/// Modules that do not.
fn unknown() -> Link {
    link(|_| Vec::new())
}

#[test]
fn objects_are_those_of_clang_and_nothing_is_said() {
    let link = unknown();
    let distributed = Distributed::new(&link, &MODULES);
    let jobs = distributed.jobs();
    jobs.are_as_described();
    assert_eq!(jobs.jobs.len(), 3);
    assert_eq!(format!("{}{}", jobs.said.stdout, jobs.said.stderr), "");
    assert_eq!(distributed.run().succeeded().stderr, "");
    assert_eq!(distributed.made(), ["out.so"], "temporaries");
}

/// What lld makes of its own options, in all forms: the objects are those of clang, if a module has no options
/// of its own, and else those of its own options.
#[test]
fn what_lld_asks_for_is_a_default() {
    let link = recorded();
    let other = unknown();
    let profile = "--lto-sample-profile=samples";
    for (options, sign) in [
        (&[][..], "-fpic"),
        (&["--lto-O3"], "-O3"),
        (&["--lto-O0", "--no-lto-pgo-warn-mismatch"], "-no-pgo-warn-mismatch"),
        (&[profile], "-fprofile-sample-use=samples"),
        (&[profile, "--lto-O1", "--no-lto-pgo-warn-mismatch"], "-O1"),
    ] {
        for link in [&link, &other] {
            link.write("samples", "shape:1000:10\n 0: 10\n 2: 900\n");
        }
        let is_relocatable = sign == "-O1";
        let jobs = |link| {
            let distributed = Distributed::new(link, &MODULES).lld(options);
            if is_relocatable { distributed.relocatable().jobs() } else { distributed.jobs() }
        };
        let (own, defaults) = (jobs(&link), jobs(&other));
        assert!(defaults.common.iter().any(|arg| arg == sign), "{sign} in {:?}", defaults.common);
        assert_eq!(defaults.common.iter().any(|arg| arg == "-fpic"), !is_relocatable);
        defaults.are_as_described();
        for (stem, flags) in OWN {
            own.is_made_with(stem, flags);
        }
    }
}

#[test]
fn what_the_user_gives_for_the_compiler_counts_most() {
    let link = recorded();
    link.write("thinfarm.toml", "[[rule]]\nmodules = [\"area.o\"]\nadd = [\"-O2\", \"-g\"]\n");
    // Rules are above what is recorded, and lld's own -fpic and -O2 are nowhere.
    let jobs = Distributed::new(&link, &MODULES).jobs();
    let with = |own: &[&'static str], more: &[&'static str]| [own, more].concat();
    jobs.is_made_with("area", &with(OWN[1].1, &["-O2", "-g"]));
    jobs.is_made_with("names", OWN[2].1);
    // Even where it repeats what lld says.
    let asked = ["-O1", "-fpic", "-fno-function-sections"];
    let jobs = Distributed::new(&link, &MODULES).compiler(&asked).jobs();
    jobs.is_made_with("shape", &with(OWN[0].1, &asked));
    jobs.is_made_with("area", &with(OWN[1].1, &["-O2", "-g", "-O1", "-fpic", "-fno-function-sections"]));

    let link = unknown();
    let jobs = Distributed::new(&link, &MODULES).compiler(&asked).jobs();
    jobs.are_as_described();
    // Rules change what lld makes up for a module that nobody knows, and not what the user says.
    link.write(
        "thinfarm.toml",
        "[[rule]]\nmodules = [\"*.o\"]\nremove = [\"-O*\", \"-fpic\"]\nadd = [\"-Os\"]\n",
    );
    let jobs = Distributed::new(&link, &MODULES).compiler(&["-fpic"]).jobs();
    jobs.is_made_with("shape", &["-faddrsig", "-ffunction-sections", "-fdata-sections", "-Os", "-fpic"]);
}

/// They stand before all others, as lld puts them, or make up the compiler's name.
#[test]
fn arguments_that_the_user_puts_first() {
    let prepended = |args: &[&str]| {
        args.iter().map(|arg| format!("--thinlto-remote-compiler-prepend-arg={arg}")).collect::<Vec<_>>()
    };
    let (link, other) = (recorded(), unknown());
    let args = prepended(&["-O0", "-mllvm", "-align-all-functions=6"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let jobs = Distributed::new(&other, &MODULES).lld(&args).jobs();
    assert_eq!(jobs.common[1], "-O0");
    jobs.are_as_described();
    let jobs = Distributed::new(&link, &MODULES).lld(&args).jobs();
    jobs.is_made_with("shape", &[&["-O0", "-mllvm", "-align-all-functions=6"], OWN[0].1].concat());

    let args = prepended(&["clang"]);
    let jobs = Distributed::new(&other, &MODULES).lld(&["--thinlto-remote-compiler=llvm", &args[0]]).jobs();
    assert_eq!(jobs.common[..2], ["llvm", "clang"]);
    jobs.is_made_with_defaults("shape", &[]);
}

/// thinfarm is the compiler; the one that lld is told of need not exist.
#[test]
fn the_remote_compiler_is_not_run() {
    let link = unknown();
    let jobs = Distributed::new(&link, &MODULES).lld(&["--thinlto-remote-compiler=no-such-compiler"]).jobs();
    assert_eq!(jobs.common[0], "no-such-compiler");
    jobs.is_made_with_defaults("area", &[]);
}

#[test]
fn sources_of_options_can_be_named() {
    let link = link(|stem| vec!["-MJ".to_owned(), format!("{stem}.json")]);
    write_database(&link, "compile_commands.json", &["area.json", "shape.json"]);
    let database = ["--options=compile-commands"];
    let jobs = Distributed::new(&link, &MODULES).distributor(&database).jobs();
    jobs.is_made_with("shape", OWN[0].1);
    jobs.is_made_with("area", OWN[1].1);
    jobs.is_made_with_defaults("names", &[]);
    // Whoever names a source is told what it does not know.
    assert_eq!(jobs.said.stderr.matches("warning:").count(), 1, "{}", jobs.said);
    assert!(jobs.said.stderr.contains("no source of options knows names.o"), "{}", jobs.said);
    assert!(jobs.said.stderr.contains("lld"), "{}", jobs.said);
    let quiet = ["--missing-options=ignore"];
    let jobs = Distributed::new(&link, &MODULES).distributor(&database).distributor(&quiet).jobs();
    assert_eq!(jobs.said.stderr, "");

    // The configuration names them too.
    link.write("other.toml", "options = [\"compile-commands\"]\nmissing-options = \"ignore\"\n");
    let jobs = Distributed::new(&link, &MODULES).distributor(&["--config", "other.toml"]).jobs();
    jobs.is_made_with("area", OWN[1].1);
    assert_eq!(jobs.said.stderr, "");
}

/// Unasked: what modules record, then kbuild's records; nothing is said of modules that have neither.
#[test]
fn what_belongs_to_a_module_is_looked_at_unasked() {
    let link = link(|stem| match stem {
        "shape" => vec!["-frecord-command-line".to_owned()],
        _ => Vec::new(),
    });
    for stem in ["shape", "area"] {
        let command = format!("savedcmd_{stem}.o := clang -Os -fPIC -g -c -o {stem}.o {stem}.c\n");
        link.write(&format!(".{stem}.o.cmd"), command);
    }
    let jobs = Distributed::new(&link, &MODULES).jobs();
    jobs.is_made_with("shape", OWN[0].1);
    jobs.is_made_with("area", &["-Os", "-fPIC", "-g"]);
    jobs.is_made_with_defaults("names", &[]);
    assert_eq!(jobs.said.stderr, "");
}

/// Modules that rustc made are compiled as they say, and not as lld would have it.
#[test]
fn what_rustc_says_is_above_what_lld_says() {
    let link = Link::sources();
    link.write(
        "twice.rs",
        "#![no_std]\n#![crate_type = \"lib\"]\n\
         #[unsafe(no_mangle)]\npub extern \"C\" fn twice(x: i32) -> i32 { x * 2 }\n",
    );
    let mut rustc = link.command("rustc");
    rustc.args(["--edition=2024", "-Clinker-plugin-lto", "-Cpanic=abort", "-Copt-level=z"]);
    run(rustc.args(["-Ctarget-cpu=haswell", "--emit=obj=twice.o", "twice.rs"])).succeeded();
    let jobs =
        Distributed::new(&link, &["twice.o"]).distributor(&["--options=rust"]).lld(&["--lto-O0"]).jobs();
    let rusts =
        ["-Oz", "-fPIC", "-ffunction-sections", "-fdata-sections", "-march=haswell", "-mtune=generic"];
    jobs.is_made_with("twice", &[&["--target=x86_64-unknown-linux-gnu"][..], &rusts].concat());
}

/// Options of LLVM belong to a process; the files of one link have them of their own all the same, from the user
/// (as clang's driver hands its `-mllvm` on) and from their records.
#[test]
fn options_of_llvm_differ_from_file_to_file() {
    const ALIGNED: [&str; 2] = ["-mllvm", "-align-all-functions=6"];
    let link = link(|stem| match stem {
        "names" => Vec::new(),
        _ => vec!["-frecord-command-line".to_owned()],
    });
    link.write(
        "thinfarm.toml",
        "[[rule]]\nmodules = [\"shape.o\"]\nadd = [\"-mllvm\", \"-align-all-functions=6\"]\n",
    );
    let jobs = Distributed::new(&link, &MODULES).jobs();
    jobs.is_made_with("shape", &[OWN[0].1, &ALIGNED].concat());
    jobs.is_made_with("area", OWN[1].1);

    let jobs = Distributed::new(&link, &MODULES).compiler(&["-mllvm", "-enable-misched=false"]).jobs();
    let asked = ["-mllvm", "-enable-misched=false"];
    jobs.is_made_with("shape", &[OWN[0].1, &ALIGNED, &asked].concat());
    jobs.is_made_with("area", &[OWN[1].1, &asked].concat());
    jobs.is_made_with_defaults("names", &asked);
}

/// clang's driver names distributor and compiler itself; the program runs.
#[test]
fn a_program_linked_by_clang_runs() {
    let link = Link::sources();
    link.write(
        "main.c",
        "#include <stdio.h>\nint shape(int *, int); const char *name(unsigned);\n\
         int main(void) { int edges[] = {1, 2, 3}; printf(\"%s %d\\n\", name(2), shape(edges, 3)); return 0; }\n",
    );
    let mut clang = link.command(llvm_tool("clang"));
    clang.args(["-O2", "-flto=thin", "-fuse-ld=lld", "-Xthinlto-distributor=dtlto,-v"]);
    clang.arg(format!("-fthinlto-distributor={}", thinfarm_path().display()));
    clang.args(["main.c", "shape.c", "area.c", "names.c", "-o", "program"]);
    let said = run(&mut clang).succeeded();
    assert!(said.stderr.contains("thinfarm: 4 objects"), "{said}");
    let said = run(&mut link.command(link.path("program"))).succeeded();
    // scale is 5, then 7: 1 * 2 * 5 + 2 * 3 * 7.
    assert_eq!(said.stdout, "square 52\n");
}

#[test]
fn the_distributor_has_options_of_its_own() {
    let link = unknown();
    let distributed =
        Distributed::new(&link, &MODULES).distributor(&["-j", "1", "--profile=cost.json", "-v"]);
    let said = distributed.run().succeeded();
    for word in ["[3/3]", "the slowest objects", "thinfarm: 3 objects", "1 threads"] {
        assert!(said.stderr.contains(word), "no {word} in {said}");
    }
    let profile: Value = serde_json::from_slice(&link.read("cost.json")).expect("a profile");
    assert_eq!(profile["jobs"].as_array().expect("jobs").len(), 3);
    let clang = llvm_tool("clang");
    let verify = format!("--verify-with={}", clang.display());
    let said = Distributed::new(&link, &MODULES).distributor(&[&verify]).run().succeeded();
    assert!(said.stderr.contains("verify: 3 identical of 3"), "{said}");
}

/// lld is one of make's jobs, and its distributor takes part in the jobserver.
#[test]
fn the_jobserver_of_make_comes_through_lld() {
    let link = unknown();
    let rule = |prefix: &str| {
        let lld = Distributed::new(&link, &MODULES).distributor(&["-v"]).command();
        let words = std::iter::once(lld.get_program()).chain(lld.get_args());
        let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().expect("UTF-8"))).collect();
        link.write("Makefile", format!("all:\n\t{prefix}{}\n", words.join(" ")));
        let mut make = link.command("make");
        crate::fixture::alone(&mut make);
        run(make.arg("-j3")).succeeded()
    };
    let said = rule("+");
    assert!(said.stderr.contains("thinfarm: 3 objects") && !said.stderr.contains("warning"), "{said}");
    // Without `+` make closes it, and lld's child sees that too. As most builds are so, it is no warning.
    let said = rule("");
    assert!(said.stderr.contains("note: make's jobserver is not open to this link"), "{said}");
    assert!(said.stderr.contains("thinfarm: 3 objects") && !said.stderr.contains("warning"), "{said}");
}

/// Ctrl-C in a terminal: lld and its distributor get it both, and nothing of either is left.
#[test]
fn an_interrupt_leaves_nothing() {
    let link = link_with_a_long_job();
    let distributed = Distributed::new(&link, &["long.o", "shape.o", "area.o", "names.o"]);
    let mut lld = distributed.command();
    lld.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = lld.spawn().expect("lld to start");
    let started = Instant::now();
    let small = || distributed.made().iter().filter(|name| name.ends_with(".native.o")).count();
    while small() < 3 {
        assert!(
            child.try_wait().expect("a child to wait for").is_none(),
            "the link ended before it was stopped"
        );
        assert!(started.elapsed() < Duration::from_secs(60), "the small objects never came");
        sleep(Duration::from_millis(10));
    }
    killpg(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("a group to signal");
    let deadline = Instant::now() + PROMPT;
    let status = wait_until(child, deadline).expect("lld to end");
    assert!(!status.success(), "{status}");
    // The distributor may end after lld.
    while !distributed.made().is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(10));
    }
    let left = distributed.made();
    assert!(left.is_empty(), "left in {MADE}: {left:?}");
}
