//! The native objects of a link, in link order: what the final link reads.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::Plan;

/// An object that needs no backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NativeObject {
    /// The module id, as listed.
    pub module: String,
    /// The file; `None` for a member of a regular archive.
    pub path: Option<PathBuf>,
    /// How many of the plan's jobs come before it in link order.
    pub jobs_before: usize,
}

/// Why the final link's objects cannot all be named.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{module} is a native object inside an archive, which a list of files cannot name; take it off the list \
     and give the archive to the final link"
)]
#[non_exhaustive]
pub struct ObjectsError {
    /// The module id.
    pub module: String,
}

impl Plan {
    /// The objects of the final link in link order: what the jobs write, and what was native already.
    ///
    /// # Errors
    /// A native object is not a file.
    pub fn objects(&self) -> Result<Vec<&Path>, ObjectsError> {
        let mut native = self.native.iter().peekable();
        let mut objects = Vec::with_capacity(self.jobs.len() + self.native.len());
        for position in 0..=self.jobs.len() {
            while let Some(object) = native.next_if(|object| object.jobs_before <= position) {
                let path = object.path.as_deref();
                objects.push(path.ok_or_else(|| ObjectsError { module: object.module.clone() })?);
            }
            objects.extend(self.jobs.get(position).map(|job| job.output.as_path()));
        }
        Ok(objects)
    }

    /// [`Plan::objects`] as a response file: `ld.lld @FILE` reads each as one file name.
    ///
    /// # Errors
    /// As [`Plan::objects`].
    pub fn response_file(&self) -> Result<String, ObjectsError> {
        Ok(self.objects()?.into_iter().fold(String::new(), |mut text, object| {
            let name = object.to_string_lossy();
            // A name that lld would take for an option, or for a response file, is no such thing in a folder.
            let folder = if name.starts_with(['-', '@']) { "./" } else { "" };
            writeln!(text, "{folder}{}", quoted(&name)).expect("strings take any text");
            text
        }))
    }
}

/// One word of a response file in GNU style, where a backslash protects whatever follows it.
fn quoted(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-+/,=@%:~".contains(letter);
    if !name.is_empty() && name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::options::CompileCommand;
    use crate::plan::Job;

    fn plan(outputs: &[&str], native: &[(usize, Option<&str>)]) -> Plan {
        let job = |output: &&str| Job {
            module: format!("{output}.bc"),
            index: PathBuf::new(),
            output: output.into(),
            command: Arc::new(CompileCommand::default()),
            size: 1,
            in_memory: None,
        };
        let native_object = |&(jobs_before, path): &(usize, Option<&str>)| NativeObject {
            module: "listed".to_owned(),
            path: path.map(PathBuf::from),
            jobs_before,
        };
        Plan { jobs: outputs.iter().map(job).collect(), native: native.iter().map(native_object).collect() }
    }

    #[test]
    fn objects_are_in_link_order() {
        let plan =
            plan(&["a", "b"], &[(0, Some("first")), (1, Some("x")), (1, Some("y")), (2, Some("last"))]);
        let objects = plan.objects().unwrap();
        assert_eq!(objects, ["first", "a", "x", "y", "b", "last"].map(Path::new));
    }

    #[test]
    fn a_native_member_of_a_regular_archive_has_no_name() {
        assert_eq!(plan(&["a"], &[(1, None)]).objects(), Err(ObjectsError { module: "listed".to_owned() }));
    }

    #[test]
    fn names_are_quoted_as_lld_reads_them() {
        let plan = plan(&["d/a.o", "lib.a(x.o at 80).o", "back\\slash \"quoted\".o", "-o", "@x"], &[]);
        let expected = "d/a.o\n\"lib.a(x.o at 80).o\"\n\"back\\\\slash \\\"quoted\\\".o\"\n./-o\n./@x\n";
        assert_eq!(plan.response_file().unwrap(), expected);
    }
}
