//! Several `thinfarm backend` at once without a jobserver: together they run no more jobs than there are cores
//! and claim no more memory than the budget, whoever is killed in between and whatever the directory is like in
//! which they meet.

use std::fs::{self, File, Permissions, TryLockError};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;

use crate::fixture::{Link, NATIVE, Said, llvm_tool, run, thinfarm};
use crate::interrupt::{PROMPT, wait_until};
use crate::jobserver::link_of_equals;

/// Far more than any of these runs takes.
const LONG: Duration = Duration::from_secs(120);

pub fn cores() -> usize {
    available_parallelism().expect("a number of cores").get()
}

/// Where the runs of one test meet.
pub fn share(link: &Link) -> PathBuf {
    link.path("share")
}

/// `thinfarm backend` number `number` over the modules in `list`, in the link's share of the machine, with
/// objects and a profile of its own.
fn backend(link: &Link, number: usize, list: &str) -> Command {
    let mut command = thinfarm();
    command.current_dir(link.dir()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.arg("backend").arg("--machine-share").arg(share(link)).args(["-j64", "--list", list]);
    command.args(["--out-dir", &out(number), "--profile", &profile(number)]);
    command
}

fn out(number: usize) -> String {
    format!("out{number}")
}

pub fn profile(number: usize) -> String {
    format!("profile{number}.json")
}

/// Starts `command`, whose options are complete.
fn start(command: &mut Command) -> Child {
    command.args(["--", "-O2"]).spawn().expect("thinfarm to start")
}

#[track_caller]
pub fn succeeds(child: Child) -> Said {
    Said::of(child.wait_with_output().expect("a child to wait for")).succeeded()
}

/// One job as a profile tells of it.
#[derive(Debug)]
pub struct Ran {
    module: String,
    /// When it asked for a permit to start, seconds since 1970.
    asked: f64,
    start: f64,
    end: f64,
    /// Bytes.
    pub claim: u64,
}

/// The jobs of the first `runs` runs, which have ended.
pub fn jobs(link: &Link, runs: usize) -> Vec<Ran> {
    (0..runs).flat_map(|number| jobs_of(link, number)).collect()
}

/// The jobs of run number `number`, which has ended.
fn jobs_of(link: &Link, number: usize) -> Vec<Ran> {
    let profile: Value = serde_json::from_slice(&link.read(&profile(number))).expect("a profile");
    let seconds = |value: &Value| value.as_f64().expect("seconds");
    let began = seconds(&profile["started_unix_seconds"]);
    let ran = |job: &Value| {
        let start = began + seconds(&job["queued_seconds"]);
        Ran {
            module: job["module"].as_str().expect("a name").to_owned(),
            asked: start - seconds(&job["waited_seconds"]),
            start,
            end: start + seconds(&job["wall_seconds"]),
            claim: job["claimed_memory_bytes"].as_u64().expect("a claim"),
        }
    };
    profile["jobs"].as_array().expect("jobs").iter().map(ran).collect()
}

/// How far the clocks of two processes may be apart, seconds: they look at two clocks one after the other. What
/// runs beside another job for less is not beside it.
const CLOCKS: f64 = 1e-3;

/// The jobs that ran at the moment when `job` started.
fn beside<'a>(jobs: &'a [Ran], job: &'a Ran) -> impl Iterator<Item = &'a Ran> {
    let at = job.start + CLOCKS;
    jobs.iter().filter(move |other| other.start <= at && at < other.end - CLOCKS)
}

/// The most jobs that ran at once, and the most memory that was claimed at once.
pub fn most_at_once(jobs: &[Ran]) -> (usize, u64) {
    let number = jobs.iter().map(|job| beside(jobs, job).count()).max().expect("a job");
    let memory = jobs.iter().map(|job| beside(jobs, job).map(|other| other.claim).sum()).max();
    (number, memory.expect("a job"))
}

/// Eight runs at once, each with `options`; their jobs, once all have succeeded and all objects are right.
fn eight_at_once(link: &Link, modules: usize, options: &[&str]) -> Vec<Ran> {
    let runs: Vec<Child> = (0..8).map(|number| start(backend(link, number, "list").args(options))).collect();
    runs.into_iter().for_each(|run| drop(succeeds(run)));
    let expected = link.expected("equal0.o", "equal0.o.thinlto.bc");
    for object in (0..8).flat_map(|run| (0..modules).map(move |at| format!("{}/equal{at}{NATIVE}", out(run))))
    {
        assert!(link.read(&object) == expected, "{object} is not the object clang makes");
    }
    let jobs = jobs(link, 8);
    assert_eq!(jobs.len(), 8 * modules, "jobs");
    jobs
}

#[test]
fn eight_runs_share_the_cores() {
    const MODULES: usize = 24;
    let link = link_of_equals(MODULES, 20);
    let (most, _) = most_at_once(&eight_at_once(&link, MODULES, &[]));
    assert!(most <= cores(), "{most} jobs at once on {} cores", cores());
    assert!(most >= cores().min(2), "{most} jobs at once: the cores are not used");
}

#[test]
fn eight_runs_share_a_memory_budget() {
    const MODULES: usize = 4;
    let link = link_of_equals(MODULES, 20);
    succeeds(start(&mut backend(&link, 0, "list")));
    let claim = jobs(&link, 1)[0].claim;
    assert!(claim > 1 << 20, "a claim of {claim} bytes");
    // Room for one job less than cores, and not quite for one more.
    let room = (cores() - 1).max(1) as u64;
    let budget = claim * (room + 1) - 1;
    let jobs = eight_at_once(&link, MODULES, &["--memory-limit", &budget.to_string()]);
    let (most, memory) = most_at_once(&jobs);
    assert!(memory <= budget, "{memory} bytes claimed of {budget}");
    assert_eq!(most as u64, room, "jobs at once");
}

/// A budget that is too small for any job stops nothing.
#[test]
fn jobs_beyond_the_budget_run_one_at_a_time() {
    let link = link_of_equals(4, 20);
    let budget = "1M";
    let runs: Vec<Child> =
        (0..2).map(|number| start(backend(&link, number, "list").args(["--memory-limit", budget]))).collect();
    runs.into_iter().for_each(|run| drop(succeeds(run)));
    assert_eq!(most_at_once(&jobs(&link, 2)).0, 1);
}

#[test]
fn a_job_larger_than_the_budget_runs_alone() {
    let link = link_of_equals(8, 20);
    let numbers: Vec<String> = (0..3 << 20).map(|at: u32| (at % 251).to_string()).collect();
    link.write("large.c", format!("const char large[] = {{{}}};\n", numbers.join(",")));
    let clang = ["-O2", "-fPIC", "-flto=thin", "-c", "large.c"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
    link.write("large.o.thinlto.bc", "");
    link.write("large.list", "large.o\nequal0.o\n");
    let options = ["--memory-limit", "120M"];
    let mut small = start(backend(&link, 0, "list").args(options));
    wait_for(&mut small, || in_use(&share(&link)) > 0);
    let others = [(1, "large.list"), (2, "list")]
        .map(|(number, list)| start(backend(&link, number, list).args(options)));
    for run in others.into_iter().chain([small]) {
        succeeds(run);
    }
    let jobs = jobs(&link, 3);
    let large = jobs.iter().find(|job| job.module == "large.o").expect("the large job");
    assert!(large.claim > 120 << 20, "{} bytes are not large", large.claim);
    for other in jobs.iter().filter(|job| job.module != "large.o") {
        let apart = other.end - CLOCKS < large.start || large.end - CLOCKS < other.start;
        assert!(apart, "{other:?} ran beside {large:?}");
    }
}

/// How many cores of the share have a job.
fn in_use(share: &Path) -> usize {
    let has_job = |entry: &fs::DirEntry| {
        let is_core = entry.file_name().to_string_lossy().starts_with("core-");
        let file = File::options().read(true).write(true).open(entry.path()).expect("a file to lock");
        is_core && matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    };
    fs::read_dir(share).map_or(0, |entries| entries.flatten().filter(has_job).count())
}

/// Waits until `happened`, as long as `run` goes on.
#[track_caller]
fn wait_for(run: &mut Child, happened: impl Fn() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(run.try_wait().expect("a child to wait for").is_none(), "the run ended too early");
        assert!(started.elapsed() < LONG, "it never happened");
        sleep(Duration::from_millis(5));
    }
}

/// Whether somebody has the lock `name` of the share.
fn is_locked(share: &Path, name: &str) -> bool {
    File::open(share.join(name))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// A link for a run that holds every core of the machine for a good while, and one that has little to do.
fn link_with_a_long_run() -> Link {
    let link = link_of_equals(cores(), 800);
    link.write("short.c", "int short_one(void) { return 1; }\n");
    let clang = ["-O2", "-fPIC", "-flto=thin", "-c", "short.c"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
    link.write("short.o.thinlto.bc", "");
    link.write("short.list", "short.o\n");
    link
}

#[test]
fn what_a_killed_run_held_is_free_at_once() {
    let link = link_with_a_long_run();
    // So little memory that the next run has none either as long as the first counts.
    let options = ["--memory-limit", "1M"];
    let mut holder = start(&mut backend(&link, 0, "list"));
    wait_for(&mut holder, || in_use(&share(&link)) == cores());
    let mut in_line = start(&mut backend(&link, 1, "short.list"));
    wait_for(&mut in_line, || is_locked(&share(&link), "turn"));
    let mut behind = start(backend(&link, 2, "short.list").args(options));
    wait_for(&mut behind, || is_locked(&share(&link), "next"));
    // First the one whose turn it is, then the one that holds what the last one waits for.
    in_line.kill().expect("a run to kill");
    in_line.wait().expect("a run that was killed");
    assert!(behind.try_wait().expect("a child to wait for").is_none(), "it did not wait for a core");
    holder.kill().expect("a run to kill");
    holder.wait().expect("a run that was killed");
    succeeds(behind);
    assert_eq!(in_use(&share(&link)), 0, "cores in use");
}

#[test]
fn a_late_small_run_is_not_starved_by_an_early_large_one() {
    let link = link_of_equals(15 * cores(), 60);
    link.write("small.list", "equal0.o\nequal1.o\n");
    let mut large = start(&mut backend(&link, 0, "list"));
    wait_for(&mut large, || in_use(&share(&link)) == cores());
    succeeds(start(&mut backend(&link, 1, "small.list")));
    assert!(
        large.try_wait().expect("a child to wait for").is_none(),
        "the small run had to wait for the large"
    );
    succeeds(large);
    let of_large = jobs_of(&link, 0);
    let mut of_small = jobs_of(&link, 1);
    of_small.sort_by(|a, b| a.start.total_cmp(&b.start));
    for (before, job) in of_small.iter().enumerate() {
        // The two of the small run ask one after the other.
        let overtaken = of_large.iter().filter(|other| job.asked < other.start && other.start < job.start);
        let fair = 2 * (before + 1) + 2;
        assert!(overtaken.count() <= fair, "more than {fair} jobs of the large run went before {job:?}");
    }
}

/// Both the run that has all cores and the one that waits for one.
#[test]
fn runs_stop_at_once() {
    let link = link_with_a_long_run();
    let mut holder = start(&mut backend(&link, 0, "list"));
    wait_for(&mut holder, || in_use(&share(&link)) == cores());
    let mut waiting = start(&mut backend(&link, 1, "short.list"));
    wait_for(&mut waiting, || is_locked(&share(&link), "turn"));
    for run in [waiting, holder] {
        kill(Pid::from_raw(run.id() as i32), Signal::SIGTERM).expect("a run to stop");
        let status = wait_until(run, Instant::now() + PROMPT).expect("an end");
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32), "{status}");
    }
    assert_eq!(in_use(&share(&link)), 0, "cores in use");
    assert!(!link.path(&out(1)).join(format!("short{NATIVE}")).exists());
}

/// A job that fails stops the run, also its workers that wait for permits.
#[test]
fn a_run_that_fails_fast_ends() {
    let link = link_of_equals(6, 3);
    link.write("equal3.o", "noise");
    let failing = start(backend(&link, 0, "list").arg("--fail-fast"));
    let status = wait_until(failing, Instant::now() + LONG).expect("an end");
    assert_eq!(status.code(), Some(1));
    assert_eq!(in_use(&share(&link)), 0, "cores in use");
}

/// `thinfarm backend -v` over the three small modules, the share of the machine left to the variables.
fn by_default(link: &Link, variables: &[(&str, &Path)]) -> Said {
    let mut command = thinfarm();
    command.current_dir(link.dir()).env_remove("THINFARM_MACHINE_SHARE").env_remove("XDG_RUNTIME_DIR");
    command.envs(variables.iter().copied()).args(["backend", "-v", "--list", "list", "--", "-O2"]);
    let said = run(&mut command).succeeded();
    for stem in ["shape", "area", "names"] {
        link.same_as_clang(&format!("{stem}.o"), &format!("{stem}{NATIVE}"));
    }
    said
}

#[track_caller]
fn is_not_shared(said: &Said, reason: &str) {
    let told: Vec<&str> = said.stderr.lines().filter(|line| line.contains("not shared")).collect();
    assert!(told.len() == 1 && told[0].contains(reason), "not told once of `{reason}`:\n{said}");
}

#[test]
fn the_runtime_directory_is_where_runs_meet() {
    let link = Link::new();
    let runtime = link.path("runtime");
    fs::create_dir(&runtime).expect("a directory");
    let said = by_default(&link, &[("XDG_RUNTIME_DIR", &runtime)]);
    assert!(!said.stderr.contains("not shared"), "{said}");
    let directory = runtime.join("thinfarm");
    assert_eq!(fs::metadata(&directory).expect("a directory").mode() & 0o777, 0o700);
    assert!(directory.join("core-0").exists() && !directory.join(format!("core-{}", cores())).exists());
}

#[test]
fn without_a_runtime_directory_runs_meet_among_temporary_files() {
    let link = Link::new();
    let temporary = link.path("tmp");
    fs::create_dir(&temporary).expect("a directory");
    let said = by_default(&link, &[("TMPDIR", &temporary), ("XDG_RUNTIME_DIR", Path::new("relative"))]);
    assert!(!said.stderr.contains("not shared"), "{said}");
    assert!(temporary.join(format!("thinfarm-{}", geteuid())).join("core-0").exists());
}

/// Anybody could have put it there, and could keep the user's runs waiting.
#[test]
fn a_directory_that_others_may_enter_is_not_used() {
    let link = Link::new();
    let directory = link.path("tmp").join(format!("thinfarm-{}", geteuid()));
    fs::create_dir_all(&directory).expect("a directory");
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).expect("a mode");
    let said = by_default(&link, &[("TMPDIR", &link.path("tmp"))]);
    is_not_shared(&said, "other users may enter");
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 0, "files in it");
}

#[test]
fn a_directory_that_cannot_be_had_is_no_reason_to_stop() {
    let link = Link::new();
    link.write("file", "not a directory");
    let below_a_file = link.path("file").join("share");
    let said = by_default(&link, &[("THINFARM_MACHINE_SHARE", &below_a_file)]);
    is_not_shared(&said, "file/share");
    let quiet = thinfarm()
        .current_dir(link.dir())
        .env("THINFARM_MACHINE_SHARE", &below_a_file)
        .args(["backend", "--list", "list", "--", "-O2"])
        .output();
    let quiet = Said::of(quiet.expect("thinfarm to start")).succeeded();
    assert!(!quiet.stderr.contains("shared"), "{quiet}");
}

#[test]
fn a_share_that_becomes_unusable_is_no_reason_to_stop() {
    let link = Link::new();
    let share = link.path("share");
    fs::create_dir_all(share.join("turn")).expect("a directory where a file should be");
    let said = by_default(&link, &[("THINFARM_MACHINE_SHARE", &share)]);
    is_not_shared(&said, "share");
}

#[test]
fn switched_off_nothing_is_shared() {
    let link = Link::new();
    let temporary = link.path("tmp");
    fs::create_dir(&temporary).expect("a directory");
    by_default(&link, &[("TMPDIR", &temporary), ("THINFARM_MACHINE_SHARE", Path::new("off"))]);
    assert_eq!(fs::read_dir(&temporary).expect("a directory").count(), 0, "files for nobody");
}

/// make's jobserver bounds all that make runs; waiting for other runs as well would hold its tokens idle.
#[test]
fn under_a_jobserver_make_alone_is_asked() {
    let link = Link::new();
    let mut command = link.command("make");
    crate::fixture::alone(&mut command);
    let recipe = format!("'{}' backend --list list -- -O2", crate::fixture::thinfarm_path().display());
    link.write("Makefile", format!("all:\n\t+{recipe}\n"));
    run(command.arg("-j2").env("THINFARM_MACHINE_SHARE", link.path("share"))).succeeded();
    assert!(!link.path("share").exists());
}

#[test]
fn doctor_tells_what_is_in_use() {
    let link = link_with_a_long_run();
    let mut holder = start(&mut backend(&link, 0, "list"));
    wait_for(&mut holder, || in_use(&share(&link)) == cores());
    let mut doctor = thinfarm();
    doctor.args(["doctor", "--json", "--memory-limit", "3G", "--machine-share"]).arg(share(&link));
    let findings: Value = serde_json::from_str(&run(&mut doctor).stdout).expect("findings in JSON");
    holder.kill().expect("a run to kill");
    holder.wait().expect("a run that was killed");
    let found = &findings["machine_share"];
    assert_eq!(found["directory"], share(&link).display().to_string());
    assert_eq!(found["cores_in_use"], cores());
    assert_eq!(found["cores"], cores());
    assert_eq!(found["memory_budget_bytes"], 3_u64 << 30);
    assert!(found["memory_claimed_bytes"].as_u64() > Some((32 << 20) * cores() as u64), "{found:#}");
}
