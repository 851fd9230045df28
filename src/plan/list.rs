//! The index list: the file `ld.lld --thinlto-index-only=LIST` writes, one module id per line in
//! link order.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The modules of a thin link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexList {
    /// Module ids as lld spells them, each once, in link order.
    pub modules: Vec<String>,
}

/// A list that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Reading failed.
    #[error("cannot read the index list {}: {source}", path.display())]
    Read {
        /// The list, `-` for standard input.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is not a list was given.
    #[error(
        "{} is not an index list (line {line} is not a path); it is the file that \
         `ld.lld --thinlto-index-only=FILE` writes",
        path.display()
    )]
    NotAList {
        /// The file.
        path: PathBuf,
        /// Where it stops looking like a list, from 1.
        line: usize,
    },
}

impl IndexList {
    /// Reads the list at `path`, or standard input for `-`.
    ///
    /// # Errors
    /// The file cannot be read, or is plainly something else, such as an object.
    pub fn read(path: &Path) -> Result<Self, ListError> {
        let read = |source| ListError::Read { path: path.to_owned(), source };
        let bytes = if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map_err(read)?;
            bytes
        } else {
            fs::read(path).map_err(read)?
        };
        Self::parse(&bytes).map_err(|line| ListError::NotAList { path: path.to_owned(), line })
    }

    /// A part of a link: these modules only.
    pub fn part(modules: Vec<String>) -> Self {
        Self { modules }
    }

    /// Parses a list; the error is the line, from 1, that cannot be a path.
    fn parse(bytes: &[u8]) -> Result<Self, usize> {
        let mut modules: Vec<String> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let path = std::str::from_utf8(line).map_err(|_| number + 1)?;
            if path.contains('\0') {
                return Err(number + 1);
            }
            // lld lists a file once for each time the link names it.
            if seen.insert(path) {
                modules.push(path.to_owned());
            }
        }
        Ok(Self { modules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_one_module_a_line_each_once() {
        let list = IndexList::parse(b"a.o\nsub dir/\xc3\xa4.o\r\n\na.o\n").unwrap();
        assert_eq!(list.modules, ["a.o", "sub dir/ä.o"]);
    }

    #[test]
    fn an_object_is_not_a_list() {
        assert_eq!(IndexList::parse(b"\x7fELF\x02\x01\x01\0\n"), Err(1));
        assert_eq!(IndexList::parse(b"a.o\nBC\xc0\xde\n"), Err(2));
    }

    #[test]
    fn a_missing_list_is_named() {
        let error = IndexList::read(Path::new("no/such/list")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the index list no/such/list: "));
    }
}
