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
    let link = Link::compiled(&["-O1", "-Os", "-Oz", "-fPIC", "-fPIC", "-frecord-command-line"]);
    let said = link.thinfarm(&["explain", "--json", "area.o"]).succeeded();
    let explained: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let origin = |name: &str| {
        let options = explained[0]["options"].as_array().expect("options");
        let option = options.iter().find(|option| option["name"] == name).expect(name);
        option["origin"]["flags"].clone()
    };
    assert_eq!(origin("optimization_level"), serde_json::json!(["-Oz"]), "{said}");
}

#[test]
fn a_module_without_options_of_its_own_has_none_to_list() {
    let link = Link::new();
    let said = link.thinfarm(&["explain", "area.o"]).succeeded();
    assert_eq!(said.stdout.lines().count(), 1, "{said}");
    for part in ["area.o: ", "no options of its own", "as the link says", "thinfarm backend"] {
        assert!(said.stdout.contains(part), "no {part} in {said}");
    }
}

#[test]
fn what_is_no_module_is_an_error() {
    let link = Link::new();
    link.write("text.txt", "no module");
    for (name, reason) in [("nothere.o", "No such file"), ("text.txt", "bitcode")] {
        for more in [&[][..], &["--", "-O2"]] {
            let said = link.thinfarm(&[&["explain", name], more].concat());
            assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said}");
            assert!(said.stderr.contains(name) && said.stderr.contains(reason), "{said}");
        }
    }
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
