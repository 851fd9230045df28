//! Every file with its own options: each source of them, written by the tool that writes it in real builds,
//! and the object compared with the one clang makes of that file's own flags.

use std::fs;

use crate::fixture::{Link, NATIVE, Said, llvm_tool, run};

/// The modules of the link, each with flags that decide its bytes and differ from the others'.
pub const OWN: [(&str, &[&str]); 3] = [
    ("shape", &["-O3", "-ffunction-sections", "-fPIC"]),
    ("area", &["-O1", "-fPIC", "-mno-sse", "-mno-sse2"]),
    ("names", &["-Os", "-fdata-sections", "-fPIC", "-falign-loops=32"]),
];

/// Flags of the front end that a backend has no use for.
const FRONT_END: &[&str] = &[
    "-flto=thin",
    "-fsplit-lto-unit",
    "-std=gnu17",
    "-DNAME=\"a b\"",
    "-include",
    "empty.h",
    "-Iinclude",
    "-Wall",
    "-MD",
    "-MF",
    "deps",
];

/// Compiles one module as a build would: its own flags, the front end's, and `more`.
fn compile(link: &Link, folder: &str, stem: &str, own: &[&str], more: &[&str]) {
    link.write("empty.h", "");
    let mut clang = link.command(llvm_tool("clang"));
    clang.current_dir(link.path(folder)).args(own).args(FRONT_END).args(more);
    let source = link.path(&format!("{stem}.c"));
    if folder != "." {
        fs::write(link.path(folder).join("empty.h"), "").unwrap();
    }
    run(clang.arg("-c").arg(source).args(["-o", &format!("{stem}.o")])).succeeded();
}

/// A link whose modules are compiled each with its own flags and `more`.
pub fn link(more: impl Fn(&str) -> Vec<String>) -> Link {
    let link = Link::sources();
    for (stem, own) in OWN {
        let more = more(stem);
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        compile(&link, ".", stem, own, &more);
    }
    link.thin_link(&["shape.o", "area.o", "names.o"], &[]);
    link
}

/// The object clang makes of `module` with `flags`, in the directory of the link.
#[track_caller]
pub fn clangs(link: &Link, module: &str, flags: &[&str]) -> Vec<u8> {
    let index = format!("-fthinlto-index={module}.thinlto.bc");
    let mut clang = link.command(llvm_tool("clang"));
    clang.args(flags).args(["-fno-lto", "-x", "ir", &index, "-c", "-o", "clang.out", module]);
    run(&mut clang).succeeded();
    let object = link.read("clang.out");
    link.remove("clang.out");
    object
}

/// Panics unless every object is the one of its module's own flags.
#[track_caller]
fn all_are_clangs(link: &Link) {
    for (stem, own) in OWN {
        let ours = link.read(&format!("{stem}{NATIVE}"));
        assert!(ours == clangs(link, &format!("{stem}.o"), own), "{stem} has not its own options");
    }
}

/// Runs the backends with options from `source` and with -O0 for whatever it does not know.
pub fn backend(link: &Link, source: &str) -> Said {
    link.thinfarm(&["backend", "--options", source, "--list", "list", "--", "-O0"])
}

/// The fragments that `clang -MJ` wrote, as a compilation database.
pub fn write_database(link: &Link, path: &str, fragments: &[&str]) {
    let entries: String = fragments.iter().map(|name| String::from_utf8(link.read(name)).unwrap()).collect();
    link.write(path, format!("[{}]", entries.trim_end().trim_end_matches(',')));
}

#[test]
fn the_flags_of_the_files_decide_their_bytes() {
    let link = link(|_| Vec::new());
    for (stem, own) in OWN {
        let module = format!("{stem}.o");
        assert!(clangs(&link, &module, own) != clangs(&link, &module, &["-O0"]), "{stem}: a weak test");
    }
}

#[test]
fn compile_commands_by_output() {
    let link = link(|stem| vec!["-MJ".to_owned(), format!("{stem}.json")]);
    write_database(&link, "compile_commands.json", &["shape.json", "area.json", "names.json"]);
    let said = backend(&link, "compile-commands").succeeded();
    assert!(said.stderr.contains("3 option sets"), "{said}");
    all_are_clangs(&link);
}

/// One source, two outputs; and entries of another build that have no output at all.
#[test]
fn compile_commands_by_source_and_duplicates() {
    let link = link(|_| Vec::new());
    let entry = |file: &str, rest: &str| {
        let directory = link.dir().display();
        format!("{{\"directory\": \"{directory}\", \"file\": \"{file}\", {rest}}}")
    };
    let entries = [
        entry("shape.c", "\"command\": \"clang -O0 -c shape.c -o other.o\""),
        entry("shape.c", "\"command\": \"clang -O3 -ffunction-sections -fPIC -c shape.c -o shape.o\""),
        entry(
            "area.c",
            "\"arguments\": [\"clang\", \"-O1\", \"-fPIC\", \"-mno-sse\", \"-mno-sse2\", \"-c\", \"area.c\"]",
        ),
        entry(
            "names.c",
            "\"command\": \"ccache clang -Os -fdata-sections -fPIC -falign-loops=32 -c names.c\"",
        ),
    ];
    fs::create_dir(link.path("db")).unwrap();
    link.write("db/compile_commands.json", format!("[{}]", entries.join(",")));
    backend(&link, "compile-commands=db").succeeded();
    all_are_clangs(&link);
}

/// A profile named relative to the directory in which the front end ran, not to that of the link.
#[test]
fn paths_are_those_of_the_commands_directory() {
    let link = Link::sources();
    fs::create_dir(link.path("build")).unwrap();
    link.write("shape.proftext", "shape:100:10\n 1: 10\n");
    link.write("empty.h", "");
    fs::write(link.path("build/empty.h"), "").unwrap();
    let own = ["-O2", "-g", "-gsplit-dwarf", "-fPIC", "-fprofile-sample-use=../shape.proftext"];
    compile(&link, "build", "shape", &own, &["-MJ", "shape.json"]);
    compile(&link, "build", "area", &["-O2", "-fPIC"], &["-MJ", "area.json"]);
    link.thin_link(&["build/shape.o", "build/area.o"], &[]);
    write_database(&link, "build/compile_commands.json", &["build/shape.json", "build/area.json"]);
    backend(&link, "compile-commands=build").succeeded();

    // The name of the .dwo is recorded, and looked up from the directory of the compile unit.
    let object = link.path("build/shape.thinlto-native.o");
    let (ours, dwo) = (fs::read(&object).unwrap(), fs::read(object.with_extension("dwo")).unwrap());
    let profile = format!("-fprofile-sample-use={}", link.path("shape.proftext").display());
    let mut clang = link.command(llvm_tool("clang"));
    clang.args(["-O2", "-g", "-gsplit-dwarf", "-fPIC", &profile, "-fno-lto", "-x", "ir"]);
    clang.args(["-fthinlto-index=build/shape.o.thinlto.bc", "-c", "build/shape.o", "-o"]);
    run(clang.arg(&object)).succeeded();
    assert!(fs::read(&object).unwrap() == ours, "the object is not clang's");
    assert!(fs::read(object.with_extension("dwo")).unwrap() == dwo, "the .dwo is not clang's");
}

#[test]
fn recorded_in_the_module() {
    for more in [&["-frecord-command-line"][..], &["-Xclang", "-fembed-bitcode=marker"]] {
        let link = link(|_| more.iter().map(|&flag| flag.to_owned()).collect());
        let said = backend(&link, "recorded").succeeded();
        assert!(said.stderr.contains("3 option sets"), "{more:?}: {said}");
        all_are_clangs(&link);
    }
}

#[test]
fn recorded_in_debug_information() {
    let link = Link::sources();
    for (stem, own) in OWN {
        compile(&link, ".", stem, own, &["-g", "-grecord-command-line"]);
    }
    link.thin_link(&["shape.o", "area.o", "names.o"], &[]);
    backend(&link, "recorded").succeeded();
    for (stem, own) in OWN {
        let expected = clangs(&link, &format!("{stem}.o"), &[own, &["-g"]].concat());
        assert!(link.read(&format!("{stem}{NATIVE}")) == expected, "{stem} has not its own options");
    }
}

/// What only a front end may be given: control-flow integrity and whole-program vtables need -flto, temporary
/// files and a plugin need programs and files that are not there any more.
#[test]
fn front_end_only_flags_do_not_disturb_a_backend() {
    let link = Link::sources();
    let front_end = [
        "-frecord-command-line",
        "-fsanitize=cfi-icall,signed-integer-overflow",
        "-fno-sanitize-ignorelist",
        "-fsanitize-trap=all",
        "-fvisibility=hidden",
        "-save-temps=obj",
        "-Wl,-O1",
        "-pthread",
        "-DX=1",
        "-UY",
        "-Wp,-DZ",
        "-ffat-lto-objects",
        "-Wno-unused-command-line-argument",
    ];
    compile(&link, ".", "shape", &["-O2", "-fPIC"], &front_end[..1]);
    compile(&link, ".", "area", &["-O2", "-fPIC"], &front_end[..front_end.len() - 2]);
    link.thin_link(&["shape.o", "area.o"], &[]);
    let said = backend(&link, "recorded").succeeded();
    assert!(said.stderr.contains("1 option set"), "two sets for what only the front end reads: {said}");
    assert!(link.read("area.thinlto-native.o") == clangs(&link, "area.o", &["-O2", "-fPIC"]));
}

#[test]
fn ninja_knows_its_commands() {
    let link = Link::sources();
    link.write("empty.h", "");
    let clang = llvm_tool("clang");
    let mut rules = format!("rule cc\n  command = : && {} $own -flto=thin -c $in -o $out\n", clang.display());
    for (stem, own) in OWN {
        rules += &format!("build {stem}.o: cc {stem}.c\n  own = {}\n", own.join(" "));
    }
    link.write("build.ninja", rules);
    run(&mut link.command("ninja")).succeeded();
    link.thin_link(&["shape.o", "area.o", "names.o"], &[]);
    backend(&link, "ninja").succeeded();
    all_are_clangs(&link);
}

/// Has CMake configure a library whose sources have properties of their own, with `options`, and builds it in `build`.
/// Returns its modules, thin-linked.
fn built_by_cmake(link: &Link, options: &[&str]) -> [String; 3] {
    let mut lists = "cmake_minimum_required(VERSION 3.20)\nproject(p C)\nset(CMAKE_C_FLAGS_RELEASE \"\")\n\
                     add_library(p OBJECT shape.c area.c names.c)\ntarget_compile_options(p PRIVATE -flto=thin)\n"
        .to_owned();
    for (stem, own) in OWN {
        lists += &format!(
            "set_source_files_properties({stem}.c PROPERTIES COMPILE_OPTIONS \"{}\")\n",
            own.join(";")
        );
    }
    link.write("CMakeLists.txt", lists);
    let compiler = format!("-DCMAKE_C_COMPILER={}", llvm_tool("clang").display());
    let mut cmake = link.command("cmake");
    cmake.args(["-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release"]).args(options);
    run(cmake.arg(compiler)).succeeded();
    run(link.command("cmake").args(["--build", "build"])).succeeded();
    let modules = OWN.map(|(stem, _)| format!("build/CMakeFiles/p.dir/{stem}.c.o"));
    link.thin_link(&modules, &[]);
    modules
}

#[track_caller]
fn cmakes_are_clangs(link: &Link, modules: &[String]) {
    for ((_, own), module) in OWN.iter().zip(modules) {
        let object = module.replace(".o", NATIVE);
        assert!(link.read(&object) == clangs(link, module, own), "{object} is not clang's");
    }
}

/// CMake's own database.
#[test]
fn cmake_with_properties_of_sources() {
    let link = Link::sources();
    let modules = built_by_cmake(&link, &["-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]);
    // Found below the working directory, as clangd does.
    backend(&link, "compile-commands").succeeded();
    cmakes_are_clangs(&link, &modules);
}

/// CMake's rules for ninja with a launcher, and with a checker, which CMake starts beside the compiler.
#[test]
fn cmake_starts_the_compiler_by_launchers() {
    let launcher = "-DCMAKE_C_COMPILER_LAUNCHER=/usr/bin/env;A=b";
    for options in
        [&[launcher][..], &["-DCMAKE_C_CLANG_TIDY=true;--x"], &[launcher, "-DCMAKE_C_CPPCHECK=true"]]
    {
        let link = Link::sources();
        let modules = built_by_cmake(&link, &[&["-G", "Ninja"], options].concat());
        backend(&link, "ninja=build").succeeded();
        cmakes_are_clangs(&link, &modules);
    }
}

/// A Rust module and a C module in one link: rustc's has no command line, but says what it is for.
#[test]
fn rust_modules_say_what_they_are_for() {
    let link = Link::sources();
    link.write("twice.rs", "#![no_std]\n#![crate_type = \"lib\"]\n#[unsafe(no_mangle)]\npub extern \"C\" fn twice(x: i32) -> i32 { x * 2 }\n");
    let mut rustc = link.command("rustc");
    rustc.args(["--edition=2024", "-Clinker-plugin-lto", "-Cpanic=abort", "-Copt-level=3"]);
    run(rustc.args(["-Ctarget-cpu=haswell", "--emit=obj=twice.o", "twice.rs"])).succeeded();
    link.write("main.c", "int twice(int); int quad(int x) { return twice(twice(x)); }\n");
    compile(&link, ".", "main", &["-O2", "-fPIC"], &["-frecord-command-line"]);
    link.thin_link(&["twice.o", "main.o"], &[]);
    let said = link.thinfarm(&["backend", "--options", "recorded", "--options", "rust", "--list", "list"]);
    said.succeeded();
    let triple = "--target=x86_64-unknown-linux-gnu";
    let rusts = [
        triple,
        "-O2",
        "-fPIC",
        "-ffunction-sections",
        "-fdata-sections",
        "-march=haswell",
        "-mtune=generic",
    ];
    assert!(link.read("twice.thinlto-native.o") == clangs(&link, "twice.o", &rusts), "rustc's module");
    assert!(link.read("main.thinlto-native.o") == clangs(&link, "main.o", &["-O2", "-fPIC"]), "the C module");

    let explained = link.thinfarm(&["explain", "--options", "rust", "twice.o", "--", "-O3"]).succeeded();
    for word in ["rustc", "haswell", "x86_64-unknown-linux-gnu", "-O3"] {
        assert!(explained.stdout.contains(word), "no {word} in {explained}");
    }
}

/// Options after -mllvm belong to an LLVM process; each set has one.
#[test]
fn options_of_llvm_differ_from_file_to_file() {
    const SETS: [(&str, &[&str]); 3] = [
        ("shape", &["-O2", "-fPIC", "-mllvm", "-align-all-functions=6"]),
        ("area", &["-O2", "-fPIC"]),
        ("names", &["-O2", "-fPIC", "-mllvm", "-align-all-functions=7", "-mllvm", "-enable-misched=false"]),
    ];
    let link = Link::sources();
    for (stem, own) in SETS {
        compile(&link, ".", stem, own, &["-frecord-command-line"]);
    }
    link.thin_link(&["shape.o", "area.o", "names.o"], &[]);
    let said = backend(&link, "recorded").succeeded();
    assert!(said.stderr.contains("3 option sets"), "{said}");
    for (stem, own) in SETS {
        let ours = link.read(&format!("{stem}{NATIVE}"));
        assert!(ours == clangs(&link, &format!("{stem}.o"), own), "{stem} has not its own options");
    }
}

/// The kernel's build keeps each command in a makefile of its own beside the object.
#[test]
fn kbuild_keeps_commands_beside_the_objects() {
    let link = Link::sources();
    let clang = llvm_tool("clang");
    for (stem, own) in OWN {
        compile(&link, ".", stem, own, &[]);
        let command = format!(
            "{} -Wp,-MMD,.{stem}.o.d {} -D\"KBUILD_STR(s)=$(pound)s\" -DKBUILD_BASENAME='\"{stem}\"' -flto=thin -c -o {stem}.o {stem}.c ; ./tools/objtool/objtool --uaccess {stem}.o",
            clang.display(),
            own.join(" ")
        );
        link.write(
            &format!(".{stem}.o.cmd"),
            format!("savedcmd_{stem}.o := {command}\n\nsource_{stem}.o := {stem}.c\n"),
        );
    }
    link.thin_link(&["shape.o", "area.o", "names.o"], &[]);
    backend(&link, "kbuild").succeeded();
    all_are_clangs(&link);

    // From 7.2 on the flags stand there on their own, and count.
    link.write(".area.o.cmd", "savedcmd_area.o := clang -O0 -c -o area.o area.c\n\nsaved_c_flags_./area.o := -O1 -fPIC -mno-sse -mno-sse2 -DX='\"a\"'\n");
    backend(&link, "kbuild").succeeded();
    all_are_clangs(&link);

    // A kernel without its options is a broken kernel.
    link.remove(".names.o.cmd");
    let said = backend(&link, "kbuild");
    said.failed_on("names.o", &["no options", "kbuild"], &["shape.o", "area.o"]);
    let said = link.thinfarm(&[
        "backend",
        "--options",
        "kbuild",
        "--missing-options",
        "ignore",
        "--list",
        "list",
        "--",
        "-Os",
    ]);
    assert!(!said.succeeded().stderr.contains("warning"));
}
