//! The oracle: clang, once per module, with the flags that kbuild recorded, read by a shell.
//!
//! None of this is thinfarm's own reading of a `.cmd` file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use thinfarm_corpora::{Toolchain, default_jobs};

/// A module of a kernel and what thinfarm made of it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The build directory; the paths are relative to it.
    pub build: PathBuf,
    /// The module, such as `init/main.o`.
    pub module: String,
    /// Its index.
    pub index: PathBuf,
    /// thinfarm's object.
    pub native: PathBuf,
}

impl Compiled {
    /// `module` with its index and its object below `prefix`.
    pub fn new(build: &Path, module: &str, prefix: &str) -> Self {
        let stem = module.strip_suffix(".o").unwrap_or(module);
        Compiled {
            build: build.to_owned(),
            module: module.to_owned(),
            index: Path::new(prefix).join(format!("{module}.thinlto.bc")),
            native: Path::new(prefix).join(format!("{stem}.thinlto-native.o")),
        }
    }

    /// The flags its `.cmd` file has for it, in shell syntax: what a 7.2 kernel saves for the backend, or
    /// else the front end's.
    pub fn flags(&self) -> Result<String> {
        let (path, text) = self.record()?;
        flags_in(&text).with_context(|| format!("{} has no compile command", path.display()))
    }

    /// The source file that its `.cmd` file names.
    pub fn source(&self) -> Result<String> {
        let (path, text) = self.record()?;
        let source =
            text.lines().find(|line| line.starts_with("source_")).and_then(|line| line.split_once(" := "));
        let (_, source) = source.with_context(|| format!("{} names no source", path.display()))?;
        Ok(source.to_owned())
    }

    /// The `.cmd` file and its text.
    fn record(&self) -> Result<(PathBuf, String)> {
        let (dir, name) = self.module.rsplit_once('/').unwrap_or((".", &self.module));
        let path = self.build.join(dir).join(format!(".{name}.cmd"));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path, text))
    }

    /// The object clang makes with those flags and `extra`.
    pub fn by_clang(&self, extra: &str, toolchain: &Toolchain, output: &Path) -> Result<Vec<u8>> {
        let script = format!(
            "exec \"$0\" {} {extra} -x ir -fno-lto -Wno-unused-command-line-argument \
             -fthinlto-index=\"$1\" -c -o \"$2\" \"$3\"",
            self.flags()?
        );
        let run = Command::new("sh")
            .arg("-c")
            .arg(&script)
            .arg(&toolchain.clang)
            .args([&self.index, output, Path::new(&self.module)])
            .current_dir(&self.build)
            .output()?;
        if !run.status.success() {
            bail!("clang fails on {}:\n{}", self.module, String::from_utf8_lossy(&run.stderr));
        }
        Ok(fs::read(output)?)
    }
}

fn flags_in(cmd: &str) -> Option<String> {
    if let Some(line) = cmd.lines().find(|line| line.starts_with("saved_c_flags_")) {
        return Some(line.split_once(" := ")?.1.to_owned());
    }
    let (_, command) = cmd.lines().find(|line| line.starts_with("savedcmd_"))?.split_once(" := ")?;
    let command = command.replace("$(pound)", "#").replace("$$", "$");
    let (_compiler, rest) = command.split_once(' ')?;
    let (flags, _) = rest.split_once(" -c -o ")?;
    Some(flags.split(' ').filter(|word| !word.starts_with("-Wp,-MMD,")).collect::<Vec<_>>().join(" "))
}

/// Compares thinfarm's object of each module with clang's. Any difference is an error.
pub fn compare_all(modules: &[Compiled], toolchain: &Toolchain) -> Result<()> {
    let verdicts = each(modules, |compiled, output| {
        let native = compiled.build.join(&compiled.native);
        let ours = fs::read(&native).with_context(|| format!("there is no {}", native.display()))?;
        Ok(ours == compiled.by_clang("", toolchain, output)?)
    })?;
    let different: Vec<&str> = modules
        .iter()
        .zip(&verdicts)
        .filter(|(_, same)| !**same)
        .map(|(compiled, _)| compiled.module.as_str())
        .collect();
    println!("  {} of {} objects identical to clang's", modules.len() - different.len(), modules.len());
    if modules.is_empty() {
        bail!("there are no modules to compare");
    }
    if !different.is_empty() {
        bail!("not clang's objects:\n  {}", different.join("\n  "));
    }
    Ok(())
}

/// Does `work` for each module, on all cores; each call has a file of its own to write to.
pub fn each<T: Send>(
    modules: &[Compiled],
    work: impl Fn(&Compiled, &Path) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(modules.len()));
    thread::scope(|scope| {
        for worker in 0..default_jobs() {
            let (next, results, work) = (&next, &results, &work);
            scope.spawn(move || {
                while let Some((number, compiled)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    modules.get(number).map(|compiled| (number, compiled))
                } {
                    let output = compiled.build.join(format!(".tmp_oracle{worker}.o"));
                    let result = work(compiled, &output);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_before_the_output() {
        let cmd = "savedcmd_a.o := clang -Wp,-MMD,.a.o.d -Os -DX='\"a\\$(pound)b$$c\"' -c -o a.o a.c ; objtool a.o\n";
        assert_eq!(flags_in(cmd).unwrap(), "-Os -DX='\"a\\#b$c\"'");
    }

    #[test]
    fn saved_flags_come_first() {
        let cmd = "savedcmd_a.o := clang -Os -c -o a.o a.c\n\nsaved_c_flags_x/../a.o := -O3\n";
        assert_eq!(flags_in(cmd).unwrap(), "-O3");
    }
}
