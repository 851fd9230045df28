//! Modules of one run with different `-mllvm` options: each set that the process itself cannot have is compiled
//! by a child worker, and nobody can tell from the objects, the errors or what is left behind.
//!
//! [`farm`] is the only place that knows how a module gets flags of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use thinfarm::farm::Farm;
use thinfarm::options::{FileOptions, Resolver};
use thinfarm::plan::{Job, Plan};
use thinfarm::toolchain::Tool;

use crate::fixture::{Link, Said, alone, llvm_tool, run, thinfarm_path};
use crate::interrupt::{PROMPT, link_with_a_long_job, wait_until};

/// Three sets that change every function, so that no object can be right by chance.
pub const PLAIN: &str = "-O2 -fPIC";
pub const ALIGNED: &str = "-O2 -fPIC -mllvm -align-all-functions=6";
pub const SPREAD: &str = "-O2 -fPIC -mllvm -align-all-functions=7 -mllvm -enable-misched=false";
const UNKNOWN: &str = "-O2 -fPIC -mllvm -no-such-option";

/// A module, what its object is called, and its flags.
pub type Compiled<'a> = (&'a str, &'a str, &'a str);

/// A plan of `jobs` in the working directory.
pub fn plan(jobs: &[Compiled]) -> Plan {
    let mut resolver = Resolver::new(Tool::clang_for_driver());
    let job = |&(module, object, flags): &Compiled| {
        let index = format!("{module}.thinlto.bc");
        let options = FileOptions::given(flags.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let command = resolver.resolve(&options, module, &index, object).expect("flags that clang knows");
        Job::new(module, index, object, command)
    };
    Plan::new(jobs.iter().map(job).collect()).expect("a plan")
}

/// A farm that compiles `jobs` in the directory of `link`; `options` are `threads=N`, `fail-fast`, `worker=PATH`,
/// `no-worker`, and `refused=FLAGS` for a run before, of the first module with flags that LLVM does not know. It leaves `profile.json`, and says what failed as `thinfarm backend` does.
fn farm(link: &Link, jobs: &[Compiled], options: &[&str]) -> Command {
    let jobs: String =
        jobs.iter().map(|(module, object, flags)| format!("{module};{object};{flags}\n")).collect();
    let mut command = link.command(std::env::current_exe().expect("this program"));
    command.args(["--exact", "llvm_sets::the_farm", "--ignored", "--nocapture", "--quiet"]);
    command.env("FARM_JOBS", jobs).env("FARM_OPTIONS", options.join("\n"));
    alone(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[test]
#[ignore = "the program that `farm` starts"]
fn the_farm() {
    let Ok(jobs) = std::env::var("FARM_JOBS") else { return };
    let of_line = |line| {
        let (module, rest) = str::split_once(line, ';').expect("a module");
        let (object, flags) = rest.split_once(';').expect("flags");
        (module, object, flags)
    };
    let plan = plan(&jobs.lines().map(of_line).collect::<Vec<_>>());

    let mut farm = Farm::default().worker_program(thinfarm_path());
    for option in std::env::var("FARM_OPTIONS").expect("options").lines() {
        farm = match option.split_once('=') {
            Some(("threads", number)) => farm.threads(number.parse().expect("a number")),
            Some(("worker", path)) => farm.worker_program(path),
            Some(("refused", flags)) => {
                let refused = self::plan(&[(plan.jobs[0].module.as_str(), "refused.o", flags)]);
                farm.run(&refused).expect_err("flags that LLVM does not know");
                farm
            }
            None if option == "fail-fast" => farm.fail_fast(true),
            None if option == "no-worker" => Farm::default().threads(NonZero::<usize>::MIN),
            _ => panic!("no option {option}"),
        };
    }
    let mut signals = Signals::new([2, 15]).expect("signals");
    let abandoned = farm.clone();
    std::thread::spawn(move || {
        let signal = signals.forever().next().expect("a signal");
        abandoned.abandon();
        let _ = emulate_default_handler(signal);
    });
    let code = match farm.run(&plan) {
        Ok(report) => {
            fs::write("profile.json", report.to_json()).expect("a profile to write");
            for (_, _, job) in report.ran() {
                match &job.result {
                    Ok(done) => eprint!("{}", done.diagnostics),
                    Err(error) => eprintln!("{}error: {error}", error.diagnostics()),
                }
            }
            eprintln!("{} objects, {} not started", report.objects(), report.not_started());
            i32::from(!report.is_success())
        }
        Err(error) => {
            eprintln!("error: {error}");
            1
        }
    };
    io::stderr().flush().expect("standard error");
    std::process::exit(code);
}

/// Panics unless `object` is what clang makes of `module` with `flags`.
#[track_caller]
pub fn same_as_clang(link: &Link, (module, object, flags): Compiled) {
    let expected = link.path("expected.o");
    let mut clang = link.command(llvm_tool("clang"));
    clang.args(flags.split(' ')).args(["-x", "ir", &format!("-fthinlto-index={module}.thinlto.bc")]);
    run(clang.args(["-c", module, "-o"]).arg(&expected)).succeeded();
    assert!(link.read("expected.o") == link.read(object), "{object} is not clang's with {flags}");
    fs::remove_file(expected).expect("an object to remove");
}

fn profile(link: &Link) -> Value {
    serde_json::from_slice(&link.read("profile.json")).expect("a profile in JSON")
}

/// Panics unless a run ended with 0.
#[track_caller]
fn succeeds(link: &Link, jobs: &[Compiled], options: &[&str]) -> Said {
    run(&mut farm(link, jobs, options)).succeeded()
}

/// Every module with every set, so that modules are shared by processes and each has several jobs.
const ALL: &[Compiled] = &[
    ("shape.o", "shape-plain.o", PLAIN),
    ("shape.o", "shape-aligned.o", ALIGNED),
    ("shape.o", "shape-spread.o", SPREAD),
    ("area.o", "area-plain.o", PLAIN),
    ("area.o", "area-aligned.o", ALIGNED),
    ("area.o", "area-spread.o", SPREAD),
    ("names.o", "names-plain.o", PLAIN),
    ("names.o", "names-aligned.o", ALIGNED),
    ("names.o", "names-spread.o", SPREAD),
];

#[test]
fn three_sets_make_the_objects_of_clang() {
    for threads in ["threads=1", "threads=2", "threads=5"] {
        let link = Link::new();
        let objects: Vec<&str> = ALL.iter().map(|(_, object, _)| *object).chain(["profile.json"]).collect();
        link.adds_only(&objects, || succeeds(&link, ALL, &[threads]));
        for job in ALL {
            same_as_clang(&link, *job);
        }
        assert!(link.read("area-plain.o") != link.read("area-aligned.o"), "the sets make no difference");
    }
}

/// LLVM takes options one by one, so those before an unknown one are in force when it is found.
#[test]
fn options_that_were_refused_are_not_in_the_next_run() {
    let link = Link::new();
    let job = ("shape.o", "shape-plain.o", PLAIN);
    succeeds(&link, &[job], &[&format!("refused={ALIGNED} -mllvm -no-such-option"), "no-worker"]);
    same_as_clang(&link, job);
    // The option can be given again, which LLVM takes only once.
    let job = ("shape.o", "shape-aligned.o", ALIGNED);
    succeeds(&link, &[job], &[&format!("refused={ALIGNED} -mllvm -no-such-option"), "no-worker"]);
    same_as_clang(&link, job);
}

#[test]
fn jobs_of_children_are_told_as_all_others() {
    let link = Link::compiled(&["-O2", "-Wframe-larger-than=1"]);
    link.write("deep.c", "void use(char *); void deep(void) { char room[4096]; use(room); }\n");
    let compile = "-O2 -fPIC -flto=thin -Wframe-larger-than=1 -c deep.c -o deep.o";
    run(link.command(llvm_tool("clang")).args(compile.split(' '))).succeeded();
    link.thin_link(&["shape.o", "area.o", "names.o", "deep.o"], &[]);
    let jobs = [
        ("area.o", "area-native.o", PLAIN),
        ("names.o", "names-native.o", PLAIN),
        ("shape.o", "shape-native.o", ALIGNED),
        ("deep.o", "deep-native.o", ALIGNED),
    ];
    let said = succeeds(&link, &jobs, &["threads=2"]);
    assert_eq!(said.stderr.matches("exceeds limit").count(), 1, "{said}");
    let profile = profile(&link);
    let job = |at: usize| &profile["jobs"][at];
    assert_eq!(job(3)["warnings"], 1, "{profile:#}");
    assert_eq!(job(2)["imported_functions"], 2, "{profile:#}");
    assert_eq!(job(2)["object_bytes"], link.read("shape-native.o").len());
    for at in 0..4 {
        for stage in ["load", "import", "optimise", "codegen", "write"] {
            assert!(job(at)["stages"][stage]["wall"].as_f64() > Some(0.0), "{stage}: {profile:#}");
        }
    }
}

/// The CPU seconds and the memory of a run are those of all its processes.
#[test]
fn the_cost_of_children_is_the_cost_of_the_run() {
    let link = link_with_a_long_job();
    let cost = |flags| {
        succeeds(
            &link,
            &[("names.o", "n.o", PLAIN), ("area.o", "a.o", PLAIN), ("long.o", "long-native.o", flags)],
            &[],
        );
        let profile = profile(&link);
        let stages = ["load", "optimise", "codegen"];
        let stages =
            stages.map(|stage| profile["jobs"][2]["stages"][stage]["cpu"].as_f64().expect("seconds"));
        (stages.iter().sum::<f64>(), profile)
    };
    let (alone, one_process) = cost(PLAIN);
    let (in_child, two_processes) = cost(ALIGNED);
    assert!(alone > 1.0 && in_child > 1.0, "too short a job to tell");
    let cpu = two_processes["cpu_seconds"].as_f64().expect("seconds");
    assert!(cpu >= in_child, "{cpu} CPU s of a run with a job of {in_child} s");
    let peak = |profile: &Value| profile["peak_memory_bytes"].as_u64().expect("bytes");
    assert!(peak(&two_processes) > peak(&one_process), "the child's memory is not counted");
}

#[test]
fn an_option_that_llvm_does_not_know_fails_the_jobs_that_have_it() {
    let link = Link::new();
    let jobs = [
        ("shape.o", "shape-native.o", PLAIN),
        ("area.o", "area-native.o", UNKNOWN),
        ("names.o", "names-native.o", PLAIN),
        ("names.o", "names-unknown.o", UNKNOWN),
        ("area.o", "area-aligned.o", ALIGNED),
    ];
    // An object of an earlier time must not be taken for one of this run.
    link.write("area-native.o", "old");
    let said = run(&mut farm(&link, &jobs, &["threads=2"]));
    assert_eq!(said.stderr.matches("Unknown command line argument '-no-such-option'").count(), 2, "{said}");
    let said = said.failed_on("area.o", &["-no-such-option"], &["shape.o"]);
    assert!(said.stderr.contains("3 objects, 0 not started"), "{said}");
    assert!(!link.path("area-native.o").exists() && !link.path("names-unknown.o").exists());
    for job in [jobs[0], jobs[2], jobs[4]] {
        same_as_clang(&link, job);
    }
}

/// The most common set is this process's own; without it there is no run.
#[test]
fn an_option_that_llvm_does_not_know_fails_the_run_if_most_jobs_have_it() {
    let link = Link::new();
    let jobs = [
        ("shape.o", "shape-native.o", PLAIN),
        ("area.o", "area-native.o", UNKNOWN),
        ("names.o", "names-native.o", UNKNOWN),
    ];
    let said = link.adds_only(&[], || run(&mut farm(&link, &jobs, &[])));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("Unknown command line argument '-no-such-option'"), "{said}");
}

#[test]
fn the_first_failure_of_a_child_can_be_the_last() {
    let link = Link::new();
    // Of small modules the largest comes first.
    let padding = vec![0; 8 << 10];
    link.write("shape.o", [link.read("shape.o"), padding].concat());
    let jobs = [
        ("shape.o", "shape-native.o", UNKNOWN),
        ("area.o", "area-native.o", PLAIN),
        ("names.o", "names-native.o", PLAIN),
    ];
    let said = run(&mut farm(&link, &jobs, &["threads=1", "fail-fast"]));
    let said = said.failed_on("shape.o", &["-no-such-option"], &[]);
    assert!(said.stderr.contains("0 objects, 2 not started"), "{said}");
}

#[test]
fn without_a_program_for_workers_sets_cannot_be_mixed() {
    let link = Link::new();
    let jobs = [("shape.o", "shape-native.o", PLAIN), ("area.o", "area-native.o", ALIGNED)];
    let said = link.adds_only(&[], || run(&mut farm(&link, &jobs, &["no-worker"])));
    said.failed_on("shape.o", &["different -mllvm options"], &["names.o"]).failed_on(
        "area.o",
        &["child workers"],
        &[],
    );
}

#[test]
fn a_program_that_is_no_worker_is_an_error_of_the_jobs() {
    let link = Link::new();
    let jobs = [
        ("shape.o", "shape-native.o", PLAIN),
        ("names.o", "names-native.o", PLAIN),
        ("area.o", "area-native.o", ALIGNED),
    ];
    let script = |name: &str, lines: &str| {
        link.write(name, format!("#!/bin/sh\n{lines}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(link.path(name), mode).expect("a script to run");
    };
    script("noise", "echo hello >&0; exec sleep 100");
    script("other", "read hello; echo '{\"Refused\":\"is another program\"}' >&0");
    for (program, reason) in [
        ("worker=/bin/true", "ended early (exit status: 0)"),
        ("worker=./no-such-program", "no-such-program"),
        ("worker=./noise", "is it a thinfarm of this build?"),
        ("worker=./other", "is another program"),
    ] {
        let said = run(&mut farm(&link, &jobs, &[program]));
        let said = said.failed_on("area.o", &[reason], &["shape.o", "names.o"]);
        assert!(said.stderr.contains("2 objects, 0 not started"), "{said}");
    }
}

/// The process ids of the children of `parent`.
fn children(parent: u32) -> BTreeSet<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn is_gone(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_err()
}

/// Whether a temporary of `object` is there: its job runs.
fn has_begun(link: &Link, object: &str) -> bool {
    let names = fs::read_dir(link.dir()).expect("a directory").flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with(&format!(".{object}.")))
}

const LONG: &[Compiled] = &[
    ("long.o", "long-native.o", ALIGNED),
    ("shape.o", "shape-native.o", ALIGNED),
    ("area.o", "area-native.o", PLAIN),
    ("names.o", "names-native.o", PLAIN),
    ("names.o", "names-too.o", PLAIN),
];

/// Starts [`LONG`] and waits until its long job runs in a child, whose id it returns, with the files `until` made.
fn start_long(link: &Link, options: &[&str], until: &[&str]) -> (Child, i32) {
    let mut command = farm(link, LONG, options);
    let mut farm = command.process_group(0).stderr(Stdio::piped()).spawn().expect("a farm to start");
    let started = Instant::now();
    while !has_begun(link, "long-native.o") || !until.iter().all(|object| link.path(object).exists()) {
        assert!(farm.try_wait().expect("a farm to wait for").is_none(), "the run ended before its long job");
        assert!(started.elapsed() < Duration::from_secs(60), "the long job never began");
        sleep(Duration::from_millis(5));
    }
    let children = children(farm.id());
    assert_eq!(children.len(), 1, "children");
    (farm, *children.first().expect("a child"))
}

#[test]
fn a_killed_child_fails_the_jobs_it_had_and_no_others() {
    let link = link_with_a_long_job();
    let output = link.adds_only(
        &["profile.json", "shape-native.o", "area-native.o", "names-native.o", "names-too.o"],
        || {
            let (farm, child) = start_long(&link, &["threads=1"], &[]);
            kill(Pid::from_raw(child), Signal::SIGKILL).expect("a child to kill");
            farm.wait_with_output().expect("a farm to wait for")
        },
    );
    let said =
        Said::of(output).failed_on("long.o", &["killed by SIGKILL"], &["shape.o", "area.o", "names.o"]);
    assert!(said.stderr.contains("4 objects, 0 not started"), "{said}");
    for job in &LONG[1..] {
        same_as_clang(&link, *job);
    }
}

/// Ends a farm in the middle of its child's long job; nothing may be left but the small objects.
fn ends_with_its_child(end: impl FnOnce(&Child), by: Signal) {
    let link = link_with_a_long_job();
    let small = ["shape-native.o", "area-native.o", "names-native.o", "names-too.o"];
    let (status, child) = link.adds_only(&small, || {
        let (farm, child) = start_long(&link, &["threads=2"], &small);
        end(&farm);
        let deadline = Instant::now() + PROMPT;
        let status = wait_until(farm, deadline);
        while by == Signal::SIGKILL && (!is_gone(child) || has_begun(&link, "long-native.o")) {
            assert!(Instant::now() < deadline, "the child goes on without its farm");
            sleep(Duration::from_millis(5));
        }
        (status, child)
    });
    let status = status.expect("a farm that ends promptly");
    assert_eq!(status.signal(), Some(by as i32), "{status}");
    assert!(is_gone(child), "the child goes on without its farm");
}

#[test]
fn terminating_the_farm_alone_ends_its_child() {
    ends_with_its_child(
        |farm| kill(Pid::from_raw(farm.id() as i32), Signal::SIGTERM).expect("a farm"),
        Signal::SIGTERM,
    );
}

#[test]
fn an_interrupt_from_the_terminal_ends_farm_and_child() {
    ends_with_its_child(
        |farm| killpg(Pid::from_raw(farm.id() as i32), Signal::SIGINT).expect("a group"),
        Signal::SIGINT,
    );
}

#[test]
fn a_killed_farm_leaves_no_child() {
    ends_with_its_child(
        |farm| kill(Pid::from_raw(farm.id() as i32), Signal::SIGKILL).expect("a farm"),
        Signal::SIGKILL,
    );
}

/// A child that alone is told to end does so, as a child that crashes.
#[test]
fn a_terminated_child_leaves_nothing_behind() {
    let link = link_with_a_long_job();
    let small = ["profile.json", "shape-native.o", "area-native.o", "names-native.o", "names-too.o"];
    let output = link.adds_only(&small, || {
        let (farm, child) = start_long(&link, &["threads=2"], &small[1..]);
        kill(Pid::from_raw(child), Signal::SIGTERM).expect("a child to end");
        farm.wait_with_output().expect("a farm to wait for")
    });
    Said::of(output).failed_on("long.o", &["killed by SIGTERM"], &["shape.o"]);
}

#[test]
fn a_child_splits_off_debug_information() {
    let link = Link::compiled(&["-O2", "-g"]);
    let split = "-O2 -fPIC -g -gsplit-dwarf -mllvm -align-all-functions=6";
    let jobs = [("shape.o", "s.o", PLAIN), ("area.o", "a.o", PLAIN), ("names.o", "names-native.o", split)];
    let outputs = ["s.o", "a.o", "names-native.o", "names-native.dwo", "profile.json"];
    link.adds_only(&outputs, || succeeds(&link, &jobs, &["threads=2"]));
    let ours = ["names-native.o", "names-native.dwo"].map(|output| link.read(output));
    let mut clang = link.command(llvm_tool("clang"));
    clang.args(split.split(' ')).args(["-x", "ir", "-fthinlto-index=names.o.thinlto.bc"]);
    run(clang.args(["-c", "names.o", "-o", "names-native.o"])).succeeded();
    let theirs = ["names-native.o", "names-native.dwo"].map(|output| link.read(output));
    assert!(ours == theirs, "not clang's outputs");
}
