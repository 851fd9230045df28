//! Bitcode files and index files, mapped and read.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use cxx::UniquePtr;
use memmap2::{Mmap, UncheckedAdvice};

use crate::bridge::ffi::{self, Imports, ModuleFacts, ModuleRecord};

/// Why a file is not an input.
#[derive(Debug)]
pub enum OpenError {
    /// It cannot be read.
    Io(io::Error),
    /// It is not what it should be; LLVM's or our words for why.
    Format(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for OpenError {}

/// One bitcode file, mapped once and shared by the job that compiles it and those that import from
/// it.
pub struct Bitcode {
    // Before the mapping it points into: fields are dropped in order.
    module: UniquePtr<ffi::BitcodeModule>,
    map: Mmap,
    facts: ModuleFacts,
    id: Box<str>,
}

// SAFETY: once opened the C++ object is only read: its identifier, a view of the mapped bytes, and
// positions in them. LLVM's readers copy the latter (`llvm::BitcodeModule` is a value).
unsafe impl Send for Bitcode {}
// SAFETY: as above.
unsafe impl Sync for Bitcode {}

impl fmt::Debug for Bitcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bitcode").field("facts", &self.facts).field("size", &self.size()).finish()
    }
}

impl Bitcode {
    /// Maps the file at `path` and finds its ThinLTO module, which indexes call `id`.
    ///
    /// # Errors
    /// The file cannot be read, or is not bitcode this LLVM can read.
    pub fn open(path: &Path, id: &str) -> Result<Self, OpenError> {
        crate::initialize();
        let file = File::open(path).map_err(OpenError::Io)?;
        let metadata = file.metadata().map_err(OpenError::Io)?;
        if metadata.is_dir() {
            return Err(OpenError::Io(io::ErrorKind::IsADirectory.into()));
        }
        if metadata.len() == 0 {
            return Err(OpenError::Format("the file is empty".to_owned()));
        }
        // SAFETY: the mapping is private and read-only. A file that shrinks while it is mapped makes
        // a read fault, which the guard around every LLVM call turns into an error of that job; a
        // linker that maps its inputs takes the same risk.
        let map = unsafe { Mmap::map(&file) }.map_err(OpenError::Io)?;
        let mut error = String::new();
        let module = ffi::open_bitcode(&map, id, &mut error);
        let Some(opened) = module.as_ref() else {
            return Err(OpenError::Format(why_not_bitcode(&map, error)));
        };
        let facts = opened.facts();
        // An index is bitcode with summaries too, and would compile to an empty object.
        if facts.is_thin_lto && facts.triple.is_empty() {
            return Err(OpenError::Format(
                "it has no target triple: this looks like an index, not a module".to_owned(),
            ));
        }
        Ok(Self { module, map, facts, id: id.into() })
    }

    /// The module id it was opened with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the file says of itself.
    pub fn facts(&self) -> &ModuleFacts {
        &self.facts
    }

    /// What the module remembers of how it was made. Costs about as much as importing from it.
    pub fn record(&self) -> ModuleRecord {
        self.raw().record()
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.map.len() as u64
    }

    /// Lets the kernel take back the pages that jobs have read; whoever reads them again finds them
    /// in the page cache.
    pub fn release_pages(&self) {
        // SAFETY: the mapping is private, read-only and of a file: dropped pages come back with the
        // same contents. A refusal costs memory only.
        let _ = unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) };
    }

    pub(crate) fn raw(&self) -> &ffi::BitcodeModule {
        self.module.as_ref().expect("open() made it")
    }
}

/// Says what a file is when it is not bitcode: LLVM only says that its magic is wrong.
fn why_not_bitcode(bytes: &[u8], error: String) -> String {
    const BITCODE: &[u8] = b"BC\xC0\xDE";
    const WRAPPER: &[u8] = &[0xDE, 0xC0, 0x17, 0x0B];
    if bytes.starts_with(BITCODE) || bytes.starts_with(WRAPPER) {
        return error;
    }
    let kind = if bytes.starts_with(b"\x7fELF") {
        "a native ELF object"
    } else if bytes.starts_with(b"!<arch>\n") || bytes.starts_with(b"!<thin>\n") {
        "an archive"
    } else if bytes.starts_with(b"; ModuleID") {
        "textual LLVM IR"
    } else {
        return format!("not LLVM bitcode ({error})");
    };
    format!("not LLVM bitcode but {kind}")
}

/// The combined index of one module, as a thin link wrote it.
pub struct Index {
    pub(crate) raw: UniquePtr<ffi::SummaryIndex>,
    empty: bool,
}

// SAFETY: the index owns all it refers to and is used by one thread at a time.
unsafe impl Send for Index {}

impl Index {
    /// Reads an index from its bytes. `name` is what LLVM calls it. No bytes make an empty index,
    /// which asks for a compilation without importing.
    ///
    /// # Errors
    /// The bytes are not a summary index.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, OpenError> {
        crate::initialize();
        let mut error = String::new();
        let raw = ffi::read_index(bytes, name, &mut error);
        // A module has a summary of itself, so LLVM takes it for an index that imports nothing.
        if !raw.is_null() && ffi::is_module(bytes) {
            return Err(OpenError::Format("a bitcode module, not an index".to_owned()));
        }
        if raw.is_null() {
            return Err(OpenError::Format(why_not_bitcode(bytes, error)));
        }
        Ok(Self { raw, empty: bytes.is_empty() })
    }

    /// Whether the file was empty.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// What compiling `module_id` with this index imports.
    pub fn imports(&self, module_id: &str) -> Imports {
        self.raw.as_ref().expect("read() made it").imports(module_id)
    }
}
