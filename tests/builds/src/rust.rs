//! A Rust program with a C function in it: the link inlines one into the other.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::Invocation;

use crate::Bench;
use crate::linker::modules_of;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/projects/rust/Cargo.toml");
const PROGRAM: &str = "greeting";

/// Builds the program with and without ThinLTO, and looks for the C function in each.
pub fn test(bench: &Bench) -> Result<String> {
    let dir = bench.fresh("rust")?;
    let clang = bench.toolchain.clang.display();
    let ar = bench.toolchain.tool("llvm-ar")?;

    let flags = format!("-Clinker-plugin-lto -Clinker={clang} -Clink-arg=-fuse-ld=thinfarm");
    bench.linker.forget()?;
    let with_lto = build(
        bench,
        &dir.join("lto"),
        &[
            ("RUSTFLAGS", &flags),
            ("CC", &clang.to_string()),
            ("AR", &ar.to_string_lossy()),
            ("CFLAGS", "-flto=thin"),
        ],
    )?;
    let links = bench.linker.links()?;
    // cargo names them with a hash.
    let named = |start: &str| -> Result<&str> {
        let mut names = links.keys().map(String::as_str);
        names
            .find(|name| name.starts_with(start))
            .with_context(|| format!("ld.thinfarm did not link {start}"))
    };
    let (program, macros, script) =
        (named("greeting-")?, named("libserde_derive-")?, named("build_script_build-")?);
    let jobs = modules_of(&links, &[program])?;
    modules_of(&links, &[macros, script])?;
    ensure!(
        links[program].modules.iter().any(|module| module.contains("libmix.a(")),
        "the C function is no module of the link: {:?}",
        links[program].modules
    );

    let plain = format!("-Clinker={clang}");
    let without = build(bench, &dir.join("plain"), &[("RUSTFLAGS", &plain), ("CC", &clang.to_string())])?;

    let (here, there) = (look(bench, &with_lto)?, look(bench, &without)?);
    ensure!(
        there.has_c_function && there.calls > 0,
        "without LTO there is no call to compare with: {there:?}"
    );
    ensure!(!here.has_c_function && here.calls == 0, "the C function was not inlined: {here:?}");
    ensure!(here.output == there.output, "it prints {:?}, and without LTO {:?}", here.output, there.output);
    Ok(format!(
        "{} links by cargo, a procedural macro and build scripts among them; {jobs} backend jobs for the program; the C \
         function has no symbol and its Rust caller no call (without LTO: a symbol and {} call); the same output",
        links.len(),
        there.calls
    ))
}

/// The program that cargo builds in `dir`.
fn build(bench: &Bench, dir: &Path, variables: &[(&str, &str)]) -> Result<std::path::PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let target = dir.to_string_lossy();
    let mut variables = variables.to_vec();
    variables.push(("CARGO_TARGET_DIR", &target));
    let place = Path::new(PROJECT).parent().unwrap_or(Path::new("/"));
    bench
        .linker
        .run(cargo, place, &variables)
        .args(["build", "--release", "--locked", "--quiet"])
        .capture()?;
    Ok(dir.join("release").join(PROGRAM))
}

/// What is to be seen of the C function in a program.
#[derive(Debug)]
struct Seen {
    has_c_function: bool,
    calls: usize,
    output: String,
}

fn look(bench: &Bench, program: &Path) -> Result<Seen> {
    let text = |command: Invocation| -> Result<String> {
        Ok(String::from_utf8_lossy(&command.capture()?.stdout).into_owned())
    };
    let symbols = text(Invocation::new(bench.toolchain.tool("llvm-nm")?, "/").arg(program))?;
    ensure!(symbols.contains(" mix_in_rust\n"), "{} has lost the Rust function", program.display());
    let code = text(
        Invocation::new(bench.toolchain.tool("llvm-objdump")?, "/")
            .args(["-d", "--no-show-raw-insn", "--disassemble-symbols=mix_in_rust"])
            .arg(program),
    )?;
    ensure!(code.contains("<mix_in_rust>:"), "the Rust function cannot be disassembled:\n{code}");
    Ok(Seen {
        has_c_function: symbols.contains("mix_in_c"),
        calls: code
            .lines()
            .filter(|line| line.split_whitespace().any(|word| word.starts_with("call")))
            .count(),
        output: text(Invocation::new(program, "/").arg("one").arg("two"))?,
    })
}
