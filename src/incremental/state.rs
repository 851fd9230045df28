//! The file: JSON, a line each for the build that wrote it, for objects and for modules that were read.
//!
//! Lines are added as objects are finished, each with one write; a later line about the same thing
//! counts. What cannot be read as a line is no line. At the end the file is written anew.

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fingerprint::contents::Stamp;
use crate::fingerprint::{Fingerprint, program};
use crate::output::OutputFile;
use crate::plan::Job;

/// How the file begins.
const MAGIC: &str = "{\"state\":{\"version\":";

/// Raised when lines change their meaning.
const VERSION: u32 = 2;

/// The state of one build directory.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    journal: File,
    entries: HashMap<String, ObjectRecord>,
    stamps: HashMap<String, Stamp>,
}

/// What is known of an object that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectRecord {
    /// What it was made of.
    pub(super) fingerprint: Fingerprint,
    /// What was written.
    pub(super) written: Written,
}

/// Size and time of each file a job writes, by which one that somebody else wrote is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written(Vec<Option<(u64, i64, i64)>>);

impl Written {
    pub(super) fn of(job: &Job) -> Self {
        let files = &job.command.files;
        let dwo = Some(&files.split_dwarf_output).filter(|path| !path.is_empty());
        let others = dwo.into_iter().chain(&files.side_outputs).map(Path::new);
        let marks = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
        };
        Self([job.output.as_path()].into_iter().chain(others).map(marks).collect())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    State { version: u32, build: String },
    Object { output: String, entry: ObjectRecord },
    Failed { output: String },
    Module { id: String, stamp: Stamp },
}

impl State {
    /// Reads the file at `path`. Also tells why one that is there is of no use.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<String>)> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        if !text.is_empty() && !text.starts_with(MAGIC.as_bytes()) {
            return Err(io::Error::other("it is there and no state of thinfarm's; it is not written over"));
        }
        let (entries, stamps, complaint) = match parse(&String::from_utf8_lossy(&text)) {
            _ if text.is_empty() => (HashMap::new(), HashMap::new(), None),
            Ok((entries, stamps)) => (entries, stamps, None),
            Err(complaint) => (HashMap::new(), HashMap::new(), Some(complaint)),
        };
        if complaint.is_some() || text.is_empty() {
            OutputFile::create(path)?.finish(head().as_bytes())?;
        }
        let mut journal = File::options().append(true).open(path)?;
        if !text.is_empty() && !text.ends_with(b"\n") {
            // The end of a run that was killed; the next line must not be a part of it.
            journal.write_all(b"\n")?;
        }
        Ok((Self { path: path.to_owned(), journal, entries, stamps }, complaint))
    }

    pub(super) fn stamps(&mut self) -> HashMap<String, Stamp> {
        std::mem::take(&mut self.stamps)
    }

    pub(super) fn entry(&self, output: &str) -> Option<&ObjectRecord> {
        self.entries.get(output)
    }

    /// Forgets every object but these.
    pub(super) fn keep_only(&mut self, outputs: impl Iterator<Item = String>) {
        let outputs: HashSet<String> = outputs.collect();
        self.entries.retain(|output, _| outputs.contains(output));
    }

    pub(super) fn add(&mut self, output: &str, entry: ObjectRecord) -> io::Result<()> {
        self.append(&Line::Object { output: output.to_owned(), entry: entry.clone() })?;
        self.entries.insert(output.to_owned(), entry);
        Ok(())
    }

    pub(super) fn forget(&mut self, output: &str) -> io::Result<()> {
        self.entries.remove(output);
        self.append(&Line::Failed { output: output.to_owned() })
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        self.journal.write_all(text_of(line).as_bytes())
    }

    pub(super) fn finish(self, stamps: impl Iterator<Item = (String, Stamp)>) -> io::Result<()> {
        let mut text = head();
        let objects = self.entries.into_iter().map(|(output, entry)| Line::Object { output, entry });
        let modules = stamps.map(|(id, stamp)| Line::Module { id, stamp });
        for line in objects.chain(modules) {
            text += &text_of(&line);
        }
        OutputFile::create(&self.path)?.finish(text.as_bytes()).map(drop)
    }
}

fn head() -> String {
    text_of(&Line::State { version: VERSION, build: build() })
}

fn text_of(line: &Line) -> String {
    serde_json::to_string(line).expect("lines are plain data") + "\n"
}

/// The program that makes the objects: another one may make others. One that is built or installed anew
/// has another time, so that a bug that was fixed does not live on.
fn build() -> String {
    let marks = || {
        let program = env::current_exe().and_then(fs::metadata);
        let marks = program.map_or((0, 0, 0), |file| (file.size(), file.mtime(), file.mtime_nsec()));
        format!("{marks:?}")
    };
    let identity = program::identity().map_or_else(|_| marks(), |identity| identity.to_string());
    format!("thinfarm {} {identity}, {}", env!("CARGO_PKG_VERSION"), llvm_build::clang_version())
}

type Parsed = (HashMap<String, ObjectRecord>, HashMap<String, Stamp>);

fn parse(text: &str) -> Result<Parsed, String> {
    let mut lines = text.lines().map(serde_json::from_str);
    match lines.next() {
        Some(Ok(Line::State { version: VERSION, build: by })) if by == build() => {}
        Some(Ok(Line::State { .. })) => return Err("it was written by another build of thinfarm".to_owned()),
        _ => return Err("it is damaged".to_owned()),
    }
    let (mut entries, mut stamps) = (HashMap::new(), HashMap::new());
    for line in lines.flatten() {
        match line {
            Line::Object { output, entry } => drop(entries.insert(output, entry)),
            Line::Failed { output } => drop(entries.remove(&output)),
            Line::Module { id, stamp } => drop(stamps.insert(id, stamp)),
            Line::State { .. } => {}
        }
    }
    Ok((entries, stamps))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_another_wrote_is_of_no_use() {
        assert!(head().starts_with(MAGIC) && parse(&head()).is_ok());
        assert!(parse(&head().replace("thinfarm", "thickfarm")).unwrap_err().contains("another build"));
        assert!(
            parse(&head().replace("\"version\":2", "\"version\":3")).unwrap_err().contains("another build")
        );
        assert!(parse("\u{fffd}ELF").unwrap_err().contains("damaged"));
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(text in "\\PC*") {
            let _ = parse(&text);
            prop_assert!(parse(&(head() + &text)).is_ok());
        }
    }
}
