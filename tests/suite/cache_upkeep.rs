//! `thinfarm cache`, also on a directory that is lld's `--thinlto-cache-dir` at the same time.

use std::fs::{self, File, FileTimes};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use thinfarm::cache::{Key, Store};
use thinfarm::report::JobDone;
use thinfarm::trust::Trust;

use crate::fixture::{Link, Said, llvm_tool, run, thinfarm};

fn key(number: u8) -> Key {
    Key::new(blake3::hash(&[number]))
}

/// A link whose directory `cache` has the entries 1 to `entries`.
fn with_cache(entries: u8) -> Link {
    let link = Link::sources();
    let store = Store::open(&link.path("cache"), &Trust::of_user()).expect("a store");
    for number in 1..=entries {
        store.put(&key(number), &[number; 5000], &JobDone::default()).expect("room for an entry");
    }
    link
}

/// The file of entry `number`.
fn entry(link: &Link, number: u8) -> PathBuf {
    let digits = key(number).to_string();
    let files = fs::read_dir(link.path("cache")).expect("a cache").map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.to_string_lossy().ends_with(&digits)).expect("an entry")
}

/// Lets an entry look as if nobody had used it for two hours.
fn let_age(link: &Link, number: u8) {
    let then = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    let times = FileTimes::new().set_accessed(then).set_modified(then);
    File::open(entry(link, number)).unwrap().set_times(times).unwrap();
}

fn has(link: &Link, number: u8) -> bool {
    Store::existing(&link.path("cache")).expect("a store").get(&key(number)).is_some()
}

fn cache(link: &Link, args: &[&str]) -> Said {
    link.thinfarm(&[&["cache", args[0], "--cache-dir", "cache"], &args[1..]].concat())
}

fn stats(link: &Link) -> Value {
    serde_json::from_str(&cache(link, &["stats", "--json"]).succeeded().stdout).expect("JSON")
}

/// Links with lld's own cache in the same directory.
fn link_with_lld(link: &Link, policy: &str) {
    let modules = link.compile_into("", &["-O2"], &[]);
    let policy = format!("--thinlto-cache-policy={policy}");
    let mut lld = link.command(llvm_tool("ld.lld"));
    lld.args(["-shared", "-o", "lib.so", "--thinlto-cache-dir=cache", &policy]).args(modules);
    run(&mut lld).succeeded();
}

#[test]
fn stats_tell_ours_from_llds() {
    let link = with_cache(2);
    link_with_lld(&link, "prune_after=1h");
    let stats = stats(&link);
    assert_eq!(stats["entries"]["files"], 2);
    assert!(stats["entries"]["bytes"].as_u64() > Some(10_000), "{stats}");
    assert_eq!(stats["others"]["files"], 3, "{stats}");
    let text = cache(&link, &["stats"]).succeeded().stdout;
    assert!(text.contains("2 files, ") && text.contains("3 files, "), "{text}");
}

#[test]
fn lld_prunes_our_entries_as_its_own() {
    let link = with_cache(3);
    for number in 1..=3 {
        let_age(&link, number);
    }
    assert!(has(&link, 2));
    link_with_lld(&link, "prune_interval=0s:prune_after=1h");
    assert_eq!(stats(&link)["entries"]["files"], 1);
    assert!(has(&link, 2));
}

#[test]
fn prune_removes_llds_entries_as_ours() {
    let link = with_cache(1);
    link_with_lld(&link, "prune_after=1h");
    let_age(&link, 1);
    // lld has looked a moment ago; who asks for it gets it.
    let said = cache(&link, &["prune", "--policy", "cache_size_files=2"]).succeeded();
    assert!(said.stdout.contains("removed 2 files") && said.stdout.contains("2 files"), "{said}");
    assert!(!has(&link, 1));
    assert_eq!(stats(&link)["others"]["files"], 2);
    link_with_lld(&link, "prune_after=1h");
    assert_eq!(stats(&link)["others"]["files"], 3);
}

#[test]
fn a_policy_is_in_llds_words() {
    let link = with_cache(1);
    for (policy, reason) in [("prune_after=1w", "must end with"), ("size=1", "Unknown key")] {
        let said = cache(&link, &["prune", "--policy", policy]);
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.stderr.contains(reason), "{said}");
    }
    assert!(cache(&link, &["prune"]).succeeded().stdout.contains("removed 0 files"));
    assert!(has(&link, 1));
}

#[test]
fn verify_removes_what_is_damaged() {
    let link = with_cache(3);
    assert!(cache(&link, &["verify"]).succeeded().stdout.contains("3 whole, 0 damaged"));
    let damaged = entry(&link, 2);
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[2500] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let name = damaged.file_name().unwrap().to_string_lossy().into_owned();
    let said = cache(&link, &["verify"]).failed_on(&name, &["damaged"], &[&key(1).to_string()]);
    assert!(said.stdout.contains("2 whole, 1 damaged"), "{said}");
    assert!(!damaged.exists());
    cache(&link, &["verify"]).succeeded();
}

#[test]
fn clear_leaves_what_is_not_the_caches() {
    let link = with_cache(2);
    link.write("cache/notes.txt", "mine");
    link_with_lld(&link, "prune_after=1h");
    assert!(cache(&link, &["clear"]).succeeded().stdout.contains("removed 5 files"));
    let mut left: Vec<_> =
        fs::read_dir(link.path("cache")).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["CACHEDIR.TAG", "llvmcache.timestamp", "notes.txt"]);
}

#[test]
fn a_directory_that_is_no_cache_is_refused() {
    let link = Link::sources();
    for (directory, reason) in
        [(".", "is not a cache"), ("none", "No such file"), ("area.c", "a file is in its place")]
    {
        for action in ["stats", "prune", "clear", "verify"] {
            let said = link.adds_only(&[], || link.thinfarm(&["cache", action, "--cache-dir", directory]));
            said.failed_on(directory, &[reason], &[]);
        }
    }
}

#[test]
fn the_environment_names_the_cache() {
    let link = with_cache(1);
    let mut command = thinfarm();
    command.args(["cache", "stats"]).env("THINFARM_CACHE_DIR", link.path("cache"));
    assert!(run(&mut command).succeeded().stdout.contains("1 file, "));
    let said = run(command.env_remove("THINFARM_CACHE_DIR"));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("--cache-dir"), "{said}");
}
