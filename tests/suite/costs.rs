//! What jobs cost is remembered in the cache directory, and orders the next run; whatever happens to what is
//! remembered, no build fails by it.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{Link, Said, llvm_tool, run, thinfarm};
use crate::interrupt::compile_long;

/// Two modules without indexes: `data.o` is the larger one, and `long.o` the one that takes longer.
fn link_with_a_surprise() -> Link {
    let link = Link::sources();
    compile_long(&link, 40);
    link.write("data.c", format!("const char data[] = \"{}\";\n", "thinfarm".repeat(1 << 17)));
    let clang = ["-O2", "-fPIC", "-flto=thin", "-c", "data.c"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
    assert!(link.read("data.o").len() > link.read("long.o").len());
    link.write("data.o.thinlto.bc", "");
    link.write("list", "data.o\nlong.o\n");
    link
}

/// One job at a time, remembered in `cache`.
fn backend(link: &Link) -> Said {
    let mut command = thinfarm();
    command.current_dir(link.dir()).env("THINFARM_CACHE_DIR", "cache").stdin(Stdio::null());
    run(command.args(["backend", "-v", "-j1", "--profile", "profile.json", "--list", "list", "--", "-O2"]))
}

/// The jobs of the last run, as they came.
fn jobs(link: &Link) -> Vec<Value> {
    let profile: Value = serde_json::from_slice(&link.read("profile.json")).expect("a profile");
    let mut jobs = profile["jobs"].as_array().expect("jobs").clone();
    jobs.sort_by(|a, b| number(a, "queued_seconds").total_cmp(&number(b, "queued_seconds")));
    jobs
}

fn number(job: &Value, name: &str) -> f64 {
    job[name].as_f64().unwrap_or_else(|| panic!("no {name} in {job:#}"))
}

fn order(link: &Link) -> Vec<String> {
    jobs(link).iter().map(|job| job["module"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_second_run_knows_what_the_first_has_cost() {
    let link = link_with_a_surprise();
    backend(&link).succeeded();
    assert_eq!(order(&link), ["data.o", "long.o"], "the larger module first");
    let first = jobs(&link);
    let said = backend(&link).succeeded();
    assert_eq!(order(&link), ["long.o", "data.o"], "the longer job first");
    for now in jobs(&link) {
        let before = first.iter().find(|job| job["module"] == now["module"]).expect("the same jobs");
        let (predicted, was) = (number(&now, "predicted_seconds"), number(before, "cpu_seconds"));
        assert!((predicted / was - 1.0).abs() < 1e-5, "{predicted} is not {was}");
        let (claim, peak) = (number(&now, "claimed_memory_bytes"), number(before, "peak_memory_bytes"));
        assert!((1.2 * peak..1.3 * peak + 8e6).contains(&claim), "{claim} bytes claimed of {peak}");
    }
    assert!(said.stderr.contains("farthest from their predictions"), "{said}");
}

#[test]
fn other_options_are_another_job() {
    let link = link_with_a_surprise();
    backend(&link).succeeded();
    let mut other = thinfarm();
    other.current_dir(link.dir()).env("THINFARM_CACHE_DIR", "cache").stdin(Stdio::null());
    let args = ["backend", "-j1", "--profile", "profile.json", "--list", "list", "--", "-O1"];
    run(other.args(args)).succeeded();
    assert_eq!(order(&link), ["data.o", "long.o"]);
}

#[test]
fn damage_is_as_if_nothing_were_known() {
    let link = link_with_a_surprise();
    backend(&link).succeeded();
    let files: Vec<_> = fs::read_dir(link.path("cache/.thinfarm-costs")).expect("files").flatten().collect();
    assert!(!files.is_empty());
    for file in files {
        fs::write(file.path(), "noise").expect("a file to damage");
    }
    backend(&link).succeeded();
    assert_eq!(order(&link), ["data.o", "long.o"]);
    backend(&link).succeeded();
    assert_eq!(order(&link), ["long.o", "data.o"], "learnt again");
}

#[test]
fn nowhere_to_remember_is_no_error() {
    let link = link_with_a_surprise();
    fs::create_dir(link.path("cache")).expect("a directory");
    link.write("cache/.thinfarm-costs", "a file");
    let said = backend(&link).succeeded();
    assert!(said.stderr.contains("not remembered"), "{said}");
}

/// Each may lose what it learnt to another, and nothing else happens.
#[test]
fn many_processes_share_a_directory() {
    let link = link_with_a_surprise();
    let run = |number: usize| {
        let mut command = thinfarm();
        command.current_dir(link.dir()).env("THINFARM_CACHE_DIR", "cache").stdin(Stdio::null());
        command.args(["backend", "--out-dir", &number.to_string(), "--list", "list", "--", "-O0"]);
        command.stderr(Stdio::null()).spawn().expect("thinfarm to start")
    };
    let runs: Vec<_> = (0..6).map(run).collect();
    for mut run in runs {
        assert!(run.wait().expect("an end").success());
    }
    for file in fs::read_dir(link.path("cache/.thinfarm-costs")).expect("files").flatten() {
        let name = file.file_name().into_string().expect("a name");
        assert_eq!(name.len(), 1, "{name} was left behind");
    }
}
