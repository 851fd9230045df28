//! `thinfarm cache`: what is in a cache, and keeping it in order.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use indicatif::{BinaryBytes, HumanDuration};

use super::print::{self, STRONG};
use crate::cache::{CachePruningPolicy, Files, Stats, Store, StoreError};

/// Look at a cache of native objects, and keep it in order.
///
/// The directory may also be that of lld's --thinlto-cache-dir. Then prune and clear remove lld's entries, too, and
/// verify looks at thinfarm's alone. Other files stay.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  thinfarm cache prune --cache-dir ~/.cache/thinfarm --policy prune_after=168h:cache_size_bytes=10g")]
pub(super) struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Stats(ShowStats),
    Prune(Prune),
    Clear(Clear),
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Place {
    /// The cache.
    #[arg(long, value_name = "DIR", env = "THINFARM_CACHE_DIR", hide_env_values = true)]
    cache_dir: PathBuf,
}

/// Show how much is in the cache.
#[derive(Debug, Args)]
struct ShowStats {
    #[command(flatten)]
    place: Place,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Remove what was not used for long and what is too much.
#[derive(Debug, Args)]
struct Prune {
    #[command(flatten)]
    place: Place,
    /// What may stay, in the syntax of lld's --thinlto-cache-policy: prune_after, cache_size, cache_size_bytes,
    /// cache_size_files. Durations end with s, m or h. The defaults are lld's: entries used within a week, 75 % of
    /// the free disk, a million files.
    #[arg(long, value_name = "POLICY", default_value_t, hide_default_value = true)]
    policy: CachePruningPolicy,
}

/// Remove every entry.
#[derive(Debug, Args)]
struct Clear {
    #[command(flatten)]
    place: Place,
}

/// Read every entry and remove those that are damaged.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 if every entry is whole, 1 if one was not.")]
struct Verify {
    #[command(flatten)]
    place: Place,
}

impl Cache {
    pub(super) fn run(&self) -> ExitCode {
        let done = match &self.action {
            Action::Stats(stats) => stats.run(),
            Action::Prune(prune) => prune.run(),
            Action::Clear(clear) => clear.run(),
            Action::Verify(verify) => verify.run(),
        };
        done.unwrap_or_else(|error| print::failure(&error))
    }
}

impl Place {
    fn open(&self) -> Result<Store, StoreError> {
        Store::existing(&self.cache_dir)
    }
}

impl ShowStats {
    fn run(&self) -> Result<ExitCode, StoreError> {
        let store = self.place.open()?;
        let stats = store.stats()?;
        if self.json {
            let json = serde_json::to_string_pretty(&stats).expect("numbers are plain data");
            return Ok(print::answer(&(json + "\n")));
        }
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(text, "{STRONG}{name:11}{STRONG:#} {value}").expect("strings take any text");
        };
        row("cache", store.directory().display().to_string());
        row("entries", words(stats.entries));
        row("oldest use", oldest_use(&stats));
        row("others", format!("{} of lld or another version", words(stats.others)));
        row("temporaries", words(stats.temporaries));
        Ok(print::answer(&text))
    }
}

impl Prune {
    fn run(&self) -> Result<ExitCode, StoreError> {
        let store = self.place.open()?;
        let before = all(&store.stats()?);
        store.prune(&self.policy.at_once())?;
        let after = all(&store.stats()?);
        // Others may add to it at the same time.
        let removed = Files {
            files: before.files.saturating_sub(after.files),
            bytes: before.bytes.saturating_sub(after.bytes),
        };
        Ok(print::answer(&format!("removed {}; {} left\n", words(removed), words(after))))
    }
}

impl Clear {
    fn run(&self) -> Result<ExitCode, StoreError> {
        let removed = self.place.open()?.clear()?;
        Ok(print::answer(&format!("removed {}\n", words(removed))))
    }
}

impl Verify {
    fn run(&self) -> Result<ExitCode, StoreError> {
        let verified = self.place.open()?.verify()?;
        for (path, why) in &verified.damaged {
            print::error(&format_args!("{} was damaged and is removed: {why}", path.display()));
        }
        for (path, why) in &verified.left {
            print::error(&format_args!("{} cannot be used: {why}", path.display()));
        }
        let bad = verified.damaged.len() + verified.left.len();
        let answered = print::answer(&format!("entries: {} whole, {bad} damaged\n", verified.whole));
        Ok(if bad == 0 { answered } else { ExitCode::FAILURE })
    }
}

/// All that pruning is about.
fn all(stats: &Stats) -> Files {
    let parts = [stats.entries, stats.others, stats.temporaries];
    Files {
        files: parts.iter().map(|part| part.files).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
    }
}

fn words(Files { files, bytes }: Files) -> String {
    let noun = if files == 1 { "file" } else { "files" };
    format!("{files} {noun}, {}", BinaryBytes(bytes))
}

fn oldest_use(stats: &Stats) -> String {
    let age =
        |seconds| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    match stats.oldest_use_unix_seconds {
        Some(seconds) => format!("{} ago", HumanDuration(age(seconds).unwrap_or_default())),
        None => "none".to_owned(),
    }
}
