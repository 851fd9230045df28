//! Command lines to options, each distinct command line once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use llvm_build::{CodegenOptions, CommandError, JobFiles, unknown_llvm_arg};
use tracing::debug;

use super::include_directories::IncludeDirectories;
use super::link_terms::{Departures, LinkTerms, Settled};
use super::words::Words;
use super::{CompileCommand, FileOptions};

/// Resolves the flags of many jobs and remembers what equal flags mean: clang needs a third of a
/// millisecond for each command line, and the 945 modules of a kernel have 9 different ones.
#[derive(Debug)]
pub struct Resolver {
    clang: Arc<str>,
    known: HashMap<FileOptions, Known>,
    words: Words,
    /// What options with stand-ins for directories of headers mean; nothing, if such are of no use.
    models: HashMap<FileOptions, Option<Known>>,
    /// Each set of options once: command lines that differ may well mean the same to a backend.
    sets: HashSet<Arc<CodegenOptions>>,
    /// The link that the jobs are of, and how its terms are kept.
    link: Option<(LinkTerms, Settled)>,
}

#[derive(Clone, Debug)]
struct Known {
    first: CompileCommand,
    /// The options with those that the link decides.
    settled: FileOptions,
    departures: Departures,
    /// The first option for LLVM that it does not know.
    unknown_llvm_arg: Option<String>,
    /// Some path in the options is named after the object, so every job must be resolved itself.
    per_job: bool,
}

impl Resolver {
    /// A resolver that pretends to be the clang at the given path, see
    /// [`Tool::clang_for_driver`](crate::toolchain::Tool::clang_for_driver).
    pub fn new(clang: Arc<str>) -> Self {
        Self {
            clang,
            known: HashMap::new(),
            words: Words::default(),
            models: HashMap::new(),
            sets: HashSet::new(),
            link: None,
        }
    }

    /// The same for the jobs of one link.
    #[must_use]
    pub(crate) fn for_link(self, terms: LinkTerms) -> Self {
        let settled = terms.nobody();
        Self { link: Some((terms, settled)), ..self }
    }

    /// What has become of the terms of the link, so far.
    pub(crate) fn settled(&self) -> Option<&Settled> {
        self.link.as_ref().map(|(_, settled)| settled)
    }

    /// The command that compiles `module` with `index` to `output` with a file's `options`.
    ///
    /// # Errors
    /// clang's diagnostics, or why the flags do not make one backend job.
    pub fn resolve(
        &mut self,
        options: &FileOptions,
        module: &str,
        index: &str,
        output: &str,
    ) -> Result<Arc<CompileCommand>, CommandError> {
        let files = files_of(module, index, output);
        let is_new = self.learn_if_new(options, &files)?;
        self.command(options, module, files, is_new)
    }

    /// The same, if LLVM knows the options after `-mllvm` too, which clang does not look at.
    ///
    /// # Errors
    /// As [`Resolver::resolve`]; LLVM does not know one.
    pub(crate) fn resolve_known(
        &mut self,
        options: &FileOptions,
        module: &str,
        index: &str,
        output: &str,
    ) -> Result<Arc<CompileCommand>, CommandError> {
        let files = files_of(module, index, output);
        let is_new = self.learn_if_new(options, &files)?;
        match &self.known[options].unknown_llvm_arg {
            Some(arg) => {
                Err(CommandError::Unsupported(format!("LLVM does not know the option {arg} (-mllvm)")))
            }
            None => self.command(options, module, files, is_new),
        }
    }

    /// The command of the job of `files`, which is the example that `options` were learnt by if these are new.
    fn command(
        &mut self,
        options: &FileOptions,
        module: &str,
        files: JobFiles,
        is_new: bool,
    ) -> Result<Arc<CompileCommand>, CommandError> {
        let known = &self.known[options];
        let departures = known.departures.clone();
        let command = if is_new {
            known.first.clone()
        } else if known.per_job {
            let mut command = CompileCommand::of_backend(&known.settled, self.clang.clone(), files)?;
            self.share(&mut command);
            command
        } else {
            known.first.for_another(files)
        };
        self.count(module, &departures);
        Ok(Arc::new(command))
    }

    /// Makes sure that `options` are known; whether they were not.
    fn learn_if_new(&mut self, options: &FileOptions, files: &JobFiles) -> Result<bool, CommandError> {
        if self.known.contains_key(options) {
            return Ok(false);
        }
        let known = match self.learn_by_model(options, files) {
            Some(known) => known,
            None => self.learn(options, files.clone())?,
        };
        self.known.insert(options.clone(), known);
        Ok(true)
    }

    /// What `options` mean, if that of the same with other directories of headers tells.
    fn learn_by_model(&mut self, options: &FileOptions, files: &JobFiles) -> Option<Known> {
        let directories = IncludeDirectories::of(options, &mut self.words)?;
        if !self.models.contains_key(&directories.stand_ins) {
            let model = self.learn(&directories.stand_ins, files.clone()).ok();
            let model = model.filter(|model| !model.per_job);
            self.models.insert(directories.stand_ins.clone(), model);
        }
        let model = self.models[&directories.stand_ins].as_ref()?;
        let first = directories.put_into(&model.first)?.for_another(files.clone());
        // `settled` counts only for options that name files after the job. No model has such.
        Some(Known { first, settled: options.clone(), ..model.clone() })
    }

    /// What `options` mean, by the example of the job of `files`.
    fn learn(&mut self, options: &FileOptions, files: JobFiles) -> Result<Known, CommandError> {
        debug!(flags = ?options.flags, "asks clang what options mean");
        let mut settled = options.clone();
        let mut first = CompileCommand::of_backend(options, self.clang.clone(), files.clone())?;
        let mut departures = Departures::default();
        // What a linker decided is the link's already.
        if let Some((terms, _)) = self.link.as_ref().filter(|_| options.codegen.is_none()) {
            let own = first.codegen().clone();
            let decisions = terms.decisions(&own);
            if !decisions.is_empty() {
                settled = options.with_cc1(&decisions);
                first = CompileCommand::of_backend(&settled, self.clang.clone(), files)?;
            }
            departures = terms.departures(&own, first.codegen());
        }
        self.share(&mut first);
        let per_job = names_files_after_the_job(&first.files);
        let unknown_llvm_arg = unknown_llvm_arg(&first.codegen().llvm_args);
        Ok(Known { first, settled, departures, unknown_llvm_arg, per_job })
    }

    fn count(&mut self, module: &str, departures: &Departures) {
        if let Some((_, settled)) = &mut self.link {
            settled.count(module, departures);
        }
    }

    /// Has `command` use a set of options that there is.
    fn share(&mut self, command: &mut CompileCommand) {
        if let Some(set) = self.sets.get(command.codegen()) {
            command.share_options(set.clone());
        } else {
            self.sets.insert(command.codegen().clone());
        }
    }
}

fn files_of(module: &str, index: &str, output: &str) -> JobFiles {
    let [input, index, output] = [module, index, output].map(str::to_owned);
    JobFiles { input, index, output, ..JobFiles::default() }
}

fn names_files_after_the_job(files: &JobFiles) -> bool {
    !(files.split_dwarf_file.is_empty()
        && files.split_dwarf_output.is_empty()
        && files.object_filename_for_debug.is_empty()
        && files.side_outputs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_differ_in_directories_of_headers_are_asked_of_clang_once() {
        let mut resolver = Resolver::new("clang".into());
        let mut resolved = |line: &str| {
            let flags: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let options = FileOptions::given(flags);
            let command = resolver.resolve(&options, "m.o", "m.bc", "m.native.o").unwrap();
            let files = files_of("m.o", "m.bc", "m.native.o");
            let direct = CompileCommand::of_backend(&options, "clang".into(), files).unwrap();
            assert_eq!(
                (command.files.clone(), command.codegen()),
                (direct.files.clone(), direct.codegen()),
                "{line}"
            );
            assert_eq!(command.args(), direct.args(), "{line}");
            assert_eq!(command.cc1().unwrap(), direct.cc1().unwrap(), "{line}");
            let models = resolver.models.values();
            (models.clone().count(), models.filter(|model| model.is_some()).count())
        };
        assert_eq!(resolved("-O2 -fno-pie"), (0, 0));
        assert_eq!(resolved("-O2 -Ione -I two -isystem three -fno-pie"), (1, 1));
        assert_eq!(resolved("-O2 -I/four -I five -isystem three -fno-pie"), (1, 1));
        assert_eq!(resolved("-O2 -Isix -fno-pie"), (2, 2));
        assert_eq!(resolved("-O2 -nostdinc -Iseven -fno-pie"), (3, 3));
        assert_eq!(resolved("-O2 -nostdinc -Ieight -fno-pie"), (3, 3));
        assert_eq!(resolved("-O2 --include-directory=nine -fno-pie"), (3, 3));
        assert_eq!(resolved("-O2 -I=seven --sysroot=/s -fno-pie"), (3, 3), "its meaning is the sysroot's");
        assert_eq!(resolved("-cc1 -O2 -I eight -Inine"), (4, 4));
        assert_eq!(resolved("-cc1 -O2 -I ten -Ieleven"), (4, 4));
        // A file that is named after the object.
        assert_eq!(resolved("-O2 -g -gsplit-dwarf -Itwelve"), (5, 4));
        assert_eq!(resolved("-O2 -g -gsplit-dwarf -Ithirteen"), (5, 4));
        // What looks like one is an option's value.
        assert_eq!(resolved("-O2 -Xclang -target-cpu -Xclang x86-64 -mllvm -inline-threshold=3"), (5, 4));
        let flags = ["-O2", "-Ifoo", "-fmacro-prefix-map=<include directory 0>=x"].map(str::to_owned);
        resolver.resolve(&FileOptions::given(flags), "m.o", "m.bc", "m.native.o").unwrap();
    }
}
