//! What was measured and on what: numbers without it cannot be compared with anything.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use thinfarm_corpora::{Toolchain, default_jobs};

/// Programs and processor.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The version of thinfarm.
    pub thinfarm: String,
    /// The version of clang and lld.
    pub llvm: String,
    /// The processor as it calls itself; its architecture where it has no name.
    pub cpu: String,
    /// The cores this process may use.
    pub cores: usize,
}

impl Machine {
    /// Asks the programs and the kernel.
    pub fn describe(toolchain: &Toolchain, thinfarm: &Path) -> Result<Machine> {
        Ok(Machine {
            thinfarm: version_of(thinfarm)?,
            llvm: toolchain.version.clone(),
            cpu: cpu_model()?.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: default_jobs(),
        })
    }
}

fn version_of(thinfarm: &Path) -> Result<String> {
    let mut command = Command::new(thinfarm);
    let output = command.arg("--version").output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.lines().next().and_then(|line| line.strip_prefix("thinfarm "));
    ensure!(output.status.success() && version.is_some(), "{command:?} does not tell its version");
    Ok(version.unwrap_or_default().to_owned())
}

/// The first processor's name; processors other than x86 seldom have one.
fn cpu_model() -> Result<Option<String>> {
    let path = "/proc/cpuinfo";
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let name =
        text.lines().filter(|line| line.starts_with("model name")).find_map(|line| line.split_once(':'));
    Ok(name.map(|(_, name)| name.trim().to_owned()))
}
