//! `explain` and `doctor`: what would be done and with what, in words and in JSON.

use std::path::Path;

use serde_json::Value;

use crate::fixture::{Link, Said, llvm_tool, run, thinfarm};

/// Standard output as JSON.
#[track_caller]
fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("not JSON ({error}):\n{said}"))
}

/// The entry of one codegen option of the first module.
#[track_caller]
fn option<'a>(explained: &'a Value, name: &str) -> &'a Value {
    let options = explained[0]["options"].as_array().expect("a list of options");
    let option = options.iter().find(|option| option["name"] == name);
    option.unwrap_or_else(|| panic!("no option {name} in {explained:#}"))
}

#[test]
fn explain_says_which_flag_set_an_option() {
    let link = Link::new();
    let flags = ["-O3", "-ffunction-sections", "-mcmodel=large", "-march=haswell"];
    let said = link.thinfarm(&[&["explain", "shape.o", "--"], &flags[..]].concat()).succeeded();
    for flag in flags {
        assert!(said.stdout.contains(flag), "nothing comes from {flag}:\n{said}");
    }
    assert!(said.stdout.contains("haswell") && said.stdout.contains("large"), "{said}");
}

#[test]
fn explain_in_json_has_every_option() {
    let link = Link::new();
    let said = link.thinfarm(&["explain", "--json", "shape.o", "area.o", "--", "-O3", "-ffunction-sections"]);
    let explained = json(&said.succeeded());
    assert_eq!(explained.as_array().map(Vec::len), Some(2));
    assert_eq!((&explained[0]["module"], &explained[1]["module"]), (&"shape.o".into(), &"area.o".into()));

    let sections = option(&explained, "function_sections");
    assert_eq!(sections["value"], true);
    assert_eq!(sections["origin"]["flags"], Value::from(vec!["-ffunction-sections"]));
    let level = option(&explained, "optimization_level");
    assert_eq!(level["origin"]["flags"], Value::from(vec!["-O3"]));
    let data = option(&explained, "data_sections");
    assert_eq!((&data["value"], &data["origin"]["from"]), (&false.into(), &"default".into()));
}

/// The line is not only shown: clang runs it, and writes the object that thinfarm writes.
#[test]
fn explain_cc1_is_a_command_that_makes_the_object() {
    let link = Link::new();
    let said = link.thinfarm(&["explain", "--cc1", "shape.o", "--", "-O2", "-fPIC"]).succeeded();
    let line = said.stdout.trim();
    assert!(line.starts_with("clang -cc1 ") && line.lines().count() == 1, "{said}");
    let clang = llvm_tool("clang");
    let mut shell = link.command("sh");
    run(shell.args(["-c", &line.replacen("clang", &format!("'{}'", clang.display()), 1)])).succeeded();
    let object = link.read("shape.thinlto-native.o");
    assert!(!object.is_empty());
    link.remove("shape.thinlto-native.o");
    link.thinfarm(&["backend", "shape.o", "--", "-O2", "-fPIC"]).succeeded();
    assert!(link.read("shape.thinlto-native.o") == object, "cc1 made another object");
}

#[test]
fn explain_rejects_what_clang_rejects() {
    let link = Link::new();
    let said = link.thinfarm(&["explain", "shape.o", "--", "-fno-such-flag"]);
    said.failed_on("-fno-such-flag", &["unknown argument"], &[]);
}

#[test]
fn doctor_finds_the_tools_of_the_linked_llvm() {
    let said = run(thinfarm().args(["doctor", "--json"]));
    let findings = json(&said);
    for (name, tool) in [("clang", llvm_tool("clang")), ("lld", llvm_tool("ld.lld"))] {
        let found = findings[name]["path"].as_str().unwrap_or_else(|| panic!("no {name}:\n{said}"));
        let same = Path::new(found).canonicalize().ok() == tool.canonicalize().ok();
        assert!(same, "the doctor found {found}, the tests {}", tool.display());
        assert_eq!(findings[name]["version"], findings["llvm"], "{said}");
    }
    for target in ["x86-64", "aarch64", "riscv64", "loongarch64", "arm", "ppc64"] {
        let targets = findings["targets"].as_array().expect("a list of targets");
        assert!(targets.iter().any(|built_in| built_in == target), "no {target}:\n{said}");
    }
    assert!(findings["cores"].as_u64() >= Some(1) && findings["memory_bytes"].as_u64() > Some(1 << 27));
    let problems = findings["problems"].as_array().expect("a list of problems");
    assert_eq!(said.code, Some(i32::from(!problems.is_empty())), "{said}");
}

#[test]
fn doctor_in_words_says_the_same() {
    let findings = json(&run(thinfarm().args(["doctor", "--json"])));
    let said = run(thinfarm().arg("doctor"));
    for told in [&findings["llvm"], &findings["clang"]["path"], &findings["lld"]["path"]] {
        let told = told.as_str().expect("a word");
        assert!(said.stdout.contains(told), "no {told} in:\n{said}");
    }
    let is_laid_out = findings["laid_out_by_bolt"].as_bool();
    assert_eq!(Some(!said.stdout.contains("make release")), is_laid_out, "{said}");
}
