//! One link by two linkers: what this program does when a test names the linker and all of it is to be compared.
//!
//! ld.thinfarm links first, what it wrote is kept and taken back, and ld.lld links the same; status, streams and every
//! file in the test's reach must agree. Only ld.lld's link stays, so that a test goes on as it would without us. What
//! ld.lld itself does not do twice in the same way is no difference.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fs::{self, FileTimes};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// The first argument of this program in this role.
pub const ROLE: &str = "link-by-both";

/// The variable in which lit names the test that runs.
const TEST: &str = "LIT_CURRENT_TESTCASE";

/// How often ld.lld links again to see whether it is steady itself.
const TRIES: usize = 3;

/// What came of one link.
#[derive(Serialize, Deserialize)]
pub struct Record {
    /// The test, from the suite's root.
    pub test: String,
    /// The arguments of the link.
    pub args: Vec<String>,
    /// What is not the same, each with both sides.
    pub differences: Vec<String>,
    /// What differs between two runs of ld.lld too.
    pub unsteady: Vec<String>,
}

/// The words that make a test run this program: records go to `records`, tests write below `out`.
pub fn command(records: &Path, out: &Path, lld: &Path, thinfarm: &Path) -> Result<String> {
    let this = env::current_exe()?;
    let words: Vec<String> = [&*this, Path::new(ROLE), records, out, lld, thinfarm]
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    ensure!(
        words.iter().all(|word| !word.contains([' ', '\'', '"', '\\'])),
        "lit's tests cannot be run below a directory with such a name: {}",
        words.join("  ")
    );
    Ok(words.join(" "))
}

/// The records in `dir`, in the order of the links.
pub fn records(dir: &Path) -> Result<Vec<Record>> {
    let mut files = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.sort();
    files
        .iter()
        .map(|file| {
            serde_json::from_slice(&fs::read(file)?)
                .with_context(|| format!("cannot read {}", file.display()))
        })
        .collect()
}

/// Links by both, with the arguments that [`command`] made and those of the test, and ends as ld.lld did.
pub fn run(args: impl Iterator<Item = OsString>) -> Result<()> {
    let args: Vec<OsString> = args.collect();
    ensure!(args.len() >= 4, "{ROLE} is run by tests alone");
    let ([records, out, lld, thinfarm], args) = (&args[..4], &args[4..]) else {
        unreachable!("there are four")
    };
    let test = env::var(TEST).context("lit does not name the test")?;
    let test = test.split_once(" :: ").map_or(&*test, |(_, path)| path);
    let reach = Reach::of(&Path::new(out).join("test").join(test))?;
    let mut input = Vec::new();
    if !io::stdin().is_terminal() {
        io::stdin().read_to_end(&mut input)?;
    }
    let before = reach.files()?;
    let caches = caches(args);
    let link = |linker: &OsString| -> Result<Linked> {
        let said = said(Path::new(linker), args, &input)?;
        Ok(Linked { said, files: reach.files()? })
    };
    let ours = link(thinfarm)?;
    restore(&before, &ours.files)?;
    let mut theirs = link(lld)?;
    let mut differences = ours.differences(&theirs, &caches);
    let mut unsteady = BTreeSet::new();
    for _ in 0..TRIES {
        if differences.is_empty() {
            break;
        }
        restore(&before, &theirs.files)?;
        let again = link(lld)?;
        let changing: BTreeSet<String> = again.differences(&theirs, &caches).into_keys().collect();
        unsteady.extend(changing.iter().filter(|what| differences.contains_key(*what)).cloned());
        differences.retain(|what, _| !changing.contains(what));
        theirs = again;
    }
    let record = Record {
        test: test.to_owned(),
        args: args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        differences: differences.into_iter().map(|(what, how)| format!("{what}: {how}")).collect(),
        unsteady: unsteady.into_iter().collect(),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
    let file = Path::new(records).join(format!("{now:020}-{}.json", process::id()));
    fs::write(&file, serde_json::to_vec(&record)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    theirs.said.repeat()
}

/// The directories of caches that `args` name: what is in them has names and a form of its own, and each linker finds
/// only what is its own there.
fn caches(args: &[OsString]) -> Vec<PathBuf> {
    let words: Vec<String> =
        args.iter().map(|arg| arg.to_string_lossy().trim_start_matches('-').to_owned()).collect();
    let here = env::current_dir().unwrap_or_default();
    let joined = words.iter().filter_map(|word| {
        word.strip_prefix("thinlto-cache-dir=").or(word.strip_prefix("plugin-opt=cache-dir="))
    });
    let apart = words.windows(2).filter(|pair| pair[0] == "thinlto-cache-dir").map(|pair| &*pair[1]);
    joined.chain(apart).map(|dir| here.join(dir)).collect()
}

/// Status and streams of one link.
struct Said {
    /// The process that linked, whose number is in names of files.
    process: u32,
    status: ExitStatus,
    out: Vec<u8>,
    err: Vec<u8>,
}

fn said(linker: &Path, args: &[OsString], input: &[u8]) -> Result<Said> {
    let mut child = Command::new(linker)
        .args(args)
        // Which is no file of a link, but one that stays for the next ones.
        .env("THINFARM_MACHINE_SHARE", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", linker.display()))?;
    let process = child.id();
    // A linker that does not read its input may have ended.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = child.wait_with_output()?;
    Ok(Said { process, status: output.status, out: output.stdout, err: output.stderr })
}

impl Said {
    /// A stream with our name for theirs, which messages begin with.
    fn text(&self, stream: &[u8]) -> String {
        self.steady(&String::from_utf8_lossy(stream).replace("ld.thinfarm", "ld.lld"))
    }

    /// `text` with the same word for the number of this process in names of files, `a.NUMBER.o`, whatever it is.
    fn steady(&self, text: &str) -> String {
        text.replace(&format!(".{}.", self.process), ".PROCESS.")
    }

    /// Says the same again and ends in the same way.
    fn repeat(&self) -> Result<()> {
        io::stdout().write_all(&self.out)?;
        io::stdout().flush()?;
        io::stderr().write_all(&self.err)?;
        match self.status.code() {
            Some(code) => process::exit(code),
            None if self.status.signal() == Some(6) => process::abort(),
            None => process::exit(128 + self.status.signal().unwrap_or_default()),
        }
    }
}

/// What one link did.
struct Linked {
    said: Said,
    files: Files,
}

impl Linked {
    /// What is not as in `theirs`, and how: the name of a stream or file, and both sides of it.
    /// Nothing in `caches` counts.
    fn differences(&self, other: &Linked, caches: &[PathBuf]) -> BTreeMap<String, String> {
        let mut differences = BTreeMap::new();
        let mut note = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                differences.insert(what.to_owned(), format!("{ours} | {theirs}"));
            }
        };
        note("status", self.said.status.to_string(), other.said.status.to_string());
        note("stdout", self.said.text(&self.said.out), other.said.text(&other.said.out));
        note("stderr", self.said.text(&self.said.err), other.said.text(&other.said.err));
        let (ours, theirs) = (self.by_steady_name(), other.by_steady_name());
        let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for path in paths {
            let (ours, theirs) = (ours.get(path).copied(), theirs.get(path).copied());
            let is_same = match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    ours.mode == theirs.mode && self.steady(&ours.content) == other.steady(&theirs.content)
                }
                _ => false,
            };
            if is_same || caches.iter().any(|cache| Path::new(path).starts_with(cache)) {
                continue;
            }
            let shown = |file: Option<&Kept>| file.map_or("not there".to_owned(), Kept::to_string);
            let at = match (ours.map(|file| &file.content), theirs.map(|file| &file.content)) {
                (Some(Content::File(ours)), Some(Content::File(theirs))) => {
                    ours.iter().zip(theirs).position(|(left, right)| left != right)
                }
                _ => None,
            };
            let at = at.map_or(String::new(), |at| format!(", from byte {at}"));
            note(path, shown(ours), format!("{}{at} ", shown(theirs)));
        }
        differences
    }

    /// The files by names that do not depend on the process.
    fn by_steady_name(&self) -> BTreeMap<String, &Kept> {
        self.files.iter().map(|(path, kept)| (self.said.steady(&path.to_string_lossy()), kept)).collect()
    }

    /// What a file holds, names of files that depend on the process made steady where it is text.
    fn steady<'a>(&self, content: &'a Content) -> Cow<'a, Content> {
        match content {
            Content::File(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Owned(Content::File(self.said.steady(text).into_bytes())),
                Err(_) => Cow::Borrowed(content),
            },
            _ => Cow::Borrowed(content),
        }
    }
}

/// The files a test can write: those in `Output` that begin with its name, those in the directory it runs in, and its
/// directory of temporary files.
struct Reach {
    output: PathBuf,
    name: String,
    working: PathBuf,
    temporary: PathBuf,
}

type Files = BTreeMap<PathBuf, Kept>;

/// A file, to be compared and put back.
struct Kept {
    content: Content,
    mode: u32,
    times: FileTimes,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    File(Vec<u8>),
    Link(PathBuf),
    Folder,
    /// A socket or the like.
    Other,
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.content {
            Content::File(bytes) => write!(f, "{} bytes, mode {:o}", bytes.len(), self.mode & 0o7777),
            Content::Link(to) => write!(f, "a link to {}", to.display()),
            Content::Folder => write!(f, "a directory"),
            Content::Other => write!(f, "no regular file"),
        }
    }
}

impl Reach {
    /// That of the test whose results are called `results`.
    fn of(results: &Path) -> Result<Reach> {
        let folder = results.parent().context("a test is in a folder")?;
        Ok(Reach {
            output: folder.join("Output"),
            name: results.file_name().context("a test has a name")?.to_string_lossy().into_owned(),
            working: env::current_dir()?,
            temporary: env::temp_dir(),
        })
    }

    fn files(&self) -> Result<Files> {
        let mut files = Files::new();
        let listed = |dir: &Path| -> Result<Vec<PathBuf>> {
            match fs::read_dir(dir) {
                Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
                Err(_) => Ok(Vec::new()),
            }
        };
        let mut paths = listed(&self.output)?;
        paths.retain(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&self.name))
        });
        // Where `Output` itself is the working directory, other tests' files are in it.
        let beside = listed(&self.working)?.into_iter().filter(|path| !path.is_dir());
        paths.extend(beside.filter(|path| path.parent() != Some(&self.output)));
        paths.extend(listed(&self.temporary)?);
        while let Some(path) = paths.pop() {
            let metadata = match path.symlink_metadata() {
                Ok(metadata) => metadata,
                Err(reason) if reason.kind() == io::ErrorKind::NotFound => continue,
                Err(reason) => return Err(reason).with_context(|| format!("cannot read {}", path.display())),
            };
            let content = if metadata.is_symlink() {
                Content::Link(fs::read_link(&path)?)
            } else if metadata.is_dir() {
                paths.extend(listed(&path)?);
                Content::Folder
            } else if metadata.is_file() {
                // A file that may not be read is compared by its existence.
                fs::read(&path).map_or(Content::Other, Content::File)
            } else {
                Content::Other
            };
            let times =
                FileTimes::new().set_accessed(metadata.accessed()?).set_modified(metadata.modified()?);
            files.insert(path, Kept { content, mode: metadata.permissions().mode(), times });
        }
        Ok(files)
    }
}

/// Makes what is `now` what was `before`, with its times: lld removes old files of caches.
fn restore(before: &Files, now: &Files) -> Result<()> {
    for (path, kept) in now.iter().rev() {
        let old = before.get(path);
        if old.is_none_or(|old| old.content != kept.content) {
            match kept.content {
                Content::Folder => fs::remove_dir_all(path),
                _ => fs::remove_file(path),
            }
            .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    for (path, old) in before {
        let is_same = now.get(path).is_some_and(|kept| kept.content == old.content);
        match &old.content {
            Content::Folder if !is_same => fs::create_dir(path)?,
            Content::Link(to) if !is_same => symlink(to, path)?,
            Content::File(bytes) => {
                if !is_same {
                    fs::write(path, bytes).with_context(|| format!("cannot restore {}", path.display()))?;
                }
                fs::set_permissions(path, PermissionsExt::from_mode(old.mode | 0o200))?;
                fs::File::options().append(true).open(path)?.set_times(old.times)?;
                fs::set_permissions(path, PermissionsExt::from_mode(old.mode))?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(dir: &Path) -> Reach {
        Reach {
            output: dir.join("Output"),
            name: "a.ll".to_owned(),
            working: dir.to_owned(),
            temporary: dir.join("none"),
        }
    }

    /// Runs a script as a linker in `dir` and returns what is in its reach then.
    fn linked(dir: &Path, script: &str) -> Linked {
        let said =
            said(Path::new("sh"), &["-c".into(), format!("cd {}; {script}", dir.display()).into()], b"in");
        Linked { said: said.unwrap(), files: reach(dir).files().unwrap() }
    }

    #[test]
    fn a_link_is_taken_back_and_every_difference_seen() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::create_dir_all(dir.join("Output/a.ll.tmp")).unwrap();
        fs::write(dir.join("Output/a.ll.tmp/kept"), "old").unwrap();
        fs::write(dir.join("Output/a.ll.tmp/gone"), "old").unwrap();
        fs::write(dir.join("Output/b.ll.tmp"), "of another test").unwrap();
        let before = reach(dir).files().unwrap();
        let ours = linked(
            dir,
            "cat; echo ld.thinfarm: error >&2; cd Output/a.ll.tmp; echo new > kept; rm gone; mkdir -p d; echo x > d/f; \
             echo x > ../b.ll.tmp; exit 3",
        );
        restore(&before, &ours.files).unwrap();
        let again = reach(dir).files().unwrap();
        assert!(again.keys().eq(before.keys()));
        assert!(again.values().zip(before.values()).all(|(left, right)| left.content == right.content));
        let theirs =
            linked(dir, "cat; echo ld.lld: error >&2; cd Output/a.ll.tmp; echo neu > kept; rm gone; exit 3");
        let seen: Vec<String> = ours.differences(&theirs, &[]).into_keys().collect();
        let expected = ["Output/a.ll.tmp/d", "Output/a.ll.tmp/d/f", "Output/a.ll.tmp/kept"];
        assert_eq!(seen, expected.map(|file| dir.join(file).to_string_lossy().into_owned()));
        let other = linked(dir, "echo other; exit 1");
        let seen: Vec<String> = theirs.differences(&other, &[]).into_keys().collect();
        assert_eq!(seen, ["status", "stderr", "stdout"]);
    }
}
