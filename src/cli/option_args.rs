//! The arguments that say where options come from, the same for every subcommand that compiles.

use std::env;
use std::path::PathBuf;
use std::sync::Once;

use clap::{Args, ValueEnum};

use super::{print, trust};
use crate::config::{Config, ConfigError};
use crate::options::{MissingInput, MissingOptions, SourceName, Sources, UnusableOptions};

#[derive(Debug, Args)]
#[command(next_help_heading = "Codegen options")]
pub(super) struct OptionArgs {
    #[command(flatten)]
    pub(super) sources: SourceArgs,
    /// Codegen options of modules that have none of their own, as a clang command line. Options of the front end
    /// are ignored.
    #[arg(last = true, value_name = "CLANG FLAGS")]
    flags: Vec<String>,
}

/// Where options are looked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Codegen options")]
pub(super) struct SourceArgs {
    /// Where each file's own options are: kbuild, compile-commands[=PATH], recorded, ninja[=DIR] or
    /// rust. Can be repeated: the first source that knows a module decides all of its options. Replaces the
    /// sources of thinfarm.toml.
    #[arg(long = "options", value_name = "SOURCE")]
    pub(super) sources: Vec<SourceName>,
    /// What to do about a module that no source knows, and about one whose options cannot be used or name a file that
    /// is not there [default: error with kbuild, else warn].
    #[arg(long, value_name = "POLICY")]
    pub(super) missing_options: Option<Policy>,
    /// The file with rules and default sources [default: thinfarm.toml in the working directory or the nearest one
    /// above].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
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
        self.sources_or(&[])
    }

    /// The same, or those of `unasked`.
    pub(super) fn sources_or(&self, unasked: &[SourceName]) -> Result<Sources, String> {
        self.sources.ask(Sources::given(self.flags.clone()), unasked)
    }
}

impl SourceArgs {
    /// The configuration that was named, or that which is found. One that somebody else may have written is left
    /// alone, with a warning.
    pub(super) fn configuration(&self) -> Result<Config, String> {
        static WARNED: Once = Once::new();
        let config = match &self.config {
            Some(path) => Config::read(path).map(Some),
            None => Config::find(&trust::of_process()),
        };
        match config {
            Ok(config) => Ok(config.unwrap_or_default()),
            Err(error @ ConfigError::Untrusted { .. }) => {
                // It is looked for by several.
                WARNED.call_once(|| print::warning(&format_args!("{error}; {NAMES_IT}")));
                Ok(Config::default())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// `sources`, asking before the options they have those that were named, on the command line or in the
    /// configuration. If none is, those of `unasked` are asked, and need not know any module.
    pub(super) fn ask(&self, sources: Sources, unasked: &[SourceName]) -> Result<Sources, String> {
        let config = self.configuration()?;
        let named = if self.sources.is_empty() { &config.sources } else { &self.sources };
        let (names, default) = match named.is_empty() {
            true => (unasked, MissingOptions::Ignore),
            false => (&named[..], default_policy(named)),
        };
        let asked = self.missing_options.map(MissingOptions::from).or(config.missing_options);
        // What a command names is worth a word even where nobody asked for sources.
        let of_inputs = asked.unwrap_or(match default {
            MissingOptions::Error => MissingOptions::Error,
            MissingOptions::Warn | MissingOptions::Ignore => MissingOptions::Warn,
        });
        let sources = sources.with_ninja(env::var_os("NINJA"));
        let sources = sources.with(names, asked.unwrap_or(default)).map_err(|error| error.to_string())?;
        let sources = sources.with_missing_inputs(of_inputs);
        Ok(sources.with_rules(config.rules))
    }
}

/// A kernel's objects are useless without their options, `-mcmodel=kernel` for example; where else a
/// few files are missing, what is given for all may well be right.
fn default_policy(names: &[SourceName]) -> MissingOptions {
    if names.contains(&SourceName::Kbuild) { MissingOptions::Error } else { MissingOptions::Warn }
}

/// How a file is named: as an option of commands, and of the linker.
const NAMES_IT: &str = "to use it all the same, name it: --config FILE (ld.thinfarm: --thinfarm-config=FILE)";

/// The option of commands that decides about modules that no source knows.
pub(super) const MISSING: &str = "--missing-options";

/// Tells, once, of modules that no source knew and of files that are not there, and of the `option` that decides
/// about them.
pub(super) fn warn_of_missing(sources: &Sources, option: &str) {
    let missing = sources.missing();
    if sources.policy() == MissingOptions::Warn
        && let Some(first) = missing.first()
    {
        let others = match missing.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        print::warning(&format!(
            "no source of options knows {first}{others}: compiled with the options of {} ({option}=error or =ignore)",
            sources.giver()
        ));
    }
    if sources.input_policy() == MissingOptions::Warn {
        warn_of_missing_inputs(sources.missing_inputs(), option);
        warn_of_unusable(sources.unusable(), sources.giver(), option);
    }
}

fn warn_of_unusable(unusable: &[UnusableOptions], giver: &str, option: &str) {
    const ENOUGH: usize = 5;
    for options in unusable.iter().take(ENOUGH) {
        print::warning(&format_args!(
            "{options}; compiled with the options of {giver} ({option}=error or =ignore)"
        ));
    }
    let more: usize = unusable.iter().skip(ENOUGH).map(|options| options.modules.len()).sum();
    if more > 0 {
        print::warning(&format_args!("the own options of {more} more modules cannot be used"));
    }
}

fn warn_of_missing_inputs(inputs: &[MissingInput], option: &str) {
    const ENOUGH: usize = 5;
    for input in inputs.iter().take(ENOUGH) {
        print::warning(&format_args!("{input}; compiled without that option ({option}=error or =ignore)"));
    }
    if let more @ 1.. = inputs.len().saturating_sub(ENOUGH) {
        print::warning(&format_args!("{more} more files that options of modules name are not there"));
    }
}
