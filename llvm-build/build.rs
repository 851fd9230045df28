//! Finds LLVM, compiles the bridge and decides the link.

#[path = "build/changed.rs"]
mod changed;
#[path = "build/link.rs"]
mod link;
#[path = "build/lld.rs"]
mod lld;
#[path = "build/locate.rs"]
mod locate;
#[path = "build/prefix.rs"]
mod prefix;

use std::ffi::OsStr;
use std::path::Path;
use std::{env, fs};

const SOURCES: &[&str] = &[
    "cpp/assembly.cpp",
    "cpp/bitcode.cpp",
    "cpp/bitstream.cpp",
    "cpp/cache_pruning.cpp",
    "cpp/clang_action.cpp",
    "cpp/command_line.cpp",
    "cpp/crash.cpp",
    "cpp/diagnostic_options.cpp",
    "cpp/diagnostics.cpp",
    "cpp/driver.cpp",
    "cpp/flags.cpp",
    "cpp/heap.cpp",
    "cpp/index_walks.cpp",
    "cpp/codegen_words.cpp",
    "cpp/link_options.cpp",
    "cpp/lld.cpp",
    "cpp/lld_inputs.cpp",
    "cpp/lld_objects.cpp",
    "cpp/module_ids.cpp",
    "cpp/named_files.cpp",
    "cpp/options.cpp",
    "cpp/process.cpp",
    "cpp/recorded.cpp",
    "cpp/referenced_symbols.cpp",
    "cpp/rescue.cpp",
    "cpp/thin_backend.cpp",
];

/// What takes the place of functions of LLVM, where LLVM is linked statically.
const REPLACEMENTS: &[&str] = &[
    "cpp/asm_registers.cpp",
    "cpp/debug_info.cpp",
    "cpp/pass_registry.cpp",
    "cpp/processor_features.cpp",
    "cpp/read_record.cpp",
    "cpp/replaced.cpp",
    "cpp/replaced_debug_info.cpp",
    "cpp/replaced_lld.cpp",
    "cpp/replaced_records.cpp",
];

/// Those of an earlier build, among them copies that are linked no more: tests look at all that are there.
fn remove_old_libraries() {
    let files = env::var_os("OUT_DIR").and_then(|out| fs::read_dir(out).ok());
    for file in files.into_iter().flatten().flatten() {
        if file.path().extension().is_some_and(|extension| extension == "a") {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// Whether clippy is all that runs, for which cargo runs this script apart from any build: nothing is linked then.
fn is_clippys() -> bool {
    let wrapper = env::var_os("RUSTC_WORKSPACE_WRAPPER");
    wrapper.is_some_and(|wrapper| Path::new(&wrapper).file_stem() == Some(OsStr::new("clippy-driver")))
}

fn main() {
    let llvm = locate::locate().unwrap_or_else(|not_found| locate::fail(&not_found.to_string()));
    let binaries = llvm.directory("--bindir");
    for path in ["build.rs", "build", "cpp", "src/bridge.rs", "src/replaced.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-env=THINFARM_LLVM_BINDIR={}", binaries.display());
    println!("cargo::rustc-env=THINFARM_LLVM_LIBDIR={}", llvm.directory("--libdir").display());
    println!("cargo::rustc-env=THINFARM_LLVM_VERSION={}", llvm.version);
    if is_clippys() {
        return;
    }

    remove_old_libraries();
    let is_dynamic = env::var_os("CARGO_FEATURE_DYNAMIC_LLVM").is_some();

    let mut bridge = match is_dynamic {
        true => cxx_build::bridge("src/bridge.rs"),
        false => cxx_build::bridges(["src/bridge.rs", "src/replaced.rs"]),
    };
    if !is_dynamic {
        bridge.files(REPLACEMENTS).define("THINFARM_STATIC_LLVM", None);
    }
    bridge
        .files(SOURCES)
        .std("c++17")
        // As the libraries were built: LLVM's inline functions must agree with them.
        .define("NDEBUG", None)
        .warnings(true)
        .flag_if_supported("-fno-exceptions")
        .flag_if_supported("-Wno-unused-parameter");
    // As system headers, so that warnings are about this crate's code only.
    bridge.flag("-isystem").flag(llvm.directory("--includedir"));
    for flag in llvm.ask(&["--cxxflags"]) {
        if flag.starts_with("-D") {
            bridge.flag(&flag);
        }
    }
    // The clang next to these headers compiles them faster than gcc and is there anyway. Who names a compiler may
    // mean one with a cache, which remembers plain compilations.
    println!("cargo::rerun-if-env-changed=CXX");
    let clang = binaries.join("clang++");
    let prefix = if env::var_os("CXX").is_none() && clang.exists() {
        bridge.compiler(clang);
        prefix::Prefix::compile(&mut bridge)
    } else {
        None
    };
    bridge.compile("thinfarm-bridge");
    drop(prefix);

    lld::link(&llvm);
    if is_dynamic {
        link::dynamic_llvm(&llvm);
    } else {
        link::static_llvm(&llvm);
    }
}
