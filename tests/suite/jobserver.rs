//! `thinfarm backend` under `make -j`: as many jobs at once as make permits, in both styles of its
//! jobserver, and every token given back whatever ends the run.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jobserver::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::fixture::{Link, NATIVE, Said, alone, run, thinfarm, thinfarm_path};
use crate::interrupt::{PROMPT, compile_long, wait_until};

const ARGS: [&str; 6] = ["backend", "--profile", "profile.json", "--list", "list", "--"];

/// `count` equal modules. With some hundred functions each job runs for so long that all that may start do before
/// it ends.
pub fn link_of_equals(count: usize, functions: usize) -> Link {
    let link = Link::sources();
    compile_long(&link, functions);
    let names: Vec<String> = (0..count).map(|number| format!("equal{number}.o")).collect();
    for name in &names {
        link.write(name, link.read("long.o"));
        link.write(&format!("{name}.thinlto.bc"), "");
    }
    link.write("list", names.join("\n"));
    link
}

/// `thinfarm backend OPTIONS` over that link, ready to run.
fn backend(link: &Link, options: &[&str]) -> Command {
    let mut command = thinfarm();
    command.current_dir(link.dir()).stdin(Stdio::null()).arg(ARGS[0]).args(options).args(&ARGS[1..]);
    command
}

/// The most jobs of the last run that ran at the same time.
fn most_at_once(link: &Link) -> usize {
    let profile: Value = serde_json::from_slice(&link.read("profile.json")).expect("a profile");
    let seconds = |value: &Value| value.as_f64().expect("seconds");
    let jobs: Vec<(f64, f64)> = profile["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| {
            let start = seconds(&job["queued_seconds"]);
            (start, start + seconds(&job["wall_seconds"]))
        })
        .collect();
    assert_eq!(jobs.len(), 5, "jobs");
    let running = |at: f64| jobs.iter().filter(|(start, end)| *start <= at && at < *end).count();
    jobs.iter().map(|(start, _)| running(*start)).max().expect("a job")
}

/// Runs make with one rule that runs `thinfarm backend -j5`, its line beginning with `prefix`.
fn make(link: &Link, jobs: &str, prefix: &str) -> Said {
    let recipe = format!("\t{prefix}'{}' backend -j5 {}\n", thinfarm_path().display(), ARGS[1..].join(" "));
    link.write("Makefile", format!("all:\n{recipe}"));
    let mut make = link.command("make");
    alone(&mut make);
    run(make.arg(jobs))
}

#[test]
fn make_says_how_many_jobs_run_at_once() {
    let link = link_of_equals(5, 300);
    for (jobs, expected) in [("-j2", 2), ("-j3", 3), ("-j9", 5)] {
        let said = make(&link, jobs, "+").succeeded();
        assert_eq!(most_at_once(&link), expected, "at once under make {jobs}");
        for word in ["warning", "INTERNAL", "token"] {
            assert!(!said.stderr.contains(word), "{said}");
        }
    }
}

/// Neither a make that runs one job at a time nor no make at all bounds what the user asks for.
#[test]
fn without_a_jobserver_threads_are_the_only_bound() {
    let link = link_of_equals(5, 300);
    assert!(!make(&link, "-j1", "+").succeeded().stderr.contains("warning"));
    assert_eq!(most_at_once(&link), 5);
    run(&mut backend(&link, &["-j5"])).succeeded();
    assert_eq!(most_at_once(&link), 5);
}

/// What make closes to recipes without `+` it says it has all the same.
#[test]
fn a_jobserver_that_is_not_there_means_one_job_and_a_warning() {
    let link = link_of_equals(5, 3);
    let mut orphan = backend(&link, &[]);
    for auth in ["--jobserver-auth=77,78", "--jobserver-auth=-2,-2", "--jobserver-auth=fifo:./gone"] {
        let said = run(orphan.env("MAKEFLAGS", format!(" -j4 {auth}"))).succeeded();
        assert_eq!(said.stderr.matches("warning: jobserver unavailable: using -j1").count(), 1, "{said}");
        assert_eq!(most_at_once(&link), 1);
    }
    let link = link_of_equals(5, 300);
    let said = make(&link, "-j2", "").succeeded();
    assert_eq!(said.stderr.matches("warning: jobserver unavailable: using -j5").count(), 1, "{said}");
    assert_eq!(most_at_once(&link), 5, "what the user asks for is not make's to take away");
}

/// A jobserver of `tokens` tokens, as a make with `-j tokens+1` has it, and `command` told of it.
fn pipe(tokens: usize, command: &mut Command) -> Client {
    let client = Client::new(tokens).expect("a pipe");
    client.configure_make(command);
    command.env_remove("CARGO_MAKEFLAGS");
    client
}

#[test]
fn tokens_bound_the_jobs_and_are_given_back() {
    let link = link_of_equals(5, 300);
    for (threads, tokens, expected) in [("-j5", 2, 3), ("-j2", 9, 2), ("-j5", 0, 1)] {
        let mut command = backend(&link, &[threads]);
        let jobserver = pipe(tokens, &mut command);
        run(&mut command).succeeded();
        assert_eq!(most_at_once(&link), expected, "{threads} with {tokens} tokens");
        assert_eq!(jobserver.available().expect("a pipe"), tokens, "tokens after {threads}");
    }
}

/// A thread that finds no job left to run must not wait for a token to run one.
#[test]
fn a_run_ends_though_no_token_comes() {
    let link = link_of_equals(5, 3);
    let mut command = backend(&link, &["-j5"]);
    let _jobserver = pipe(0, &mut command);
    let status = wait_until(
        command.stderr(Stdio::null()).spawn().expect("a run"),
        Instant::now() + Duration::from_secs(60),
    );
    assert!(status.expect("an end").success());
}

#[test]
fn failed_jobs_give_their_tokens_back() {
    let link = link_of_equals(5, 3);
    for number in [1, 3] {
        link.write(&format!("equal{number}.o"), "noise");
    }
    for option in ["-v", "--fail-fast"] {
        let mut command = backend(&link, &["-j5", option]);
        let jobserver = pipe(3, &mut command);
        assert_eq!(run(&mut command).code, Some(1));
        assert_eq!(jobserver.available().expect("a pipe"), 3, "tokens");
    }
}

/// A fifo as make 4.4 has it. Tokens may differ, and each must come back as it was.
struct Fifo(File);

impl Fifo {
    fn new(link: &Link, tokens: &str, command: &mut Command) -> Fifo {
        Fifo::with_flags("-j", link, tokens, command)
    }

    /// As [`Fifo::new`], with the other flags that stand before its name.
    fn with_flags(flags: &str, link: &Link, tokens: &str, command: &mut Command) -> Fifo {
        let path = link.path("fifo");
        let _ = fs::remove_file(&path);
        run(Command::new("mkfifo").arg(&path)).succeeded();
        let mut fifo = File::options().read(true).write(true).open(&path).expect("a fifo");
        fifo.write_all(tokens.as_bytes()).expect("room for tokens");
        command.env("MAKEFLAGS", format!("{flags} --jobserver-auth=fifo:{}", path.display()));
        Fifo(fifo)
    }

    /// The tokens in it now, sorted.
    fn tokens(mut self) -> String {
        // Reading ends with what is written last.
        self.0.write_all(b"!").expect("room for a mark");
        let mut tokens = Vec::new();
        BufReader::new(self.0).read_until(b'!', &mut tokens).expect("tokens");
        tokens.pop();
        tokens.sort_unstable();
        String::from_utf8(tokens).expect("the tokens of this test")
    }
}

#[test]
fn a_fifo_is_a_jobserver_too() {
    let link = link_of_equals(5, 300);
    let mut command = backend(&link, &["-j5"]);
    let fifo = Fifo::new(&link, "ab", &mut command);
    run(&mut command).succeeded();
    assert_eq!(most_at_once(&link), 3);
    assert_eq!(fifo.tokens(), "ab");
}

/// A pool of tokens that several ninjas take theirs from is told of in `MAKEFLAGS` too, without letters. Ninja
/// runs its first command without a token, as every process may.
#[test]
fn ninja_passes_a_pool_of_tokens_on() {
    let link = link_of_equals(5, 300);
    let command = format!("'{}' backend -j5 {}", thinfarm_path().display(), ARGS[1..].join(" "));
    link.write("build.ninja", format!("rule backends\n command = {command}\nbuild all: backends\n"));
    let mut ninja = link.command("ninja");
    alone(&mut ninja);
    let fifo = Fifo::with_flags(" -j3", &link, "+++", &mut ninja);
    run(&mut ninja).succeeded();
    assert_eq!(most_at_once(&link), 4);
    assert_eq!(fifo.tokens(), "+++");
}

/// How many files of `link` have names that end so.
fn outputs(link: &Link, end: &str) -> usize {
    let names = fs::read_dir(link.dir()).expect("a directory").flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().ends_with(end)).count()
}

/// A run that is stopped gives back what its jobs hold, and what arrives for those that wait.
#[test]
fn a_stopped_run_gives_its_tokens_back() {
    let link = link_of_equals(5, 800);
    for (signal, tokens) in [(Signal::SIGINT, "ab"), (Signal::SIGTERM, "abc"), (Signal::SIGHUP, "abcdef")] {
        let mut command = backend(&link, &["-j5"]);
        let fifo = Fifo::new(&link, tokens, &mut command);
        let mut farm = command.stderr(Stdio::null()).spawn().expect("a run");
        let started = Instant::now();
        while outputs(&link, ".tmp") < 5.min(tokens.len() + 1) {
            assert!(farm.try_wait().expect("a run").is_none(), "the run ended before it could be stopped");
            assert!(started.elapsed() < Duration::from_secs(60), "the jobs never began");
            sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(farm.id() as i32), signal).expect("a run to stop");
        let status = wait_until(farm, Instant::now() + PROMPT).expect("an end");
        assert_eq!(status.signal(), Some(signal as i32), "{status}");
        assert_eq!(fifo.tokens(), tokens);
        assert_eq!((outputs(&link, ".tmp"), outputs(&link, NATIVE)), (0, 0), "files left behind");
    }
}
