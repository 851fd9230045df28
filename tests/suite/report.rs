//! What a run says of itself: the summary line, the slowest objects, the profile, and the comparison with
//! clang that anyone can ask for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use serde_json::Value;

use crate::fixture::{Link, NATIVE, Said, llvm_tool};
use crate::two_linkers::{OBJECTS, TwoLinkers};

#[test]
fn summary_counts_objects_seconds_and_memory() {
    let said = Link::new().backend(&["-j", "2"]).succeeded();
    let summary = said.stderr.lines().last().expect("a last line");
    for part in ["3 objects", " s,", "CPU s", "peak", "2 threads"] {
        assert!(summary.contains(part), "no `{part}` in: {summary}");
    }
}

#[test]
fn summary_names_what_failed() {
    let link = Link::new();
    link.write("shape.o", "noise");
    let said = link.backend(&[]);
    let summary = said.stderr.lines().find(|line| line.contains("objects")).expect("a summary");
    assert!(summary.contains("2 objects") && summary.contains("1 failed"), "{said}");
    let named = said.stderr.lines().skip_while(|line| *line != summary).any(|line| line.contains("shape.o"));
    assert!(named, "nothing after the summary names shape.o\n{said}");
}

#[test]
fn verbose_lists_the_slowest_objects() {
    let said = Link::new().backend(&["-v"]).succeeded();
    let (_, list) = said.stderr.split_once("slowest").expect("a list of the slowest");
    for module in ["shape.o", "area.o", "names.o"] {
        assert!(list.contains(module), "{module} is not in the list\n{said}");
    }
}

/// A warning of LLVM belongs to one object, and is no error.
#[test]
fn warnings_name_their_object() {
    let link = Link::compiled(&["-O2", "-Wframe-larger-than=1"]);
    link.write("deep.c", "void use(char *); void deep(void) { char room[4096]; use(room); }\n");
    let compile = ["-O2", "-fPIC", "-flto=thin", "-Wframe-larger-than=1", "-c", "deep.c", "-o", "deep.o"];
    crate::fixture::run(link.command(llvm_tool("clang")).args(compile)).succeeded();
    link.thin_link(&["shape.o", "area.o", "names.o", "deep.o"], &[]);
    let said = link.backend(&["--profile", "profile.json"]).succeeded();
    let warning = said.stderr.lines().position(|line| line.contains("exceeds limit")).expect("a warning");
    let near = said.stderr.lines().skip(warning.saturating_sub(1)).take(3).any(|line| line.contains("deep"));
    assert!(near, "the warning does not name its object\n{said}");
    assert_eq!(job(&profile(&link), "deep.o")["warnings"], 1);
}

fn profile(link: &Link) -> Value {
    serde_json::from_slice(&link.read("profile.json")).expect("a profile in JSON")
}

/// The profile's entry for `module`.
#[track_caller]
fn job<'a>(profile: &'a Value, module: &str) -> &'a Value {
    let jobs = profile["jobs"].as_array().expect("a list of jobs");
    let job = jobs.iter().find(|job| job["module"] == module);
    job.unwrap_or_else(|| panic!("no job for {module} in {profile:#}"))
}

#[track_caller]
fn seconds(value: &Value) -> f64 {
    let seconds = value.as_f64().unwrap_or_else(|| panic!("{value} is no number of seconds"));
    assert!((0.0..600.0).contains(&seconds), "{seconds} seconds for three small modules");
    seconds
}

#[test]
fn profile_has_the_cost_of_every_job() {
    let link = Link::new();
    link.backend(&["-j", "2", "--profile", "profile.json"]).succeeded();
    let profile = profile(&link);
    assert_eq!(profile["version"], 1);
    assert_eq!(profile["threads"], 2);
    assert_eq!(profile["jobs"].as_array().map(Vec::len), Some(3));
    seconds(&profile["wall_seconds"]);
    assert!(seconds(&profile["cpu_seconds"]) > 0.0);
    assert!(profile["peak_memory_bytes"].as_u64() > Some(1 << 20));

    for stem in ["shape", "area", "names"] {
        let module = format!("{stem}.o");
        let job = job(&profile, &module);
        assert_eq!(job["output"], format!("{stem}{NATIVE}"));
        let size = |name: &str| link.read(name).len() as u64;
        assert_eq!(job["module_bytes"], size(&module));
        assert_eq!(job["object_bytes"], size(&format!("{stem}{NATIVE}")));
        assert_eq!(job["warnings"], 0);
        seconds(&job["queued_seconds"]);
        let wall = seconds(&job["wall_seconds"]);
        let stages = ["load", "import", "optimise", "codegen", "write"].map(|stage| {
            seconds(&job["stages"][stage]["cpu"]);
            seconds(&job["stages"][stage]["wall"])
        });
        assert!(stages.iter().all(|&stage| stage > 0.0), "a stage took no time at all: {job:#}");
        assert!(stages.iter().sum::<f64>() <= wall * 1.01, "the stages take longer than the job: {job:#}");
    }
    let imports = |module| {
        let job = job(&profile, module);
        (job["imported_functions"].as_u64(), job["import_sources"].as_u64())
    };
    assert_eq!(imports("shape.o"), (Some(2), Some(1)), "shape.o imports area() and clamp() from area.o");
    assert_eq!(imports("names.o"), (Some(0), Some(0)));
}

/// The phases in `profile`, which are all of the run, and not more than the process took.
#[track_caller]
fn phases(profile: &Value) -> Vec<&str> {
    let phases = profile["phases"].as_array().expect("a list of phases");
    let sum = |name: &str| phases.iter().map(|phase| seconds(&phase[name])).sum::<f64>();
    assert!(sum("wall_seconds") >= seconds(&profile["wall_seconds"]), "{profile:#}");
    assert!(sum("cpu_seconds") >= seconds(&profile["cpu_seconds"]) * 0.99, "{profile:#}");
    let jobs = phases.iter().find(|phase| phase["name"] == "jobs").expect("jobs");
    let longest = profile["jobs"].as_array().expect("jobs").iter().map(|job| seconds(&job["wall_seconds"]));
    assert!(seconds(&jobs["wall_seconds"]) >= longest.fold(0.0, f64::max), "{profile:#}");
    phases.iter().map(|phase| phase["name"].as_str().expect("a name")).collect()
}

#[test]
fn profile_has_the_phases_of_the_whole() {
    let link = Link::new();
    let started = Instant::now();
    link.backend(&["--profile", "profile.json", "--cache-dir", "cache"]).succeeded();
    let told = profile(&link);
    let run = ["admission", "look-up", "prediction", "jobs", "learning"];
    assert_eq!(phases(&told), [&["start-up", "planning", "comparison"], &run[..]].concat());
    let all = told["phases"].as_array().expect("phases");
    let wall: f64 = all.iter().map(|phase| seconds(&phase["wall_seconds"])).sum();
    assert!(wall <= started.elapsed().as_secs_f64(), "{told:#}");
}

#[test]
fn profile_of_a_link_has_what_lld_does_before_and_after_the_jobs() {
    let linkers = TwoLinkers::program();
    let options = ["-shared", "-o", "out.so", "--thinfarm-profile=profile.json"];
    linkers.ours(&[&options[..], &OBJECTS].concat()).succeeded();
    let told = fs::read(linkers.path("profile.json")).expect("a profile");
    let told: Value = serde_json::from_slice(&told).expect("a profile in JSON");
    let before = ["start-up", "reading", "resolution", "thin-link", "indexes", "planning"];
    let run = ["admission", "prediction", "jobs", "learning"];
    let after = ["telling", "handing-over", "final-link"];
    assert_eq!(phases(&told), [&before[..], &run, &after].concat());
}

#[test]
fn profile_tells_of_failed_jobs() {
    let link = Link::new();
    link.write("shape.o", "noise");
    let said = link.backend(&["--profile", "profile.json"]);
    said.failed_on("shape.o", &["bitcode"], &[]);
    let profile = profile(&link);
    let error = job(&profile, "shape.o")["error"].as_str().expect("a reason");
    assert!(error.contains("bitcode"), "{error}");
    assert!(job(&profile, "names.o")["error"].is_null());
}

#[test]
fn verification_finds_the_same_objects() {
    let link = Link::compiled(&["-O2", "-g"]);
    let args = ["--verify-with", "clang", "--list", "list", "--", "-O2", "-g", "-gsplit-dwarf"];
    let outputs: Vec<String> = ["shape", "area", "names"]
        .iter()
        .flat_map(|stem| [format!("{stem}{NATIVE}"), format!("{stem}{}", NATIVE.replace(".o", ".dwo"))])
        .collect();
    let added: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let said = link.adds_only(&added, || link.thinfarm(&[&["backend"], &args[..]].concat())).succeeded();
    assert!(said.stderr.contains("6 identical of 6"), "{said}");
}

/// A clang that says it is of this LLVM and damages what it writes: its objects are no longer thinfarm's.
fn verify_with_a_damaging_clang(link: &Link) -> Said {
    let clang = llvm_tool("clang");
    let script = format!(
        "#!/bin/sh\n'{clang}' \"$@\" || exit\n\
         for word; do [ \"$last\" = -o ] && object=$word; last=$word; done\n\
         [ \"$object\" = area{NATIVE} ] && printf damage >>\"$object\"\nexit 0\n",
        clang = clang.display()
    );
    link.write("damaging-clang", script);
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(link.path("damaging-clang"), executable).expect("a script to run");
    link.backend(&["--verify-with", "./damaging-clang"])
}

#[test]
fn verification_finds_a_difference() {
    let link = Link::new();
    let said = verify_with_a_damaging_clang(&link);
    assert!(said.stderr.contains("2 identical of 3"), "{said}");
    said.failed_on(&format!("area{NATIVE}"), &["differ"], &["shape.o", "names.o"]);
    link.same_as_clang("area.o", &format!("area{NATIVE}"));
}

#[test]
fn verification_needs_a_clang_of_this_llvm() {
    let link = Link::new();
    link.write("old-clang", "#!/bin/sh\necho clang version 14.0.6\n");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(link.path("old-clang"), executable).expect("a script to run");
    let said = link.backend(&["--verify-with", "./old-clang"]);
    said.failed_on("old-clang", &["14.0.6"], &["shape.o"]);
}
