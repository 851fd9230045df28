//! The arguments that say which cache of objects to use, the same for every subcommand that compiles.

use std::env;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::option_args::SourceArgs;
use super::{print, trust};
use crate::cache::{Cache, CacheError, CachePruningPolicy};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Cache")]
pub(super) struct CacheArgs {
    /// Take objects from the cache in DIR, and keep there those that are compiled. An object is found by its module,
    /// its index and its options, in any build. THINFARM_TRUST=DIR:DIR… names directories of other users that may be
    /// used.
    // An empty variable is no error.
    #[arg(long, value_name = "DIR", env = DIRECTORY, hide_env_values = true, value_hint = ValueHint::DirPath,
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    cache_dir: Option<PathBuf>,
    /// Use no cache, whatever else names one.
    #[arg(long)]
    pub(super) no_cache: bool,
    /// What may stay in the cache after a run, in the syntax of lld's --thinlto-cache-policy, for example
    /// prune_after=48h:cache_size_bytes=5g [default: lld's].
    #[arg(long, value_name = "POLICY", env = POLICY, hide_env_values = true)]
    cache_policy: Option<CachePruningPolicy>,
}

const DIRECTORY: &str = "THINFARM_CACHE_DIR";
const POLICY: &str = "THINFARM_CACHE_POLICY";

impl CacheArgs {
    /// The cache that these name, or the configuration that `sources` find does.
    pub(super) fn open(&self, sources: &SourceArgs) -> Result<Option<Cache>, String> {
        if self.no_cache {
            return Ok(None);
        }
        let config = sources.configuration()?;
        let named = self.cache_dir.clone().filter(|directory| !directory.as_os_str().is_empty());
        let Some(directory) = named.or(config.cache_directory) else { return Ok(None) };
        let policy = self.cache_policy.clone().or(config.cache_policy).unwrap_or_default();
        Ok(open(&directory, policy))
    }
}

/// The cache that variables name, for a command line that has no room for more.
pub(super) fn of_environment() -> Result<Option<Cache>, String> {
    let Some(directory) = env::var_os(DIRECTORY).filter(|directory| !directory.is_empty()) else {
        return Ok(None);
    };
    let policy = match env::var(POLICY) {
        Ok(policy) => policy.parse().map_err(|reason| format!("{POLICY}={policy}: {reason}"))?,
        Err(_) => CachePruningPolicy::default(),
    };
    Ok(open(Path::new(&directory), policy))
}

/// A build goes on without a cache that cannot be had.
fn open(directory: &Path, policy: CachePruningPolicy) -> Option<Cache> {
    match Cache::open(directory, &trust::of_process()) {
        Ok(cache) => Some(cache.pruned_by(policy)),
        Err(error) => {
            unusable(&error);
            None
        }
    }
}

/// Tells why there is no cache.
pub(super) fn unusable(error: &CacheError) {
    print::warning(&format_args!("nothing is cached: {error}"));
}

/// Ends the use of a cache by a run: tells what went wrong with it, and removes what is too much.
pub(super) fn finish(cache: Option<&Cache>) {
    let Some(cache) = cache else { return };
    if let Err(error) = cache.prune() {
        print::warning(&error);
    }
    for problem in cache.problems() {
        print::warning(&problem);
    }
}
