//! Which files belong to a module: its index and its native object.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// `OLD;NEW`, as lld writes replacements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    old: String,
    new: String,
}

/// A replacement without its semicolon.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 'OLD;NEW', as lld's option takes it, but got '{0}'")]
pub struct NamingError(String);

impl FromStr for Replacement {
    type Err = NamingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // lld's prefix option has a third part, for native objects, in its newer form.
        let (old, new) = text.split_once(';').ok_or_else(|| NamingError(text.to_owned()))?;
        if new.contains(';') {
            return Err(NamingError(text.to_owned()));
        }
        Ok(Self { old: old.to_owned(), new: new.to_owned() })
    }
}

impl Replacement {
    fn prefix(&self, path: &str) -> String {
        match path.strip_prefix(self.old.as_str()) {
            Some(rest) => format!("{}{rest}", self.new),
            None => path.to_owned(),
        }
    }

    fn suffix(&self, path: &str) -> String {
        match path.strip_suffix(self.old.as_str()) {
            Some(stem) => format!("{stem}{}", self.new),
            None => path.to_owned(),
        }
    }
}

/// The naming conventions of one link.
#[derive(Clone, Debug)]
pub struct Naming {
    /// lld's `--thinlto-prefix-replace`: indexes were written under another prefix.
    pub prefix_replace: Option<Replacement>,
    /// lld's `--thinlto-object-suffix-replace`: the thin link read files (minimised bitcode) whose
    /// names differ from the modules' in their suffix.
    pub object_suffix_replace: Option<Replacement>,
    /// Replaces the `.o` of the module in the name of its native object.
    pub suffix: String,
    /// Where native objects go, mirroring the modules' paths; beside the modules if `None`.
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

    /// The module that a line of the index list stands for. lld lists what it read; with
    /// `--thinlto-object-suffix-replace` the module, and its id in indexes, is named differently.
    pub fn module(&self, listed: &str) -> String {
        match &self.object_suffix_replace {
            Some(replacement) => replacement.suffix(listed),
            None => listed.to_owned(),
        }
    }

    /// The index that lld wrote for a module.
    pub fn index(&self, module: &str) -> PathBuf {
        let path = match &self.prefix_replace {
            Some(replacement) => replacement.prefix(module),
            None => module.to_owned(),
        };
        format!("{path}.thinlto.bc").into()
    }

    /// Where the native object of a module goes.
    pub fn output(&self, module: &str) -> PathBuf {
        let stem = module.strip_suffix(".o").unwrap_or(module);
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

    #[test]
    fn by_default_files_are_beside_the_module() {
        let naming = Naming::default();
        assert_eq!(naming.index("d/a.o"), Path::new("d/a.o.thinlto.bc"));
        assert_eq!(naming.output("d/a.o"), Path::new("d/a.thinlto-native.o"));
        assert_eq!(naming.output("d/a.bc"), Path::new("d/a.bc.thinlto-native.o"));
    }

    #[test]
    fn an_out_dir_mirrors_paths_and_is_never_left() {
        let naming = Naming { out_dir: Some("out".into()), ..Naming::default() };
        assert_eq!(naming.output("/abs/a.o"), Path::new("out/abs/a.thinlto-native.o"));
        assert_eq!(naming.output("./x/a.o"), Path::new("out/x/a.thinlto-native.o"));
        assert_eq!(naming.output("../x/a.o"), Path::new("out/_/x/a.thinlto-native.o"));
    }

    #[test]
    fn replacements_are_llds() {
        let naming = Naming {
            prefix_replace: Some("obj/;idx/".parse().unwrap()),
            object_suffix_replace: Some(".thin.o;.o".parse().unwrap()),
            ..Naming::default()
        };
        let module = naming.module("obj/a.thin.o");
        assert_eq!(module, "obj/a.o");
        assert_eq!(naming.index(&module), Path::new("idx/a.o.thinlto.bc"));
        assert_eq!(naming.index("other/a.o"), Path::new("other/a.o.thinlto.bc"));
    }

    #[test]
    fn a_replacement_needs_its_semicolon() {
        assert!("obj/".parse::<Replacement>().is_err());
        assert!("a;b;c".parse::<Replacement>().is_err());
    }
}
