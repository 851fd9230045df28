//! What a farm and a child worker say to each other: one JSON value a line, in both directions on the socket
//! that is the child's standard input. Its standard output and error are the farm's.
//!
//! The farm opens with [`Hello`], and the worker answers that it is ready or why it is not. Then come jobs,
//! each with an id, and their results in any order. The farm ends by closing its side; a worker that has
//! jobs then abandons them. All is plain data and paths, but for an index or an object that has no file: its
//! bytes follow the line that tells how many they are.

use std::borrow::Cow;
use std::io::{self, BufRead, Read, Write};

use blake3::Hash;
use llvm_build::{LinkMessage, Stage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backend::{JobDone, JobError};
use crate::plan::Job;

/// The farm's first words.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The build of the farm; a worker of another one refuses, and needs to understand no more of it.
    pub(super) build: String,
    /// The `-mllvm` options of the worker.
    #[serde(default)]
    pub(super) llvm_args: Vec<String>,
    /// Whether the farm is to be told of stages.
    #[serde(default)]
    pub(super) tells_stages: bool,
}

/// Then: compile this.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request<'a> {
    /// Returns with the result.
    pub(super) id: u64,
    pub(super) job: Cow<'a, Job>,
    /// Bytes of its index, which follow; without it index and object are files.
    pub(super) index: Option<u64>,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one at a time is made, sent and gone")]
pub(super) enum Answer {
    /// Jobs can come.
    Ready,
    /// No jobs, for this reason.
    Refused(String),
    /// A job has come to this stage.
    Reached { id: u64, stage: Stage },
    /// A job is done.
    Done {
        id: u64,
        result: Result<JobDone, Failed>,
        /// Of the object, if the worker knows its bytes.
        object: Option<Hash>,
        /// Bytes of the object, which follow, if it is in no file.
        size: Option<u64>,
    },
}

/// A [`JobError`] as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failed {
    message: String,
    diagnostics: String,
    messages: Vec<LinkMessage>,
    warnings: u32,
    errors: u32,
    /// Jobs that come after this one may wait for ever for what it holds.
    pub(super) is_crash: bool,
}

impl From<JobError> for Failed {
    fn from(error: JobError) -> Self {
        let (warnings, errors) = error.counts();
        Self {
            message: error.to_string(),
            diagnostics: error.diagnostics().to_owned(),
            messages: error.messages().to_vec(),
            warnings,
            errors,
            is_crash: error.is_crash(),
        }
    }
}

impl From<Failed> for JobError {
    fn from(failed: Failed) -> Self {
        let Failed { message, diagnostics, messages, warnings, errors, is_crash } = failed;
        Self::InWorker { message, diagnostics, messages, warnings, errors, is_crash }
    }
}

/// A message as it is sent, in one piece.
pub(super) fn line(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Sends one message, and the bytes that follow it.
pub(super) fn send(mut to: impl Write, message: &impl Serialize, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&line(message)?)?;
    to.write_all(bytes)
}

/// Waits for the `size` bytes that follow a message; `None` if the other side ends before.
pub(super) fn receive_bytes(from: &mut impl BufRead, size: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(size).read_to_end(&mut bytes).ok().filter(|&read| read as u64 == size).map(|_| bytes)
}

/// Waits for the next message; `None` if there will be none, whatever happened to the other side.
///
/// # Errors
/// What comes is not such a message.
pub(super) fn receive<M: DeserializeOwned>(from: &mut impl BufRead) -> serde_json::Result<Option<M>> {
    let mut line = Vec::new();
    match from.read_until(b'\n', &mut line) {
        Ok(_) if line.ends_with(b"\n") => serde_json::from_slice(&line).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let job = Job {
            module: "dir/a b\n.o".to_owned(),
            index: "a.o.thinlto.bc".into(),
            output: "a.native.o".into(),
            command: Arc::default(),
            size: 7,
            in_memory: None,
        };
        let mut wire = Vec::new();
        send(&mut wire, &Request { id: 3, job: Cow::Borrowed(&job), index: Some(4) }, b"B\nC\x00").unwrap();
        send(&mut wire, &Answer::Ready, &[]).unwrap();
        let mut from = wire.as_slice();
        let Request { id, job: arrived, index } = receive(&mut from).unwrap().unwrap();
        assert_eq!((id, &arrived.module, &arrived.output), (3, &job.module, &job.output));
        assert_eq!(receive_bytes(&mut from, index.unwrap()).unwrap(), b"B\nC\x00");
        assert!(matches!(receive(&mut from), Ok(Some(Answer::Ready))));
        assert!(receive_bytes(&mut from, 1).is_none() && receive_bytes(&mut from, 0).is_some());
        assert!(matches!(receive::<Answer>(&mut from), Ok(None)));
    }

    #[test]
    fn half_a_message_is_the_end_and_nonsense_an_error() {
        assert!(matches!(receive::<Answer>(&mut &b"\"Rea"[..]), Ok(None)));
        assert!(receive::<Answer>(&mut &b"noise\n"[..]).is_err());
    }

    #[test]
    fn another_build_need_not_understand_the_rest_of_a_hello() {
        let hello: Hello = receive(&mut &b"{\"build\":\"other\",\"more\":[1]}\n"[..]).unwrap().unwrap();
        assert_eq!(hello.build, "other");
    }

    #[test]
    fn an_error_keeps_its_words_and_counts() {
        let error = JobError::NoWorker { module: "a.o".to_owned(), reason: "died".to_owned() };
        let words = error.to_string();
        let failed: Failed = receive(&mut line(&Failed::from(error)).unwrap().as_slice()).unwrap().unwrap();
        assert_eq!(JobError::from(failed).to_string(), words);
    }
}
