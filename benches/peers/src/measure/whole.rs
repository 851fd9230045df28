//! A link by one command.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use super::OUTPUT;
use super::profile;
use super::workplace::Workplace;
use crate::cost::Cost;
use crate::report::Measurement;
use crate::way::Tool;

/// A link by one command that writes to one directory.
pub struct Whole<'a> {
    workplace: &'a Workplace<'a>,
    tool: Tool,
    name: &'a str,
    cache: Option<PathBuf>,
}

impl<'a> Whole<'a> {
    /// The link by `tool` that writes to `name` below the output directory.
    pub fn new(workplace: &'a Workplace<'a>, tool: Tool, name: &'a str) -> Self {
        Whole { workplace, tool, name, cache: None }
    }

    /// With objects cached in the directory `cache`.
    pub fn cached(self, cache: PathBuf) -> Self {
        Whole { cache: Some(cache), ..self }
    }

    /// Links.
    pub fn run(&self) -> Result<Measurement> {
        self.workplace.empty_dir(self.name)?;
        let whole = Cost::of(&mut self.command()?)?;
        let has_profile = self.tool == Tool::LdThinfarm && self.cache.is_some();
        let compiled = has_profile.then(|| profile::read(&self.profile())).transpose()?;
        Ok(Measurement { whole, stages: None, compiled })
    }

    /// Links, and keeps the objects, which are otherwise in memory only. The output is the same.
    pub fn run_and_keep_objects(&self) -> Result<()> {
        self.workplace.empty_dir(self.name)?;
        Cost::of(self.command()?.arg("--save-temps=prelink"))?;
        // lld leaves them beside the modules, named after the output.
        for (position, module) in self.workplace.subject.modules.iter().enumerate() {
            let stem = module.file_stem().unwrap_or_default().display();
            let left = self.workplace.subject.dir.join(module).with_file_name(format!("out.lto.{stem}.o"));
            fs::rename(&left, self.object(position))
                .with_context(|| format!("{:?} left no {}", self.tool, left.display()))?;
        }
        Ok(())
    }

    /// What was linked.
    pub fn output(&self) -> PathBuf {
        self.workplace.path(self.name).join("out")
    }

    /// The object of the module at `position` that was kept.
    pub fn object(&self, position: usize) -> PathBuf {
        self.workplace.path(self.name).join(format!("{position}.o"))
    }

    fn command(&self) -> Result<Command> {
        let mut command = match self.tool {
            Tool::LdThinfarm => self.workplace.linker_of_bitcode(&self.workplace.ld_thinfarm),
            _ => self.workplace.linker_of_bitcode(self.workplace.lld),
        };
        command.args(["-o", &self.relative("out")]);
        if self.tool == Tool::Dtlto {
            let distributor = self.workplace.distributor.as_ref().map_err(|reason| anyhow!("{reason}"))?;
            command.args(distributor.options(self.workplace.clang, self.workplace.subject.options.of(0)));
        }
        match &self.cache {
            Some(cache) if self.tool == Tool::LdThinfarm => {
                command.env("THINFARM_CACHE_DIR", cache).env("THINFARM_PROFILE", self.profile());
            }
            Some(cache) => {
                command.arg(format!("--thinlto-cache-dir={}", cache.display()));
            }
            None => {}
        }
        Ok(command)
    }

    fn profile(&self) -> PathBuf {
        self.workplace.path(self.name).join("profile.json")
    }

    fn relative(&self, name: &str) -> String {
        format!("{OUTPUT}/{}/{name}", self.name)
    }
}
