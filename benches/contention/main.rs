//! What jobs contend for: locks, and the kernel's lock of the process's memory, counted per job.
//!
//! A count does not depend on how busy the machine is or how many cores it has, and what two cores do not notice
//! stops sixty-four. `locks.c` counts the calls, preloaded; what a process costs before its first job is taken
//! off. `cargo bench --bench contention` measures the tiny modules and zstd; `THINFARM` names another binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Parser;
use thinfarm_corpora::{
    Corpus, ThinLink, Toolchain, compile, default_jobs, products_dir, thin_link, thinfarm_program,
};

/// Counts what the jobs of thinfarm share.
#[derive(Parser)]
#[command(name = "contention")]
struct Arguments {
    /// The libraries to compile.
    #[arg(default_values = ["tiny", "zstd"])]
    corpora: Vec<Corpus>,
    /// Jobs at a time.
    #[arg(short, long, default_value = "2")]
    jobs: usize,
    /// What cargo tells every benchmark.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

/// What a run of thinfarm did, by name.
type Counts = Vec<(String, f64)>;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let toolchain = Toolchain::find()?;
    let counter = counter(&toolchain)?;
    for corpus in arguments.corpora {
        let link = link(&toolchain, corpus)?;
        let first = counts(&counter, &link, &link.modules[..1], corpus, arguments.jobs)?;
        let all = counts(&counter, &link, &link.modules, corpus, arguments.jobs)?;
        println!("{corpus}, {} jobs, per job:", link.modules.len());
        for ((name, all), (_, first)) in all.iter().zip(&first) {
            println!("  {:10.1} {name}", (all - first) / (link.modules.len() - 1) as f64);
        }
    }
    Ok(())
}

/// The library that is preloaded.
fn counter(toolchain: &Toolchain) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/contention/locks.c");
    let library = products_dir().join("contention-locks.so");
    fs::create_dir_all(products_dir())?;
    let status = Command::new(&toolchain.clang)
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .context("cannot run clang")?;
    if !status.success() {
        bail!("clang cannot compile {}", source.display());
    }
    Ok(library)
}

fn link(toolchain: &Toolchain, corpus: Corpus) -> Result<ThinLink> {
    let sources = corpus.sources()?;
    let flags = [sources.flags, usual_flags(corpus)].concat();
    let dir = products_dir().join(corpus.name());
    let objects = compile(toolchain, &sources.files, &flags, &dir, default_jobs())?;
    thin_link(toolchain, &dir, &objects, &["-shared"])
}

fn usual_flags(corpus: Corpus) -> Vec<String> {
    corpus.usual_flags().iter().map(|&flag| flag.to_owned()).collect()
}

/// Compiles some modules of a link.
fn counts(
    counter: &Path,
    link: &ThinLink,
    modules: &[PathBuf],
    corpus: Corpus,
    jobs: usize,
) -> Result<Counts> {
    let (list, report) = (link.dir.join("contention.list"), link.dir.join("contention.counts"));
    let lines: Vec<String> = modules.iter().map(|module| format!("{}\n", module.display())).collect();
    fs::write(&list, lines.concat())?;
    let status = Command::new(thinfarm_program()?)
        .current_dir(&link.dir)
        .args(["backend", "--machine-share=off", "--out-dir=contention", "--list"])
        .arg(&list)
        .arg(format!("-j{jobs}"))
        .arg("--")
        .args(usual_flags(corpus))
        .env("LD_PRELOAD", counter)
        .env("THINFARM_LOCKS", &report)
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("thinfarm backend --list {} failed in {}", list.display(), link.dir.display());
    }
    let mut counts = Counts::new();
    let text = fs::read_to_string(&report).with_context(|| format!("there is no {}", report.display()))?;
    for line in text.lines() {
        let (count, name) = line.split_once(' ').context("a line of counts has a number and a name")?;
        counts.push((name.to_owned(), count.parse()?));
    }
    Ok(counts)
}
