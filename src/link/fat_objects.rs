//! Bitcode that a link does not use: FatLTO objects without `--fat-lto-objects`.
//!
//! clang passes that option only to a linker that it knows as lld. Through any other name such objects link as native
//! code, without LTO, and nothing goes wrong but the speed of the program.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::{Object, ReadCache, ReadRef};

use super::Arguments;

/// What lld finds bitcode in, in an object that has machine code as well.
const SECTION: &str = ".llvm.lto";

/// The first input with bitcode that the link of `args` did not use, by lld's name for it. `modules` are those that it
/// did use.
pub fn unused_bitcode(args: &Arguments, modules: &HashSet<&str>) -> Option<String> {
    let is_asked = ["fat-lto-objects", "no-fat-lto-objects"].iter().any(|name| args.has(name));
    // The driver of a compiler says such things in LTO only.
    let is_lto = !modules.is_empty() || args.last_that_begins("plugin-opt").is_some();
    if is_asked || !is_lto {
        return None;
    }
    let inputs = Inputs::of(args);
    inputs.files.iter().filter(|path| path.to_str().is_none_or(|path| !modules.contains(path))).find_map(
        |path| {
            // lld has read it, or it is no input.
            look(path).ok().flatten()
        },
    )
}

/// The files on a command line that may be inputs, and those that its `-l` may mean.
#[derive(Debug, Default, PartialEq, Eq)]
struct Inputs {
    files: Vec<PathBuf>,
}

impl Inputs {
    fn of(args: &Arguments) -> Self {
        let texts: Vec<&str> = args.lld.iter().filter_map(|arg| arg.to_str()).collect();
        let mut directories = Vec::new();
        let mut files = Vec::new();
        let mut next = texts.iter().copied().peekable();
        while let Some(text) = next.next() {
            if let Some(directory) = value(text, &["-L", "--library-path="], &mut next) {
                directories.push(PathBuf::from(directory));
            } else if let Some(name) = value(text, &["-l", "--library="], &mut next) {
                files.extend(library(name, &directories));
            } else if !text.starts_with('-') {
                files.push(PathBuf::from(text));
            }
        }
        Self { files }
    }
}

/// The value of the option `text`, if it has one of `names`: joined to it, or the `next` argument.
fn value<'a>(text: &'a str, names: &[&str], next: &mut impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let joined = names.iter().find_map(|name| text.strip_prefix(name))?;
    if joined.is_empty() { next.next() } else { Some(joined) }
}

/// The static library that `-lNAME` finds.
fn library(name: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let found = |file: &str| directories.iter().map(|it| it.join(file)).find(|path| path.exists());
    match name.strip_prefix(':') {
        Some(file) => found(file),
        None => found(&format!("lib{name}.a")),
    }
}

/// The first object with unused bitcode in the file `path`: its own name, or that of a member.
fn look(path: &Path) -> io::Result<Option<String>> {
    const ARCHIVES: [&[u8; 8]; 2] = [b"!<arch>\n", b"!<thin>\n"];
    // Opening a pipe waits for whoever writes to it.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let mut magic = [0; 8];
    if file.read_exact(&mut magic).is_err() {
        return Ok(None);
    }
    file.rewind()?;
    let contents = ReadCache::new(file);
    if ARCHIVES.contains(&&magic) {
        return Ok(look_into_archive(path, &contents));
    }
    Ok(has_section(&contents).then(|| path.display().to_string()))
}

fn look_into_archive(path: &Path, contents: &ReadCache<File>) -> Option<String> {
    let archive = ArchiveFile::parse(contents).ok()?;
    archive.members().filter_map(Result::ok).find_map(|member| {
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if archive.is_thin() {
            return look(&path.parent()?.join(&name)).ok()?;
        }
        let (offset, size) = member.file_range();
        let has = has_section(contents.range(offset, size));
        has.then(|| format!("{}({name})", path.display()))
    })
}

fn has_section<'a>(contents: impl ReadRef<'a>) -> bool {
    let is_elf = contents.read_bytes_at(0, 4).is_ok_and(|magic| magic == b"\x7fELF");
    is_elf && object::File::parse(contents).is_ok_and(|object| object.section_by_name(SECTION).is_some())
}
