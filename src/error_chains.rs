//! What an error says, and what its `source()` says, are said once: whoever prints a chain of errors repeats nothing.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cache::{BuildError, CacheError, CachePruningPolicy, StoreError};
use crate::farm::{FarmError, JobserverError, ShareError};
use crate::link::ResponseFileError;
use crate::options::{CommandError, SourceError, SourceName};
use crate::plan::{ListError, ObjectsError, PlanError, PrefixReplace};
use crate::report::{JobError, OpenError};
use crate::toolchain::ToolError;

/// An error by the name of its type.
type Sample = (&'static str, Box<dyn Error>);

fn sample(name: &'static str, error: impl Error + 'static) -> Sample {
    (name, Box::new(error))
}

fn io() -> io::Error {
    io::Error::other("the disk is on fire")
}

fn path() -> PathBuf {
    PathBuf::from("some/file")
}

fn module() -> String {
    "x.o".to_owned()
}

fn rejected() -> CommandError {
    CommandError::Rejected("error: unknown argument: '-a'".to_owned())
}

/// Every kind of public error with every kind of cause.
fn samples() -> Vec<Sample> {
    let bad_bitcode = || Arc::new(OpenError::Io(io()));
    let ran_out = || StoreError::Unusable { directory: path(), error: io() };
    let unknown = |error| SourceError::Flags { found_in: module(), error };
    let from = module;
    vec![
        sample("BuildError", BuildError { file: path(), error: io() }),
        sample("CacheError", CacheError::Store(ran_out())),
        sample("CacheError", CacheError::Build(BuildError { file: path(), error: io() })),
        sample("CachePolicyError", "nonsense".parse::<CachePruningPolicy>().unwrap_err()),
        sample("CommandError", rejected()),
        sample("FarmError", FarmError::LlvmArgs("unknown option".to_owned())),
        sample("JobError", JobError::Module { module: module(), error: bad_bitcode() }),
        sample("JobError", JobError::Index { index: path(), error: bad_bitcode() }),
        sample("JobError", JobError::Import { module: module(), import: module(), error: bad_bitcode() }),
        sample("JobError", JobError::Output { output: path(), error: Arc::new(io()) }),
        sample("JobError", JobError::Command(rejected())),
        sample("JobserverError", JobserverError { reason: "it is closed".to_owned() }),
        sample("ListError", ListError::Read { path: path(), error: io() }),
        sample("NamingError", "nonsense".parse::<PrefixReplace>().unwrap_err()),
        sample("ObjectsError", ObjectsError { module: module() }),
        sample("OpenError", OpenError::Io(io())),
        sample("PlanError", PlanError::Flags { module: module(), from: from(), error: rejected() }),
        sample("PlanError", PlanError::Unusable { module: module(), from: from(), error: rejected() }),
        sample("PlanError", PlanError::Source(unknown(rejected()))),
        sample("ResponseFileError", ResponseFileError { reason: "it includes itself".to_owned() }),
        sample("ShareError", ShareError::Unusable { path: path(), error: io() }),
        sample("SourceError", SourceError::Read { path: path(), error: io() }),
        sample("SourceError", SourceError::Record { module: module(), error: OpenError::Io(io()) }),
        sample("SourceError", unknown(rejected())),
        sample("SourceNameError", "nonsense".parse::<SourceName>().unwrap_err()),
        sample("StoreError", ran_out()),
        sample("ToolError", ToolError::Broken { path: path(), reason: "it hangs".to_owned() }),
    ]
}

#[test]
fn no_error_repeats_its_source() {
    for (name, error) in samples() {
        let mut error: &dyn Error = &*error;
        while let Some(source) = error.source() {
            let (says, cause) = (error.to_string(), source.to_string());
            assert!(!says.contains(&cause), "{name}: \"{says}\" repeats its source, \"{cause}\"");
            error = source;
        }
    }
}

/// What an error says is all that a log may have of it.
#[test]
fn causes_are_told() {
    for (name, error) in samples().iter().filter(|(_, error)| format!("{error:?}").contains("on fire")) {
        let chain = iter::successors(Some(&**error), |&error| error.source());
        let told: Vec<String> = chain.map(ToString::to_string).collect();
        assert!(told.join(": ").contains("on fire"), "{name}: {told:?}");
    }
}

#[test]
fn every_public_error_is_looked_at() {
    let listed = include_str!("../tests/api/public.txt").lines();
    let items = listed.filter_map(|line| {
        let line = line.trim_start_matches("#[non_exhaustive] ");
        let item =
            ["pub enum ", "pub struct ", "pub use "].iter().find_map(|kind| line.strip_prefix(kind))?;
        item.rsplit("::").next()
    });
    let listed: BTreeSet<&str> = items.filter(|name| name.ends_with("Error")).collect();
    let looked_at: BTreeSet<&str> = samples().iter().map(|(name, _)| *name).collect();
    assert!(listed.len() > 10, "{listed:?}");
    assert_eq!(looked_at, listed);
}
