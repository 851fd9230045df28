//! A rule: options of some modules, changed.

use std::fmt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use path_clean::clean;
use serde::Deserialize;

/// Changes the options of the modules that its globs name.
#[derive(Debug)]
pub struct Rule {
    /// For people.
    name: String,
    /// What the globs are relative to.
    directory: PathBuf,
    modules: GlobSet,
    add: Vec<String>,
    remove: GlobSet,
    replace: Option<Vec<String>>,
}

/// A rule as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// Globs of paths; `*` does not match `/`, `**` does.
    modules: Vec<String>,
    /// Arguments to append.
    #[serde(default)]
    add: Vec<String>,
    /// Globs of options, each with its values behind blanks; `*` matches anything.
    #[serde(default)]
    remove: Vec<String>,
    /// Arguments instead of all there are.
    replace: Option<Vec<String>>,
}

/// A glob that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("the glob {glob}: {reason}")]
pub struct GlobError {
    glob: String,
    reason: String,
}

impl Rule {
    pub(super) fn new(text: Text, name: String, directory: &Path) -> Result<Self, GlobError> {
        Ok(Self {
            name,
            directory: directory.to_owned(),
            modules: globs(&text.modules, /* of_paths */ true)?,
            add: text.add,
            remove: globs(&text.remove, /* of_paths */ false)?,
            replace: text.replace,
        })
    }

    /// Whether it is for the module at `path`, or, inside an archive, called so: `lib.a(x.o)`.
    pub fn matches(&self, path: &Path) -> bool {
        let absolute = clean(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        self.modules.is_match(absolute.strip_prefix(&self.directory).unwrap_or(&absolute))
    }

    /// What becomes of `options`, each with its values.
    pub fn apply(&self, options: Vec<Vec<String>>) -> Vec<Vec<String>> {
        let one_each = |args: &[String]| args.iter().map(|arg| vec![arg.clone()]).collect();
        let mut options = self.replace.as_deref().map_or(options, one_each);
        options.retain(|option| !self.remove.is_match(option.join(" ")));
        let added: Vec<Vec<String>> = one_each(&self.add);
        options.extend(added);
        options
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn globs(texts: &[String], of_paths: bool) -> Result<GlobSet, GlobError> {
    let failed = |glob: &str, error: globset::Error| GlobError {
        glob: glob.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for text in texts {
        let glob = GlobBuilder::new(text).literal_separator(of_paths).build();
        set.add(glob.map_err(|error| failed(text, error))?);
    }
    set.build().map_err(|error| failed(&texts.join(" "), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        Rule::new(toml::from_str(text).unwrap(), "rule 1".to_owned(), Path::new("/p")).unwrap()
    }

    fn applied(text: &str, options: &[&[&str]]) -> String {
        let options = options.iter().map(|option| option.iter().map(|&word| word.to_owned()).collect());
        rule(text).apply(options.collect()).concat().join(" ")
    }

    #[test]
    fn globs_of_modules_are_relative_to_the_file() {
        let rule = rule("modules = [\"lib/lz4/**\", \"**/hot.o\", \"*.a(x.o)\", \"/q/*.o\"]");
        for matched in
            ["/p/lib/lz4/a/b.o", "/p/hot.o", "/p/x/y/hot.o", "/p/l.a(x.o)", "/q/z.o", "/p/x/../lib/lz4/c.o"]
        {
            assert!(rule.matches(Path::new(matched)), "{matched}");
        }
        for other in ["/p/lib/a.o", "/p/x/l.a(x.o)", "/q/r/z.o", "/lib/lz4/a.o"] {
            assert!(!rule.matches(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn options_go_with_their_values() {
        let options: &[&[&str]] = &[&["-O2"], &["-mllvm", "-foo=1"], &["-I/a/b"], &["-mllvm", "-bar"]];
        let text = "modules = []\nremove = [\"-mllvm -foo*\", \"-O?\", \"-I*\"]\nadd = [\"-O3\"]";
        assert_eq!(applied(text, options), "-mllvm -bar -O3");
        let text = "modules = []\nreplace = [\"-Os\", \"-fPIC\"]\nadd = [\"-g\"]";
        assert_eq!(applied(text, options), "-Os -fPIC -g");
    }
}
