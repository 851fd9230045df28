//! Functions of LLVM give way to ours. Both say the same of whatever they are asked.

use std::env;
use std::fs;

use llvm_build::replaced::{self, Comparison};
use thinfarm_corpora::{Corpus, Toolchain, compile, default_jobs, products_dir};

/// How much `make fuzz` does, times what `make test` does.
fn much() -> u64 {
    env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .map_or(1, |cases: u64| cases / 256 + 1)
}

/// The same where every round makes a few dozen files.
fn rounds_with_files() -> u64 {
    much().div_ceil(8)
}

/// Of another random number each day it is run with more.
fn seed() -> u64 {
    let seed = env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    seed.unwrap_or_else(|| if much() > 1 { fastrand::u64(..) } else { 22 })
}

#[track_caller]
fn agree(Comparison { compared, differences }: Comparison, at_least: u64, seed: u64) {
    assert!(differences.is_empty(), "SEED={seed}: {differences:#?}");
    assert!(compared >= at_least, "only {compared} answers compared");
}

/// The modules of a corpus, with debug information, and of some its index.
fn modules(corpus: Corpus, most: usize) -> Vec<Vec<u8>> {
    let sources = corpus.sources().expect("the sources");
    let toolchain = Toolchain::find().expect("a toolchain");
    let flags: Vec<&str> = sources.flags.iter().map(String::as_str).chain(["-O2", "-g"]).collect();
    let files: Vec<_> = sources.files.into_iter().take(most).collect();
    let directory = products_dir().join("replaced").join(corpus.to_string());
    let objects = compile(&toolchain, &files, &flags, &directory, default_jobs()).expect("objects");
    objects.iter().map(|object| fs::read(directory.join(object)).expect("an object")).collect()
}

fn debug_info_agrees(modules: &[Vec<u8>]) {
    for module in modules {
        agree(replaced::debug_info(module), 3, 0);
    }
}

/// Every module as it is, and `mutants` damaged ones.
fn records_agree(modules: &[Vec<u8>], mutants: u64) {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    for module in modules {
        let (comparison, is_whole) = replaced::records(module);
        assert!(is_whole, "the end was not reached");
        agree(comparison, 100, seed);
    }
    for _ in 0..mutants {
        let mut mutant = modules[random.usize(..modules.len())].clone();
        // Near the beginning abbreviations are defined; all that follows may change its meaning.
        for _ in 0..random.usize(1..4) {
            let end = if random.bool() { mutant.len().min(4096) } else { mutant.len() };
            mutant[random.usize(4..end)] ^= 1 << random.u8(..8);
        }
        mutant.truncate(random.usize(mutant.len() / 2..=mutant.len()));
        agree(replaced::records(&mutant).0, 0, seed);
    }
}

#[test]
fn records_of_bitcode_and_of_what_is_nearly_bitcode() {
    records_agree(&modules(Corpus::Lua, 6), 120 * much());
}

#[test]
fn debug_information() {
    debug_info_agrees(&modules(Corpus::Lua, 6));
}

#[test]
#[ignore = "make fuzz"]
fn any_modules_of_all_corpora() {
    for corpus in Corpus::ALL {
        let modules = modules(corpus, usize::MAX);
        debug_info_agrees(&modules);
        records_agree(&modules, 20 * much());
    }
}

#[test]
fn any_abbreviations() {
    let seed = seed();
    agree(replaced::abbreviations(seed, 20_000 * much()), 10_000, seed);
}

#[test]
fn passes() {
    agree(replaced::passes(), 100, 0);
}

#[test]
fn any_processors_and_features() {
    let seed = seed();
    agree(replaced::processors(seed, 50 * much()), 5000, seed);
}

/// Both have state of a whole link.
#[test]
fn any_caches() {
    let seed = seed();
    agree(replaced::pruning(seed, 100 * rounds_with_files()), 300, seed);
    agree(replaced::caching(seed, 50 * rounds_with_files()), 500, seed);
}

#[test]
fn any_registers_of_inline_assembly() {
    let seed = seed();
    agree(replaced::asm_registers(seed, 200 * much()), 5000, seed);
}
