//! Where two object files that should be the same first differ, in words that send one to the cause: a
//! section's name says whether it is code, unwinding, debug information or only the order of symbols.

use std::{fmt, fs};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use thinfarm_corpora::{Toolchain, compile, products_dir};

use crate::case::Group;

/// The first difference of two object files.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The part of the file, such as `.text` or `the section headers`.
    place: String,
    /// The first differing byte in that part.
    offset: usize,
    /// The byte there in clang's and in thinfarm's, where each has one.
    bytes: (Option<u8>, Option<u8>),
    /// The part's size in clang's and in thinfarm's.
    sizes: (usize, usize),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let show = |byte: Option<u8>| byte.map_or("nothing".to_owned(), |byte| format!("{byte:02x}"));
        write!(
            f,
            "first difference in {} at offset {:#x}: clang has {}, thinfarm {}; sizes {:#x} and {:#x}",
            self.place,
            self.offset,
            show(self.bytes.0),
            show(self.bytes.1),
            self.sizes.0,
            self.sizes.1,
        )
    }
}

/// One named part of an object file.
struct Part<'data> {
    name: String,
    bytes: &'data [u8],
}

/// The first difference of `clang` and `thinfarm`, or nothing when they are the same.
///
/// Sections are compared in the order of the section table, so that the first one to differ is named even
/// where its size moves all that follows. Files that are no objects are compared as a whole.
pub fn first_difference(clang: &[u8], thinfarm: &[u8]) -> Option<Difference> {
    if clang == thinfarm {
        return None;
    }
    let (ours, theirs) = (parts(thinfarm), parts(clang));
    for (theirs, ours) in theirs.iter().zip(&ours) {
        if theirs.name != ours.name {
            let place =
                format!("the list of sections, where clang has {} and thinfarm {}", theirs.name, ours.name);
            return Some(Difference { place, ..between("", theirs.bytes, ours.bytes) });
        }
        if theirs.bytes != ours.bytes {
            return Some(between(&theirs.name, theirs.bytes, ours.bytes));
        }
    }
    // Every section both have is the same: what is left are headers, padding, or further sections.
    Some(between("the file outside its sections (headers, padding, or sections at its end)", clang, thinfarm))
}

fn between(place: &str, clang: &[u8], thinfarm: &[u8]) -> Difference {
    let differing = clang.iter().zip(thinfarm).position(|(theirs, ours)| theirs != ours);
    let offset = differing.unwrap_or(clang.len().min(thinfarm.len()));
    Difference {
        place: place.to_owned(),
        offset,
        bytes: (clang.get(offset).copied(), thinfarm.get(offset).copied()),
        sizes: (clang.len(), thinfarm.len()),
    }
}

/// The sections of an object file, in order; one part for a file of another kind.
fn parts(file: &[u8]) -> Vec<Part<'_>> {
    let Ok(object) = object::File::parse(file) else {
        return vec![Part { name: "a file that is no object".to_owned(), bytes: file }];
    };
    let sections = object.sections().map(|section| Part {
        name: section.name().unwrap_or("a section without a name").to_owned(),
        bytes: section.data().unwrap_or_default(),
    });
    sections.collect()
}

/// Damages an object in known places and checks that the difference is found there, since a suite whose
/// comparison is blind would report nothing but identical objects.
pub fn finds_damage(toolchain: &Toolchain) -> Result<()> {
    let dir = products_dir().join("parity").join("damage");
    let source = Group::Frame.sources(false)?.files.remove(0);
    let objects = compile(toolchain, &[source], &["-fno-lto"], &dir, 1)?;
    let object = &*fs::read(dir.join(&objects[0]))?;
    ensure!(first_difference(object, object).is_none(), "an object differs from itself");
    let file = object::File::parse(object)?;
    for name in [".text", ".symtab", ".strtab"] {
        let section = file.section_by_name(name).with_context(|| format!("the object has no {name}"))?;
        let (start, size) = section.file_range().with_context(|| format!("{name} has no bytes"))?;
        let mut damaged = object.to_vec();
        let last = (start + size - 1) as usize;
        damaged[last] ^= 0x20;
        let found = first_difference(object, &damaged).context("damage is not seen")?;
        let expected = (name, size as usize - 1);
        ensure!((&*found.place, found.offset) == expected, "damage in {name} is reported as: {found}");
    }
    let mut damaged = object.to_vec();
    let flags_of_the_header = 0x30;
    damaged[flags_of_the_header] ^= 1;
    let found = first_difference(object, &damaged).context("a damaged header is not seen")?;
    ensure!(found.offset == flags_of_the_header, "a damaged header is reported as: {found}");
    let found = first_difference(object, &[object, b"more"].concat()).context("more bytes are not seen")?;
    ensure!(found.offset == object.len(), "more bytes are reported as: {found}");
    Ok(())
}
