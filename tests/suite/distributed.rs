//! Links whose backends lld hands to `thinfarm dtlto`, and what clang makes of the same jobs.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Link, Said, alone, llvm_tool, run, thinfarm_path};

/// Where these links write: what they make, and all the temporaries of lld beside it.
pub const MADE: &str = "made";

/// A distributed link, of a shared library if nothing else is asked for.
pub struct Distributed<'a> {
    link: &'a Link,
    distributor: Vec<String>,
    lld: Vec<String>,
    kind: &'static str,
}

impl<'a> Distributed<'a> {
    /// A link of `inputs` in the directory of `link`.
    pub fn new(link: &'a Link, inputs: &[&str]) -> Self {
        let lld = inputs.iter().map(|&input| input.to_owned()).collect();
        Self { link, distributor: Vec::new(), lld, kind: "-shared" }
    }

    /// Makes a relocatable object instead.
    pub fn relocatable(self) -> Self {
        Self { kind: "-r", ..self }
    }

    /// Gives `thinfarm dtlto` these arguments.
    pub fn distributor(mut self, args: &[&str]) -> Self {
        self.distributor.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Gives lld these arguments.
    pub fn lld(mut self, args: &[&str]) -> Self {
        self.lld.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Gives the compiler these arguments, as a user of lld does.
    pub fn compiler(self, args: &[&str]) -> Self {
        args.iter().fold(self, |this, arg| this.lld(&[&format!("--thinlto-remote-compiler-arg={arg}")]))
    }

    /// lld, ready to run, with an empty folder to write to.
    pub fn command(&self) -> Command {
        let folder = self.link.path(MADE);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("a folder to remove");
        }
        fs::create_dir(&folder).expect("a folder");
        let mut lld = self.link.command(llvm_tool("ld.lld"));
        alone(&mut lld);
        lld.arg(format!("--thinlto-distributor={}", thinfarm_path().display()));
        lld.args(["--thinlto-distributor-arg=dtlto", "--thinlto-remote-compiler=clang-22"]);
        lld.args(self.distributor.iter().map(|arg| format!("--thinlto-distributor-arg={arg}")));
        lld.args([self.kind, "-o", "made/out.so"]).args(&self.lld);
        lld
    }

    /// Links, and leaves only what lld does not remove.
    pub fn run(&self) -> Said {
        run(&mut self.command())
    }

    /// Links and keeps the temporaries, which are looked at.
    #[track_caller]
    pub fn jobs(&self) -> Jobs<'a> {
        let said = run(self.command().arg("--save-temps")).succeeded();
        let name = self.made().into_iter().find(|name| name.ends_with(".dist-file.json"));
        let name = name.unwrap_or_else(|| panic!("lld described no jobs: {said}"));
        let text = self.link.read(&format!("{MADE}/{name}"));
        let description: Value = serde_json::from_slice(&text).expect("JSON");
        let common = strings(&description["common"]["args"]);
        let job = |job: &Value| Job {
            module: strings(&job["inputs"])[0].clone(),
            index: strings(&job["inputs"])[1].clone(),
            output: strings(&job["outputs"])[0].clone(),
            args: strings(&job["args"]),
        };
        let jobs = description["jobs"].as_array().expect("jobs").iter().map(job).collect();
        Jobs { link: self.link, said, common, jobs }
    }

    /// What is in the folder, by name.
    pub fn made(&self) -> Vec<String> {
        let entries = fs::read_dir(self.link.path(MADE)).expect("a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry).into_string().expect("a name in UTF-8")).collect();
        names.sort();
        names
    }
}

fn strings(value: &Value) -> Vec<String> {
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    value.as_array().expect("an array").iter().map(string).collect()
}

/// What lld asked for, and what came of it.
pub struct Jobs<'a> {
    link: &'a Link,
    /// What lld and thinfarm said.
    pub said: Said,
    /// The arguments of all jobs, the compiler first.
    pub common: Vec<String>,
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// One job.
pub struct Job {
    pub module: String,
    pub index: String,
    pub output: String,
    args: Vec<String>,
}

impl Jobs<'_> {
    /// The only job whose module's name has `part` in it.
    #[track_caller]
    pub fn of(&self, part: &str) -> &Job {
        let mut found = self.jobs.iter().filter(|job| job.module.contains(part));
        let names = || self.jobs.iter().map(|job| job.module.as_str()).collect::<Vec<_>>();
        let job = found.next().unwrap_or_else(|| panic!("no job of {part} in {:?}", names()));
        assert!(found.next().is_none(), "several jobs of {part} in {:?}", names());
        job
    }

    /// Panics unless every object is the one clang writes when it is called just as lld describes.
    #[track_caller]
    pub fn are_as_described(&self) {
        assert!(!self.jobs.is_empty());
        for job in &self.jobs {
            let mut args = self.common[1..].to_vec();
            let other = |arg: &String| if *arg == job.output { "clang.out".to_owned() } else { arg.clone() };
            args.extend(job.args.iter().map(other));
            self.compare(job, &args);
        }
    }

    /// Panics unless the object of the module that `part` names is the one clang makes with `flags`.
    #[track_caller]
    pub fn is_made_with(&self, part: &str, flags: &[&str]) {
        let job = self.of(part);
        let index = format!("-fthinlto-index={}", job.index);
        let own = ["-fno-lto", "-x", "ir", &index, "-c", "-o", "clang.out", &job.module];
        let args: Vec<String> = flags.iter().chain(&own).map(|&arg| arg.to_owned()).collect();
        self.compare(job, &args);
    }

    /// Panics unless the object of the module that `part` names is the one clang makes with what lld itself
    /// puts into the common arguments, and `flags` after it.
    #[track_caller]
    pub fn is_made_with_defaults(&self, part: &str, flags: &[&str]) {
        let defaults = [
            "--target=x86_64-pc-linux-gnu",
            "-O2",
            "-faddrsig",
            "-ffunction-sections",
            "-fdata-sections",
            "-fpic",
        ];
        self.is_made_with(part, &[&defaults, flags].concat());
    }

    #[track_caller]
    fn compare(&self, job: &Job, args: &[String]) {
        run(self.link.command(llvm_tool("clang")).args(args)).succeeded();
        let same = self.link.read(&job.output) == self.link.read("clang.out");
        assert!(same, "{} is not what clang makes of {} with {args:?}", job.output, job.module);
        self.link.remove("clang.out");
    }
}
