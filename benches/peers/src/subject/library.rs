//! A shared library of the corpora.
//!
//! All ways get the same work, which needs saying twice: lld gives every function and every datum a section of
//! its own, so the others are told to; clang describes call sites in debug information of optimised code, so lld
//! is told to. With that, even lld's objects are the same byte for byte.

use anyhow::{Context, Result};
use thinfarm_corpora::{Corpus, Language, Toolchain, compile, products_dir, thin_link};

use super::{Change, Link, Options, Subject, middle};
use crate::measure::swap;

/// What lld does to every module, as clang spells it.
const AS_LLD_DOES: [&str; 2] = ["-ffunction-sections", "-fdata-sections"];

/// What clang adds to `-g`, as lld spells it.
const AS_CLANG_DOES: [&str; 2] = ["-mllvm", "-emit-call-site-info"];

/// Compiles `corpus` as it usually is.
pub fn build(corpus: Corpus, toolchain: &Toolchain, jobs: usize) -> Result<Subject> {
    let sources = corpus.sources()?;
    let usual: Vec<String> = corpus.usual_flags().iter().map(|flag| flag.to_string()).collect();
    let front_end_flags = [sources.flags, usual.clone()].concat();
    let dir = products_dir().join(corpus.name());
    swap::restore(&dir)?;
    let objects = compile(toolchain, &sources.files, &front_end_flags, &dir, jobs)?;
    let modules = thin_link(toolchain, &dir, &objects, &["-shared"])?.modules;

    let changed = modules[middle(&modules)].clone();
    let position = objects.iter().position(|object| *object == changed);
    let source = &sources.files[position.context("the thin link lists what was not among its inputs")?];
    let mut front_end = vec![toolchain.compiler(sources.language).display().to_string()];
    front_end.extend(front_end_flags);
    front_end.extend(["-flto=thin", "-c"].map(str::to_owned));
    front_end.push(source.path.display().to_string());

    let language = match sources.language {
        Language::C => "C",
        Language::Cxx => "C++",
    };
    Ok(Subject {
        name: corpus.name(),
        title: format!("{}, {} {language} modules, {}", title(corpus), modules.len(), usual.join(" ")),
        dir,
        link: Link {
            options: vec!["-shared".to_owned()],
            backends: lld_backends(&usual)?,
            bitcode: modules.iter().map(|module| module.display().to_string()).collect(),
            order: modules.clone(),
            libraries: Vec::new(),
        },
        modules,
        options: Options::OfAll([usual, AS_LLD_DOES.map(str::to_owned).into()].concat()),
        change: Change { module: changed, front_end },
    })
}

/// `flags` as far as lld has options for them.
fn lld_backends(flags: &[String]) -> Result<Vec<String>> {
    let level = flags.iter().find_map(|flag| flag.strip_prefix("-O"));
    let level = level.with_context(|| format!("no optimisation level in {}", flags.join(" ")))?;
    let mut options = vec![format!("--lto-O{level}")];
    if flags.iter().any(|flag| flag == "-g") {
        options.extend(AS_CLANG_DOES.map(str::to_owned));
    }
    Ok(options)
}

fn title(corpus: Corpus) -> &'static str {
    match corpus {
        Corpus::Zstd => "zstd",
        Corpus::Lua => "Lua",
        Corpus::Sqlite => "SQLite",
        Corpus::RocksDb => "RocksDB",
        Corpus::Tiny => "One small function each",
    }
}
