//! Bitcode files and index files, mapped and read.

use std::fmt;
use std::io;
use std::sync::OnceLock;

use cxx::UniquePtr;

use crate::bridge::ffi::{self, Imports, IndexMeaning, ModuleFacts, ModuleRecord};
use crate::mapped::{FileState, Mapped};

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

/// One bitcode module, mapped once and shared by the job that compiles it and those that import
/// from it.
pub struct Bitcode {
    // Before the mapping it points into: fields are dropped in order.
    module: UniquePtr<ffi::BitcodeModule>,
    bytes: Mapped,
    facts: ModuleFacts,
    may_have_command: OnceLock<bool>,
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
    /// Finds the ThinLTO module, which indexes call `id`, in the bytes of a bitcode file or of a
    /// FatLTO object.
    ///
    /// # Errors
    /// They are not bitcode this LLVM can read.
    pub fn open(bytes: Mapped, id: &str) -> Result<Self, OpenError> {
        crate::initialize();
        if bytes.size() == 0 {
            return Err(OpenError::Format("the file is empty".to_owned()));
        }
        let mut error = String::new();
        let module = ffi::open_bitcode(bytes.bytes(), id, &mut error);
        let Some(opened) = module.as_ref() else {
            return Err(OpenError::Format(why_not_bitcode(bytes.bytes(), error)));
        };
        let facts = opened.facts();
        // An index is bitcode with summaries too, and would compile to an empty object.
        if facts.is_thin_lto && facts.triple.is_empty() {
            return Err(OpenError::Format(
                "it has no target triple: this looks like an index, not a module".to_owned(),
            ));
        }
        Ok(Self { module, bytes, facts, may_have_command: OnceLock::new(), id: id.into() })
    }

    /// The module id it was opened with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the module says of itself.
    pub fn facts(&self) -> &ModuleFacts {
        &self.facts
    }

    /// Whether [`Bitcode::record`] is worth its while for a command line: if not, it has none. Builds nothing.
    pub fn may_have_command(&self) -> bool {
        *self.may_have_command.get_or_init(|| self.raw().may_have_command())
    }

    /// What the module remembers of how it was made. Costs about as much as importing from it.
    ///
    /// # Errors
    /// The bitcode is malformed.
    pub fn record(&self) -> Result<ModuleRecord, OpenError> {
        let mut error = String::new();
        let record = self.raw().record(&mut error);
        if error.is_empty() { Ok(record) } else { Err(OpenError::Format(error)) }
    }

    /// The inline assembly, of the file's modules and of their functions, with a directive that may
    /// read a file (`.incbin`, `.include`), each among numbers of its record that are no text.
    ///
    /// # Errors
    /// The bitcode is malformed.
    pub fn assembly_that_reads_files(&self) -> Result<Vec<String>, OpenError> {
        let mut error = String::new();
        let texts = self.raw().assembly(&mut error);
        if error.is_empty() { Ok(texts) } else { Err(OpenError::Format(error)) }
    }

    /// The bitcode itself: of a FatLTO object, the section.
    pub fn bitcode(&self) -> &[u8] {
        self.raw().bytes()
    }

    /// Bytes of its file or member of an archive.
    pub fn file_size(&self) -> u64 {
        self.bytes.size()
    }

    /// The file that it is in, as it was when it was mapped, if it was.
    pub fn file_state(&self) -> Option<FileState> {
        self.bytes.file_state()
    }

    /// Bytes of bitcode.
    pub fn size(&self) -> u64 {
        self.bitcode().len() as u64
    }

    /// See [`Mapped::release_pages`].
    pub fn release_pages(&self) {
        self.bytes.release_pages();
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
    if ffi::has_object_magic(bytes) && !ffi::is_native_object(bytes) {
        return format!("a native object that cannot be read ({error}); is it truncated?");
    }
    let kind = if bytes.starts_with(b"\x7fELF") {
        "a native ELF object"
    } else if ffi::has_object_magic(bytes) {
        "a native object"
    } else if bytes.starts_with(b"!<arch>\n") || bytes.starts_with(b"!<thin>\n") {
        "an archive"
    } else if bytes.starts_with(b"; ModuleID") {
        "textual LLVM IR"
    } else {
        return format!("not LLVM bitcode ({error})");
    };
    format!("not LLVM bitcode but {kind}")
}

/// Bytes at the beginning of a file that [`has_object_magic`] looks at.
pub const MAGIC_SIZE: usize = 64;

/// Whether a file that begins with `beginning` claims to be a native object: ELF, COFF or Mach-O.
pub fn has_object_magic(beginning: &[u8]) -> bool {
    ffi::has_object_magic(beginning)
}

/// Whether these are a native object without bitcode for ThinLTO: nothing is to be compiled. An object
/// that cannot be read is none.
pub fn is_native_object(bytes: &Mapped) -> bool {
    crate::initialize();
    ffi::is_native_object(bytes.bytes())
}

/// What the index of these bytes says to the module `module_id`, with any module called anything else. Cheaper than
/// [`Index::read`].
///
/// # Errors
/// The bytes are not bitcode.
pub fn index_meaning(bytes: &[u8], module_id: &str) -> Result<IndexMeaning, OpenError> {
    crate::initialize();
    let meaning = ffi::index_meaning(bytes, module_id);
    if meaning.error.is_empty() { Ok(meaning) } else { Err(OpenError::Format(meaning.error)) }
}

/// What [`Index::imports`] says of an index of these bytes. Much cheaper than [`Index::read`], since nothing is built.
///
/// # Errors
/// The bytes are not bitcode.
pub fn index_imports(bytes: &[u8], module_id: &str) -> Result<Imports, OpenError> {
    if bytes.is_empty() {
        return Ok(Imports::default());
    }
    crate::initialize();
    let mut error = String::new();
    let imports = ffi::index_imports(bytes, module_id, &mut error);
    if error.is_empty() { Ok(imports) } else { Err(OpenError::Format(error)) }
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

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::process::Command;

    use super::*;

    /// What is mapped is gone then: reading it is SIGBUS.
    #[test]
    fn a_module_that_is_truncated_while_it_is_open_is_an_error() {
        crate::contain_crashes();
        let directory = tempfile::tempdir().unwrap();
        let (source, object) = (directory.path().join("m.c"), directory.path().join("m.o"));
        std::fs::write(&source, "int f(void) { return 1; }\n").unwrap();
        let mut clang = Command::new(crate::build_bindir().join("clang"));
        let status = clang.args(["-flto=thin", "-c"]).arg(&source).arg("-o").arg(&object).status();
        assert!(status.unwrap().success());
        let bitcode = Bitcode::open(Mapped::file(&File::open(&object).unwrap()).unwrap(), "m.o").unwrap();
        bitcode.record().unwrap();
        OpenOptions::new().write(true).truncate(true).open(&object).unwrap();
        let error = bitcode.record().unwrap_err().to_string();
        assert!(error.contains("LLVM crashed"), "{error}");
    }

    /// The index files of a link with every kind of import: functions, what comes as a declaration, variables, aliases,
    /// nothing at all, and a module that the link does not need.
    #[test]
    fn what_an_index_imports_is_the_same_without_building_it() {
        let directory = tempfile::tempdir().unwrap();
        let sources = [
            (
                "main",
                "int f(int), g(int), a(int); extern int v; int main(void) { return f(v) + g(2) + a(3); }",
            ),
            (
                "f",
                "int v = 3; static int s(int x) { return x * v; } int f(int x) { return s(x) + v; }\n\
                 int a(int) __attribute__((alias(\"f\")));",
            ),
            ("g", "int f(int); int g(int x) { for (int i = 0; i < x; ++i) x += f(i) * f(x); return x; }"),
            ("spare", "int spare(void) { return 1; }"),
        ];
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(crate::build_bindir().join(program));
            assert!(command.args(args).current_dir(&directory).status().unwrap().success());
        };
        for (name, source) in sources {
            std::fs::write(directory.path().join(format!("{name}.c")), source).unwrap();
            run("clang", &["-O2", "-flto=thin", "-c", &format!("{name}.c")]);
        }
        let link = ["--thinlto-emit-index-files", "-r", "-o", "out.o", "main.o", "f.o", "g.o"];
        let link = [&link[..], &["--start-lib", "spare.o", "--end-lib"]].concat();
        let imported = |options: &[&str]| {
            run("ld.lld", &[&link, options].concat());
            let imports = sources.map(|(name, _)| {
                let id = format!("{name}.o");
                let bytes = std::fs::read(directory.path().join(format!("{name}.o.thinlto.bc"))).unwrap();
                let built = Index::read(&bytes, "index").unwrap().imports(&id);
                assert_eq!(built.skip, name == "spare");
                assert_eq!(index_imports(&bytes, &id).unwrap(), built, "{name}");
                built
            });
            (
                imports.iter().map(|imports| imports.functions).sum::<u32>(),
                imports.map(|imports| imports.sources),
            )
        };
        let (functions, from) = imported(&[]);
        let declared = ["-mllvm", "-import-declaration", "-mllvm", "-import-instr-limit=8"];
        let (fewer, from_the_same) = imported(&declared);
        assert!(0 < fewer && fewer < functions && from_the_same == from, "{fewer} of {functions}");
        assert!(index_imports(b"", "main.o").unwrap().sources.is_empty());
        assert!(matches!(index_imports(b"no bitcode", "main.o"), Err(OpenError::Format(_))));
    }

    #[test]
    fn only_a_module_that_has_a_command_line_may_have_one() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("m.c");
        std::fs::write(&source, "struct s { int a[9]; }; int f(struct s *s) { return s->a[1]; }\n").unwrap();
        let modules = |flags: &[&str]| {
            let object = directory.path().join("m.o");
            let mut clang = Command::new(crate::build_bindir().join("clang"));
            clang.args(["-flto=thin", "-O2", "-c"]).args(flags).arg(&source).arg("-o").arg(&object);
            assert!(clang.status().unwrap().success());
            let module =
                Bitcode::open(Mapped::from(std::fs::read(&object).unwrap().into_boxed_slice()), "m.o")
                    .unwrap();
            let record = module.record().unwrap();
            let has = [&record.command_lines, &record.embedded_cc1, &record.debug_flags];
            (module.may_have_command(), has.iter().any(|texts| !texts.is_empty()))
        };
        assert_eq!(modules(&[]), (false, false));
        assert_eq!(modules(&["-frecord-command-line"]), (true, true));
        assert_eq!(modules(&["-Xclang", "-fembed-bitcode=marker"]), (true, true));
        assert_eq!(modules(&["-g", "-grecord-command-line"]), (true, true));
        // So much metadata has an index.
        assert_eq!(modules(&["-g"]), (false, false));
        assert_eq!(modules(&["-g", "-frecord-command-line"]), (true, true));
    }
}
