//! How to compile: clang command lines as [`CodegenOptions`], and where each value came from.
//!
//! This is the only place that knows that compiler flags exist. It does not know what they mean:
//! clang's own driver and cc1 parser, linked into this process, say that.

mod affected;
mod command;
mod commands;
mod file_options;
mod frame;
mod include_directories;
mod link_line;
mod link_terms;
mod origin;
mod resolver;
mod source;
mod sources;
mod words;

pub use crate::config::{MissingOptions, SourceName, SourceNameError};
pub use affected::{Affected, MissingInput, Unusable, UnusableOptions};
pub use command::CompileCommand;
pub use file_options::FileOptions;
pub use frame::Frame;
pub(crate) use link_line::LinkLine;
pub(crate) use link_terms::{LinkTerms, Wish, fields_that_differ};
pub use link_terms::{Settled, Tally};
pub use llvm_build::{CodegenOptions, CommandError, JobFiles, MissingFile};
pub use origin::{Explained, Origin, explain};
pub use resolver::Resolver;
pub use source::SourceError;
pub use sources::{Provenance, Sources};
