//! LLVM's test runner, with a program of ours where tests name one of LLVM's.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::json;

/// The user that tests run as which must not be root: `nobody`.
pub const NOBODY: u32 = 65534;

/// A Python that every user may run, which one in a home directory need not be.
const SYSTEM_PYTHON: &str = "/usr/bin/python3";

/// One run of a project's tests.
pub struct Run<'a> {
    /// The unpacked sources.
    pub source: &'a Path,
    /// The directory of LLVM's tools.
    pub tools: &'a Path,
    /// The directory that the run writes to, which it empties first.
    pub out: PathBuf,
    /// What stands where a test says `ld.lld`, in the words of a shell.
    pub linker: Option<String>,
    /// What stands where a test says `%clang`.
    pub driver: Option<PathBuf>,
    /// A directory whose `ld.lld` clang runs.
    pub linkers: Option<PathBuf>,
    /// What stands where a test says `%llvm_src_root`.
    pub llvm_source: PathBuf,
    /// How many tests at once.
    pub jobs: usize,
    /// The user to run as, if it is not the one who runs this program.
    pub user: Option<u32>,
}

/// What became of one test.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// lit's word for it, such as `PASS`.
    pub code: String,
    /// What a failing test printed.
    #[serde(default)]
    pub output: String,
}

impl Verdict {
    /// Whether the test did what it is expected to do.
    pub fn passes(&self) -> bool {
        ["PASS", "XFAIL", "FLAKYPASS"].contains(&self.code.as_str())
    }

    /// Whether the test was not run, because of what this machine or this LLVM lacks.
    pub fn is_left_out(&self) -> bool {
        ["UNSUPPORTED", "EXCLUDED", "SKIPPED"].contains(&self.code.as_str())
    }
}

/// The verdicts of a run, by the test's path in the sources.
pub type Verdicts = BTreeMap<String, Verdict>;

#[derive(Deserialize)]
struct Results {
    tests: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    /// `suite :: path`, the path from the suite's root.
    name: String,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Run<'_> {
    /// Runs those of `tests`, paths below `project`'s own tests, that are to be run, folders with all that is in them.
    ///
    /// # Errors
    /// lit cannot be run or gives no verdicts. That a test fails is none.
    pub fn verdicts(&self, project: Project, tests: &[String]) -> Result<Verdicts> {
        if self.out.exists() {
            fs::remove_dir_all(&self.out).with_context(|| format!("cannot empty {}", self.out.display()))?;
        }
        let suite = self.out.join("test");
        fs::create_dir_all(&suite).with_context(|| format!("cannot create {}", suite.display()))?;
        let site = suite.join("lit.site.cfg.py");
        fs::write(&site, self.site(project)).with_context(|| format!("cannot write {}", site.display()))?;
        let results = self.out.join("results.json");
        let log = self.out.join("log");
        let python = if Path::new(SYSTEM_PYTHON).exists() { SYSTEM_PYTHON } else { "python3" };
        let mut lit = Command::new(python);
        // Verdicts must not depend on who runs this program in which terminal.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("THINFARM_") {
                lit.env_remove(name);
            }
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([self.no_debuggers()?].into_iter().chain(env::split_paths(&path)))?;
        lit.env("PATH", path)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", self.source.join("llvm/utils/lit"))
            .arg(self.source.join("llvm/utils/lit/lit.py"))
            .args(["-sv", &format!("-j{}", self.jobs), "-o"])
            .arg(&results)
            .args(tests.iter().map(|test| suite.join(test)))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log)?)
            .stderr(fs::File::options().append(true).open(&log)?);
        if let Some(user) = self.user {
            for path in [&self.out, &suite, &log] {
                chown(path, Some(user), Some(user))
                    .with_context(|| format!("cannot give {} away", path.display()))?;
            }
            lit.uid(user).gid(user).env("HOME", &self.out);
        }
        let status = lit.status().with_context(|| format!("cannot run {python}"))?;
        let Ok(text) = fs::read_to_string(&results) else {
            bail!("lit gives no verdicts ({status}); {} says why", log.display());
        };
        let results: Results = serde_json::from_str(&text).context("lit's verdicts cannot be read")?;
        ensure!(!results.tests.is_empty(), "lit found no test; {} says why", log.display());
        Ok(results
            .tests
            .into_iter()
            .filter_map(|test| {
                let (_, path) = test.name.split_once(" :: ")?;
                Some((format!("{}{path}", project.tests()), test.verdict))
            })
            .collect())
    }

    /// A directory in which a debugger does not run: a suite's configuration asks each for its version, and then wants
    /// packages of Python to compare it, although no test here needs one.
    fn no_debuggers(&self) -> Result<PathBuf> {
        let dir = self.out.join("no-debuggers");
        fs::create_dir_all(&dir)?;
        for debugger in ["gdb", "lldb"] {
            script(&dir.join(debugger), "exit 1\n")?;
        }
        Ok(dir)
    }

    /// The configuration that `site.cfg.py` reads.
    fn site(&self, project: Project) -> String {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let settings = json!({
            "source": path(self.source),
            "llvm_source": path(&self.llvm_source),
            "project": project.name(),
            "config": project.config(),
            "tools": path(self.tools),
            "libraries": path(&self.tools.join("../lib")),
            "out": path(&self.out),
            "linker": self.linker.clone().unwrap_or_default(),
            "driver": self.driver.as_deref().map(path).unwrap_or_default(),
            "linkers": self.linkers.as_deref().map(path).unwrap_or_default(),
        });
        // Strings of JSON are strings of Python.
        format!("settings = {settings}\n{}", include_str!("site.cfg.py"))
    }
}

/// A project of LLVM with a test suite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// The linker.
    Lld,
    /// The compiler.
    Clang,
    /// What takes several projects.
    Cross,
}

impl Project {
    fn name(self) -> &'static str {
        match self {
            Project::Lld => "lld",
            Project::Clang => "clang",
            Project::Cross => "cross-project-tests",
        }
    }

    /// The suite's configuration, from the project's directory.
    fn config(self) -> &'static str {
        match self {
            Project::Lld | Project::Clang => "/test/lit.cfg.py",
            Project::Cross => "/lit.cfg.py",
        }
    }

    /// The directory of its tests in the sources, with a slash.
    pub fn tests(self) -> &'static str {
        match self {
            Project::Lld => "lld/test/",
            Project::Clang => "clang/test/",
            Project::Cross => "cross-project-tests/",
        }
    }
}

/// Writes a shell script that can be run.
pub fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// The tests below `folder` of `project` one of whose lines has one of `words`, as paths that [`Run::verdicts`] takes.
///
/// # Errors
/// A file cannot be read.
pub fn tests_that_say(source: &Path, project: Project, folder: &str, words: &[&str]) -> Result<Vec<String>> {
    let root = source.join(project.tests());
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                if !path.ends_with("Inputs") {
                    folders.push(path);
                }
                continue;
            }
            let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = String::from_utf8_lossy(&text);
            let is_test = text.contains("RUN:");
            if is_test && text.lines().any(|line| words.iter().any(|word| line.contains(word))) {
                found.push(path.strip_prefix(&root)?.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
