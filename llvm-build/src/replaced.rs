//! What our functions in the places of LLVM's do otherwise than these: nothing, or there is a bug. For tests.
//!
//! The originals are there under other names where LLVM is linked statically.

#[cxx::bridge(namespace = "thinfarm")]
mod ffi {
    unsafe extern "C++" {
        include!("llvm-build/cpp/replaced.h");

        fn differences_in_records(bitcode: &[u8], compared: &mut u64) -> Vec<String>;
        fn differences_of_passes(compared: &mut u64) -> Vec<String>;
        fn differences_of_processors(seed: u64, rounds: u64, compared: &mut u64) -> Vec<String>;
        fn differences_of_asm_registers(seed: u64, rounds: u64, compared: &mut u64) -> Vec<String>;
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

/// Reads every record of a bitstream both ways, up to the first that cannot be read.
pub fn records(bitcode: &[u8]) -> Comparison {
    compare(|compared| ffi::differences_in_records(bitcode, compared))
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
