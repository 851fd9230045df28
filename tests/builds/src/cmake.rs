//! zstd by its own CMake project: a static library, a shared library, and programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Invocation, default_jobs, source_package};

use crate::Bench;
use crate::findings::{Configured, compare};
use crate::linker::modules_of;

const LIBRARY: &str = "libzstd.so";
const PROGRAM: &str = "zstd";

/// Configures with lld and with `ld.thinfarm` named in two ways, builds, and runs.
pub fn test(bench: &Bench) -> Result<String> {
    let sources = source_package::unpacked("libzstd", &bench.dir)?;
    let dir = bench.fresh("cmake")?;
    let project = Project { bench, sources: &sources };

    let (lld, ours) = (dir.join("lld"), dir.join("thinfarm"));
    project.configure(&lld, "-fuse-ld=lld", &[]).capture()?;
    project.configure(&ours, "-fuse-ld=thinfarm", &[]).capture()?;
    let by_lld = Configured { dir: &lld, names: &["-fuse-ld=lld"] };
    let by_us = Configured { dir: &ours, names: &["-fuse-ld=thinfarm"] };
    let found = compare("CMakeCache.txt", &by_us, &by_lld)?;

    bench.linker.forget()?;
    project.build(&ours)?;
    let library = versioned(&ours.join("lib"), LIBRARY)?;
    let outputs = [library.as_str(), PROGRAM];
    let built = modules_of(&bench.linker.links()?, &outputs)?;
    project.round_trip(&ours)?;

    // The same directory again, with the linker's path, and the programs linked with the shared library.
    bench.linker.forget()?;
    let path = format!("--ld-path={}", bench.linker.path.display());
    project.configure(&ours, &path, &["-DZSTD_PROGRAMS_LINK_SHARED=ON"]).capture()?;
    project.build(&ours)?;
    let links = bench.linker.links()?;
    let built_again = modules_of(&links, &outputs)?;
    ensure!(
        !links[PROGRAM].modules.iter().any(|module| module.contains("libzstd.a")),
        "{PROGRAM} is still linked with the static library"
    );
    project.round_trip(&ours)?;

    Ok(format!(
        "CMake finds what it finds with ld.lld ({found} lines of its cache); -fuse-ld: {built} backend jobs for library \
         and program, --ld-path: {built_again}; zstd with the static and with the shared library gives back what it \
         compressed"
    ))
}

struct Project<'a> {
    bench: &'a Bench,
    sources: &'a Path,
}

impl Project<'_> {
    fn configure(&self, dir: &Path, choice: &str, more: &[&str]) -> Invocation {
        let toolchain = &self.bench.toolchain;
        let mut command = self.bench.linker.run("cmake", self.sources, &[]);
        command = command.args(["-S", "build/cmake", "-G", "Ninja", "-B"]).arg(dir);
        command = command
            .arg(format!("-DCMAKE_C_COMPILER={}", toolchain.clang.display()))
            .arg(format!("-DCMAKE_CXX_COMPILER={}", toolchain.clangxx.display()));
        for kind in ["EXE", "SHARED", "MODULE"] {
            command = command.arg(format!("-DCMAKE_{kind}_LINKER_FLAGS={choice}"));
        }
        // Projects of this age are not asked for interprocedural optimization without the policy.
        command
            .args(["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON"])
            .args(["-DCMAKE_POLICY_DEFAULT_CMP0069=NEW", "-DZSTD_LEGACY_SUPPORT=OFF"])
            .args(more)
    }

    fn build(&self, dir: &Path) -> Result<()> {
        let jobs = format!("-j{}", default_jobs());
        self.bench.linker.run("cmake", dir, &[]).args(["--build", ".", &jobs]).capture()?;
        Ok(())
    }

    /// Compresses a large file of the sources with all threads, and compares what comes back.
    fn round_trip(&self, dir: &Path) -> Result<()> {
        let original = self.sources.join("lib/compress/zstd_compress.c");
        // The project gives its programs no path to its library.
        let path = [("LD_LIBRARY_PATH", "lib")];
        let run = |args: &[&str]| self.bench.linker.run("programs/zstd", dir, &path).args(args).capture();
        let path = original.to_string_lossy();
        run(&["-q", "-f", "-19", "-T0", &path, "-o", "compressed"])?;
        run(&["-q", "-f", "-d", "compressed", "-o", "restored"])?;
        let (before, after) = (fs::read(&original)?, fs::read(dir.join("restored"))?);
        let compressed = fs::metadata(dir.join("compressed"))?.len();
        ensure!(before == after, "zstd does not give back {path}");
        ensure!(compressed < before.len() as u64 / 2, "zstd makes {compressed} bytes of {path}");
        Ok(())
    }
}

/// The file that the library's links lead to, such as `libzstd.so.1.5.4`: what a linker is told to write.
fn versioned(dir: &Path, library: &str) -> Result<String> {
    let path = dir.join(library);
    let file = path.canonicalize().with_context(|| format!("there is no {}", path.display()))?;
    Ok(file.file_name().unwrap_or_default().to_string_lossy().into_owned())
}
