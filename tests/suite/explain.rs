//! `thinfarm explain`: the answer is what the linker would do, and each option says which word set it.

use crate::fixture::Link;

#[test]
fn recorded_options_are_those_of_the_linker_without_a_word() {
    let link = Link::compiled(&["-O1", "-O3", "-mno-avx", "-fno-jump-tables", "-frecord-command-line"]);
    let said = link.thinfarm(&["explain", "area.o", "--", "-O0"]).succeeded();
    assert!(said.stdout.contains("!llvm.commandline of area.o"), "{said}");
    assert!(said.stdout.contains("[-O3]") && !said.stdout.contains("-O0"), "{said}");
    // What has no options of its own has those that are given.
    let link = Link::new();
    let said = link.thinfarm(&["explain", "area.o", "--", "-O3"]).succeeded();
    assert!(said.stdout.contains("after --") && said.stdout.contains("[-O3]"), "{said}");
}

/// The last of several words that say the same counts, in clang's words and in cc1's.
#[test]
fn each_option_names_the_word_that_set_it() {
    let link = Link::new();
    let given = ["-fno-pic", "-fno-pic", "-ffunction-sections", "-ffunction-sections", "-O3", "-O3"];
    let said = link.thinfarm(&[&["explain", "area.o", "--"], &given[..]].concat()).succeeded();
    for (option, word) in [
        ("function_sections", "[-ffunction-sections]"),
        ("optimization_level", "[-O3]"),
        ("relocation_model", "[-fno-pic]"),
    ] {
        let line = said.stdout.lines().find(|line| line.trim_start().starts_with(option));
        assert!(line.is_some_and(|line| line.ends_with(word)), "no {option} by {word} in {said}");
    }
    assert!(!said.stdout.contains("several"), "{said}");
    let link = Link::compiled(&["-O1", "-Os", "-Oz", "-fPIC", "-fPIC", "-frecord-command-line"]);
    let said = link.thinfarm(&["explain", "--json", "area.o"]).succeeded();
    assert!(!said.stdout.contains("several"), "{said}");
}

#[test]
fn an_error_says_once_that_it_is_one() {
    let link = Link::new();
    let said = link.thinfarm(&["explain", "area.o", "--", "-fno-such-flag", "-O2"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(
        said.stderr.starts_with("thinfarm: error: area.o: ") && said.stderr.contains("-fno-such-flag"),
        "{said}"
    );
    assert_eq!(said.stderr.matches("error:").count(), 1, "{said}");
}
