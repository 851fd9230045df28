//! What lld can link with a distributor: members of archives, FatLTO objects, files that hold two modules, links
//! of which a part is cached or no ThinLTO at all, and names of every kind.

use std::fs;

use crate::distributed::Distributed;
use crate::fixture::{Link, llvm_tool, run};
use crate::own_options::{OWN, link, write_database};

fn archive(link: &Link, operation: &str, name: &str, members: &[&str]) {
    run(link.command(llvm_tool("llvm-ar")).args([operation, name]).args(members)).succeeded();
}

fn compile(link: &Link, flags: &[&str], source: &str, object: &str) {
    let mut clang = link.command(llvm_tool("clang"));
    run(clang.args(["-O2", "-fPIC", "-flto=thin"]).args(flags).args(["-c", source, "-o", object]))
        .succeeded();
}

/// lld puts members of regular archives into files of its own, beside its output. What they record and what
/// a compilation database says of a file of the member's name still counts, and rules see the member.
#[test]
fn members_of_regular_archives() {
    let link = link(|stem| match stem {
        "area" => vec!["-frecord-command-line".to_owned()],
        _ => vec!["-MJ".to_owned(), format!("{stem}.json")],
    });
    fs::create_dir(link.path("lib")).expect("a folder");
    archive(&link, "rc", "lib/l.a", &["area.o", "names.o"]);
    write_database(&link, "compile_commands.json", &["names.json"]);
    let inputs = ["shape.o", "--whole-archive", "lib/l.a"];
    let jobs = Distributed::new(&link, &inputs).jobs();
    assert!(jobs.of("l.a(area.o at ").module.starts_with("made/"));
    jobs.is_made_with("area.o", OWN[1].1);
    jobs.is_made_with_defaults("names.o", &[]);

    let sources = ["--options=recorded", "--options=compile-commands", "--missing-options=ignore"];
    let distributed = Distributed::new(&link, &inputs).distributor(&sources);
    let jobs = distributed.jobs();
    jobs.is_made_with("area.o", OWN[1].1);
    jobs.is_made_with("names.o", OWN[2].1);

    // The archive's directory is not known any more.
    for (glob, applies) in [("**/l.a(area.o)", true), ("l.a(area.o)", true), ("lib/l.a(area.o)", false)] {
        link.write("thinfarm.toml", format!("[[rule]]\nmodules = [\"{glob}\"]\nadd = [\"-g\"]\n"));
        let jobs = distributed.jobs();
        let more: &[&str] = if applies { &["-g"] } else { &[] };
        jobs.is_made_with("area.o", &[OWN[1].1, more].concat());
        jobs.is_made_with("names.o", OWN[2].1);
    }
    let jobs = distributed.run().succeeded();
    assert_eq!((jobs.stderr.as_str(), &distributed.made()[..]), ("", &["out.so".to_owned()][..]));
}

/// Two archives of one name, each with members of one name, in one link.
#[test]
fn members_with_the_same_names() {
    let link = Link::sources();
    for (folder, sources) in [("one", ["shape.c", "area.c"]), ("two", ["names.c", "other.c"])] {
        link.write("other.c", "int other(void) { return 7; }\n");
        fs::create_dir(link.path(folder)).expect("a folder");
        let members = [format!("{folder}/x.o"), format!("{folder}/y.o")];
        for (source, member) in sources.iter().zip(&members) {
            compile(&link, &[], source, member);
        }
        archive(&link, "rc", &format!("{folder}/l.a"), &[&members[0], &members[1]]);
    }
    let jobs = Distributed::new(&link, &["--whole-archive", "one/l.a", "two/l.a"]).jobs();
    assert_eq!(jobs.jobs.len(), 4);
    jobs.are_as_described();
}

/// Of a thin archive lld names the files themselves; a name that goes up and down again is made straight.
#[test]
fn members_of_thin_archives() {
    let link = link(|_| vec!["-frecord-command-line".to_owned()]);
    fs::create_dir(link.path("lib")).expect("a folder");
    archive(&link, "rcT", "lib/l.a", &["area.o", "names.o"]);
    link.write("thinfarm.toml", "[[rule]]\nmodules = [\"names.o\"]\nadd = [\"-g\"]\n");
    let jobs = Distributed::new(&link, &["shape.o", "--whole-archive", "lib/l.a"]).jobs();
    assert_eq!(jobs.of("area").module, "area.o");
    jobs.is_made_with("area", OWN[1].1);
    jobs.is_made_with("names", &[OWN[2].1, &["-g"]].concat());
}

/// FatLTO objects, by themselves and in archives, are taken apart by lld too; rules see the object's name.
#[test]
fn fat_lto_objects() {
    let link = Link::sources();
    compile(&link, &["-ffat-lto-objects"], "shape.c", "shape.o");
    compile(&link, &["-ffat-lto-objects", "-frecord-command-line"], "area.c", "area.o");
    compile(&link, &["-ffat-lto-objects"], "names.c", "names.o");
    archive(&link, "rc", "r.a", &["area.o"]);
    archive(&link, "rcT", "t.a", &["names.o"]);
    link.write("thinfarm.toml", "[[rule]]\nmodules = [\"shape.o\", \"t.a(names.o)\"]\nadd = [\"-O1\"]\n");
    let inputs = ["--fat-lto-objects", "shape.o", "--whole-archive", "r.a", "t.a"];
    let jobs = Distributed::new(&link, &inputs).jobs();
    jobs.is_made_with_defaults("shape.o", &["-O1"]);
    jobs.is_made_with("r.a(area.o at ", &["-O2", "-fPIC"]);
    jobs.is_made_with_defaults("names.o", &["-O1"]);
}

/// A file with a module for ThinLTO and one for regular LTO, in an archive.
#[test]
fn files_that_hold_two_modules() {
    let link = Link::sources();
    link.write(
        "table.cc",
        "struct A { virtual int f(); };\nstruct B : A { int f() override { return 2; } };\n\
         int use(A *a) { return a->f(); }\nint make() { static B b; return use(&b); }\n",
    );
    let flags = [
        "-fno-rtti",
        "-fno-exceptions",
        "-fsplit-lto-unit",
        "-fwhole-program-vtables",
        "-fvisibility=hidden",
    ];
    compile(&link, &flags, "table.cc", "table.o");
    let modextract = ["-n", "2", "table.o", "-o", "third.o"];
    let said = run(link.command(llvm_tool("llvm-modextract")).args(modextract));
    assert!(said.stderr.contains("contains 2 module(s)"), "{said}");
    archive(&link, "rc", "l.a", &["table.o"]);
    let jobs = Distributed::new(&link, &["--whole-archive", "l.a", "--allow-shlib-undefined"]).jobs();
    jobs.are_as_described();
}

/// Regular LTO in several partitions beside ThinLTO: the farm has the ThinLTO jobs only.
#[test]
fn regular_lto_beside_thin_lto() {
    let link = Link::sources();
    compile(&link, &[], "shape.c", "shape.o");
    compile(&link, &[], "area.c", "area.o");
    let mut clang = link.command(llvm_tool("clang"));
    run(clang.args(["-O2", "-fPIC", "-flto=full", "-c", "names.c", "-o", "names.o"])).succeeded();
    archive(&link, "rc", "l.a", &["names.o", "area.o"]);
    let inputs = ["--whole-archive", "l.a", "shape.o", "--lto-partitions=3"];
    let jobs = Distributed::new(&link, &inputs).jobs();
    assert_eq!(jobs.jobs.len(), 2);
    jobs.are_as_described();
}

/// Without a ThinLTO module there is nothing to distribute, and the distributor is not run.
#[test]
fn links_without_thin_lto() {
    let link = Link::sources();
    for (flag, source) in [("-flto=full", "names.c"), ("-fno-lto", "area.c")] {
        let mut clang = link.command(llvm_tool("clang"));
        run(clang.args(["-O2", "-fPIC", flag, "-c", source])).succeeded();
    }
    let distributed = Distributed::new(&link, &["names.o", "area.o"]).distributor(&["--no-such-option"]);
    distributed.run().succeeded();
}

/// With a cache lld asks only for what is not in it, and that may import from modules without a job.
#[test]
fn links_of_which_a_part_is_cached() {
    let link = Link::sources();
    for stem in ["shape", "area", "names"] {
        compile(&link, &["-g"], &format!("{stem}.c"), &format!("{stem}.o"));
    }
    let cached = |inputs: &[&str]| {
        Distributed::new(&link, inputs)
            .lld(&["--thinlto-cache-dir=cache"])
            .distributor(&["-v"])
            .run()
            .succeeded()
    };
    let said = cached(&["shape.o", "area.o", "names.o"]);
    assert!(said.stderr.contains("3 objects"), "{said}");
    let said = cached(&["shape.o", "area.o", "names.o"]);
    assert_eq!(said.stderr, "", "a distributor was run for nothing");
    link.write("more.c", "int area(int, int); int more(int a) { return area(a, a); }\n");
    compile(&link, &["-g"], "more.c", "more.o");
    let with_more = ["shape.o", "area.o", "names.o", "more.o"];
    let said = cached(&with_more);
    assert!(said.stderr.contains("thinfarm: 1 objects"), "{said}");
    // The same once more, from nothing, to look at the objects.
    let jobs = Distributed::new(&link, &with_more).lld(&["--thinlto-cache-dir=fresh"]).jobs();
    jobs.are_as_described();
}

/// Modules, archives and outputs in other folders, with spaces and parentheses. Only outputs are named in any
/// alphabet: LLVM 22 garbles such module ids in indexes (see `dtlto_errors`).
#[test]
fn names_of_every_kind() {
    let link = Link::sources();
    fs::create_dir_all(link.path("two words/(3)")).expect("a folder");
    compile(&link, &[], "shape.c", "two words/shape (1).o");
    compile(&link, &[], "area.c", "two words/(3)/a b.o");
    compile(&link, &[], "names.c", "-names.o");
    archive(&link, "rc", "two words/l (2).a", &["two words/(3)/a b.o"]);
    let inputs = ["two words/shape (1).o", "--whole-archive", "two words/l (2).a", "./-names.o"];
    let distributed = Distributed::new(&link, &inputs).lld(&["-o", "made/🎁 (1).so"]);
    let jobs = distributed.jobs();
    assert_eq!(jobs.jobs.len(), 3);
    jobs.of("l (2).a(a b.o at ");
    jobs.are_as_described();
    assert!(distributed.made().contains(&"🎁 (1).so".to_owned()));

    let below = Link::sources();
    fs::create_dir(below.path("below")).expect("a folder");
    for stem in ["shape", "area"] {
        compile(&below, &[], &format!("{stem}.c"), &format!("{stem}.o"));
    }
    let mut lld = Distributed::new(&below, &[]).command();
    lld.current_dir(below.path("below")).args(["../shape.o", "../area.o", "-o", "../up.so"]);
    run(&mut lld).succeeded();
    assert!(below.path("up.so").exists());
    let absolute = below.path("shape.o");
    let jobs = Distributed::new(&below, &[absolute.to_str().expect("UTF-8"), "area.o"]).jobs();
    jobs.are_as_described();
}
