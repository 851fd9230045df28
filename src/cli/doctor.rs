//! `thinfarm doctor`: what is there, whether it fits together, and what to do about what does not.

use std::fmt::{self, Write};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::BinaryBytes;
use object::read::{Object, ReadCache};
use serde::Serialize;

use super::jobs::ShareArgs;
use super::made_by;
use super::print::{self, STRONG};
use crate::farm::{InUse, available_cores};
use crate::toolchain::{Found, Tool};

/// Show what thinfarm finds on this machine (LLVM, clang, lld, cores, memory) and what is wrong, or which linker made
/// a file.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if all is well, 1 if there is a problem.
With FILE: 0 if ld.thinfarm made it and nobody has changed it since, 1 otherwise.")]
pub(super) struct Doctor {
    /// A program, library or object. Shows which linker made it.
    file: Option<PathBuf>,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    share: ShareArgs,
}

#[derive(Serialize)]
struct Findings {
    thinfarm: &'static str,
    laid_out_by_bolt: bool,
    llvm: String,
    clang_linked: String,
    targets: Vec<String>,
    clang: Program,
    lld: Program,
    cores: usize,
    memory_bytes: Option<u64>,
    memory_available_bytes: Option<u64>,
    machine_share: Share,
    problems: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Program {
    Found { path: String, version: String },
    Missing { problem: String },
}

/// What the thinfarm processes of this user have of the machine together.
#[derive(Serialize)]
#[serde(untagged)]
enum Share {
    Shared {
        directory: String,
        cores_in_use: usize,
        cores: usize,
        memory_claimed_bytes: u64,
        memory_budget_bytes: u64,
    },
    Unshared {
        unshared: String,
    },
}

impl Share {
    fn now(args: &ShareArgs) -> Self {
        let look = || {
            let Some(share) = args.open().map_err(|error| error.to_string())? else {
                return Err("switched off".to_owned());
            };
            let InUse { cores, of, memory } = share.in_use().map_err(|error| error.to_string())?;
            Ok(Self::Shared {
                directory: share.directory().display().to_string(),
                cores_in_use: cores,
                cores: of,
                memory_claimed_bytes: memory,
                memory_budget_bytes: share.memory_budget(),
            })
        };
        look().unwrap_or_else(|unshared| Self::Unshared { unshared })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { directory, cores_in_use, cores, memory_claimed_bytes, memory_budget_bytes } => {
                write!(
                    f,
                    "{directory}: {cores_in_use} of {cores} cores in use, {} of {} memory claimed",
                    BinaryBytes(*memory_claimed_bytes),
                    BinaryBytes(*memory_budget_bytes),
                )
            }
            Self::Unshared { unshared } => write!(f, "none: {unshared}"),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { path, version } => write!(f, "{path} ({version})"),
            Self::Missing { problem } => f.write_str(problem),
        }
    }
}

impl Program {
    /// Looks for a tool and notes what is wrong with it.
    fn look_for(tool: Tool, problems: &mut Vec<String>) -> Self {
        let linked = llvm_build::build_version();
        match tool.find() {
            Ok(Found { path, version }) => {
                let path = path.display().to_string();
                if version != linked {
                    problems.push(format!(
                        "{path} is version {version}, the linked LLVM {linked}: objects may differ from \
                         clang's in detail; rebuild thinfarm after an upgrade of LLVM"
                    ));
                }
                Self::Found { path, version }
            }
            Err(error) => {
                problems.push(error.to_string());
                Self::Missing { problem: error.to_string() }
            }
        }
    }
}

/// Ample for a worker: `make bench` shows what two need for RocksDB with debug information.
const MEMORY_PER_WORKER: u64 = 512 << 20;

impl Doctor {
    pub(super) fn run(&self) -> ExitCode {
        if let Some(file) = &self.file {
            return made_by::tell(file, self.json);
        }
        let findings = Findings::now(&self.share);
        let answered = if self.json {
            let json = serde_json::to_string_pretty(&findings).expect("findings are plain data");
            print::answer(&(json + "\n"))
        } else {
            print::answer(&findings.text())
        };
        if findings.problems.is_empty() { answered } else { ExitCode::FAILURE }
    }
}

impl Findings {
    fn now(share: &ShareArgs) -> Self {
        let (major, minor, patch) = llvm_build::llvm_version();
        let mut problems = Vec::new();
        let clang = Program::look_for(Tool::Clang, &mut problems);
        let lld = Program::look_for(Tool::Lld, &mut problems);
        let cores = available_cores().get();
        let (memory, available) = (memory("MemTotal:"), memory("MemAvailable:"));
        if let Some(available) = available
            && available < cores as u64 * MEMORY_PER_WORKER
        {
            problems.push(format!(
                "{} of memory are available for {cores} workers; with large modules use -j{}",
                BinaryBytes(available),
                (available / MEMORY_PER_WORKER).max(1),
            ));
        }
        Self {
            thinfarm: env!("CARGO_PKG_VERSION"),
            laid_out_by_bolt: is_laid_out_by_bolt(),
            llvm: format!("{major}.{minor}.{patch}"),
            clang_linked: llvm_build::clang_version(),
            targets: llvm_build::targets(),
            clang,
            lld,
            cores,
            memory_bytes: memory,
            memory_available_bytes: available,
            machine_share: Share::now(share),
            problems,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &dyn fmt::Display| {
            writeln!(text, "{STRONG}{name:10}{STRONG:#} {value}").expect("strings take any text");
        };
        let size =
            |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), |bytes| BinaryBytes(bytes).to_string());
        let layout = if self.laid_out_by_bolt {
            "laid out by BOLT"
        } else {
            "as linked; `make release` makes a faster one"
        };
        row("thinfarm", &format_args!("{}, {layout}", self.thinfarm));
        row("LLVM", &format_args!("{} ({})", self.llvm, self.clang_linked));
        row("targets", &self.targets.join(" "));
        row("clang", &self.clang);
        row("lld", &self.lld);
        row("cores", &format_args!("{} this process may use", self.cores));
        let (total, available) = (size(self.memory_bytes), size(self.memory_available_bytes));
        row("memory", &format_args!("{total}, {available} available"));
        row("share", &self.machine_share);
        for problem in &self.problems {
            row("problem", problem);
        }
        if self.problems.is_empty() {
            row("verdict", &"no problems");
        }
        text
    }
}

/// Whether this program has been through `make release`: BOLT leaves the old code where it was, under another name.
fn is_laid_out_by_bolt() -> bool {
    let Ok(program) = File::open("/proc/self/exe") else { return false };
    let program = ReadCache::new(program);
    object::File::parse(&program).is_ok_and(|program| program.section_by_name(".bolt.org.text").is_some())
}

/// A line of the kernel's memory statistics, bytes.
fn memory(name: &str) -> Option<u64> {
    let statistics = fs::read_to_string("/proc/meminfo").ok()?;
    let line = statistics.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
