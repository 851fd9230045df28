//! What is wrong for several modules alike, said once for all of them: a file that is not there, or options that nobody
//! can use, because they are another compiler's, or those of a clang that is newer or older.

use std::fmt;

use llvm_build::MissingFile;

use super::source::some_of;

/// Something that is wrong, and the modules that it is wrong for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Affected<T> {
    /// What it is.
    pub what: T,
    /// The module ids.
    pub modules: Vec<String>,
}

/// A file that commands name, that backends would read, and that is not there.
pub type MissingInput = Affected<MissingFile>;

/// Options of modules' own that are of no use for the same reason.
pub type UnusableOptions = Affected<Unusable>;

/// Why options are of no use, with the word that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unusable(pub String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its own options cannot be used: {}", self.0)
    }
}

impl<T: fmt::Display> fmt::Display for Affected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", some_of(&self.modules), self.what)
    }
}

/// Adds `module` to those that `what` is wrong for.
pub(super) fn collect<T: PartialEq>(affected: &mut Vec<Affected<T>>, module: &str, what: T) {
    match affected.iter_mut().find(|one| one.what == what) {
        Some(one) => one.modules.push(module.to_owned()),
        None => affected.push(Affected { what, modules: vec![module.to_owned()] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_once_for_all_modules_that_name_it() {
        let file = |path: &str| MissingFile {
            option: "-fauto-profile=p".to_owned(),
            path: path.to_owned(),
            only: String::new(),
        };
        let mut inputs = Vec::new();
        for number in 0..945 {
            collect(&mut inputs, &format!("{number}.o"), file("/p"));
        }
        collect(&mut inputs, "x.o", file("/d/p"));
        let said: Vec<String> = inputs.iter().map(ToString::to_string).collect();
        let first = "0.o, 1.o, 2.o, 3.o, 4.o and 940 more: -fauto-profile=p: /p is not there";
        assert_eq!(said, [first, "x.o: -fauto-profile=p: /d/p is not there"]);
    }

    #[test]
    fn a_reason_is_given_once_for_all_modules() {
        let mut unusable = Vec::new();
        for number in 0..7 {
            collect(&mut unusable, &format!("{number}.o"), Unusable("unknown argument: '-a'".to_owned()));
        }
        collect(&mut unusable, "x.o", Unusable("unknown argument: '-b'".to_owned()));
        let said: Vec<String> = unusable.iter().map(ToString::to_string).collect();
        let first =
            "0.o, 1.o, 2.o, 3.o, 4.o and 2 more: its own options cannot be used: unknown argument: '-a'";
        assert_eq!(said, [first, "x.o: its own options cannot be used: unknown argument: '-b'"]);
    }
}
