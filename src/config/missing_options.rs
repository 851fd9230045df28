//! What `missing-options` may say.

use serde::Deserialize;

/// What is done about a module that no source knows, and about a file that a module's command names and that is not
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MissingOptions {
    /// Nothing is compiled.
    Error,
    /// It gets the options given for all modules; [`Sources::missing`](crate::options::Sources::missing) tells. It is compiled without the option that
    /// names the file; [`Sources::missing_inputs`](crate::options::Sources::missing_inputs) tells.
    Warn,
    /// The same, and nobody is told.
    Ignore,
}
