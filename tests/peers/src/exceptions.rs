//! The tests that are known to go otherwise with thinfarm, each with the reason.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::Part;

/// How many lines of a finding are shown, and how wide.
const SHOWN_LINES: usize = 4;
const SHOWN_WIDTH: usize = 240;

/// What goes otherwise in one test.
pub struct Finding {
    /// The test, from the root of LLVM's sources.
    pub test: String,
    /// What it is, in one line or several.
    pub what: String,
}

impl Finding {
    /// What it is, in a few lines that fit a terminal: the first one, and the first that tell of errors.
    pub fn shown(&self) -> Vec<String> {
        let mut lines = self.what.lines();
        let first = lines.next();
        // What a command printed rather than the command, and both sides of a comparison.
        let telling = lines
            .filter(|line| line.starts_with("# | ") || !line.contains("FileCheck") && line.contains(" | "))
            .take(SHOWN_LINES);
        first.into_iter().chain(telling).map(|line| line.chars().take(SHOWN_WIDTH).collect()).collect()
    }
}

/// The list that is kept with this program: a line `PART TEST: REASON` each.
pub struct Exceptions(BTreeMap<(String, String), String>);

impl Exceptions {
    /// The list.
    ///
    /// # Errors
    /// A line has no reason, names no part, or is there twice.
    pub fn read(text: &str) -> Result<Self> {
        let mut reasons = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parsed = line.split_once(": ").and_then(|(of, reason)| Some((of.split_once(' ')?, reason)));
            let ((part, test), reason) =
                parsed.with_context(|| format!("`{line}` is not PART TEST: REASON"))?;
            ensure!(Part::named(part).is_some(), "there is no part called {part} in `{line}`");
            let old = reasons.insert((part.to_owned(), test.to_owned()), reason.to_owned());
            ensure!(old.is_none(), "{part} {test} is there twice");
        }
        Ok(Exceptions(reasons))
    }

    /// Why the test goes otherwise in `part`, if it is on the list.
    pub fn reason(&self, part: &str, test: &str) -> Option<&str> {
        self.0.get(&(part.to_owned(), test.to_owned())).map(String::as_str)
    }

    /// The tests of `part` that are on the list.
    pub fn tests<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter(move |(of, _)| of == part).map(|(_, test)| &**test)
    }

    /// The tests of `part` that are on the list and of which nothing was found.
    pub fn outdated<'a>(&'a self, part: &'a str, findings: &[Finding]) -> Vec<&'a str> {
        let of_part = self.0.keys().filter(|(of, _)| of == part);
        of_part
            .map(|(_, test)| &**test)
            .filter(|test| !findings.iter().any(|found| found.test == *test))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_has_a_reason_and_holds_as_long_as_it_is_found() {
        let exceptions =
            Exceptions::read("# text\n\nelf a.s: looks: twice\nelf b.s: why\ndtlto a.s: why\n").unwrap();
        assert_eq!(exceptions.reason("elf", "a.s"), Some("looks: twice"));
        assert_eq!(exceptions.reason("modules", "a.s"), None);
        let found = [Finding { test: "b.s".to_owned(), what: String::new() }];
        assert_eq!(exceptions.outdated("elf", &found), ["a.s"]);
        for wrong in ["elf a.s", "a.s: why", "none a.s: why", "elf a.s: why\nelf a.s: why"] {
            assert!(Exceptions::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_list_can_be_read() {
        Exceptions::read(include_str!("exceptions.txt")).unwrap();
    }
}
