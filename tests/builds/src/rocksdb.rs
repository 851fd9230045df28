//! All of RocksDB as a shared library, each module with the options it was compiled with, and a program that keeps a
//! database with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Corpus, Invocation, compile, default_jobs};

use crate::Bench;
use crate::linker::modules_of;

const LIBRARY: &str = "librocksdb.so";
const PROGRAM: &str = "keep";
/// What the program prints of a database that is as it must be: 20,000 keys less one, and the sum of their values.
const KEPT: &str = "19999 keys, sum 1399929965\n";

/// Links the library with each module's own options and without, and by lld; runs the program with the first.
pub fn test(bench: &Bench) -> Result<String> {
    let sources = Corpus::RocksDb.sources()?;
    let dir = bench.dir.join("rocksdb");
    let codegen = ["-O2", "-fPIC", "-frecord-command-line"].map(str::to_owned);
    let flags = [sources.flags.clone(), codegen.to_vec()].concat();
    println!("  compiling what has changed of {} modules", sources.files.len());
    let modules = compile(&bench.toolchain, &sources.files, &flags, &dir.join("modules"), default_jobs())?;
    let library = Library { bench, modules: &modules, dir: &dir };

    let own = library.link("own", "-fuse-ld=thinfarm", &[])?;
    let jobs = modules_of(&bench.linker.links()?, &[LIBRARY])?;
    ensure!(jobs == modules.len(), "{jobs} backend jobs for {} modules", modules.len());

    // A source of options that knows no module: all are compiled as lld would.
    fs::write(dir.join("compile_commands.json"), "[]")?;
    let nothing = format!("compile-commands={}", dir.display());
    let variables = [("THINFARM_OPTIONS", nothing.as_str()), ("THINFARM_MISSING_OPTIONS", "ignore")];
    let none = library.link("none", "-fuse-ld=thinfarm", &variables)?;
    ensure!(modules_of(&bench.linker.links()?, &[LIBRARY])? == modules.len(), "not all modules had a job");
    let by_lld = library.link("lld", &format!("--ld-path={}", bench.toolchain.lld.display()), &[])?;

    let symbols = library.symbols(&own)?;
    ensure!(
        symbols == library.symbols(&by_lld)?,
        "{} and {} have other symbols",
        own.display(),
        by_lld.display()
    );
    let (ours, theirs) = (fs::read(&none)?, fs::read(&by_lld)?);
    ensure!(ours == theirs, "{} and {} differ", none.display(), by_lld.display());
    ensure!(fs::read(&own)? != theirs, "the modules' own options made no difference: were they recorded?");

    let printed = keep(bench, &dir, &sources.flags)?;
    ensure!(printed == KEPT, "the program prints {printed:?} instead of {KEPT:?}");
    Ok(format!(
        "{jobs} backend jobs with recorded options; {} dynamic symbols as with ld.lld; without own options the \
         library of {} bytes is ld.lld's; a database was written and read back: {}",
        symbols.len(),
        ours.len(),
        KEPT.trim_end()
    ))
}

struct Library<'a> {
    bench: &'a Bench,
    modules: &'a [PathBuf],
    dir: &'a Path,
}

impl Library<'_> {
    /// The library in the directory `name`, linked by what `choice` and `variables` say.
    fn link(&self, name: &str, choice: &str, variables: &[(&str, &str)]) -> Result<PathBuf> {
        let into = self.dir.join(name);
        fs::create_dir_all(&into).with_context(|| format!("cannot create {}", into.display()))?;
        let library = into.join(LIBRARY);
        self.bench.linker.forget()?;
        self.bench
            .linker
            .run(&self.bench.toolchain.clangxx, &self.dir.join("modules"), variables)
            .args(["-shared", "-flto=thin", choice, "-o"])
            .arg(&library)
            .args(self.modules)
            .args(["-lpthread", "-ldl"])
            .capture()?;
        Ok(library)
    }

    /// Kinds and names of the dynamic symbols, without their addresses.
    fn symbols(&self, library: &Path) -> Result<Vec<String>> {
        let nm = Invocation::new(self.bench.toolchain.tool("llvm-nm")?, "/");
        let listed = nm.args(["--dynamic", "--format=posix"]).arg(library).capture()?.stdout;
        let mut symbols: Vec<String> = String::from_utf8_lossy(&listed)
            .lines()
            .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
            .collect();
        symbols.sort();
        ensure!(symbols.len() > 1000, "{} has {} dynamic symbols only", library.display(), symbols.len());
        Ok(symbols)
    }
}

/// What the program prints that is linked with the library with its own options.
fn keep(bench: &Bench, dir: &Path, flags: &[String]) -> Result<String> {
    fs::write(dir.join("keep.cc"), include_str!("../projects/rocksdb/keep.cc"))?;
    bench.linker.forget()?;
    bench
        .linker
        .run(&bench.toolchain.clangxx, dir, &[])
        .args(flags)
        .args(["-O2", "-flto=thin", "-fuse-ld=thinfarm", "keep.cc", "-Lown", "-lrocksdb"])
        .arg(format!("-Wl,-rpath,{}", dir.join("own").display()))
        .args(["-o", PROGRAM])
        .capture()?;
    modules_of(&bench.linker.links()?, &[PROGRAM])?;
    let printed = bench.linker.run(dir.join(PROGRAM), dir, &[]).arg("database").capture()?.stdout;
    Ok(String::from_utf8_lossy(&printed).into_owned())
}
