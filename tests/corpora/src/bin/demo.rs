//! The demo: a real program that is not ours, zstd's command line, through the four stages of a distributed
//! ThinLTO build.
//!
//! 1. clang's front ends make a module of bitcode from each C file;
//! 2. lld's thin link looks at all of them at once and writes an index for each;
//! 3. thinfarm compiles every module with its index, all of them in one process;
//! 4. lld links the native objects.
//!
//! Then the program runs. Commands are shown as they are run, and all of them are left in `commands.sh`
//! beside what they made, so that a reader can repeat them by hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use thinfarm_corpora::{
    Corpus, Invocation, ThinLink, Toolchain, compile, default_jobs, front_end, target_dir, thinfarm_program,
    zstd_program,
};

/// zstd's own choice; the backends are given the same.
const CODEGEN_FLAGS: [&str; 1] = ["-O3"];

fn main() -> Result<()> {
    let toolchain = Toolchain::find()?;
    let thinfarm = thinfarm_program()?;
    let mut demo = Demo::new(target_dir().join("demo"))?;
    println!("zstd's command-line program, by LLVM {}, in {}\n", toolchain.version, demo.dir.display());
    let objects = demo.front_ends(&toolchain)?;
    let modules = demo.thin_link(&toolchain, &objects)?;
    let native_objects = demo.backends(&thinfarm, &modules)?;
    demo.final_link(&toolchain, &native_objects)?;
    demo.run_program()?;
    demo.write_script()
}

/// The stages, and the commands they have run so far.
struct Demo {
    /// Where everything happens and all relative paths start.
    dir: PathBuf,
    script: Vec<String>,
}

impl Demo {
    /// Starts in an empty `dir`: every stage does its whole work each time, or the times would tell nothing.
    fn new(dir: PathBuf) -> Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let script = vec!["#!/bin/sh".to_owned(), "set -e".to_owned()];
        Ok(Demo { dir, script })
    }

    fn front_ends(&mut self, toolchain: &Toolchain) -> Result<Vec<PathBuf>> {
        println!("1. Front ends: clang makes a module of bitcode from each C file");
        let sources = zstd_program()?;
        let flags = [sources.flags, CODEGEN_FLAGS.map(str::to_owned).into()].concat();
        let names = sources.files.iter().filter_map(|file| file.name.parent());
        for subdirectory in BTreeSet::from_iter(names) {
            self.script.push(format!("mkdir -p {}", subdirectory.display()));
        }
        let commands: Vec<String> = sources
            .files
            .iter()
            .map(|source| front_end(toolchain, source, &flags, &self.dir).to_string())
            .collect();
        println!("   $ cd {}\n   $ {}", self.dir.display(), commands[0]);
        println!("   $ … and {} more like it", commands.len() - 1);
        self.script.extend(commands);

        let start = Instant::now();
        let jobs = default_jobs();
        let objects = compile(toolchain, &sources.files, &flags, &self.dir, jobs)?;
        self.report("modules", &objects, start)?;
        Ok(objects)
    }

    fn thin_link(&mut self, toolchain: &Toolchain, objects: &[PathBuf]) -> Result<Vec<PathBuf>> {
        println!("2. Thin link: lld decides what each module imports, and writes it in an index");
        let start = Instant::now();
        let command =
            self.linker(toolchain).arg(format!("-Wl,--thinlto-index-only={}", ThinLink::LIST)).args(objects);
        self.show(&command);
        command.capture()?;

        let link = ThinLink::read(&self.dir)?;
        let indexes: Vec<PathBuf> =
            link.modules.iter().map(|module| module.with_added_extension("thinlto.bc")).collect();
        self.report("indexes", &indexes, start)?;
        Ok(link.modules)
    }

    fn backends(&mut self, thinfarm: &Path, modules: &[PathBuf]) -> Result<Vec<PathBuf>> {
        println!("3. Backends: thinfarm compiles every module with its index, in one process");
        let start = Instant::now();
        let command = Invocation::new(thinfarm, &self.dir)
            .args(["backend", "--list", ThinLink::LIST, "--"])
            .args(CODEGEN_FLAGS);
        self.show(&command);
        command.watch()?;

        let native_objects: Vec<PathBuf> =
            modules.iter().map(|module| module.with_extension("thinlto-native.o")).collect();
        self.report("native objects", &native_objects, start)?;
        Ok(native_objects)
    }

    fn final_link(&mut self, toolchain: &Toolchain, native_objects: &[PathBuf]) -> Result<()> {
        println!("4. Final link: lld makes the program");
        let start = Instant::now();
        let command = self.linker(toolchain).args(["-o", "zstd"]).args(native_objects);
        self.show(&command);
        command.capture()?;
        self.report("program", &[PathBuf::from("zstd")], start)
    }

    /// Compresses a file of some megabytes (SQLite's source), decompresses it, compares; then zstd's own
    /// benchmark.
    fn run_program(&mut self) -> Result<()> {
        println!("The program runs, on SQLite's source");
        let sqlite = Corpus::Sqlite.sources()?;
        let zstd = || Invocation::new("./zstd", &self.dir);
        let commands = [
            Invocation::new("cp", &self.dir).arg(&sqlite.files[0].path).arg("."),
            zstd().arg("--version"),
            zstd().args(["-f", "-9", "sqlite3.c"]),
            zstd().args(["-f", "-d", "-o", "restored.c", "sqlite3.c.zst"]),
            Invocation::new("cmp", &self.dir).args(["restored.c", "sqlite3.c"]),
            zstd().args(["-b1", "-i1", "sqlite3.c"]),
        ];
        for command in commands {
            self.show(&command);
            command.watch()?;
        }
        println!("   = what it compressed, it restored");
        Ok(())
    }

    fn write_script(&self) -> Result<()> {
        let path = self.dir.join("commands.sh");
        fs::write(&path, self.script.join("\n") + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nAll commands, to repeat in that directory: {}", path.display());
        Ok(())
    }

    /// clang as the linker's driver: it names the C library and its start files, and lld links.
    fn linker(&self, toolchain: &Toolchain) -> Invocation {
        Invocation::new(&toolchain.clang, &self.dir)
            .arg(format!("--ld-path={}", toolchain.lld.display()))
            .arg("-pthread")
    }

    /// Prints `command` and keeps it for the script.
    fn show(&mut self, command: &Invocation) {
        println!("   $ {command}");
        self.script.push(command.to_string());
    }

    /// Says what a stage made since `start`, having looked that it is there.
    fn report(&self, what: &str, files: &[PathBuf], start: Instant) -> Result<()> {
        let seconds = start.elapsed().as_secs_f64();
        let mut bytes = 0;
        for file in files {
            let path = self.dir.join(file);
            bytes +=
                fs::metadata(&path).with_context(|| format!("the stage left no {}", path.display()))?.len();
        }
        println!("   = {} {what}, {} KB, in {seconds:.2} s\n", files.len(), bytes.div_ceil(1000));
        Ok(())
    }
}
