//! Data flows one way through the library: no folder of `src` uses one that uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of the library, and what each uses. Each stands below all that it uses, so there are no circles.
const USES: [(&str, &[&str]); 19] = [
    ("memo", &[]),
    ("parallel", &[]),
    ("toolchain", &[]),
    ("output", &[]),
    ("trust", &[]),
    ("records", &["output"]),
    ("config", &["trust"]),
    ("input", &["memo"]),
    ("options", &["config", "input", "parallel"]),
    ("plan", &["input", "options", "output"]),
    ("fingerprint", &["input", "memo", "plan", "records"]),
    ("backend", &["input", "options", "output", "plan"]),
    ("cache", &["backend", "fingerprint", "input", "memo", "output", "plan", "trust"]),
    ("report", &["backend", "cache", "plan"]),
    ("incremental", &["backend", "fingerprint", "output", "parallel", "plan", "report"]),
    ("verify", &["backend", "input", "output", "parallel", "plan", "toolchain"]),
    ("farm", &["backend", "cache", "input", "output", "parallel", "plan", "records", "report", "trust"]),
    (
        "link",
        &["backend", "cache", "farm", "input", "options", "output", "plan", "report", "toolchain", "trust"],
    ),
    // The program's front door. Nothing of the library knows it.
    (
        "cli",
        &[
            "cache",
            "config",
            "farm",
            "incremental",
            "input",
            "link",
            "options",
            "output",
            "plan",
            "report",
            "toolchain",
            "trust",
            "verify",
        ],
    ),
];

/// The module that stands for the library as a whole: what unit tests share.
const SHARED_BY_TESTS: &str = "foreign";

/// Unit tests of the errors of all folders.
const OF_ALL_ERRORS: &str = "error_chains";

/// What the code of one folder names of others.
#[derive(Default)]
struct Used {
    by_code: BTreeSet<String>,
    by_tests: BTreeSet<String>,
}

#[test]
fn no_folder_uses_one_that_uses_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: BTreeMap<String, Used> = BTreeMap::new();
    for file in sources(&src) {
        let below = file.strip_prefix(&src).unwrap().with_extension("");
        let mut module: Vec<&str> = below.iter().map(|part| part.to_str().unwrap()).collect();
        module.pop_if(|last| *last == "mod");
        let folder = module[0];
        if ["lib", "main", SHARED_BY_TESTS, OF_ALL_ERRORS].contains(&folder) {
            continue;
        }
        let text = without_comments(&fs::read_to_string(&file).unwrap());
        let (code, tests) = text.split_once("#[cfg(test)]\nmod tests").unwrap_or((&text, ""));
        let used = found.entry(folder.to_owned()).or_default();
        used.by_code.extend(others(code, module.len(), folder));
        used.by_tests.extend(others(tests, module.len() + 1, folder));
    }
    let listed: BTreeSet<&str> = USES.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), listed, "folders of src");
    for (at, (folder, uses)) in USES.iter().enumerate() {
        let used = &found[*folder];
        let below: Vec<&str> = USES[..at].iter().map(|(folder, _)| *folder).collect();
        for other in used.by_code.iter().chain(&used.by_tests) {
            assert!(
                below.contains(&other.as_str()),
                "{folder} uses {other}, which is not below it: data flows one way, see DESIGN.md"
            );
        }
        let used: Vec<&str> = used.by_code.iter().map(String::as_str).collect();
        assert_eq!(used, *uses, "what {folder} uses; change the list if that is meant");
    }
}

/// The Rust files below `directory`.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.into_iter().filter(is_rust).chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim_end().to_owned() + "\n")
        .collect()
}

/// The modules at the root of the crate that code in a module so `deep` names, but for its own `folder`.
fn others(code: &str, deep: usize, folder: &str) -> BTreeSet<String> {
    let up = "super::".repeat(deep);
    let paths = ["crate::", &up].into_iter().flat_map(|root| code.split(root).skip(1));
    let names = paths.flat_map(first_names);
    names.filter(|name| name != folder && name != SHARED_BY_TESTS && name != "super").collect()
}

/// What a path goes on with: one name, or the first names of each path in braces.
fn first_names(rest: &str) -> Vec<String> {
    let word =
        |text: &str| text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut names, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                names.push(word(group[from..at].trim()));
                from = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name: &String| !name.is_empty());
    names
}

#[test]
fn every_way_to_name_a_folder_is_seen() {
    let seen =
        |code: &str, deep| others(&without_comments(code), deep, "plan").into_iter().collect::<Vec<_>>();
    assert_eq!(
        seen("use crate::{\n    farm::{Farm, queue},\n    link,\n};\nuse crate::plan::Job;", 1),
        ["farm", "link"]
    );
    assert_eq!(seen("fn f() -> crate::cache::Key { super::super::report::x() }", 2), ["cache", "report"]);
    assert_eq!(seen("// use crate::farm;\nuse super::naming;\nuse super::super::Job;", 3), [""; 0]);
}
