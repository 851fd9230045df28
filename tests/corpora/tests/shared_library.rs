//! A corpus through all four stages, with clang for the backends: what thinfarm's own tests build on.

use std::fs;
use std::path::PathBuf;

use thinfarm_corpora::{
    Corpus, Invocation, Toolchain, compile, default_jobs, final_link, products_dir, thin_link,
};

#[test]
fn lua_becomes_a_shared_library() {
    let toolchain = Toolchain::find().unwrap();
    let sources = Corpus::Lua.sources().unwrap();
    let flags = [sources.flags, vec!["-O1".to_owned(), "-fPIC".to_owned()]].concat();
    let dir = products_dir().join("lua-by-clang");

    let objects = compile(&toolchain, &sources.files, &flags, &dir, default_jobs()).unwrap();
    let link = thin_link(&toolchain, &dir, &objects, &["-shared"]).unwrap();
    assert_eq!(link.modules, objects, "every object is a module of the link, under the name it was given");

    let mut native_objects = Vec::<PathBuf>::new();
    for module in &link.modules {
        let native_object = module.with_extension("by-clang.o");
        Invocation::new(&toolchain.clang, &dir)
            .args(["-O1", "-fPIC", "-x", "ir", "-c"])
            .arg(format!("-fthinlto-index={}.thinlto.bc", module.display()))
            .arg("-o")
            .arg(&native_object)
            .arg(module)
            .capture()
            .unwrap();
        native_objects.push(native_object);
    }

    let library = dir.join("liblua.so");
    if library.exists() {
        fs::remove_file(&library).unwrap();
    }
    final_link(&toolchain, &dir, &native_objects, &["-shared", "-o", "liblua.so"]).unwrap();
    let symbols = Invocation::new(toolchain.tool("llvm-nm").unwrap(), &dir)
        .args(["--dynamic", "--defined-only", "liblua.so"])
        .capture()
        .unwrap();
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    assert!(symbols.lines().any(|line| line.ends_with(" T lua_newstate")), "{symbols}");
}

#[test]
fn a_thin_link_that_fails_says_what_lld_said() {
    let toolchain = Toolchain::find().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let error = thin_link(&toolchain, dir.path(), &["missing.o"], &["-shared"]).unwrap_err();
    let shown = format!("{error:#}");
    assert!(shown.contains("cannot open missing.o"), "{shown}");
}
