//! Which files make up each corpus, and the flags they need to compile at all.
//!
//! The flags here say what the code is (language standard, include directories, configuration); how it is
//! compiled (`-O2`, `-g`, `-fPIC`) is for the caller to vary.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};

use crate::front_end::{Language, Source};
use crate::packages::package_dir;
use crate::tiny;

/// A library, all but one not ours, linked as a shared library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Corpus {
    /// zstd 1.5: C, a few dozen modules with hot loops.
    Zstd,
    /// Lua 5.4: C, small modules, an interpreter loop with computed gotos.
    Lua,
    /// SQLite: C, the amalgamation: one module so large that it is a link's critical path.
    Sqlite,
    /// RocksDB 6.20: C++17, hundreds of modules that import much from each other.
    RocksDb,
    /// Not foreign but made up: 1,000 modules of one small C function each, which calls the next module's.
    Tiny,
}

/// The files of a corpus, and what they need.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The language of all the files.
    pub language: Language,
    /// The files, in the order a link names them.
    pub files: Vec<Source>,
    /// The flags without which they do not compile or are not what their crate builds.
    pub flags: Vec<String>,
}

impl Corpus {
    /// Every corpus, the quickest to compile first.
    pub const ALL: [Corpus; 5] = [Corpus::Lua, Corpus::Zstd, Corpus::Sqlite, Corpus::Tiny, Corpus::RocksDb];

    /// The name on command lines and in paths.
    pub fn name(self) -> &'static str {
        match self {
            Corpus::Zstd => "zstd",
            Corpus::Lua => "lua",
            Corpus::Sqlite => "sqlite",
            Corpus::RocksDb => "rocksdb",
            Corpus::Tiny => "tiny",
        }
    }

    /// How the library is usually compiled for a shared library, which is what benchmarks do.
    pub fn usual_flags(self) -> &'static [&'static str] {
        match self {
            Corpus::RocksDb => &["-O2", "-g", "-fPIC"],
            Corpus::Zstd | Corpus::Lua | Corpus::Sqlite | Corpus::Tiny => &["-O2", "-fPIC"],
        }
    }

    /// Finds the sources, which downloads them on the first call on a machine.
    pub fn sources(self) -> Result<Sources> {
        match self {
            Corpus::Zstd => zstd(),
            Corpus::Lua => lua(),
            Corpus::Sqlite => sqlite(),
            Corpus::RocksDb => rocksdb(),
            Corpus::Tiny => Ok(Sources { language: Language::C, files: tiny::sources()?, flags: Vec::new() }),
        }
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Corpus {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        Corpus::ALL.into_iter().find(|corpus| corpus.name() == name).ok_or_else(|| {
            let names = Corpus::ALL.map(Corpus::name).join(", ");
            anyhow!("no corpus is called {name}; there are {names}")
        })
    }
}

/// The whole library of zstd-sys. Its one assembly file has a C twin, which is what bitcode can hold.
fn zstd() -> Result<Sources> {
    let root = package_dir("zstd-sys")?.join("zstd/lib");
    Ok(Sources {
        language: Language::C,
        files: c_files(&root, &["common", "compress", "decompress", "dictBuilder", "legacy"])?,
        flags: flags(
            &["-DZSTD_DISABLE_ASM", "-DZSTD_MULTITHREAD", "-DXXH_NAMESPACE=ZSTD_", "-DZSTD_LEGACY_SUPPORT=1"],
            &[&root],
        ),
    })
}

/// `zstd`, the command-line program: the demo's subject.
///
/// It is the one program, with its own `main`, that these crates bundle: librocksdb-sys carries the whole
/// zstd 1.3.3 tree. Legacy formats are left out, as in upstream's `zstd-nolegacy`.
pub fn zstd_program() -> Result<Sources> {
    let root = package_dir("librocksdb-sys")?.join("zstd");
    let lib = root.join("lib");
    Ok(Sources {
        language: Language::C,
        files: c_files(
            &root,
            &["lib/common", "lib/compress", "lib/decompress", "lib/dictBuilder", "programs"],
        )?,
        flags: flags(
            &["-DZSTD_MULTITHREAD", "-DXXH_NAMESPACE=ZSTD_", "-DZSTD_LEGACY_SUPPORT=0"],
            &[&lib, &lib.join("common"), &lib.join("compress"), &lib.join("dictBuilder")],
        ),
    })
}

/// The library of lua-src, which bundles no `lua.c`.
fn lua() -> Result<Sources> {
    let root = package_dir("lua-src")?.join("lua-5.4.9");
    Ok(Sources {
        language: Language::C,
        files: c_files(&root, &[""])?,
        flags: flags(&["-DLUA_USE_LINUX", "-DLUA_COMPAT_5_3"], &[&root]),
    })
}

fn sqlite() -> Result<Sources> {
    let root = package_dir("libsqlite3-sys")?.join("sqlite3");
    Ok(Sources {
        language: Language::C,
        files: vec![Source::new(&root, "sqlite3.c")],
        flags: flags(&["-DSQLITE_THREADSAFE=1", "-DSQLITE_ENABLE_FTS5", "-DSQLITE_ENABLE_RTREE"], &[&root]),
    })
}

/// What librocksdb-sys builds on Linux for baseline x86-64 (no SSE 4.2, no compression libraries).
///
/// 275 modules: the 274 files of its list that exist, and the `build_version.cc` that it ships in place of the
/// one that RocksDB generates. The defines are its build script's, which asks for C++11 where this asks for
/// C++17. RocksDB 6.20 uses `uint64_t` without including what declares it, which libstdc++ forgave until
/// GCC 13.
fn rocksdb() -> Result<Sources> {
    let root = package_dir("librocksdb-sys")?;
    let list = root.join("rocksdb_lib_sources.txt");
    let names = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let mut files: Vec<Source> = names
        .split_whitespace()
        .filter(|name| *name != "util/build_version.cc")
        .map(|name| Source::new(&root, Path::new("rocksdb").join(name)))
        .collect();
    files.push(Source::new(&root, "build_version.cc"));
    Ok(Sources {
        language: Language::Cxx,
        files,
        flags: flags(
            &[
                "-std=c++17",
                "-include",
                "cstdint",
                "-DNDEBUG=1",
                "-DOS_LINUX",
                "-DROCKSDB_PLATFORM_POSIX",
                "-DROCKSDB_LIB_IO_POSIX",
                "-DROCKSDB_SUPPORT_THREAD_LOCAL",
            ],
            &[
                &root.join("rocksdb/include"),
                &root.join("rocksdb"),
                &root.join("rocksdb/third-party/gtest-1.8.1/fused-src"),
                &root,
            ],
        ),
    })
}

/// `ldb`, RocksDB's tool for databases: the whole library, and the program's own files.
pub fn rocksdb_program() -> Result<Sources> {
    let mut sources = rocksdb()?;
    for name in ["ldb", "ldb_cmd", "ldb_tool", "sst_dump_tool"] {
        sources.files.push(rocksdb_tool(name)?);
    }
    Ok(sources)
}

/// The file `name` of RocksDB's tools, which are no part of its library and compile with its flags.
pub fn rocksdb_tool(name: &str) -> Result<Source> {
    Ok(Source::new(&package_dir("librocksdb-sys")?, format!("rocksdb/tools/{name}.cc")))
}

/// `options`, then `-I` for each include directory, then silence: what foreign code makes clang warn of is
/// not ours to mend.
fn flags(options: &[&str], include_dirs: &[&Path]) -> Vec<String> {
    let include_flags = include_dirs.iter().map(|dir| format!("-I{}", dir.display()));
    options.iter().map(|&option| option.to_owned()).chain(include_flags).chain(["-w".to_owned()]).collect()
}

/// The C files directly in `dirs` below `root`, sorted within each directory so that links are repeatable.
fn c_files(root: &Path, dirs: &[&str]) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for dir in dirs {
        let path = root.join(dir);
        let mut names = Vec::<PathBuf>::new();
        for entry in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
            let name = Path::new(dir).join(entry?.file_name());
            if name.extension().is_some_and(|extension| extension == "c") {
                names.push(name);
            }
        }
        if names.is_empty() {
            bail!("{} holds no C files", path.display());
        }
        names.sort();
        files.extend(names.into_iter().map(|name| Source::new(root, name)));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for corpus in Corpus::ALL {
            assert_eq!(corpus.name().parse::<Corpus>().unwrap(), corpus);
        }
        let error = "chromium".parse::<Corpus>().unwrap_err().to_string();
        assert!(error.contains("lua, zstd, sqlite, tiny, rocksdb"), "{error}");
    }

    #[test]
    fn rocksdb_is_what_its_crate_builds() {
        assert_eq!(Corpus::RocksDb.sources().unwrap().files.len(), 275);
    }

    #[test]
    fn tiny_modules_are_not_compiled_again() {
        let written = |source: &Source| fs::metadata(&source.path).unwrap().modified().unwrap();
        let times = || -> Vec<_> { Corpus::Tiny.sources().unwrap().files.iter().map(written).collect() };
        let first = times();
        assert_eq!(first.len(), 1000);
        assert_eq!(times(), first);
    }

    #[test]
    fn every_source_is_there_and_of_its_language() {
        for corpus in Corpus::ALL {
            let sources = corpus.sources().unwrap();
            for source in &sources.files {
                assert!(source.path.is_file(), "{}", source.path.display());
                assert_eq!(source.language(), sources.language);
            }
        }
    }
}
