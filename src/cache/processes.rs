//! Tests of a store that several processes use, or one that may not do all that it wants to. The processes are
//! this test program again, as [`child`].

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{CachePruningPolicy, Key, Store, directory};
use crate::backend::JobDone;
use crate::output::OutputFile;
use crate::trust::Trust;

const ROLE: &str = "THINFARM_TEST_CACHE_ROLE";
const DIRECTORY: &str = "THINFARM_TEST_CACHE_DIRECTORY";

/// A shell's status if it may not start a program.
const CANNOT_EXECUTE: i32 = 126;

/// What a child does is its role; without one it is not a child.
#[test]
#[ignore = "run by the other tests"]
fn child() {
    let (Ok(role), Some(directory)) = (env::var(ROLE), env::var_os(DIRECTORY)) else { return };
    let store = Store::open(directory.as_ref(), &Trust::of_user()).unwrap();
    match role.as_str() {
        "fill the disk" => fill_the_disk(&store),
        "only read" => only_read(&store),
        "take part" => take_part(&store, false),
        "take part and damage" => take_part(&store, true),
        other => panic!("no role: {other}"),
    }
}

/// A process in the role `role`, started by way of the shell command `shell`, which ends with `exec "$@"`.
fn in_role(role: &str, directory: &Path, shell: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", shell, "sh"]).arg(env::current_exe().unwrap());
    command.args(["--exact", "cache::processes::child", "--ignored", "--nocapture"]);
    command.env(ROLE, role).env(DIRECTORY, directory).stdout(Stdio::null());
    command
}

fn key(number: u64) -> Key {
    Key::new(blake3::hash(&number.to_le_bytes()))
}

/// The one right object of a key: of all sizes, unlike any other.
fn object(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; (number * 7919 % 200_000) as usize];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn fill_the_disk(store: &Store) {
    let before = fs::read_dir(store.directory()).unwrap().count();
    for number in [1, 2] {
        store.put(&key(number), &vec![1; 1 << 20], &JobDone::default()).unwrap_err();
    }
    assert_eq!(fs::read_dir(store.directory()).unwrap().count(), before);
    assert_eq!(store.problems().len(), 1);
    assert!(store.problems()[0].contains("2 times (first File too large"), "{:?}", store.problems());
    store.put(&key(3), b"small", &JobDone::default()).unwrap();
    assert!(store.get(&key(3)).is_some());
}

#[test]
fn a_full_disk_has_no_half_entries() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = in_role("fill the disk", directory.path(), "trap '' XFSZ; ulimit -f 64; exec \"$@\"");
    assert!(child.status().unwrap().success());
}

fn only_read(store: &Store) {
    assert!(store.get(&key(1)).is_some());
    assert!(store.problems().is_empty());
    store.put(&key(2), b"object", &JobDone::default()).unwrap_err();
    assert!(store.problems()[0].contains("Permission denied"), "{:?}", store.problems());
    assert!(store.get(&key(1)).is_some());
}

#[test]
fn a_cache_that_cannot_be_written_to_has_hits() {
    let directory = tempfile::tempdir().unwrap();
    Store::open(directory.path(), &Trust::of_user())
        .unwrap()
        .put(&key(1), b"object", &JobDone::default())
        .unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
    let mut child = in_role("only read", directory.path(), "exec \"$@\"");
    if nix::unistd::geteuid().is_root() {
        // Nothing is forbidden to root, but to somebody who owns nothing.
        child.uid(65534).current_dir("/");
    }
    let ended = child.status().unwrap();
    if ended.code() == Some(CANNOT_EXECUTE) {
        eprintln!("not tested: nobody else may run this program where it is");
    } else {
        assert!(ended.success());
    }
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
}

/// Gets what is there and compares it, puts what is not, and may damage something now and then.
fn take_part(store: &Store, damage: bool) {
    let outputs = tempfile::tempdir().unwrap();
    let output = outputs.path().join("a.o");
    let process = std::process::id().to_le_bytes();
    let (mut hits, mut random) = (0, blake3::Hasher::new().update(&process).finalize_xof());
    for _ in 0..1000 {
        let mut draw = [0; 2];
        random.fill(&mut draw);
        let number = u64::from(draw[0] % 32);
        if damage && draw[1] < 8 {
            misplace(store, number);
        }
        match store.get(&key(number)) {
            Some(mut entry) => {
                hits += 1;
                entry.place(OutputFile::create(&output).unwrap()).unwrap();
                assert!(fs::read(&output).unwrap() == object(number), "a wrong hit for {number}");
            }
            None => store.put(&key(number), &object(number), &JobDone::default()).unwrap(),
        }
    }
    assert!(hits > 100, "only {hits} hits");
    let is_expected = |problem: &String| damage && problem.contains("damaged entry");
    let problems: Vec<String> =
        store.problems().into_iter().filter(|problem| !is_expected(problem)).collect();
    assert!(problems.is_empty(), "{problems:?}");
}

/// Lets another key's entry, whole as it is, stand for that of `number`. By a rename, as by a bad restore: an
/// entry is never changed under its readers.
fn misplace(store: &Store, number: u64) {
    let path = |number| directory::path_of(store.directory(), &key(number));
    if let Ok(other) = fs::read(path(number + 1)) {
        OutputFile::create(&path(number)).unwrap().finish(&other).unwrap();
    }
}

/// Four processes, and this one, which prunes all the time.
fn share(role: &str) {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut children = [(); 4].map(|()| in_role(role, directory, "exec \"$@\"").spawn().unwrap());
    let store = Store::open(directory, &Trust::of_user()).unwrap();
    let policy: CachePruningPolicy = "cache_size_bytes=1m".parse().unwrap();
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        store.prune(&policy.at_once()).unwrap();
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(store.stats().unwrap().temporaries.files, 0);
}

#[test]
fn processes_share_a_store_that_is_pruned() {
    share("take part");
}

#[test]
fn what_one_process_damages_is_no_hit_of_another() {
    share("take part and damage");
}
