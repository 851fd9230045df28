//! Native objects that were made before, found again by what they are made of, wherever that is.
//!
//! Before a run's first job, the [`Key`] of every job is made, a hash of everything that decides the bytes of its
//! object, and looked up. What is there is written out; the rest is compiled and kept.
//!
//! The store is a flat directory that several processes and machines share without locks. Every entry is one
//! file with a seal over all of its bytes: it appears whole, by a rename, and what is read is what was
//! written, or it is no hit. Its files are named as those of lld's `--thinlto-cache-dir`, which may be the
//! same directory: each side prunes what both have there, by the same policy and the time of the last use.
//!
//! Whoever can write to the directory decides what goes into a build; the seal is against accidents. So its owner must be
//! one whom the process trusts ([`Trust`]), and not everybody may write to it.

mod directory;
mod entry;
mod lookup;
#[cfg(test)]
mod processes;
mod store;
mod upkeep;

use std::fmt;
use std::path::Path;

use blake3::Hash;

use crate::fingerprint::{Keys, program};
use crate::input::Modules;
use crate::plan::Job;
use crate::trust::Trust;

pub use llvm_build::{CachePolicyError, CachePruningPolicy};

pub use crate::fingerprint::program::BuildError;
pub use crate::fingerprint::{Key, Uncacheable};
pub use entry::Entry;
pub(crate) use lookup::{Fetched, Lookup, Wanted};
pub use store::{Store, StoreError};
pub use upkeep::{Files, Stats, Verified};

/// What a cache had to do with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheUse {
    /// The object is from the cache.
    Hit,
    /// It was not there.
    Miss,
    /// No such object is ever there.
    Uncacheable(Uncacheable),
}

/// A cache of objects, and for whom.
#[derive(Clone, Debug)]
pub struct Cache {
    store: Store,
    /// Of the program that compiles: another one may make other objects.
    build: Hash,
    /// `None` if somebody else prunes it.
    policy: Option<CachePruningPolicy>,
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Its directory cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What this program would keep, no other could trust.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Cache {
    /// The cache in `directory`, for objects that this process and its child workers compile, if its owner is one whom
    /// `trust` has.
    ///
    /// # Errors
    /// There can be none.
    pub fn open(directory: &Path, trust: &Trust) -> Result<Self, CacheError> {
        Ok(Self { build: program::identity()?, store: Store::open(directory, trust)?, policy: None })
    }

    /// The same, which [`Cache::prune`] keeps in order.
    #[must_use]
    pub fn pruned_by(self, policy: CachePruningPolicy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// Removes what is too old or too much, if it is time to look and this is ours to do.
    ///
    /// # Errors
    /// See [`Store::prune`].
    pub fn prune(&self) -> Result<(), StoreError> {
        self.policy.as_ref().map_or(Ok(()), |policy| self.store.prune(policy).map(drop))
    }

    /// The key of the object that `job` makes.
    ///
    /// # Errors
    /// There is none, and the object is never in a cache.
    #[doc(hidden)]
    pub fn key(&self, job: &Job) -> Result<Key, Uncacheable> {
        let modules = Modules::default();
        Keys::new(self.build, &modules, None).of(job).map(|(key, _)| key)
    }

    /// What went wrong with it up to now, though no job failed of it: a line for each kind of problem.
    pub fn problems(&self) -> Vec<String> {
        self.store.problems()
    }

    /// Where the objects are.
    #[doc(hidden)]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl fmt::Display for CacheUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit => f.write_str("from the cache"),
            Self::Miss => f.write_str("not in the cache"),
            Self::Uncacheable(reason) => write!(f, "not cacheable: {reason}"),
        }
    }
}
