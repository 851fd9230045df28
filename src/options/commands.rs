//! What compile commands say to a backend, where clang is asked once for all that differ in nothing else.
//!
//! The commands of a build differ in what only a front end reads: names of files, macros, dependencies. Without those a
//! command has mostly been seen before.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use llvm_build::{BackendFlags, CommandError, MissingFile, RanIn, backend_flags};

use super::link_line::retain_what_has_a_place;
use super::source::Kept;
use super::words::Words;

/// What a compile command says to a backend.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// See [`super::FileOptions`].
    pub flags: Arc<[String]>,
    /// See [`super::FileOptions`].
    pub splits_dwarf: bool,
    /// Where it most likely ran, if it was asked to have run in one of several places.
    pub directory: Option<PathBuf>,
    /// Files that a backend would read and that are not there.
    pub missing: Vec<MissingFile>,
}

impl Said {
    fn new(found: BackendFlags, is_of_link: bool) -> Self {
        let BackendFlags { mut options, splits_dwarf, directory, missing, depends_on_places: _ } = found;
        if is_of_link {
            retain_what_has_a_place(&mut options);
        }
        let flags = options.into_iter().flatten().collect();
        let splits_dwarf = splits_dwarf && !is_of_link;
        Self { flags, splits_dwarf, directory: directory.map(PathBuf::from), missing }
    }
}

/// The commands that were asked about.
#[derive(Debug, Default)]
pub(super) struct Commands {
    words: Words,
    /// By program, directory, and the words that are not the front end's alone, each ended by a NUL. Commands that depend on
    /// more are not among them.
    known: HashMap<String, Arc<Said>>,
}

impl Commands {
    /// What the command of `kept`, which ran in `ran_in`, says to a backend, inside a link if it `is_of_link`. That is the
    /// same whenever these commands are asked.
    ///
    /// # Errors
    /// As of [`backend_flags`].
    pub(super) fn said(
        &mut self,
        kept: &Kept,
        ran_in: RanIn<'_>,
        is_of_link: bool,
    ) -> Result<Arc<Said>, CommandError> {
        let ask = || backend_flags(&kept.args, &kept.program, ran_in);
        let Some(key) = self.key(kept, ran_in) else { return Ok(Arc::new(Said::new(ask()?, is_of_link))) };
        if let Some(said) = self.known.get(&key) {
            return Ok(said.clone());
        }
        let found = ask()?;
        let is_for_all = !found.depends_on_places;
        let said = Arc::new(Said::new(found, is_of_link));
        if is_for_all {
            self.known.insert(key, said.clone());
        }
        Ok(said)
    }

    /// What is the same for commands that say the same; nothing for one that may say anything.
    fn key(&mut self, kept: &Kept, ran_in: RanIn<'_>) -> Option<String> {
        let options = self.words.options(&kept.args)?;
        let place = match ran_in {
            RanIn::Directory(directory) => directory,
            RanIn::Here => "",
            // No directory is called so.
            RanIn::OneOf(_) => "\n",
        };
        // It would end where another word begins.
        if kept.program.contains('\0') || place.contains('\0') {
            return None;
        }
        let cc1 = kept.args.first().filter(|word| *word == "-cc1").map(String::as_str);
        let backends = options.iter().filter(|(_, shape)| !shape.is_front_ends);
        let words = backends.flat_map(|(option, _)| option.iter().map(String::as_str));
        let mut key = String::new();
        for word in [&kept.program, place].into_iter().chain(cc1).chain(words) {
            key.push_str(word);
            key.push('\0');
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn kept(line: &str) -> Kept {
        let args = line.split(' ').map(str::to_owned).collect();
        Kept { program: "clang".to_owned(), args, ran_in: source::RanIn::Here, found_in: String::new() }
    }

    #[test]
    fn a_command_says_what_clang_says_of_it_and_is_asked_about_once() {
        let mut commands = Commands::default();
        let mut said = |line: &str, ran_in: RanIn<'_>| {
            let kept = kept(line);
            let said = commands.said(&kept, ran_in, false).unwrap();
            let asked = backend_flags(&kept.args, "clang", ran_in).unwrap();
            assert_eq!(said.flags[..], asked.options.concat()[..], "{line}");
            assert_eq!((said.splits_dwarf, &said.missing), (asked.splits_dwarf, &asked.missing), "{line}");
            assert_eq!(said.directory, asked.directory.map(PathBuf::from), "{line}");
            commands.known.len()
        };
        let here = RanIn::Here;
        let first = said("-O2 -c -o a.o a.c -DA -D B -MD -MF a.d -Wp,-MMD,x -flto=thin -fno-pie", here);
        assert_eq!(said("-DC -O2 -fno-pie -include h.h -o b.o -x c b.c", here), first);
        // The same words, but as values.
        assert_eq!(said("-O2 -D -DA -fno-pie", here), first);
        assert_eq!(said("-O2 -fno-pie -mllvm -DA", here), first + 1);
        assert_eq!(said("-O2 -fno-pie -Xclang -DA", here), first + 2);
        assert_eq!(said("-O2 -fno-pie -mllvm", here), first + 3);
        // What follows is a file, whatever it looks like.
        assert_eq!(said("-O2 -fno-pie -- -O3", here), first + 4);
        // Without the value it is another command, which clang complains of.
        assert_eq!(said("-O2 -fno-pie -o", here), first + 5);
        assert_eq!(said("-O2 -fno-pie -c -o x.o", RanIn::Directory("/elsewhere")), first + 6);
        assert_eq!(said("-cc1 -O2 -fno-pie -main-file-name a.c", here), first + 7);
        assert_eq!(said("-cc1 -O2 -fno-pie -main-file-name b.c -split-dwarf-output b.dwo", here), first + 8);
        assert_eq!(said("@gone -O2 -fno-pie", here), first + 8, "there may be anything in it");
        // For clang the word ends before its end, and the empty one belongs to the option before it.
        assert_eq!(said("-O2\0-O3", here), first + 8);
        assert_eq!(said("-O2  -fno-pie", here), first + 8);
    }

    /// With relative paths of files, other words than those that are left decide where the command ran.
    #[test]
    fn where_a_command_ran_may_depend_on_all_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let places = ["one", "two"].map(|name| {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            std::fs::write(directory.path().join(name).join("profile"), "").unwrap();
            std::fs::write(directory.path().join(name).join(format!("{name}.c")), "").unwrap();
            directory.path().join(name).to_string_lossy().into_owned()
        });
        let mut commands = Commands::default();
        for (name, place) in ["one", "two"].iter().zip(&places) {
            let kept = kept(&format!("-O2 -fprofile-sample-use=profile -c {name}.c"));
            let said = commands.said(&kept, RanIn::OneOf(&places), false).unwrap();
            assert_eq!(said.flags[1], format!("-fprofile-sample-use={place}/profile"));
        }
        for line in ["-O2 -c one.c", "-O2 -c two.c"] {
            let said = commands.said(&kept(line), RanIn::OneOf(&places), false).unwrap();
            assert_eq!((&said.flags[..], &said.directory), (&["-O2".to_owned()][..], &None));
        }
        assert_eq!(commands.known.len(), 1);
    }
}
