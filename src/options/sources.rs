//! Where the options of each file come from: sources asked in order, rules, and what is given for all.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use llvm_build::{ModuleFacts, ModuleRecord, backend_flags, option_groups};

use super::source::compile_commands::Wanted;
use super::source::{self, CompileCommands, Kept, SourceError};
use super::{FileOptions, Frame, LinkLine, SourceName};
use crate::config::Rule;
use crate::input::{Archives, Location, Modules};

/// What is done about a module that no source knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingOptions {
    /// Nothing is compiled.
    Error,
    /// It gets the options given for all modules; [`Sources::missing`] tells.
    Warn,
    /// It gets the options given for all modules.
    Ignore,
}

/// Where the options of one module come from, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The source and the place in it.
    pub source: String,
    /// What rules did, in their order.
    pub rules: Vec<String>,
}

/// A source, ready to be asked.
#[derive(Debug)]
enum Source {
    Kbuild,
    CompileCommands(CompileCommands),
    Recorded,
    Rust,
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Kbuild => "kbuild",
            Self::CompileCommands(commands) => commands.name(),
            Self::Recorded => "recorded",
            Self::Rust => "rust",
        }
    }
}

/// Answers "the options of this module".
#[derive(Debug)]
pub struct Sources {
    sources: Vec<Source>,
    /// For modules that no source knows.
    given: Arc<[String]>,
    /// That of a link says more for them, and something for all.
    link: Option<LinkLine>,
    /// Who gave them.
    giver: &'static str,
    /// What somebody asked for, who would have it of rustc's modules too: `given`, unless they are a
    /// program's defaults.
    wishes: Arc<[String]>,
    frame: Frame,
    rules: Vec<Rule>,
    policy: MissingOptions,
    missing: Vec<String>,
    modules: Modules,
    archives: Archives,
    /// The working directory; a command of this directory is not elsewhere.
    here: PathBuf,
    /// Directories of commands, and whether they are elsewhere.
    directories: HashMap<PathBuf, Option<Arc<Path>>>,
}

/// The provenance of options that are given for all modules by a person.
const AFTER_DASHES: &str = "the command line, after --";

/// The giver of options that lld decides about.
const LINK: &str = "the link";

impl Sources {
    /// The same `flags` of clang for all modules, which a person gave.
    pub fn given(flags: impl Into<Arc<[String]>>) -> Self {
        let flags = flags.into();
        Self { wishes: flags.clone(), ..Self::defaults(flags, AFTER_DASHES) }
    }

    /// The same `flags` of clang for all modules, which a program, the `giver`, has for want of better.
    pub fn defaults(flags: impl Into<Arc<[String]>>, giver: &'static str) -> Self {
        Self {
            sources: Vec::new(),
            given: flags.into(),
            link: None,
            giver,
            wishes: Arc::default(),
            frame: Frame::default(),
            rules: Vec::new(),
            policy: MissingOptions::Ignore,
            missing: Vec::new(),
            modules: Modules::default(),
            archives: Archives::default(),
            here: std::env::current_dir().unwrap_or_default(),
            directories: HashMap::new(),
        }
    }

    /// Asks these sources first, in this order.
    ///
    /// # Errors
    /// A compilation database cannot be had.
    pub fn with(mut self, names: &[SourceName], policy: MissingOptions) -> Result<Self, SourceError> {
        for name in names {
            self.sources.push(match name {
                SourceName::Kbuild => Source::Kbuild,
                SourceName::CompileCommands(path) => {
                    Source::CompileCommands(CompileCommands::find(path.as_deref())?)
                }
                SourceName::Recorded => Source::Recorded,
                SourceName::Ninja(directory) => {
                    Source::CompileCommands(source::ninja::compile_commands(directory.as_deref())?)
                }
                SourceName::Rust => Source::Rust,
            });
        }
        self.policy = policy;
        Ok(self)
    }

    /// Applies `rules` to what the sources say.
    #[must_use]
    pub fn with_rules(self, rules: Vec<Rule>) -> Self {
        Self { rules, ..self }
    }

    /// Compiles for the link of `line`: modules that no source knows as lld would.
    #[must_use]
    pub fn with_link(self, line: LinkLine) -> Self {
        let frame = Frame { first: Vec::new(), last: line.orders(), from: LINK };
        Self { link: Some(line), giver: LINK, frame, ..self }
    }

    /// Puts the options of `frame` around those of every module.
    #[must_use]
    pub fn framed(self, frame: Frame) -> Self {
        Self { frame, ..self }
    }

    /// The options of `module`, and where they come from.
    ///
    /// # Errors
    /// A source knows the module, but what it says cannot be used.
    pub fn options(&mut self, module: &str) -> Result<(FileOptions, Provenance), SourceError> {
        let object = self.archives.object_path(module);
        let member = match Location::of(module) {
            Location::Member { name, .. } if object.is_none() => Some(name),
            _ => None,
        };
        let rule_path = path_for_rules(module, object.as_deref());
        self.find(Named { module, object, member, rule_path })
    }

    /// As [`Sources::options`] for a module that was taken out of `origin`, a member of an archive
    /// (`lib.a(x.o at 80)`) or a FatLTO object, whose directory is unknown: `module` is a name for the time
    /// of the link that no rule and no build knows.
    ///
    /// # Errors
    /// As [`Sources::options`].
    pub fn options_of_extracted(
        &mut self,
        module: &str,
        origin: &str,
    ) -> Result<(FileOptions, Provenance), SourceError> {
        let member = match Location::of(origin) {
            Location::Member { name, .. } => name,
            Location::File(path) => path.to_string_lossy().into_owned(),
        };
        let rule_path = path_for_rules(origin, None);
        self.find(Named { module, object: None, member: Some(member), rule_path })
    }

    fn find(&mut self, named: Named<'_>) -> Result<(FileOptions, Provenance), SourceError> {
        let module = named.module;
        let mut asked = Asked { named: &named, modules: &self.modules, record: None };
        let mut found = None;
        for source in &self.sources {
            found = asked.ask(source, &self.wishes)?;
            if found.is_some() {
                break;
            }
        }
        let known = found.is_some();
        let link_defaults = match &self.link {
            Some(line) if !known => asked.link_defaults(line)?,
            _ => None,
        };
        let (mut options, source) = match found {
            Some(Found::Kept(kept)) => self.backend_options(kept)?,
            Some(Found::Options(flags, source)) => (FileOptions::given(flags), source),
            None => match link_defaults {
                Some(defaults) => (defaults, LINK.to_owned()),
                None => (FileOptions::given(self.given.clone()), self.giver.to_owned()),
            },
        };
        if let Some(line) = &self.link
            && known
        {
            line.filter(&mut options);
        }
        // A module that cannot be read fails by itself, for a better reason.
        if !known && !self.sources.is_empty() && self.modules.reading().open(module).is_ok() {
            self.missing.push(module.to_owned());
        }
        let (options, mut provenance) = self.apply_rules(&named.rule_path, options, source);
        Ok((self.frame.around(options, &mut provenance), provenance))
    }

    /// What is done about modules that no source knows.
    pub fn policy(&self) -> MissingOptions {
        self.policy
    }

    /// Who gave the options of modules that no source knows, for people.
    pub fn giver(&self) -> &'static str {
        self.giver
    }

    /// The modules asked for that no source knew.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// # Errors
    /// Modules were asked for that no source knew, and that is to be an error.
    pub fn check(&self) -> Result<(), SourceError> {
        if self.policy == MissingOptions::Error && !self.missing.is_empty() {
            let sources = self.sources.iter().map(Source::name).collect::<Vec<_>>().join(", ");
            let (modules, giver) = (self.missing.clone(), self.giver);
            return Err(SourceError::Missing { modules, sources, giver });
        }
        Ok(())
    }

    fn backend_options(&mut self, kept: Kept) -> Result<(FileOptions, String), SourceError> {
        let directory = kept.directory.as_deref().and_then(|directory| self.elsewhere(directory));
        let name = directory.as_deref().map(Path::to_string_lossy).unwrap_or_default();
        let flags = backend_flags(&kept.args, &kept.program, &name)
            .map_err(|error| SourceError::Flags { found_in: kept.found_in.clone(), error })?;
        let splits_dwarf = flags.splits_dwarf;
        let flags = flags.options.into_iter().flatten().collect::<Vec<_>>().into();
        Ok((FileOptions { flags, splits_dwarf, directory, codegen: None }, kept.found_in))
    }

    /// `directory`, if it is not the working directory.
    fn elsewhere(&mut self, directory: &Path) -> Option<Arc<Path>> {
        if let Some(known) = self.directories.get(directory) {
            return known.clone();
        }
        let absolute = self.here.join(directory);
        let is_here = match (absolute.canonicalize(), self.here.canonicalize()) {
            (Ok(directory), Ok(here)) => directory == here,
            _ => absolute == self.here,
        };
        let elsewhere = (!is_here).then(|| absolute.into());
        self.directories.insert(directory.to_owned(), elsewhere.clone());
        elsewhere
    }

    fn apply_rules(
        &mut self,
        path: &Path,
        options: FileOptions,
        source: String,
    ) -> (FileOptions, Provenance) {
        let mut provenance = Provenance { source, rules: Vec::new() };
        let mut options = options;
        for rule in self.rules.iter_mut().filter(|rule| rule.matches(path)) {
            let changed = rule.apply(option_groups(&options.flags));
            options.flags = changed.into_iter().flatten().collect::<Vec<_>>().into();
            // The rule changes flags, so flags have to count.
            options.codegen = None;
            provenance.rules.push(rule.to_string());
        }
        (options, provenance)
    }
}

/// What globs of rules are compared with: the module's file or, inside an archive, `lib.a(x.o)`.
fn path_for_rules(module: &str, object: Option<&Path>) -> PathBuf {
    match (object, Location::of(module)) {
        (Some(object), _) => object.to_owned(),
        (None, Location::Member { archive, name, .. }) => format!("{}({name})", archive.display()).into(),
        (None, Location::File(path)) => path,
    }
}

/// What a source says.
enum Found {
    /// A compile command.
    Kept(Kept),
    /// Options, and where they are from.
    Options(Vec<String>, String),
}

/// A module and the names that builds and people know it by.
struct Named<'a> {
    module: &'a str,
    /// The file that is the module's alone; members of regular archives have none.
    object: Option<PathBuf>,
    /// Where there is no such file, its name elsewhere.
    member: Option<String>,
    /// What globs of rules are compared with.
    rule_path: PathBuf,
}

/// A module that sources are asked about. The file is opened if one of them needs it.
struct Asked<'a> {
    named: &'a Named<'a>,
    modules: &'a Modules,
    record: Option<ModuleRecord>,
}

impl Asked<'_> {
    fn ask(&mut self, source: &Source, wishes: &[String]) -> Result<Option<Found>, SourceError> {
        let Named { module, object, member, .. } = self.named;
        match source {
            Source::Kbuild => match object {
                Some(object) => Ok(source::kbuild::command(object)?.map(Found::Kept)),
                None => Ok(None),
            },
            Source::CompileCommands(commands) => {
                let wanted = Wanted { module, object: object.as_deref(), member: member.as_deref() };
                let source_file = || Ok(self.record()?.map(|record| record.source_file.clone()));
                Ok(commands.command(wanted, source_file)?.map(Found::Kept))
            }
            Source::Recorded => {
                let Some(record) = self.record()? else { return Ok(None) };
                Ok(source::recorded::command(module, record)?.map(Found::Kept))
            }
            Source::Rust => self.rust_options(wishes),
        }
    }

    fn rust_options(&mut self, wishes: &[String]) -> Result<Option<Found>, SourceError> {
        let module = self.named.module;
        let Some(facts) = self.facts().filter(|facts| source::rust::is_rust(&facts.producer)) else {
            return Ok(None);
        };
        let Some(record) = self.record()? else { return Ok(None) };
        let mut options = source::rust::options(&facts.triple, record);
        options.extend_from_slice(wishes);
        Ok(Some(Found::Options(options, format!("rustc's defaults and what {module} says"))))
    }

    fn link_defaults(&mut self, line: &LinkLine) -> Result<Option<FileOptions>, SourceError> {
        let Some(facts) = self.facts() else { return Ok(None) };
        Ok(self.record()?.map(|record| line.defaults(&facts.triple, record)))
    }

    fn facts(&self) -> Option<ModuleFacts> {
        Some(self.modules.reading().open(self.named.module).ok()?.facts().clone())
    }

    /// What the module says of how it was made. Nothing of one that cannot be opened, because its job says why.
    fn record(&mut self) -> Result<Option<&ModuleRecord>, SourceError> {
        if self.record.is_none() {
            let mut reading = self.modules.reading();
            let Ok(opened) = reading.open(self.named.module) else { return Ok(None) };
            let module = || self.named.module.to_owned();
            self.record =
                Some(opened.record().map_err(|error| SourceError::Record { module: module(), error })?);
        }
        Ok(self.record.as_ref())
    }
}
