//! Profiles that fit the modules of a case, made on the spot.
//!
//! A profile is only used where its function names and control-flow hashes are those of the code at hand, so
//! none can be kept in the repository, and running an instrumented program would need compiler-rt. Instead
//! the compiler itself is asked to instrument the modules; the names, hashes and numbers of counters it
//! wrote down are then filled with counts as a run could have left them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Invocation, Sources, Toolchain, compile, thin_link};

/// The kinds of profile that clang takes.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// Counters the front end places, for `-fprofile-instr-use`.
    FrontEnd,
    /// Counters placed in IR before inlining, for `-fprofile-use`.
    Ir,
    /// The same, and counters placed by the backends after inlining.
    ContextSensitive,
    /// Samples by line, for `-fprofile-sample-use`.
    Sample,
}

/// Makes a profile of the kind `profile` for `sources` compiled with `flags`, in `dir`.
pub fn make(
    profile: Profile,
    toolchain: &Toolchain,
    sources: &Sources,
    flags: &[&str],
    dir: &Path,
) -> Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // What uses the profile is left out where it is made.
    let flags = flags.iter().filter(|flag| !flag.contains("profile"));
    let flags: Vec<String> =
        sources.flags.iter().cloned().chain(flags.map(|flag| flag.to_string())).collect();
    let maker = Maker { toolchain, sources, flags, dir };
    match profile {
        Profile::FrontEnd => maker.counted("", &maker.front_ends("-fprofile-instr-generate")?, &[]),
        Profile::Ir => maker.counted(":ir\n", &maker.front_ends("-fprofile-generate")?, &[]),
        Profile::ContextSensitive => {
            let plain = maker.counted(":ir\n", &maker.front_ends("-fprofile-generate")?, &[])?;
            let backends = maker.backends(&plain)?;
            maker.counted(":csir\n", &backends, &[&plain])
        }
        Profile::Sample => maker.sampled(&maker.front_ends("-g1")?),
    }
}

struct Maker<'a> {
    toolchain: &'a Toolchain,
    sources: &'a Sources,
    flags: Vec<String>,
    dir: &'a Path,
}

impl Maker<'_> {
    /// The IR, as text, of every source compiled with `instrument` added to its flags.
    fn front_ends(&self, instrument: &str) -> Result<Vec<String>> {
        let front_end = |source: &thinfarm_corpora::Source| {
            let clang = Invocation::new(self.toolchain.compiler(self.sources.language), self.dir);
            let clang =
                clang.args(&self.flags).args([instrument, "-flto=thin", "-S", "-emit-llvm", "-o", "-"]);
            text_of(clang.arg(&source.path))
        };
        self.sources.files.iter().map(front_end).collect()
    }

    /// The IR, as text, of every module after a backend that used `profile` and placed counters of its own.
    fn backends(&self, profile: &Path) -> Result<Vec<String>> {
        let dir = self.dir.join("training");
        let mut flags = self.flags.clone();
        flags.push(format!("-fprofile-use={}", profile.display()));
        let objects = compile(self.toolchain, &self.sources.files, &flags, &dir, 1)?;
        let link = thin_link(self.toolchain, &dir, &objects, &["-shared", "-o", "unused.so"])?;
        let backend = |module: &PathBuf| {
            let index = format!("-fthinlto-index={}.thinlto.bc", module.display());
            let clang = Invocation::new(&self.toolchain.clang, &dir).args(&flags);
            let clang =
                clang.args(["-fcs-profile-generate", "-x", "ir", &index, "-S", "-emit-llvm", "-o", "-"]);
            text_of(clang.arg(module))
        };
        link.modules.iter().map(backend).collect()
    }

    /// Fills the counters found in `modules` and merges the result with `others`.
    fn counted(&self, kind: &str, modules: &[String], others: &[&Path]) -> Result<PathBuf> {
        let functions: BTreeMap<(String, u64), usize> =
            modules.iter().flat_map(|module| instrumented_functions(module)).collect();
        ensure!(functions.len() > 5, "clang instrumented only {} functions", functions.len());
        let mut text = kind.to_owned();
        for ((name, hash), counters) in functions {
            // Entries are met often, what follows less and less; every fifth block never.
            let count = |at: usize| if at % 5 == 4 { 0 } else { 10_000 / (at + 1) + name.len() };
            let counts: Vec<String> = (0..counters).map(|at| count(at).to_string()).collect();
            writeln!(text, "{name}\n{hash}\n{counters}\n{}\n", counts.join("\n"))?;
        }
        self.write(&text, "proftext", |text, profile| {
            let profdata = Invocation::new(self.toolchain.tool("llvm-profdata")?, self.dir);
            profdata.args(["merge", "-o"]).arg(profile).arg(text).args(others).capture()?;
            Ok(())
        })
    }

    /// Samples in the first lines of every function defined in `modules`.
    fn sampled(&self, modules: &[String]) -> Result<PathBuf> {
        let names: std::collections::BTreeSet<&str> =
            modules.iter().flat_map(|module| module.lines()).filter_map(defined_function).collect();
        ensure!(names.len() > 5, "clang defined only {} functions", names.len());
        let mut text = String::new();
        for name in names {
            let hot = name.len() % 3 != 0;
            let (head, line) = if hot { (900, 4_000) } else { (1, 2) };
            writeln!(text, "{name}:{}:{head}", 12 * line)?;
            for offset in 1..=12 {
                writeln!(text, " {offset}: {}", line / offset)?;
            }
        }
        self.write(&text, "samples", |text, profile| {
            fs::copy(text, profile)?;
            Ok(())
        })
    }

    /// Writes `text` and lets `convert` make the profile of it. The name holds the text's hash: what is
    /// compiled with a profile is remade when its command line changes, and only then.
    fn write(
        &self,
        text: &str,
        extension: &str,
        convert: impl FnOnce(&Path, &Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let path = self.dir.join(format!("{:016x}.{extension}", hasher.finish()));
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let profile = path.with_extension("profile");
        convert(&path, &profile).with_context(|| format!("cannot make {}", profile.display()))?;
        Ok(profile)
    }
}

fn text_of(clang: Invocation) -> Result<String> {
    Ok(String::from_utf8_lossy(&clang.capture()?.stdout).into_owned())
}

/// Name, control-flow hash and number of counters of each function that `ir` has counters for.
///
/// `@__profc_NAME = ... global [COUNTERS x i64] ...` are the counters, and
/// `@__profd_NAME = ... { i64 NAME'S HASH, i64 CONTROL-FLOW HASH, ...` the data about them.
fn instrumented_functions(ir: &str) -> impl Iterator<Item = ((String, u64), usize)> {
    let variable = |line: &'_ str, prefix: &str| {
        let (symbol, value) = line.strip_prefix('@')?.split_once(" = ")?;
        let name = symbol.trim_matches('"').strip_prefix(prefix)?.to_owned();
        Some((name, value.to_owned()))
    };
    let mut counters = BTreeMap::new();
    for (name, value) in ir.lines().filter_map(|line| variable(line, "__profc_")) {
        let length = value.split_once('[').and_then(|(_, rest)| rest.split_once(" x i64]"));
        if let Some(length) = length.and_then(|(length, _)| length.parse::<usize>().ok()) {
            counters.insert(name, length);
        }
    }
    let data: Vec<(String, String)> = ir.lines().filter_map(|line| variable(line, "__profd_")).collect();
    data.into_iter().filter_map(move |(name, value)| {
        let (_, fields) = value.rsplit_once("{ i64 ").or_else(|| value.split_once("{ i64 "))?;
        let hash = fields.split(", i64 ").nth(1)?.parse::<i64>().ok()?;
        let length = *counters.get(&name)?;
        Some(((name, hash as u64), length))
    })
}

/// The name of the function whose definition `line` of IR opens.
fn defined_function(line: &str) -> Option<&str> {
    let (_, symbol) = line.strip_prefix("define ")?.split_once('@')?;
    let name = symbol.split_once('(')?.0;
    Some(name.trim_matches('"'))
}
