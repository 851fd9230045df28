//! What somebody says of all modules, around the options that each has.

use super::{FileOptions, Provenance};

/// Options of all modules, whatever else is known of them. Rules do not see them.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
pub struct Frame {
    /// Stand before those of a module, which win.
    pub first: Vec<String>,
    /// Stand after those of a module, and win.
    pub last: Vec<String>,
    /// Where these are from, for people.
    pub from: &'static str,
}

impl Frame {
    /// `options` of a module in this frame.
    pub(super) fn around(&self, options: FileOptions, provenance: &mut Provenance) -> FileOptions {
        if self.first.is_empty() && self.last.is_empty() {
            return options;
        }
        provenance.source += " and ";
        provenance.source += self.from;
        // What begins with -cc1 must go on doing so.
        let is_cc1 = options.flags.first().is_some_and(|flag| flag == "-cc1");
        let (cc1, flags) = options.flags.split_at(usize::from(is_cc1));
        let flags = [cc1, &self.first, flags, &self.last].concat().into();
        FileOptions { flags, ..options }
    }
}
