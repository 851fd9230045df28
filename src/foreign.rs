//! What other tools wrote, whole and damaged, for the tests of those who read it.

use std::fs;
use std::path::Path;

/// Every text of the kind `kind`, and for some hundred places in it: cut off there, without the character
/// there, and with one that means something to a parser.
pub(crate) fn damaged(kind: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(kind);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut texts = Vec::new();
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for (at, character) in text.char_indices().step_by(1 + text.len() / 500) {
            let (before, after) = (&text[..at], &text[at + character.len_utf8()..]);
            texts.push(before.to_owned());
            texts.push(format!("{before}{after}"));
            for special in ["\"", "'", "\\", "$(", ";", "{", "]", "\0", " := "] {
                texts.push(format!("{before}{special}{after}"));
            }
        }
        texts.push(text);
    }
    assert!(!texts.is_empty(), "{} is empty", folder.display());
    texts
}
