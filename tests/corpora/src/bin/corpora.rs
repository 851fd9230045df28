//! `corpora`: makes the inputs of a ThinLTO backend from a corpus, for benchmarks and for trying things by
//! hand.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use thinfarm_corpora::{Corpus, Toolchain, compile, default_jobs, products_dir, thin_link};

/// Foreign libraries as ThinLTO links.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Names the corpora and how many modules each has.
    List,
    /// Compiles a corpus to bitcode and thin-links it as a shared library.
    Build {
        /// One of those that `list` names.
        corpus: Corpus,
        /// Where to put modules, indexes and list [default: target/corpora/CORPUS].
        #[arg(long)]
        out: Option<PathBuf>,
        /// How many front ends run at once [default: the cores this process may use].
        #[arg(short, long)]
        jobs: Option<usize>,
        /// Codegen flags instead of the corpus's usual ones; everything that follows is taken.
        #[arg(long, num_args = 0.., allow_hyphen_values = true)]
        flags: Option<Vec<String>>,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::List => list(),
        Command::Build { corpus, out, jobs, flags } => {
            build(corpus, out, jobs.unwrap_or_else(default_jobs), flags)
        }
    }
}

fn list() -> Result<()> {
    for corpus in Corpus::ALL {
        let sources = corpus.sources()?;
        println!("{corpus:8} {:4} modules  {}", sources.files.len(), corpus.usual_flags().join(" "));
    }
    Ok(())
}

fn build(
    corpus: Corpus,
    out: Option<PathBuf>,
    jobs: usize,
    codegen_flags: Option<Vec<String>>,
) -> Result<()> {
    let start = Instant::now();
    let toolchain = Toolchain::find()?;
    let dir = out.unwrap_or_else(|| products_dir().join(corpus.name()));
    let dir = std::path::absolute(&dir).with_context(|| format!("bad path {}", dir.display()))?;

    let sources = corpus.sources()?;
    let codegen_flags = codegen_flags.unwrap_or_else(|| {
        let usual = corpus.usual_flags().iter();
        usual.map(|&flag| flag.to_owned()).collect()
    });
    let flags = [sources.flags, codegen_flags].concat();
    let objects = compile(&toolchain, &sources.files, &flags, &dir, jobs)?;
    let link = thin_link(&toolchain, &dir, &objects, &["-shared"])?;
    println!(
        "{} modules with their indexes, named by {}, in {:.1} s",
        link.modules.len(),
        link.list.display(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
