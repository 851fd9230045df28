//! The modules of LLVM's own tests of ThinLTO, each compiled by `thinfarm backend` and by clang.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};

use crate::Bench;
use crate::exceptions::Finding;

/// What the modules are compiled with, besides their own target.
const FLAGS: [&str; 2] = ["-O2", "-Wno-override-module"];

/// What the marks of `split-file` look like.
const MARKS: [&str; 3] = [";--- ", "#--- ", "//--- "];

/// Compiles every module that can be one: what was counted, and what differs.
pub fn compile(bench: &Bench) -> Result<(String, Vec<Finding>)> {
    let dir = bench.dir.join("runs/modules");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let root = bench.source.join("llvm/test/ThinLTO");
    let (mut same, mut refused, mut no_modules) = (0, 0, 0);
    let mut findings = Vec::new();
    for (number, test) in tests(&root)?.iter().enumerate() {
        let name = test.strip_prefix(&bench.source)?.to_string_lossy().into_owned();
        if !bench.wants(&name) {
            continue;
        }
        let link = Link { bench, dir: dir.join(number.to_string()) };
        fs::create_dir_all(&link.dir)?;
        let (modules, without) = link.modules(test)?;
        no_modules += without;
        let mut wrong = String::new();
        for module in link.indexed(modules)? {
            match link.backend(&module)? {
                Compiled::Same => same += 1,
                Compiled::Refused => refused += 1,
                Compiled::Otherwise(what) => wrong += &format!("{}: {what}\n", module.name),
            }
        }
        if !wrong.is_empty() {
            findings.push(Finding { test: name, what: wrong });
        }
    }
    let counts = format!(
        "{same} modules compiled to the same object, {} tests with other ones; {refused} that clang refuses too, \
         {no_modules} files that are no module of ThinLTO",
        findings.len()
    );
    Ok((counts, findings))
}

/// The tests below `root`, without what they read.
fn tests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("Inputs") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ll" || extension == "test") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The modules of one test.
struct Link<'a> {
    bench: &'a Bench,
    dir: PathBuf,
}

struct Module {
    /// Its file in the directory of the link.
    name: String,
    /// Its target, if it says one.
    triple: Option<String>,
}

/// What came of a module.
enum Compiled {
    /// Both made the same object.
    Same,
    /// Both refuse it.
    Refused,
    Otherwise(String),
}

impl Link<'_> {
    fn run(&self, program: &Path, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.dir);
        command.output().with_context(|| format!("cannot run {}", program.display()))
    }

    /// Makes modules of the textual IR of a test, and of that which its lines name in `Inputs`; and says how many files
    /// are none.
    fn modules(&self, test: &Path) -> Result<(Vec<Module>, usize)> {
        let text = fs::read_to_string(test).with_context(|| format!("cannot read {}", test.display()))?;
        let mut files = Vec::new();
        if text.lines().any(|line| MARKS.iter().any(|mark| line.starts_with(mark))) {
            let parts = self.dir.join("parts");
            self.run(
                &self.bench.tools.join("split-file"),
                &[&test.to_string_lossy(), &parts.to_string_lossy()],
            )?;
            files.extend(tests(&parts)?);
        } else {
            files.push(test.to_owned());
        }
        let words = text.split([' ', '\n', '=', ',']);
        let inputs =
            words.filter_map(|word| word.strip_prefix("%p/Inputs/").or(word.strip_prefix("%S/Inputs/")));
        let inputs: std::collections::BTreeSet<&str> = inputs.filter(|word| word.ends_with(".ll")).collect();
        files.extend(inputs.into_iter().map(|input| test.with_file_name("Inputs").join(input)));
        let mut modules = Vec::new();
        let mut without = 0;
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "ll")) {
            let name =
                format!("{}-{}.bc", modules.len(), file.file_stem().unwrap_or_default().to_string_lossy());
            let made = self.run(
                &self.bench.tools.join("opt"),
                &["-module-summary", &file.to_string_lossy(), "-o", &name],
            )?;
            if !made.status.success() {
                without += 1;
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
            let triple =
                text.lines().find_map(|line| line.strip_prefix("target triple = \"")?.strip_suffix('"'));
            modules.push(Module { name, triple: triple.map(str::to_owned) });
        }
        Ok((modules, without))
    }

    /// Those of `modules` that lld makes an index for, all of them in one thin link if that can be.
    fn indexed(&self, modules: Vec<Module>) -> Result<Vec<Module>> {
        let thin_link = |modules: &[&str]| -> Result<bool> {
            let args = ["-shared", "-z", "undefs", "--thinlto-index-only=list"];
            let linked = self.run(&self.bench.tools.join("ld.lld"), &[&args, modules].concat())?;
            Ok(linked.status.success())
        };
        let names: Vec<&str> = modules.iter().map(|module| &*module.name).collect();
        let together = thin_link(&names)?;
        let mut indexed = Vec::new();
        for module in modules {
            if together || thin_link(&[&module.name])? {
                indexed.push(module);
            }
        }
        Ok(indexed)
    }

    /// Compiles `module` by both.
    fn backend(&self, module: &Module) -> Result<Compiled> {
        let target = module.triple.as_ref().map(|triple| format!("--target={triple}"));
        let flags: Vec<&str> = FLAGS.into_iter().chain(target.as_deref()).collect();
        let clang = self.bench.toolchain.clang.display().to_string();
        let options = ["backend", &module.name, "--verify-with", &clang, "--no-cache", "--"];
        let ours = self.run(&self.bench.thinfarm, &[&options, &*flags].concat())?;
        let said = String::from_utf8_lossy(&ours.stderr).into_owned();
        if ours.status.success() && said.contains("1 identical of 1") {
            return Ok(Compiled::Same);
        }
        let index = format!("-fthinlto-index={}.thinlto.bc", module.name);
        let job = ["-c", "-x", "ir", &module.name, &index, "-o", "clang.o"];
        let theirs = self.run(&self.bench.toolchain.clang, &[&job, &*flags].concat())?;
        if !ours.status.success() && !theirs.status.success() {
            return Ok(Compiled::Refused);
        }
        Ok(Compiled::Otherwise(format!(
            "{} by thinfarm, {} by clang: {}",
            ours.status,
            theirs.status,
            said.trim()
        )))
    }
}
