//! Native objects that were made before, found again by what they are made of.
//!
//! The store is a flat directory that several processes and machines share without locks. Every entry is one
//! file with a seal over all of its bytes: it appears whole, by a rename, and what is read is what was
//! written, or it is no hit. Its files are named as those of lld's `--thinlto-cache-dir`, which may be the
//! same directory: each side prunes what both have there, by the same policy and the time of the last use.
//!
//! Whoever can write to the directory decides what goes into a build; the seal is against accidents.

mod directory;
mod entry;
#[cfg(test)]
mod processes;
mod store;
mod upkeep;

use std::fmt;

pub use llvm_build::CachePruningPolicy;

pub use entry::Entry;
pub use store::{Store, StoreError};
pub use upkeep::{Files, Stats, Verified};

/// What an object is made of: everything that decides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(blake3::Hash);

impl Key {
    /// The key that is this hash.
    pub fn new(hash: blake3::Hash) -> Self {
        Self(hash)
    }

    fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
