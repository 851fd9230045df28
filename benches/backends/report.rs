//! What is printed, and what is written for programs to read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cost::Cost;
use crate::identity::Identity;
use crate::machine::Machine;
use crate::round::Round;
use crate::subject::Subject;
use crate::table::{self, Spread};

/// The version of the JSON report: it grows by one when a field changes its meaning or goes.
const FORMAT: u32 = 1;

/// Everything that was measured.
#[derive(Serialize)]
pub struct Report {
    format: u32,
    machine: Machine,
    corpora: Vec<CorpusReport>,
}

/// What was measured of one corpus.
#[derive(Serialize)]
pub struct CorpusReport {
    corpus: &'static str,
    modules: usize,
    flags: Vec<String>,
    jobs: usize,
    identical: Identity,
    rounds: Vec<Round>,
}

/// A line of the table: what one way cost in each round, and what lld's way of the same cost.
struct Way {
    name: &'static str,
    costs: Vec<Cost>,
    of_lld: Option<Vec<Cost>>,
}

impl Report {
    /// What was measured on `machine`.
    pub fn new(machine: Machine, corpora: Vec<CorpusReport>) -> Report {
        Report { format: FORMAT, machine, corpora }
    }

    /// Writes it to `path`, as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).expect("the report is plain data");
        fs::write(path, json + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

impl CorpusReport {
    /// What `rounds` measured of `subject`.
    pub fn new(subject: &Subject, identical: Identity, rounds: Vec<Round>) -> CorpusReport {
        CorpusReport {
            corpus: subject.corpus.name(),
            modules: subject.modules.len(),
            flags: subject.flags.clone(),
            jobs: subject.jobs,
            identical,
            rounds,
        }
    }

    /// Heading, table and what a reader must know to judge it.
    pub fn table(&self, machine: &Machine) -> String {
        let Machine { thinfarm, llvm, cpu, cores } = machine;
        let Identity { objects, thinfarm_and_clang, thinfarm_and_lld } = self.identical;
        let header = ["", "CPU s", "wall s", "peak MiB", "CPU : lld", "wall : lld"].map(str::to_owned);
        let rows = self.ways().iter().map(|way| self.row(way)).collect();
        format!(
            "{corpus}: {modules} modules, {flags}, -j{jobs}, runs: {runs}; \
             thinfarm {thinfarm}, LLVM {llvm}, {cpu}, {cores} cores\n\n\
             {table}\n\
             Objects: thinfarm's {thinfarm_and_clang} identical of {objects} to clang's, \
             {thinfarm_and_lld} of {objects} to lld's.\n\
             Medians, with the least and the most of the runs; ratios are of one run. CPU is user and \
             system time.\n\
             lld cannot run backends alone: for it, they are its link less the thin link and the native \
             link.\n\
             clang's peak is {processes} times its largest process, which its processes together do not \
             exceed.\n",
            corpus = self.corpus,
            modules = self.modules,
            flags = self.flags.join(" "),
            jobs = self.jobs,
            runs = self.rounds.len(),
            table = table::markdown(header, rows),
            processes = self.jobs.min(self.modules),
        )
    }

    fn ways(&self) -> [Way; 8] {
        let each = |cost: &dyn Fn(&Round) -> Cost| self.rounds.iter().map(cost).collect::<Vec<Cost>>();
        let backends = |name, cost: &dyn Fn(&Round) -> Cost| Way {
            name,
            costs: each(cost),
            of_lld: Some(each(&Round::lld_backends)),
        };
        let link = |name, cost: &dyn Fn(&Round) -> Cost| Way {
            name,
            costs: each(cost),
            of_lld: Some(each(&|round| round.lld)),
        };
        let step = |name, cost: &dyn Fn(&Round) -> Cost| Way { name, costs: each(cost), of_lld: None };
        [
            backends("backends: thinfarm, one process", &|round| round.thinfarm),
            backends("backends: clang, a process per module", &|round| round.clang),
            backends("backends: lld, in-process", &Round::lld_backends),
            step("thin link: lld", &|round| round.thin_link),
            step("native link: lld", &|round| round.native_link),
            link("whole link: with thinfarm", &|round| round.link_with(round.thinfarm)),
            link("whole link: with clang", &|round| round.link_with(round.clang)),
            link("whole link: lld alone", &|round| round.lld),
        ]
    }

    fn row(&self, way: &Way) -> [String; 6] {
        let ratio = |of: fn(&Cost) -> f64| match &way.of_lld {
            Some(lld) => {
                Spread::of(way.costs.iter().zip(lld).map(|(cost, lld)| of(cost) / of(lld))).to_string()
            }
            None => String::new(),
        };
        let spread = |of: fn(&Cost) -> f64| Spread::of(way.costs.iter().map(of)).to_string();
        [
            way.name.to_owned(),
            spread(Cost::cpu_seconds),
            spread(|cost| cost.wall_seconds),
            Spread::of(way.costs.iter().map(|cost| mebibytes(cost.peak_bytes))).whole(),
            ratio(Cost::cpu_seconds),
            ratio(|cost| cost.wall_seconds),
        ]
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
