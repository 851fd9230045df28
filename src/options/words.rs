//! Which words of a command line are options, and which are their values: clang's table is asked of each word once.

use std::collections::HashMap;

use llvm_build::{WordShape, word_shape};

/// The words that the table was asked about.
#[derive(Debug, Default)]
pub(super) struct Words {
    of_driver: HashMap<String, WordShape>,
    of_cc1: HashMap<String, WordShape>,
}

impl Words {
    /// The options of clang's driver, or (`-cc1` first, which is none) of cc1, each with its values. `None` if there is a
    /// response file, in which there may be anything, or a word that ends for clang before its end or has none.
    pub(super) fn options<'a>(&mut self, args: &'a [String]) -> Option<Vec<(&'a [String], WordShape)>> {
        if args.iter().any(|word| word.starts_with('@') || word.contains('\0') || word.is_empty()) {
            return None;
        }
        let is_cc1 = args.first().is_some_and(|word| word == "-cc1");
        let known = if is_cc1 { &mut self.of_cc1 } else { &mut self.of_driver };
        let mut rest = &args[usize::from(is_cc1)..];
        let mut options = Vec::with_capacity(rest.len());
        while let Some(word) = rest.first() {
            let shape = match known.get(word) {
                Some(shape) => *shape,
                None => *known.entry(word.clone()).or_insert(word_shape(word, is_cc1)),
            };
            let length = if shape.takes_all { rest.len() } else { 1 + shape.values as usize };
            let (option, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            // One that lacks its value is for clang to complain of.
            options.push((option, if option.len() < length { WordShape::default() } else { shape }));
            rest = behind;
        }
        Some(options)
    }
}
