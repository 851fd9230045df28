//! The training set: code that is not ours, in every way in which thinfarm is asked to compile.
//!
//! Of large libraries it has every so many-th file, which is a sample of all that is in them. What it lacks is laid
//! out badly: a program that is trained on C alone gains less where it compiles C++.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use thinfarm_corpora::{Corpus, Source, ThinLink, Toolchain, compile, default_jobs, products_dir, thin_link};

/// A thin link, and what a program is to do with it.
pub struct Workload {
    /// Its name, also that of a directory.
    pub name: String,
    /// The modules and indexes.
    pub link: ThinLink,
    /// Codegen options.
    pub flags: Vec<String>,
    /// How.
    pub way: Way,
}

/// How modules become native objects.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// `thinfarm backend`.
    Backend,
    /// `ld.thinfarm`, with its own defaults.
    Linker,
    /// The same, into one object.
    Relocatable,
    /// `thinfarm cc` for a few modules, which is start-up more than anything else.
    Compiler,
}

/// What is compiled.
enum Code {
    /// Every so many-th file of a library.
    EveryNth(usize, Corpus),
    /// So many files with a function each, which calls its neighbour's.
    Tiny(usize),
    /// So many files of `assembly.c`, each of which calls its neighbour's functions.
    Assembly(usize),
}

const AARCH64: &str = "--target=aarch64-linux-gnu";

/// As kernels are compiled.
const KERNEL: &str =
    "-Os -fno-pic -mcmodel=kernel -mno-red-zone -fstack-protector-strong -fno-asynchronous-unwind-tables";

/// The set. One directory of modules for each.
const SET: [(&str, Code, &str, &[Way]); 10] = [
    ("zstd", Code::EveryNth(2, Corpus::Zstd), "-O2 -fPIC", &[Way::Backend]),
    ("zstd-aarch64", Code::EveryNth(3, Corpus::Zstd), "-O2 -fPIC", &[Way::Backend]),
    ("lua-small", Code::EveryNth(1, Corpus::Lua), "-Os -fno-pic -ffunction-sections", &[Way::Backend]),
    ("lua-debug", Code::EveryNth(1, Corpus::Lua), "-O2 -g -fPIC", &[Way::Linker]),
    ("lua-aarch64", Code::EveryNth(2, Corpus::Lua), "-O3 -g -fPIC", &[Way::Backend]),
    ("rocksdb-debug", Code::EveryNth(10, Corpus::RocksDb), "-O2 -g -fPIC", &[Way::Backend]),
    ("rocksdb", Code::EveryNth(25, Corpus::RocksDb), "-O3 -fPIC", &[Way::Linker]),
    ("zstd-kernel", Code::EveryNth(3, Corpus::Zstd), KERNEL, &[Way::Backend]),
    ("assembly", Code::Assembly(60), KERNEL, &[Way::Backend, Way::Relocatable]),
    ("tiny", Code::Tiny(100), "-O2 -fPIC", &[Way::Backend, Way::Linker, Way::Compiler]),
];

/// Compiles the set to bitcode, where that is not done, and thin-links it.
pub fn prepare(toolchain: &Toolchain) -> Result<Vec<Workload>> {
    let root = products_dir().join("training");
    let mut workloads = Vec::new();
    for (name, code, codegen_flags, ways) in &SET {
        let dir = root.join(name);
        let (files, mut front_end_flags) = code.sources(&dir)?;
        let mut flags: Vec<String> = codegen_flags.split(' ').map(str::to_owned).collect();
        if name.ends_with("aarch64") {
            flags.push(AARCH64.to_owned());
            front_end_flags.extend(headers_for_aarch64(&root)?);
        }
        let all_flags = [front_end_flags, flags.clone()].concat();
        let objects = compile(toolchain, &files, &all_flags, &dir, default_jobs())?;
        let link = thin_link(toolchain, &dir, &objects, &["-shared"])?;
        workloads.extend(ways.iter().map(|&way| Workload {
            name: format!("{name}-{way:?}"),
            link: link.clone(),
            flags: flags.clone(),
            way,
        }));
    }
    Ok(workloads)
}

impl Code {
    /// The files, and the flags they need.
    fn sources(&self, dir: &Path) -> Result<(Vec<Source>, Vec<String>)> {
        match self {
            Code::EveryNth(n, corpus) => {
                let sources = corpus.sources()?;
                Ok((sources.files.into_iter().step_by(*n).collect(), sources.flags))
            }
            Code::Tiny(count) => Ok((tiny(*count, dir)?, Vec::new())),
            Code::Assembly(count) => {
                Ok((assembly(*count, dir)?, vec!["--target=x86_64-linux-gnu".to_owned()]))
            }
        }
    }
}

fn tiny(count: usize, dir: &Path) -> Result<Vec<Source>> {
    generate(dir, "tiny", count, |number| {
        let neighbour = (number + 1) % count;
        format!(
            "int tiny{neighbour}(int x);\n\
             int tiny{number}(int x) {{ return x > {number} ? tiny{neighbour}(x / 2) : x; }}\n"
        )
    })
}

fn assembly(count: usize, dir: &Path) -> Result<Vec<Source>> {
    generate(dir, "assembly", count, |number| {
        let neighbour = (number + 1) % count;
        let template = include_str!("assembly.c");
        template.replace("_NEXT", &neighbour.to_string()).replace("_THIS", &number.to_string())
    })
}

/// Writes `count` files below `dir`, where they are not as `text` says.
fn generate(dir: &Path, name: &str, count: usize, text: impl Fn(usize) -> String) -> Result<Vec<Source>> {
    let dir = dir.join("sources");
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let generate = |number| {
        let (file, text) = (Source::new(&dir, format!("{name}{number}.c")), text(number));
        if fs::read(&file.path).ok().as_deref() != Some(text.as_bytes()) {
            fs::write(&file.path, text).with_context(|| format!("cannot write {}", file.path.display()))?;
        }
        Ok(file)
    };
    (0..count).map(generate).collect()
}

/// Flags by which this machine's C headers serve AArch64: enough of them to compile, and nothing here is linked or run.
fn headers_for_aarch64(root: &Path) -> Result<Vec<String>> {
    let headers = root.join("include");
    let stubs = headers.join("gnu/stubs.h");
    fs::create_dir_all(headers.join("gnu"))
        .with_context(|| format!("cannot create {}", headers.display()))?;
    // The C library's says that another one is not installed.
    fs::write(&stubs, "").with_context(|| format!("cannot write {}", stubs.display()))?;
    let ours = format!("/usr/include/{}-linux-gnu", env::consts::ARCH);
    let flags = ["-isystem", &headers.to_string_lossy(), "-isystem", &ours].map(str::to_owned);
    // Its headers for threads are for one architecture only.
    Ok(flags.into_iter().chain(["-UZSTD_MULTITHREAD".to_owned()]).collect())
}
