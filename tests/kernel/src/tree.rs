//! The kernel's sources and the directories they are built in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use thinfarm_corpora::{Invocation, Toolchain, default_jobs, target_dir, thinfarm_program};

use crate::oracle::Compiled;

/// The unpacked sources, which no build writes to.
pub struct Sources {
    /// `linux-source-6.12`.
    pub dir: PathBuf,
}

impl Sources {
    /// Unpacks `archive`, unless that is done.
    pub fn unpack(archive: PathBuf) -> Result<Self> {
        let work = target_dir().join("kernel");
        let dir = work.join("linux-source-6.12");
        if !dir.exists() {
            println!("unpacking {} in {}", archive.display(), work.display());
            // Under another name until it is whole.
            let unpacking = work.join("unpacking");
            if unpacking.exists() {
                fs::remove_dir_all(&unpacking)?;
            }
            fs::create_dir_all(&unpacking)?;
            Invocation::new("tar", &unpacking).arg("-xJf").arg(&archive).capture()?;
            fs::rename(unpacking.join("linux-source-6.12"), &dir)?;
            fs::remove_dir(&unpacking)?;
        }
        Ok(Sources { dir })
    }

    /// A tree of hard links to the sources, to build in: a build only adds files.
    fn linked_at(&self, dir: &Path) -> Result<PathBuf> {
        if !dir.exists() {
            let linking = dir.with_added_extension("linking");
            if linking.exists() {
                fs::remove_dir_all(&linking)?;
            }
            Invocation::new("cp", "/").arg("-al").arg(&self.dir).arg(&linking).capture()?;
            fs::rename(&linking, dir)?;
        }
        Ok(dir.to_owned())
    }
}

/// An architecture, as the kernel calls it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// x86-64.
    X86,
    /// 64-bit Arm.
    Arm64,
    /// 64-bit RISC-V.
    Riscv,
}

impl Arch {
    fn name(self) -> &'static str {
        match self {
            Arch::X86 => "x86",
            Arch::Arm64 => "arm64",
            Arch::Riscv => "riscv",
        }
    }

    /// One of them is built among its sources, the others with `O=`.
    fn is_built_in_tree(self) -> bool {
        self == Arch::Arm64
    }

    /// What tinyconfig leaves out: 64 bits, for x86 what it takes to boot and be seen, and ThinLTO.
    fn options(self) -> &'static [&'static str] {
        match self {
            Arch::X86 => &[
                "64BIT",
                "PRINTK",
                "TTY",
                "SERIAL_8250",
                "SERIAL_8250_CONSOLE",
                "BLK_DEV_INITRD",
                "BINFMT_ELF",
                "LTO_CLANG_THIN",
            ],
            Arch::Arm64 | Arch::Riscv => &["64BIT", "LTO_CLANG_THIN"],
        }
    }
}

/// A directory in which the kernel is built.
pub struct Build {
    /// The directory, `O=` of the kernel's make.
    pub dir: PathBuf,
    /// Where the sources are.
    pub sources: PathBuf,
    arch: Arch,
    tools: PathBuf,
}

impl Build {
    /// What the overlay's stages write is in here, in the build directory.
    pub const STAGES: &str = ".tmp_thinlto";

    /// The build directory of `arch`, configured unless that is done.
    pub fn configure(sources: &Sources, arch: Arch, toolchain: &Toolchain) -> Result<Self> {
        let tools = toolchain.clang.parent().context("clang's path has no directory")?.to_owned();
        let dir = target_dir().join("kernel").join(arch.name());
        let sources = if arch.is_built_in_tree() { sources.linked_at(&dir)? } else { sources.dir.clone() };
        let build = Build { dir, sources, arch, tools };
        let config = build.dir.join(".config");
        if !config.exists() {
            println!("  configuring: tinyconfig and {}", arch.options().join(", "));
            fs::create_dir_all(&build.dir)?;
            build.kernel_make().arg("tinyconfig").capture()?;
            let edit = Invocation::new(build.sources.join("scripts/config"), &build.dir);
            edit.args(arch.options().iter().flat_map(|option| ["-e", option])).capture()?;
            build.kernel_make().arg("olddefconfig").capture()?;
        }
        let text = fs::read_to_string(&config)?;
        for option in arch.options() {
            ensure!(
                text.lines().any(|line| line == format!("CONFIG_{option}=y")),
                "the configuration in {} has no CONFIG_{option}",
                build.dir.display()
            );
        }
        Ok(build)
    }

    /// The build directory of `arch` as an earlier run left it, with vmlinux.o linked.
    pub fn left(arch: Arch, toolchain: &Toolchain) -> Result<Self> {
        let tools = toolchain.clang.parent().context("clang's path has no directory")?.to_owned();
        let work = target_dir().join("kernel");
        let (dir, sources) = (work.join(arch.name()), work.join("linux-source-6.12"));
        ensure!(
            dir.join(".vmlinux.o.cmd").exists(),
            "no kernel is linked in {}; run `make test-kernel PARTS={}` first",
            dir.display(),
            arch.name()
        );
        Ok(Build { dir, sources, arch, tools })
    }

    /// The same configuration and all that is built of it in another directory, beside this one.
    pub fn copy(&self, name: &str) -> Result<Self> {
        let dir = self.dir.with_file_name(name);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        Invocation::new("cp", "/").arg("-a").arg(&self.dir).arg(&dir).capture()?;
        Ok(Build { dir, sources: self.sources.clone(), arch: self.arch, tools: self.tools.clone() })
    }

    /// Builds `goal` with thinfarm doing the backends, as a person does: MAKEFILES names the overlay.
    pub fn make_with_overlay(&self, goal: &str) -> Result<()> {
        let overlay = self.dir.with_file_name("thinfarm.mk");
        let text = Invocation::new(thinfarm_program()?, "/").args(["kbuild", "overlay"]).capture()?.stdout;
        fs::write(&overlay, text).with_context(|| format!("cannot write {}", overlay.display()))?;
        let command = self.make(&overlay)?.arg(format!("-j{}", default_jobs())).arg(goal);
        println!("  $ {command}");
        let output = command.capture()?;
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            if line.starts_with("thinfarm:") {
                println!("  {line}");
            }
        }
        Ok(())
    }

    /// Builds `goal` with `linker` in the place of lld and nothing else changed. Its backends must have had
    /// two sets of options: each file's own.
    pub fn make_with_linker(&self, linker: &Path, goal: &str) -> Result<()> {
        let verbose = [("THINFARM_VERBOSE", PathBuf::from("true"))];
        let command = self.make_in(&verbose).arg(format!("LD={}", linker.display()));
        let command = command.arg(format!("-j{}", default_jobs())).arg(goal);
        println!("  $ {command}");
        let output = command.capture()?;
        let told = String::from_utf8_lossy(&output.stderr);
        for line in told.lines().filter(|line| line.starts_with("thinfarm:")) {
            println!("  {line}");
        }
        ensure!(told.contains(" objects, 2 option sets"), "the link did not go through thinfarm:\n{told}");
        Ok(())
    }

    /// The kernel's make with `makefiles` read first.
    pub fn make(&self, makefiles: &Path) -> Result<Invocation> {
        let assignment = [("MAKEFILES", makefiles.to_owned())];
        Ok(self.make_in(&assignment).arg(format!("THINFARM={}", thinfarm_program()?.display())))
    }

    fn kernel_make(&self) -> Invocation {
        self.make_in(&[])
    }

    /// The kernel's make, free of the make that may run this test.
    fn make_in(&self, variables: &[(&str, PathBuf)]) -> Invocation {
        let mut command = Invocation::new("env", &self.sources).args(["-u", "MAKEFLAGS", "-u", "MAKELEVEL"]);
        for (name, value) in variables {
            command = command.arg(format!("{name}={}", value.display()));
        }
        command = command.arg("make");
        if self.dir != self.sources {
            command = command.arg(format!("O={}", self.dir.display()));
        }
        command.arg(format!("ARCH={}", self.arch.name())).arg(format!("LLVM={}/", self.tools.display()))
    }

    /// The options of lld with which the overlay linked vmlinux.o, but its output and inputs.
    pub fn link_flags(&self) -> Result<Vec<String>> {
        let cmd = self.link_command()?;
        let flags = cmd
            .split_once(" -r -T ")
            .and_then(|(before, _)| before.rsplit_once("ld.lld "))
            .map(|(_, flags)| flags)
            .context("the build's .vmlinux.o.cmd has no call of ld.lld")?;
        let rest = ["-r", "-T", ".tmp_initcalls.lds"];
        Ok(flags.split_whitespace().chain(rest).map(str::to_owned).collect())
    }

    /// The libraries of that link, as lld's options.
    pub fn link_libraries(&self) -> Result<Vec<String>> {
        let cmd = self.link_command()?;
        let libraries = cmd
            .rsplit_once(" --start-group ")
            .and_then(|(_, after)| after.split_once(" --end-group"))
            .map(|(libraries, _)| libraries)
            .context("the build's .vmlinux.o.cmd links no libraries")?;
        let group = ["--start-group"].into_iter().chain(libraries.split_whitespace()).chain(["--end-group"]);
        Ok(group.map(str::to_owned).collect())
    }

    fn link_command(&self) -> Result<String> {
        let path = self.dir.join(".vmlinux.o.cmd");
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// What the overlay's thin link reads: all objects, and of the libraries what they need.
    pub fn link_inputs() -> [String; 4] {
        let stages = Self::STAGES;
        [
            format!("@{stages}/vmlinux.order"),
            "--start-lib".to_owned(),
            format!("@{stages}/libs.order"),
            "--end-lib".to_owned(),
        ]
    }

    /// The modules the overlay's thin link took, with index and native object.
    pub fn linked(&self) -> Result<Vec<Compiled>> {
        let list = self.dir.join(Self::STAGES).join("modules");
        let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
        let mut modules = Vec::new();
        for listed in text.lines() {
            let Some(module) = listed.strip_prefix(&format!("{}/", Self::STAGES)) else {
                bail!("{} lists {listed}, which is not below {}", list.display(), Self::STAGES);
            };
            modules.push(Compiled::new(&self.dir, module, Self::STAGES));
        }
        Ok(modules)
    }
}
