//! One link by `ld.lld` and by `ld.thinfarm`, and everything that comes out of them compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use thinfarm_corpora::Toolchain;

/// Where linkers put what they make, below the directory that they run in.
pub const OUT: &str = "out";

/// How long a program may run.
const SECONDS: &str = "10";

/// The two linkers.
pub struct Linkers {
    /// clang and lld.
    pub tools: Toolchain,
    /// `ld.thinfarm`, below a directory that lasts as long as this.
    ours: PathBuf,
    _place: tempfile::TempDir,
}

/// What one linker did.
#[derive(PartialEq, Eq)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    files: BTreeMap<String, Vec<u8>>,
}

/// What both did, if they agree.
pub enum Agreed {
    /// They linked.
    Linked,
    /// They refused.
    Refused,
    /// lld was killed by a signal, and ours did not link either.
    Died,
}

impl Linkers {
    /// `thinfarm` is the path of the program.
    pub fn new(tools: Toolchain, thinfarm: &Path) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let ours = place.path().join("ld.thinfarm");
        let thinfarm = std::path::absolute(thinfarm)?;
        symlink(&thinfarm, &ours).with_context(|| format!("cannot link to {}", thinfarm.display()))?;
        Ok(Linkers { tools, ours, _place: place })
    }

    /// Links by both in `dir`, where `args` put all files into the directory [`OUT`], and compares status, messages
    /// and files; runs `program`, if it is one of them. The files of lld stay in `lld`, those of ours in `ours`.
    ///
    /// # Errors
    /// They differ: the error says in what.
    pub fn compare(&self, dir: &Path, args: &[String], program: Option<&str>) -> Result<Agreed> {
        let lld = self.outcome(&self.tools.lld, dir, args, "lld")?;
        let ours = self.outcome(&self.ours, dir, args, "ours")?;
        let mut differences = String::new();
        // A fault of LLVM's ends both. The words are about addresses then, and differ from one lld to the next.
        if lld.code.is_none() && ours.code != Some(0) && ours.files.is_empty() {
            return Ok(Agreed::Died);
        }
        if ours.code != lld.code {
            let _ = writeln!(differences, "status: ours {:?}, lld's {:?}", ours.code, lld.code);
        }
        for (what, ours, lld) in
            [("standard error", &ours.stderr, &lld.stderr), ("standard output", &ours.stdout, &lld.stdout)]
        {
            if ours != lld {
                let _ = writeln!(differences, "{what}: {}", first_difference(ours, lld));
            }
        }
        for name in lld.files.keys().chain(ours.files.keys().filter(|name| !lld.files.contains_key(*name))) {
            match (ours.files.get(name), lld.files.get(name)) {
                (Some(one), Some(other)) if one == other => {}
                (Some(one), Some(other)) => {
                    let at = one.iter().zip(other).position(|(one, other)| one != other);
                    let at = at.unwrap_or(one.len().min(other.len()));
                    let _ = writeln!(
                        differences,
                        "{name} differs from byte {at} on: ours has {} bytes, lld's {}",
                        one.len(),
                        other.len()
                    );
                }
                (ours, _) => {
                    let who = if ours.is_some() { "lld" } else { "ours" };
                    let _ = writeln!(differences, "{who} did not write {name}");
                }
            }
        }
        if let Some(program) = program
            && lld.code == Some(0)
            && !differences.is_empty()
        {
            let (ours, lld) = (prints(dir, "ours", program)?, prints(dir, "lld", program)?);
            if ours != lld {
                let _ = writeln!(differences, "{program} prints something else: ours {ours}, lld's {lld}");
            }
        }
        if !differences.is_empty() {
            bail!("{differences}");
        }
        Ok(match lld.code {
            Some(0) => Agreed::Linked,
            _ => Agreed::Refused,
        })
    }

    /// Runs `linker`, and keeps its files in the directory `name`.
    fn outcome(&self, linker: &Path, dir: &Path, args: &[String], name: &str) -> Result<Outcome> {
        let (out, kept, tmp) = (dir.join(OUT), dir.join(name), dir.join("tmp"));
        for stale in [&out, &kept, &tmp] {
            if stale.exists() {
                fs::remove_dir_all(stale)?;
            }
        }
        fs::create_dir(&out)?;
        fs::create_dir(&tmp)?;
        let mut command = Command::new(linker);
        thinfarm_corpora::alone(&mut command);
        let done = command.args(args).current_dir(dir).env("TMPDIR", &tmp).output()?;
        let left = fs::read_dir(&tmp)?.count();
        if left > 0 {
            bail!("{name} left {left} files in TMPDIR");
        }
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&out)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read(&path)?);
        }
        fs::rename(&out, &kept)?;
        let called = linker.file_name().unwrap_or_default().to_string_lossy();
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*called, "LINKER");
        Ok(Outcome {
            code: done.status.code(),
            stdout: words(&done.stdout),
            stderr: words(&done.stderr),
            files,
        })
    }
}

/// What the program that a linker made does, in words.
pub fn prints(dir: &Path, whose: &str, program: &str) -> Result<String> {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", SECONDS]).arg(dir.join(whose).join(program)).current_dir(dir);
    let done = command.env("LD_LIBRARY_PATH", dir).output().context("cannot run a program")?;
    Ok(format!("{:?}, {}", String::from_utf8_lossy(&done.stdout), done.status))
}

/// The first lines that differ.
fn first_difference(ours: &str, lld: &str) -> String {
    let (mut one, mut other) = (ours.lines(), lld.lines());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return "the ends of lines differ".to_owned(),
            (ours, lld) if ours == lld => {}
            (ours, lld) => return format!("ours says {ours:?}, lld {lld:?}"),
        }
    }
}
