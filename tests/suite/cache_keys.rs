//! The keys of a cache: whatever decides the bytes of an object changes its key, and nothing else does.
//!
//! Fields are not listed here but found in what a job is when it is written down, and the bits of an index are all
//! turned over one by one. So what is forgotten is found.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use serde_json::{Value, json};
use thinfarm::cache::{Cache, Key, Uncacheable};
use thinfarm::farm::{Farm, STACK_SIZE};
use thinfarm::options::{FileOptions, Resolver};
use thinfarm::plan::{Job, Plan};
use thinfarm::toolchain::Tool;
use thinfarm::trust::Trust;

use crate::fixture::{Link, llvm_tool, run};

/// A link whose modules have absolute ids, since these tests run elsewhere; `shape.o` imports from `area.o`.
fn link() -> Link {
    let link = Link::sources();
    link.compile_into("", &["-O2"], &[]);
    thin_link(&link, &[]);
    link
}

fn thin_link(link: &Link, flags: &[&str]) {
    let module = |name| link.path(name).to_str().unwrap().to_owned();
    link.thin_link(&["shape.o", "area.o", "names.o"].map(module), flags);
}

fn cache(link: &Link) -> Cache {
    Cache::open(&link.path("cache"), &Trust::of_user()).unwrap()
}

fn job_of(link: &Link, module: &str, flags: &[&str]) -> Job {
    let path = |name: &str| link.path(name).to_str().unwrap().to_owned();
    let (module, index, output) =
        (path(module), path(&format!("{module}.thinlto.bc")), path(&format!("{module}.native.o")));
    let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    let command = Resolver::new(Tool::clang_for_driver())
        .resolve(&FileOptions::given(flags), &module, &index, &output)
        .unwrap();
    Job::new(module, index, output, command)
}

#[track_caller]
fn key_with(link: &Link, flags: &[&str]) -> Key {
    cache(link).key(&job_of(link, "shape.o", flags)).unwrap()
}

#[track_caller]
fn key(link: &Link) -> Key {
    key_with(link, &["-O2", "-fPIC"])
}

/// Every value within `value` that has no parts, by its JSON pointer, each replaced by another of its kind; and every
/// list with one more element.
fn mutations(value: &Value, pointer: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                mutations(field, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.iter().enumerate() {
                mutations(element, &format!("{pointer}/{position}"), found);
            }
            found.push((pointer.to_owned(), Value::Array([&elements[..], &[json!("-more")]].concat())));
        }
        Value::Bool(is) => found.push((pointer.to_owned(), json!(!is))),
        Value::Number(number) => found.push((pointer.to_owned(), json!(number.as_u64().unwrap() + 1))),
        Value::String(text) => found.push((pointer.to_owned(), json!(format!("{text}x")))),
        Value::Null => {}
    }
}

/// What belongs to a job and decides nothing, by the beginning of its pointer.
const DECIDES_NOTHING: [&str; 10] = [
    "/output",
    "/size",
    "/command/files/index",
    "/command/files/output",
    "/command/files/input",
    // What is found there counts, see `Uncacheable::Assembly`.
    "/command/files/assembler_search_paths",
    // What they come to counts.
    "/command/flags",
    "/command/clang",
    "/command/is_elsewhere",
    "/command/is_own_cc1",
];

#[test]
fn every_field_of_a_job_counts_or_is_known_not_to() {
    let link = link();
    let cache = cache(&link);
    let job = job_of(&link, "shape.o", &["-O2", "-fPIC", "-mllvm", "-align-all-functions=4"]);
    let key = cache.key(&job).unwrap();
    let written = serde_json::to_value(&job).unwrap();
    let mut found = Vec::new();
    mutations(&written, "", &mut found);
    let mut counted = BTreeSet::new();
    for (pointer, value) in found {
        // Of the cc1 command line only diagnostics count, see below.
        if pointer.starts_with("/command/cc1") || pointer.starts_with("/command/form") {
            continue;
        }
        let mut mutated = written.clone();
        *mutated.pointer_mut(&pointer).unwrap() = value;
        let mutated: Job =
            serde_json::from_value(mutated).unwrap_or_else(|error| panic!("{pointer}: {error}"));
        let same = cache.key(&mutated) == Ok(key);
        let expected = DECIDES_NOTHING.iter().any(|nothing| pointer.starts_with(nothing));
        assert_eq!(same, expected, "{pointer}");
        counted.extend(
            pointer
                .strip_prefix("/command/options/")
                .map(|field| field.split('/').next().unwrap().to_owned()),
        );
    }
    // A field that is not written down would have been missed; it is in what the compiler derives for a debugger.
    let fields: BTreeSet<String> = format!("{:#?}", job.command.codegen())
        .lines()
        .filter_map(|line| line.strip_prefix("    ").filter(|line| !line.starts_with([' ', ']'])))
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect();
    assert!(fields.len() > 70, "{fields:?}");
    assert_eq!(counted, fields);
}

#[test]
fn diagnostics_and_the_files_that_options_name() {
    let link = link();
    let plain = key(&link);
    assert_eq!(key_with(&link, &["-O2", "-fPIC", "-DX", "-Iinclude"]), plain);
    for flags in
        [&["-w"][..], &["-Werror"], &["-Wno-backend-plugin"], &["-O3"], &["-mllvm", "-align-all-functions=5"]]
    {
        assert_ne!(key_with(&link, &[&["-O2", "-fPIC"], flags].concat()), plain, "{flags:?}");
    }
    let path = link.path("file").to_str().unwrap().to_owned();
    for option in ["-fprofile-sample-use=", "-fbasic-block-sections=list=", "-mllvm -fs-profile-file="] {
        let option = format!("{option}{path}");
        let flags: Vec<&str> = ["-O2", "-fPIC"].into_iter().chain(option.split(' ')).collect();
        link.write("file", "shape:100:10\n 1: 10\n");
        let before = key_with(&link, &flags);
        assert_eq!(key_with(&link, &flags), before);
        link.write("file", "shape:900:10\n 1: 10\n");
        assert_ne!(key_with(&link, &flags), before, "{option}");
    }
}

#[test]
fn what_no_key_can_stand_for() {
    let link = link();
    let reason = |flags: &[&str]| {
        let flags = [&["-O2", "-fPIC"], flags].concat();
        cache(&link).key(&job_of(&link, "shape.o", &flags)).unwrap_err()
    };
    assert_eq!(reason(&["-ftime-trace"]), Uncacheable::ClangAction("-ftime-trace".to_owned()));
    assert_eq!(reason(&["-g", "-gsplit-dwarf"]), Uncacheable::SplitDwarf);
    assert_eq!(reason(&["--serialize-diagnostics", "d"]), Uncacheable::DiagnosticFiles);
    assert_eq!(reason(&["-mllvm", "-print-changed"]), Uncacheable::LlvmOption("-print-changed".to_owned()));
    let directory = format!("-cgscc-inline-replay={}", link.dir().display());
    assert_eq!(reason(&["-mllvm", &directory]), Uncacheable::LlvmOption(directory.clone()));
    link.write("shape.o.thinlto.bc", "");
    assert_eq!(reason(&[]), Uncacheable::ClangAction("no index".to_owned()));
    link.write("shape.o.thinlto.bc", "nonsense");
    assert_eq!(reason(&[]), Uncacheable::Unreadable);
    thin_link(&link, &[]);
    link.remove("area.o");
    assert_eq!(reason(&[]), Uncacheable::Unreadable);
}

#[test]
fn contents_of_modules_and_what_a_thin_link_decides() {
    let link = link();
    let mut known = vec![key(&link)];
    let mut is_new = |what: &str| {
        let key = key(&link);
        assert!(!known.contains(&key), "{what}");
        known.push(key);
    };
    let compile = |source: &str, flags: &[&str]| {
        let mut clang = link.command(llvm_tool("clang"));
        clang.args(["-flto=thin", "-fPIC", "-O2"]).args(flags).args(["-c", source, "-o"]);
        run(clang.arg(source.replace(".c", ".o"))).succeeded();
    };
    // Its own content, and that of what it imports from, without a new index.
    compile("shape.c", &["-fstack-protector-all"]);
    is_new("the module");
    compile("area.c", &["-fstack-protector-all"]);
    is_new("a module it imports from");
    // With one: hashes of modules.
    thin_link(&link, &[]);
    is_new("the hash of a module");
    // Symbols that cannot be preempted, other imports, other knowledge of the whole program.
    let modules = ["shape.o", "area.o", "names.o"].map(|name| link.path(name));
    let mut lld = link.command(llvm_tool("ld.lld"));
    run(lld.args(["--thinlto-index-only=list", "-o", "unused", "-e", "shape"]).args(modules)).succeeded();
    is_new("a program");
    thin_link(&link, &["--lto-whole-program-visibility"]);
    is_new("the whole program is visible");
    thin_link(&link, &["-mllvm", "-import-instr-limit=0"]);
    is_new("nothing imported");
    thin_link(&link, &[]);
    assert_eq!(key(&link), known[3], "the same again");
}

/// What modules are called counts as far as it decides the order of imports.
#[test]
fn names_of_modules_count_by_their_order() {
    let keys_as = |names: [&str; 3]| {
        let link = link();
        let renamed = |from: &str, to: &str| fs::rename(link.path(from), link.path(to)).unwrap();
        for (from, to) in ["shape.o", "area.o", "names.o"].into_iter().zip(names) {
            renamed(from, to);
        }
        link.thin_link(&names.map(|name| link.path(name).to_str().unwrap().to_owned()), &[]);
        cache(&link).key(&job_of(&link, names[0], &["-O2", "-fPIC"])).unwrap()
    };
    let key = keys_as(["shape.o", "area.o", "names.o"]);
    assert_eq!(keys_as(["m.o", "a.o", "z.o"]), key);
    assert_eq!(keys_as(["z.o", "m.o", "a.o"]), key);
    assert_ne!(keys_as(["a.o", "m.o", "z.o"]), key, "another order");
}

/// A bit of an index that is another one is another index, or no index at all, or one of which LLVM makes the same.
#[test]
fn every_bit_of_an_index() {
    let link = link();
    let cache = cache(&link);
    let mut job = job_of(&link, "shape.o", &["-O2", "-fPIC"]);
    let key = cache.key(&job).unwrap();
    let index = fs::read(&job.index).unwrap();
    job.index = link.path("flipped");
    fs::write(&job.index, &index).unwrap();
    assert_eq!(cache.key(&job), Ok(key));
    let compiled = |job: &Job| {
        let plan = Plan::new(vec![job.clone()]).unwrap();
        let report = Farm::default().no_threads().run(&plan).unwrap();
        report.is_success().then(|| fs::read(&job.output).unwrap())
    };
    let (mut unnoticed, mut changed) = (0, 0);
    let work = || {
        let expected = compiled(&job).expect("an object");
        for bit in 0..index.len() * 8 {
            let mut flipped = index.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&job.index, &flipped).unwrap();
            match cache.key(&job) {
                Ok(other) if other == key => {
                    unnoticed += 1;
                    let object = compiled(&job);
                    assert!(
                        object.is_none_or(|object| object == expected),
                        "bit {bit} decides and does not count"
                    );
                }
                Ok(_) => changed += 1,
                Err(_) => {}
            }
        }
    };
    thread::scope(|scope| {
        thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, work).unwrap().join().unwrap();
    });
    // Most of the others leave no index.
    assert!(changed > 2 * unnoticed, "{unnoticed} do not count, {changed} do");
}
