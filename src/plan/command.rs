//! The command of one module: its own options, or those of a module without, if its own are of no use.

use std::path::Path;
use std::sync::Arc;

use tracing::debug;

use super::PlanError;
use crate::options::{
    CommandError, CompileCommand, FileOptions, MissingOptions, Provenance, Resolver, SourceError, Sources,
};

/// A module whose command is wanted.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Wanted<'a> {
    /// The module id.
    pub module: &'a str,
    /// What it was taken out of, see [`Sources::options_of_extracted`].
    pub origin: Option<&'a str>,
    /// Its index.
    pub index: &'a Path,
    /// Its object.
    pub output: &'a Path,
    /// Arguments after its options.
    pub more: &'a [String],
}

/// How a module is compiled, and why so.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Compiled {
    /// Its command.
    pub command: Arc<CompileCommand>,
    /// The options that make the command.
    pub options: FileOptions,
    /// Where they come from.
    pub provenance: Provenance,
}

impl<'a> Wanted<'a> {
    /// `module` as it stands in a file of its own.
    pub fn new(module: &'a str, index: &'a Path, output: &'a Path) -> Self {
        Self { module, origin: None, index, output, more: &[] }
    }

    /// The command that `resolver` makes of the options that `sources` have. A module whose own options no backend
    /// can have is compiled without them, which [`Sources::unusable`] tells, unless that is to be an error.
    ///
    /// # Errors
    /// The module has no options, or they make no backend job.
    pub fn compiled(&self, sources: &mut Sources, resolver: &mut Resolver) -> Result<Compiled, PlanError> {
        let (options, provenance) = self.options(sources)?;
        let is_own = provenance.is_own;
        let (from, error) = match self.resolved(options, provenance, resolver) {
            Ok(compiled) => return Ok(compiled),
            Err(why) => why,
        };
        debug!(module = self.module, from, %error, "its own options are of no use");
        let module = self.module.to_owned();
        if !is_own {
            return Err(PlanError::Flags { module, from, error });
        }
        if sources.input_policy() == MissingOptions::Error {
            return Err(PlanError::Unusable { module, from, error });
        }
        let (options, provenance) = sources.options_without_own(self.module, self.origin)?;
        // What is said of all modules, or by a rule, may be the reason.
        let Ok(compiled) = self.resolved(options, provenance, resolver) else {
            return Err(PlanError::Flags { module, from, error });
        };
        sources.note_unusable(self.module, error.to_string());
        Ok(compiled)
    }

    fn options(&self, sources: &mut Sources) -> Result<(FileOptions, Provenance), SourceError> {
        match self.origin {
            Some(origin) => sources.options_of_extracted(self.module, origin),
            None => sources.options(self.module),
        }
    }

    fn resolved(
        &self,
        mut options: FileOptions,
        provenance: Provenance,
        resolver: &mut Resolver,
    ) -> Result<Compiled, (String, CommandError)> {
        if !self.more.is_empty() {
            options.flags = [&options.flags[..], self.more].concat().into();
        }
        let (index, output) = (self.index.to_string_lossy(), self.output.to_string_lossy());
        let resolved = match provenance.is_own {
            true => resolver.resolve_known(&options, self.module, &index, &output),
            // LLVM's complaint about what a person gives is the jobs'.
            false => resolver.resolve(&options, self.module, &index, &output),
        };
        debug!(
            module = self.module,
            from = provenance.source,
            is_own = provenance.is_own,
            flags = ?options.flags,
            "has its options"
        );
        match resolved {
            Ok(command) => Ok(Compiled { command, options, provenance }),
            Err(error) => Err((provenance.source, error)),
        }
    }
}
