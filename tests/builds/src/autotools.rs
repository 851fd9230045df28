//! XZ Utils by the `configure` and the libtool it is released with: versioned symbols, a shared and a static library.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Invocation, default_jobs, source_package};

use crate::Bench;
use crate::findings::{Configured, compare};
use crate::linker::modules_of;

/// What configure must say, whatever it calls the linker.
const DETECTED: [&str; 3] = [
    "is GNU ld... yes",
    "supports shared libraries... yes",
    "library symbol versioning should be used... yes",
];

/// Configures with lld and with `ld.thinfarm`, builds and checks with make.
pub fn test(bench: &Bench) -> Result<String> {
    let sources = source_package::unpacked("xz-utils", &bench.dir)?;
    let dir = bench.fresh("autotools")?;
    let (lld, ours) = (dir.join("lld"), dir.join("thinfarm"));
    let lld_path = bench.toolchain.lld.display().to_string();
    configure(bench, &sources, &lld, "lld", &lld_path)?;
    bench.linker.forget()?;
    let said = configure(bench, &sources, &ours, "thinfarm", "ld.thinfarm")?;
    for detected in DETECTED {
        ensure!(said.contains(detected), "configure does not say `{detected}`:\n{said}");
    }
    ensure!(!bench.linker.links()?.is_empty(), "configure has linked no program with bitcode");

    let names = ["-fuse-ld=lld", lld_path.as_str()];
    let by_lld = Configured { dir: &lld, names: &names };
    let by_us = Configured { dir: &ours, names: &["-fuse-ld=thinfarm", "ld.thinfarm"] };
    let found = compare("config.h", &by_us, &by_lld)? + compare("libtool", &by_us, &by_lld)?;

    bench.linker.forget()?;
    make(bench, &ours, "all").capture()?;
    let links = bench.linker.links()?;
    let library = ours.join("src/liblzma/.libs");
    let shared = library.join("liblzma.so").canonicalize().context("there is no shared library")?;
    let shared_name = shared.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let jobs = modules_of(&links, &[&shared_name, "xz", "xzdec", "lzmainfo"])?;
    ensure!(library.join("liblzma.a").exists(), "there is no static library");
    let symbols = Invocation::new(bench.toolchain.tool("llvm-nm")?, &ours)
        .args(["--dynamic", "--defined-only"])
        .arg(&shared)
        .capture()?
        .stdout;
    let versioned = String::from_utf8_lossy(&symbols).lines().filter(|line| line.contains("@@XZ_")).count();
    ensure!(versioned > 100, "the shared library has only {versioned} versioned symbols");

    make(bench, &ours, "check").capture()?;
    let log = fs::read_to_string(ours.join("tests/test-suite.log"))?;
    let passed =
        log.lines().find_map(|line| line.strip_prefix("# PASS:")).context("make check ran nothing")?;
    ensure!(passed.trim().parse::<usize>()? > 10, "make check ran{passed} tests only");
    Ok(format!(
        "configure and libtool find what they find with ld.lld ({found} lines); \
         {jobs} backend jobs for library and programs; {versioned} versioned symbols; make check: {} passed",
        passed.trim()
    ))
}

/// What configure says.
fn configure(bench: &Bench, sources: &Path, dir: &Path, name: &str, ld: &str) -> Result<String> {
    fs::create_dir_all(dir)?;
    let toolchain = &bench.toolchain;
    let output = bench
        .linker
        .run(sources.join("configure"), dir, &[])
        .arg(format!("CC={}", toolchain.clang.display()))
        .args(["CFLAGS=-O2 -flto=thin", &format!("LDFLAGS=-fuse-ld={name}"), &format!("LD={ld}")])
        .arg(format!("AR={}", toolchain.tool("llvm-ar")?.display()))
        .arg(format!("NM={}", toolchain.tool("llvm-nm")?.display()))
        .arg(format!("RANLIB={}", toolchain.tool("llvm-ranlib")?.display()))
        .args(["--disable-nls", "--disable-doc", "--disable-scripts"])
        .capture()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn make(bench: &Bench, dir: &Path, goal: &str) -> Invocation {
    bench.linker.run("make", dir, &[]).arg(format!("-j{}", default_jobs().max(2))).arg(goal)
}
