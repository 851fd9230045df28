//! Every phase of a link by ld.thinfarm and by ld.lld: what a link does on one core, before its jobs and after them.
//!
//! A link takes its serial part, and the jobs shared out, but at least the longest job. The serial part of either linker
//! is measured, and so are its jobs; what they come to on 16, 64 and 128 cores is computed, by the queue that each has.
//! Times of ld.thinfarm are those of its profile. ld.lld has a time trace for the wall time; the CPU time comes from
//! its clock, which is read all the time. What either takes to write that is left out.

mod link;
mod observed;
mod table;
mod watched;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use thinfarm::farm::{Prediction, Schedule, makespan};
use thinfarm_corpora::Corpus;

use link::{Link, Linker};
use observed::{JOBS, Job, Observed, Time, by_lld, by_thinfarm};
use watched::Watched;

/// Computed for so many cores.
const CORES: [usize; 3] = [16, 64, 128];

/// What is linked, and how often.
#[derive(Args)]
pub struct Arguments {
    /// kernel, a corpus, or native for a link without bitcode.
    #[arg(default_values = ["kernel", "rocksdb", "tiny", "zstd", "native"])]
    links: Vec<String>,
    /// Cold links by each linker.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Links with everything cached.
    #[arg(long, default_value_t = 11)]
    cached_runs: usize,
    /// Links without bitcode.
    #[arg(long, default_value_t = 100)]
    native_runs: usize,
    /// Jobs at a time, of both linkers. With 1, what each job of ld.lld used is exact: beside another, both are taken to
    /// have used the same while they ran.
    #[arg(long, default_value_t = thinfarm_corpora::default_jobs())]
    jobs: usize,
}

/// Prints what [`Arguments`] ask for, and returns the same.
pub fn measure(arguments: &Arguments) -> Result<Value> {
    let mut all = Vec::new();
    for name in &arguments.links {
        all.push(match name.as_str() {
            "native" => native(arguments)?,
            "kernel" => whole(&Link::of_kernel()?, arguments)?,
            corpus => match corpus.parse::<Corpus>() {
                Ok(corpus) => whole(&Link::of_corpus(corpus)?, arguments)?,
                Err(error) => bail!("{error}, kernel, native"),
            },
        });
    }
    Ok(all.into())
}

/// A link with bitcode: cold, then cached.
fn whole(link: &Link, arguments: &Arguments) -> Result<Value> {
    let threads = [format!("--threads={}", arguments.jobs), format!("--thinlto-jobs={}", arguments.jobs)];
    let command = |linker| {
        let mut command = link.command(linker);
        command.args(&threads);
        command
    };
    let (profile, trace) = (link.path("profile.json"), link.path("trace.json"));
    let mut cold = Pairs::default();
    let mut untraced = Vec::new();
    for run in 1..=arguments.runs {
        eprintln!("{}: cold, run {run} of {}", link.name, arguments.runs);
        cold.ours.push(by_thinfarm(&mut command(Linker::Thinfarm), &profile)?);
        cold.theirs.push(by_lld(&mut command(Linker::Lld), &trace, false)?);
        // A trace of every pass takes its time.
        untraced.push(Watched::run(&mut command(Linker::Lld))?.cpu());
    }
    let mut cached = Pairs::default();
    let with_cache = |linker| {
        let mut command = command(linker);
        match linker {
            Linker::Thinfarm => command.env("THINFARM_CACHE_DIR", link.path("cache-of-thinfarm")),
            Linker::Lld => {
                command.arg(format!("--thinlto-cache-dir={}", link.path("cache-of-lld").display()))
            }
        };
        command
    };
    eprintln!("{}: filling the caches", link.name);
    let mut plain = Vec::new();
    for linker in [Linker::Thinfarm, Linker::Lld] {
        if arguments.cached_runs > 0 {
            Watched::run(&mut with_cache(linker))?;
        }
    }
    for run in 1..=arguments.cached_runs {
        eprintln!("{}: cached, run {run} of {}", link.name, arguments.cached_runs);
        cached.ours.push(by_thinfarm(&mut with_cache(Linker::Thinfarm), &profile)?);
        cached.theirs.push(by_lld(&mut with_cache(Linker::Lld), &trace, true)?);
        let time = |linker| {
            let watched = Watched::run(&mut with_cache(linker))?;
            anyhow::Ok(Time { cpu: watched.cpu(), wall: watched.wall() })
        };
        plain.push((time(Linker::Thinfarm)?, time(Linker::Lld)?));
    }

    let mut told = json!({ "link": link.name });
    if !cold.ours.is_empty() {
        println!("\n{}, cold, medians of {} runs, -j{}:\n", link.name, arguments.runs, arguments.jobs);
        told["cold"] = table::phases(&cold);
        told["jobs"] = jobs(&cold, &untraced);
    }
    if !cached.ours.is_empty() {
        println!("\n{}, everything cached, medians of {} runs:\n", link.name, arguments.cached_runs);
        told["cached"] = table::phases(&cached);
        told["cached_whole"] = table::wholes("links as they are, without profile and trace", &plain);
    }
    Ok(told)
}

/// The links by both, taken in turn.
#[derive(Default)]
pub struct Pairs {
    ours: Vec<Observed>,
    theirs: Vec<Observed>,
}

/// Prints what the jobs of `cold` links are, and what the links come to on many cores. The jobs of ld.lld used
/// `untraced` CPU seconds less the serial part where nobody traced them.
fn jobs(cold: &Pairs, untraced: &[f64]) -> Value {
    let ours = settled(&cold.ours);
    let mut theirs = settled(&cold.theirs);
    let serial = |all: &[Observed]| Time {
        cpu: table::median(all.iter().map(|link| link.serial().cpu)),
        wall: table::median(all.iter().map(|link| link.serial().wall)),
    };
    let serials = [serial(&cold.ours), serial(&cold.theirs)];
    let traced: f64 = theirs.iter().map(|job| job.cpu).sum();
    let without_trace = table::median(untraced.iter().copied()) - serials[1].cpu;
    theirs.iter_mut().for_each(|job| job.cpu *= without_trace / traced);

    let sum = |jobs: &[Job]| jobs.iter().map(|job| job.cpu).sum::<f64>();
    let in_phase = table::median(cold.ours.iter().map(|link| link.phase(JOBS).cpu));
    let longest = |jobs: &[Job]| {
        jobs.iter()
            .max_by(|a, b| a.cpu.total_cmp(&b.cpu))
            .map_or((0.0, String::new()), |job| (job.cpu, job.module.clone()))
    };
    println!();
    println!("| jobs            | ld.thinfarm |   ld.lld | ratio |");
    println!("|-----------------|------------:|---------:|------:|");
    let row = |name: &str, ours: f64, theirs: f64| {
        println!("| {name:<15} | {ours:>11.3} | {theirs:>8.3} | {:>5.2} |", ours / theirs);
        json!({ "ld.thinfarm": ours, "ld.lld": theirs })
    };
    let mut told = json!({});
    told["jobs_cpu"] = row("CPU s", in_phase, sum(&theirs));
    told["longest"] = row("longest, CPU s", longest(&ours).0, longest(&theirs).0);
    told["longest_by_name"] = json!([longest(&ours).1, longest(&theirs).1]);
    for cores in CORES {
        let predictions: Vec<Prediction> = ours.iter().map(|job| job.predicted).collect();
        let costs = |jobs: &[Job]| jobs.iter().map(|job| job.cpu).collect::<Vec<f64>>();
        let of_ours = makespan(Schedule::new(&predictions, u64::MAX, cores), &costs(&ours), cores);
        // The largest module first; LLVM's pool takes what comes next in that order.
        let in_order = vec![Prediction { seconds: 0.0, memory: 0 }; theirs.len()];
        let of_theirs = makespan(Schedule::new(&in_order, u64::MAX, cores), &costs(&theirs), cores);
        told[format!("wall_on_{cores}")] =
            row(&format!("wall s on {cores}"), serials[0].wall + of_ours, serials[1].wall + of_theirs);
        told[format!("wall_on_{cores}_by_cpu")] =
            row(" … by CPU s", serials[0].cpu + of_ours, serials[1].cpu + of_theirs);
    }
    println!("\nlongest: {} and {}", longest(&ours).1, longest(&theirs).1);
    told
}

/// The jobs in the order of the first link, each with its median.
fn settled(links: &[Observed]) -> Vec<Job> {
    let Some(first) = links.first() else { return Vec::new() };
    let median = |job: &Job| {
        let same =
            |link: &Observed| link.jobs.iter().find(|other| other.module == job.module).map(|job| job.cpu);
        Job { cpu: table::median(links.iter().filter_map(same)), ..job.clone() }
    };
    first.jobs.iter().map(median).collect()
}

/// A link without bitcode: lld, and what a larger program costs.
fn native(arguments: &Arguments) -> Result<Value> {
    let link = Link::without_bitcode()?;
    let time = |linker| {
        let watched = Watched::run(&mut link.command(linker))?;
        anyhow::Ok(Time { cpu: watched.cpu(), wall: watched.wall() })
    };
    let mut both = Vec::new();
    for _ in 0..arguments.native_runs {
        both.push((time(Linker::Thinfarm)?, time(Linker::Lld)?));
    }
    println!("\nno bitcode at all, medians of {} runs:\n", arguments.native_runs);
    Ok(json!({ "link": link.name, "whole": table::wholes("no bitcode", &both) }))
}
