//! What is linked of a program, and the command line for that.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use thinfarm_corpora::{Invocation, Toolchain};

use crate::linkers::OUT;
use crate::program::{Entry, Program};

/// What a linker makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A position-independent executable.
    Pie,
    /// One without a loader.
    StaticPie,
    /// An executable at a fixed address.
    NoPie,
    /// A shared library.
    Shared,
    /// A shared library that binds its own symbols.
    Symbolic,
    /// An object.
    Relocatable,
}

/// An option with what belongs to it, to be taken away as one.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The words.
    pub args: Vec<String>,
    /// A file that they name, and its text.
    pub file: Option<(String, String)>,
}

/// A link of a program.
#[derive(Clone, Debug)]
pub struct Link {
    /// What is made.
    pub output: Output,
    /// Options of all kinds.
    pub options: Vec<Choice>,
}

/// What surrounds the inputs of a program with a C library on a command line: start files and libraries.
#[derive(Clone, Debug)]
pub struct Surroundings {
    before: Vec<String>,
    after: Vec<String>,
}

/// The surroundings of each output that is run.
pub struct AllSurroundings(Vec<(Output, Surroundings)>);

impl Output {
    /// All.
    pub const ALL: [Output; 6] = [
        Output::Pie,
        Output::StaticPie,
        Output::NoPie,
        Output::Shared,
        Output::Symbolic,
        Output::Relocatable,
    ];

    /// The options of lld.
    pub fn args(self) -> &'static [&'static str] {
        match self {
            Output::Pie => &["-pie"],
            Output::StaticPie => &["-static", "-pie", "--no-dynamic-linker", "-z", "text"],
            Output::NoPie => &["-no-pie"],
            Output::Shared => &["-shared"],
            Output::Symbolic => &["-shared", "-Bsymbolic"],
            Output::Relocatable => &["-r"],
        }
    }

    /// Whether it can be run.
    pub fn is_executable(self) -> bool {
        matches!(self, Output::Pie | Output::StaticPie | Output::NoPie)
    }

    /// Whether shared libraries may be linked into it.
    pub fn takes_shared_libraries(self) -> bool {
        !matches!(self, Output::StaticPie | Output::Relocatable)
    }
}

impl Choice {
    /// Words.
    pub fn of(args: &[&str]) -> Self {
        Choice { args: args.iter().map(|&arg| arg.to_owned()).collect(), file: None }
    }

    /// An option that ends in the name of a file.
    pub fn with_file(option: &str, name: &str, text: String) -> Self {
        Choice { args: vec![format!("{option}{name}")], file: Some((name.to_owned(), text)) }
    }
}

impl Link {
    /// The name of what is made.
    pub const NAME: &str = "made";

    /// A link without options.
    pub fn new(output: Output) -> Self {
        Link { output, options: Vec::new() }
    }

    /// Writes the files that options name.
    pub fn write(&self, dir: &Path) -> Result<()> {
        for (name, text) in self.options.iter().filter_map(|choice| choice.file.as_ref()) {
            fs::write(dir.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(())
    }

    /// The linker's arguments.
    pub fn args(&self, program: &Program, all: &AllSurroundings) -> Vec<String> {
        let mut words = program.symbol_options();
        for choice in &self.options {
            words.extend_from_slice(&choice.args);
        }
        words.extend(program.inputs(self.output.takes_shared_libraries()));
        match program.entry {
            Entry::Main => all.around(self.output, &words),
            Entry::Start => Surroundings::none(self.output).around(&words),
        }
    }

    /// The same link, made whatever is wrong with it, so that what is refused can be compared, too.
    pub fn forced(&self) -> Link {
        let mut link = self.clone();
        link.options.push(Choice::of(&["--noinhibit-exec", "--error-limit=0"]));
        link
    }

    /// What there is to run.
    pub fn runs(&self, program: &Program) -> Option<&'static str> {
        (program.entry == Entry::Main && self.output.is_executable()).then_some(Self::NAME)
    }
}

impl AllSurroundings {
    /// Asks clang.
    pub fn find(tools: &Toolchain) -> Result<Self> {
        let found = [(Output::Pie, "-pie"), (Output::StaticPie, "-static-pie"), (Output::NoPie, "-no-pie")]
            .map(|(output, flag)| Ok((output, Surroundings::ask(tools, flag)?)));
        Ok(AllSurroundings(found.into_iter().collect::<Result<_>>()?))
    }

    /// The arguments of a link of `words` by a C compiler. Shared libraries and objects have no start files.
    pub fn around(&self, output: Output, words: &[String]) -> Vec<String> {
        match self.0.iter().find(|(of, _)| *of == output) {
            Some((_, surroundings)) => surroundings.around(words),
            None => Surroundings::none(output).around(words),
        }
    }
}

impl Surroundings {
    /// Only what says which output it is.
    fn none(output: Output) -> Self {
        let before = output.args().iter().map(|&arg| arg.to_owned()).collect();
        Surroundings { before, after: Vec::new() }
    }

    /// The arguments of a link of `words`.
    fn around(&self, words: &[String]) -> Vec<String> {
        // With more threads lld's messages come in an order that changes from link to link.
        let first = ["--threads=1".to_owned()];
        let output = ["-o".to_owned(), format!("{OUT}/{}", Link::NAME)];
        [&first[..], &self.before, &output, words, &self.after].concat()
    }

    /// What clang puts around the inputs of a link with `flag`.
    fn ask(tools: &Toolchain, flag: &str) -> Result<Self> {
        const INPUTS: &str = "--the-inputs";
        let linker = format!("--ld-path={}", tools.lld.display());
        let clang = Invocation::new(&tools.clang, "/");
        let asked = clang.args(["-###", flag, &linker, &format!("-Wl,{INPUTS}")]).capture()?;
        let shown = String::from_utf8_lossy(&asked.stderr).into_owned();
        let line = shown.lines().find(|line| line.contains(INPUTS)).context("clang -### shows no link")?;
        let words = shlex::split(line).context("clang -### shows words that no shell understands")?;
        let at = words.iter().position(|word| word == INPUTS).context("clang -### shows no inputs")?;
        let mut before = words[1..at].to_vec();
        if let Some(output) = before.iter().position(|word| word == "-o") {
            before.drain(output..output + 2);
        }
        Ok(Surroundings { before, after: words[at + 1..].to_vec() })
    }
}
