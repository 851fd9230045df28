//! Many links at once: eight `thinfarm backend` that share the machine, the same eight one after another, and
//! all at once with nothing shared.
//!
//! Sharing is worth its name if the first way takes no longer than the second, and no more memory than its
//! budget. `cargo bench --bench many_links` measures zstd; `cargo bench --bench many_links -- --help` tells what
//! else can be asked for. `THINFARM` names another binary to measure. The table goes to standard output,
//! progress to standard error.

mod memory;

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use thinfarm_corpora::{Corpus, Toolchain, compile, default_jobs, products_dir, thin_link};
use wait4::Wait4;

/// Measures several thinfarm processes at once.
#[derive(Parser)]
#[command(name = "many_links")]
struct Arguments {
    /// The library to link.
    #[arg(default_value = "zstd")]
    corpus: Corpus,
    /// How many links there are.
    #[arg(long, value_name = "N", default_value = "8")]
    links: NonZeroUsize,
    /// Compile only so many modules of the library in each link.
    #[arg(long, value_name = "N")]
    modules: Option<usize>,
    /// The memory budget of all links together, as `thinfarm backend --memory-limit` takes it.
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// What cargo tells every benchmark.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

/// What is linked.
struct Subject {
    thinfarm: PathBuf,
    dir: PathBuf,
    modules: Vec<PathBuf>,
    flags: Vec<String>,
}

/// What one way cost.
struct Cost {
    wall_seconds: f64,
    cpu_seconds: f64,
    /// The most memory of all processes at any one time.
    peak_bytes: u64,
}

/// How often memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let subject = Subject::build(arguments)?;
    let links = arguments.links.get();
    let share = subject.dir.join("share");
    let mut shared = vec!["--machine-share".to_owned(), share.display().to_string()];
    if let Some(limit) = &arguments.memory_limit {
        shared.extend(["--memory-limit".to_owned(), limit.clone()]);
    }
    let unshared = ["--machine-share".to_owned(), "off".to_owned()];
    let ways: [(&str, usize, &[String]); 3] = [
        ("one after another", 1, &unshared),
        ("at once, sharing the machine", links, &shared),
        ("at once, each for itself", links, &unshared),
    ];
    println!(
        "{links} links of {} modules of {}, {} cores\n",
        subject.modules.len(),
        arguments.corpus,
        default_jobs()
    );
    println!(
        "| {:<28} |  wall s |   CPU s | peak MiB |\n|{}|--------:|--------:|---------:|",
        "",
        "-".repeat(30)
    );
    for (name, at_once, options) in ways {
        eprintln!("{name}");
        let cost = subject.measure(links, at_once, options)?;
        println!(
            "| {name:<28} | {:7.1} | {:7.1} | {:8} |",
            cost.wall_seconds,
            cost.cpu_seconds,
            cost.peak_bytes >> 20
        );
    }
    Ok(())
}

impl Subject {
    fn build(arguments: &Arguments) -> Result<Subject> {
        let toolchain = Toolchain::find()?;
        let thinfarm = env::var_os("THINFARM").unwrap_or_else(|| env!("CARGO_BIN_EXE_thinfarm").into());
        let corpus = arguments.corpus;
        let sources = corpus.sources()?;
        let flags: Vec<String> = corpus.usual_flags().iter().map(|flag| flag.to_string()).collect();
        let dir = products_dir().join(corpus.name());
        eprintln!("{corpus}: front ends and thin link, where something changed");
        let front_end = [sources.flags, flags.clone()].concat();
        let objects = compile(&toolchain, &sources.files, &front_end, &dir, default_jobs())?;
        let mut modules = thin_link(&toolchain, &dir, &objects, &["-shared"])?.modules;
        modules.truncate(arguments.modules.unwrap_or(usize::MAX));
        Ok(Subject { thinfarm: std::path::absolute(thinfarm)?, dir, modules, flags })
    }

    /// Runs `links` links, `at_once` of them at a time.
    fn measure(&self, links: usize, at_once: usize, options: &[String]) -> Result<Cost> {
        let outputs = self.dir.join("many-links");
        let start = Instant::now();
        let (mut cpu_seconds, mut peak_bytes) = (0.0, 0);
        for first in (0..links).step_by(at_once) {
            let numbers = first..links.min(first + at_once);
            let children: Vec<Child> =
                numbers.clone().map(|number| self.start(&outputs, number, options)).collect::<Result<_>>()?;
            let processes: Vec<u32> = children.iter().map(Child::id).collect();
            let have_ended = AtomicBool::new(false);
            let (cpu, peak) = thread::scope(|scope| {
                let sampler = scope.spawn(|| {
                    let mut peak = 0;
                    while !have_ended.load(Ordering::Relaxed) {
                        peak = peak.max(processes.iter().map(|&process| memory::of_process(process)).sum());
                        thread::sleep(SAMPLE_EVERY);
                    }
                    peak
                });
                let cpu = children.into_iter().map(wait).sum::<Result<f64>>();
                have_ended.store(true, Ordering::Relaxed);
                (cpu, sampler.join().expect("sampling does not panic"))
            });
            cpu_seconds += cpu?;
            peak_bytes = peak_bytes.max(peak);
        }
        let wall_seconds = start.elapsed().as_secs_f64();
        fs::remove_dir_all(&outputs).with_context(|| format!("cannot remove {}", outputs.display()))?;
        Ok(Cost { wall_seconds, cpu_seconds, peak_bytes })
    }

    fn start(&self, outputs: &Path, number: usize, options: &[String]) -> Result<Child> {
        let mut command = Command::new(&self.thinfarm);
        command.current_dir(&self.dir).stdin(Stdio::null()).stderr(Stdio::null());
        command.env_remove("MAKEFLAGS").arg("backend").args(options);
        command.arg("--out-dir").arg(outputs.join(number.to_string())).args(&self.modules);
        command.arg("--").args(&self.flags);
        command.spawn().with_context(|| format!("cannot run {}", self.thinfarm.display()))
    }
}

/// CPU seconds of a process that has ended well.
fn wait(child: Child) -> Result<f64> {
    let ended = child.wait4().context("cannot wait for thinfarm")?;
    if !ended.status.success() {
        bail!("thinfarm: {}", ended.status);
    }
    Ok((ended.rusage.utime + ended.rusage.stime).as_secs_f64())
}
