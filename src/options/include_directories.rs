//! The directories of headers (`-I`) in a file's options, which differ from directory to directory of a source tree.
//!
//! A backend has no other use for them than inline assembly with `.incbin`, so options that differ in nothing else are
//! asked of clang once, with stand-ins for the directories.

use std::sync::Arc;

use super::words::Words;
use super::{CompileCommand, FileOptions};

/// Begins each stand-in: what neither a command line nor its meaning has for other reasons.
const STAND_IN: &str = "<include directory ";

/// The stand-in of the directory that is the `number`th.
fn stand_in(number: usize) -> String {
    format!("{STAND_IN}{number}>")
}

/// Options with stand-ins, and the directories that these stand for.
#[derive(Debug)]
pub(super) struct IncludeDirectories {
    /// The options.
    pub stand_ins: FileOptions,
    directories: Vec<String>,
}

impl IncludeDirectories {
    /// Those of `options`. `None` if there are none that can be told.
    pub(super) fn of(options: &FileOptions, words: &mut Words) -> Option<Self> {
        if options.flags.iter().any(|flag| flag.contains(STAND_IN)) {
            return None;
        }
        let mut flags = Vec::with_capacity(options.flags.len());
        let mut directories = Vec::new();
        flags.extend(options.flags.first().filter(|flag| *flag == "-cc1").cloned());
        for (option, shape) in words.options(&options.flags)? {
            match option {
                [joined] if shape.is_include_directory => {
                    // Or the long name, with `=`.
                    let (name, directory) =
                        joined.split_at_checked("-I".len()).filter(|(name, _)| *name == "-I")?;
                    flags.push(format!("{name}{}", stand_in(directories.len())));
                    directories.push(directory.to_owned());
                }
                [name, directory] if shape.is_include_directory => {
                    flags.extend([name.clone(), stand_in(directories.len())]);
                    directories.push(directory.clone());
                }
                _ => flags.extend_from_slice(option),
            }
        }
        // `-I-` is no directory, and one after `=` is the sysroot's.
        let is_plain = |directory: &String| directory != "-" && !directory.starts_with('=');
        let may_stand_in = !directories.is_empty() && directories.iter().all(is_plain);
        may_stand_in
            .then(|| Self { stand_ins: FileOptions { flags: flags.into(), ..options.clone() }, directories })
    }

    /// The command for the directories, if `model`, which is one with stand-ins, has all of them where directories are
    /// looked for, or none (with `-nostdinc`), and none elsewhere.
    pub(super) fn put_into(&self, model: &CompileCommand) -> Option<CompileCommand> {
        let is_elsewhere = serde_json::to_string(model.codegen()).ok()?.contains(STAND_IN);
        let mut paths = model.files.assembler_search_paths.clone();
        let mut next = 0;
        for path in paths.iter_mut().filter(|path| path.contains(STAND_IN)) {
            if *path != stand_in(next) {
                return None;
            }
            path.clone_from(self.directories.get(next)?);
            next += 1;
        }
        if is_elsewhere || ![0, self.directories.len()].contains(&next) {
            return None;
        }
        let mut number = 0;
        let flag = |flag: &String| match flag.find(STAND_IN) {
            Some(at) => {
                number += 1;
                format!("{}{}", &flag[..at], self.directories[number - 1])
            }
            None => flag.clone(),
        };
        let flags: Arc<[String]> = model.flags().iter().map(flag).collect();
        Some(model.with_include_directories(flags, paths))
    }
}
