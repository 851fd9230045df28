//! Where each codegen option came from.
//!
//! Nobody knows what a clang flag does to a backend but clang, so clang is asked: the command line
//! is parsed again with each of its flags left out, and a flag is the origin of the values that
//! change. Where several flags say the same, so that none can be missed, the origin is the fewest
//! of them that are enough, the last ones. Whatever flags do not change is the driver's default for the target.

use std::ops::Range;

use llvm_build::{Cc1, CodegenOptions, CommandError, drive, option_groups, parse_cc1};
use serde::Serialize;
use serde_json::Value;

use super::CompileCommand;

/// Why an option has its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from", content = "flags")]
#[doc(hidden)]
pub enum Origin {
    /// clang's default for the target.
    Default,
    /// These flags of the command line.
    Flags(Vec<String>),
}

/// One option, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[doc(hidden)]
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
#[doc(hidden)]
pub fn explain(command: &CompileCommand) -> Result<Vec<Explained>, CommandError> {
    let (arguments, options) = arguments_by_option(command)?;
    let full = fields(command.codegen());
    let without = |left_out: &[Range<usize>]| {
        let kept = arguments.iter().enumerate();
        let kept = kept.filter(|(at, _)| !left_out.iter().any(|range| range.contains(at)));
        let args: Vec<String> = kept.map(|(_, argument)| argument.clone()).collect();
        let cc1 = if command.is_cc1() { Cc1::new(args) } else { drive(command.driver(), &args).ok()?.cc1 };
        Some(fields(&parse_cc1(&cc1).ok()?.options))
    };

    // An option may be several arguments; only those that were given are looked at, not those that
    // make the command line a backend job.
    let given = arguments.len() - command.own_arguments();
    let flags: Vec<Range<usize>> = options.into_iter().filter(|range| range.end <= given).collect();
    let mut causes: Vec<Vec<String>> = vec![Vec::new(); full.len()];
    for range in &flags {
        // Without some flags (-x ir, the input) the command line makes no sense: they say what is
        // compiled, not how.
        let Some(others) = without(std::slice::from_ref(range)) else { continue };
        for (cause, (with, without)) in causes.iter_mut().zip(full.iter().zip(&others)) {
            if with != without {
                cause.push(arguments[range.clone()].join(" "));
            }
        }
    }
    let bare = without(&flags);

    let explained = full.into_iter().zip(causes).enumerate().map(|(at, ((name, value), cause))| {
        let origin = if !cause.is_empty() {
            Origin::Flags(cause)
        } else if bare.as_ref().is_some_and(|bare| bare[at].1 != value) {
            let is_same = |left_out: &[_]| without(left_out).is_some_and(|others| others[at].1 == value);
            let enough = fewest(&flags, is_same);
            Origin::Flags(enough.into_iter().map(|range| arguments[range].join(" ")).collect())
        } else {
            Origin::Default
        };
        Explained { name, value, origin }
    });
    Ok(explained.collect())
}

/// Flags none of which can be missed when all others are left out, if `is_same` without those that it is given. The
/// first are left out first, as the last one counts.
fn fewest(flags: &[Range<usize>], is_same: impl Fn(&[Range<usize>]) -> bool) -> Vec<Range<usize>> {
    let (mut left_out, mut enough) = (Vec::new(), Vec::new());
    for flag in flags {
        left_out.push(flag.clone());
        if !is_same(&left_out) {
            enough.extend(left_out.pop());
        }
    }
    enough
}

/// The arguments of a command and where each of its options stands among them.
fn arguments_by_option(command: &CompileCommand) -> Result<(Vec<String>, Vec<Range<usize>>), CommandError> {
    if !command.is_cc1() {
        let driven = drive(command.driver(), &command.args())?;
        return Ok((driven.arguments, driven.options));
    }
    let arguments = command.args();
    let mut end = 0;
    let ranges = option_groups(&arguments).into_iter().map(|option| {
        let start = end;
        end += option.len();
        start..end
    });
    // The first is -cc1 itself.
    let options = ranges.skip(1).collect();
    Ok((arguments, options))
}

/// The options by name, in the order of their declaration.
fn fields(options: &CodegenOptions) -> Vec<(String, Value)> {
    match serde_json::to_value(options) {
        Ok(Value::Object(map)) => map.into_iter().collect(),
        other => unreachable!("options are a struct, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_flags_that_say_the_same_the_last_is_enough() {
        let flags = [0..1, 1..3, 3..4, 4..5];
        let any_of = |these: &[Range<usize>]| {
            let these = these.to_vec();
            move |left_out: &[Range<usize>]| these.iter().any(|flag| !left_out.contains(flag))
        };
        assert_eq!(fewest(&flags, any_of(&[0..1, 3..4])), flags[2..3]);
        // Two that only work together, beside two of which one is enough.
        let both = |left_out: &[Range<usize>]| !left_out.contains(&(1..3)) && any_of(&[0..1, 4..5])(left_out);
        assert_eq!(fewest(&flags, both), [1..3, 4..5]);
    }
}
