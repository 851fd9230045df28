//! A Meson project with FriBidi as a static subproject, whose own tests are run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::source_package;

use crate::Bench;
use crate::linker::modules_of;

/// What Meson must say of the linker.
const DETECTED: &str = "C linker for the host machine: ";
const PROGRAMS: [&str; 2] = ["greeting", "fribidi"];

/// Sets the project up with the linker named in two ways, builds it, and runs its tests.
pub fn test(bench: &Bench) -> Result<String> {
    let fribidi = source_package::unpacked("fribidi", &bench.dir)?;
    let dir = bench.fresh("meson")?;
    let project = dir.join("project");
    fs::create_dir_all(project.join("subprojects"))?;
    fs::write(project.join("meson.build"), include_str!("../projects/meson/meson.build"))?;
    fs::write(project.join("greeting.c"), include_str!("../projects/meson/greeting.c"))?;
    symlink(&fribidi, project.join("subprojects/fribidi"))?;

    // Meson takes a linker it does not know by its whole path only. The generators that FriBidi runs are linked for
    // the build machine, which has options of its own.
    let c_ld = format!("c_ld = '{}'\n", bench.linker.path.display());
    let path = build(bench, &dir, "path", &c_ld, &[])?;
    let flags = ["-Dc_link_args=-fuse-ld=thinfarm", "-Dbuild.c_link_args=-fuse-ld=thinfarm"];
    let name = build(bench, &dir, "name", "", &flags)?;
    Ok(format!(
        "Meson detects lld; c_ld: {} links with {} backend jobs, -fuse-ld: {} with {}; {} and {} tests passed",
        path.links, path.jobs, name.links, name.jobs, path.tests, name.tests
    ))
}

struct Built {
    links: usize,
    jobs: usize,
    tests: usize,
}

/// Builds in the directory `name`, with the linker that `binary`, a line of a native file, or `flags` choose.
fn build(bench: &Bench, dir: &Path, name: &str, binary: &str, flags: &[&str]) -> Result<Built> {
    let native = dir.join(format!("{name}.ini"));
    let toolchain = &bench.toolchain;
    let text = format!(
        "[binaries]\nc = '{}'\nar = '{}'\n{binary}",
        toolchain.clang.display(),
        toolchain.tool("llvm-ar")?.display()
    );
    fs::write(&native, text)?;
    bench.linker.forget()?;
    let meson = |args: &[&str]| bench.linker.run("meson", dir, &[]).args(args).capture();
    let set_up = ["setup", name, "project", "-Db_lto=true", "-Db_lto_mode=thin", "--native-file"];
    let set_up = bench.linker.run("meson", dir, &[]).args(set_up).arg(&native).args(flags).capture()?;
    let said = String::from_utf8_lossy(&set_up.stdout);
    let detected: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once(DETECTED)?.1)).collect();
    ensure!(
        !detected.is_empty()
            && detected.iter().all(|it| it.contains(&format!("ld.lld {}", toolchain.version))),
        "Meson detects {detected:?} instead of lld:\n{said}"
    );

    meson(&["compile", "-C", name])?;
    let links = bench.linker.links()?;
    modules_of(&links, &PROGRAMS)?;
    let outputs: Vec<&str> = links.keys().map(String::as_str).collect();
    let jobs = modules_of(&links, &outputs)?;

    let tested = meson(&["test", "-C", name])?;
    let said = String::from_utf8_lossy(&tested.stdout);
    let passed = said.lines().find_map(|line| line.strip_prefix("Ok:")).context("Meson tells of no tests")?;
    let tests = passed.trim().parse().with_context(|| format!("Meson says `Ok: {passed}`"))?;
    ensure!(tests > 1, "FriBidi's own tests were not run:\n{said}");
    Ok(Built { links: links.len(), jobs, tests })
}
