//! `thinfarm doctor FILE`: which linker made a file.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::ExitCode;

use object::read::{Object, ObjectSection, ReadCache};
use serde::Serialize;

use super::print::{self, STRONG};
use crate::link::{Made, MadeBy, who_made};

/// What is known of a file.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a Path,
    verdict: Verdict,
    /// The record, if there is one.
    linked_by: Option<Made>,
    comment: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Thinfarm,
    ChangedSince,
    NoRecord,
    CannotTell,
}

/// Tells who made `file`.
pub(super) fn tell(file: &Path, json: bool) -> ExitCode {
    match answer(file) {
        Ok((answer, words)) => {
            let text = if json {
                serde_json::to_string_pretty(&answer).expect("an answer is plain data") + "\n"
            } else {
                format!("{STRONG}{}{STRONG:#}: {words}\n", file.display())
            };
            let printed = print::answer(&text);
            if answer.verdict == Verdict::Thinfarm { printed } else { ExitCode::FAILURE }
        }
        Err(error) => print::failure(&format_args!("cannot read {}: {error}", file.display())),
    }
}

fn answer(file: &Path) -> io::Result<(Answer<'_>, String)> {
    // Opening a pipe waits for whoever writes to it.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let comment = comment(file)?;
    let says = match &comment[..] {
        [] => "it does not say which linker made it".to_owned(),
        comment => format!("its section .comment says: {}", comment.join("; ")),
    };
    let (verdict, linked_by, words) = match who_made(file)? {
        MadeBy::Us(made) => {
            let words = format!("linked by {}", words(&made));
            (Verdict::Thinfarm, Some(made), words)
        }
        MadeBy::ChangedSince(made) => {
            let words = format!("linked by {}, and changed by something else since; {says}", words(&made));
            (Verdict::ChangedSince, Some(made), words)
        }
        MadeBy::Unknown => {
            let words = format!(
                "not linked by ld.thinfarm, or copied from a file that was: a copy keeps no record, so ask about the \
                 file that the link wrote; {says}"
            );
            (Verdict::NoRecord, None, words)
        }
        MadeBy::CannotTell => {
            let words =
                format!("its file system keeps no record of the linker (no extended attributes); {says}");
            (Verdict::CannotTell, None, words)
        }
    };
    Ok((Answer { file, verdict, linked_by, comment }, words))
}

fn words(made: &Made) -> String {
    let backends = match (made.modules, made.left_to_lld) {
        (0, true) => "ThinLTO, if there was any, by lld's own backends".to_owned(),
        (0, false) => "no ThinLTO".to_owned(),
        (1, _) => "1 ThinLTO module".to_owned(),
        (modules, _) => format!("{modules} ThinLTO modules"),
    };
    format!("{} (lld {}; {backends})", made.linker, made.llvm)
}

/// The lines of the section in which compilers and linkers name themselves; none in what is no ELF file.
fn comment(file: &Path) -> io::Result<Vec<String>> {
    let contents = ReadCache::new(File::open(file)?);
    let Ok(object) = object::File::parse(&contents) else { return Ok(Vec::new()) };
    let section = object.section_by_name(".comment");
    let bytes = section.and_then(|section| section.data().ok()).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    Ok(lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect())
}
