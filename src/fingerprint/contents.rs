//! Hashes of modules, each once per run, and not even that for a file that has not been touched.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use blake3::{Hash, Hasher};
use serde::{Deserialize, Serialize};

use crate::input::{Marks, Modules};
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

/// Writes within this time of a reading may leave the marks as they were: clocks of file systems are
/// coarse. Nanoseconds.
const RACY: i128 = 2_000_000_000;

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
            && stamp.is_sure()
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

impl Stamp {
    /// Whether a later write cannot have left the same marks.
    fn is_sure(&self) -> bool {
        self.marks.latest() + RACY < self.read
    }
}

fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_only_if_the_file_was_old_when_it_was_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let marks = Marks::of(file.path()).unwrap();
        let is_sure = |read| {
            let content = Content { hash: blake3::hash(b""), assembly: Vec::new() };
            Stamp { marks, content, read }.is_sure()
        };
        assert!(is_sure(marks.latest() + RACY + 1));
        assert!(!is_sure(marks.latest() + RACY));
    }
}
