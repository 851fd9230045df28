//! The cache in one run: what is there, and what is kept.

use std::io;
use std::path::Path;

use llvm_build::StageTimes;

use super::{Cache, CacheUse, Entry};
use crate::backend::{JobDone, Made, Object};
use crate::fingerprint::{Key, Keys, Read, RememberedHashes, Uncacheable, program};
use crate::input::Modules;
use crate::memo::Memo;
use crate::output::OutputFile;
use crate::plan::Job;

/// Looks for the objects of one run's jobs, and keeps those that were not there.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    cache: &'a Cache,
    keys: Keys<'a>,
    /// Whether the assembly of a module reads files.
    reads_files: Memo<String, bool>,
    /// Child workers are this very program.
    trusts_workers: bool,
}

/// What came of looking for an object.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It has been written to its place.
    Found(JobDone),
    /// It has to be made, and can be kept then.
    Wanted(Wanted),
    /// It has to be made.
    Uncacheable(Uncacheable),
}

/// An object that is to be kept.
#[derive(Debug)]
pub(crate) struct Wanted {
    key: Key,
    read: Read,
}

impl<'a> Lookup<'a> {
    /// For jobs that read `modules`, and of which child workers that run `worker` may make some. Hashes of modules are
    /// those of earlier runs if it `remembers`.
    pub(crate) fn new(
        cache: &'a Cache,
        modules: &'a Modules,
        worker: Option<&Path>,
        remembers: bool,
    ) -> Self {
        let remembered = remembers.then(|| RememberedHashes::in_cache(cache.store.directory(), cache.build));
        let keys = Keys::new(cache.build, modules, remembered);
        Self {
            cache,
            keys,
            reads_files: Memo::default(),
            trusts_workers: worker.is_none_or(program::is_this_program),
        }
    }

    /// Looks for the object of `job`, and writes it where the job would.
    pub(crate) fn fetch(&self, job: &Job) -> Fetched {
        let (key, read) = match self.keys.of(job) {
            Ok(made) => made,
            Err(reason) => return Fetched::Uncacheable(reason),
        };
        // An object that cannot be written is made, and the job says why that cannot be written either.
        match self.cache.store.get(&key).and_then(|entry| place(entry, job).ok()) {
            Some(done) => Fetched::Found(done),
            None => Fetched::Wanted(Wanted { key, read }),
        }
    }

    /// Leaves for later runs what is known of modules.
    pub(crate) fn finish(&self) {
        self.keys.keep_hashes();
    }

    /// Keeps what `job` made, if that can be answered for.
    pub(crate) fn keep(&self, job: &Job, wanted: &Wanted, made: &Made) -> CacheUse {
        match self.try_to_keep(job, wanted, made) {
            Ok(()) => CacheUse::Miss,
            Err(reason) => CacheUse::Uncacheable(reason),
        }
    }

    fn try_to_keep(&self, job: &Job, Wanted { key, read }: &Wanted, made: &Made) -> Result<(), Uncacheable> {
        let object = match &made.object {
            Object::WrittenByClang => {
                return Err(Uncacheable::ClangAction("it imports nothing".to_owned()));
            }
            Object::WrittenByWorker(_) if !self.trusts_workers => return Err(Uncacheable::OtherProgram),
            Object::Compiled(_) if !read.is_unchanged(job) => return Err(Uncacheable::Changed),
            Object::WrittenByWorker(_) if !read.is_the_same_anew(job) => return Err(Uncacheable::Changed),
            object => object.bytes(job).ok_or(Uncacheable::Changed)?,
        };
        let names = |id: &String| {
            made.done.diagnostics.contains(id)
                || made.done.messages.iter().any(|message| message.text.contains(id))
        };
        if read.modules.iter().any(|source| names(&source.id)) {
            return Err(Uncacheable::Diagnostics);
        }
        if read.modules.iter().any(|source| self.reads_files(&source.id)) {
            return Err(Uncacheable::Assembly);
        }
        // A store that cannot be written to remembers that, and tells it once.
        let _ = self.cache.store.put(key, &object, &made.done);
        Ok(())
    }

    /// Whether the assembly of the module `id` may read files. It may if that cannot be told.
    fn reads_files(&self, id: &str) -> bool {
        self.reads_files.get(id, || {
            let mut reading = self.keys.modules.reading();
            let assembly = reading.open(id).ok().and_then(|module| module.assembly_that_reads_files().ok());
            assembly.is_none_or(|texts| !texts.is_empty())
        })
    }
}

/// Writes an object that was found where `job` would.
fn place(mut entry: Entry, job: &Job) -> io::Result<JobDone> {
    let object_size = match &job.in_memory {
        Some(place) => {
            match entry.map() {
                Some(object) => place.spool.put_mapped(&job.output, object)?,
                None => place.spool.put(&job.output, entry.object()?)?,
            }
            entry.object_size()
        }
        None => entry.place(OutputFile::create(&job.output)?)?,
    };
    // What it cost to make it is no cost of this run.
    Ok(JobDone {
        stages: StageTimes::default(),
        write: Default::default(),
        object_size,
        ..entry.about().clone()
    })
}
