//! The same link by `ld.lld` and by `ld.thinfarm`, and all that they write compared.
//!
//! Both run in the same directory with the same arguments, one after the other, so that not even a path in an
//! output differs. Their TMPDIR is a directory of its own, which must be empty afterwards.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::fixture::{Said, alone, llvm_tool, run, thinfarm_path};

/// What a link prints when it is right: `main.c` of [`TwoLinkers::program`].
pub const PRINTS: &str = "160 line 42 5\n";

/// A program of three modules with imports, a weak and a common symbol, and functions that nobody calls.
const PROGRAM: [(&str, &str); 3] = [
    (
        "main.c",
        "int printf(const char *, ...); int area(int, int); int clamp(int, int, int);\n\
         extern int shared; const char *name(unsigned);\n\
         __attribute__((weak)) int chosen(int x) { return x + 1; }\n\
         int shape(int *edges, int n) { int sum = 0;\n\
         for (int i = 0; i + 1 < n; i++) sum += clamp(area(edges[i], edges[i + 1]), 0, 1 << 20);\n\
         return sum; }\n\
         int main(void) { int edges[] = {1, 2, 3, 4}; shared = 5;\n\
         printf(\"%d %s %d %d\\n\", shape(edges, 4), name(1), chosen(1), shared); return 0; }\n",
    ),
    (
        "area.c",
        "static int scale = 3; int shared;\n\
         int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }\n\
         int area(int a, int b) { scale += 2; return a * b * scale; }\n\
         int unused(int x) { return x * 3; } int unused_too(int x) { return x * 3; }\n",
    ),
    (
        "names.c",
        "static const char *const names[] = {\"point\", \"line\", \"square\"};\n\
         const char *name(unsigned i) { return i < 3 ? names[i] : \"unknown\"; }\n\
         int chosen(int x) { return x + 41; }\n\
         int product(const int *a, const int *b, int n) { int sum = 0;\n\
         for (int i = 0; i < n; i++) sum += a[i] * b[i];\n\
         return sum; }\n",
    ),
];

/// How [`TwoLinkers::program`] is compiled.
pub const THIN: [&str; 4] = ["-O2", "-fPIC", "-fcommon", "-flto=thin"];

/// The objects of [`TwoLinkers::program`].
pub const OBJECTS: [&str; 3] = ["main.o", "area.o", "names.o"];

/// A directory of inputs, and two linkers.
pub struct TwoLinkers {
    inputs: TempDir,
    /// Has `ld.thinfarm` and the linkers' TMPDIR.
    place: TempDir,
}

/// What one linker did: the files are those it added or changed.
pub struct Outcome {
    pub said: Said,
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

/// What both did. The files of `ours` are where it put them.
pub struct Pair {
    pub lld: Outcome,
    pub ours: Outcome,
    directory: PathBuf,
}

impl TwoLinkers {
    /// Without inputs.
    pub fn new() -> Self {
        let directory = || tempfile::tempdir().expect("a temporary directory");
        let linkers = Self { inputs: directory(), place: directory() };
        symlink(thinfarm_path(), linkers.linker()).expect("a link to thinfarm");
        fs::create_dir(linkers.tmp()).expect("a directory for temporaries");
        linkers
    }

    /// With the sources and the [`OBJECTS`] of a program that prints [`PRINTS`].
    pub fn program() -> Self {
        let linkers = Self::new();
        for (source, text) in PROGRAM {
            linkers.write(source, text);
            linkers.compile(source, &THIN);
        }
        linkers
    }

    /// `ld.thinfarm`.
    pub fn linker(&self) -> PathBuf {
        self.place.path().join("ld.thinfarm")
    }

    /// Where the linkers' temporaries are.
    pub fn tmp(&self) -> PathBuf {
        self.place.path().join("tmp")
    }

    /// A name outside of the directory that is compared, and of the TMPDIR that must be empty.
    pub fn tmp_beside(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    /// A file of the directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.inputs.path().join(name)
    }

    /// Writes a file, and the directories it is in.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("the file's directory");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Compiles `SOURCE.c` or `.cc` to `SOURCE.o`.
    pub fn compile(&self, source: &str, flags: &[&str]) {
        let (stem, _) = source.rsplit_once('.').expect("a source");
        self.compile_to(format!("{stem}.o"), source, flags);
    }

    /// Compiles `source` to `object`.
    pub fn compile_to(&self, object: impl AsRef<OsStr>, source: &str, flags: &[&str]) {
        let mut clang = self.command(llvm_tool("clang"));
        run(clang.args(flags).args(["-c", source, "-o"]).arg(object)).succeeded();
    }

    /// Writes `text` to `source` and compiles it.
    pub fn add(&self, source: &str, text: &str, flags: &[&str]) {
        self.write(source, text);
        self.compile(source, flags);
    }

    /// Runs a tool of LLVM here.
    pub fn tool(&self, name: &str, args: &[&str]) -> Said {
        run(self.command(llvm_tool(name)).args(args)).succeeded()
    }

    /// A command that runs here, without a `make` above it and with the linkers' TMPDIR.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.inputs.path()).env("TMPDIR", self.tmp());
        alone(&mut command);
        command
    }

    /// `ld.thinfarm ARGS` alone.
    pub fn ours<S: AsRef<OsStr>>(&self, args: &[S]) -> Said {
        run(self.command(self.linker()).args(args))
    }

    /// `LINKER ARGS` by both.
    #[track_caller]
    pub fn link<S: AsRef<OsStr>>(&self, args: &[S]) -> Pair {
        self.both(|linker| {
            let mut command = self.command(linker);
            command.args(args);
            command
        })
    }

    /// A program or library with libc: `clang ARGS` with both linkers.
    #[track_caller]
    pub fn link_by_clang<S: AsRef<OsStr>>(&self, args: &[S]) -> Pair {
        self.both(|linker| self.clang(linker, args))
    }

    /// `clang ARGS` with `linker`.
    pub fn clang<S: AsRef<OsStr>>(&self, linker: &Path, args: &[S]) -> Command {
        let mut clang = self.command(llvm_tool("clang"));
        clang.args(args).arg(format!("--ld-path={}", linker.display()));
        clang
    }

    /// Runs what `command` makes of either linker's path.
    #[track_caller]
    pub fn both(&self, command: impl Fn(&Path) -> Command) -> Pair {
        let before = files(self.inputs.path());
        let lld = self.outcome(&mut command(&llvm_tool("ld.lld")));
        for name in lld.files.keys() {
            match before.get(name) {
                Some(bytes) => self.write(name, bytes),
                None => fs::remove_file(self.path(name)).expect("a file that is there"),
            }
        }
        let ours = self.outcome(&mut command(&self.linker()));
        self.leaves_nothing();
        Pair { lld, ours, directory: self.inputs.path().to_owned() }
    }

    /// Panics if there are temporaries.
    #[track_caller]
    pub fn leaves_nothing(&self) {
        let left: Vec<PathBuf> = files(&self.tmp()).into_keys().collect();
        let directories = fs::read_dir(self.tmp()).expect("the directory of temporaries").count();
        assert_eq!((left, directories), (Vec::new(), 0), "left in TMPDIR");
    }

    /// Runs `command` and finds what it wrote, be it what was there already.
    fn outcome(&self, command: &mut Command) -> Outcome {
        let marks = |name: &Path| {
            let data = fs::symlink_metadata(self.path(name)).expect("a file that is there");
            (data.ino(), data.mtime(), data.mtime_nsec())
        };
        let before: BTreeMap<_, _> =
            names(self.inputs.path()).into_iter().map(|name| (name.clone(), marks(&name))).collect();
        let said = run(command);
        let written =
            names(self.inputs.path()).into_iter().filter(|name| before.get(name) != Some(&marks(name)));
        let files =
            written.map(|name| (name.clone(), fs::read(self.path(&name)).unwrap_or_default())).collect();
        Outcome { said, files }
    }
}

impl Pair {
    /// Panics unless both ended alike and said and wrote the same.
    #[track_caller]
    pub fn same(self) -> Self {
        let (lld, ours) = (in_llds_words(&self.lld.said.stderr), in_llds_words(&self.ours.said.stderr));
        assert_eq!(ours, lld, "standard error differs");
        assert_eq!(self.ours.said.stdout, self.lld.said.stdout, "standard output differs");
        self.same_files()
    }

    /// Panics unless both succeeded and wrote the same files, whatever they said.
    #[track_caller]
    pub fn same_files(self) -> Self {
        self.same_files_but(|_| false)
    }

    /// As [`Pair::same_files`], but the contents of some may differ.
    #[track_caller]
    pub fn same_files_but(self, may_differ: impl Fn(&str) -> bool) -> Self {
        assert_eq!(self.lld.said.code, Some(0), "lld failed: {}", self.lld.said);
        assert_eq!(self.ours.said.code, Some(0), "ours failed: {}", self.ours.said);
        let names = |outcome: &Outcome| outcome.files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&self.ours), names(&self.lld), "files written");
        for (name, bytes) in &self.lld.files {
            let differs = self.ours.files[name] != *bytes && !may_differ(&name.to_string_lossy());
            assert!(!differs, "{} is not what lld writes\n{}", name.display(), self.ours.said);
        }
        self
    }

    /// Panics unless both failed, in the same words, one of which is `reason`, and wrote nothing.
    #[track_caller]
    pub fn same_failure(self, reason: &str) -> Self {
        let (lld, ours) = (in_llds_words(&self.lld.said.stderr), in_llds_words(&self.ours.said.stderr));
        assert_eq!(ours, lld, "standard error differs");
        self.fails(&[reason])
    }

    /// Panics unless both failed alike, said `reasons`, and wrote nothing.
    #[track_caller]
    pub fn fails(self, reasons: &[&str]) -> Self {
        for (linker, outcome) in [("lld", &self.lld), ("ours", &self.ours)] {
            assert_eq!(outcome.said.code, Some(1), "{linker}: {}", outcome.said);
            let written: Vec<_> = outcome.files.keys().collect();
            assert!(written.is_empty(), "{linker} failed and wrote {written:?}");
        }
        for reason in reasons {
            assert!(self.ours.said.stderr.contains(reason), "no word of {reason:?}: {}", self.ours.said);
        }
        self
    }

    /// Panics unless `program`, which was written here, prints `stdout`.
    #[track_caller]
    pub fn runs(self, program: &str, stdout: &str) -> Self {
        let said = run(Command::new(self.directory.join(program)).current_dir(&self.directory)).succeeded();
        assert_eq!(said.stdout, stdout, "what {program} prints");
        self
    }

    /// A file that was written.
    #[track_caller]
    pub fn file(&self, name: &str) -> &[u8] {
        let found = self.ours.files.get(Path::new(name));
        found.unwrap_or_else(|| panic!("{name} was not written: {}", self.ours.said))
    }

    /// Panics unless ours said `words`.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.ours.said.stderr.contains(words), "no word of {words:?}: {}", self.ours.said);
        self
    }
}

/// The names by which the two call themselves, as one.
fn in_llds_words(text: &str) -> String {
    let lld = llvm_tool("ld.lld");
    let lld = lld.file_name().and_then(OsStr::to_str).expect("lld's name");
    text.replace("ld.thinfarm", "LINKER").replace(lld, "LINKER")
}

/// Every file below `directory` by its relative path.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |name: PathBuf| (name.clone(), fs::read(directory.join(name)).unwrap_or_default());
    names(directory).into_iter().map(read).collect()
}

/// The relative paths of the files below `directory`.
fn names(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() && !path.is_symlink() {
                directories.push(path);
                continue;
            }
            found.push(path.strip_prefix(directory).expect("a path below the directory").to_owned());
        }
    }
    found
}
