//! What decides the bytes of an object, as one hash.
//!
//! Paths decide nothing, with two exceptions: those that options carry into the object, and the order of module ids,
//! which is part of what an index means. So an object is found again from another directory, at another place in an
//! archive and under the names that lld makes up for a distributed job.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use blake3::{Hash, Hasher};
use llvm_build::{Cc1, CodegenOptions, JobFiles, index_meaning};
use serde::Serialize;

use super::files::{content, files_of_options};
use super::remembered::RememberedHashes;
use super::uncacheable::Uncacheable;
use crate::input::{Location, Marks, Modules};
use crate::memo::Memo;
use crate::plan::Job;

/// What an object is made of: everything that decides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub struct Key(Hash);

impl Key {
    /// The key that is `hash`.
    pub fn new(hash: Hash) -> Self {
        Self(hash)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Raised when the same inputs would make another key, or another entry.
const VERSION: u32 = 2;

/// Everything that decides the bytes of an object and what is told of making it.
#[derive(Serialize)]
struct Inputs<'a> {
    version: u32,
    /// See [`super::program`].
    build: Hash,
    /// The `-mllvm` options of the process are among them.
    options: &'a CodegenOptions,
    /// What CodeView debug information calls the object.
    object_filename_for_debug: &'a str,
    /// Which diagnostics are told, as what and how.
    diagnostics: &'a [String],
    /// What the index says, with modules called by their rank.
    index: [u8; 32],
    /// The module's content.
    module: Hash,
    /// The content of the modules that the index names, by rank.
    modules: Hash,
    /// The content of each file that options name.
    files: &'a [(&'a str, Hash)],
}

impl Inputs<'_> {
    fn key(&self) -> Key {
        let text = serde_json::to_vec(self).expect("inputs are plain data");
        Key(blake3::hash(&text))
    }
}

/// A module as a job reads it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) id: String,
    /// Of the bitcode, as it is mapped.
    pub(crate) hash: Hash,
    file: PathBuf,
    /// Of the file, as it was opened and when it was to be read.
    marks: Marks,
}

/// What a key was made of, as far as it may change until the object is made.
#[derive(Debug)]
pub(crate) struct Read {
    /// The module, and those that its index names.
    pub(crate) modules: Vec<Arc<Source>>,
    /// The index's bytes.
    index: Hash,
    /// Of the files that options name.
    files: Vec<(String, Hash)>,
}

/// Makes the keys of one run's jobs, and reads what they have in common once.
#[derive(Debug)]
pub(crate) struct Keys<'a> {
    build: Hash,
    pub(crate) modules: &'a Modules,
    remembered: Option<RememberedHashes>,
    sources: Memo<String, Option<Result<Arc<Source>, Uncacheable>>>,
    files: Memo<String, Hash>,
    diagnostics: Memo<Cc1, Option<Arc<[String]>>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(build: Hash, modules: &'a Modules, remembered: Option<RememberedHashes>) -> Self {
        let (sources, files, diagnostics) = Default::default();
        Self { build, modules, remembered, sources, files, diagnostics }
    }

    /// Leaves the hashes of modules for later runs.
    pub(crate) fn keep_hashes(&self) {
        if let Some(remembered) = &self.remembered {
            remembered.keep();
        }
    }

    /// The key of the object that `job` makes.
    pub(crate) fn of(&self, job: &Job) -> Result<(Key, Read), Uncacheable> {
        if let Some(reason) = Uncacheable::by_options(job) {
            return Err(reason);
        }
        let options = job.command.codegen();
        // Every field, so that a new one is thought of here.
        let JobFiles {
            index: _,
            output: _,
            input: _,
            object_filename_for_debug,
            // Assembly that reads files has no key, and others come to `by_options`.
            assembler_search_paths: _,
            split_dwarf_file: _,
            split_dwarf_output: _,
            side_outputs: _,
        } = &job.command.files;
        let index = job.read_index().map_err(|_| Uncacheable::Unreadable)?;
        if index.is_empty() {
            return Err(Uncacheable::ClangAction("no index".to_owned()));
        }
        let meaning = index_meaning(&index, &job.module).map_err(|_| Uncacheable::Unreadable)?;
        let module = self.source(&job.module)?;
        let named = meaning.modules.iter().map(|id| self.source(id)).collect::<Result<Vec<_>, _>>()?;
        let mut modules = Hasher::new();
        for source in &named {
            modules.update(source.hash.as_bytes());
        }
        let files: Vec<(&str, Hash)> =
            files_of_options(options).map(|path| (path, self.file(path))).collect();
        let inputs = Inputs {
            version: VERSION,
            build: self.build,
            options,
            object_filename_for_debug,
            diagnostics: &self.diagnostics(job.command.warning_flags())?,
            index: meaning.hash,
            module: module.hash,
            modules: modules.finalize(),
            files: &files,
        };
        let read = Read {
            modules: [module].into_iter().chain(named).collect(),
            index: blake3::hash(&index),
            files: files.iter().map(|(path, hash)| ((*path).to_owned(), *hash)).collect(),
        };
        Ok((inputs.key(), read))
    }

    fn source(&self, id: &str) -> Result<Arc<Source>, Uncacheable> {
        let look = || {
            let file = file_of(self.modules, id);
            let file = file.and_then(|path| Marks::of(&path).map(|marks| (path, marks)));
            let mut reading = self.modules.reading();
            let module = reading.open(id).ok()?;
            let (path, marks) = file?;
            // It may have been opened long before, and written or replaced since.
            if Marks::of_opened(module) != Some(marks) {
                return Some(Err(Uncacheable::Changed));
            }
            let make = || blake3::hash(module.bitcode());
            let hash = match &self.remembered {
                Some(remembered) => remembered.get(id, &path, &marks, make),
                None => make(),
            };
            Some(Ok(Arc::new(Source { id: id.to_owned(), hash, file: path, marks })))
        };
        self.sources.get(id, look).unwrap_or(Err(Uncacheable::Unreadable))
    }

    fn file(&self, path: &str) -> Hash {
        self.files.get(path, || content(path))
    }

    fn diagnostics(&self, cc1: &Cc1) -> Result<Arc<[String]>, Uncacheable> {
        let look = || cc1.diagnostic_files().is_empty().then(|| cc1.diagnostic_options().into());
        self.diagnostics.get(cc1, look).ok_or(Uncacheable::DiagnosticFiles)
    }
}

impl Read {
    /// Whether what was read for the key is what was compiled, when a job is done that read it again from the same
    /// mappings.
    pub(crate) fn is_unchanged(&self, job: &Job) -> bool {
        let is_same = |source: &Arc<Source>| Marks::of(&source.file) == Some(source.marks);
        self.others_are_unchanged(job) && self.modules.iter().all(is_same)
    }

    /// The same, if the job was done by another process, which has mappings of its own.
    pub(crate) fn is_the_same_anew(&self, job: &Job) -> bool {
        let modules = Modules::default();
        let is_same = |source: &Arc<Source>| {
            let mut reading = modules.reading();
            reading.open(&source.id).is_ok_and(|module| blake3::hash(module.bitcode()) == source.hash)
        };
        self.is_unchanged(job) && self.modules.iter().all(is_same)
    }

    fn others_are_unchanged(&self, job: &Job) -> bool {
        job.read_index().is_ok_and(|index| blake3::hash(&index) == self.index)
            && self.files.iter().all(|(path, hash)| content(path) == *hash)
    }
}

/// The file that has the bytes of a module: its own, or an archive.
fn file_of(modules: &Modules, id: &str) -> Option<PathBuf> {
    modules.archives().object_path(id).or_else(|| match Location::of(id) {
        Location::File(path) => Some(path),
        Location::Member { archive, .. } => Some(archive),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::toolchain::Tool;

    fn hash(text: &str) -> Hash {
        blake3::hash(text.as_bytes())
    }

    /// Planning opens modules before their marks are looked at.
    #[test]
    fn a_module_that_was_written_or_replaced_since_it_was_opened_counts_as_changed() {
        let directory = tempfile::tempdir().unwrap();
        let [source, object, other] = ["m.c", "m.o", "other.o"].map(|name| directory.path().join(name));
        let compile = |text: &str, object: &Path| {
            fs::write(&source, text).unwrap();
            let mut clang = Command::new(Tool::Clang.path().unwrap());
            let status = clang.args(["-flto=thin", "-c", "-o"]).arg(object).arg(&source).status();
            assert!(status.unwrap().success());
        };
        compile("int f(void) { return 1; }", &object);
        compile("int g(void) { return 1; }", &other);
        let id = object.to_str().unwrap();
        let index = directory.path().join("m.bc");
        fs::write(&index, "index").unwrap();
        let job = Job::new(id, index, "m.native.o", Arc::default());
        let is_unchanged = |change: &dyn Fn()| {
            let modules = Modules::default();
            modules.glimpse(id).unwrap();
            change();
            let keys = Keys::new(hash("build"), &modules, None);
            let Ok(source) = keys.source(id) else { return false };
            let read = Read { modules: vec![source], index: hash("index"), files: Vec::new() };
            read.is_unchanged(&job)
        };
        assert!(is_unchanged(&|| {}));
        assert!(!is_unchanged(&|| drop(fs::write(id, fs::read(&other).unwrap()))));
        assert!(!is_unchanged(&|| drop(fs::rename(&other, id))));
    }

    #[test]
    fn every_input_counts() {
        let options = llvm_build::parse_cc1(&Cc1::new(vec!["-cc1".to_owned()])).unwrap().options;
        let other_options = CodegenOptions { tls_size: 7, ..options.clone() };
        let diagnostics = ["IgnoreWarnings=0".to_owned()];
        let files = [("profile", hash("profile"))];
        let inputs = || Inputs {
            version: VERSION,
            build: hash("build"),
            options: &options,
            object_filename_for_debug: "",
            diagnostics: &diagnostics,
            index: [1; 32],
            module: hash("module"),
            modules: hash("modules"),
            files: &files,
        };
        let others = [
            Inputs { version: VERSION + 1, ..inputs() },
            Inputs { build: hash("another build"), ..inputs() },
            Inputs { options: &other_options, ..inputs() },
            Inputs { object_filename_for_debug: "a.o", ..inputs() },
            Inputs { diagnostics: &[], ..inputs() },
            Inputs { index: [2; 32], ..inputs() },
            Inputs { module: hash("another module"), ..inputs() },
            Inputs { modules: hash("other modules"), ..inputs() },
            Inputs { files: &[("profile", hash("another profile"))], ..inputs() },
        ];
        let fields = serde_json::to_value(inputs()).unwrap().as_object().unwrap().len();
        assert_eq!(others.len(), fields, "one for each field");
        let mut keys: Vec<String> = others.iter().chain([&inputs()]).map(|it| it.key().to_string()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), fields + 1);
        assert_eq!(inputs().key(), inputs().key());
    }
}
