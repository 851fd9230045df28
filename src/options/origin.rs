//! Where each codegen option came from.
//!
//! Nobody knows what a clang flag does to a backend but clang, so clang is asked: the command line
//! is parsed again with each of its flags left out, and a flag is the origin of the values that
//! change. Whatever no single flag changes is the driver's default for the target, or the work of
//! several flags together.

use std::ops::Range;
use std::sync::Arc;

use llvm_build::{CodegenOptions, CommandError, Driver, drive, parse_cc1};
use serde::Serialize;
use serde_json::Value;

use super::CompileCommand;
use super::command::PROGRAM;

/// Why an option has its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from", content = "flags")]
pub enum Origin {
    /// clang's default for the target.
    Default,
    /// These flags of the command line, each of which matters.
    Flags(Vec<String>),
    /// Flags of the command line, no single one of which can be left out to change it.
    SeveralFlags,
}

/// One option, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The field of [`CodegenOptions`].
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Where the value came from.
    pub origin: Origin,
}

/// Explains every option of `command`.
///
/// # Errors
/// clang's diagnostics.
pub fn explain(command: &CompileCommand) -> Result<Vec<Explained>, CommandError> {
    let driver = Driver { clang: &command.clang, program: PROGRAM, check_inputs: false };
    let driven = drive(driver, &command.args)?;
    let full = fields(command.codegen());

    let flags: Vec<&[String]> = driven
        .options
        .iter()
        .map(|range| &driven.arguments[range.clone()])
        .filter(|flag| matters(flag))
        .collect();
    let mut causes: Vec<Vec<String>> = vec![Vec::new(); full.len()];
    for range in &driven.options {
        let flag = &driven.arguments[range.clone()];
        if !matters(flag) {
            continue;
        }
        let Some(without) = options_without(&command.clang, &driven.arguments, &[range.clone()]) else {
            // The command line makes no sense without it; it says what is compiled, not how.
            continue;
        };
        for (cause, (a, b)) in causes.iter_mut().zip(full.iter().zip(fields(&without).iter())) {
            if a != b {
                cause.push(flag.join(" "));
            }
        }
    }
    let flag_ranges: Vec<Range<usize>> =
        driven.options.iter().filter(|r| matters(&driven.arguments[(*r).clone()])).cloned().collect();
    let bare = if flags.is_empty() {
        None
    } else {
        options_without(&command.clang, &driven.arguments, &flag_ranges).map(|o| fields(&o))
    };

    Ok(full
        .into_iter()
        .zip(causes)
        .enumerate()
        .map(|(position, ((name, value), cause))| {
            let origin = if !cause.is_empty() {
                Origin::Flags(cause)
            } else if bare.as_ref().is_some_and(|bare| bare[position].1 != value) {
                Origin::SeveralFlags
            } else {
                Origin::Default
            };
            Explained { name, value, origin }
        })
        .collect())
}

/// Whether an option may say how code is generated: not an input, and not one of those that make
/// the command line a backend job.
fn matters(flag: &[String]) -> bool {
    let Some(first) = flag.first() else { return false };
    first.starts_with('-')
        && !matches!(first.as_str(), "-x" | "-c" | "-o" | "--" | "-fno-lto")
        && !first.starts_with("-fthinlto-index=")
        && first != "-Wno-unused-command-line-argument"
}

fn options_without(
    clang: &Arc<str>,
    arguments: &[String],
    left_out: &[Range<usize>],
) -> Option<CodegenOptions> {
    let args: Vec<String> = arguments
        .iter()
        .enumerate()
        .filter(|(position, _)| !left_out.iter().any(|range| range.contains(position)))
        .map(|(_, argument)| argument.clone())
        .collect();
    let driver = Driver { clang, program: PROGRAM, check_inputs: false };
    let driven = drive(driver, &args).ok()?;
    Some(parse_cc1(&driven.cc1).ok()?.options)
}

/// The options by name, in the order of their declaration.
fn fields(options: &CodegenOptions) -> Vec<(String, Value)> {
    match serde_json::to_value(options) {
        Ok(Value::Object(map)) => map.into_iter().collect(),
        other => unreachable!("options are a struct, not {other:?}"),
    }
}
