//! The `recorded` source: the command line that the module itself keeps.
//!
//! clang writes it with `-frecord-command-line` (`!llvm.commandline`), with `-grecord-command-line`
//! (the flags of the compile unit in debug information) and with `-Xclang -fembed-bitcode=marker`
//! (section `.llvmcmd`). No build system is asked, and the file can be moved anywhere.

use std::path::{Path, PathBuf};

use llvm_build::ModuleRecord;

use super::{Kept, RanIn, SourceError};

/// The command line that `record` of `module` holds, if it holds one.
///
/// # Errors
/// It holds those of several files, as after `llvm-link`.
pub fn command(module: &str, record: &ModuleRecord) -> Result<Option<Kept>, SourceError> {
    let ran_in = directory(record).map_or(RanIn::Unknown, RanIn::Directory);
    let kept = |words: Vec<String>, found_in: &str| {
        let mut words = words.into_iter();
        let program = words.next()?;
        let found_in = format!("{found_in} of {module}");
        Some(Kept { program, args: words.collect(), ran_in: ran_in.clone(), found_in })
    };
    if let Some(line) = only(module, &record.command_lines)? {
        return Ok(kept(split_escaped(line), "!llvm.commandline"));
    }
    if !record.embedded_cc1.is_empty() {
        let words = ["clang".to_owned()].into_iter().chain(record.embedded_cc1.iter().cloned());
        return Ok(kept(words.collect(), ".llvmcmd"));
    }
    let line = only(module, &record.debug_flags)?;
    Ok(line.and_then(|line| kept(split_escaped(line), "the compile unit")))
}

/// The directory that debug information names, if it is there. One that is relative (`-ffile-prefix-map=`) says
/// nothing.
fn directory(record: &ModuleRecord) -> Option<PathBuf> {
    let directory = Path::new(&record.directory);
    (directory.is_absolute() && directory.is_dir()).then(|| directory.to_owned())
}

/// The one line there is, however often.
fn only<'a>(module: &str, lines: &'a [String]) -> Result<Option<&'a str>, SourceError> {
    match lines {
        [first, rest @ ..] if rest.iter().any(|line| line != first) => {
            Err(SourceError::SeveralCommands { module: module.to_owned(), count: lines.len() })
        }
        _ => Ok(lines.first().map(String::as_str)),
    }
}

/// Words as clang's driver joins them: separated by blanks; a backslash before a blank or a backslash
/// of a word (`escapeSpacesAndBackslashes` in clang/lib/Driver/ToolChains/Clang.cpp).
fn split_escaped(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            ' ' => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(command_lines: &[&str]) -> ModuleRecord {
        ModuleRecord {
            command_lines: command_lines.iter().map(|&line| line.to_owned()).collect(),
            ..ModuleRecord::default()
        }
    }

    #[test]
    fn blanks_and_backslashes_are_escaped() {
        let line = r#"/bin/clang -D X=a\ b -DP=c:\\d -DQ="q" -c a.c"#;
        assert_eq!(split_escaped(line), ["/bin/clang", "-D", "X=a b", r"-DP=c:\d", "-DQ=\"q\"", "-c", "a.c"]);
        assert_eq!(split_escaped(r"a\"), ["a"]);
    }

    #[test]
    fn one_command_line_may_stand_there_twice_but_not_two() {
        let found = command("a.o", &record(&["clang -O2", "clang -O2"])).unwrap().unwrap();
        assert_eq!((found.program.as_str(), found.args), ("clang", vec!["-O2".to_owned()]));
        let error = command("a.o", &record(&["clang -O2", "clang -O3"])).unwrap_err();
        assert!(error.to_string().contains("a.o"), "{error}");
        assert!(command("a.o", &record(&[])).unwrap().is_none());
    }
}
