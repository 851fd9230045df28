//! The bytes of modules: each file is mapped and scanned once, and every job that compiles it or
//! imports from it borrows the same mapping.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use llvm_build::{Bitcode, OpenError};

/// Answers "the module with this id".
#[derive(Debug, Default)]
pub struct Modules {
    // The lock guards the map only; a file is opened outside of it, by the first who asks.
    known: Mutex<HashMap<String, Slot>>,
}

type Slot = Arc<OnceLock<Result<Arc<Bitcode>, Arc<OpenError>>>>;

impl Modules {
    /// The module with the given id, opened if this is the first time it is asked for.
    ///
    /// # Errors
    /// The file cannot be read or is not bitcode; the same error for everyone who asks.
    pub fn get(&self, id: &str) -> Result<Arc<Bitcode>, Arc<OpenError>> {
        let slot = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(id) {
                Some(slot) => slot.clone(),
                None => known.entry(id.to_owned()).or_default().clone(),
            }
        };
        slot.get_or_init(|| Bitcode::open(Path::new(id), id).map(Arc::new).map_err(Arc::new)).clone()
    }

    /// A job is done with these modules. Those that no other job is reading keep their mapping, but
    /// give up the memory behind it: a link's bitcode is most of what a farm would otherwise hold.
    pub fn done_with(modules: impl IntoIterator<Item = Arc<Bitcode>>) {
        /// The one in the map and the one in our hands.
        const NOBODY_ELSE: usize = 2;
        for module in modules {
            if Arc::strong_count(&module) == NOBODY_ELSE {
                module.release_pages();
            }
        }
    }
}
