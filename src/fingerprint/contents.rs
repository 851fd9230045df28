//! Hashes of modules, each once per run, and not even that for a file that has not been touched.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use blake3::{Hash, Hasher};
use serde::{Deserialize, Serialize};

use crate::input::{Marks, Modules, now};
use crate::memo::Memo;

/// What an object takes from a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Of the file, or of the member of an archive.
    pub(crate) hash: Hash,
    /// Inline assembly that may read files.
    pub(crate) assembly: Vec<String>,
}

/// The content of a module, and when its file was known to have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stamp {
    marks: Marks,
    content: Content,
    /// When the file was read, nanoseconds since 1970.
    read: i128,
}

/// Answers "the content of the module with this id".
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    modules: Modules,
    earlier: HashMap<String, Stamp>,
    now: Memo<String, Option<Arc<Known>>>,
}

#[derive(Clone, Debug)]
struct Known {
    content: Content,
    /// `None` for a member of an archive, whose file says little about it.
    stamp: Option<Stamp>,
}

impl Hashes {
    /// Begins with what an earlier run found.
    pub(crate) fn knowing(earlier: HashMap<String, Stamp>) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// The content of module `id`, if it can be read.
    pub(crate) fn of(&self, id: &str) -> Option<Content> {
        self.now.get(id, || self.look_at(id).map(Arc::new)).map(|known| known.content.clone())
    }

    fn look_at(&self, id: &str) -> Option<Known> {
        let archives = self.modules.archives();
        let Some(file) = archives.object_path(id) else {
            let bytes = archives.map(id).ok()?;
            let hash = blake3::hash(bytes.bytes());
            return Some(Known { content: self.content(id, hash)?, stamp: None });
        };
        let marks = Marks::of(&file)?;
        if let Some(stamp) = self.earlier.get(id)
            && stamp.marks == marks
            && stamp.marks.are_sure_at(stamp.read)
        {
            return Some(Known { content: stamp.content.clone(), stamp: Some(stamp.clone()) });
        }
        let read = now();
        let mut hasher = Hasher::new();
        hasher.update_reader(File::open(&file).ok()?).ok()?;
        let content = self.content(id, hasher.finalize())?;
        Some(Known { stamp: Some(Stamp { marks, content: content.clone(), read }), content })
    }

    /// A module of this hash, which is opened to be looked at and gives its memory back.
    fn content(&self, id: &str, hash: Hash) -> Option<Content> {
        let mut reading = self.modules.reading();
        let assembly = reading.open(id).ok()?.assembly_that_reads_files().ok()?;
        Some(Content { hash, assembly })
    }

    /// What this run found.
    pub(crate) fn into_stamps(self) -> impl Iterator<Item = (String, Stamp)> {
        self.now.into_made().filter_map(|(id, known)| Some((id, known?.stamp.clone()?)))
    }
}
