//! clang and lld of the LLVM that thinfarm links.
//!
//! Objects can only be compared with those of the same LLVM, so another version is never taken, even where
//! it comes first on PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::front_end::Language;

/// The LLVM whose tools are looked for.
const LLVM_MAJOR: u32 = 22;

/// The tools of one LLVM 22.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// `clang`: the C front end, the oracle for backends, and the driver that links C programs.
    pub clang: PathBuf,
    /// `clang++`: the same for C++.
    pub clangxx: PathBuf,
    /// `ld.lld`.
    pub lld: PathBuf,
    /// The version clang reports, such as `22.1.8`.
    pub version: String,
    places: Vec<PathBuf>,
}

impl Toolchain {
    /// Finds clang, clang++ and ld.lld of LLVM 22.
    ///
    /// Each is the first one of that version in `$LLVM_SYS_221_PREFIX/bin`, in the directories that
    /// `llvm-config-22` and `llvm-config` name, or on PATH.
    pub fn find() -> Result<Self> {
        let places = places();
        let (clang, version) = find_tool("clang", &places)?;
        let (clangxx, _) = find_tool("clang++", &places)?;
        let (lld, _) = find_tool("ld.lld", &places)?;
        Ok(Toolchain { clang, clangxx, lld, version, places })
    }

    /// Another tool of the same LLVM by its plain name, such as `llvm-profdata`.
    pub fn tool(&self, name: &str) -> Result<PathBuf> {
        Ok(find_tool(name, &self.places)?.0)
    }

    /// The compiler for `language`.
    pub fn compiler(&self, language: Language) -> &Path {
        match language {
            Language::C => &self.clang,
            Language::Cxx => &self.clangxx,
        }
    }
}

/// The directories to look in, first choice first.
fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(prefix) = env::var_os("LLVM_SYS_221_PREFIX") {
        places.push(Path::new(&prefix).join("bin"));
    }
    for llvm_config in [&*format!("llvm-config-{LLVM_MAJOR}"), "llvm-config"] {
        if let Some(dir) = output_of(Path::new(llvm_config), "--bindir") {
            places.push(PathBuf::from(dir.trim()));
        }
    }
    if let Some(path) = env::var_os("PATH") {
        places.extend(env::split_paths(&path));
    }
    places
}

/// The first `name` of LLVM 22 in `places`, and its full version.
fn find_tool(name: &str, places: &[PathBuf]) -> Result<(PathBuf, String)> {
    let names = [format!("{name}-{LLVM_MAJOR}"), name.to_owned()];
    let mut others = String::new();
    for tool in places
        .iter()
        .flat_map(|place| names.iter().map(|name| place.join(name)))
        .filter(|tool| tool.is_file())
    {
        let version = output_of(&tool, "--version").and_then(|text| version_in(&text));
        match version {
            Some((LLVM_MAJOR, version)) => return Ok((tool, version)),
            Some((_, version)) => {
                others += &format!("\n  {} is version {version}", tool.display());
            }
            None => others += &format!("\n  {} does not tell its version", tool.display()),
        }
    }
    bail!(
        "no {name} of LLVM {LLVM_MAJOR} in $LLVM_SYS_221_PREFIX/bin, beside llvm-config-{LLVM_MAJOR}, or on PATH{others}\n\
         run llvm-build/install-packages.sh, or set LLVM_SYS_221_PREFIX to where LLVM {LLVM_MAJOR} is installed"
    )
}

/// What `tool` prints when asked `question`; nothing when there is no such tool or it fails.
fn output_of(tool: &Path, question: &str) -> Option<String> {
    let output = Command::new(tool).arg(question).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

/// Major and full version in the output of an LLVM tool's `--version`, whatever vendor words surround it.
fn version_in(text: &str) -> Option<(u32, String)> {
    text.split_whitespace().find_map(|word| {
        let (major, _) = word.split_once('.')?;
        Some((major.parse().ok()?, word.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_past_vendor_words() {
        for (text, expected) in [
            ("Debian clang version 22.1.8 (1~deb12u1)\nTarget:", (22, "22.1.8")),
            ("LLD 22.1.8 (compatible with GNU linkers)\n", (22, "22.1.8")),
            ("LLVM (http://llvm.org/):\n  LLVM version 14.0.6\n", (14, "14.0.6")),
            ("clang version 23.0.0git (https://x)", (23, "23.0.0git")),
        ] {
            assert_eq!(version_in(text), Some((expected.0, expected.1.to_owned())));
        }
        assert_eq!(version_in("no version here. none"), None);
    }

    #[test]
    fn another_version_is_named_and_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("clang");
        std::fs::write(&old, "#!/bin/sh\necho clang version 14.0.6\n").unwrap();
        std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let error = find_tool("clang", &[dir.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains(&format!("{} is version 14.0.6", old.display())), "{error}");
        assert!(error.contains("install-packages.sh"), "{error}");
    }

    #[test]
    fn the_installed_tools_are_of_one_version() {
        let toolchain = Toolchain::find().unwrap();
        let (_, lld) = find_tool("ld.lld", &toolchain.places).unwrap();
        assert_eq!(toolchain.version, lld);
    }
}
