//! The `ninja` source: the commands that ninja itself has for a build directory.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use super::{CompileCommands, SourceError};

/// The commands of the build in `directory`, by default the working directory, from `program` or from the ninja on PATH.
///
/// # Errors
/// There is no ninja, it knows no build there, or its answer is no compilation database.
pub fn compile_commands(
    program: Option<&OsStr>,
    directory: Option<&Path>,
) -> Result<CompileCommands, SourceError> {
    let directory = directory.unwrap_or(Path::new("."));
    if !directory.join("build.ninja").exists() {
        return Err(SourceError::Ninja(format!(
            "there is no {}; name the build's directory (--options ninja=DIR)",
            directory.join("build.ninja").display()
        )));
    }
    let output = run(program, directory)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(SourceError::Ninja(format!("in {}: {}", directory.display(), said.trim_end())));
    }
    let name = format!("ninja -t compdb in {}", directory.display());
    CompileCommands::parse(&output.stdout, name, directory)
}

/// `program`, or else the first of ninja's usual names that is there.
fn run(program: Option<&OsStr>, directory: &Path) -> Result<Output, SourceError> {
    let names = match program {
        Some(name) => vec![name],
        None => vec!["ninja".as_ref(), "ninja-build".as_ref()],
    };
    for name in names {
        // -x: what is in response files, too.
        match Command::new(name).args(["-t", "compdb", "-x"]).current_dir(directory).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(SourceError::Ninja(format!("{}: {error}", name.display()))),
            Ok(output) => return Ok(output),
        }
    }
    Err(SourceError::Ninja(
        "it is not installed, or not on PATH; the variable NINJA names another".to_owned(),
    ))
}
