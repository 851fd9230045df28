//! The pruning of cache directories, as LLVM does it for lld's `--thinlto-cache-dir`.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

use crate::bridge::ffi;
use crate::process::initialize;

/// What a cache may keep and how often it is looked through, in the words of lld's
/// `--thinlto-cache-policy=`, for example `prune_after=24h:cache_size=10%`. What it does not say is as LLVM
/// has it: looked through every 20 minutes, a week since the last use, 75 % of the free disk, a million files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CachePruningPolicy(String);

impl CachePruningPolicy {
    /// The same, without waiting for an interval that is not this policy's own.
    pub fn at_once(&self) -> Self {
        // Of two values for a key the later one counts.
        Self(format!("prune_interval=0s:{self}"))
    }
}

/// A text that is no policy; why, in LLVM's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicyError(String);

impl fmt::Display for CachePolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CachePolicyError {}

impl FromStr for CachePruningPolicy {
    type Err = CachePolicyError;

    fn from_str(text: &str) -> Result<Self, CachePolicyError> {
        let complaint = ffi::check_pruning_policy(text);
        if complaint.is_empty() { Ok(Self(text.to_owned())) } else { Err(CachePolicyError(complaint)) }
    }
}

impl fmt::Display for CachePruningPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Removes the files of a cache that are too old or too many, those first that were not used for longest, and
/// tells whether it was time to look. Only files named `llvmcache-*` and `Thin-*` are removed; the access
/// time of a file is that of its last use. `llvmcache.timestamp` says when somebody looked.
///
/// # Errors
/// The disk cannot be asked for its size.
pub fn prune_cache(directory: &Path, policy: &CachePruningPolicy) -> Result<bool, String> {
    // The guard needs it.
    initialize();
    let mut pruned = false;
    let complaint = ffi::prune_cache(directory.as_os_str().as_bytes(), &policy.0, &mut pruned);
    if complaint.is_empty() { Ok(pruned) } else { Err(complaint) }
}
