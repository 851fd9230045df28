//! `thinfarm explain`: the codegen options a module would be compiled with, and why.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::option_args::{MISSING, OptionArgs, warn_of_missing};
use super::print::{self, STRONG};
use crate::input::Modules;
use crate::options::{
    CompileCommand, Explained, FileOptions, Origin, Provenance, Resolver, SourceName, explain,
};
use crate::plan::{Compiled, ModuleFiles, Naming, Wanted};
use crate::toolchain::Tool;

/// Show the codegen options modules would be compiled with, and where each came from.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thinfarm explain a.o -- -O2 -fPIC          options that flags set, and which flag
  thinfarm explain --all a.o -- -O2          every option, clang's defaults too
  thinfarm explain --cc1 a.o -- -O2          the equivalent cc1 command line
  thinfarm explain --json a.o -- -O2 | jq .
  thinfarm explain --options kbuild init/main.o    where they came from, too

Without --options, here or in thinfarm.toml, the sources are recorded and kbuild, as in ld.thinfarm.")]
pub(super) struct Explain {
    /// Modules, as the index list spells them.
    #[arg(required = true)]
    modules: Vec<String>,
    /// Also show options that have clang's default for the target.
    #[arg(long, conflicts_with_all = ["cc1", "json"])]
    all: bool,
    /// Print the cc1 command line that clang's driver makes of it.
    #[arg(long, conflicts_with = "json")]
    cc1: bool,
    /// Print every option as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: OptionArgs,
}

/// Of a module that nobody says anything of.
const NO_OPTIONS: &str = "it has no options of its own, and none are given: ld.thinfarm compiles it as the link says, \
                          thinfarm backend with clang's defaults (--all)";

#[derive(Serialize)]
struct Module<'a> {
    module: &'a str,
    #[serde(flatten)]
    provenance: &'a Provenance,
    /// Where the front end ran, if not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'a Path>,
    command: Vec<String>,
    options: Vec<Explained>,
    files: &'a llvm_build::JobFiles,
}

/// One module and all that is known of its options.
struct Explanation {
    module: String,
    file_options: FileOptions,
    provenance: Provenance,
    command: Arc<CompileCommand>,
}

impl Explain {
    pub(super) fn run(&self) -> ExitCode {
        super::log::start_of_environment();
        match self.explanations().and_then(|modules| self.text(&modules)) {
            Ok(text) => print::answer(&text),
            Err(reason) => print::failure(&reason),
        }
    }

    fn explanations(&self) -> Result<Vec<Explanation>, String> {
        let naming = Naming::default();
        let modules = Modules::default();
        // As the linker does, for the answer to be of use without a word.
        let mut sources = self.options.sources_or(&SourceName::OWN)?;
        let mut resolver = Resolver::new(Tool::clang_for_driver());
        let mut explanations = Vec::new();
        for module in &self.modules {
            modules.reading().open(module).map_err(|error| format!("{module}: {error}"))?;
            let ModuleFiles { index, output, .. } = naming.files(module);
            let wanted = Wanted::new(module, &index, &output);
            let compiled = wanted.compiled(&mut sources, &mut resolver).map_err(|error| error.to_string())?;
            let Compiled { command, options: file_options, provenance } = compiled;
            explanations.push(Explanation { module: module.clone(), file_options, provenance, command });
        }
        sources.check().map_err(|error| error.to_string())?;
        warn_of_missing(&sources, MISSING);
        Ok(explanations)
    }

    fn text(&self, explanations: &[Explanation]) -> Result<String, String> {
        let mut text = String::new();
        let mut modules = Vec::new();
        for explanation in explanations {
            let Explanation { module, file_options, provenance, command } = explanation;
            if self.cc1 {
                let cc1 = command.cc1().map_err(|error| error.to_string())?;
                let words = cc1.args().iter().map(String::as_str);
                let line = shlex::try_join(words).expect("arguments have no NUL");
                writeln!(text, "clang {line}").expect("strings take any text");
                continue;
            }
            let options = explain(command).map_err(|error| error.to_string())?;
            if self.json {
                let directory = file_options.directory.as_deref();
                let (command, files) = (command.args(), &command.files);
                modules.push(Module { module, provenance, directory, command, options, files });
            } else {
                self.table(&mut text, explanation, &options);
            }
        }
        if self.json {
            text = serde_json::to_string_pretty(&modules).expect("options are plain data") + "\n";
        }
        Ok(text)
    }

    fn table(&self, text: &mut String, explanation: &Explanation, options: &[Explained]) {
        let Explanation { module, file_options, provenance, command } = explanation;
        if file_options.flags.is_empty() && !provenance.is_own && provenance.rules.is_empty() && !self.all {
            text.write_fmt(format_args!("{STRONG}{module}{STRONG:#}: {NO_OPTIONS}\n"))
                .expect("strings take any text");
            return;
        }
        let shown: Vec<&Explained> =
            options.iter().filter(|option| self.all || option.origin != Origin::Default).collect();
        let width = shown.iter().map(|option| option.name.len()).max().unwrap_or(0);
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("strings take any text");
        };
        line(format_args!("{STRONG}{module}{STRONG:#}: options from {}\n", provenance.source));
        for rule in &provenance.rules {
            line(format_args!("  changed by {rule}\n"));
        }
        if let Some(directory) = &file_options.directory {
            line(format_args!("  compiled in {}\n", directory.display()));
        }
        if let Some(directory) = &provenance.found_files_in {
            line(format_args!(
                "  relative paths are those of {}, where its files are\n",
                directory.display()
            ));
        }
        for file in &provenance.missing_files {
            line(format_args!("  without {file}\n"));
        }
        line(format_args!("  index   {}\n  object  {}\n", command.files.index, command.files.output));
        for option in &shown {
            let value = match &option.value {
                Value::String(word) if word.is_empty() => "(none)".to_owned(),
                Value::String(word) => word.clone(),
                Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                other => other.to_string(),
            };
            let origin = match &option.origin {
                Origin::Default => "clang's default for the target".to_owned(),
                Origin::Flags(flags) => flags.join(", "),
            };
            line(format_args!("  {:width$}  {value}  [{origin}]\n", option.name));
        }
        if !self.all {
            let hidden = options.len() - shown.len();
            line(format_args!("  and {hidden} more with clang's default for the target (--all)\n"));
        }
    }
}
