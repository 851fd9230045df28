//! Finds LLVM 22: `LLVM_SYS_221_PREFIX`, then `llvm-config-22`, then `llvm-config` if it is of
//! version 22.
//!
//! One major version is accepted because objects must be byte-identical to the clang of that
//! version; another LLVM would be another compiler.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The one LLVM release this crate binds.
pub const MAJOR: u32 = 22;

const PREFIX_VARIABLE: &str = "LLVM_SYS_221_PREFIX";

/// A working `llvm-config` of the right version.
pub struct LlvmConfig {
    program: PathBuf,
    /// The full version, for example `22.1.8`.
    pub version: String,
}

/// No usable LLVM, and what was seen instead.
pub struct NotFound {
    seen: Vec<String>,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LLVM {MAJOR} was not found.")?;
        for line in &self.seen {
            writeln!(f, "  {line}")?;
        }
        write!(
            f,
            "On Debian and Ubuntu, llvm-build/install-packages.sh installs what is needed:\n  \
             llvm-{MAJOR}-dev clang-{MAJOR} lld-{MAJOR} libclang-{MAJOR}-dev liblld-{MAJOR}-dev libpolly-{MAJOR}-dev\n\
             Elsewhere install LLVM {MAJOR} with its static LLVM, clang, lld and Polly libraries and set \
             {PREFIX_VARIABLE} to its prefix."
        )
    }
}

/// Looks in the documented order; the first that exists decides.
pub fn locate() -> Result<LlvmConfig, NotFound> {
    println!("cargo::rerun-if-env-changed={PREFIX_VARIABLE}");
    println!("cargo::rerun-if-env-changed=PATH");
    let mut seen = Vec::new();
    let candidates = match env::var_os(PREFIX_VARIABLE) {
        Some(prefix) => vec![Path::new(&prefix).join("bin/llvm-config")],
        None => vec![PathBuf::from(format!("llvm-config-{MAJOR}")), PathBuf::from("llvm-config")],
    };
    for program in candidates {
        match version_of(&program) {
            Ok(version) if version.split('.').next() == Some(&MAJOR.to_string()) => {
                return Ok(LlvmConfig { program, version });
            }
            Ok(version) => seen.push(format!("{} is version {version}", program.display())),
            Err(reason) => seen.push(format!("{}: {reason}", program.display())),
        }
    }
    Err(NotFound { seen })
}

fn version_of(program: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("failed with {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl LlvmConfig {
    /// The words `llvm-config` answers to `arguments`.
    pub fn ask(&self, arguments: &[&str]) -> Vec<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .output()
            .unwrap_or_else(|e| fail(&format!("{} does not run: {e}", self.program.display())));
        if !output.status.success() {
            fail(&format!(
                "{} {} failed: {}",
                self.program.display(),
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
    }

    /// A directory `llvm-config` names.
    pub fn directory(&self, flag: &str) -> PathBuf {
        PathBuf::from(self.ask(&[flag]).join(" "))
    }
}

/// Ends the build with a message for the person who started it.
pub fn fail(message: &str) -> ! {
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    std::process::exit(1);
}
