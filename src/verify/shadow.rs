//! A working directory in which every module is a file, for a clang that knows neither archives nor
//! FatLTO objects.
//!
//! It is made of links to what the real one holds. Only the folders of modules that are no files by
//! themselves are folders here too, and these modules lie in them under their ids.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use llvm_build::Bitcode;
use path_clean::PathClean;
use tempfile::TempDir;

use crate::backend;
use crate::input::{Archives, Modules, is_its_own_file};
use crate::plan::Job;

/// Where clang runs for the jobs of a comparison.
#[derive(Default)]
pub(super) struct Shadow {
    /// Removed with the shadow.
    root: Option<TempDir>,
    /// The working directory, seen from the root.
    working: PathBuf,
    /// By module id, the jobs that must run here, or why they cannot run at all.
    needs: HashMap<String, Result<(), String>>,
}

impl Shadow {
    /// Looks at everything that `jobs` read and provides what clang could not open.
    pub(super) fn of(jobs: &[&Job]) -> io::Result<Self> {
        let modules = Modules::default();
        let mut strangers = BTreeSet::new();
        let mut shadow = Self::default();
        for job in jobs {
            let mut reading = modules.reading();
            // Such a job made no object, so there is nothing to compare.
            let Ok(_) = backend::open(job, &mut reading) else { continue };
            let ids = reading.opened().filter(|module| !is_its_own_file(module)).map(|module| module.id());
            let ids: Vec<&str> = ids.collect();
            if let Some(id) = ids.iter().find(|id| Path::new(id).is_absolute()) {
                shadow.needs.insert(job.module.clone(), Err(no_place_for(id)));
            } else if !ids.is_empty() {
                shadow.needs.insert(job.module.clone(), Ok(()));
                strangers.extend(ids.into_iter().map(str::to_owned));
            }
        }
        if !strangers.is_empty() {
            shadow.build(jobs, &strangers, &modules)?;
        }
        Ok(shadow)
    }

    /// Where clang runs for `job`: in the real working directory (`None`), or in this one.
    pub(super) fn directory(&self, job: &Job) -> Result<Option<PathBuf>, String> {
        match (self.needs.get(&job.module), &self.root) {
            (Some(Err(reason)), _) => Err(reason.clone()),
            (Some(Ok(())), Some(root)) => Ok(Some(root.path().join(&self.working))),
            _ => Ok(None),
        }
    }

    fn build(&mut self, jobs: &[&Job], strangers: &BTreeSet<String>, modules: &Modules) -> io::Result<()> {
        let here = env::current_dir()?;
        let outside = jobs.iter().flat_map(|job| [Path::new(&job.module), &job.index, &job.output]);
        let outside = outside.chain(strangers.iter().map(Path::new)).map(folders_up).max().unwrap_or(0);
        let real = here.ancestors().nth(outside).unwrap_or(Path::new("/"));
        self.working = here.strip_prefix(real).expect("an ancestor").to_owned();

        let root = tempfile::Builder::new().prefix("thinfarm-verify-").tempdir()?;
        let mut folders = Folders { real, shadow: root.path(), made: HashSet::new() };
        folders.make(&self.working)?;
        let archives = Archives::default();
        let mut reading = modules.reading();
        for id in strangers {
            let module = reading.open(id).map_err(io::Error::other)?;
            folders.place(module, archives.object_path(id), &self.working.join(id).clean())?;
        }
        self.root = Some(root);
        Ok(())
    }
}

fn no_place_for(id: &str) -> String {
    format!(
        "it reads {id}, which is in an archive or a FatLTO object, and clang can be shown a file of that \
         name only if the path is relative"
    )
}

/// How many folders `path` leaves before it enters one.
fn folders_up(path: &Path) -> usize {
    path.clean().components().take_while(|component| *component == Component::ParentDir).count()
}

/// Folders that are copied as links, from the one below `real` to the one below `shadow`.
struct Folders<'a> {
    real: &'a Path,
    shadow: &'a Path,
    made: HashSet<PathBuf>,
}

impl Folders<'_> {
    /// Makes `folder` a folder of links, where it was a link itself.
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        if !self.made.insert(folder.to_owned()) {
            return Ok(());
        }
        let shadow = self.shadow.join(folder);
        if let Some(parent) = folder.parent() {
            self.make(parent)?;
            fs::remove_file(&shadow)?;
            fs::create_dir(&shadow)?;
        }
        for entry in fs::read_dir(self.real.join(folder))? {
            let entry = entry?;
            symlink(entry.path(), shadow.join(entry.file_name()))?;
        }
        Ok(())
    }

    /// Puts a module under `name`: its bitcode, or a link if that is a file, as in thin archives.
    fn place(&mut self, module: &Bitcode, file: Option<PathBuf>, name: &Path) -> io::Result<()> {
        self.make(name.parent().unwrap_or(Path::new("")))?;
        let place = self.shadow.join(name);
        // A FatLTO object's own name is a link so far.
        if place.symlink_metadata().is_ok() {
            fs::remove_file(&place)?;
        }
        match file.filter(|_| !module.facts().is_embedded) {
            Some(file) => symlink(std::path::absolute(file)?, place),
            None => fs::write(place, module.bitcode()),
        }
    }
}
