//! Runs the ThinLTO backends of a link in one process, each file with its own codegen options.
//!
//! Data flows one way: a front door makes a [`plan::Plan`]; [`options`] says how each job is
//! compiled; [`farm::Farm`] compiles them; a [`report::Report`] says what happened.
//!
//! ```
//! use thinfarm::farm::Farm;
//! use thinfarm::options::{Resolver, Sources};
//! use thinfarm::plan::{IndexList, Naming, Plan};
//! use thinfarm::toolchain::Tool;
//!
//! # use std::fs;
//! # use std::process::Command;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # std::env::set_current_dir(&dir)?;
//! # fs::write("half.c", "int half(int x) { return x / 2; }")?;
//! # fs::write("main.c", "int half(int); int main(void) { return half(0); }")?;
//! # for source in ["half", "main"] {
//! #     let (input, output) = (format!("{source}.c"), format!("{source}.o"));
//! #     let args = ["-O2", "-flto=thin", "-c", &input, "-o", &output];
//! #     assert!(Command::new(Tool::Clang.find()?.path).args(args).status()?.success());
//! # }
//! # let args = ["--thinlto-index-only=thinlto.list", "-e", "main", "main.o", "half.o"];
//! # assert!(Command::new(Tool::Lld.find()?.path).args(args).status()?.success());
//! // What to compile: the list that `ld.lld --thinlto-index-only=thinlto.list …` wrote.
//! let list = IndexList::read("thinlto.list".as_ref())?;
//! // How: codegen options for all modules, as clang's command line has them. Each file's own would be
//! // had with `Sources::with`, from compile_commands.json for example.
//! let mut sources = Sources::given(["-O2".to_owned(), "-fPIC".to_owned()]);
//! let mut resolver = Resolver::new(Tool::clang_for_driver());
//! let plan = Plan::for_link(&list, &Naming::default(), &mut sources, &mut resolver)?;
//!
//! let report = Farm::default().run(&plan)?;
//!
//! for (_, module, job) in report.failed() {
//!     eprintln!("{module}: {}", job.result.as_ref().unwrap_err());
//! }
//! assert_eq!(report.objects(), 2);
//! assert!(fs::metadata("main.thinlto-native.o")?.len() > 0);
//! # Ok(())
//! # }
//! ```

mod backend;
pub mod cache;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod config;
#[cfg(test)]
mod error_chains;
pub mod farm;
mod fingerprint;
#[cfg(test)]
mod foreign;
#[doc(hidden)]
pub mod incremental;
mod input;
pub mod link;
mod memo;
pub mod options;
mod output;
mod parallel;
pub mod plan;
mod records;
pub mod report;
pub mod toolchain;
pub mod trust;
#[doc(hidden)]
pub mod verify;

// The file thinfarm.toml is the program's.
#[doc(hidden)]
pub use config::{Config, ConfigError, GlobError, Rule};
pub use llvm_build::contain_crashes;
