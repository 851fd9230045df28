//! Compiles the C half, with the compiler and the flags of the environment.

fn main() {
    println!("cargo::rerun-if-changed=native/mix.c");
    cc::Build::new().file("native/mix.c").compile("mix");
}
