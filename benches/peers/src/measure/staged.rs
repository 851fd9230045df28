//! A link in stages: thin link by lld, backends, final link by lld.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::OUTPUT;
use super::profile;
use super::workplace::Workplace;
use crate::cost::Cost;
use crate::report::{Measurement, Stages};
use crate::subject::Options;

/// A link in stages whose files are all in one directory.
pub struct Staged<'a> {
    workplace: &'a Workplace<'a>,
    name: &'a str,
}

impl<'a> Staged<'a> {
    /// The link that writes to `name` below the output directory.
    pub fn new(workplace: &'a Workplace<'a>, name: &'a str) -> Self {
        Staged { workplace, name }
    }

    /// The whole link with thinfarm's backends, in an empty directory. `cache` is for objects.
    pub fn by_thinfarm(&self, cache: Option<&Path>) -> Result<Measurement> {
        self.workplace.empty_dir(self.name)?;
        let mut backends = self.thinfarm();
        match cache {
            None => self.measure(|| Cost::of(self.with_options(&mut backends))),
            Some(cache) => self.profiled(backends.env("THINFARM_CACHE_DIR", cache)),
        }
    }

    /// The whole link with what thinfarm remembers of the link before in the same directory.
    pub fn by_thinfarm_incrementally(&self) -> Result<Measurement> {
        self.profiled(self.thinfarm().arg("--incremental"))
    }

    /// The whole link with a clang for every backend, in an empty directory.
    pub fn by_clang(&self) -> Result<Measurement> {
        self.workplace.empty_dir(self.name)?;
        self.measure(|| {
            // As thinfarm and lld do: the largest first, which leaves the fewest cores idle at the end.
            let mut backends = Vec::new();
            for (position, module) in self.workplace.subject.modules.iter().enumerate() {
                let path = self.workplace.subject.dir.join(module);
                let file = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
                backends.push((file.len(), self.clang(position, module)));
            }
            backends.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
            Cost::of_all(backends.into_iter().map(|(_, command)| command).collect(), self.workplace.jobs)
        })
    }

    /// The native object of `module`.
    pub fn object(&self, module: &Path) -> PathBuf {
        self.workplace.subject.dir.join(self.relative_object(module))
    }

    /// The whole link with `backends`, which also tell what they compiled.
    fn profiled(&self, backends: &mut Command) -> Result<Measurement> {
        let profile = self.path("profile.json");
        backends.arg("--profile").arg(&profile);
        let measured = self.measure(|| Cost::of(self.with_options(backends)))?;
        Ok(Measurement { compiled: Some(profile::read(&profile)?), ..measured })
    }

    fn measure(&self, backends: impl FnOnce() -> Result<Cost>) -> Result<Measurement> {
        let thin_link = self.thin_link()?;
        let backends = backends()?;
        let final_link = self.final_link()?;
        Ok(Measurement {
            whole: thin_link.then(backends).then(final_link),
            stages: Some(Stages { thin_link, backends, final_link }),
            compiled: None,
        })
    }

    fn thin_link(&self) -> Result<Cost> {
        Cost::of(
            self.workplace
                .linker_of_bitcode(self.workplace.lld)
                .arg(self.prefix_replace())
                .arg(format!("--thinlto-index-only={}", self.relative("list"))),
        )
    }

    /// thinfarm, but for the options of code generation, which come last.
    fn thinfarm(&self) -> Command {
        let mut command = self.workplace.command(self.workplace.thinfarm);
        command.args(["backend", "--list", &self.relative("list"), &self.prefix_replace()]);
        // Objects are beside the indexes.
        command.arg(format!("-j{}", self.workplace.jobs));
        command
    }

    fn with_options<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        match &self.workplace.subject.options {
            Options::OfAll(options) => command.arg("--").args(options),
            Options::OfEach(_) => command.args(["--options", "kbuild"]),
        }
    }

    fn clang(&self, position: usize, module: &Path) -> Command {
        let mut command = self.workplace.command(self.workplace.clang);
        command
            .args(self.workplace.subject.options.of(position))
            .args(["-x", "ir", "-c"])
            .arg(format!("-fthinlto-index={}", self.relative(&format!("{}.thinlto.bc", module.display()))))
            .arg("-o")
            .arg(self.relative_object(module))
            .arg(module);
        command
    }

    fn final_link(&self) -> Result<Cost> {
        let link = &self.workplace.subject.link;
        let modules = &self.workplace.subject.modules;
        let object = |input: &PathBuf| match modules.contains(input) {
            true => self.relative_object(input).display().to_string() + "\n",
            false => input.display().to_string() + "\n",
        };
        let objects = self.path("objects");
        fs::write(&objects, link.order.iter().map(object).collect::<String>())
            .with_context(|| format!("cannot write {}", objects.display()))?;
        Cost::of(
            self.workplace
                .linker(self.workplace.lld)
                .args(["-o", &self.relative("out"), &format!("@{}", self.relative("objects"))])
                .args(&link.libraries),
        )
    }

    fn prefix_replace(&self) -> String {
        format!("--thinlto-prefix-replace=;{}", self.relative(""))
    }

    fn relative_object(&self, module: &Path) -> PathBuf {
        PathBuf::from(self.relative("")).join(module.with_extension("thinlto-native.o"))
    }

    /// `name` in the directory of this link, as commands run in the subject's directory see it.
    fn relative(&self, name: &str) -> String {
        format!("{OUTPUT}/{}/{name}", self.name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workplace.path(self.name).join(name)
    }
}
