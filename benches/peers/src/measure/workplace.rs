//! Where everything runs, and what all commands have in common.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use thinfarm_corpora::Toolchain;

use super::OUTPUT;
use super::distributor::Distributor;
use crate::subject::Subject;
use crate::way::Tool;

/// The programs that are measured.
pub struct Programs {
    /// clang and lld.
    pub toolchain: Toolchain,
    /// thinfarm.
    pub thinfarm: PathBuf,
}

/// A subject, and the programs that link it.
pub struct Workplace<'a> {
    /// What is linked.
    pub subject: &'a Subject,
    /// How many backends run at once.
    pub jobs: usize,
    /// clang.
    pub clang: &'a Path,
    /// ld.lld.
    pub lld: &'a Path,
    /// thinfarm.
    pub thinfarm: &'a Path,
    /// thinfarm by the name that makes it a linker.
    pub ld_thinfarm: PathBuf,
    /// What lld starts in a DTLTO link; the reason if there cannot be one.
    pub distributor: Result<Distributor, String>,
}

impl<'a> Workplace<'a> {
    /// Empties the output directory of `subject` and puts there what the commands need.
    pub fn prepare(subject: &'a Subject, programs: &'a Programs, jobs: usize) -> Result<Workplace<'a>> {
        let output = subject.dir.join(OUTPUT);
        remove(&output)?;
        fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
        let ld_thinfarm = output.join("ld.thinfarm");
        symlink(&programs.thinfarm, &ld_thinfarm)
            .with_context(|| format!("cannot link {}", ld_thinfarm.display()))?;
        Ok(Workplace {
            subject,
            jobs,
            clang: &programs.toolchain.clang,
            lld: &programs.toolchain.lld,
            thinfarm: &programs.thinfarm,
            ld_thinfarm,
            distributor: Distributor::write(&output, jobs)?,
        })
    }

    /// Removes all that was written.
    pub fn clear(&self) -> Result<()> {
        remove(&self.path(""))
    }

    /// `program`, in the directory of the link, with nothing in the environment that would tell it how to work:
    /// no make's jobserver and no settings of thinfarm. What thinfarm processes share of the machine, these share
    /// with nobody else.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.subject.dir).env_remove("MAKEFLAGS").env_remove("MFLAGS");
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"THINFARM_") {
                command.env_remove(name);
            }
        }
        command.env("THINFARM_MACHINE_SHARE", self.path("share"));
        command
    }

    /// `linker` with the options of every visit.
    pub fn linker(&self, linker: &Path) -> Command {
        let mut command = self.command(linker);
        command.args(&self.subject.link.options).arg(format!("--threads={}", self.jobs));
        command
    }

    /// `linker` with what it needs to link bitcode, but for the output.
    pub fn linker_of_bitcode(&self, linker: &Path) -> Command {
        let mut command = self.linker(linker);
        command.args(&self.subject.link.backends).arg(format!("--thinlto-jobs={}", self.jobs));
        command.args(&self.subject.link.bitcode);
        command
    }

    /// The absolute path of `name` below the output directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.subject.dir.join(OUTPUT).join(name)
    }

    /// The cache of `tool`.
    pub fn cache(&self, tool: Tool) -> PathBuf {
        self.path(match tool {
            Tool::Thinfarm => "cache-of-thinfarm",
            Tool::LdThinfarm => "cache-of-ld-thinfarm",
            Tool::Lld | Tool::Clang | Tool::Dtlto => "cache-of-lld",
        })
    }

    /// An empty directory `name` below the output directory.
    pub fn empty_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.path(name);
        remove(&dir)?;
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(dir)
    }
}

/// Removes the directory `dir`, if it is there.
fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
