//! Links the program at a fixed address: a position-independent one would apply LLVM's 270,000
//! relative relocations, and so touch 10 MB, at every start.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-no-pie");
}
