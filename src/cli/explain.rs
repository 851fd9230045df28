//! `thinfarm explain`: the codegen options a module would be compiled with, and why.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::print::{self, STRONG};
use crate::options::{CommandError, CompileCommand, Explained, Origin, Resolver, explain};
use crate::plan::{ModuleFiles, Naming};
use crate::toolchain::Tool;

/// Show the codegen options modules would be compiled with, and where each came from.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thinfarm explain a.o -- -O2 -fPIC          options that flags set, and which flag
  thinfarm explain --all a.o -- -O2          every option, clang's defaults too
  thinfarm explain --cc1 a.o -- -O2          the equivalent cc1 command line
  thinfarm explain --json a.o -- -O2 | jq .")]
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
    /// Codegen options, as a clang command line.
    #[arg(last = true, value_name = "CLANG FLAGS")]
    flags: Vec<String>,
}

#[derive(Serialize)]
struct Module<'a> {
    module: &'a str,
    /// Where the command line came from.
    source: &'static str,
    command: Vec<String>,
    options: Vec<Explained>,
    files: &'a llvm_build::JobFiles,
}

/// The only source of options there is so far.
const SOURCE: &str = "the command line, after --";

impl Explain {
    pub(super) fn run(&self) -> ExitCode {
        match self.text() {
            Ok(text) => print::answer(&text),
            Err(CommandError::Rejected(diagnostics)) => {
                print::tell(diagnostics);
                ExitCode::FAILURE
            }
            Err(error) => {
                print::error(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn text(&self) -> Result<String, CommandError> {
        let naming = Naming::default();
        let flags: Arc<[String]> = self.flags.clone().into();
        let mut resolver = Resolver::new(Tool::clang_for_driver());
        let mut text = String::new();
        let mut modules = Vec::new();
        let mut commands = Vec::new();
        for module in &self.modules {
            let ModuleFiles { index, output, .. } = naming.files(module);
            commands.push(resolver.resolve(
                &flags,
                module,
                &index.to_string_lossy(),
                &output.to_string_lossy(),
            )?);
        }
        for (module, command) in self.modules.iter().zip(&commands) {
            if self.cc1 {
                let cc1 = command.cc1()?;
                let words = cc1.args().iter().map(String::as_str);
                let line = shlex::try_join(words).expect("arguments have no NUL");
                writeln!(text, "clang {line}").expect("strings take any text");
                continue;
            }
            let options = explain(command)?;
            if self.json {
                let files = &command.files;
                modules.push(Module { module, source: SOURCE, command: command.args(), options, files });
            } else {
                self.table(&mut text, module, command, &options);
            }
        }
        if self.json {
            text = serde_json::to_string_pretty(&modules).expect("options are plain data") + "\n";
        }
        Ok(text)
    }

    fn table(&self, text: &mut String, module: &str, command: &CompileCommand, options: &[Explained]) {
        let shown: Vec<&Explained> =
            options.iter().filter(|option| self.all || option.origin != Origin::Default).collect();
        let width = shown.iter().map(|option| option.name.len()).max().unwrap_or(0);
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("strings take any text");
        };
        line(format_args!("{STRONG}{module}{STRONG:#}: options from {SOURCE}\n"));
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
                Origin::SeveralFlags => "several flags together".to_owned(),
            };
            line(format_args!("  {:width$}  {value}  [{origin}]\n", option.name));
        }
        if !self.all {
            let hidden = options.len() - shown.len();
            line(format_args!("  and {hidden} more with clang's default for the target (--all)\n"));
        }
    }
}
