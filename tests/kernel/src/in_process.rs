//! The same link by `ld.lld` in-process, and which objects differ because there each file's own options are
//! not honoured.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use thinfarm_corpora::{Invocation, Toolchain};

use crate::oracle::{self, Compiled};
use crate::tree::Build;

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
    link(build, toolchain)?;
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

/// The kernel's own link of vmlinux.o, but keeping each native object: `DIR/lld.o.lto.NAME.o` beside the module.
fn link(build: &Build, toolchain: &Toolchain) -> Result<()> {
    let cmd = fs::read_to_string(build.dir.join(".vmlinux.o.cmd"))?;
    let flags = cmd
        .split_once(" -r -T ")
        .and_then(|(before, _)| before.rsplit_once("ld.lld "))
        .map(|(_, flags)| flags)
        .context("the build's .vmlinux.o.cmd has no call of ld.lld")?;
    let stages = Build::STAGES;
    Invocation::new(&toolchain.lld, &build.dir)
        .args(flags.split_whitespace())
        .args(["-r", "-T", ".tmp_initcalls.lds", "--save-temps=prelink", "-o", "lld.o"])
        .arg(format!("@{stages}/vmlinux.order"))
        .arg("--start-lib")
        .arg(format!("@{stages}/libs.order"))
        .arg("--end-lib")
        .capture()?;
    Ok(())
}

fn difference(compiled: &Compiled, toolchain: &Toolchain, output: &Path) -> Result<Difference> {
    let (dir, name) = compiled.module.rsplit_once('/').unwrap_or((".", &compiled.module));
    let kept = compiled.build.join(dir).join(format!("lld.o.lto.{name}"));
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
