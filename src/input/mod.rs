//! The bytes of modules: each file is mapped and scanned once, and every job that compiles it or
//! imports from it borrows the same mapping. Members of a regular archive share the archive's.

mod archive;
mod archives;
mod location;
mod marks;

use std::path::Path;
use std::sync::Arc;

pub use archives::{Archives, Glance};
use llvm_build::{Bitcode, OpenError};
pub use location::Location;
pub use marks::{Marks, now};

use crate::memo::Memo;

/// Answers "the module with this id".
#[derive(Debug, Default)]
pub struct Modules {
    known: Memo<String, Result<Arc<Bitcode>, Arc<OpenError>>>,
    archives: Archives,
}

/// Mappings that stay when no job reads them. A process may have 65,530 on Linux
/// (`vm.max_map_count`); beyond this number modules are unmapped and, if needed, mapped again.
const MOST_IDLE: usize = 32_768;

/// Modules smaller than this keep their pages, bytes: to give back one or two costs more than they are worth, and
/// every job that imports from the module would ask the kernel for them again.
const SMALL: u64 = 8 << 10;

impl Modules {
    /// The module with the given id, opened if this is the first time it is asked for.
    fn get(&self, id: &str) -> Result<Arc<Bitcode>, Arc<OpenError>> {
        let open = || self.archives.map(id).and_then(|bytes| Bitcode::open(bytes, id));
        self.known.get(id, || open().map(Arc::new).map_err(Arc::new))
    }

    /// The size and kind of a module, as [`Archives::glance`] tells, but of one that is open without a look at its file.
    pub(crate) fn glance(&self, id: &str) -> Glance {
        match self.known.made(id) {
            Some(Ok(module)) => Glance { size: module.file_size(), is_native: false },
            _ => self.archives.glance(id),
        }
    }

    /// Where the modules are found.
    pub(crate) fn archives(&self) -> &Archives {
        &self.archives
    }

    /// The module with the given id, for who reads little of it: its pages stay for the job that reads the rest.
    ///
    /// # Errors
    /// As of [`Reading::open`].
    pub(crate) fn glimpse(&self, id: &str) -> Result<Arc<Bitcode>, Arc<OpenError>> {
        let module = self.get(id)?;
        self.known.forget_beyond(MOST_IDLE, id);
        Ok(module)
    }

    /// What one job reads: nothing yet.
    pub fn reading(&self) -> Reading<'_> {
        Reading { modules: self, read: Vec::new() }
    }

    fn done_with(&self, module: Arc<Bitcode>) {
        /// The one in the map and the one in our hands.
        const NOBODY_ELSE: usize = 2;
        if module.size() >= SMALL && Arc::strong_count(&module) == NOBODY_ELSE {
            module.release_pages();
        }
        self.known.forget_beyond(MOST_IDLE, module.id());
    }
}

/// The modules that one job reads. Dropped, those that no other job reads keep their mapping, but
/// give up the memory behind it unless it is a page or two: a link's bitcode is most of what a farm would otherwise hold.
#[derive(Debug)]
pub struct Reading<'a> {
    modules: &'a Modules,
    read: Vec<Arc<Bitcode>>,
}

impl Reading<'_> {
    /// Opens one more.
    ///
    /// # Errors
    /// The file cannot be read or is not bitcode; the same error for everyone who asks.
    pub fn open(&mut self, id: &str) -> Result<&Bitcode, Arc<OpenError>> {
        let module = self.modules.get(id)?;
        self.read.push(module);
        Ok(&self.read[self.read.len() - 1])
    }

    /// Those opened, in that order.
    pub fn opened(&self) -> impl Iterator<Item = &Bitcode> {
        self.read.iter().map(AsRef::as_ref)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        for module in self.read.drain(..) {
            self.modules.done_with(module);
        }
    }
}

/// Whether the file that has the module's id for a name is the module, as clang takes for granted: it
/// knows neither archives nor FatLTO objects.
pub fn is_its_own_file(module: &Bitcode) -> bool {
    !module.facts().is_embedded && Path::new(module.id()).exists()
}
