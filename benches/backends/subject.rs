//! One link, and the commands that run its backends.
//!
//! All get the same modules and the same work, which needs saying twice: lld gives every function and every
//! datum a section of its own, so the others are told to; clang describes call sites in debug information of
//! optimised code, so lld is told to. With that, even lld's objects are the same byte for byte. Each way
//! writes to a directory of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use thinfarm_corpora::{Corpus, ThinLink, Toolchain, compile, default_jobs, products_dir, thin_link};

use crate::cost::Cost;

/// What lld does to every module, as clang spells it.
const AS_LLD_DOES: [&str; 2] = ["-ffunction-sections", "-fdata-sections"];

/// What clang adds to `-g`, as lld spells it.
const AS_CLANG_DOES: [&str; 2] = ["-mllvm", "-emit-call-site-info"];

/// Where all that is measured writes, below the directory of the link.
const OUTPUT: &str = "bench";

/// A corpus, compiled to bitcode and thin-linked.
pub struct Subject {
    /// What was compiled.
    pub corpus: Corpus,
    /// The codegen options of all its backends, as a clang command line.
    pub flags: Vec<String>,
    /// How many backends run at once.
    pub jobs: usize,
    /// The modules, in the order of the link, as the link spells them.
    pub modules: Vec<PathBuf>,
    toolchain: Toolchain,
    thinfarm: PathBuf,
    dir: PathBuf,
}

impl Subject {
    /// Compiles `corpus` as it usually is, and thin-links it.
    pub fn build(toolchain: &Toolchain, thinfarm: &Path, corpus: Corpus, jobs: usize) -> Result<Subject> {
        let sources = corpus.sources()?;
        let usual: Vec<String> = corpus.usual_flags().iter().map(|flag| flag.to_string()).collect();
        let front_end_flags = [sources.flags, usual.clone()].concat();
        let dir = products_dir().join(corpus.name());
        let objects = compile(toolchain, &sources.files, &front_end_flags, &dir, default_jobs())?;
        let link = thin_link(toolchain, &dir, &objects, &["-shared"])?;
        Ok(Subject {
            corpus,
            flags: [usual, AS_LLD_DOES.map(str::to_owned).into()].concat(),
            jobs,
            modules: link.modules,
            toolchain: toolchain.clone(),
            thinfarm: thinfarm.to_owned(),
            dir,
        })
    }

    /// Removes all that was written here.
    pub fn clear(&self) -> Result<()> {
        self.remove("")
    }

    /// thinfarm: all backends in one process.
    pub fn thinfarm(&self) -> Result<Cost> {
        self.remove("thinfarm")?;
        Cost::of(
            self.command(&self.thinfarm)
                .args(["backend", "--list", ThinLink::LIST])
                .arg(format!("-j{}", self.jobs))
                .arg(format!("--out-dir={OUTPUT}/thinfarm"))
                .arg("--")
                .args(&self.flags),
        )
    }

    /// clang: a process for every backend. They start in the order that thinfarm and lld use too, largest
    /// module first, which leaves the fewest cores idle at the end.
    pub fn clang(&self) -> Result<Cost> {
        self.remove("clang")?;
        let mut modules = Vec::new();
        for module in &self.modules {
            let path = self.dir.join(module);
            let size = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
            let object = self.dir.join(native_object("clang", module));
            let folder = object.parent().expect("a path below the link's directory");
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            modules.push((size, module));
        }
        modules.sort_by_key(|&(size, _)| std::cmp::Reverse(size));
        let commands = modules.into_iter().map(|(_, module)| self.clang_backend(module)).collect();
        Cost::of_all(commands, self.jobs)
    }

    fn clang_backend(&self, module: &Path) -> Command {
        let mut command = self.command(&self.toolchain.clang);
        command
            .args(&self.flags)
            .args(["-x", "ir", "-c"])
            .arg(format!("-fthinlto-index={}.thinlto.bc", module.display()))
            .arg("-o")
            .arg(native_object("clang", module))
            .arg(module);
        command
    }

    /// lld: the whole link in one process, backends included.
    pub fn lld(&self) -> Result<Cost> {
        Cost::of(self.lld_from_bitcode()?.args(["-o", &output("lld.so")]))
    }

    /// The thin link alone, as it comes before thinfarm and clang.
    pub fn thin_link(&self) -> Result<Cost> {
        self.remove("thin-link")?;
        Cost::of(
            self.lld_from_bitcode()?
                // The indexes that the other ways read stay as they are.
                .arg(format!("--thinlto-prefix-replace=;{OUTPUT}/thin-link/"))
                .arg(format!("--thinlto-index-only={}", output("thin-link.list"))),
        )
    }

    /// The link of thinfarm's native objects, as it comes after thinfarm and clang.
    pub fn native_link(&self) -> Result<Cost> {
        let objects = self.modules.iter().map(|module| native_object("thinfarm", module));
        Cost::of(self.lld_shared().args(["-o", &output("native.so")]).args(objects))
    }

    /// Runs lld once more and keeps the objects that it otherwise has in memory only.
    pub fn keep_lld_objects(&self) -> Result<()> {
        self.remove("lld")?;
        let dir = self.dir.join(output("lld"));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let path = format!("--lto-obj-path={}", output("lld/object"));
        Cost::of(self.lld_from_bitcode()?.arg(path).args(["-o", &output("lld.so")]))?;
        Ok(())
    }

    /// What thinfarm, clang and lld made of the module at `position`.
    pub fn objects_of(&self, position: usize) -> [PathBuf; 3] {
        let module = &self.modules[position];
        // lld numbers them from 1; what has no number is of the modules without a summary.
        let lld = PathBuf::from(output(&format!("lld/object{}", position + 1)));
        [native_object("thinfarm", module), native_object("clang", module), lld]
            .map(|object| self.dir.join(object))
    }

    fn lld_from_bitcode(&self) -> Result<Command> {
        let level = self.flags.iter().find_map(|flag| flag.strip_prefix("-O"));
        let level = level.with_context(|| format!("no optimisation level in {}", self.flags.join(" ")))?;
        let mut lld = self.lld_shared();
        lld.arg(format!("--lto-O{level}")).arg(format!("--thinlto-jobs={}", self.jobs));
        if self.flags.iter().any(|flag| flag == "-g") {
            lld.args(AS_CLANG_DOES);
        }
        lld.args(&self.modules);
        Ok(lld)
    }

    fn lld_shared(&self) -> Command {
        let mut lld = self.command(&self.toolchain.lld);
        lld.arg("-shared").arg(format!("--threads={}", self.jobs));
        lld
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir);
        command
    }

    /// Removes `name` below the output directory, if it is there.
    fn remove(&self, name: &str) -> Result<()> {
        let dir = self.dir.join(output(name));
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", dir.display()))
            }
            _ => Ok(()),
        }
    }
}

/// `name` below the output directory, as commands run in the link's directory see it.
fn output(name: &str) -> String {
    format!("{OUTPUT}/{name}")
}

/// Where `way` puts the native object of `module`: thinfarm's own naming.
fn native_object(way: &str, module: &Path) -> PathBuf {
    Path::new(OUTPUT).join(way).join(module.with_extension("thinlto-native.o"))
}
