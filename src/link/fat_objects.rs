//! Bitcode that a link does not use: FatLTO objects without `--fat-lto-objects`.
//!
//! clang passes that option only to a linker that it knows as lld. Through any other name such objects link as native
//! code, without LTO, and nothing goes wrong but the speed of the program.

use llvm_build::{first_fat_object, has_run_lto};

use super::Arguments;

/// The first object with bitcode that the link of `args`, which has ended, took for its machine code although the rest of
/// it is LTO, by lld's name for it.
#[doc(hidden)]
pub fn unused_bitcode(args: &Arguments) -> Option<String> {
    let is_asked = ["fat-lto-objects", "no-fat-lto-objects"].iter().any(|name| args.has(name));
    // The driver of a compiler says such things in LTO only.
    let is_lto = has_run_lto() || args.last_that_begins("plugin-opt").is_some();
    if is_asked || !is_lto {
        return None;
    }
    first_fat_object()
}
