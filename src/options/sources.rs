//! Where the options of each file come from: sources asked in order, rules, and what is given for all.

use std::collections::HashMap;
use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use path_clean::clean;
use serde::Serialize;

use llvm_build::{MissingFile, ModuleFacts, ModuleRecord, option_groups};

use super::affected::collect;
use super::commands::Commands;
use super::link_line::retain_what_has_a_place;
use super::source::compile_commands::Wanted;
use super::source::{self, CompileCommands, Kept, RanIn, SourceError};
use super::{FileOptions, Frame, LinkLine, MissingInput, Unusable, UnusableOptions};
use crate::config::{MissingOptions, Rule, SourceName};
use crate::input::{Location, Modules};
use crate::parallel;

/// Where the options of one module come from, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Provenance {
    /// The source and the place in it.
    pub source: String,
    /// Where its relative paths were found, if the source does not say where it ran.
    pub found_files_in: Option<PathBuf>,
    /// Files that it names and that are not there.
    pub missing_files: Vec<MissingFile>,
    /// What rules did, in their order.
    pub rules: Vec<String>,
    /// Whether a source knows the module.
    #[serde(skip)]
    pub is_own: bool,
}

impl Provenance {
    fn of(source: String) -> Self {
        Self { source, found_files_in: None, missing_files: Vec::new(), rules: Vec::new(), is_own: false }
    }
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
    /// What is run as ninja, if not the one on PATH.
    ninja: Option<OsString>,
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
    input_policy: MissingOptions,
    missing_inputs: Vec<MissingInput>,
    unusable: Vec<UnusableOptions>,
    modules: Arc<Modules>,
    commands: Commands,
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
    pub(crate) fn defaults(flags: impl Into<Arc<[String]>>, giver: &'static str) -> Self {
        Self {
            sources: Vec::new(),
            ninja: None,
            given: flags.into(),
            link: None,
            giver,
            wishes: Arc::default(),
            frame: Frame::default(),
            rules: Vec::new(),
            policy: MissingOptions::Ignore,
            missing: Vec::new(),
            input_policy: MissingOptions::Warn,
            missing_inputs: Vec::new(),
            unusable: Vec::new(),
            modules: Arc::default(),
            commands: Commands::default(),
            here: std::env::current_dir().unwrap_or_default(),
            directories: HashMap::new(),
        }
    }

    /// Runs `program` as ninja where that is a source, instead of the ninja on PATH. To be said before [`Sources::with`].
    #[must_use]
    pub fn with_ninja(self, program: Option<OsString>) -> Self {
        Self { ninja: program, ..self }
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
                SourceName::Ninja(directory) => Source::CompileCommands(source::ninja::compile_commands(
                    self.ninja.as_deref(),
                    directory.as_deref(),
                )?),
                SourceName::Rust => Source::Rust,
            });
        }
        self.policy = policy;
        Ok(self)
    }

    /// Does this about files that commands name and that are not there.
    #[must_use]
    pub fn with_missing_inputs(self, input_policy: MissingOptions) -> Self {
        Self { input_policy, ..self }
    }

    /// Applies `rules` to what the sources say.
    #[must_use]
    #[doc(hidden)]
    pub fn with_rules(self, rules: Vec<Rule>) -> Self {
        Self { rules, ..self }
    }

    /// Compiles for the link of `line`: modules that no source knows as lld would.
    #[must_use]
    pub(crate) fn with_link(self, line: LinkLine) -> Self {
        let frame = Frame { first: Vec::new(), last: line.orders(), from: LINK };
        // What commands say inside a link is another thing.
        Self { link: Some(line), giver: LINK, frame, commands: Commands::default(), ..self }
    }

    /// Puts the options of `frame` around those of every module.
    #[must_use]
    #[doc(hidden)]
    pub fn framed(self, frame: Frame) -> Self {
        Self { frame, ..self }
    }

    /// The options of `module`, and where they come from.
    ///
    /// # Errors
    /// A source knows the module, but what it says cannot be used.
    pub fn options(&mut self, module: &str) -> Result<(FileOptions, Provenance), SourceError> {
        self.find(&self.named(module), /* asks */ true)
    }

    /// Looks at `modules` on so many `threads` as sources will, so that the answers are there when these are asked.
    pub(crate) fn look_at(&self, modules: &[&str], threads: NonZero<usize>) {
        let is_recorded = self.sources.iter().any(|source| matches!(source, Source::Recorded));
        let known = &self.modules;
        parallel::map(threads, modules, |_, id| {
            // What is wrong with one is told by who asks.
            known.glimpse(id).is_ok_and(|module| is_recorded && module.may_have_command())
        });
    }

    fn named<'a>(&self, module: &'a str) -> Named<'a> {
        let object = self.modules.archives().object_path(module);
        let member = match Location::of(module) {
            Location::Member { name, .. } if object.is_none() => Some(name),
            _ => None,
        };
        let rule_path = path_for_rules(module, object.as_deref());
        let file = file_of(module, object.as_deref());
        Named { module, object, member, rule_path, file }
    }

    /// Whether a source or a rule has something to say of `module`, or would have, were it not unusable.
    pub(crate) fn knows(&mut self, module: &str) -> bool {
        match self.options(module) {
            Ok((_, provenance)) => provenance.source != self.giver || !provenance.rules.is_empty(),
            Err(_) => true,
        }
    }

    /// As [`Sources::options`] for a module that was taken out of `origin`, a member of an archive
    /// (`lib.a(x.o at 80)`) or a FatLTO object, whose directory is unknown: `module` is a name for the time
    /// of the link that no rule and no build knows.
    ///
    /// # Errors
    /// As [`Sources::options`].
    pub(crate) fn options_of_extracted(
        &mut self,
        module: &str,
        origin: &str,
    ) -> Result<(FileOptions, Provenance), SourceError> {
        self.find(&named_by_origin(module, origin), /* asks */ true)
    }

    /// The options that `module`, taken out of `origin` if there is one, would have if no source knew it.
    ///
    /// # Errors
    /// The module cannot be asked for its target.
    pub(crate) fn options_without_own(
        &mut self,
        module: &str,
        origin: Option<&str>,
    ) -> Result<(FileOptions, Provenance), SourceError> {
        let named = match origin {
            Some(origin) => named_by_origin(module, origin),
            None => self.named(module),
        };
        self.find(&named, /* asks */ false)
    }

    fn find(&mut self, named: &Named<'_>, asks: bool) -> Result<(FileOptions, Provenance), SourceError> {
        let module = named.module;
        let mut asked = Asked { named, modules: &self.modules, record: None };
        let mut found = None;
        let mut is_missing = asks && !self.sources.is_empty();
        for source in if asks { &self.sources[..] } else { &[] } {
            found = match asked.ask(source, &self.wishes) {
                Err(error @ SourceError::SeveralCommands { count, .. }) => {
                    if self.input_policy == MissingOptions::Error {
                        return Err(error);
                    }
                    let reason = format!("they are {count} different command lines, of several files");
                    collect(&mut self.unusable, module, Unusable(reason));
                    is_missing = false;
                    break;
                }
                answer => answer?,
            };
            if found.is_some() {
                break;
            }
        }
        let known = found.is_some();
        let link_defaults = match &self.link {
            Some(line) if !known => asked.link_defaults(line)?,
            _ => None,
        };
        let (options, mut provenance) = match found {
            Some(Found::Kept(kept)) => self.backend_options(kept, named)?,
            Some(Found::Options(mut options, source)) => {
                if self.link.is_some() {
                    retain_what_has_a_place(&mut options);
                }
                let flags = options.into_iter().flatten().collect::<Vec<_>>();
                (FileOptions::given(flags), Provenance::of(source))
            }
            None => match link_defaults {
                Some(defaults) => (defaults, Provenance::of(LINK.to_owned())),
                None => (FileOptions::given(self.given.clone()), Provenance::of(self.giver.to_owned())),
            },
        };
        provenance.is_own = known;
        // A module that cannot be read fails by itself, for a better reason.
        if is_missing && !known && self.modules.glimpse(module).is_ok() {
            self.missing.push(module.to_owned());
        }
        let (options, mut provenance) = self.apply_rules(&named.rule_path, options, provenance);
        Ok((self.frame.around(options, &mut provenance), provenance))
    }

    /// The modules that were asked about, open.
    pub(crate) fn modules(&self) -> &Arc<Modules> {
        &self.modules
    }

    /// What is done about modules that no source knows.
    #[doc(hidden)]
    pub fn policy(&self) -> MissingOptions {
        self.policy
    }

    /// Who gave the options of modules that no source knows, for people.
    #[doc(hidden)]
    pub fn giver(&self) -> &'static str {
        self.giver
    }

    /// The modules asked for that no source knew.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What is done about files that commands name and that are not there.
    pub(crate) fn input_policy(&self) -> MissingOptions {
        self.input_policy
    }

    /// Those that commands of modules asked for name, and that a backend would read.
    pub fn missing_inputs(&self) -> &[MissingInput] {
        &self.missing_inputs
    }

    /// Remembers that `module` is compiled without its own options, for `reason`, which does not name it.
    pub(crate) fn note_unusable(&mut self, module: &str, reason: String) {
        collect(&mut self.unusable, module, Unusable(reason));
    }

    /// Modules that are compiled without their own options.
    pub fn unusable(&self) -> &[UnusableOptions] {
        &self.unusable
    }

    /// # Errors
    /// Modules were asked for that no source knew, or whose commands name files that are not there, and that is to
    /// be an error.
    pub fn check(&self) -> Result<(), SourceError> {
        if self.input_policy == MissingOptions::Error && !self.missing_inputs.is_empty() {
            return Err(SourceError::MissingFiles(self.missing_inputs.clone()));
        }
        if self.policy == MissingOptions::Error && !self.missing.is_empty() {
            let sources = self.sources.iter().map(Source::name).collect::<Vec<_>>().join(", ");
            let (modules, giver) = (self.missing.clone(), self.giver);
            return Err(SourceError::Missing { modules, sources, giver });
        }
        Ok(())
    }

    fn backend_options(
        &mut self,
        kept: Kept,
        named: &Named<'_>,
    ) -> Result<(FileOptions, Provenance), SourceError> {
        let mut provenance = Provenance::of(kept.found_in.clone());
        let directory = match &kept.ran_in {
            RanIn::Directory(directory) => self.elsewhere(directory),
            RanIn::Here | RanIn::Unknown => None,
        };
        let name = directory.as_deref().map(Path::to_string_lossy);
        let places = match kept.ran_in {
            RanIn::Unknown => places_of(&named.file, &self.here),
            _ => Vec::new(),
        };
        let ran_in = match &name {
            _ if !places.is_empty() => llvm_build::RanIn::OneOf(&places),
            Some(name) => llvm_build::RanIn::Directory(name),
            None => llvm_build::RanIn::Here,
        };
        let said = self
            .commands
            .said(&kept, ran_in, self.link.is_some())
            .map_err(|error| SourceError::Flags { found_in: provenance.source.clone(), error })?;
        let mut options = FileOptions {
            flags: said.flags.clone(),
            splits_dwarf: said.splits_dwarf,
            directory,
            codegen: None,
        };
        if !places.is_empty() {
            provenance.found_files_in.clone_from(&said.directory);
            options.directory = said.directory.as_deref().and_then(|directory| self.elsewhere(directory));
        }
        for file in &said.missing {
            collect(&mut self.missing_inputs, named.module, file.clone());
        }
        provenance.missing_files.clone_from(&said.missing);
        Ok((options, provenance))
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
        mut options: FileOptions,
        mut provenance: Provenance,
    ) -> (FileOptions, Provenance) {
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

/// What is known of a module that was taken out of `origin`.
fn named_by_origin<'a>(module: &'a str, origin: &str) -> Named<'a> {
    let member = match Location::of(origin) {
        Location::Member { name, .. } => name,
        Location::File(path) => path.to_string_lossy().into_owned(),
    };
    let rule_path = path_for_rules(origin, None);
    let file = file_of(origin, None);
    Named { module, object: None, member: Some(member), rule_path, file }
}

/// What globs of rules are compared with: the module's file or, inside an archive, `lib.a(x.o)`.
fn path_for_rules(module: &str, object: Option<&Path>) -> PathBuf {
    match (object, Location::of(module)) {
        (Some(object), _) => object.to_owned(),
        (None, Location::Member { archive, name, .. }) => format!("{}({name})", archive.display()).into(),
        (None, Location::File(path)) => path,
    }
}

/// The file that is the module's or has it in it.
fn file_of(module: &str, object: Option<&Path>) -> PathBuf {
    match (object, Location::of(module)) {
        (Some(object), _) => object.to_owned(),
        (None, Location::Member { archive, .. }) => archive,
        (None, Location::File(path)) => path,
    }
}

/// The directories in which the command that made `file` may have run: its own, those above it, and `here`.
fn places_of(file: &Path, here: &Path) -> Vec<String> {
    let file = clean(here.join(file));
    let places = file.ancestors().skip(1).chain([here]);
    places.map(|place| place.to_string_lossy().into_owned()).collect()
}

/// What a source says.
enum Found {
    /// A compile command.
    Kept(Kept),
    /// Options, each with its values, and where they are from.
    Options(Vec<Vec<String>>, String),
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
    /// The file that it is, or that has it in it.
    file: PathBuf,
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
                if !self.may_have_command() {
                    return Ok(None);
                }
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
        Ok(Some(Found::Options(option_groups(&options), format!("rustc's defaults and what {module} says"))))
    }

    fn link_defaults(&mut self, line: &LinkLine) -> Result<Option<FileOptions>, SourceError> {
        let Some(facts) = self.facts() else { return Ok(None) };
        // To ask the module takes as long as all else here.
        let pic_level = match line.lets_modules_choose_position() {
            true => self.record()?.map(|record| record.pic_level),
            false => Some(0),
        };
        Ok(pic_level.map(|level| line.defaults(&facts.triple, level)))
    }

    fn facts(&self) -> Option<ModuleFacts> {
        Some(self.modules.glimpse(self.named.module).ok()?.facts().clone())
    }

    /// Whether the module may have a command line in it.
    fn may_have_command(&self) -> bool {
        self.modules.glimpse(self.named.module).is_ok_and(|module| module.may_have_command())
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
