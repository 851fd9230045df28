//! Where results go: files that have their final names when they are whole, and a spool for the objects of a link that
//! have no files of their own.

mod file;
mod spool;

pub use file::{OutputFile, abandon_outputs};
pub(crate) use file::{discard, remove_temporaries};
pub use spool::Spool;
