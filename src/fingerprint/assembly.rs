//! The files that inline assembly reads.

use std::path::Path;

/// Files that `assembly` reads, as candidates in the order LLVM tries them, the last one there if any
/// is. `None` if that cannot be told without an assembler: `.include`, and names made by macros.
pub(crate) fn files_read(assembly: &[String], search: &[String]) -> Option<Vec<String>> {
    let mut files = Vec::new();
    for text in assembly {
        let lower = text.to_ascii_lowercase();
        for (at, directive) in lower.match_indices(".inc") {
            let name = binary_name(&text[at + directive.len()..])?;
            let below = search.iter().map(|directory| format!("{directory}/{name}"));
            for candidate in std::iter::once(name.to_owned()).chain(below) {
                let found = Path::new(&candidate).is_file();
                files.push(candidate);
                if found {
                    break;
                }
            }
        }
    }
    Some(files)
}

/// The name in `bin "NAME"`, what follows `.inc` in a directive that reads a file as it is.
fn binary_name(rest: &str) -> Option<&str> {
    let directive = rest.get(..3).filter(|word| word.eq_ignore_ascii_case("bin"))?;
    let quoted = rest[directive.len()..].trim_start_matches([' ', '\t']).strip_prefix('"')?;
    let name = &quoted[..quoted.find(['"', '\n'])?];
    // An escape, a macro's argument or an operand: not the name itself.
    let is_plain = quoted[name.len()..].starts_with('"') && !name.contains(['\\', '$']);
    is_plain.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(assembly: &str) -> Option<Vec<String>> {
        files_read(&[assembly.to_owned()], &[])
    }

    #[test]
    fn a_plain_name_is_a_file() {
        assert_eq!(
            read("a:\n\t.incbin \"no/data\"\n.INCBIN\"b\", 2"),
            Some(vec!["no/data".into(), "b".into()])
        );
        assert_eq!(read(".section x"), Some(vec![]));
    }

    #[test]
    fn what_only_an_assembler_knows_is_not_guessed() {
        for text in [
            ".include \"a\"",
            ".incbin \"$0\"",
            ".incbin \"\\name\"",
            ".incbin name",
            ".incbin \"a\n\"",
            ".inc",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_searched_as_the_assembler_does() {
        let directory = tempfile::tempdir().unwrap();
        let [none, first, second] = ["none", "first", "second"].map(|name| {
            let path = directory.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path.display().to_string()
        });
        for found in [&first, &second] {
            std::fs::write(format!("{found}/data"), "").unwrap();
        }
        let files = files_read(&[".incbin \"data\"".into()], &[none.clone(), first.clone(), second]);
        assert_eq!(files, Some(vec!["data".to_owned(), format!("{none}/data"), format!("{first}/data")]));
    }
}
