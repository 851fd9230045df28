//! One command: shown the way a person would type it, run, and on failure reported whole.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// A program, its arguments, and the directory it runs in. Displays as a shell command line.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: PathBuf,
    args: Vec<OsString>,
    dir: PathBuf,
}

impl Invocation {
    /// `program`, to be run in `dir`.
    pub fn new(program: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Invocation { program: program.into(), args: Vec::new(), dir: dir.into() }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs the command and returns what it printed; any exit status but 0 is an error that shows it.
    pub fn capture(&self) -> Result<Output> {
        let output = self.command().output().with_context(|| self.cannot_start())?;
        if !output.status.success() {
            bail!(
                "{} in {}:\n  {self}\n{}{}",
                output.status,
                self.dir.display(),
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
        }
        Ok(output)
    }

    /// Runs the command with this process's own output, for a person to watch.
    pub fn watch(&self) -> Result<()> {
        let status = self.command().status().with_context(|| self.cannot_start())?;
        if !status.success() {
            bail!("{status} in {}:\n  {self}", self.dir.display());
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir);
        command
    }

    fn cannot_start(&self) -> String {
        format!("cannot run {} in {}", self.program.display(), self.dir.display())
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(self.program.as_os_str()))?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

/// `word` as a POSIX shell reads it back.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_is_one_a_shell_reads_back() {
        let shown = Invocation::new("clang", ".").args(["-DA=b", "-DS=\"it's\"", "", "a b.c"]);
        assert_eq!(shown.to_string(), r#"clang -DA=b '-DS="it'\''s"' '' 'a b.c'"#);
    }

    #[test]
    fn a_failure_shows_command_status_and_output() {
        let error = Invocation::new("sh", "/")
            .args(["-c", "echo because >&2; exit 3"])
            .capture()
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("sh -c 'echo because >&2; exit 3'"), "{error}");
        assert!(error.ends_with("because\n"), "{error}");
    }
}
