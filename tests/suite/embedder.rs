//! What a process that embeds the library keeps for itself: handlers of signals, standard output and error, the working
//! directory, the environment, how it ends.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use thinfarm::farm::Farm;
use thinfarm::options::{Resolver, Sources};
use thinfarm::plan::{IndexList, Naming, Plan};
use thinfarm::toolchain::Tool;

use crate::fixture::{Link, llvm_tool, run};

const DIRECTORY: &str = "THINFARM_TEST_EMBEDDER";

/// What the code of the library may not name, and where it does for a reason: a process that asks for that in so many
/// words, or what is no program's but everybody's.
const PROGRAMS: [(&str, &[&str]); 10] = [
    ("println!", &[]),
    ("print!", &[]),
    ("dbg!", &[]),
    ("global_allocator", &[]),
    ("set_current_dir", &[]),
    ("process::exit", &[]),
    ("process::abort", &[]),
    ("set_hook", &[]),
    // A child worker ends when its farm is gone.
    ("low_level::", &["farm/worker/serve.rs"]),
    // `Tool::find` looks for clang on PATH. lld itself reads LLD_REPRODUCE.
    ("env::var", &["toolchain/mod.rs", "link/arguments.rs"]),
];

#[test]
fn the_library_leaves_the_process_alone() {
    let link = Link::new();
    // What no processor without AVX-512 has code for, which LLVM calls a fatal error.
    link.write(
        "culprit.ll",
        "target datalayout = \"e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128\"
         target triple = \"x86_64-pc-linux-gnu\"
         define <16 x float> @culprit(ptr %p) {
           %a = load <16 x float>, ptr %p
           %r = call <16 x float> @llvm.x86.avx512.min.ps.512(<16 x float> %a, <16 x float> %a, i32 4)
           ret <16 x float> %r
         }
         declare <16 x float> @llvm.x86.avx512.min.ps.512(<16 x float>, <16 x float>, i32 immarg)",
    );
    let mut clang = link.command(llvm_tool("clang"));
    run(clang.args(["-O1", "-x", "ir", "-flto=thin", "-c", "culprit.ll", "-o", "culprit.o"])).succeeded();
    link.thin_link(&["shape.o", "area.o", "names.o", "culprit.o"], &[]);

    let mut embedder = link.command(env::current_exe().unwrap());
    embedder.args(["--exact", "embedder::embedder", "--ignored", "--nocapture"]).env(DIRECTORY, link.dir());
    let said = run(&mut embedder).succeeded();
    assert_eq!(said.stderr, "");
    // Of the harness.
    let lines = said.stdout.lines().filter(|line| !line.is_empty());
    let own: Vec<_> =
        lines.filter(|line| !line.starts_with("running 1") && !line.starts_with("test ")).collect();
    assert!(own.is_empty(), "{said}");
    for name in ["shape.o", "area.o", "names.o"] {
        link.same_as_clang(name, &name.replace(".o", ".thinlto-native.o"));
    }
}

/// A process that embeds the library; without a directory it is none.
#[test]
#[ignore = "run by the other test"]
fn embedder() {
    let Some(directory) = env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let before = signals();
    let list = IndexList::read(Path::new("list")).unwrap();
    let mut sources = Sources::given(["-O2".to_owned(), "-fPIC".to_owned()]);
    let mut resolver = Resolver::new(Tool::clang_for_driver());
    let plan = Plan::for_link(&list, &Naming::default(), &mut sources, &mut resolver).unwrap();
    let report = Farm::default().run(&plan).unwrap();

    let failed: Vec<_> = report.failed().collect();
    let [(_, module, job)] = &failed[..] else { panic!("{} jobs failed", failed.len()) };
    assert_eq!(*module, "culprit.o");
    assert!(job.result.as_ref().unwrap_err().to_string().contains("split the result"), "{:?}", job.result);
    assert_eq!(report.objects(), 3);
    assert_eq!(signals(), before, "which signals are blocked, ignored and handled");
    assert_eq!(env::current_dir().unwrap(), directory.canonicalize().unwrap());
}

/// The masks of signals that this process blocks, ignores and handles.
fn signals() -> Vec<String> {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    lines
}

#[test]
fn only_the_program_does_what_programs_do() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.extend((name != "cli").then_some(path));
                continue;
            }
            if name == "main.rs" {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // Tests that start processes.
            let is_test = name == "cache/processes.rs";
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code.filter(|_| !is_test) {
                for (word, allowed) in PROGRAMS {
                    let is_there = line.contains(word) && !allowed.contains(&&*name);
                    assert!(!is_there, "{name}: {line}: the library leaves `{word}` to programs");
                }
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} files");
}
