//! What belongs to thinfarm on a linker's command line and in its environment, and how the two programs tell who
//! they are.

use std::fs;
use std::path::Path;

use crate::fixture::{Said, llvm_tool, run};
use crate::two_linkers::{OBJECTS, PRINTS, TwoLinkers};

/// The linked library's arguments with `options`.
fn library<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [&OBJECTS[..], options, &["-shared", "-o", "lib.so"]].concat()
}

/// Links with a variable set.
fn link_with(linkers: &TwoLinkers, variable: &str, value: &str, options: &[&str]) -> Said {
    run(linkers.command(linkers.linker()).env(variable, value).args(library(options)))
}

/// As an option and as a variable: both must do what `does` checks.
#[track_caller]
fn either_way(linkers: &TwoLinkers, name: &str, value: &str, does: impl Fn(Said)) {
    let option = format!("--thinfarm-{name}{}{value}", if value.is_empty() { "" } else { "=" });
    does(linkers.ours(&library(&[&option])));
    let variable = format!("THINFARM_{}", name.to_uppercase().replace('-', "_"));
    does(link_with(linkers, &variable, if value.is_empty() { "1" } else { value }, &[]));
}

#[test]
fn who_it_is() {
    let linkers = TwoLinkers::program();
    let line = format!(
        "thinfarm {} runs its ThinLTO backends; --thinfarm-help shows its options",
        env!("CARGO_PKG_VERSION")
    );
    for asked in ["--version", "-v", "-V"] {
        let pair = linkers.link(&[asked]);
        assert_eq!(pair.ours.said.code, pair.lld.said.code, "{asked}");
        let theirs = pair.lld.said.stdout.trim_end();
        assert!(theirs.contains("LLD 22"), "{theirs}");
        assert_eq!(pair.ours.said.stdout, format!("{theirs}\n{line}\n"), "{asked}");
    }
    // With inputs, the link is done as well.
    let linked = linkers.link(&library(&["-V"])).same_files();
    assert!(linked.ours.said.stdout.starts_with(linked.lld.said.stdout.trim_end()));
    let help = linkers.link(&["--help"]);
    assert!(
        help.ours.said.stdout.contains("--icf=all") && help.ours.said.stdout.ends_with(&format!("{line}\n"))
    );
}

#[test]
fn clang_finds_it_by_its_name() {
    let linkers = TwoLinkers::program();
    let place = linkers.linker();
    let path = format!("{}:{}", place.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut clang = linkers.command(llvm_tool("clang"));
    clang.env("PATH", path).args(OBJECTS).args(["-fuse-ld=thinfarm", "-Wl,--thinfarm-verbose", "-o", "prog"]);
    let said = run(&mut clang).succeeded();
    assert!(said.stderr.contains("3 objects"), "{said}");
    assert_eq!(run(&mut linkers.command(linkers.path("prog"))).stdout, PRINTS);
}

#[test]
fn its_help_names_every_option_and_variable() {
    let said = TwoLinkers::new().ours(&["--thinfarm-help"]).succeeded();
    for name in [
        "options",
        "missing-options",
        "config",
        "jobs",
        "fail-fast",
        "profile",
        "verify-with",
        "verbose",
        "off",
    ] {
        assert!(said.stdout.contains(&format!("--thinfarm-{name}")), "{name}: {said}");
        let variable = format!("THINFARM_{}", name.to_uppercase().replace('-', "_"));
        assert!(said.stdout.contains(&variable), "{variable}: {said}");
    }
}

#[test]
fn what_is_wrong_is_refused_before_anything_is_linked() {
    let linkers = TwoLinkers::program();
    let refused = |said: Said, word: &str| {
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.stderr.contains("error:") && said.stderr.contains(word), "no word of {word}: {said}");
        assert!(!linkers.path("lib.so").exists(), "{said}");
    };
    refused(linkers.ours(&library(&["--thinfarm-jbos=1"])), "--thinfarm-jbos");
    refused(linkers.ours(&library(&["--thinfarm-verbose=much"])), "--thinfarm-verbose");
    for (name, value) in
        [("jobs", "0"), ("jobs", "many"), ("options", "guess"), ("missing-options", "perhaps")]
    {
        either_way(&linkers, name, value, |said| refused(said, value));
    }
}

#[test]
fn verbose_and_jobs_and_profile() {
    let linkers = TwoLinkers::program();
    either_way(&linkers, "verbose", "", |said| {
        let said = said.succeeded();
        assert!(said.stderr.contains("names.o") && said.stderr.contains("3 objects"), "{said}");
    });
    let threads = |said: Said| -> u64 {
        said.succeeded();
        let profile = fs::read(linkers.path("cost.json")).expect("a profile");
        fs::remove_file(linkers.path("cost.json")).unwrap();
        let profile: serde_json::Value = serde_json::from_slice(&profile).expect("JSON");
        assert_eq!(profile["jobs"].as_array().expect("jobs").len(), 3, "{profile}");
        profile["threads"].as_u64().expect("threads")
    };
    either_way(&linkers, "profile", "cost.json", |said| assert!(threads(said) >= 1));
    for (jobs, ours) in [("1", 1), ("2", 2)] {
        let jobs = format!("--thinfarm-jobs={jobs}");
        let said = linkers.ours(&library(&["--thinlto-jobs=1", "--thinfarm-profile=cost.json", &jobs]));
        assert_eq!(threads(said), ours);
        // An option wins over a variable.
        let said = link_with(&linkers, "THINFARM_JOBS", "3", &["--thinfarm-profile=cost.json", &jobs]);
        assert_eq!(threads(said), ours);
    }
    let said = link_with(&linkers, "THINFARM_JOBS", "3", &["--thinfarm-profile=cost.json"]);
    assert_eq!(threads(said), 3);
    let said = linkers.ours(&library(&["--thinlto-jobs=1", "--thinfarm-profile=cost.json"]));
    assert_eq!(threads(said), 1);
    let said = linkers.ours(&library(&["--thinfarm-profile=main.c/cost.json"]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("main.c/cost.json"), "{said}");
}

#[test]
fn verification() {
    let linkers = TwoLinkers::program();
    let clang = llvm_tool("clang");
    either_way(&linkers, "verify-with", &clang.display().to_string(), |said| {
        let said = said.succeeded();
        assert!(said.stderr.contains("3 identical of 3"), "{said}");
    });
    either_way(&linkers, "verify-with", "/no/such/clang", |said| {
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains("/no/such/clang"), "{said}");
    });
}

#[test]
fn where_options_are_and_what_is_done_without() {
    let linkers = TwoLinkers::program();
    let plain = linkers.link(&library(&[])).same();
    let makes_another = |said: Said| {
        said.succeeded();
        assert!(
            fs::read(linkers.path("lib.so")).unwrap() != plain.file("lib.so"),
            "the options are not used"
        );
    };
    let directory = linkers.path("");
    let command = |file: &str| {
        serde_json::json!({"directory": directory, "file": format!("{file}.c"), "output": format!("{file}.o"),
            "arguments": ["clang", "-Os", "-fPIC", "-c", format!("{file}.c"), "-o", format!("{file}.o")]})
    };
    let database: Vec<_> = ["main", "area", "names"].map(command).into();
    linkers.write("db/compile_commands.json", serde_json::to_vec(&database).unwrap());
    either_way(&linkers, "options", "recorded,compile-commands=db", makes_another);

    linkers.write("some/compile_commands.json", serde_json::to_vec(&database[..2]).unwrap());
    let some = "--thinfarm-options=compile-commands=some";
    let said = linkers.ours(&library(&[some])).succeeded();
    assert!(said.stderr.contains("names.o") && said.stderr.contains("--thinfarm-missing-options"), "{said}");
    assert!(!said.stderr.contains("after --"), "there is no -- on a linker's command line: {said}");
    let said = linkers.ours(&library(&[some, "--thinfarm-missing-options=ignore"])).succeeded();
    assert!(said.stderr.is_empty(), "{said}");
    let said = linkers.ours(&library(&[some, "--thinfarm-missing-options=error"]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("names.o"), "{said}");
    let said = link_with(&linkers, "THINFARM_MISSING_OPTIONS", "error", &[some]);
    assert_eq!(said.code, Some(1), "{said}");

    linkers.write(
        "rules.toml",
        "[[rule]]\nmodules = [\"area.o\"]\nadd = [\"-Os\", \"-fno-function-sections\"]\n",
    );
    either_way(&linkers, "config", "rules.toml", makes_another);
    either_way(&linkers, "config", "none.toml", |said| {
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains("none.toml"), "{said}");
    });
    fs::rename(linkers.path("rules.toml"), linkers.path("thinfarm.toml")).unwrap();
    makes_another(linkers.ours(&library(&[])));
    either_way(&linkers, "off", "", |said| {
        said.succeeded();
        assert!(fs::read(linkers.path("lib.so")).unwrap() == plain.file("lib.so"), "not lld's own backends");
    });
    linkers.leaves_nothing();
    assert!(Path::new(&directory).exists());
}
