//! What decides the bytes of an object.

use std::fmt;

use blake3::{Hash, Hasher};
use llvm_build::index_imports;
use serde::{Deserialize, Serialize};

use super::assembly::files_read;
use super::contents::Hashes;
use super::files::{content, files_of_options, names_directory};
use crate::plan::Job;

/// Hashes of everything that decides the bytes of one object, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    /// The module and its id.
    module: Hash,
    /// The index's bytes.
    index: Hash,
    /// The modules that the index imports from, and their ids.
    imports: Hash,
    /// The options, and what the job writes.
    options: Hash,
    /// The files that options and inline assembly name.
    files: Hash,
}

/// Why an object has to be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing is known of it.
    New,
    /// It is missing, or is not the one that was written.
    Object,
    /// The module changed.
    Module,
    /// The index changed: other imports, or other decisions of the thin link.
    Index,
    /// A module that it imports from changed.
    Import,
    /// The options changed.
    Options,
    /// A file that options or inline assembly name changed.
    File,
    /// Inline assembly reads files, and only an assembler can say which.
    Assembly,
    /// An option of LLVM names a directory, of which all may count.
    Directory,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Object => "the object is missing or was changed",
            Self::Module => "the module changed",
            Self::Index => "the index changed",
            Self::Import => "an imported module changed",
            Self::Options => "the options changed",
            Self::File => "a file that options or assembly read changed",
            Self::Assembly => "its assembly reads files that cannot be told beforehand",
            Self::Directory => "an -mllvm option names a directory",
        })
    }
}

impl Fingerprint {
    /// What `job` is made of, or why that cannot be told.
    pub(crate) fn of(job: &Job, hashes: &Hashes) -> Result<Self, Change> {
        // What cannot be read is not compiled either; the job says why.
        let index = job.read_index().map_err(|_| Change::New)?;
        let sources = index_imports(&index, &job.module).map_err(|_| Change::New)?.sources;
        let options = job.command.codegen();
        if names_directory(options).is_some() {
            return Err(Change::Directory);
        }
        let mut files = Hasher::new();
        let mut module = |id: &String| -> Result<Hash, Change> {
            let content = hashes.of(id).ok_or(Change::New)?;
            let search = &job.command.files.assembler_search_paths;
            for path in files_read(&content.assembly, search).ok_or(Change::Assembly)? {
                file(&mut files, &path);
            }
            let mut hasher = Hasher::new();
            field(&mut hasher, id.as_bytes());
            field(&mut hasher, content.hash.as_bytes());
            Ok(hasher.finalize())
        };
        let own = module(&job.module)?;
        let mut imports = Hasher::new();
        for source in &sources {
            imports.update(module(source)?.as_bytes());
        }
        for path in files_of_options(options) {
            file(&mut files, path);
        }
        Ok(Self {
            module: own,
            index: blake3::hash(&index),
            imports: imports.finalize(),
            options: hash_of_options(job, index.is_empty()).ok_or(Change::New)?,
            files: files.finalize(),
        })
    }

    /// The first kind of thing that differs.
    pub(crate) fn change_to(&self, now: &Self) -> Option<Change> {
        [
            (self.options == now.options, Change::Options),
            (self.module == now.module, Change::Module),
            (self.index == now.index, Change::Index),
            (self.imports == now.imports, Change::Import),
            (self.files == now.files, Change::File),
        ]
        .into_iter()
        .find_map(|(same, change)| (!same).then_some(change))
    }
}

fn field(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

/// A file with what is in it. A missing one is the job's error, or one that is not looked for; its appearance is a change.
fn file(hasher: &mut Hasher, path: &str) {
    field(hasher, path.as_bytes());
    field(hasher, content(path).as_bytes());
}

fn hash_of_options(job: &Job, no_index: bool) -> Option<Hash> {
    let mut hasher = Hasher::new();
    let options = job.command.codegen();
    field(&mut hasher, &serde_json::to_vec(&**options).ok()?);
    field(&mut hasher, &serde_json::to_vec(&job.command.files).ok()?);
    // Where clang's own action runs, every cc1 argument may count.
    if !options.clang_action_reason.is_empty() || no_index {
        for arg in job.command.cc1().ok()?.args() {
            field(&mut hasher, arg.as_bytes());
        }
    }
    Some(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(seeds: [&str; 5]) -> Fingerprint {
        let [module, index, imports, options, files] = seeds.map(|seed| blake3::hash(seed.as_bytes()));
        Fingerprint { module, index, imports, options, files }
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let before = fingerprint(["m", "x", "i", "o", "f"]);
        for (after, change) in [
            (["m", "x", "i", "o", "f"], None),
            (["M", "x", "i", "o", "f"], Some(Change::Module)),
            (["m", "X", "i", "o", "f"], Some(Change::Index)),
            (["m", "x", "I", "o", "f"], Some(Change::Import)),
            (["m", "x", "i", "O", "f"], Some(Change::Options)),
            (["m", "x", "i", "o", "F"], Some(Change::File)),
        ] {
            assert_eq!(before.change_to(&fingerprint(after)), change);
        }
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let hash = |fields: [&str; 2]| {
            let mut hasher = Hasher::new();
            fields.iter().for_each(|text| field(&mut hasher, text.as_bytes()));
            hasher.finalize()
        };
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
    }
}
