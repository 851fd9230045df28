//! What decides the bytes of an object.

use std::fmt;
use std::fs;

use blake3::{Hash, Hasher};
use llvm_build::{CodegenOptions, Index};
use serde::{Deserialize, Serialize};

use super::hashes::Hashes;
use crate::plan::Job;

/// Hashes of everything that decides the bytes of one object, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// The module and its id.
    module: Hash,
    /// The index's bytes.
    index: Hash,
    /// The modules that the index imports from, and their ids.
    imports: Hash,
    /// The options, the files they name, and what the job writes.
    options: Hash,
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
    /// The options changed, or a file that they name.
    Options,
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
        })
    }
}

impl Fingerprint {
    /// What `job` is made of, if that can be read.
    pub(super) fn of(job: &Job, hashes: &Hashes) -> Option<Self> {
        let index = match job.index.as_os_str().is_empty() {
            true => Vec::new(),
            false => fs::read(&job.index).ok()?,
        };
        let sources = Index::read(&index, &job.index.to_string_lossy()).ok()?.imports(&job.module).sources;
        let mut imports = Hasher::new();
        for source in &sources {
            field(&mut imports, source.as_bytes());
            field(&mut imports, hashes.of(source)?.as_bytes());
        }
        let mut module = Hasher::new();
        field(&mut module, job.module.as_bytes());
        field(&mut module, hashes.of(&job.module)?.as_bytes());
        Some(Self {
            module: module.finalize(),
            index: blake3::hash(&index),
            imports: imports.finalize(),
            options: options(job)?,
        })
    }

    /// The first kind of thing that differs.
    pub(super) fn change_to(&self, now: &Self) -> Option<Change> {
        [
            (self.options == now.options, Change::Options),
            (self.module == now.module, Change::Module),
            (self.index == now.index, Change::Index),
            (self.imports == now.imports, Change::Import),
        ]
        .into_iter()
        .find_map(|(same, change)| (!same).then_some(change))
    }
}

fn field(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

fn options(job: &Job) -> Option<Hash> {
    let mut hasher = Hasher::new();
    let options = job.command.codegen();
    field(&mut hasher, &serde_json::to_vec(&**options).ok()?);
    field(&mut hasher, &serde_json::to_vec(&job.command.files).ok()?);
    // Where clang's own action runs, every cc1 argument may count.
    if !options.clang_action_reason.is_empty() || fs::metadata(&job.index).is_ok_and(|index| index.len() == 0)
    {
        for arg in job.command.cc1().ok()?.args() {
            field(&mut hasher, arg.as_bytes());
        }
    }
    for path in files_named(options) {
        // A missing file is the job's error; its appearance is a change.
        field(&mut hasher, &fs::read(path).unwrap_or_default());
    }
    Some(hasher.finalize())
}

/// The files that options make a backend read.
fn files_named(options: &CodegenOptions) -> impl Iterator<Item = &str> {
    let cs_profile = if options.cs_profile == "use" { options.cs_profile_path.as_str() } else { "" };
    let list = options.bb_sections.strip_prefix("list=").unwrap_or_default();
    [&options.sample_profile, &options.profile_remapping, cs_profile, list]
        .into_iter()
        .filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(seeds: [&str; 4]) -> Fingerprint {
        let [module, index, imports, options] = seeds.map(|seed| blake3::hash(seed.as_bytes()));
        Fingerprint { module, index, imports, options }
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let before = fingerprint(["m", "x", "i", "o"]);
        for (after, change) in [
            (["m", "x", "i", "o"], None),
            (["M", "x", "i", "o"], Some(Change::Module)),
            (["m", "X", "i", "o"], Some(Change::Index)),
            (["m", "x", "I", "o"], Some(Change::Import)),
            (["m", "x", "i", "O"], Some(Change::Options)),
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
