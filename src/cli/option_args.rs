//! The arguments that say where options come from, the same for every subcommand that compiles.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::print;
use crate::config::Config;
use crate::options::{MissingOptions, SourceName, Sources};

#[derive(Debug, Args)]
#[command(next_help_heading = "Codegen options")]
pub(super) struct OptionArgs {
    /// Where each file's own options are: kbuild, compile-commands[=PATH], recorded, ninja[=DIR] or
    /// rust. Repeatable; the first that knows a module is taken, wholly. Replaces those of
    /// thinfarm.toml.
    #[arg(long = "options", value_name = "SOURCE")]
    sources: Vec<SourceName>,
    /// What to do about a module that no source knows [default: error with kbuild, else warn].
    #[arg(long, value_name = "POLICY")]
    missing_options: Option<Policy>,
    /// Rules and default sources [default: thinfarm.toml, looked for from the working directory
    /// upwards].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Codegen options of modules that have none of their own, as a clang command line. Front-end
    /// options do no harm.
    #[arg(last = true, value_name = "CLANG FLAGS")]
    flags: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Policy {
    Error,
    Warn,
    Ignore,
}

impl From<Policy> for MissingOptions {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Error => Self::Error,
            Policy::Warn => Self::Warn,
            Policy::Ignore => Self::Ignore,
        }
    }
}

impl OptionArgs {
    /// The sources that were asked for, on the command line or in the configuration.
    pub(super) fn sources(&self) -> Result<Sources, String> {
        let config = configuration(self.config.as_deref())?;
        let names = if self.sources.is_empty() { &config.sources } else { &self.sources };
        let policy = self.missing_options.map(MissingOptions::from).or(config.missing_options);
        let policy = policy.unwrap_or_else(|| default_policy(names));
        let sources = Sources::given(self.flags.clone());
        let sources = sources.with(names, policy).map_err(|error| error.to_string())?;
        Ok(sources.with_rules(config.rules))
    }
}

/// The configuration in `path`, or that which is found.
pub(super) fn configuration(path: Option<&Path>) -> Result<Config, String> {
    let config = match path {
        Some(path) => Some(Config::read(path).map_err(|error| error.to_string())?),
        None => Config::find().map_err(|error| error.to_string())?,
    };
    Ok(config.unwrap_or_default())
}

/// A kernel's objects are useless without their options, `-mcmodel=kernel` for example; where else a
/// few files are missing, what is given for all may well be right.
pub(super) fn default_policy(names: &[SourceName]) -> MissingOptions {
    if names.contains(&SourceName::Kbuild) { MissingOptions::Error } else { MissingOptions::Warn }
}

/// How modules are compiled that no source knows, where options for all are given.
pub(super) const AS_GIVEN: &str = "with the options after -- (--missing-options error or ignore)";

/// Tells, once, of modules that no source knew, and how they are `compiled` then.
pub(super) fn warn_of_missing(sources: &Sources, compiled: &str) {
    let missing = sources.missing();
    if sources.policy() == MissingOptions::Warn
        && let Some(first) = missing.first()
    {
        let others = match missing.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        print::warning(&format!("no source of options knows {first}{others}: compiled {compiled}"));
    }
}
