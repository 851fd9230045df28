//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use thinfarm_corpora::{default_jobs, target_dir};

use crate::subject::Corpus;
use crate::way::Way;

/// Measures thinfarm, ld.lld, clang and DTLTO on the same links, and compares what they make.
#[derive(Parser)]
#[command(name = "thinfarm-bench")]
pub struct Arguments {
    /// What to link: zstd, lua, sqlite, rocksdb, tiny or kernel.
    #[arg(long, value_name = "CORPUS", value_delimiter = ',', default_value = "zstd,tiny,rocksdb")]
    corpus: Vec<Corpus>,
    /// What to link besides.
    #[arg(long, value_name = "CORPUS", value_delimiter = ',', env = "BENCH")]
    also: Vec<Corpus>,
    /// The ways to measure, and ld.lld in any case [default: all].
    #[arg(long, value_name = "WAY", value_delimiter = ',')]
    ways: Vec<Way>,
    /// How often each way is measured; medians are told.
    #[arg(long, value_name = "N", default_value = "3")]
    pub runs: NonZeroUsize,
    /// Backends to run at once [default: the cores this process may use].
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Where to write all that was measured; a chart goes beside it [default: target/bench/bench.json].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep what that file has of other corpora, if it is of today, this machine and the same versions of programs.
    #[arg(long)]
    pub again: bool,
    /// Measure nothing: write what FILE says [default: as --json] into BENCHMARKS.md, its summary into README.md, and its
    /// chart to benches/chart.svg.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["corpus", "ways", "jobs", "json", "again"])]
    documents: Option<Option<PathBuf>>,
}

impl Arguments {
    /// What to link, each once.
    pub fn corpora(&self) -> Vec<Corpus> {
        let mut corpora = Vec::new();
        for corpus in self.corpus.iter().chain(&self.also) {
            if !corpora.contains(corpus) {
                corpora.push(*corpus);
            }
        }
        corpora
    }

    /// The ways to measure, in the order of a round.
    pub fn ways(&self) -> Vec<Way> {
        let is_asked_for = |way: &Way| self.ways.is_empty() || *way == Way::Lld || self.ways.contains(way);
        Way::ALL.into_iter().filter(is_asked_for).collect()
    }

    /// How many backends run at once.
    pub fn jobs(&self) -> usize {
        self.jobs.map_or_else(default_jobs, NonZeroUsize::get)
    }

    /// Where the measurements go.
    pub fn json(&self) -> PathBuf {
        self.json.clone().unwrap_or_else(|| target_dir().join("bench/bench.json"))
    }

    /// The report that the documents are to show, if that is all there is to do.
    pub fn documents(&self) -> Option<PathBuf> {
        Some(self.documents.as_ref()?.clone().unwrap_or_else(|| self.json()))
    }
}
