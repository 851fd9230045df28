//! Decides what is linked. No other crate of the workspace names an LLVM library.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::changed;
use crate::locate::{LlvmConfig, fail};

/// clang libraries, users before what they use.
const CLANG: &[&str] = &[
    "clangCodeGen",
    "clangFrontend",
    "clangDriver",
    "clangSerialization",
    "clangParse",
    "clangSema",
    "clangAPINotes",
    "clangEdit",
    "clangAnalysisLifetimeSafety",
    "clangAnalysis",
    "clangASTMatchers",
    "clangAST",
    "clangLex",
    "clangOptions",
    "clangSupport",
    "clangBasic",
];

/// LLVM components beyond those that these pull in themselves.
const COMPONENTS: &[&str] = &[
    "all-targets",
    "lto",
    "passes",
    "extensions",
    "coverage",
    "dtlto",
    "frontenddriver",
    "frontendhlsl",
    "frontendoffloading",
    "frontendopenmp",
    "hipstdpar",
    "irprinter",
    "option",
    "plugins",
    "windowsdriver",
];

/// Debian's LLVM registers Polly as an extension of every pass builder; `extensions` names it too.
const POLLY: &[&str] = &["Polly", "PollyISL"];

/// Libraries in which functions of LLVM make room for ours (`REPLACEMENTS`), and how the functions' symbols begin.
const REPLACED: &[(&str, &[&str])] = &[
    (
        "LLVMBitstreamReader",
        &["_ZN4llvm15BitstreamCursor10readRecord", "_ZN4llvm15BitstreamCursor10skipRecord"],
    ),
    // Of the registry everything, so that a function that a later LLVM adds is missed.
    (
        "LLVMCore",
        &[
            "_ZN4llvm12PassRegistry",
            "_ZNK4llvm12PassRegistry",
            "_ZN4llvm13AnalysisUsage15setPreservesCFG",
            "_ZN4llvm16UpgradeDebugInfoERNS_6ModuleE",
        ],
    ),
    (
        "LLVMMC",
        &[
            "_ZN4llvm15MCSubtargetInfo19InitMCProcessorInfo",
            // Their object file calls it past its symbol.
            "_ZN4llvm15MCSubtargetInfoC1ERKNS_6Triple",
            "_ZN4llvm15MCSubtargetInfoC2ERKNS_6Triple",
        ],
    ),
    ("LLVMSelectionDAG", &["_ZNK4llvm14TargetLowering28getRegForInlineAsmConstraint"]),
];

/// LLVM and clang inside the binary: nothing of them is needed at run time.
pub fn static_llvm(llvm: &LlvmConfig) {
    let directory = llvm.directory("--libdir");
    println!("cargo::rustc-link-search=native={}", directory.display());
    for library in CLANG.iter().chain(POLLY) {
        if !directory.join(format!("lib{library}.a")).exists() {
            fail(&format!(
                "lib{library}.a is missing from {}.\nInstall libclang-{major}-dev and \
                 libpolly-{major}-dev (llvm-build/install-packages.sh does).",
                directory.display(),
                major = crate::locate::MAJOR,
            ));
        }
    }
    CLANG.iter().for_each(|library| link_static(library));
    let mut question = vec!["--link-static", "--libnames"];
    question.extend(COMPONENTS);
    for name in llvm.ask(&question) {
        let library = name.strip_prefix("lib").and_then(|n| n.strip_suffix(".a"));
        match library {
            Some(library) => link_llvm(llvm, &directory, library),
            None => fail(&format!("llvm-config named an unexpected library: {name}")),
        }
    }
    static_cplusplus();
    system_libraries(llvm);
}

/// The C++ library inside the binary, too: 10,000 addresses in LLVM's tables are otherwise the dynamic linker's to fill
/// in, which touches nearly every page of them at every start.
fn static_cplusplus() {
    const LIBRARY: &str = "libstdc++.a";
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let answer = Command::new(&compiler).arg(format!("-print-file-name={LIBRARY}")).output();
    let answer = answer.unwrap_or_else(|error| fail(&format!("{compiler} does not run: {error}")));
    let path = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    match path.parent().filter(|_| path.is_absolute()) {
        Some(directory) => println!("cargo::rustc-link-search=native={}", directory.display()),
        None => fail(&format!("{compiler} has no {LIBRARY}, the static C++ library")),
    }
    link_static("stdc++");
}

fn link_llvm(llvm: &LlvmConfig, directory: &Path, library: &str) {
    match REPLACED.iter().find(|(replaced, _)| *replaced == library) {
        Some((_, prefixes)) => {
            changed::Copy::of(&directory.join(format!("lib{library}.a"))).replace(llvm, prefixes).link();
        }
        None => link_static(library),
    }
}

/// What LLVM's static libraries, and lld's, use of the system: zlib and zstd, for example.
fn system_libraries(llvm: &LlvmConfig) {
    for flag in llvm.ask(&["--link-static", "--system-libs"]) {
        // A library comes as -lNAME or, where the build found it by path, as a path.
        let file = flag.rsplit('/').next().unwrap_or(&flag);
        let library = flag
            .strip_prefix("-l")
            .or_else(|| file.strip_prefix("lib").and_then(|n| n.split(".so").next()))
            .unwrap_or_else(|| fail(&format!("llvm-config named an unexpected flag: {flag}")));
        println!("cargo::rustc-link-lib=dylib={library}");
    }
}

/// libLLVM and libclang-cpp as shared libraries: links in a second, for development.
pub fn dynamic_llvm(llvm: &LlvmConfig) {
    let directory = llvm.directory("--libdir");
    println!("cargo::rustc-link-search=native={}", directory.display());
    for name in llvm.ask(&["--link-shared", "--libnames"]) {
        let library = name.strip_prefix("lib").and_then(|n| n.split(".so").next());
        println!("cargo::rustc-link-lib=dylib={}", library.unwrap_or(&name));
    }
    println!("cargo::rustc-link-lib=dylib=stdc++");
    // lld is linked statically here, too.
    system_libraries(llvm);
    // Debian ships no libclang-cpp.so without a version.
    println!("cargo::rustc-link-lib=dylib:+verbatim=libclang-cpp.so.{}", shared_version(llvm));
}

fn shared_version(llvm: &LlvmConfig) -> String {
    llvm.version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// `-bundle`: the library goes to the final link, not as a copy into this crate's rlib.
fn link_static(library: &str) {
    println!("cargo::rustc-link-lib=static:-bundle={library}");
}
