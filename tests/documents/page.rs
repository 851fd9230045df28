//! A page of Markdown, as far as its fenced blocks go.

use anyhow::{Result, bail, ensure};

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The path from the repository's root.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// In the order of the text.
    pub blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// The number of the line that opens it, from 1.
    pub line: usize,
    /// What becomes of it.
    pub kind: Kind,
    /// What is between the fences, with its last newline.
    pub text: String,
}

/// What becomes of a block.
#[derive(Debug, PartialEq)]
pub enum Kind {
    /// It is run.
    Commands,
    /// What the block before it prints.
    Output,
    /// It is written to the file of this name.
    File(String),
    /// It is left alone for this reason.
    NotRun(String),
    /// It is the example of the crate's first page.
    Example,
    /// It is to be read only.
    Text,
}

const FENCE: &str = "```";

impl Page {
    /// The page `name` with this text.
    ///
    /// # Errors
    /// A block is not closed, has no language, or could hold commands that nobody runs.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut blocks = Vec::new();
        let mut before = "";
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let place = format!("{name}:{}", number + 1);
            if let Some(language) = line.strip_prefix(FENCE) {
                let mut block = String::new();
                loop {
                    match lines.next() {
                        Some((_, FENCE)) => break,
                        Some((_, line)) => {
                            block.push_str(line);
                            block.push('\n');
                        }
                        None => bail!("{place}: the block has no end"),
                    }
                }
                let kind = kind(language, before, &place)?;
                let follows = matches!(blocks.last(), Some(Block { kind: Kind::Commands, .. }));
                ensure!(kind != Kind::Output || follows, "{place}: this output has no commands before it");
                blocks.push(Block { line: number + 1, kind, text: block });
            } else {
                // Markdown takes it for code as well, which nobody would run.
                let is_indented = line.starts_with("    ") && before.trim().is_empty();
                ensure!(!is_indented, "{place}: code is to be in a fenced block with a language");
                ensure!(!line.trim_start().starts_with(FENCE), "{place}: a fence begins its line");
            }
            before = line;
        }
        Ok(Self { name: name.to_owned(), text: text.to_owned(), blocks })
    }

    /// Whether anything is run.
    pub fn has_commands(&self) -> bool {
        self.blocks.iter().any(|block| block.kind == Kind::Commands)
    }

    /// The blocks that are not run: page, first line and reason.
    pub fn not_run(&self) -> Vec<String> {
        let line = |block: &Block| match &block.kind {
            Kind::NotRun(reason) => {
                Some(format!("{}: {}: {reason}", self.name, block.text.lines().next().unwrap_or_default()))
            }
            _ => None,
        };
        self.blocks.iter().filter_map(line).collect()
    }
}

/// What becomes of a block in `language` below the line `before`.
fn kind(language: &str, before: &str, place: &str) -> Result<Kind> {
    let mark = |key: &str| {
        let (_, rest) = before.split_once(&format!("<!-- {key}: "))?;
        Some(rest.strip_suffix(" -->")?.to_owned())
    };
    let (file, reason) = (mark("file"), mark("not run"));
    Ok(match (language, file, reason) {
        (_, None, Some(reason)) => Kind::NotRun(reason),
        ("sh", None, None) => Kind::Commands,
        ("output", None, None) => Kind::Output,
        ("rust", None, None) => Kind::Example,
        ("text", None, None) => Kind::Text,
        ("sh" | "output" | "text", ..) => bail!("{place}: {language:?} with the mark of a file"),
        (_, Some(name), None) => Kind::File(name),
        _ => bail!("{place}: a block of {language:?} without a mark: which file is it?"),
    })
}
