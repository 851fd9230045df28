//! Whose directories a link uses.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use nix::unistd::geteuid;

use crate::fixture::{run, thinfarm};
use crate::two_linkers::{OBJECTS, TwoLinkers};

#[test]
fn directories_of_other_users_are_used_if_they_are_trusted() {
    if !geteuid().is_root() {
        return;
    }
    let linkers = TwoLinkers::program();
    for name in ["cache", "share"] {
        fs::create_dir(linkers.path(name)).unwrap();
        chown(linkers.path(name), Some(54321), None).unwrap();
    }
    let (cache, share) = (linkers.path("cache"), linkers.path("share"));
    let link = |option: &str, directory: &Path, trusted: &OsStr| {
        let mut linker = linkers.command(linkers.linker());
        linker.args(OBJECTS).args(["-shared", "-o", "lib.so"]).env("THINFARM_TRUST", trusted);
        run(linker.arg(format!("{option}={}", directory.display()))).succeeded().stderr
    };
    // lld notes when it has pruned its own, whoever caches there.
    let is_unused = |directory: &Path| {
        directory.read_dir().unwrap().all(|file| file.unwrap().file_name() == "llvmcache.timestamp")
    };
    let both = std::env::join_paths([&cache, &share]).unwrap();
    for (option, directory) in [
        ("--thinfarm-machine-share", &share),
        ("--thinfarm-cache-dir", &cache),
        ("--thinlto-cache-dir", &cache),
    ] {
        for trusted in ["".as_ref(), linkers.path("main.o").as_os_str()] {
            let stderr = link(option, directory, trusted);
            assert!(stderr.contains("it belongs to another user"), "{option}: {stderr}");
            assert!(stderr.contains("THINFARM_TRUST") && stderr.matches("warning").count() == 1, "{stderr}");
            assert!(is_unused(directory), "{option}: it was used");
        }
        assert_eq!(link(option, directory, &both), "", "{option}");
        assert!(!is_unused(directory), "{option}: it was not used");
        fs::remove_dir_all(directory).unwrap();
        fs::create_dir(directory).unwrap();
        chown(directory, Some(54321), None).unwrap();
    }
}

/// Where the variable matters, beside those of the options.
#[test]
fn the_variable_is_named_where_a_directory_is() {
    let linkers = TwoLinkers::new();
    let helps = [
        linkers.ours(&["--thinfarm-help"]),
        run(thinfarm().args(["backend", "--help"])),
        run(thinfarm().args(["dtlto", "--help"])),
    ];
    for help in helps {
        let words: Vec<&str> = help.stdout.split_whitespace().collect();
        let text = words.join(" ");
        for option in ["machine-share <", "cache-dir <"] {
            let (_, of_option) = text.split_once(option).unwrap_or_else(|| panic!("no {option}:\n{help}"));
            // Up to the next option.
            let described = of_option.split(" --").next().unwrap();
            assert!(described.contains("THINFARM_TRUST"), "{option}:\n{help}");
        }
    }
}
