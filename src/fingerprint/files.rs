//! The files that options make a backend read, and what is in them: one list for all who say whether an object can be had
//! again.

use std::fs;
use std::path::Path;

use blake3::Hash;
use llvm_build::CodegenOptions;

/// Every file that these options make a backend read: those of options that are known to name one, and whatever in an
/// `-mllvm` option is the name of one.
pub(crate) fn files_of_options(options: &CodegenOptions) -> impl Iterator<Item = &str> {
    let is_file = |path: &&Path| path.is_file();
    files_named(options)
        .chain(parts_of_llvm_args(options).map(|(_, part)| part).filter(is_file).filter_map(Path::to_str))
}

/// The `-mllvm` option that names a directory, if there is one: all that is in it may count.
pub(crate) fn names_directory(options: &CodegenOptions) -> Option<&str> {
    parts_of_llvm_args(options).find_map(|(option, part)| part.is_dir().then_some(option))
}

/// What is in the file at `path`. A missing file is not an empty one: LLVM may look for it in vain.
pub(crate) fn content(path: &str) -> Hash {
    match fs::read(path) {
        Ok(bytes) => blake3::hash(&bytes),
        Err(error) => blake3::hash(format!("no file: {:?}", error.kind()).as_bytes()),
    }
}

fn files_named(options: &CodegenOptions) -> impl Iterator<Item = &str> {
    let cs_profile = if options.cs_profile == "use" { options.cs_profile_path.as_str() } else { "" };
    let list = options.bb_sections.strip_prefix("list=").unwrap_or_default();
    [&options.sample_profile, &options.profile_remapping, cs_profile, list]
        .into_iter()
        .filter(|path| !path.is_empty())
}

/// Each `-mllvm` option with all that may be the name of a file in it.
fn parts_of_llvm_args(options: &CodegenOptions) -> impl Iterator<Item = (&str, &Path)> {
    let parts = |option| parts(option).map(move |part| (option, part));
    options.llvm_args.iter().map(String::as_str).flat_map(parts)
}

/// What may be the name of a file in an option of LLVM: the whole, its value, and what is between commas.
fn parts(option: &str) -> impl Iterator<Item = &Path> {
    let value = option.split_once('=').map(|(_, value)| value);
    [Some(option), value].into_iter().flatten().flat_map(|text| text.split(',').chain([text])).map(Path::new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use llvm_build::{Cc1, parse_cc1};

    use super::*;

    fn options(llvm_args: &[&str]) -> CodegenOptions {
        let options = parse_cc1(&Cc1::new(vec!["-cc1".to_owned()])).unwrap().options;
        CodegenOptions { llvm_args: llvm_args.iter().map(|&arg| arg.to_owned()).collect(), ..options }
    }

    #[test]
    fn every_part_of_an_option_may_be_a_file() {
        let found: Vec<&str> = parts("-a=x=1,y").map(|path| path.to_str().unwrap()).collect();
        for word in ["-a=x=1,y", "x=1,y", "x=1", "y"] {
            assert!(found.contains(&word), "{word}");
        }
    }

    #[test]
    fn files_of_all_options_are_found_and_directories_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        fs::write(&path, "main").unwrap();
        let (path, directory) = (path.to_str().unwrap(), directory.path().to_str().unwrap());
        let option = format!("-no-such-option={path}");
        let named = CodegenOptions { sample_profile: "profile".into(), ..options(&[&option, "-verify"]) };
        assert_eq!(files_of_options(&named).collect::<BTreeSet<_>>(), BTreeSet::from([path, "profile"]));
        assert_eq!(names_directory(&named), None);
        let option = format!("-no-such-option={directory}");
        assert_eq!(names_directory(&options(&["-verify", &option])), Some(option.as_str()));
    }

    #[test]
    fn a_missing_file_is_not_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profile");
        let path = path.to_str().unwrap();
        let missing = content(path);
        fs::write(path, "").unwrap();
        let empty = content(path);
        fs::write(path, "main").unwrap();
        assert!(missing != empty && empty != content(path) && missing != content(path));
    }
}
