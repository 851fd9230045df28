//! What was measured and on what: numbers without it cannot be compared with anything.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::{Object, ReadCache};
use serde::{Deserialize, Serialize};
use thinfarm_corpora::{Toolchain, default_jobs};

/// Programs, processor, memory and kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The version of thinfarm.
    pub thinfarm: String,
    /// Whether BOLT laid out its code.
    pub is_bolted: bool,
    /// The version of clang and lld.
    pub llvm: String,
    /// The processor as it calls itself; its architecture where it has no name.
    pub cpu: String,
    /// The cores this process may use.
    pub cores: usize,
    /// All memory.
    pub memory_bytes: u64,
    /// The version of Linux.
    pub kernel: String,
}

impl Machine {
    /// Asks the programs and the kernel.
    pub fn describe(toolchain: &Toolchain, thinfarm: &Path) -> Result<Machine> {
        Ok(Machine {
            thinfarm: version_of(thinfarm)?,
            is_bolted: is_bolted(thinfarm)?,
            llvm: toolchain.version.clone(),
            cpu: value("/proc/cpuinfo", "model name")?.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: default_jobs(),
            memory_bytes: memory()?,
            kernel: kernel()?,
        })
    }
}

/// `2 cores of Xeon, 16 GiB of memory, Linux 6.12.0; LLVM 22.1.8; thinfarm 0.1.0`
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { thinfarm, llvm, cpu, cores, kernel, .. } = self;
        let memory = self.memory_bytes as f64 / f64::from(1 << 30);
        let layout = if self.is_bolted { "laid out by BOLT" } else { "not laid out by BOLT" };
        write!(f, "{cores} cores of {cpu}, {memory:.0} GiB of memory, Linux {kernel}; LLVM {llvm}; ")?;
        write!(f, "thinfarm {thinfarm}, {layout}")
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

/// BOLT leaves a note in what it writes.
fn is_bolted(program: &Path) -> Result<bool> {
    let cannot_read = || format!("cannot read {} as a program", program.display());
    let cache = ReadCache::new(File::open(program).with_context(cannot_read)?);
    let file = object::File::parse(&cache).with_context(cannot_read)?;
    Ok(file.section_by_name(".note.bolt_info").is_some())
}

/// The version of Linux, without what distributions and hosts add to it.
fn kernel() -> Result<String> {
    let release = read("/proc/sys/kernel/osrelease")?;
    Ok(release.chars().take_while(|&c| c.is_ascii_digit() || c == '.').collect())
}

fn memory() -> Result<u64> {
    let text = value("/proc/meminfo", "MemTotal")?.context("/proc/meminfo has no MemTotal")?;
    let kib = text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("/proc/meminfo: MemTotal is {text}"))? * 1024)
}

/// The first value of `key` in `path`, which has a `key: value` in each line.
fn value(path: &str, key: &str) -> Result<Option<String>> {
    let text = read(path)?;
    let line = text.lines().filter_map(|line| line.split_once(':')).find(|(found, _)| found.trim() == key);
    Ok(line.map(|(_, value)| value.trim().to_owned()))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        assert!(kernel().unwrap().split('.').all(|part| part.parse::<u32>().is_ok()));
        assert!(memory().unwrap() > 1 << 20);
        assert!(value("/proc/cpuinfo", "processor").unwrap().is_some());
        assert!(!is_bolted(&std::env::current_exe().unwrap()).unwrap());
        let error = is_bolted(Path::new("/proc/cpuinfo")).unwrap_err().to_string();
        assert!(error.contains("/proc/cpuinfo as a program"), "{error}");
    }
}
