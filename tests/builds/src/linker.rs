//! `ld.thinfarm` as builds find it, and what it did in them.
//!
//! A build links more often than one thinks: configure scripts, generators of sources, build scripts, tests. So what is
//! on PATH is a shell script that keeps the command line and the profile of each link, and then becomes the real
//! program, whose file has the very same name.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use thinfarm_corpora::{Invocation, thinfarm_program};

/// The directory of records, in the environment of builds.
const RECORDS: &str = "TEST_BUILDS_RECORDS";

/// An installed `ld.thinfarm`.
pub struct Linker {
    /// The script, named `ld.thinfarm`.
    pub path: PathBuf,
    records: PathBuf,
}

/// One link with ThinLTO modules in it.
#[derive(Debug)]
pub struct Link {
    /// Module ids, in the order of the profile.
    pub modules: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    module: String,
    error: Option<String>,
}

impl Linker {
    /// Puts program and script below `dir`.
    pub fn install(dir: &Path) -> Result<Self> {
        let (program, script) = (dir.join("program/ld.thinfarm"), dir.join("path/ld.thinfarm"));
        for file in [&program, &script] {
            let parent = file.parent().unwrap_or(dir);
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
            if file.symlink_metadata().is_ok() {
                fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
        symlink(thinfarm_program()?, &program)?;
        let record = format!("\"${RECORDS}/$$\"");
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > {record}.args\nTHINFARM_PROFILE={record}.json exec '{}' \"$@\"\n",
            program.display()
        );
        fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
        Ok(Linker { path: script, records: dir.join("records") })
    }

    /// Forgets the links of earlier builds.
    pub fn forget(&self) -> Result<()> {
        if self.records.exists() {
            fs::remove_dir_all(&self.records)?;
        }
        fs::create_dir_all(&self.records).with_context(|| format!("cannot create {}", self.records.display()))
    }

    /// `program` in `dir`, with `ld.thinfarm` on PATH, `variables` in its environment, and free of the make that may run
    /// this test.
    pub fn run(&self, program: impl AsRef<Path>, dir: &Path, variables: &[(&str, &str)]) -> Invocation {
        let ours = env::vars_os().map(|(name, _)| name);
        let ours = ours.filter(|name| name.as_encoded_bytes().starts_with(b"THINFARM"));
        let mut command = Invocation::new("env", dir).args(["-u", "MAKEFLAGS", "-u", "MAKELEVEL"]);
        for name in ours {
            command = command.arg("-u").arg(name);
        }
        let mut path = self.path.parent().map_or_else(Default::default, |dir| dir.as_os_str().to_owned());
        if let Some(others) = env::var_os("PATH") {
            path.push(":");
            path.push(others);
        }
        command = command.arg(format!("PATH={}", path.to_string_lossy()));
        command = command.arg(format!("{RECORDS}={}", self.records.display()));
        command = command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(program.as_ref())
    }

    /// The links with ThinLTO modules since the last [`forget`](Linker::forget), by the file name of their output.
    pub fn links(&self) -> Result<BTreeMap<String, Link>> {
        let mut links = BTreeMap::new();
        for entry in fs::read_dir(&self.records)? {
            let path = entry?.path();
            let profile = path.with_extension("json");
            // Links without modules leave no profile.
            if path.extension().is_none_or(|extension| extension != "args") || !profile.exists() {
                continue;
            }
            let args =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let output = args.lines().skip_while(|arg| *arg != "-o").nth(1).unwrap_or("a.out");
            let output = Path::new(output).file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&profile)?;
            let profile: Profile = serde_json::from_str(&text)
                .with_context(|| format!("{} is no profile", profile.display()))?;
            for job in &profile.jobs {
                ensure!(job.error.is_none(), "{output}: the job of {} failed: {:?}", job.module, job.error);
            }
            links.insert(output, Link { modules: profile.jobs.into_iter().map(|job| job.module).collect() });
        }
        Ok(links)
    }
}

/// The number of modules in the links of `outputs`, each of which must have had some.
pub fn modules_of(links: &BTreeMap<String, Link>, outputs: &[&str]) -> Result<usize> {
    let mut count = 0;
    for output in outputs {
        let link = links.get(*output).with_context(|| {
            let seen: Vec<&String> = links.keys().collect();
            format!("ld.thinfarm did not run the backends of {output}, but those of {seen:?}")
        })?;
        ensure!(!link.modules.is_empty(), "{output} was linked without ThinLTO modules");
        count += link.modules.len();
    }
    Ok(count)
}
