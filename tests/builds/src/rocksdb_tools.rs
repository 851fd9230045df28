//! RocksDB's own tools as position-independent executables: hundreds of modules of C++ in a program, where the linker
//! knows that most symbols of other modules are the program's.

use std::fs;

use anyhow::{Result, ensure};
use thinfarm_corpora::{Corpus, Invocation, compile, default_jobs, rocksdb_tool};

use crate::Bench;
use crate::linker::modules_of;

/// The tools: each has a `main` in a file of its name.
const TOOLS: [&str; 2] = ["ldb", "sst_dump"];

/// What the tools share beyond the library.
const SHARED: [&str; 3] = ["ldb_cmd", "ldb_tool", "sst_dump_tool"];

/// Links each tool by both linkers, compares, and keeps a database with one that the other reads.
pub fn test(bench: &Bench) -> Result<String> {
    let mut sources = Corpus::RocksDb.sources()?;
    let library = sources.files.len();
    for name in SHARED.iter().chain(&TOOLS) {
        sources.files.push(rocksdb_tool(name)?);
    }

    let dir = bench.fresh("rocksdb-tools")?;
    let modules = bench.dir.join("rocksdb-tools-modules");
    let flags = [sources.flags, ["-O2", "-fPIE"].map(str::to_owned).to_vec()].concat();
    println!("  compiling what has changed of {} modules", sources.files.len());
    let objects = compile(&bench.toolchain, &sources.files, &flags, &modules, default_jobs())?;
    let (shared, mains) = objects.split_at(library + SHARED.len());

    let mut told = Vec::new();
    for (name, main) in TOOLS.iter().zip(mains) {
        bench.linker.forget()?;
        let by_lld = format!("--ld-path={}", bench.toolchain.lld.display());
        for (suffix, choice) in [("", "-fuse-ld=thinfarm"), (".lld", &by_lld)] {
            bench
                .linker
                .run(&bench.toolchain.clangxx, &modules, &[])
                .args(["-pie", "-flto=thin", choice, "-o"])
                .arg(dir.join(format!("{name}{suffix}")))
                .args(shared)
                .arg(main)
                .args(["-lpthread", "-ldl"])
                .capture()?;
        }
        let jobs = modules_of(&bench.linker.links()?, &[name])?;
        let (ours, theirs) = (fs::read(dir.join(name))?, fs::read(dir.join(format!("{name}.lld")))?);
        ensure!(ours == theirs, "{name} and {name}.lld in {} differ", dir.display());
        told.push(format!("{name} of {jobs} modules and {} bytes is ld.lld's", ours.len()));
    }

    let ldb = |args: &[&str]| -> Result<String> {
        let command = Invocation::new(dir.join("ldb"), &dir).arg("--db=database").args(args);
        Ok(String::from_utf8_lossy(&command.capture()?.stdout).into_owned())
    };
    ldb(&["--create_if_missing", "put", "one", "first"])?;
    ldb(&["put", "two", "second"])?;
    ldb(&["compact"])?;
    let scanned = ldb(&["scan"])?;
    ensure!(scanned == "one : first\ntwo : second\n", "ldb scan prints {scanned:?}");
    let dump = Invocation::new(dir.join("sst_dump"), &dir).args(["--file=database", "--command=scan"]);
    let dumped = String::from_utf8_lossy(&dump.capture()?.stdout).into_owned();
    ensure!(dumped.contains("'one'") && dumped.contains("second"), "sst_dump prints {dumped:?}");
    Ok(format!("{}; what ldb wrote, ldb and sst_dump read", told.join(", ")))
}
