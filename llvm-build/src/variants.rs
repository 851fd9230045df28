//! Which variants of its functions a library runs.
//!
//! A library can have a function in several variants (`STT_GNU_IFUNC`), of which the dynamic linker chooses one by what
//! the CPU can do, or by what `GLIBC_TUNABLES` says. Those of glibc's mathematical library differ in the last bit.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem;
use std::path::Path;

use nix::libc;
use object::elf::{
    R_AARCH64_IRELATIVE, R_LARCH_IRELATIVE, R_PPC64_IRELATIVE, R_RISCV_IRELATIVE, R_X86_64_IRELATIVE,
    STT_GNU_IFUNC,
};
use object::{Architecture, Object, ObjectSymbol, RelocationFlags, SymbolFlags};
use procfs::process::{MMPermissions, MMapPath, MemoryMaps, Process};

use crate::mapped::Mapped;

/// Where in `library`, which this process has loaded, the chosen variants are: bytes from where it begins, first of the
/// functions that others can call, then of those that it calls itself. Nothing if no function has variants.
///
/// # Errors
/// The library cannot be read, or it cannot be told where it is.
pub fn chosen_variants(library: &Path) -> io::Result<Vec<u64>> {
    let maps = Process::myself().and_then(|process| process.maps()).map_err(io::Error::other)?;
    let file = Mapped::file(&File::open(library)?)?;
    let elf = object::File::parse(file.bytes()).map_err(io::Error::other)?;
    let base = begin_of(library, &maps).ok_or_else(|| io::Error::other("it is not loaded"))?;
    let called_by_others = elf
        .dynamic_symbols()
        .filter(|symbol| !symbol.is_undefined() && has_variants(symbol.flags()))
        .filter_map(|symbol| address_of(symbol.name_bytes().ok()?));
    let irelative = irelative(elf.architecture());
    let called_by_itself = elf
        .dynamic_relocations()
        .into_iter()
        .flatten()
        .filter(|(_, relocation)| is_of_type(relocation.flags(), irelative))
        .filter_map(|(offset, _)| word_at(base + offset, &maps));
    Ok(called_by_others.chain(called_by_itself).map(|address| address.wrapping_sub(base)).collect())
}

fn has_variants<S, T>(flags: SymbolFlags<S, T>) -> bool {
    matches!(flags, SymbolFlags::Elf { st_info, .. } if st_info & 0xf == STT_GNU_IFUNC)
}

fn is_of_type(flags: RelocationFlags, wanted: Option<u32>) -> bool {
    matches!(flags, RelocationFlags::Elf { r_type } if Some(r_type) == wanted)
}

/// The type of a relocation whose word is the address of the chosen variant once the library is loaded.
fn irelative(architecture: Architecture) -> Option<u32> {
    Some(match architecture {
        Architecture::X86_64 => R_X86_64_IRELATIVE,
        Architecture::Aarch64 => R_AARCH64_IRELATIVE,
        Architecture::Riscv64 => R_RISCV_IRELATIVE,
        Architecture::LoongArch64 => R_LARCH_IRELATIVE,
        Architecture::PowerPc64 => R_PPC64_IRELATIVE,
        _ => return None,
    })
}

fn begin_of(library: &Path, maps: &MemoryMaps) -> Option<u64> {
    let is_first =
        |path: &MMapPath, offset| matches!(path, MMapPath::Path(path) if path == library) && offset == 0;
    maps.iter().find(|map| is_first(&map.pathname, map.offset)).map(|map| map.address.0)
}

/// Where calls of a function get to.
fn address_of(name: &[u8]) -> Option<u64> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is a string; nothing is done with the function.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address as u64)
}

/// What is in memory at `address`, if that may be read.
fn word_at(address: u64, maps: &MemoryMaps) -> Option<u64> {
    let size = mem::size_of::<u64>() as u64;
    let is_there = maps.iter().any(|map| {
        map.perms.contains(MMPermissions::READ)
            && map.address.0 <= address
            && address + size <= map.address.1
            && matches!(map.pathname, MMapPath::Path(_))
    });
    // SAFETY: the bytes are mapped, for as long as the library is loaded, and the dynamic linker has written them before
    // the program began.
    is_there.then(|| unsafe { (address as *const u64).read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_in_the_library_they_are_of() {
        let maps = Process::myself().unwrap().maps().unwrap();
        let path = maps.iter().find_map(|map| match &map.pathname {
            MMapPath::Path(path) if path.to_string_lossy().contains("libm.so") => Some(path.clone()),
            _ => None,
        });
        let path = path.expect("LLVM needs a mathematical library");
        let end = maps.iter().filter(|map| matches!(&map.pathname, MMapPath::Path(it) if *it == path));
        let size = end.map(|map| map.address.1).max().unwrap() - begin_of(&path, &maps).unwrap();
        let variants = chosen_variants(&path).unwrap();
        assert!(variants.iter().all(|&offset| offset < size), "{variants:x?} of {size:x}");
        if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            assert!(variants.len() > 50, "{} functions with variants", variants.len());
        }
        assert!(chosen_variants(Path::new("/proc/self/exe")).is_err(), "that is not its name in memory");
    }
}
