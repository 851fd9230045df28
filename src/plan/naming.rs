//! Which files belong to a module: its index and its native object.
//!
//! Names are made from the module id, as lld's are, and ids differ, so names do:
//!
//! | module id | index | native object |
//! |---|---|---|
//! | `d/x.o` | `d/x.o.thinlto.bc` | `d/x.thinlto-native.o` |
//! | `d/lib.a(x.o at 80)` | `d/lib.a(x.o at 80).thinlto.bc` | `d/lib.a(x.o at 80).thinlto-native.o` |
//!
//! So the files of a member lie beside its archive, thin or regular, and not beside the file that a
//! thin archive names. Replaced prefixes are those of the id, and an output directory mirrors it.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// lld's `--thinlto-object-suffix-replace=OLD;NEW`: the thin link read files, minimised bitcode for
/// example, whose names differ from the modules' in their suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuffixReplace {
    old: String,
    new: String,
}

/// lld's `--thinlto-prefix-replace=OLD;NEW[;OBJECTS]`: indexes, and the list, are below another
/// directory than the modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixReplace {
    old: String,
    new: String,
    /// The prefix in the list, that of native objects; `new` if not given.
    objects: String,
}

/// A replacement that is not in lld's form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected '{expected}', as lld's option takes it, but got '{got}'")]
pub struct NamingError {
    expected: &'static str,
    got: String,
}

impl FromStr for SuffixReplace {
    type Err = NamingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split(';').collect::<Vec<_>>()[..] {
            [old, new] => Ok(Self { old: old.to_owned(), new: new.to_owned() }),
            _ => Err(NamingError { expected: "OLD;NEW", got: text.to_owned() }),
        }
    }
}

impl FromStr for PrefixReplace {
    type Err = NamingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(';').collect();
        let (old, new, objects) = match parts[..] {
            // An empty third part is none, as in lld.
            [old, new] | [old, new, ""] => (old, new, new),
            [old, new, objects] => (old, new, objects),
            _ => return Err(NamingError { expected: "OLD;NEW", got: text.to_owned() }),
        };
        Ok(Self { old: old.to_owned(), new: new.to_owned(), objects: objects.to_owned() })
    }
}

/// `path` with one prefix instead of another, or as it is.
fn with_prefix(path: &str, old: &str, new: &str) -> String {
    path.strip_prefix(old).map_or_else(|| path.to_owned(), |rest| format!("{new}{rest}"))
}

/// The files of one module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleFiles {
    /// The module id, which is also the module's path.
    pub module: String,
    /// Its index.
    pub index: PathBuf,
    /// Its native object.
    pub output: PathBuf,
}

impl ModuleFiles {
    /// The module id, the index and the native object of a module.
    pub fn new(module: impl Into<String>, index: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self { module: module.into(), index: index.into(), output: output.into() }
    }
}

/// The naming conventions of one link.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Naming {
    /// lld was given this.
    pub prefix_replace: Option<PrefixReplace>,
    /// lld was given this.
    pub object_suffix_replace: Option<SuffixReplace>,
    /// Replaces the `.o` of the module in the name of its native object.
    pub suffix: String,
    /// Where native objects go, mirroring the paths in the list; beside those if `None`.
    pub out_dir: Option<PathBuf>,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            prefix_replace: None,
            object_suffix_replace: None,
            suffix: Self::SUFFIX.to_owned(),
            out_dir: None,
        }
    }
}

impl Naming {
    /// The default suffix of native objects, the one the Linux kernel uses.
    pub const SUFFIX: &str = ".thinlto-native.o";

    /// The files of the module that one line of the index list stands for.
    pub fn files(&self, listed: &str) -> ModuleFiles {
        // lld lists what it read, under the prefix of native objects; indexes name the module that
        // is compiled.
        let listed = match &self.object_suffix_replace {
            Some(SuffixReplace { old, new }) => match listed.strip_suffix(old.as_str()) {
                Some(stem) => format!("{stem}{new}"),
                None => listed.to_owned(),
            },
            None => listed.to_owned(),
        };
        let (module, indexed) = match &self.prefix_replace {
            Some(PrefixReplace { old, new, objects }) => {
                let module = with_prefix(&listed, objects, old);
                let indexed = with_prefix(&module, old, new);
                (module, indexed)
            }
            None => (listed.clone(), listed.clone()),
        };
        ModuleFiles { module, index: format!("{indexed}.thinlto.bc").into(), output: self.output(&listed) }
    }

    fn output(&self, listed: &str) -> PathBuf {
        let stem = listed.strip_suffix(".o").unwrap_or(listed);
        let name = format!("{stem}{}", self.suffix);
        match &self.out_dir {
            Some(directory) => directory.join(mirrored(Path::new(&name))),
            None => name.into(),
        }
    }
}

/// `path` as a path below some directory: `/a/b` becomes `a/b`, and `../a` becomes `_/a` so that
/// nothing is written outside.
fn mirrored(path: &Path) -> PathBuf {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("_".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(naming: &Naming, listed: &str) -> [String; 3] {
        let ModuleFiles { module, index, output } = naming.files(listed);
        [module, index.display().to_string(), output.display().to_string()]
    }

    #[test]
    fn by_default_files_are_beside_the_module() {
        let naming = Naming::default();
        let expected = ["d/a.o", "d/a.o.thinlto.bc", "d/a.thinlto-native.o"];
        assert_eq!(names(&naming, "d/a.o"), expected);
        assert_eq!(names(&naming, "d/a.bc")[2], "d/a.bc.thinlto-native.o");
    }

    #[test]
    fn files_of_a_member_are_beside_its_archive() {
        let id = "d/lib.a(x.o at 80)";
        let expected = [id, "d/lib.a(x.o at 80).thinlto.bc", "d/lib.a(x.o at 80).thinlto-native.o"];
        assert_eq!(names(&Naming::default(), id), expected);
        let naming = Naming { out_dir: Some("out".into()), ..Naming::default() };
        assert_eq!(names(&naming, "../d/lib.a(x.o at 80)")[2], "out/_/d/lib.a(x.o at 80).thinlto-native.o");
        let naming = Naming { prefix_replace: Some("d/;idx/".parse().unwrap()), ..Naming::default() };
        assert_eq!(names(&naming, "idx/lib.a(x.o at 80)")[..2], [id, "idx/lib.a(x.o at 80).thinlto.bc"]);
    }

    #[test]
    fn an_out_dir_mirrors_paths_and_is_never_left() {
        let naming = Naming { out_dir: Some("out".into()), ..Naming::default() };
        assert_eq!(names(&naming, "/abs/a.o")[2], "out/abs/a.thinlto-native.o");
        assert_eq!(names(&naming, "./x/a.o")[2], "out/x/a.thinlto-native.o");
        assert_eq!(names(&naming, "../x/a.o")[2], "out/_/x/a.thinlto-native.o");
    }

    #[test]
    fn a_replaced_prefix_is_in_the_list_and_in_indexes_but_not_in_modules() {
        let naming = Naming { prefix_replace: Some("obj/;idx/".parse().unwrap()), ..Naming::default() };
        let expected = ["obj/a.o", "idx/a.o.thinlto.bc", "idx/a.thinlto-native.o"];
        assert_eq!(names(&naming, "idx/a.o"), expected);
        let naming = Naming { prefix_replace: Some("obj/;idx/;out/".parse().unwrap()), ..Naming::default() };
        let expected = ["obj/a.o", "idx/a.o.thinlto.bc", "out/a.thinlto-native.o"];
        assert_eq!(names(&naming, "out/a.o"), expected);
        assert_eq!(names(&naming, "other/a.o")[0], "other/a.o");
    }

    #[test]
    fn a_replaced_suffix_is_in_the_list_only() {
        let replaced = Some(".thin.o;.o".parse().unwrap());
        let naming = Naming { object_suffix_replace: replaced, ..Naming::default() };
        let expected = ["a.o", "a.o.thinlto.bc", "a.thinlto-native.o"];
        assert_eq!(names(&naming, "a.thin.o"), expected);
    }

    #[test]
    fn replacements_are_in_llds_form() {
        assert_eq!("a;b;".parse::<PrefixReplace>(), "a;b".parse());
        assert!("obj/".parse::<PrefixReplace>().is_err());
        assert!("a;b;c;d".parse::<PrefixReplace>().is_err());
        assert!("a;b;c".parse::<SuffixReplace>().is_err());
    }
}
