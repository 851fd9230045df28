//! The `compile-commands` source: a JSON compilation database, as CMake, Meson, Bear and ninja write it
//! (clang/docs/JSONCompilationDatabase.rst).

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use path_clean::clean;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::shell::{CompileWords, compile_command, compile_words};
use super::{Kept, RanIn, SourceError};

/// The name that tools give the file.
const NAME: &str = "compile_commands.json";

/// A compilation database, indexed by what its commands write and read.
#[derive(Debug)]
pub struct CompileCommands {
    /// For people.
    name: String,
    entries: Vec<Compilation>,
    by_output: HashMap<PathBuf, Vec<usize>>,
    /// By absolute path, and by the name as it is given.
    by_source: HashMap<PathBuf, Vec<usize>>,
    folders: Folders,
}

/// One name for each folder, however many ways lead to it.
#[derive(Debug, Default)]
struct Folders(RefCell<HashMap<PathBuf, PathBuf>>);

impl Folders {
    /// `path`, which is absolute, below the one name of its folder.
    fn unique(&self, path: &Path) -> PathBuf {
        let path = clean(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path };
        let mut known = self.0.borrow_mut();
        if let Some(unique) = known.get(folder) {
            return unique.join(name);
        }
        let unique = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        known.insert(folder.to_owned(), unique.clone());
        unique.join(name)
    }
}

#[derive(Debug)]
struct Compilation {
    directory: PathBuf,
    output: Option<PathBuf>,
    words: Words,
}

/// The command of an entry. Lines are split when they are asked for: a database may have 100,000.
#[derive(Debug)]
enum Words {
    Line(Box<str>, OnceCell<Option<CompileWords>>),
    List(Option<CompileWords>),
}

/// An entry as the format has it.
#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    directory: Cow<'a, str>,
    #[serde(borrow)]
    file: Cow<'a, str>,
    #[serde(borrow)]
    output: Option<Cow<'a, str>>,
    #[serde(borrow)]
    command: Option<Cow<'a, str>>,
    arguments: Option<Vec<String>>,
}

/// The module whose command is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The module id.
    pub module: &'a str,
    /// The file that is the module's alone, if there is one.
    pub object: Option<&'a Path>,
    /// Of a member of an archive, its name.
    pub member: Option<&'a str>,
}

impl CompileCommands {
    /// Reads the database at `path`, a file or the directory that has it. Without one it is looked for
    /// as clangd does: in the working directory and those above it, and in `build` below each.
    ///
    /// # Errors
    /// There is none, or it makes no sense.
    pub fn find(path: Option<&Path>) -> Result<Self, SourceError> {
        match path {
            Some(path) if path.is_dir() => Self::read(&path.join(NAME)),
            Some(path) => Self::read(path),
            None => {
                let here = env::current_dir().unwrap_or_default();
                let found = here
                    .ancestors()
                    .flat_map(|directory| [directory.join(NAME), directory.join("build").join(NAME)])
                    .find(|file| file.exists());
                match found {
                    Some(file) => Self::read(file.strip_prefix(&here).unwrap_or(&file)),
                    None => Err(SourceError::NoDatabase { directory: here }),
                }
            }
        }
    }

    fn read(path: &Path) -> Result<Self, SourceError> {
        let text = fs::read(path).map_err(|error| SourceError::Read { path: path.to_owned(), error })?;
        Self::parse(&text, path.display().to_string(), path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the database in `text`, which people know by `name`. A relative `directory` in it is
    /// relative to `base`.
    ///
    /// # Errors
    /// It is not JSON, or an entry makes no sense.
    pub fn parse(text: &[u8], name: String, base: &Path) -> Result<Self, SourceError> {
        let raw: Vec<&RawValue> = serde_json::from_slice(text).map_err(|error| {
            SourceError::NotADatabase { database: name.clone(), reason: error.to_string() }
        })?;
        let here = env::current_dir().unwrap_or_default().join(base);
        let mut database = Self {
            name,
            entries: Vec::with_capacity(raw.len()),
            by_output: HashMap::new(),
            by_source: HashMap::new(),
            folders: Folders::default(),
        };
        for (position, raw) in raw.into_iter().enumerate() {
            database.add(raw, &here).map_err(|reason| SourceError::Entry {
                database: database.name.clone(),
                entry: position + 1,
                reason,
            })?;
        }
        Ok(database)
    }

    fn add(&mut self, raw: &RawValue, base: &Path) -> Result<(), String> {
        let text: Text<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let directory = clean(base.join(&*text.directory));
        let words = match (text.arguments, text.command) {
            (Some(arguments), _) => Words::List(compile_words(arguments, None)),
            (None, Some(line)) => Words::Line(line.into(), OnceCell::new()),
            (None, None) => return Err("it has neither `arguments` nor `command`".to_owned()),
        };
        let output = match (text.output, words.get()) {
            (Some(output), _) => Some(directory.join(&*output)),
            (None, Some(words)) => {
                let below = words.directory.as_deref().unwrap_or(Path::new(""));
                output_of(&words.args).map(|output| directory.join(below).join(output))
            }
            (None, None) => None,
        }
        .map(|output| self.folders.unique(&output));
        let position = self.entries.len();
        if let Some(output) = &output {
            self.by_output.entry(output.clone()).or_default().push(position);
        }
        let (given, absolute) = (PathBuf::from(&*text.file), clean(directory.join(&*text.file)));
        if given != absolute {
            self.by_source.entry(given).or_default().push(position);
        }
        self.by_source.entry(absolute).or_default().push(position);
        self.entries.push(Compilation { directory, output, words });
        Ok(())
    }

    /// The file, or the command that wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The command that made `wanted`: the one with its output, or, where outputs do not say,
    /// the only one that compiles its source. `source_file` tells that, if need be.
    ///
    /// # Errors
    /// Several commands may have made it.
    pub fn command(
        &self,
        wanted: Wanted<'_>,
        source_file: impl FnOnce() -> Result<Option<String>, SourceError>,
    ) -> Result<Option<Kept>, SourceError> {
        if let Some(object) = wanted.object
            && let Some(position) = self.by_output(object)
        {
            return Ok(self.kept(position));
        }
        let Some(source_file) = source_file()? else { return Ok(None) };
        let compiling = self.by_source.get(&clean(&source_file)).map_or(&[][..], Vec::as_slice);
        let candidates: Vec<usize> =
            compiling.iter().copied().filter(|&position| self.may_have_made(position, wanted)).collect();
        let Some((&first, others)) = candidates.split_first() else { return Ok(None) };
        let found = self.kept(first);
        let same = |position: &usize| match (&found, self.kept(*position)) {
            (Some(found), Some(other)) => found.args == other.args && found.ran_in == other.ran_in,
            (found, other) => found.is_none() && other.is_none(),
        };
        if others.iter().all(same) {
            return Ok(found);
        }
        let output = |&position: &usize| match &self.entries[position].output {
            Some(output) => output.display().to_string(),
            None => format!("none in entry {}", position + 1),
        };
        Err(SourceError::Ambiguous {
            database: self.name.clone(),
            module: wanted.module.to_owned(),
            source_file,
            outputs: candidates.iter().map(output).collect(),
        })
    }

    /// The last entry that writes `object`.
    fn by_output(&self, object: &Path) -> Option<usize> {
        let absolute = env::current_dir().unwrap_or_default().join(object);
        self.by_output.get(&self.folders.unique(&absolute))?.last().copied()
    }

    /// An entry whose output is another file made another object; a member of an archive has only the
    /// name of its file.
    fn may_have_made(&self, position: usize, wanted: Wanted<'_>) -> bool {
        match (&self.entries[position].output, wanted.member) {
            (None, _) => true,
            (Some(output), Some(member)) => output.file_name().is_some_and(|name| name == member),
            (Some(_), None) => false,
        }
    }

    fn kept(&self, position: usize) -> Option<Kept> {
        let entry = &self.entries[position];
        let words = entry.words.get()?;
        let directory = match &words.directory {
            Some(below) => clean(entry.directory.join(below)),
            None => entry.directory.clone(),
        };
        Some(Kept {
            program: words.program.clone(),
            args: words.args.clone(),
            ran_in: RanIn::Directory(directory),
            found_in: format!("{}, entry {}", self.name, position + 1),
        })
    }
}

impl Words {
    /// `None` for a command that compiles nothing.
    fn get(&self) -> Option<&CompileWords> {
        match self {
            Self::Line(line, words) => words.get_or_init(|| compile_command(line)).as_ref(),
            Self::List(words) => words.as_ref(),
        }
    }
}

/// What `-o FILE` or `-oFILE` says. Only to recognise the object; nothing is compiled by it.
fn output_of(args: &[String]) -> Option<&str> {
    let at = args.iter().rposition(|arg| arg.starts_with("-o") && !arg.starts_with("-object"))?;
    match &args[at][2..] {
        "" => args.get(at + 1).map(String::as_str),
        joined => Some(joined),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(entries: &str) -> Result<CompileCommands, SourceError> {
        CompileCommands::parse(entries.as_bytes(), "db".to_owned(), Path::new("/b"))
    }

    fn args(database: &CompileCommands, object: &str, source: &str) -> Option<String> {
        let wanted = Wanted { module: object, object: Some(Path::new(object)), member: None };
        let found = database.command(wanted, || Ok(Some(source.to_owned()))).unwrap();
        found.map(|kept| kept.args.join(" "))
    }

    #[test]
    fn outputs_are_told_or_in_the_command_and_relative_to_the_directory() {
        let database = parsed(
            r#"[{"directory": "/b/x", "file": "a.c", "command": "clang -O1 -c a.c -o o/a.o"},
                {"directory": "y", "file": "a.c", "output": "a.o", "arguments": ["clang", "-O2", "-c", "a.c"]},
                {"directory": "/b", "file": "a.c", "command": "cd z && clang -O3 -oa.o -c a.c"}]"#,
        )
        .unwrap();
        assert_eq!(args(&database, "/b/x/o/a.o", "").unwrap(), "-O1 -c a.c -o o/a.o");
        assert_eq!(args(&database, "/b/y/../y/a.o", "").unwrap(), "-O2 -c a.c");
        assert_eq!(args(&database, "/b/z/a.o", "").unwrap(), "-O3 -oa.o -c a.c");
        assert_eq!(args(&database, "/b/none.o", "a.c"), None);
    }

    #[test]
    fn sources_tell_where_outputs_do_not() {
        let database = parsed(
            r#"[{"directory": "/b", "file": "a.c", "command": "clang -O1 -c a.c"},
                {"directory": "/b", "file": "a.c", "command": "clang -O2 -c a.c -o other.o"},
                {"directory": "/b", "file": "/src/b.c", "command": "clang -O3 -c /src/b.c"},
                {"directory": "/b", "file": "c.c", "command": "clang -O1 -c c.c"},
                {"directory": "/b", "file": "c.c", "command": "clang -O2 -c c.c"}]"#,
        )
        .unwrap();
        assert_eq!(args(&database, "/b/a.o", "a.c").unwrap(), "-O1 -c a.c");
        assert_eq!(args(&database, "/b/b.o", "/src/./b.c").unwrap(), "-O3 -c /src/b.c");
        let wanted = Wanted { module: "c.o", object: Some(Path::new("/b/c.o")), member: None };
        let error = database.command(wanted, || Ok(Some("c.c".to_owned()))).unwrap_err().to_string();
        assert!(error.contains("c.o") && error.contains("none in entry 4, none in entry 5"), "{error}");
    }

    #[test]
    fn a_member_of_an_archive_is_known_by_the_name_of_its_file() {
        let database = parsed(
            r#"[{"directory": "/b", "file": "a.c", "command": "clang -O1 -c a.c -o x/a.o"},
                {"directory": "/b", "file": "a.c", "command": "clang -O2 -c a.c -o x/a.pic.o"}]"#,
        )
        .unwrap();
        let wanted = Wanted { module: "l.a(a.pic.o at 8)", object: None, member: Some("a.pic.o") };
        let found = database.command(wanted, || Ok(Some("a.c".to_owned()))).unwrap().unwrap();
        assert_eq!((found.args[0].as_str(), found.found_in.as_str()), ("-O2", "db, entry 2"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, told) in [
            ("{}", "line 1 column"),
            ("[1", "line 1 column 2"),
            ("[{\"directory\": \"/\"}]", "entry 1: missing field `file`"),
            ("[{\"directory\": 3}]", "entry 1: invalid type"),
            ("[{\"directory\": \"/\", \"file\": \"a\"}]", "neither `arguments` nor `command`"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.starts_with("db") && error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn what_tools_wrote_is_read_however_damaged() {
        let texts = crate::foreign::damaged("compile-commands");
        let read = texts.iter().filter(|text| {
            let Ok(database) = parsed(text) else { return false };
            let wanted = Wanted { module: "a.o", object: None, member: Some("a.c.o") };
            database.command(wanted, || Ok(Some("a.c".to_owned()))).is_ok()
        });
        assert!(read.count() > texts.len() / 20);
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<i32>().prop_map(|number| number.to_string()),
            "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let key = "directory|file|output|command|arguments|x";
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4)
                    .prop_map(|list| format!("[{}]", list.join(","))),
                proptest::collection::btree_map(key, inner, 0..6).prop_map(|map| {
                    let fields: Vec<String> =
                        map.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused(text in json()) {
            let _ = parsed(&text);
            let _ = parsed(&format!("[{text}]"));
        }

        #[test]
        fn any_command_is_looked_up(command in "\\PC{0,40}", output in "\\PC{0,8}") {
            let entry = serde_json::json!([{
                "directory": "/b", "file": "a.c", "output": output, "command": format!("clang {command}"),
            }]);
            let database = parsed(&entry.to_string()).unwrap();
            args(&database, &format!("/b/{output}"), "a.c");
        }
    }
}
