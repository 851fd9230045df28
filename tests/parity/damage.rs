//! A check of the comparison itself: a suite that cannot see a difference reports nothing but identical
//! objects.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use thinfarm_corpora::{Invocation, Toolchain};

use crate::case::Group;
use crate::difference::first_difference;

/// Damages an object in known places and checks that the difference is found and named there.
pub fn is_found(toolchain: &Toolchain) -> Result<()> {
    let source = Group::Frame.sources(false)?.files.remove(0);
    let clang = Invocation::new(&toolchain.clang, ".").args(["-O2", "-c", "-o", "-"]).arg(source.path);
    let object = &*clang.capture()?.stdout;
    ensure!(first_difference(object, object).is_none(), "an object differs from itself");
    let file = object::File::parse(object)?;
    for name in [".text", ".eh_frame", ".symtab"] {
        let section = file.section_by_name(name).with_context(|| format!("the object has no {name}"))?;
        let (start, size) = section.file_range().with_context(|| format!("{name} has no bytes"))?;
        let mut damaged = object.to_vec();
        let last = (start + size - 1) as usize;
        damaged[last] ^= 0x20;
        let found = first_difference(object, &damaged).context("damage is not seen")?;
        let place = format!("first difference in {name} at offset {:#x}:", size - 1);
        ensure!(found.to_string().starts_with(&place), "damage in {name} is reported as: {found}");
    }
    let mut damaged = object.to_vec();
    let flags_of_the_header = 0x30;
    damaged[flags_of_the_header] ^= 1;
    let found = first_difference(object, &damaged).context("a damaged header is not seen")?;
    ensure!(found.to_string().contains("headers"), "a damaged header is reported as: {found}");
    let found = first_difference(object, &[object, b"more"].concat()).context("more bytes are not seen")?;
    ensure!(found.to_string().contains("clang has nothing"), "more bytes are reported as: {found}");
    Ok(())
}
