//! The links whose phases are compared: the same command line for both linkers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;
use thinfarm_corpora::{
    Corpus, Invocation, Toolchain, alone, compile, default_jobs, products_dir, thinfarm_program,
};
use thinfarm_kernel_test::tree::{Arch, Build};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linker {
    Thinfarm,
    Lld,
}

/// A link, and where its commands write.
pub struct Link {
    pub name: String,
    /// Where the commands run.
    dir: PathBuf,
    args: Vec<String>,
    out: TempDir,
    programs: [PathBuf; 2],
}

impl Link {
    /// `corpus` as a shared library, whose front ends run where something changed.
    pub fn of_corpus(corpus: Corpus) -> Result<Self> {
        let toolchain = Toolchain::find()?;
        let sources = corpus.sources()?;
        let usual: Vec<String> = corpus.usual_flags().iter().map(ToString::to_string).collect();
        let dir = products_dir().join(corpus.name());
        eprintln!("{corpus}: front ends, where something changed");
        let objects =
            compile(&toolchain, &sources.files, &[sources.flags, usual].concat(), &dir, default_jobs())?;
        let level = corpus.usual_flags().iter().find_map(|flag| flag.strip_prefix("-O")).unwrap_or("2");
        let mut args = vec!["-shared".to_owned(), format!("--lto-O{level}")];
        args.extend(objects.iter().map(|object| object.display().to_string()));
        Self::new(corpus.name(), dir, args, &toolchain)
    }

    /// vmlinux.o of the kernel that `make test-kernel PARTS=x86` leaves, as that links it.
    pub fn of_kernel() -> Result<Self> {
        let toolchain = Toolchain::find()?;
        let build = Build::left(Arch::X86, &toolchain)?;
        let args = [build.link_flags()?, Build::link_inputs().into(), build.link_libraries()?].concat();
        Self::new("kernel", build.dir, args, &toolchain)
    }

    /// A shared library of one native object.
    pub fn without_bitcode() -> Result<Self> {
        let toolchain = Toolchain::find()?;
        let dir = products_dir().join("native");
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("one.c"), "int one(void) { return 1; }\n")?;
        Invocation::new(&toolchain.clang, &dir)
            .args(["-O2", "-fPIC", "-c", "one.c", "-o", "one.o"])
            .capture()?;
        Self::new("no bitcode", dir, ["-shared", "one.o"].map(str::to_owned).into(), &toolchain)
    }

    fn new(name: &str, dir: PathBuf, args: Vec<String>, toolchain: &Toolchain) -> Result<Self> {
        let out = tempfile::Builder::new().prefix("phases-").tempdir_in(&dir)?;
        let ld_thinfarm = out.path().join("ld.thinfarm");
        symlink(thinfarm_program()?, &ld_thinfarm)
            .with_context(|| format!("cannot link {}", ld_thinfarm.display()))?;
        let programs = [ld_thinfarm, toolchain.lld.clone()];
        Ok(Self { name: name.to_owned(), dir, args, out, programs })
    }

    /// The link by `linker`, alone on the machine as far as thinfarm is concerned.
    pub fn command(&self, linker: Linker) -> Command {
        let mut command = Command::new(&self.programs[linker as usize]);
        alone(&mut command);
        command.env("THINFARM_MACHINE_SHARE", self.path("share"));
        command.current_dir(&self.dir).args(&self.args).arg("-o").arg(self.path("out"));
        command
    }

    /// A file or directory of the link that goes away with this.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.out.path().join(name)
    }
}
