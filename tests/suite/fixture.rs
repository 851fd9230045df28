//! The smallest thin link that has all the parts of a real one, built fresh for each test in a directory of
//! its own: `shape.o` imports from `area.o`, and `names.o` stands alone, so that it must finish whatever
//! happens to the other two.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;
use thinfarm_corpora::Toolchain;

pub use thinfarm_corpora::alone;

/// The sources of the three modules, by file name.
const SOURCES: [(&str, &str); 3] = [
    (
        "shape.c",
        "int area(int, int); int clamp(int, int, int);\n\
         int shape(int *edges, int n) { int sum = 0;\n\
         for (int i = 0; i + 1 < n; i++) sum += clamp(area(edges[i], edges[i + 1]), 0, 1 << 20);\n\
         return sum; }\n",
    ),
    (
        "area.c",
        "static int scale = 3;\n\
         int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }\n\
         int area(int a, int b) { scale += 2; return a * b * scale; }\n",
    ),
    (
        "names.c",
        "static const char *const names[] = {\"point\", \"line\", \"square\"};\n\
         const char *name(unsigned i) { return i < 3 ? names[i] : \"unknown\"; }\n",
    ),
];

/// The suffix native objects get when nobody asks for another.
pub const NATIVE: &str = ".thinlto-native.o";

/// One program of the LLVM 22 under test, or a panic that says which package has it.
pub fn llvm_tool(name: &str) -> PathBuf {
    static TOOLCHAIN: LazyLock<Toolchain> =
        LazyLock::new(|| Toolchain::find().unwrap_or_else(|error| panic!("{error:#}")));
    match name {
        "clang" => TOOLCHAIN.clang.clone(),
        "ld.lld" => TOOLCHAIN.lld.clone(),
        _ => TOOLCHAIN.tool(name).unwrap_or_else(|error| panic!("{error:#}")),
    }
}

/// The path of `thinfarm`.
pub fn thinfarm_path() -> PathBuf {
    std::env::var_os("THINFARM").map_or_else(|| env!("CARGO_BIN_EXE_thinfarm").into(), PathBuf::from)
}

/// `thinfarm`, ready for arguments, alone on the machine whatever runs these tests.
pub fn thinfarm() -> Command {
    let mut command = Command::new(thinfarm_path());
    alone(&mut command);
    command
}

/// What one finished command said.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// What `output` holds.
    pub fn of(output: Output) -> Said {
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Panics, with all that was said, unless the command exited with 0.
    #[track_caller]
    pub fn succeeded(self) -> Said {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// Panics, with all that was said, unless the command exited with 1 after an error line that names
    /// `file` and holds one of `reasons`, and no error line names a module that was fine.
    #[track_caller]
    pub fn failed_on(self, file: &str, reasons: &[&str], healthy: &[&str]) -> Said {
        assert_eq!(self.code, Some(1), "{self}");
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.contains("error:")).collect();
        let explained = |line: &&&str| {
            let line = line.to_lowercase();
            reasons.iter().any(|reason| line.contains(&reason.to_lowercase()))
        };
        let naming = errors.iter().filter(|line| line.contains(file)).find(explained);
        assert!(naming.is_some(), "no error line names {file} and says one of {reasons:?}:\n{self}");
        for module in healthy {
            let blamed = errors.iter().any(|line| line.contains(module));
            assert!(!blamed, "{module} was fine, yet an error names it:\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit {:?}\n-- stdout\n{}\n-- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Runs `command` to its end and keeps what it said.
pub fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output();
    Said::of(output.unwrap_or_else(|error| panic!("{:?} did not start: {error}", command.get_program())))
}

/// A thin link in a temporary directory. Commands run in that directory, so names in it are relative.
pub struct Link {
    dir: TempDir,
}

impl Link {
    /// `shape.o`, `area.o` and `names.o`, compiled with `-O2` and thin-linked; `list` names them.
    pub fn new() -> Link {
        Link::compiled(&["-O2"])
    }

    /// As [`Link::new`], with the front end's flags given.
    pub fn compiled(flags: &[&str]) -> Link {
        Link::placed("", flags)
    }

    /// As [`Link::compiled`], with the modules in the folder `folder`, given with its closing slash.
    pub fn placed(folder: &str, flags: &[&str]) -> Link {
        let link = Link::sources();
        let modules = link.compile_into(folder, flags, &[]);
        link.thin_link(&modules, &[]);
        link
    }

    /// Only the sources, for a test that has a thin link of its own kind to make.
    pub fn sources() -> Link {
        let link = Link { dir: tempfile::tempdir().expect("a temporary directory") };
        for (name, text) in SOURCES {
            link.write(name, text);
        }
        link
    }

    /// Compiles the sources to modules in `folder` and returns their names. `{stem}` in `extra` stands for
    /// the module's path without `.o`.
    pub fn compile_into(&self, folder: &str, flags: &[&str], extra: &[&str]) -> Vec<String> {
        fs::create_dir_all(self.path(folder)).expect("the modules' folder");
        let compile = |(source, _): &(&str, &str)| {
            let stem = format!("{folder}{}", source.trim_end_matches(".c"));
            let module = format!("{stem}.o");
            let extra: Vec<String> = extra.iter().map(|arg| arg.replace("{stem}", &stem)).collect();
            let mut clang = self.command(llvm_tool("clang"));
            clang.args(["-flto=thin", "-fPIC"]).args(flags).args(extra);
            run(clang.args(["-c", source, "-o", &module])).succeeded();
            module
        };
        SOURCES.iter().map(compile).collect()
    }

    /// Thin-links `modules` as a shared library and writes `list`.
    pub fn thin_link<S: AsRef<str>>(&self, modules: &[S], flags: &[&str]) {
        let mut lld = self.command(llvm_tool("ld.lld"));
        lld.args(["-shared", "--thinlto-index-only=list", "-o", "unused.so"]).args(flags);
        run(lld.args(modules.iter().map(AsRef::as_ref))).succeeded();
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file of this link.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// The bytes of a file of this link.
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes, or writes over, a file of this link.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Takes a file of this link away.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// A command that runs in this link's directory.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir());
        command
    }

    /// Runs `thinfarm ARGS` here.
    pub fn thinfarm(&self, args: &[&str]) -> Said {
        run(thinfarm().current_dir(self.dir()).args(args))
    }

    /// Runs `thinfarm backend OPTIONS --list list -- -O2` here.
    pub fn backend(&self, options: &[&str]) -> Said {
        let args = [&["backend"], options, &["--list", "list", "--", "-O2"]].concat();
        self.thinfarm(&args)
    }

    /// The native object clang's own backend makes of `module` and `index` with `-O2`.
    #[track_caller]
    pub fn expected(&self, module: &str, index: &str) -> Vec<u8> {
        let output = tempfile::NamedTempFile::new().expect("a temporary file");
        let index = format!("-fthinlto-index={index}");
        let mut clang = self.command(llvm_tool("clang"));
        clang.args(["-O2", "-x", "ir", &index, "-c", "-o"]).arg(output.path());
        run(clang.arg(module)).succeeded();
        fs::read(output.path()).expect("clang's object")
    }

    /// Panics unless `object` is, byte for byte, what clang makes of `module` and the index beside it.
    #[track_caller]
    pub fn same_as_clang(&self, module: &str, object: &str) {
        let expected = self.expected(module, &format!("{module}.thinlto.bc"));
        assert!(self.read(object) == expected, "{object} is not the object clang makes of {module}");
    }

    /// Every file below this link's directory, by its relative name, with its bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.dir().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a readable folder") {
                let path = entry.expect("a readable entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(self.dir()).expect("a path below the link").to_owned();
                let name = name.into_os_string().into_string().expect("a name in UTF-8");
                files.insert(name, fs::read(path).expect("a readable file"));
            }
        }
        files
    }

    /// Runs `action` and panics unless the files it added are exactly `added`: nothing partial, nothing
    /// temporary, and no input changed.
    #[track_caller]
    pub fn adds_only<T>(&self, added: &[&str], action: impl FnOnce() -> T) -> T {
        let before = self.files();
        let result = action();
        let mut after = self.files();
        for (name, bytes) in &before {
            let kept = after.remove(name).is_some_and(|now| now == *bytes);
            assert!(kept, "{name} was changed or removed");
        }
        let mut expected: Vec<&str> = added.to_vec();
        expected.sort_unstable();
        assert_eq!(after.keys().map(String::as_str).collect::<Vec<_>>(), expected, "files added");
        result
    }
}
