//! `thinfarm.toml`: what is to be done for a project without saying so each time.

mod missing_options;
mod rule;
mod source_name;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use llvm_build::{CachePolicyError, CachePruningPolicy};
use serde::Deserialize;

pub use missing_options::MissingOptions;
pub use rule::{GlobError, Rule};
pub use source_name::{SourceName, SourceNameError};

use crate::trust::Trust;

/// The name of the file.
const NAME: &str = "thinfarm.toml";

/// The content of a `thinfarm.toml`.
#[derive(Debug, Default)]
pub struct Config {
    /// `options`: the sources of options to ask, in this order.
    pub sources: Vec<SourceName>,
    /// `missing-options`: what is done about a module that none of them knows, and about files that are gone.
    pub missing_options: Option<MissingOptions>,
    /// `cache-dir`: where objects are kept.
    pub cache_directory: Option<PathBuf>,
    /// `cache-policy`: what may stay there.
    pub cache_policy: Option<CachePruningPolicy>,
    /// `[[rule]]`, in their order.
    pub rules: Vec<Rule>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It was found, and somebody else may have written it.
    #[error("{} is not used: {fault}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It is not TOML, or says something else than it may.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A source has no such name.
    #[error("{}: options = [\"{name}\"]: {error}", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// What is expected.
        error: SourceNameError,
    },
    /// LLVM knows no such policy of caches.
    #[error("{}: cache-policy = \"{policy}\": {error}", path.display())]
    CachePolicy {
        /// The file.
        path: PathBuf,
        /// The policy.
        policy: String,
        /// Why.
        error: CachePolicyError,
    },
    /// A glob is none.
    #[error("{}, rule {rule}: {error}", path.display())]
    Glob {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        rule: usize,
        /// What is wrong.
        error: GlobError,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    #[serde(default)]
    options: Vec<String>,
    missing_options: Option<MissingOptions>,
    cache_dir: Option<PathBuf>,
    cache_policy: Option<String>,
    #[serde(default)]
    rule: Vec<rule::Text>,
}

impl Config {
    /// The configuration for the working directory: of the nearest file there or above, if that is of somebody whom
    /// `trust` has and nobody else may write to it.
    ///
    /// # Errors
    /// It is not ([`ConfigError::Untrusted`]), cannot be read or makes no sense.
    pub fn find(trust: &Trust) -> Result<Option<Self>, ConfigError> {
        let here = env::current_dir().unwrap_or_default();
        match here.ancestors().map(|above| above.join(NAME)).find(|file| file.is_file()) {
            // Named as a person in that directory would.
            Some(file) => Self::read_found(file.strip_prefix(&here).unwrap_or(&file), trust).map(Some),
            None => Ok(None),
        }
    }

    fn read_found(path: &Path, trust: &Trust) -> Result<Self, ConfigError> {
        match trust.fault_of_found(path) {
            Ok(None) => Self::read(path),
            Ok(Some(fault)) => Err(ConfigError::Untrusted { path: path.to_owned(), fault }),
            Err(error) => Err(ConfigError::Read { path: path.to_owned(), error }),
        }
    }

    /// Reads the file at `path`, whosever it is: who names it trusts it. Globs and paths in it are relative to its directory.
    ///
    /// # Errors
    /// It cannot be read or makes no sense.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        Self::parse(&text, path)
    }

    /// Reads `text`, which stands in the file at `path`.
    ///
    /// # Errors
    /// It makes no sense.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let text: Text = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
            reason: error.message().to_owned(),
        })?;
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let directory = absolute.parent().unwrap_or(Path::new("/"));
        let source = |name: String| match name.parse::<SourceName>() {
            Ok(source) => Ok(source.below(directory)),
            Err(error) => Err(ConfigError::Source { path: path.to_owned(), name, error }),
        };
        let rule = |(position, rule): (usize, rule::Text)| {
            let name = format!("rule {} of {}", position + 1, path.display());
            Rule::new(rule, name, directory).map_err(|error| ConfigError::Glob {
                path: path.to_owned(),
                rule: position + 1,
                error,
            })
        };
        let policy = |policy: String| match policy.parse() {
            Ok(policy) => Ok(policy),
            Err(error) => Err(ConfigError::CachePolicy { path: path.to_owned(), policy, error }),
        };
        Ok(Self {
            cache_directory: text.cache_dir.map(|below| directory.join(below)),
            cache_policy: text.cache_policy.map(policy).transpose()?,
            sources: text.options.into_iter().map(source).collect::<Result<_, _>>()?,
            missing_options: text.missing_options,
            rules: text.rule.into_iter().enumerate().map(rule).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("/p/thinfarm.toml"))
    }

    #[test]
    fn sources_are_relative_to_the_file() {
        let config = parsed(
            "options = [\"kbuild\", \"compile-commands=out\", \"ninja=/b\"]\nmissing-options = \"warn\"\n",
        )
        .unwrap();
        let expected = [
            SourceName::Kbuild,
            SourceName::CompileCommands(Some("/p/out".into())),
            SourceName::Ninja(Some("/b".into())),
        ];
        assert_eq!(
            (&config.sources[..], config.missing_options),
            (&expected[..], Some(MissingOptions::Warn))
        );
    }

    #[test]
    fn a_cache_is_relative_to_the_file() {
        let config = parsed("cache-dir = \"cache\"\ncache-policy = \"prune_after=1h\"").unwrap();
        assert_eq!(config.cache_directory, Some("/p/cache".into()));
        assert_eq!(config.cache_policy, Some("prune_after=1h".parse().unwrap()));
        assert_eq!(parsed("cache-dir = \"/c\"").unwrap().cache_directory, Some("/c".into()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, told) in [
            ("\noptions = [\"kbuild\"\n", "line 2"),
            ("option = []", "unknown field `option`"),
            ("options = [\"make\"]", "\"make\"]: expected kbuild"),
            ("missing-options = \"maybe\"", "maybe"),
            ("cache-policy = \"much\"", "cache-policy = \"much\": "),
            ("[[rule]]\nadd = []", "missing field `modules`"),
            ("[[rule]]\nmodules = []\nad = []", "unknown field `ad`"),
            ("[[rule]]\nmodules = []\n[[rule]]\nmodules = [\"a[\"]", "rule 2: the glob a["),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains("thinfarm.toml") && error.contains(told), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*", glob in "[a*?{}\\[\\]!/,\\\\-]{0,12}") {
            let _ = parsed(&text);
            let _ = parsed(&format!("[[rule]]\nmodules = ['{glob}']\nremove = ['{glob}']"));
        }
    }
}
