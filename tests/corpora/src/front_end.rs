//! clang's front ends: one ThinLTO bitcode module per source file, in parallel, only where something
//! changed.
//!
//! RocksDB costs minutes of front end and seconds of everything this project is about, so a second call
//! must be quick, and it must never hand out a module that other flags made. Beside each object lies the
//! command that made it, as Kbuild does it; an object is kept only when that command is the one that would
//! be run now and the source is not newer. Headers are not tracked: they come from a registry, where a
//! version never changes, and the version is part of every path.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::invocation::Invocation;
use crate::toolchain::Toolchain;

/// The language of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C, compiled by `clang`.
    C,
    /// C++, compiled by `clang++`.
    Cxx,
}

/// One source file of a corpus.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its path below the root of what it belongs to; objects mirror it.
    pub name: PathBuf,
}

impl Source {
    /// The file `name` below `root`.
    pub fn new(root: &Path, name: impl Into<PathBuf>) -> Self {
        let name = name.into();
        Source { path: root.join(&name), name }
    }

    /// The language, by the file's extension as compiler drivers see it.
    pub fn language(&self) -> Language {
        match self.name.extension().and_then(OsStr::to_str) {
            Some("cc" | "cpp" | "cxx" | "C") => Language::Cxx,
            _ => Language::C,
        }
    }

    /// The object's path below the output directory: the source's, with `.o` appended.
    ///
    /// Appended and not replaced, so that `a.c` and `a.cc` do not meet.
    pub fn object(&self) -> PathBuf {
        self.name.with_added_extension("o")
    }
}

/// The command that compiles `source` in `out_dir` to a ThinLTO module.
pub fn front_end(
    toolchain: &Toolchain,
    source: &Source,
    flags: &[impl AsRef<OsStr>],
    out_dir: &Path,
) -> Invocation {
    Invocation::new(toolchain.compiler(source.language()), out_dir)
        .args(flags)
        .args(["-flto=thin", "-c", "-o"])
        .arg(source.object())
        .arg(&source.path)
}

/// Compiles `sources` with `flags`, `jobs` at a time, and returns the objects' paths below `out_dir`, in the
/// order of the sources.
///
/// The objects' paths are what a link in `out_dir` names them by, and so become their module ids. Several
/// processes may call this for one directory: they take turns.
pub fn compile(
    toolchain: &Toolchain,
    sources: &[Source],
    flags: &[impl AsRef<OsStr> + Sync],
    out_dir: &Path,
    jobs: usize,
) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(out_dir).with_context(|| format!("cannot create {}", out_dir.display()))?;
    let lock_path = out_dir.join(".lock");
    let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;

    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, sources.len().max(1)) {
            scope.spawn(|| {
                while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let command = front_end(toolchain, source, flags, out_dir);
                    if let Err(error) = bring_up_to_date(toolchain, source, &command, out_dir) {
                        failures.lock().expect("no thread panics while it holds this lock").push(error);
                        // Let the others stop as well: one missing header fails every file.
                        next.store(sources.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match failures.into_inner().expect("no thread panics while it holds this lock").pop() {
        Some(error) => Err(error),
        None => Ok(sources.iter().map(Source::object).collect()),
    }
}

/// Runs `command` unless its object is what it would make.
fn bring_up_to_date(
    toolchain: &Toolchain,
    source: &Source,
    command: &Invocation,
    out_dir: &Path,
) -> Result<()> {
    let object = out_dir.join(source.object());
    let made_by_path = object.with_added_extension("cmd");
    let made_by = format!("# clang {}\n{command}\n", toolchain.version);
    if is_newer(&object, &source.path)?
        && fs::read_to_string(&made_by_path).is_ok_and(|recorded| recorded == made_by)
    {
        return Ok(());
    }
    if let Some(parent) = object.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    // Were this interrupted, the new object must not pass for what the old command made.
    if let Err(error) = fs::remove_file(&made_by_path)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot remove {}", made_by_path.display()));
    }
    command.capture().with_context(|| format!("cannot compile {}", source.path.display()))?;
    if !object.is_file() {
        bail!("clang exited with status 0 and left no {}", object.display());
    }
    fs::write(&made_by_path, made_by).with_context(|| format!("cannot write {}", made_by_path.display()))
}

/// Whether `object` exists and was written after `source` was.
fn is_newer(object: &Path, source: &Path) -> Result<bool> {
    let written = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let source_time = written(source).with_context(|| format!("cannot read {}", source.display()))?;
    Ok(written(object).is_ok_and(|object_time| object_time > source_time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn objects_of_equal_stems_do_not_meet() {
        let root = Path::new("root");
        let (c, cxx) = (Source::new(root, "d/a.c"), Source::new(root, "d/a.cc"));
        assert_eq!(c.object(), Path::new("d/a.c.o"));
        assert_eq!(cxx.object(), Path::new("d/a.cc.o"));
        assert_eq!((c.language(), cxx.language()), (Language::C, Language::Cxx));
    }

    #[test]
    fn only_what_changed_is_compiled_again() {
        let toolchain = Toolchain::find().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let out_dir = dir.path().join("out");
        let sources = ["a.c", "sub/b.c"].map(|name| Source::new(dir.path(), name));
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(&sources[0].path, "int a(void) { return 1; }").unwrap();
        fs::write(&sources[1].path, "int b(void) { return 2; }").unwrap();
        let compile_with = |flags: &[&str]| -> Vec<SystemTime> {
            let objects = compile(&toolchain, &sources, flags, &out_dir, 2).unwrap();
            assert_eq!(objects, [Path::new("a.c.o"), Path::new("sub/b.c.o")]);
            objects
                .iter()
                .map(|object| fs::metadata(out_dir.join(object)).unwrap())
                .map(|object| object.modified().unwrap())
                .collect()
        };

        let first = compile_with(&["-O1"]);
        assert_eq!(compile_with(&["-O1"]), first, "nothing changed");

        let other_flags = compile_with(&["-O2"]);
        assert!(other_flags.iter().zip(&first).all(|(now, then)| now > then));

        fs::write(&sources[1].path, "int b(void) { return 3; }").unwrap();
        let other_source = compile_with(&["-O2"]);
        assert_eq!(other_source[0], other_flags[0]);
        assert!(other_source[1] > other_flags[1]);
    }

    #[test]
    fn a_failure_names_the_source_and_shows_the_diagnostic() {
        let toolchain = Toolchain::find().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let source = Source::new(dir.path(), "broken.c");
        fs::write(&source.path, "int broken(").unwrap();
        let error = compile(&toolchain, &[source], &["-O1"], dir.path(), 1).unwrap_err();
        let shown = format!("{error:#}");
        assert!(shown.contains("cannot compile"), "{shown}");
        assert!(shown.contains("broken.c:1"), "{shown}");
    }
}
