//! The makefile for CONFIG_LTO_CLANG_THIN_DIST, in a harness that does what kernels from 7.2 do around it.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use thinfarm_corpora::{Invocation, Toolchain, default_jobs, thinfarm_program};
use thinfarm_kernel_test::oracle::{self, Compiled};
use thinfarm_kernel_test::tree::Build;

use crate::changes::Changed;

/// Few files import from it, and it from none.
const CHANGED: &str = "lib/ctype";

/// Fresh, again, changed, broken, repaired; then every object against clang's.
pub fn test(x86: &Build, toolchain: &Toolchain) -> Result<()> {
    ensure!(x86.dir.join("vmlinux.o").exists(), "part x86 must have been run before");
    let harness = Harness::prepare(x86)?;

    let fresh = harness.make(&[])?;
    let modules = harness.modules()?;
    ensure!(fresh.rebuilt.len() == modules.len(), "fresh: {} of {}", fresh.rebuilt.len(), modules.len());
    println!("  fresh: {} objects", fresh.rebuilt.len());

    let again = harness.make(&[])?;
    ensure!(again.rebuilt.is_empty(), "again, nothing changed: {:?} were made", again.rebuilt);
    println!("  again: none");

    harness.one_changed()?;
    harness.one_broken()?;
    harness.repaired()?;

    oracle::compare_all(&harness.modules()?, toolchain)
}

/// What one run of make did.
struct Run {
    output: String,
    /// Modules whose native object was written.
    rebuilt: BTreeSet<String>,
    /// Modules whose native object may be another than before: the module, its index or what it imports
    /// from is.
    concerned: BTreeSet<String>,
}

struct Harness {
    build: Build,
    makefiles: PathBuf,
    source: PathBuf,
}

impl Harness {
    fn prepare(x86: &Build) -> Result<Self> {
        let build = x86.copy("dist")?;
        // The harness runs in the place of its link.
        fs::remove_file(build.dir.join("vmlinux.o"))?;
        let makefiles = build.dir.with_file_name("dist-makefiles");
        fs::create_dir_all(&makefiles)?;
        fs::write(makefiles.join("overlay.mk"), include_str!("../makefiles/overlay.mk"))?;
        fs::write(makefiles.join("Makefile.stages"), include_str!("../makefiles/Makefile.stages"))?;
        let tested = Invocation::new(thinfarm_program()?, "/").args(["kbuild", "makefile"]).capture()?.stdout;
        fs::write(makefiles.join("Makefile.thinlto"), tested)?;
        let source = build.sources.join(CHANGED).with_extension("c");
        Ok(Harness { build, makefiles, source })
    }

    fn modules(&self) -> Result<Vec<Compiled>> {
        let list = fs::read_to_string(self.build.dir.join("vmlinux.thinlto-index"))?;
        Ok(list.lines().map(|module| Compiled::new(&self.build.dir, module, "")).collect())
    }

    fn command(&self, args: &[&str]) -> Result<Invocation> {
        let command = self.build.make(&self.makefiles.join("overlay.mk"))?;
        Ok(command.arg(format!("DIST_HARNESS={}", self.makefiles.display())).args(args).arg("vmlinux_o"))
    }

    fn make(&self, args: &[&str]) -> Result<Run> {
        let before = self.state()?;
        let output = self.command(args)?.arg(format!("-j{}", default_jobs())).capture()?;
        let after = self.state()?;
        let changed = |files: &State, name: &str| files.inputs.get(name) != before.inputs.get(name);
        let mut run = Run {
            output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            rebuilt: BTreeSet::new(),
            concerned: BTreeSet::new(),
        };
        for (module, written) in &after.written {
            if before.written.get(module) != Some(written) {
                run.rebuilt.insert(module.clone());
            }
            let read = fs::read_to_string(self.build.dir.join(format!("{module}.imports")))?;
            let mut inputs = read.lines().chain([module.as_str()]);
            if changed(&after, &format!("{module}.thinlto.bc")) || inputs.any(|input| changed(&after, input))
            {
                run.concerned.insert(module.clone());
            }
        }
        Ok(run)
    }

    fn one_changed(&self) -> Result<()> {
        let code = "\nint thinfarm_changed(int c);\nint thinfarm_changed(int c) { return c * 3 + 1; }\n";
        let _changed = Changed::append(&self.source, code)?;
        let run = self.make(&[])?;
        let module = format!("{CHANGED}.o");
        ensure!(run.rebuilt.contains(&module), "{module} changed and was not compiled");
        ensure!(
            run.rebuilt.is_subset(&run.concerned),
            "{module} changed, and of {:?} only {:?} are concerned",
            run.rebuilt,
            run.concerned
        );
        println!("  {CHANGED}.c changed: {} compiled, {} concerned", run.rebuilt.len(), run.concerned.len());
        Ok(())
    }

    /// Inline assembly is looked at in the backend only.
    fn one_broken(&self) -> Result<()> {
        let code = "\nvoid thinfarm_broken(void);\nvoid thinfarm_broken(void) { asm(\"no_instruction\"); }\n";
        let _changed = Changed::append(&self.source, code)?;
        let error = match self.command(&["-j2"])?.capture() {
            Ok(_) => bail!("a module that cannot be compiled, and make does not fail"),
            Err(error) => error.to_string(),
        };
        let module = format!("{CHANGED}.o");
        ensure!(
            error.lines().any(|line| line.contains("thinfarm") && line.contains(&module)),
            "make fails without thinfarm naming {module}:\n{error}"
        );
        let native = self.build.dir.join(CHANGED).with_extension("thinlto-native.o");
        ensure!(!native.exists(), "{} is there though it could not be made", native.display());
        println!("  {CHANGED}.c broken: make fails, naming {module}");
        Ok(())
    }

    fn repaired(&self) -> Result<()> {
        let run = self.make(&["V=1"])?;
        ensure!(
            run.output.lines().any(|line| line.contains("backend --options kbuild")),
            "V=1 does not show the command:\n{}",
            run.output
        );
        ensure!(run.rebuilt.contains(&format!("{CHANGED}.o")), "the repaired file was not compiled");
        println!("  repaired, V=1: {} compiled, the command is shown", run.rebuilt.len());
        Ok(())
    }

    fn state(&self) -> Result<State> {
        let mut state = State::default();
        if !self.build.dir.join("vmlinux.thinlto-index").exists() {
            return Ok(state);
        }
        for compiled in self.modules()? {
            let native = self.build.dir.join(&compiled.native);
            if let Ok(metadata) = native.metadata() {
                state.written.insert(compiled.module.clone(), metadata.modified()?);
            }
            for name in [compiled.module.clone(), format!("{}.thinlto.bc", compiled.module)] {
                let path = self.build.dir.join(&name);
                let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                state.inputs.insert(name, bytes);
            }
        }
        Ok(state)
    }
}

/// The files of a build.
#[derive(Default)]
struct State {
    /// When each module's native object was written.
    written: HashMap<String, SystemTime>,
    /// What is in the modules and indexes.
    inputs: HashMap<String, Vec<u8>>,
}
