//! Runs the ThinLTO backends of a link in one process, each file with its own codegen options.
//!
//! Data flows one way: a front door makes a [`plan::Plan`]; [`options`] says how each job is
//! compiled; [`farm::Farm`] compiles them; a [`report::Report`] says what happened.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//! use thinfarm::farm::Farm;
//! use thinfarm::options::Resolver;
//! use thinfarm::plan::{IndexList, Naming, Plan};
//! use thinfarm::toolchain::Tool;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What `ld.lld --thinlto-index-only=thinlto.list …` wrote.
//! let list = IndexList::read(Path::new("thinlto.list"))?;
//! let flags: Arc<[String]> = ["-O2".to_owned(), "-fPIC".to_owned()].into();
//! let mut resolver = Resolver::new(Tool::clang_for_driver());
//!
//! let plan = Plan::for_link(&list, &Naming::default(), &flags, &mut resolver)?;
//! let report = Farm::default().run(&plan)?;
//!
//! for (_, module, job) in report.failed() {
//!     eprintln!("{module}: {}", job.result.as_ref().unwrap_err());
//! }
//! println!("{} objects in {:.1?}", report.objects(), report.wall);
//! # Ok(())
//! # }
//! ```

pub mod backend;
pub mod cli;
pub mod farm;
pub mod input;
pub mod options;
pub mod plan;
pub mod report;
pub mod toolchain;
pub mod verify;
