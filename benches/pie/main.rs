//! What a module's own index costs a program: zstd's command line and RocksDB's `ldb` as position-independent executables,
//! once with backends that know what the link knows (`ld.thinfarm`, as in `ld.lld`), once with indexes as a distributed
//! build has them (`thinfarm backend`, as in clang).
//!
//! `cargo bench --bench pie -- [zstd] [rocksdb]`. Both ways have the same codegen options, lld's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, RelocationFlags, elf};
use thinfarm_corpora::{
    Invocation, Sources, Toolchain, compile, default_jobs, products_dir, rocksdb_program, thinfarm_program,
    zstd_program,
};

/// How modules are compiled: as for a program of a distribution.
const FRONT_END: [&str; 2] = ["-O2", "-fPIE"];
/// What lld has its backends do.
const BACKEND: [&str; 4] = ["-O2", "-fPIE", "-ffunction-sections", "-fdata-sections"];

fn main() -> Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let toolchain = Toolchain::find()?;
    println!(
        "{:<10}{:>9}{:>14}{:>16}{:>14}{:>16}",
        "", "modules", "code, lld's", "by the GOT", "code, own", "by the GOT"
    );
    for (name, sources) in [("zstd", zstd_program as fn() -> Result<Sources>), ("rocksdb", rocksdb_program)] {
        if asked.is_empty() || asked.iter().any(|wanted| wanted == name) {
            measure(&toolchain, name, &sources()?)?;
        }
    }
    Ok(())
}

/// Links the program both ways and prints a line.
fn measure(toolchain: &Toolchain, name: &str, sources: &Sources) -> Result<()> {
    let dir = products_dir().join(format!("pie-{name}"));
    let flags = [sources.flags.clone(), FRONT_END.map(str::to_owned).to_vec()].concat();
    let modules = compile(toolchain, &sources.files, &flags, &dir, default_jobs())?;
    let link = |args: &[&str], inputs: &[PathBuf]| {
        Invocation::new(toolchain.compiler(sources.language), &dir)
            .args(["-pie", "-flto=thin", "-fuse-ld=lld", "-lpthread", "-ldl"])
            .args(args)
            .args(inputs)
            .capture()
    };
    let thinfarm = thinfarm_program()?;
    let linker = dir.join("ld.thinfarm");
    let _ = fs::remove_file(&linker);
    std::os::unix::fs::symlink(&thinfarm, &linker)?;
    let ours = format!("--ld-path={}", linker.display());
    link(&[&ours, "-o", "whole"], &modules)?;
    link(&["-o", "lld"], &modules)?;
    ensure!(fs::read(dir.join("whole"))? == fs::read(dir.join("lld"))?, "{name} is not what ld.lld links");

    link(&[&ours, "-Wl,--lto-obj-path=whole.o", "-o", "unused"], &modules)?;

    link(&["-Wl,--thinlto-index-only=list", "-o", "unused"], &modules)?;
    Invocation::new(&thinfarm, &dir)
        .args(["backend", "--list", "list", "--out-dir", "own", "--objects", "objects", "--"])
        .args(BACKEND)
        .capture()?;
    let listed = fs::read_to_string(dir.join("objects"))?;
    let own: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
    link(&["-o", "distributed"], &own)?;

    // The first is that of regular LTO, which has nothing here.
    let whole: Vec<PathBuf> = (1..=own.len()).map(|task| dir.join(format!("whole.o{task}"))).collect();
    let side = |program: &str, objects: &[PathBuf]| -> Result<(u64, usize)> {
        let references = objects.iter().map(|object| by_the_got(&dir.join(object))).sum::<Result<usize>>()?;
        Ok((code(&dir.join(program))?, references))
    };
    let (whole_code, whole_references) = side("whole", &whole)?;
    let (own_code, own_references) = side("distributed", &own)?;
    println!(
        "{name:<10}{:>9}{whole_code:>14}{whole_references:>16}{own_code:>14}{own_references:>16}",
        modules.len()
    );
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Bytes of the section `.text`.
fn code(program: &Path) -> Result<u64> {
    let bytes = read(program)?;
    let file = object::File::parse(&*bytes)?;
    Ok(file.section_by_name(".text").context("a program without code")?.size())
}

/// How many references in an object go by way of the GOT.
fn by_the_got(object: &Path) -> Result<usize> {
    let bytes = read(object)?;
    let file = object::File::parse(&*bytes)?;
    let is_got = |flags: RelocationFlags| {
        let RelocationFlags::Elf { r_type } = flags else { return false };
        [elf::R_X86_64_GOTPCREL, elf::R_X86_64_GOTPCRELX, elf::R_X86_64_REX_GOTPCRELX].contains(&r_type)
    };
    Ok(file.sections().flat_map(|section| section.relocations()).filter(|(_, it)| is_got(it.flags())).count())
}
