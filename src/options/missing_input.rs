//! Files that commands name, that backends would read, and that are not there.

use std::fmt;

use llvm_build::MissingFile;

use super::source::some_of;

/// One file that is not there, and the modules whose commands name it by the same option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingInput {
    /// The option and the file.
    pub file: MissingFile,
    /// The module ids.
    pub modules: Vec<String>,
}

impl fmt::Display for MissingInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", some_of(&self.modules), self.file)
    }
}

/// Collects `files` that the command of `module` names.
pub(super) fn collect(inputs: &mut Vec<MissingInput>, files: &[MissingFile], module: &str) {
    for file in files {
        match inputs.iter_mut().find(|input| input.file == *file) {
            Some(input) => input.modules.push(module.to_owned()),
            None => inputs.push(MissingInput { file: file.clone(), modules: vec![module.to_owned()] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_once_for_all_modules_that_name_it() {
        let file = |path: &str| MissingFile {
            option: "-fauto-profile=p".to_owned(),
            path: path.to_owned(),
            only: String::new(),
        };
        let mut inputs = Vec::new();
        for number in 0..945 {
            collect(&mut inputs, &[file("/p")], &format!("{number}.o"));
        }
        collect(&mut inputs, &[file("/d/p")], "x.o");
        let told: Vec<String> = inputs.iter().map(ToString::to_string).collect();
        let first = "0.o, 1.o, 2.o, 3.o, 4.o and 940 more: -fauto-profile=p: /p is not there";
        assert_eq!(told, [first, "x.o: -fauto-profile=p: /d/p is not there"]);
    }
}
