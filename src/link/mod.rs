//! Links with lld, in this process, and makes the native objects of its ThinLTO modules.
//!
//! lld does what it always does: it reads its command line, resolves symbols, and runs the thin link. Where it would
//! run LLVM's backends it asks its [`Compiler`], which makes a plan and gives it to a farm, each file with its own
//! options. Then lld goes on with the objects. A link without bitcode is lld and nothing else.

mod arguments;
mod compiler;
mod directory;
mod fat_objects;
mod maker;
mod threads;
mod wishes;

pub use arguments::{Arguments, ResponseFileError};
pub use compiler::{Compiler, LinkEvent, ListenerError, Settings};
pub use directory::Directory;
pub use fat_objects::unused_bitcode;
#[doc(hidden)]
pub use llvm_build::{exit_as_lld, say_as_lld};
pub use maker::{Made, MadeBy, Maker, who_made};
pub use threads::are_scarce;

use std::ffi::OsString;

use llvm_build::link;

use crate::farm::{FarmError, lend_to_lld};
use crate::report::Doing;

/// Links as `ld.lld` does, with the arguments that are lld's. Messages of lld begin with `program`. Whether
/// there is an output; lld, or `compiler`, have said why not.
///
/// lld links once in a process, and ends it after an error that it calls fatal. It sets LLVM's options anew when it
/// begins; runs that others begin wait until it has.
///
/// # Errors
/// Jobs run in this process, or have run with other `-mllvm` options than the link has. lld was not started.
pub fn run(program: &str, args: &Arguments, compiler: &mut Compiler<'_>) -> Result<bool, FarmError> {
    let mut all = vec![OsString::from(program)];
    all.extend_from_slice(&args.lld);
    compiler.lent = Some(lend_to_lld(&args.llvm)?);
    compiler.phases.end(Doing::StartUp);
    let linked = link(&all, !args.keeps_objects(), compiler);
    compiler.phases.end(Doing::FinalLink);
    // Of a link that has asked for no objects.
    compiler.lent = None;
    Ok(linked)
}
