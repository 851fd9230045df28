//! Whole libraries: every module of zstd and of RocksDB, compiled as a distribution compiles them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use thinfarm_corpora::{Corpus, compile, default_jobs, products_dir, thin_link};

use crate::modules::corpus;
use crate::run::{Subject, Suite};

/// All of `library` as a shared library, with the flags it is usually compiled with.
pub fn whole(suite: &Suite, library: Corpus) -> Result<Subject> {
    let sources = corpus(library)?;
    let usual = library.usual_flags();
    let flags: Vec<&str> = sources.flags.iter().map(String::as_str).chain(usual.iter().copied()).collect();
    let dir: PathBuf = products_dir().join("parity").join(format!("whole-{library}"));
    let objects = compile(&suite.toolchain, &sources.files, &flags, &dir, default_jobs())?;
    let link = thin_link(&suite.toolchain, &dir, &objects, &["-shared", "-o", "unused"])?;
    ensure!(
        link.modules.len() == sources.files.len(),
        "the list names {} modules of {}",
        link.modules.len(),
        sources.files.len()
    );
    Ok(Subject::new(link, usual))
}
