//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use thinfarm_corpora::{Corpus, default_jobs};

/// Measures thinfarm, ld.lld and clang at running the ThinLTO backends of one link.
#[derive(Parser)]
#[command(name = "backends")]
pub struct Arguments {
    /// The libraries to link [default: zstd rocksdb].
    corpora: Vec<Corpus>,
    /// How often each way is measured; medians are printed.
    #[arg(long, value_name = "N", default_value = "3")]
    pub runs: NonZeroUsize,
    /// Backends to run at once [default: the cores this process may use].
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Write everything that was measured to FILE.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// What cargo tells every benchmark.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

impl Arguments {
    /// What to link.
    pub fn corpora(&self) -> &[Corpus] {
        if self.corpora.is_empty() { &[Corpus::Zstd, Corpus::RocksDb] } else { &self.corpora }
    }

    /// How many backends run at once.
    pub fn jobs(&self) -> usize {
        self.jobs.map_or_else(default_jobs, NonZeroUsize::get)
    }
}
