//! What LLVM keeps once per process.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use inkwell::targets::Target;

use crate::bridge::ffi;

/// The file that this process was started from, as whoever started it named it. It has nothing to do with LLVM; it is
/// here because asking the kernel for it is `unsafe`. Unlike `/proc/self/exe` it is there in every sandbox, and unlike
/// the first argument it is a path.
pub fn executed_path() -> PathBuf {
    // SAFETY: `getauxval` only reads what the kernel left for the process.
    let name = unsafe { nix::libc::getauxval(nix::libc::AT_EXECFN) } as *const c_char;
    if name.is_null() {
        return PathBuf::new();
    }
    // SAFETY: the kernel has put a string there that ends, above the stack, where it stays for good.
    let name = unsafe { CStr::from_ptr(name) };
    PathBuf::from(OsStr::from_bytes(name.to_bytes()))
}

/// The LLVM release this crate binds.
pub const LLVM_MAJOR: u32 = 22;

/// Registers every target of the linked LLVM, and has its fatal errors end the call instead of the process. Idempotent,
/// cheap after the first call; every entry point of this crate that needs it calls it.
pub fn initialize() {
    ffi::initialize();
}

/// Applies options given to clang after `-mllvm`. LLVM keeps them for the whole process, so this
/// must happen before any job runs and cannot be undone.
///
/// # Errors
/// LLVM's own complaint about an unknown option or a wrong value.
pub fn set_llvm_args(args: &[String]) -> Result<(), String> {
    let complaint = ffi::set_llvm_args(args);
    if complaint.is_empty() { Ok(()) } else { Err(complaint) }
}

/// Gives every option of LLVM its default again, as lld does before it reads its own. No job may run meanwhile.
pub fn reset_llvm_args() {
    ffi::reset_llvm_args();
}

/// The first of options given to clang after `-mllvm` that LLVM has none of that name for. Nothing is applied.
pub fn unknown_llvm_arg(args: &[String]) -> Option<String> {
    initialize();
    Some(ffi::unknown_llvm_arg(args)).filter(|arg| !arg.is_empty())
}

/// The linked LLVM's version: major, minor, patch.
pub fn llvm_version() -> (u32, u32, u32) {
    inkwell::support::get_llvm_version()
}

/// The linked clang's full version line.
pub fn clang_version() -> String {
    ffi::clang_version()
}

/// The version of the LLVM found when this crate was built, for example `22.1.8`.
pub fn build_version() -> &'static str {
    env!("THINFARM_LLVM_VERSION")
}

/// The directory of programs of the LLVM found when this crate was built.
pub fn build_bindir() -> &'static Path {
    Path::new(env!("THINFARM_LLVM_BINDIR"))
}

/// As [`build_bindir`].
pub(crate) fn llvm_programs() -> &'static str {
    env!("THINFARM_LLVM_BINDIR")
}

/// Names of the registered targets, as `clang --print-targets` spells them, sorted.
pub fn targets() -> Vec<String> {
    initialize();
    let mut names: Vec<String> = std::iter::successors(Target::get_first(), |target| target.get_next())
        .map(|target| target.get_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
