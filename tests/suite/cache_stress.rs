//! Several processes at once, one cache that is pruned all the time, and modules that change: every object is the one
//! that is compiled without a cache.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use crate::fixture::{Link, llvm_tool, run, thinfarm};

const MODULES: [&str; 3] = ["shape.o", "area.o", "names.o"];

/// Ways to write each module.
const VARIANTS: usize = 3;

/// Modules by variant, in directories of their own.
fn variants() -> (Link, [PathBuf; VARIANTS]) {
    let link = Link::sources();
    let sources = ["shape.c", "area.c", "names.c"].map(|name| (name, link.read(name)));
    let compile = |variant: usize| {
        for (name, text) in &sources {
            let stem = name.trim_end_matches(".c");
            let more = format!("int variant_{stem}(int x) {{ return x * {}; }}\n", variant + 7);
            link.write(name, [text.as_slice(), more.as_bytes()].concat());
        }
        let folder = format!("variant{variant}/");
        link.compile_into(&folder, &["-O2"], &[]);
        link.path(&folder)
    };
    let folders = [0, 1, 2].map(compile);
    (link, folders)
}

/// One process's part: rounds of changes, each compiled with the cache, and without it the first time.
fn build(place: &Path, folders: &[PathBuf; VARIANTS], cache: &Path, seed: usize) -> usize {
    let mut known: HashMap<usize, Vec<Vec<u8>>> = HashMap::new();
    let mut hits = 0;
    for round in 0..12 {
        let choice = (seed * 5 + round * (seed + 7)) % VARIANTS.pow(3);
        for (position, module) in MODULES.iter().enumerate() {
            let variant = choice / VARIANTS.pow(position as u32) % VARIANTS;
            fs::copy(folders[variant].join(module), place.join(module)).unwrap();
        }
        let command = |program: PathBuf| {
            let mut command = std::process::Command::new(program);
            command.current_dir(place);
            command
        };
        let mut lld = command(llvm_tool("ld.lld"));
        run(lld.args(["-shared", "--thinlto-index-only=list", "-o", "unused.so"]).args(MODULES)).succeeded();
        let compile = |cache: Option<&Path>, out: &str| {
            let mut thinfarm = thinfarm();
            thinfarm.current_dir(place).args(["backend", "-j1", "--list", "list", "--out-dir", out]);
            if let Some(cache) = cache {
                thinfarm.arg("--cache-dir").arg(cache);
                thinfarm.args(["--cache-policy", "prune_interval=0s:cache_size_files=12"]);
            }
            let said = run(thinfarm.args(["--", "-O2"])).succeeded();
            assert!(!said.stderr.contains("warning"), "{said}");
            let object =
                |module: &&str| fs::read(place.join(out).join(module.replace(".o", ".thinlto-native.o")));
            (MODULES.iter().map(|module| object(module).unwrap()).collect::<Vec<_>>(), said)
        };
        let (objects, said) = compile(Some(cache), "cached");
        hits += usize::from(said.stderr.contains("from the cache"));
        let expected = known.entry(choice).or_insert_with(|| compile(None, "plain").0);
        assert!(objects == *expected, "round {round} of {seed}: another object than without a cache\n{said}");
    }
    hits
}

#[test]
fn four_processes_and_inputs_that_change() {
    let (_sources, folders) = variants();
    let cache = tempfile::tempdir().unwrap();
    let places: Vec<TempDir> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let hits: usize = thread::scope(|scope| {
        let (folders, cache) = (&folders, cache.path());
        let build = |(seed, place)| scope.spawn(move || build(TempDir::path(place), folders, cache, seed));
        let builds: Vec<_> = places.iter().enumerate().map(build).collect();
        builds.into_iter().map(|build| build.join().unwrap()).sum()
    });
    assert!(hits > 0, "nothing was ever in the cache");
}
