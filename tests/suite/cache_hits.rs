//! The cache at every front door: objects from it are those that would be compiled, wherever they were compiled
//! first, and nothing that can happen to it fails a build.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::distributed::Distributed;
use crate::fixture::{Link, NATIVE, Said, llvm_tool, run, thinfarm, thinfarm_path};
use crate::two_linkers::{OBJECTS, PRINTS, TwoLinkers};

const MODULES: [&str; 3] = ["shape.o", "area.o", "names.o"];

/// Compiles with the cache `cache`, and panics unless `hits` objects were there and all are clang's.
#[track_caller]
fn compiles(link: &Link, options: &[&str], hits: usize) -> Said {
    let said = link.backend(&[options, &["--cache-dir", "cache", "-v"]].concat()).succeeded();
    assert_eq!(from_cache(&said), hits, "{said}");
    for module in MODULES {
        link.same_as_clang(module, &module.replace(".o", NATIVE));
    }
    said
}

/// How many objects were in the cache, as the closing line says.
fn from_cache(said: &Said) -> usize {
    let line = said.stderr.lines().rfind(|line| line.starts_with("thinfarm: ")).unwrap_or_default();
    let number = line.split("; ").find_map(|part| part.strip_suffix(" from the cache"));
    number.map_or(0, |number| number.parse().unwrap())
}

fn entries(cache: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(cache).into_iter().flatten().map(|file| file.unwrap().path());
    files
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("llvmcache-thinfarm"))
        .collect()
}

/// Hashes of modules that nobody has touched are remembered.
#[test]
fn a_module_that_is_rewritten_with_its_size_and_time_of_before_is_compiled_again() {
    let link = Link::new();
    let text = String::from_utf8(link.read("area.c")).unwrap();
    let compile = |scale: &str| {
        link.write("area.c", text.replace("scale += 2", scale));
        link.thin_link(&link.compile_into("", &["-O2"], &[]), &[]);
    };
    compile("scale += 5");
    // What the marks of a file say while it is new does not count.
    thread::sleep(Duration::from_millis(2_100));
    compiles(&link, &[], 0);
    let remembered = link.path("cache/.thinfarm-hashes");
    assert!(remembered.is_dir());
    compiles(&link, &[], 3);

    let marks = || MODULES.map(|module| fs::metadata(link.path(module)).unwrap());
    let before = marks();
    let sizes = before.each_ref().map(MetadataExt::size);
    let is_as_large = |scale: &u32| {
        compile(&format!("scale += {scale}"));
        marks().map(|marks| marks.size()) == sizes
    };
    (6..30).find(is_as_large).expect("modules of one size that differ");
    for (module, before) in MODULES.iter().zip(&before) {
        let file = File::options().write(true).open(link.path(module)).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
    }
    compiles(&link, &[], 1);

    link.thinfarm(&["cache", "clear", "--cache-dir", "cache"]).succeeded();
    assert!(!remembered.exists());
    compiles(&link, &[], 0);
}

#[test]
fn what_was_compiled_is_found_again() {
    let link = Link::new();
    compiles(&link, &[], 0);
    assert_eq!(entries(&link.path("cache")).len(), 3);
    let said = compiles(&link, &["--profile", "cost.json"], 3);
    assert!(said.stderr.contains("s, from the cache\n") && !said.stderr.contains("slowest"), "{said}");
    let profile: Value = serde_json::from_slice(&link.read("cost.json")).unwrap();
    assert!(profile["jobs"].as_array().unwrap().iter().all(|job| job["cached"] == true), "{profile}");
    // A change, and what follows from it.
    let text = String::from_utf8(link.read("area.c")).unwrap();
    link.write("area.c", text.replace("scale += 2", "scale += 3"));
    let modules = link.compile_into("", &["-O2"], &[]);
    link.thin_link(&modules, &[]);
    compiles(&link, &[], 1);
    let said = link.backend(&["--cache-dir", "cache", "--verify-with", "clang-22"]).succeeded();
    assert!(said.stderr.contains("; 3 from the cache\nthinfarm: verify: 3 identical of 3"), "{said}");
    link.write("area.c", text);
    link.compile_into("", &["-O2"], &[]);
    link.thin_link(&modules, &[]);
    compiles(&link, &[], 3);
}

#[test]
fn other_options_are_other_objects() {
    let link = Link::new();
    compiles(&link, &[], 0);
    for (flags, hits) in [("-O1", 0), ("-O2", 3), ("-w", 0), ("-O2", 3)] {
        let said =
            link.thinfarm(&["backend", "--cache-dir", "cache", "--list", "list", "--", flags]).succeeded();
        assert_eq!(from_cache(&said), hits, "{flags}: {said}");
    }
}

/// LLVM folds constants with the functions of the mathematical library, and another CPU has other variants of them.
#[test]
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
fn a_cpu_with_other_variants_of_functions_has_its_own_objects() {
    if !std::arch::is_x86_feature_detected!("fma") {
        eprintln!("not tested: this CPU has the plainest variants only");
        return;
    }
    let link = Link::new();
    let of_cpu = |tunables: &str| {
        let mut thinfarm = thinfarm();
        thinfarm.current_dir(link.dir()).env("GLIBC_TUNABLES", tunables);
        thinfarm.args(["backend", "--cache-dir", "cache", "--list", "list", "--", "-O2"]);
        from_cache(&run(&mut thinfarm).succeeded())
    };
    for (tunables, hits) in [("", 0), ("glibc.cpu.hwcaps=-AVX2,-FMA", 0)] {
        assert_eq!(of_cpu(tunables), hits, "{tunables}");
        assert_eq!(of_cpu(tunables), 3, "{tunables}");
    }
    assert_eq!(of_cpu(""), 3);
    // Only these count: the C library has variants as well.
    assert_eq!(of_cpu("glibc.cpu.x86_rep_movsb_threshold=4096"), 3);
}

/// The same modules in other directories, and in archives at other places.
#[test]
fn places_do_not_count() {
    const FLAGS: [&str; 3] = ["-O2", "-g", "-ffile-compilation-dir=/src"];
    let cache = tempfile::tempdir().unwrap();
    let cache_dir = format!("--cache-dir={}", cache.path().display());
    let folder = "some/where else/";
    for (place, hits) in [("", 0), (folder, 3)] {
        let link = Link::placed(place, &FLAGS);
        let said = link.backend(&[&cache_dir, "-v"]).succeeded();
        assert_eq!(from_cache(&said), hits, "{said}");
        for module in MODULES {
            link.same_as_clang(
                &format!("{place}{module}"),
                &format!("{place}{}", module.replace(".o", NATIVE)),
            );
        }
    }
    for size in [1, 1000] {
        let link = Link::sources();
        link.compile_into("", &FLAGS, &[]);
        // A native member, whose size moves the others.
        link.write("first.c", format!("int first[{size}] = {{1}};\n"));
        run(link.command(llvm_tool("clang")).args(["-fPIC", "-c", "first.c"])).succeeded();
        run(link.command(llvm_tool("llvm-ar")).args(["rc", "lib.a", "first.o"]).args(MODULES)).succeeded();
        link.thin_link(&["--whole-archive", "lib.a"], &[]);
        let plain = link.backend(&["--out-dir", "plain"]).succeeded();
        let said = link.backend(&[&cache_dir, "--out-dir", "cached", "-v"]).succeeded();
        assert_eq!(from_cache(&said), 3, "{plain}{said}");
        let objects = |folder: &str| {
            let files = link.files().into_iter();
            let below =
                files.filter_map(|(name, bytes)| Some((name.strip_prefix(folder)?.to_owned(), bytes)));
            below.collect::<Vec<_>>()
        };
        assert_eq!(objects("cached/").len(), 3);
        assert!(objects("cached/") == objects("plain/"), "other objects");
    }
}

#[test]
fn a_cache_can_be_named_in_several_ways() {
    let link = Link::new();
    let with = |variable: &str, args: &[&str]| {
        let mut thinfarm = thinfarm();
        thinfarm.current_dir(link.dir()).env("THINFARM_CACHE_DIR", variable).args(["backend"]).args(args);
        run(thinfarm.args(["--list", "list", "--", "-O2"])).succeeded()
    };
    assert_eq!(from_cache(&with("by-variable", &[])), 0);
    assert_eq!(from_cache(&with("by-variable", &[])), 3);
    assert_eq!(from_cache(&with("by-variable", &["--cache-dir", "by-option"])), 0);
    assert_eq!(from_cache(&with("no-such", &["--cache-dir", "by-option"])), 3);
    assert_eq!(from_cache(&with("by-variable", &["--cache-dir", "by-option", "--no-cache"])), 0);
    fs::create_dir(link.path("below")).unwrap();
    link.write("thinfarm.toml", "cache-dir = 'below/by-file'\ncache-policy = 'prune_after=1h'");
    assert_eq!(from_cache(&with("", &[])), 0);
    assert_eq!(from_cache(&with("", &[])), 3);
    assert_eq!(entries(&link.path("below/by-file")).len(), 3);
    assert!(!link.path("no-such").exists());
    let wrong = link.backend(&["--cache-dir", "cache", "--cache-policy", "much"]);
    assert_eq!(wrong.code, Some(2), "{wrong}");
}

#[test]
fn a_policy_is_kept_after_the_run() {
    let link = Link::new();
    compiles(&link, &["--cache-policy", "prune_interval=0s:cache_size_files=2"], 0);
    assert!(entries(&link.path("cache")).len() <= 2);
}

#[test]
fn one_job_with_clangs_command_line() {
    let link = Link::new();
    let cc = |cache: &str| {
        let mut thinfarm = thinfarm();
        thinfarm.current_dir(link.dir()).env("THINFARM_CACHE_DIR", cache);
        thinfarm.args([
            "cc",
            "-O2",
            "-x",
            "ir",
            "-fthinlto-index=shape.o.thinlto.bc",
            "-c",
            "-o",
            "out.o",
            "shape.o",
        ]);
        run(&mut thinfarm).succeeded();
        link.same_as_clang("shape.o", "out.o");
    };
    cc("");
    cc("cache");
    let made = entries(&link.path("cache"));
    assert_eq!(made.len(), 1);
    let made_at = || fs::metadata(&made[0]).unwrap().ino();
    let before = made_at();
    cc("cache");
    // An object that was compiled would be another file there.
    assert_eq!((entries(&link.path("cache")), made_at()), (made.clone(), before));
}

#[test]
fn warnings_are_told_again() {
    let link = Link::sources();
    link.write("names.c", "void g(char *); int f(void) { char big[4000]; g(big); return big[1]; }\n");
    let modules = link.compile_into("", &["-O2", "-Wframe-larger-than=100", "-Wno-error"], &[]);
    link.thin_link(&modules, &[]);
    let first = link.backend(&["--cache-dir", "cache"]).succeeded();
    let again = link.backend(&["--cache-dir", "cache"]).succeeded();
    let warnings = |said: &Said| {
        let lines = said.stderr.lines().filter(|line| !line.starts_with("thinfarm: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(warnings(&first).iter().any(|line| line.contains("exceeds limit")), "{first}");
    assert_eq!(warnings(&again), warnings(&first));
    assert_eq!(from_cache(&again), 3);
    // What is an error elsewhere is no hit.
    let said = link.thinfarm(&["backend", "--cache-dir", "cache", "--list", "list", "--", "-O2", "-Werror"]);
    assert_eq!(said.code, Some(1), "{said}");
}

#[test]
fn what_cannot_be_cached_is_told_and_compiled() {
    let link = Link::sources();
    link.write("data", "some data");
    link.write(
        "names.c",
        "asm(\".section .text.data\\n .incbin \\\"data\\\"\"); int f(void) { return 1; }\n",
    );
    let modules = link.compile_into("", &["-O2"], &[]);
    link.thin_link(&modules, &[]);
    let reason = "not cacheable: 1 of 3 objects: inline assembly reads files\n";
    assert!(compiles(&link, &[], 0).stderr.contains(reason));
    link.write("data", "more data");
    assert!(compiles(&link, &[], 2).stderr.contains(reason));
    let args =
        ["backend", "-v", "--cache-dir", "cache", "--list", "list", "--", "-O2", "-g", "-gsplit-dwarf"];
    for _ in 0..2 {
        let said = link.thinfarm(&args).succeeded();
        assert!(said.stderr.contains("not cacheable: 3 of 3 objects: -gsplit-dwarf\n"), "{said}");
    }
}

/// Objects that a child worker makes, because of other `-mllvm` options.
#[test]
fn child_workers_fill_the_cache_too() {
    let link = Link::new();
    link.write(
        "thinfarm.toml",
        "[[rule]]\nmodules = ['names.o']\nadd = ['-mllvm', '-align-all-functions=6']\n",
    );
    let compile = || {
        let said = link.backend(&["--cache-dir", "cache"]).succeeded();
        (from_cache(&said), link.read("names.thinlto-native.o"))
    };
    let (none, first) = compile();
    let (all, again) = compile();
    assert_eq!((none, all), (0, 3));
    assert!(first == again && first != link.expected("names.o", "names.o.thinlto.bc"));
}

#[test]
fn a_damaged_entry_is_made_again_and_told_once() {
    let link = Link::new();
    compiles(&link, &[], 0);
    for path in entries(&link.path("cache")) {
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let said = compiles(&link, &[], 0);
    assert_eq!(said.stderr.matches("damaged").count(), 1, "{said}");
    compiles(&link, &[], 3);
}

#[test]
fn a_cache_that_cannot_be_used_fails_nothing() {
    let link = Link::new();
    link.write("cache", "a file");
    let said = compiles(&link, &[], 0);
    assert_eq!(said.stderr.matches("warning: ").count(), 1, "{said}");
    link.remove("cache");
    compiles(&link, &[], 0);
    fs::remove_file(&entries(&link.path("cache"))[0]).unwrap();
    let set = |mode| fs::set_permissions(link.path("cache"), fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    // Nothing is forbidden to root.
    let is_root = fs::write(link.path("cache/probe"), "").is_ok();
    let said = compiles(&link, &[], 2);
    set(0o755);
    assert_eq!(said.stderr.matches("cannot be added").count(), usize::from(!is_root), "{said}");
}

#[test]
fn another_build_of_thinfarm_has_its_own_objects() {
    let link = Link::new();
    compiles(&link, &[], 0);
    // The same program, whose linker gave it another id.
    fs::copy(thinfarm_path(), link.path("other")).unwrap();
    let program = fs::File::options().read(true).write(true).open(link.path("other")).unwrap();
    let mut beginning = [0; 8192];
    program.read_exact_at(&mut beginning, 0).unwrap();
    let note = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
    let id =
        beginning.windows(note.len()).position(|window| window == note).expect("a build id") + note.len();
    program.write_all_at(&[!beginning[id]], id as u64).unwrap();
    drop(program);
    let mut other = link.command(link.path("other"));
    crate::fixture::alone(&mut other);
    other.args(["backend", "--cache-dir", "cache", "--list", "list", "--", "-O2"]);
    assert_eq!(from_cache(&run(&mut other).succeeded()), 0);
    assert_eq!(entries(&link.path("cache")).len(), 6);
    compiles(&link, &[], 3);
}

#[test]
fn stale_objects_of_an_incremental_run_are_looked_for() {
    let link = Link::new();
    compiles(&link, &["--incremental"], 0);
    assert!(compiles(&link, &["--incremental"], 0).stderr.contains("nothing to compile"));
    link.remove(&format!("shape{NATIVE}"));
    compiles(&link, &["--incremental"], 1);
    assert!(compiles(&link, &["--incremental"], 0).stderr.contains("nothing to compile"));
}

#[test]
fn llds_temporary_names_do_not_count() {
    let link = Link::sources();
    link.compile_into("", &["-O2"], &[]);
    run(link.command(llvm_tool("llvm-ar")).args(["rc", "lib.a"]).args(MODULES)).succeeded();
    let distributed = |hits: &str| {
        let distributed = Distributed::new(&link, &["--whole-archive", "lib.a"]);
        let said = distributed.distributor(&["--cache-dir=cache", "-v"]).run().succeeded();
        assert!(said.stderr.contains(hits), "{said}");
        link.read("made/out.so")
    };
    let first = distributed("threads\n");
    assert!(distributed("; 3 from the cache\n") == first);
}

/// Links and tells how many objects were in the cache.
fn linked(linkers: &TwoLinkers, options: &[&str]) -> usize {
    let said =
        linkers.ours(&[&OBJECTS[..], &["-shared", "-o", "lib.so", "--thinfarm-verbose"], options].concat());
    linkers.leaves_nothing();
    from_cache(&said.succeeded())
}

#[test]
fn llds_cache_directory_has_ours() {
    let linkers = TwoLinkers::program();
    let args = [&OBJECTS[..], &["-shared", "-o", "lib.so"]].concat();
    let plain = linkers.link(&args).same();
    let is_same = || assert!(fs::read(linkers.path("lib.so")).unwrap() == plain.file("lib.so"));
    let dir = "--thinlto-cache-dir=cache";
    // lld's own cache first: what it made there with other options must not come back.
    run(linkers.command(llvm_tool("ld.lld")).args([&args[..], &[dir, "--lto-O1"]].concat())).succeeded();
    run(linkers.command(llvm_tool("ld.lld")).args([&args[..], &[dir]].concat())).succeeded();
    for hits in [0, 3] {
        assert_eq!(linked(&linkers, &[dir]), hits);
        is_same();
    }
    assert_eq!(linked(&linkers, &[dir, "--lto-O1"]), 0);
    assert_eq!(linked(&linkers, &[dir, "--thinfarm-no-cache"]), 0);
    is_same();
    assert_eq!(linked(&linkers, &[dir, "--thinfarm-cache-dir=other"]), 0);
    assert_eq!(entries(&linkers.path("other")).len(), 3);
    // lld prunes what is its own, and ours with it.
    assert_eq!(linked(&linkers, &[dir, "--thinlto-cache-policy=prune_interval=0s:cache_size_files=1"]), 3);
    assert!(entries(&linkers.path("cache")).len() <= 1);
}

#[test]
fn links_that_watch_their_backends_are_not_cached() {
    let linkers = TwoLinkers::program();
    let dir = "--thinlto-cache-dir=cache";
    for option in ["--save-temps", "--time-trace=trace"] {
        for _ in 0..2 {
            assert_eq!(linked(&linkers, &[dir, option]), 0, "{option}");
        }
    }
    assert_eq!(entries(&linkers.path("cache")).len(), 0);
}

#[test]
fn a_program_from_the_cache_runs() {
    let linkers = TwoLinkers::program();
    let args = [&OBJECTS[..], &["-o", "prog", "-Wl,--thinlto-cache-dir=cache"]].concat();
    for _ in 0..2 {
        run(&mut linkers.clang(&linkers.linker(), &args)).succeeded();
        let said = run(&mut linkers.command(linkers.path("prog"))).succeeded();
        assert_eq!(said.stdout, PRINTS);
    }
    assert_eq!(entries(&linkers.path("cache")).len(), 3);
}
