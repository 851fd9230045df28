//! Foreign programs as ThinLTO links.
//!
//! thinfarm is only worth something on code that nobody wrote for it, so its tests, its benchmarks and its
//! demo compile what people ship: zstd, Lua, SQLite and RocksDB, from the crates that bundle their
//! sources. Nothing of them is copied into the repository: `sources/Cargo.toml` pins the crates, cargo
//! downloads and checks them, and this crate takes them as far as a backend needs:
//!
//! 1. [`Corpus::sources`] says which files, with which flags, make up the library;
//! 2. [`compile`] runs clang's front ends and leaves one bitcode module per file;
//! 3. [`thin_link`] lets lld write the list and the indexes, which are thinfarm's input;
//! 4. [`final_link`] lets lld link the native objects that the backends made.
//!
//! This crate links no LLVM: it runs the tools of LLVM 22 that [`Toolchain::find`] finds.
//!
//! ```no_run
//! use thinfarm_corpora::{Corpus, Toolchain, compile, products_dir, thin_link};
//!
//! # fn main() -> anyhow::Result<()> {
//! let toolchain = Toolchain::find()?;
//! let sources = Corpus::Zstd.sources()?;
//! let mut flags = sources.flags.clone();
//! flags.push("-O2".to_owned());
//! flags.push("-fPIC".to_owned());
//! let dir = products_dir().join("zstd-O2");
//! let objects = compile(&toolchain, &sources.files, &flags, &dir, 2)?;
//! let link = thin_link(&toolchain, &dir, &objects, &["-shared"])?;
//! println!("{} modules in {}", link.modules.len(), link.list.display());
//! # Ok(())
//! # }
//! ```

mod corpus;
mod front_end;
mod invocation;
mod link;
mod packages;
pub mod source_package;
mod tiny;
mod toolchain;

use std::env;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Result, ensure};

pub use corpus::{Corpus, Sources, rocksdb_program, rocksdb_tool, zstd_program};
pub use front_end::{Language, Source, compile, front_end};
pub use invocation::Invocation;
pub use link::{ThinLink, final_link, thin_link};
pub use toolchain::Toolchain;

/// The directory cargo builds the workspace in: `CARGO_TARGET_DIR`, or `target` beside the root manifest.
pub fn target_dir() -> PathBuf {
    // tests/corpora/ lies two levels below the workspace's root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().unwrap_or(root);
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}

/// Where what is built from the corpora goes: `corpora` in the workspace's target directory.
pub fn products_dir() -> PathBuf {
    target_dir().join("corpora")
}

/// How many front ends to run at once when nobody says otherwise: the cores this process may use.
pub fn default_jobs() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// `$THINFARM`, or what `cargo build --release` made.
///
/// # Errors
/// There is no such program.
pub fn thinfarm_program() -> Result<PathBuf> {
    let thinfarm = match env::var_os("THINFARM") {
        Some(path) => std::path::absolute(path)?,
        None => target_dir().join("release/thinfarm"),
    };
    ensure!(
        thinfarm.is_file(),
        "there is no {}; run `cargo build --release`, or set THINFARM to the program",
        thinfarm.display()
    );
    Ok(thinfarm)
}

/// Takes the variables away by which a `make` above the tests would tell of itself and whoever runs them of a
/// cache, and lets what runs in `command` share the machine with nobody.
pub fn alone(command: &mut Command) {
    let makes = ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", "MAKELEVEL"];
    let ours = ["THINFARM_MEMORY_LIMIT", "THINFARM_CACHE_DIR", "THINFARM_CACHE_POLICY", "THINFARM_NO_CACHE"];
    for variable in makes.into_iter().chain(ours) {
        command.env_remove(variable);
    }
    command.env("THINFARM_MACHINE_SHARE", "off");
}
