//! What our functions in the places of LLVM's do otherwise than these: nothing, or there is a bug. For tests.
//!
//! The originals are there under other names where LLVM is linked statically.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::bridge::ffi::LinkObject;
use crate::mapped::Mapped;

#[cxx::bridge(namespace = "thinfarm")]
mod ffi {
    unsafe extern "C++" {
        include!("llvm-build/cpp/replaced.h");
        include!("llvm-build/src/bridge.rs.h");

        type LinkObject = crate::bridge::ffi::LinkObject;

        fn differences_in_records(bitcode: &[u8], compared: &mut u64, whole: &mut bool) -> Vec<String>;
        fn differences_of_abbreviations(seed: u64, rounds: u64, compared: &mut u64) -> Vec<String>;
        fn differences_of_debug_info(bitcode: &[u8], compared: &mut u64) -> Vec<String>;
        fn differences_of_passes(compared: &mut u64) -> Vec<String>;
        fn differences_of_processors(seed: u64, rounds: u64, compared: &mut u64) -> Vec<String>;
        fn differences_of_asm_registers(seed: u64, rounds: u64, compared: &mut u64) -> Vec<String>;
        fn differences_of_pruning(
            objects: &[LinkObject],
            seed: u64,
            rounds: u64,
            compared: &mut u64,
        ) -> Vec<String>;
        fn differences_of_caching(
            objects: &[LinkObject],
            seed: u64,
            rounds: u64,
            compared: &mut u64,
        ) -> Vec<String>;
    }
}

/// What was compared.
#[derive(Debug, Default)]
pub struct Comparison {
    /// How many answers.
    pub compared: u64,
    /// Where they differ, for people; no more than a few.
    pub differences: Vec<String>,
}

fn compare(compare: impl FnOnce(&mut u64) -> Vec<String>) -> Comparison {
    crate::initialize();
    let mut compared = 0;
    let differences = compare(&mut compared);
    Comparison { compared, differences }
}

/// Reads every record of a bitstream both ways, up to the first that cannot be read. Whether that was all of it.
pub fn records(bitcode: &[u8]) -> (Comparison, bool) {
    let mut whole = false;
    let comparison = compare(|compared| ffi::differences_in_records(bitcode, compared, &mut whole));
    (comparison, whole)
}

/// Reads records both ways from `rounds` streams of random bits with random abbreviations, also such as no writer makes.
pub fn abbreviations(seed: u64, rounds: u64) -> Comparison {
    compare(|compared| ffi::differences_of_abbreviations(seed, rounds, compared))
}

/// Upgrades the debug information of a module both ways, as it is and damaged. It is also to be as it was where nobody
/// upgrades it, since a job trusts what this LLVM wrote.
pub fn debug_info(bitcode: &[u8]) -> Comparison {
    compare(|compared| ffi::differences_of_debug_info(bitcode, compared))
}

/// Looks up every pass both ways.
pub fn passes() -> Comparison {
    compare(ffi::differences_of_passes)
}

/// Asks both ways what processors and features mean, of every target `rounds` times, at random from `seed`.
pub fn processors(seed: u64, rounds: u64) -> Comparison {
    compare(|compared| ffi::differences_of_processors(seed, rounds, compared))
}

/// Asks both ways for registers of inline assembly, of every target `rounds` times, at random from `seed`.
pub fn asm_registers(seed: u64, rounds: u64) -> Comparison {
    compare(|compared| ffi::differences_of_asm_registers(seed, rounds, compared))
}

/// Prunes `rounds` pairs of equal caches, one as lld does here, one by LLVM's function, at random from `seed`. Links of
/// LLVM's own backends and of a farm's that caches in lld's directory or elsewhere. Only one call at a time.
pub fn pruning(seed: u64, rounds: u64) -> Comparison {
    compare(|compared| ffi::differences_of_pruning(&objects(), seed, rounds, compared))
}

/// Puts objects into `rounds` pairs of caches, one that lld gets here, one of LLVM's, and finds them in the other. Only one
/// call at a time.
pub fn caching(seed: u64, rounds: u64) -> Comparison {
    compare(|compared| ffi::differences_of_caching(&objects(), seed, rounds, compared))
}

/// Objects of a link of a dozen tasks, of all sizes.
fn objects() -> Vec<LinkObject> {
    let contents = |task: u32| Box::new(Mapped::from(vec![b'o'; 700 * task as usize].into_boxed_slice()));
    (0..12).map(|task| LinkObject { task, module: format!("{task}.o"), contents: contents(task) }).collect()
}

/// A static library of LLVM or lld and the copy of it that is linked, in which functions make room for ours.
#[derive(Debug)]
pub struct ChangedLibrary {
    /// As it is installed.
    pub original: PathBuf,
    /// What is linked.
    pub copy: PathBuf,
}

/// All libraries that are linked as changed copies. Only where this crate was built.
///
/// # Errors
/// The directory of the build cannot be read.
pub fn changed_libraries() -> io::Result<Vec<ChangedLibrary>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(env!("OUT_DIR"))? {
        let copy = entry?.path();
        let name = copy.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(name) = name.strip_prefix("libthinfarm-").filter(|name| name.ends_with(".a")) {
            let original = Path::new(env!("THINFARM_LLVM_LIBDIR")).join(format!("lib{name}"));
            found.extend((copy != bridge_library()).then_some(ChangedLibrary { original, copy }));
        }
    }
    Ok(found)
}

/// The static library of this crate's C++, which has our functions. Only where this crate was built.
pub fn bridge_library() -> PathBuf {
    Path::new(env!("OUT_DIR")).join("libthinfarm-bridge.a")
}
