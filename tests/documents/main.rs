//! The documents say what is true: every command in them runs, every link leads somewhere.
//!
//! A page is Markdown with fenced blocks, each of a language:
//!
//! - `sh` is run, block after block in one shell, in a copy of `docs/example` (the pages of `trees.rs` have another
//!   directory), with `thinfarm`, `ld.thinfarm` and the programs of LLVM on PATH;
//! - `output` is compared with what the block before it printed: its lines must be there in this order, and `…`
//!   stands for anything;
//! - any other block whose line before is `<!-- file: NAME -->` is written to that file;
//! - a block whose line before is `<!-- not run: REASON -->` is left alone. `not_run.txt` has a line for each;
//! - `rust` is the example of the crate's first page, which is a test itself;
//! - `text` is left alone.
//!
//! `cargo test --release --test documents [PAGE]` runs some pages.

mod links;
mod page;
mod run;
mod trees;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Trial};

use page::{Kind, Page};

/// The root of the repository, where all pages are.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, by its path from the root, in order.
fn pages() -> Result<Vec<Page>> {
    let mut paths: Vec<PathBuf> = ["", "docs", "docs/decisions"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.push(root().join("tests/README.md"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root())?.to_str().context("a name in UTF-8")?.to_owned();
        Page::parse(&name, &text)
    };
    paths.into_iter().map(read).collect()
}

/// The blocks that nothing runs are those of `not_run.txt`, so that their number cannot grow unseen.
fn what_is_not_run_is_listed(pages: &[Page]) -> Result<()> {
    const LIST: &str = "tests/documents/not_run.txt";
    let listed = fs::read_to_string(root().join(LIST))?;
    let found: Vec<String> = pages.iter().flat_map(Page::not_run).collect();
    ensure!(
        listed.lines().filter(|line| !line.starts_with('#')).eq(found.iter()),
        "{LIST} is to list the blocks that are not run, which are:\n{}",
        found.join("\n")
    );
    Ok(())
}

/// The example of `docs/library.md` is that of `src/lib.rs`, without the lines that prepare it there.
fn the_example_is_that_of_the_crate(pages: &[Page]) -> Result<()> {
    let crate_page = fs::read_to_string(root().join("src/lib.rs"))?;
    let (_, example) = crate_page.split_once("//! ```\n").context("src/lib.rs has an example")?;
    let (example, _) = example.split_once("//! ```\n").context("the example has an end")?;
    let lines = example.lines().filter_map(|line| line.strip_prefix("//!"));
    let shown: Vec<&str> = lines
        .filter(|line| !line.starts_with(" # "))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    for block in pages.iter().flat_map(|page| &page.blocks).filter(|block| block.kind == Kind::Example) {
        ensure!(
            block.text.lines().eq(shown.iter().copied()),
            "docs/library.md has another example than src/lib.rs"
        );
    }
    Ok(())
}

/// The page of the linker names every option and variable of `ld.thinfarm`, and no page names one that is not there.
fn options_are_those_of_the_linker(pages: &[Page]) -> Result<()> {
    let mut linker = Command::new(run::program());
    let help =
        linker.arg0("ld.thinfarm").arg("--thinfarm-help").output().context("ld.thinfarm does not start")?;
    let help = String::from_utf8_lossy(&help.stdout);
    let known = words_of(&help);
    ensure!(!known.is_empty(), "ld.thinfarm has no options of its own");
    let page = pages.iter().find(|page| page.name == "docs/linker.md").context("there is docs/linker.md")?;
    let named = words_of(&page.text);
    let unnamed: Vec<_> = known.difference(&named).collect();
    ensure!(unnamed.is_empty(), "docs/linker.md does not name {unnamed:?}");
    for page in pages {
        let unknown: Vec<_> = words_of(&page.text)
            .into_iter()
            .filter(|word| word.starts_with("--thinfarm-") && !known.contains(word))
            .collect();
        ensure!(unknown.is_empty(), "{} names {unknown:?}, which ld.thinfarm has not", page.name);
    }
    Ok(())
}

/// The options and variables of `ld.thinfarm` in `text`.
fn words_of(text: &str) -> BTreeSet<&str> {
    let is_named = |word: &str, begin: &str, letter: fn(&char) -> bool| {
        word.strip_prefix(begin).and_then(|rest| rest.chars().next()).is_some_and(|first| letter(&first))
    };
    text.split(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter))
        .filter(|word| {
            is_named(word, "--thinfarm-", char::is_ascii_lowercase)
                || is_named(word, "THINFARM_", char::is_ascii_uppercase)
        })
        .collect()
}

/// What this test would not see if it read pages wrongly.
fn faults_of_pages_are_found(_: &[Page]) -> Result<()> {
    for (pattern, line, is_alike) in [
        ("a … c", "a b c", true),
        ("… c", "a  b   c", true),
        ("a …", "a b c", true),
        ("a b c", "a b", false),
        ("a … c", "a b d", false),
        ("b …", "a b c", false),
        ("a", "a b", false),
    ] {
        ensure!(run::matches(pattern, line) == is_alike, "{pattern:?} and {line:?}");
    }
    ensure!(run::compare("a\nc\n", "a\nb\nc\n").is_ok() && run::compare("c\na\n", "a\nb\nc\n").is_err());
    for wrong in [
        "```sh\ntrue\n",
        "```\ntrue\n```\n",
        "```toml\na = 1\n```\n",
        "```output\ntrue\n```\n",
        "text\n\n    make all\n",
        "- item\n  ```sh\n  true\n  ```\n",
    ] {
        ensure!(Page::parse("page.md", wrong).is_err(), "nothing is found in {wrong:?}");
    }
    let page = Page::parse("page.md", "<!-- not run: it is long -->\n```sh\nmake all\n```\n")?;
    ensure!(page.not_run() == ["page.md: make all: it is long"] && !page.has_commands());
    let page = Page::parse(
        "docs/page.md",
        "[a](b.md) [c](../DESIGN.md#nothing) `src/nothing.rs` [d](../DESIGN.md)",
    )?;
    let error = links::check(root(), &[page]).map_err(|error| error.to_string()).err().unwrap_or_default();
    let broken: Vec<&str> = error.lines().skip(1).collect();
    ensure!(
        broken
            == ["docs/page.md: b.md", "docs/page.md: ../DESIGN.md#nothing", "docs/page.md: `src/nothing.rs`"],
        "{error}"
    );
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let pages: &'static [Page] = match pages() {
        Ok(pages) => pages.leak(),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let trial = |name: String, test: fn(&'static [Page]) -> Result<()>| {
        Trial::test(name, move || test(pages).map_err(|error| format!("{error:#}").into()))
    };
    let mut trials = vec![
        trial("faults of pages are found".to_owned(), faults_of_pages_are_found),
        trial("links lead somewhere".to_owned(), |pages| links::check(root(), pages)),
        trial("what is not run is listed".to_owned(), what_is_not_run_is_listed),
        trial("options are those of the linker".to_owned(), options_are_those_of_the_linker),
        trial("the example is that of the crate".to_owned(), the_example_is_that_of_the_crate),
    ];
    trials.extend(pages.iter().filter(|page| page.has_commands()).map(|page| {
        Trial::test(page.name.clone(), move || run::run(page).map_err(|error| format!("{error:#}").into()))
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
