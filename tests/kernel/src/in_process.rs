//! The same link by `ld.lld` in-process, and which objects differ because there each file's own options are
//! not honoured.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use thinfarm_corpora::{Invocation, Toolchain};
use thinfarm_kernel_test::oracle::{self, Compiled};
use thinfarm_kernel_test::tree::Build;

/// How an object of lld differs from that made with the file's own options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Difference {
    None,
    /// lld gives every function and every variable a section of its own, whatever the file's options.
    Sections,
    /// Even with such sections the code is another.
    Code,
}

/// Runs lld's backends on the modules of `build` and tells how they differ from thinfarm's.
pub fn tell(build: &Build, toolchain: &Toolchain) -> Result<()> {
    let modules = build.linked()?;
    link(build, &toolchain.lld, OUTPUT)?;
    let differences = oracle::each(&modules, |compiled, output| difference(compiled, toolchain, output))?;
    let own = own_options(&modules)?;

    let count = |wanted| differences.iter().filter(|found| **found == wanted).count();
    println!("  ld.lld in-process, compared with objects that have their files' own options:");
    println!("    {:4} identical", count(Difference::None));
    println!(
        "    {:4} differ in that lld gives each function and variable a section",
        count(Difference::Sections)
    );
    println!("    {:4} have other code", count(Difference::Code));

    let mut told: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for ((compiled, difference), options) in modules.iter().zip(&differences).zip(&own) {
        let what = match difference {
            Difference::None => continue,
            Difference::Code => "other code",
            // Those that asked for no sections; the others have clang's default.
            Difference::Sections if options.contains("-sections") => "other sections",
            Difference::Sections => continue,
        };
        told.entry((what, options)).or_default().push(&compiled.module);
    }
    for ((what, options), files) in told {
        println!("    {what}: {options}: {}", files.join(" "));
    }
    Ok(())
}

/// What lld's link is written to.
const OUTPUT: &str = "lld.o";

/// The kernel's own link of vmlinux.o by `linker`, to `output`, but keeping each native object: see [`kept`].
pub fn link(build: &Build, linker: &Path, output: &str) -> Result<()> {
    Invocation::new(linker, &build.dir)
        .args(build.link_flags()?)
        .args(["--save-temps=prelink", "-o", output])
        .args(Build::link_inputs())
        .capture()?;
    Ok(())
}

/// The native object of `compiled` that the link to `output` kept: `DIR/OUTPUT.lto.NAME.o` beside the module.
pub fn kept(compiled: &Compiled, output: &str) -> PathBuf {
    let (dir, name) = compiled.module.rsplit_once('/').unwrap_or((".", &compiled.module));
    compiled.build.join(dir).join(format!("{output}.lto.{name}"))
}

fn difference(compiled: &Compiled, toolchain: &Toolchain, output: &Path) -> Result<Difference> {
    let kept = kept(compiled, OUTPUT);
    let theirs = fs::read(&kept).with_context(|| format!("lld left no {}", kept.display()))?;
    if theirs == fs::read(compiled.build.join(&compiled.native))? {
        return Ok(Difference::None);
    }
    let split = compiled.by_clang("-ffunction-sections -fdata-sections", toolchain, output)?;
    Ok(if theirs == split { Difference::Sections } else { Difference::Code })
}

/// For each module the options of code generation that most others do not have.
fn own_options(modules: &[Compiled]) -> Result<Vec<String>> {
    let lists: Vec<Vec<String>> = modules
        .iter()
        .map(|compiled| Ok(compiled.flags()?.split_whitespace().map(str::to_owned).collect()))
        .collect::<Result<_>>()?;
    let mut users: HashMap<&str, usize> = HashMap::new();
    for list in &lists {
        for option in list.iter().map(String::as_str).collect::<HashSet<_>>() {
            *users.entry(option).or_default() += 1;
        }
    }
    let is_own = |option: &&str| {
        (option.starts_with("-f") || option.starts_with("-m") || option.starts_with("-O"))
            && users[option] * 2 < modules.len()
    };
    Ok(lists
        .iter()
        .map(|list| list.iter().map(String::as_str).filter(is_own).collect::<Vec<_>>().join(" "))
        .collect())
}
