//! Finds the clang and lld that belong to the linked LLVM.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A program of LLVM that thinfarm works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tool {
    /// The compiler: its resource directory is used, and `--verify-with` runs it.
    Clang,
    /// The linker of the thin link and the final link.
    Lld,
}

/// A tool that was found and asked for its version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its full version, for example `22.1.8`.
    pub version: String,
}

/// No usable tool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolError {
    /// Nothing of its names exists.
    Missing(Tool),
    /// It exists and does not run or say its version.
    Broken {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is of another major version than the linked LLVM: its objects would differ and its
    /// bitcode could not be read.
    OtherMajor {
        /// The tool that was found.
        found: Found,
    },
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let major = llvm_build::LLVM_MAJOR;
        match self {
            Self::Missing(tool) => write!(
                f,
                "{name} was found neither in {} nor on PATH; install {name}-{major}",
                llvm_build::build_bindir().display(),
                name = tool.package(),
            ),
            Self::Broken { path, reason } => write!(f, "{} does not work: {reason}", path.display()),
            Self::OtherMajor { found } => write!(
                f,
                "{} is version {}, but this thinfarm is built with LLVM {}; use the one of LLVM {major}",
                found.path.display(),
                found.version,
                llvm_build::build_version(),
            ),
        }
    }
}

impl std::error::Error for ToolError {}

impl Tool {
    fn package(self) -> &'static str {
        match self {
            Self::Clang => "clang",
            Self::Lld => "lld",
        }
    }

    /// Its names, the preferred one first.
    fn names(self) -> [String; 2] {
        let name = match self {
            Self::Clang => "clang",
            Self::Lld => "ld.lld",
        };
        [format!("{name}-{}", llvm_build::LLVM_MAJOR), name.to_owned()]
    }

    /// Where it is: beside the LLVM that thinfarm was built with, else on PATH.
    pub fn path(self) -> Option<PathBuf> {
        let names = self.names();
        let beside = names.iter().map(|name| llvm_build::build_bindir().join(name));
        beside
            .into_iter()
            .find(|candidate| candidate.is_file())
            .or_else(|| names.iter().find_map(|name| on_path(Path::new(name))))
    }

    /// The clang whose command lines are read: its driver finds its resource directory from this
    /// path. It is not run, and need not exist unless an option needs a file of it.
    pub fn clang_for_driver() -> Arc<str> {
        let beside = || llvm_build::build_bindir().join("clang");
        Self::Clang.path().unwrap_or_else(beside).to_string_lossy().into()
    }

    /// Finds it and checks that it belongs to the linked LLVM.
    ///
    /// # Errors
    /// See [`ToolError`].
    pub fn find(self) -> Result<Found, ToolError> {
        check(&self.path().ok_or(ToolError::Missing(self))?)
    }
}

/// The program called `name` in the first directory of PATH that has one.
pub(crate) fn on_path(name: &Path) -> Option<PathBuf> {
    // A name with a slash is a path already.
    if name.components().count() > 1 {
        return None;
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Checks that the tool at `path` runs and belongs to the linked LLVM.
///
/// # Errors
/// See [`ToolError`].
#[doc(hidden)]
pub fn check(path: &Path) -> Result<Found, ToolError> {
    let broken = |reason: String| ToolError::Broken { path: path.to_owned(), reason };
    let output = Command::new(path).arg("--version").output().map_err(|error| broken(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = version_in(&text).ok_or_else(|| broken("it does not say its version".to_owned()))?;
    let found = Found { path: path.to_owned(), version };
    if found.version.split('.').next() == Some(&llvm_build::LLVM_MAJOR.to_string()) {
        Ok(found)
    } else {
        Err(ToolError::OtherMajor { found })
    }
}

/// The version in a line such as `Debian clang version 22.1.8 (1)` or `Debian LLD 22.1.8`.
fn version_in(text: &str) -> Option<String> {
    text.lines().next()?.split_whitespace().find_map(|word| {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let looks_like_one = digits.contains('.') && digits.split('.').next()?.parse::<u32>().is_ok();
        looks_like_one.then(|| digits.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        let of = |text| version_in(text).unwrap_or_default();
        assert_eq!(of("Debian clang version 22.1.8 (1~deb12u1)\nTarget: x"), "22.1.8");
        assert_eq!(of("Debian LLD 22.1.8 (compatible with GNU linkers)"), "22.1.8");
        assert_eq!(of("clang version 19.1.0git"), "19.1.0");
        assert_eq!(of("no version here"), "");
    }

    #[test]
    fn a_tool_that_is_not_there_is_named() {
        let error = check(Path::new("no/such/clang")).unwrap_err().to_string();
        assert!(error.starts_with("no/such/clang does not work: "), "{error}");
    }
}
