//! Runs backends of one thin link twice, by clang and by thinfarm, and compares what they leave.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use thinfarm_corpora::{Invocation, ThinLink, Toolchain, compile, products_dir, thin_link};

use crate::case::{Case, Group, Link};
use crate::difference::first_difference;
use crate::profile;

/// What native objects are called instead of `.o`.
const SUFFIX: &str = ".thinlto-native.o";

/// Makes modules record the command lines of their front ends.
const RECORD: &str = "-frecord-command-line";

/// What every case of one run of the suite shares.
pub struct Suite {
    /// clang and lld.
    pub toolchain: Toolchain,
    /// The thinfarm under test.
    pub thinfarm: OsString,
    /// Whether groups have all their files.
    pub full: bool,
    /// What was compared so far.
    pub tally: Tally,
}

/// The numbers of the closing line.
#[derive(Default)]
pub struct Tally {
    /// Objects that are the same byte for byte.
    pub identical: AtomicUsize,
    /// Objects compared.
    pub objects: AtomicUsize,
    /// Cases that compared any.
    pub cases: AtomicUsize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [identical, objects, cases] =
            [&self.identical, &self.objects, &self.cases].map(|count| count.load(Ordering::Relaxed));
        write!(f, "parity: {identical} identical of {objects} objects in {cases} cases")
    }
}

/// One thin link and the flags of its backends.
pub struct Subject {
    link: ThinLink,
    flags: Vec<String>,
    /// The modules record the command lines of their front ends, and `flags` are what these say.
    is_recorded: bool,
}

/// One output of both sides.
struct Pair {
    clang: PathBuf,
    thinfarm: PathBuf,
}

impl Suite {
    /// Compiles and thin-links what `case` says about `group`.
    pub fn subject(&self, case: &Case, group: Group) -> Result<Subject> {
        let dir = products_dir().join("parity").join(folder_name(&case.name(group)));
        let sources = group.sources(self.full)?;
        let flags: Vec<&str> = case.front_flags().collect();
        let profile = match case.profile {
            Some(profile) => profile::make(profile, &self.toolchain, &sources, &flags, &dir)?,
            None => PathBuf::new(),
        };
        let filled = |flag: &str| flag.replace("{profile}", &profile.to_string_lossy());
        let front: Vec<String> = sources
            .flags
            .iter()
            .cloned()
            .chain(case.front_flags().map(filled))
            .chain([RECORD.to_owned()])
            .collect();
        let objects = compile(&self.toolchain, &sources.files, &front, &dir, 1)?;

        let mut lld = vec!["--thinlto-emit-imports-files", "-o", "unused"];
        match case.link {
            Link::Shared => lld.push("-shared"),
            Link::Relocatable => lld.push("-r"),
            Link::Program => {
                lld.push("--unresolved-symbols=ignore-all");
                lld.extend(group.roots().iter().flat_map(|root| ["-u", root]));
            }
        }
        lld.extend(case.lld.split_whitespace());
        let link = thin_link(&self.toolchain, &dir, &objects, &lld)?;
        let imports = link.modules.iter().any(|module| has_imports(&dir.join(module)));
        ensure!(
            imports || case.apart,
            "no module of {} imports from another: it proves little",
            dir.display()
        );
        // Freestanding flags say what the code is, and so go with it to the backends.
        let kept = sources.flags.into_iter().filter(|flag| flag.starts_with("-f"));
        let flags = kept.chain(case.backend_flags().map(filled)).collect();
        Ok(Subject { link, flags, is_recorded: case.backend.is_empty() && case.front.is_empty() })
    }

    /// Runs the backends of `subject` with clang, `jobs` at a time, and with thinfarm: with the flags and,
    /// where the modules record theirs, without any. A difference is an error that names the object, the
    /// section and where both objects are kept.
    pub fn compare(&self, subject: &Subject, jobs: usize) -> Result<()> {
        let pairs = subject.link.modules.iter().flat_map(|module| subject.pairs(module));
        let pairs: Vec<Pair> = pairs.collect();
        for pair in &pairs {
            remove_old(&pair.clang)?;
            remove_old(&pair.thinfarm)?;
        }
        in_parallel(jobs, &subject.link.modules, |module| self.clang_backend(subject, module))?;
        self.tally.cases.fetch_add(1, Ordering::Relaxed);
        self.thinfarm_backend(subject, &["-j", "2"])?;
        self.compare_pairs(&pairs, &subject.flags.join(" "))?;
        if subject.is_recorded {
            for pair in &pairs {
                remove_old(&pair.thinfarm)?;
            }
            let recorded = ["--options", "recorded", "--missing-options", "error"];
            let unflagged = Subject { flags: Vec::new(), link: subject.link.clone(), is_recorded: true };
            self.thinfarm_backend(&unflagged, &recorded)?;
            self.compare_pairs(&pairs, &format!("those recorded, {}", subject.flags.join(" ")))?;
        }
        Ok(())
    }

    fn compare_pairs(&self, pairs: &[Pair], flags: &str) -> Result<()> {
        let mut differences = Vec::new();
        for pair in pairs {
            if !pair.clang.exists() && !pair.thinfarm.exists() {
                continue;
            }
            self.tally.objects.fetch_add(1, Ordering::Relaxed);
            match pair.difference()? {
                None => {
                    self.tally.identical.fetch_add(1, Ordering::Relaxed);
                }
                Some(difference) => differences.push(format!(
                    "{difference}\n  clang's:    {}\n  thinfarm's: {}",
                    pair.clang.display(),
                    pair.thinfarm.display()
                )),
            }
        }
        ensure!(
            differences.is_empty(),
            "{} objects differ; flags: {flags}\n{}",
            differences.len(),
            differences.iter().take(5).cloned().collect::<Vec<_>>().join("\n")
        );
        Ok(())
    }

    /// clang's backend of one module. It is told the name that thinfarm's object will have, because debug
    /// information can hold it, and what it wrote is moved away.
    fn clang_backend(&self, subject: &Subject, module: &Path) -> Result<()> {
        let index = format!("-fthinlto-index={}.thinlto.bc", module.display());
        let clang = Invocation::new(&self.toolchain.clang, &subject.link.dir).args(&subject.flags);
        let native = native_object(module);
        clang.args(["-x", "ir", &index, "-c", "-o"]).arg(&native).arg(module).capture()?;
        let object = subject.link.dir.join(&native);
        ensure!(object.exists(), "clang exited with status 0 and left no {}", object.display());
        for pair in subject.pairs(module) {
            if !pair.thinfarm.exists() {
                continue;
            }
            let folder = pair.clang.parent().expect("a path below the link's directory");
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            fs::rename(&pair.thinfarm, &pair.clang)
                .with_context(|| format!("cannot move {}", pair.thinfarm.display()))?;
        }
        Ok(())
    }

    /// All backends of `subject` in one run of thinfarm. Returns what it said on standard error.
    fn thinfarm_backend(&self, subject: &Subject, options: &[&str]) -> Result<String> {
        let mut farm = self.farm(subject, options);
        let output = farm.output().with_context(|| format!("cannot run {:?}", farm.get_program()))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            bail!("{} in {}:\n  {farm:?}\n{said}", output.status, subject.link.dir.display());
        }
        Ok(said)
    }

    fn farm(&self, subject: &Subject, options: &[&str]) -> Command {
        let mut farm = Command::new(&self.thinfarm);
        farm.current_dir(&subject.link.dir).arg("backend").args(options);
        farm.arg("--list").arg(&subject.link.list).arg("--").args(&subject.flags);
        farm
    }

    /// Runs thinfarm twice with one worker and twice with two: all objects of all runs must be the same.
    pub fn is_deterministic(&self, subject: &Subject) -> Result<()> {
        let runs = [("1", "one"), ("1", "one again"), ("2", "two"), ("2", "two again")];
        for (jobs, out_dir) in runs {
            let dir = subject.link.dir.join(out_dir);
            if dir.exists() {
                fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
            }
            self.thinfarm_backend(subject, &["-j", jobs, "--out-dir", out_dir])?;
        }
        for module in &subject.link.modules {
            let object = |out_dir: &str| subject.link.dir.join(out_dir).join(native_object(module));
            for (_, out_dir) in &runs[1..] {
                let pair = Pair { clang: object(runs[0].1), thinfarm: object(out_dir) };
                if let Some(difference) = pair.difference()? {
                    bail!(
                        "two runs differ: {difference} (the first run in clang's place)\n  {}\n  {}",
                        pair.clang.display(),
                        pair.thinfarm.display()
                    );
                }
            }
        }
        Ok(())
    }

    /// thinfarm must refuse the flags of `subject` for `flag`, name it, say `reason`, and write nothing.
    pub fn refuses(&self, subject: &Subject, flag: &str, reason: &str) -> Result<()> {
        for module in &subject.link.modules {
            remove_old(&subject.link.dir.join(native_object(module)))?;
        }
        let output = self.farm(subject, &[]).output().context("cannot run thinfarm")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1), "{flag} ends in {}:\n{said}", output.status);
        ensure!(said.contains(flag), "the error does not name {flag}:\n{said}");
        ensure!(said.contains(reason), "the error does not speak of the {reason}:\n{said}");
        for module in &subject.link.modules {
            let object = subject.link.dir.join(native_object(module));
            ensure!(!object.exists(), "{flag} was refused, yet there is {}", object.display());
        }
        Ok(())
    }
}

impl Subject {
    /// A thin link that exists, with its backends' flags.
    pub fn new(link: ThinLink, flags: &[&str]) -> Subject {
        Subject { link, flags: flags.iter().map(|flag| flag.to_string()).collect(), is_recorded: false }
    }

    /// The files that a backend of `module` may write: the object, and the debug information split off it.
    fn pairs(&self, module: &Path) -> impl Iterator<Item = Pair> {
        let object = native_object(module);
        let split = object.with_extension("dwo");
        let dir = self.link.dir.clone();
        [object, split]
            .into_iter()
            .map(move |output| Pair { clang: dir.join("clang").join(&output), thinfarm: dir.join(output) })
    }
}

impl Pair {
    /// In what the two differ, if in anything.
    fn difference(&self) -> Result<Option<String>> {
        for (side, path) in [("clang", &self.clang), ("thinfarm", &self.thinfarm)] {
            if !path.exists() {
                return Ok(Some(format!("{side} did not write it")));
            }
        }
        let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let difference = first_difference(&read(&self.clang)?, &read(&self.thinfarm)?);
        Ok(difference.map(|difference| difference.to_string()))
    }
}

/// The name thinfarm gives the native object of `module`.
fn native_object(module: &Path) -> PathBuf {
    let name = module.to_string_lossy();
    PathBuf::from(format!("{}{SUFFIX}", name.strip_suffix(".o").unwrap_or(&name)))
}

/// Whether lld wrote down any module that `module` imports from.
fn has_imports(module: &Path) -> bool {
    fs::metadata(module.with_added_extension("imports")).is_ok_and(|file| file.len() > 0)
}

fn remove_old(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if path.exists() => bail!("cannot remove {}: {error}", path.display()),
        _ => Ok(()),
    }
}

/// `name` with everything that could trouble a file system or a shell replaced, short enough for both.
fn folder_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-=.+".contains(c) { c } else { '_' };
    name.chars().map(plain).take(200).collect()
}

/// Calls `work` on every item, `jobs` at a time, and returns the first error.
fn in_parallel<T: Sync>(jobs: usize, items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = work(item) {
                        next.store(items.len(), Ordering::Relaxed);
                        failure.lock().expect("no worker panics here").get_or_insert(error);
                    }
                }
            });
        }
    });
    failure.into_inner().expect("no worker panics here").map_or(Ok(()), Err)
}
