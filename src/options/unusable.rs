//! Modules whose own options nobody can use: another compiler's, or those of a clang that is newer or older.

use std::fmt;

use super::source::some_of;

/// Modules whose own options are of no use for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableOptions {
    /// Why, with the word that it is about.
    pub reason: String,
    /// The module ids.
    pub modules: Vec<String>,
}

impl fmt::Display for UnusableOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: its own options cannot be used: {}", some_of(&self.modules), self.reason)
    }
}

/// Adds `module` to those that `reason` is about.
pub(super) fn collect(unusable: &mut Vec<UnusableOptions>, module: &str, reason: String) {
    match unusable.iter_mut().find(|options| options.reason == reason) {
        Some(options) => options.modules.push(module.to_owned()),
        None => unusable.push(UnusableOptions { reason, modules: vec![module.to_owned()] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_for_all_modules() {
        let mut unusable = Vec::new();
        for number in 0..7 {
            collect(&mut unusable, &format!("{number}.o"), "unknown argument: '-a'".to_owned());
        }
        collect(&mut unusable, "x.o", "unknown argument: '-b'".to_owned());
        let told: Vec<String> = unusable.iter().map(ToString::to_string).collect();
        let first =
            "0.o, 1.o, 2.o, 3.o, 4.o and 2 more: its own options cannot be used: unknown argument: '-a'";
        assert_eq!(told, [first, "x.o: its own options cannot be used: unknown argument: '-b'"]);
    }
}
