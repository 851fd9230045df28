//! Runs a thinfarm on the training set.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Invocation, ThinLink, Toolchain};

use crate::program::Program;
use crate::training::{Way, Workload};

/// Where an instrumented program leaves its counts.
pub struct Counted {
    dir: PathBuf,
    exit: PathBuf,
}

impl Counted {
    /// A directory `counts` below `dir`.
    pub fn prepare(toolchain: &Toolchain, dir: &Path) -> Result<Self> {
        let counted = Counted { dir: dir.join("counts"), exit: dir.join("exit.so") };
        fs::create_dir_all(&counted.dir)?;
        Invocation::new(&toolchain.clang, dir)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&counted.exit)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exit.c"))
            .capture()?;
        Ok(counted)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How the names of the files begin.
    pub fn prefix(&self) -> PathBuf {
        self.dir.join("process")
    }

    /// The files, one for each process that ended.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.path()));
        entries.collect::<Result<_>>().with_context(|| format!("cannot list {}", self.dir.display()))
    }
}

/// Has `program` do all `workloads`, with what it makes below `out`.
pub fn all(workloads: &[Workload], program: &Program, out: &Path, counted: Option<&Counted>) -> Result<()> {
    for workload in workloads {
        let out = out.join(&workload.name);
        fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        one(workload, program, &out, counted).with_context(|| workload.name.clone())?;
    }
    Ok(())
}

/// What `program` prints when it is run with `args`.
pub fn answer(program: &Program, args: &[&str]) -> Result<String> {
    output(command(&program.path(), None).args(args))
}

/// Whether `doctor` finds that `program` is laid out; it may find other problems, too.
pub fn is_known_to_be_laid_out(program: &Program) -> Result<bool> {
    let found = command(&program.path(), None).args(["doctor", "--json"]).output()?;
    Ok(String::from_utf8_lossy(&found.stdout).contains("\"laid_out_by_bolt\": true"))
}

fn one(workload: &Workload, program: &Program, out: &Path, counted: Option<&Counted>) -> Result<()> {
    let run = |program: PathBuf, args: &[&OsStr], options: &[String]| -> Result<()> {
        let counts = || counted.map_or(Ok(0), |counted| Ok::<_, anyhow::Error>(counted.files()?.len()));
        let before = counts()?;
        output(command(&program, counted).current_dir(&workload.link.dir).args(args).args(options))?;
        ensure!(counted.is_none() || counts()? > before, "{} {args:?} left no counts", program.display());
        Ok(())
    };
    match workload.way {
        Way::Backend => {
            let args = ["backend", "--list", ThinLink::LIST, "--out-dir"].map(OsStr::new);
            let flags = [&["--".to_owned()], &*workload.flags].concat();
            run(program.path(), &[&args[..], &[out.as_os_str()]].concat(), &flags)?;
        }
        Way::Linker | Way::Relocatable => {
            let kind = if matches!(workload.way, Way::Linker) { "-shared" } else { "-r" };
            let linked = out.join("linked");
            let args = [OsStr::new(kind), OsStr::new("-o"), linked.as_os_str()];
            let modules = workload.link.modules.iter().map(|module| module.as_os_str());
            run(program.linker(), &args.into_iter().chain(modules).collect::<Vec<_>>(), &[])?;
        }
        Way::Compiler => {
            for (number, module) in workload.link.modules.iter().take(3).enumerate() {
                let index = format!("-fthinlto-index={}.thinlto.bc", module.display());
                let object = out.join(format!("{number}.o"));
                let args = ["cc", "-x", "ir", "-c", &index, "-o"].map(OsStr::new);
                let args = [&args[..], &[object.as_os_str(), module.as_os_str()]].concat();
                run(program.path(), &args, &workload.flags)?;
            }
            run(program.path(), &[OsStr::new("--version")], &[])?;
        }
    }
    Ok(())
}

/// `program`, undisturbed by the make that may run this one and by settings of the person who does.
fn command(program: &Path, counted: Option<&Counted>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name == "MAKEFLAGS" || name.as_encoded_bytes().starts_with(b"THINFARM") {
            command.env_remove(name);
        }
    }
    command.env("THINFARM_MACHINE_SHARE", "off");
    if let Some(counted) = counted {
        command.env("LD_PRELOAD", &counted.exit);
    }
    command
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}:\n  {command:?}\n{complaint}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
