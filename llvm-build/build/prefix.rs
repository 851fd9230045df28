//! Compiles the headers that most files of the bridge include once for all of them. Nine tenths of a file's time are
//! LLVM's and clang's headers.

use std::env;
use std::path::PathBuf;

use cc::Build;

/// The headers, compiled. The file is removed with the value: it has 150 MB.
pub struct Prefix(PathBuf);

impl Prefix {
    /// Compiles `cpp/prefix.h` with the flags that `bridge` has so far, and has `bridge` begin each file with it.
    ///
    /// Nothing comes of it if the compiler is not clang, and the files are then compiled with what they include.
    pub fn compile(bridge: &mut Build) -> Option<Prefix> {
        let compiler = bridge.get_compiler();
        if !compiler.is_like_clang() {
            return None;
        }
        let out_dir = env::var_os("OUT_DIR").expect("cargo gives a build script a directory");
        let prefix = Prefix(PathBuf::from(out_dir).join("prefix.pch"));
        let mut command = compiler.to_command();
        // Else every file would instantiate the headers' templates anew, which is most of the time.
        command.args(["-fpch-instantiate-templates", "-x", "c++-header", "cpp/prefix.h", "-o"]);
        let is_compiled = command.arg(&prefix.0).status().is_ok_and(|status| status.success());
        if !is_compiled {
            println!(
                "cargo::warning=cpp/prefix.h does not compile; each file of the bridge reads its headers itself"
            );
            return None;
        }
        bridge.flag("-include-pch").flag(&prefix.0);
        Some(prefix)
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
