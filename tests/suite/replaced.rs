//! Functions of LLVM give way to ours. Both say the same of whatever they are asked.

use std::env;
use std::fs;

use llvm_build::Mapped;
use llvm_build::replaced::{self, Comparison};
use thinfarm_corpora::{Corpus, Toolchain, compile, default_jobs, products_dir};

/// How much `make fuzz` does, times what `make test` does.
fn much() -> u64 {
    env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .map_or(1, |cases: u64| cases / 256 + 1)
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

fn records_agree(corpora: &[Corpus], most: usize, mutants: u64) {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    for &corpus in corpora {
        for module in modules(corpus, most) {
            agree(replaced::records(&module), 1000, seed);
            for _ in 0..mutants {
                let mut mutant = module.clone();
                // Near the beginning abbreviations are defined; all that follows may change its meaning.
                for _ in 0..random.usize(1..4) {
                    let end = if random.bool() { mutant.len().min(4096) } else { mutant.len() };
                    mutant[random.usize(4..end)] ^= 1 << random.u8(..8);
                }
                mutant.truncate(random.usize(mutant.len() / 2..=mutant.len()));
                agree(replaced::records(&mutant), 0, seed);
            }
        }
    }
}

#[test]
fn records_of_bitcode_and_of_what_is_nearly_bitcode() {
    records_agree(&[Corpus::Lua], 6, 20 * much());
}

#[test]
#[ignore = "make fuzz"]
fn any_records_of_all_corpora() {
    records_agree(&[Corpus::Lua, Corpus::Zstd, Corpus::RocksDb], usize::MAX, much());
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

#[test]
fn any_registers_of_inline_assembly() {
    let seed = seed();
    agree(replaced::asm_registers(seed, 200 * much()), 5000, seed);
}
