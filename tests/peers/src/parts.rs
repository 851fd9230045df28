//! What each part runs, and what it finds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::Result;

use crate::exceptions::{Exceptions, Finding};
use crate::lit::{NOBODY, Project, Run, Verdicts, script, tests_that_say};
use crate::{Bench, Part, modules, side_by_side};

/// How much of what a failing test printed is shown: the end tells.
const SHOWN: usize = 4000;

/// Words of tests that link bitcode.
const BITCODE: [&str; 6] = ["llvm-as ", "opt -", "opt %", "-flto", "llvm-lto", ".bc"];

/// Runs a part: what was counted, in one line, and what was found.
pub fn run(part: Part, bench: &Bench, exceptions: &Exceptions) -> Result<(String, Vec<Finding>)> {
    match part {
        Part::Elf => elf(bench),
        Part::SideBySide => compared(bench, exceptions),
        Part::Dtlto => dtlto(bench),
        Part::Clang => clang(bench),
        Part::Modules => modules::compile(bench),
    }
}

fn elf(bench: &Bench) -> Result<(String, Vec<Finding>)> {
    let tests = wanted(bench, tests_that_say(&bench.source, Project::Lld, "ELF", &["RUN:"])?);
    let ours = Some(bench.linker.display().to_string());
    let (mut theirs, mut with_ours) = (
        as_any_user(bench, "elf-lld", &tests, |run| run.linker = None)?,
        as_any_user(bench, "elf-thinfarm", &tests, |run| run.linker.clone_from(&ours))?,
    );
    Ok(both("ld.lld", &mut theirs, "ld.thinfarm", &mut with_ours))
}

fn compared(bench: &Bench, exceptions: &Exceptions) -> Result<(String, Vec<Finding>)> {
    let mut tests = tests_that_say(&bench.source, Project::Lld, "ELF", &BITCODE)?;
    // Those whose verdict says nothing of thinfarm, too.
    let elf = Part::Elf.name();
    let known = exceptions.tests(&elf);
    tests.extend(known.filter_map(|test| test.strip_prefix(Project::Lld.tests())).map(str::to_owned));
    tests.sort();
    tests.dedup();
    let tests = wanted(bench, tests);
    // Outside of what a run empties, and open to every user.
    let records = bench.dir.join("side-by-side-records");
    if records.exists() {
        fs::remove_dir_all(&records)?;
    }
    fs::create_dir_all(&records)?;
    fs::set_permissions(&records, PermissionsExt::from_mode(0o777))?;
    let lld = bench.tools.join("ld.lld");
    let both = |out: &Path| side_by_side::command(&records, out, &lld, &bench.linker);
    both(&bench.dir)?;
    let verdicts = as_any_user(bench, "side-by-side", &tests, |run| {
        // One test at a time: what a link writes where all tests run is its own then.
        run.jobs = 1;
        run.linker = both(&run.out).ok();
    })?;
    let links = side_by_side::records(&records)?;
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for link in links.iter().filter(|link| !link.differences.is_empty()) {
        let what = format!("ld.lld {}\n  {}\n", link.args.join(" "), link.differences.join("\n  "));
        found.entry(&link.test).or_default().push_str(&what);
    }
    let different = links.iter().filter(|link| !link.differences.is_empty()).count();
    let unsteady = links.iter().filter(|link| !link.unsteady.is_empty()).count();
    let mut findings: Vec<Finding> = found
        .into_iter()
        .map(|(test, what)| Finding { test: format!("{}{test}", Project::Lld.tests()), what })
        .collect();
    // A link that nobody saw was not compared.
    for (test, _) in verdicts.iter().filter(|(_, verdict)| verdict.passes()) {
        if !links.iter().any(|link| test.strip_prefix(Project::Lld.tests()) == Some(&link.test)) {
            findings.push(Finding { test: test.clone(), what: "passes without a link".to_owned() });
        }
    }
    // The links that stay are ld.lld's: a test that fails was not compared whole.
    for (test, verdict) in verdicts.iter().filter(|(_, verdict)| !verdict.passes() && !verdict.is_left_out())
    {
        findings.push(Finding {
            test: test.clone(),
            what: format!("fails with both linkers side by side\n{}", end_of(&verdict.output)),
        });
    }
    let counts = format!(
        "{} tests, {} links by both: {} the same in status, streams and every file, {different} different; {unsteady} \
         that ld.lld does not do twice in the same way",
        verdicts.len(),
        links.len(),
        links.len() - different
    );
    Ok((counts, findings))
}

fn dtlto(bench: &Bench) -> Result<(String, Vec<Finding>)> {
    let tests = wanted(bench, tests_that_say(&bench.source, Project::Cross, "dtlto", &["RUN:"])?);
    let run = |name: &str, change: &dyn Fn(&mut Run<'_>)| {
        let mut run = bench.run(name);
        change(&mut run);
        run.verdicts(Project::Cross, &tests)
    };
    let mut theirs = run("dtlto-llvm", &|_| {})?;

    // Tests name LLVM's distributor by its place in the sources.
    let stand_in = bench.dir.join("bin/llvm");
    fs::create_dir_all(stand_in.join("utils/dtlto"))?;
    fs::write(
        stand_in.join("utils/dtlto/local.py"),
        format!(
            "import os, sys\nprogram = {:?}\nos.execv(program, [program, 'dtlto', *sys.argv[1:]])\n",
            bench.thinfarm.display().to_string()
        ),
    )?;
    let mut distributor = run("dtlto-thinfarm", &|run| run.llvm_source.clone_from(&stand_in))?;

    // clang finds the linker by this name, and ld.thinfarm is one by its own.
    let linkers = bench.dir.join("bin/linkers");
    fs::create_dir_all(&linkers)?;
    script(&linkers.join("ld.lld"), &format!("exec '{}' \"$@\"\n", bench.linker.display()))?;
    let mut linker = run("dtlto-ld.thinfarm", &|run| run.linkers = Some(linkers.clone()))?;

    let (counts, mut findings) = both("LLVM's distributor", &mut theirs, "thinfarm dtlto", &mut distributor);
    let (more, found) = both("ld.lld", &mut theirs, "ld.thinfarm and LLVM's distributor", &mut linker);
    for finding in found {
        match findings.iter_mut().find(|known| known.test == finding.test) {
            Some(known) => known.what = format!("{}\n{}", known.what, finding.what),
            None => findings.push(finding),
        }
    }
    Ok((format!("{counts}; {more}"), findings))
}

fn clang(bench: &Bench) -> Result<(String, Vec<Finding>)> {
    let mut tests = Vec::new();
    for folder in ["CodeGen", "CodeGenCXX", "Driver"] {
        tests.extend(tests_that_say(&bench.source, Project::Clang, folder, &["-fthinlto-index"])?);
    }
    let tests = wanted(bench, tests);
    let mut theirs = bench.run("clang-llvm").verdicts(Project::Clang, &tests)?;
    // `thinfarm cc` stands for the driver, whose commands are documented, not for cc1; and it runs what -### shows.
    let driver = bench.dir.join("bin/clang");
    script(
        &driver,
        &format!(
            "clang='{}' thinfarm='{}'\n{}",
            bench.tools.join("clang").display(),
            bench.thinfarm.display(),
            include_str!("driver.sh")
        ),
    )?;
    let mut run = bench.run("clang-thinfarm");
    run.driver = Some(driver);
    let mut ours = run.verdicts(Project::Clang, &tests)?;
    Ok(both("clang", &mut theirs, "thinfarm cc", &mut ours))
}

impl Bench {
    /// A run with LLVM's own programs, that writes to the directory `name`.
    fn run(&self, name: &str) -> Run<'_> {
        Run {
            source: &self.source,
            tools: &self.tools,
            out: self.dir.join("runs").join(name),
            linker: None,
            driver: None,
            linkers: None,
            llvm_source: self.source.join("llvm"),
            jobs: self.jobs,
            user: None,
        }
    }
}

/// The verdicts of `tests` of lld: of those that are not for root as another user, if root it is.
fn as_any_user(
    bench: &Bench,
    name: &str,
    tests: &[String],
    change: impl Fn(&mut Run<'_>),
) -> Result<Verdicts> {
    let mut run = bench.run(name);
    change(&mut run);
    let mut verdicts = run.verdicts(Project::Lld, tests)?;
    let not_for_root = tests_that_say(&bench.source, Project::Lld, "ELF", &["non-root-user"])?;
    let not_for_root: Vec<String> = not_for_root.into_iter().filter(|test| tests.contains(test)).collect();
    if fs::metadata("/proc/self")?.uid() == 0 && !not_for_root.is_empty() {
        let mut run = bench.run(&format!("{name}-nobody"));
        run.user = Some(NOBODY);
        change(&mut run);
        verdicts.extend(run.verdicts(Project::Lld, &not_for_root)?);
    }
    Ok(verdicts)
}

/// Counts what passes by each of two programs, and finds the tests that pass by one of them only.
fn both(
    their_name: &str,
    theirs: &mut Verdicts,
    our_name: &str,
    ours: &mut Verdicts,
) -> (String, Vec<Finding>) {
    let passing = |verdicts: &Verdicts| verdicts.values().filter(|verdict| verdict.passes()).count();
    let left_out = theirs.values().filter(|verdict| verdict.is_left_out()).count();
    let counts = format!(
        "{} tests, {left_out} not for this machine: {} pass with {their_name}, {} with {our_name}",
        theirs.len(),
        passing(theirs),
        passing(ours)
    );
    let mut findings = Vec::new();
    for (test, by_theirs) in theirs.iter() {
        let what = match ours.get(test) {
            None => "was not run".to_owned(),
            Some(by_ours) if by_ours.passes() == by_theirs.passes() => continue,
            Some(by_ours) if by_theirs.passes() => {
                format!("passes with {their_name}, not with {our_name}\n{}", end_of(&by_ours.output))
            }
            Some(_) => {
                format!("passes with {our_name}, not with {their_name}\n{}", end_of(&by_theirs.output))
            }
        };
        findings.push(Finding { test: test.clone(), what });
    }
    (counts, findings)
}

/// The last of what a test printed.
fn end_of(output: &str) -> &str {
    let from = output.len().saturating_sub(SHOWN);
    let from = (from..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
    output[from..].trim()
}

fn wanted(bench: &Bench, tests: Vec<String>) -> Vec<String> {
    tests.into_iter().filter(|test| bench.wants(test)).collect()
}
