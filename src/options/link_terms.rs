//! What a link has to say to files with options of their own.
//!
//! A file's own options are a whole compile command, and the link's are for those that have none. Two things are the
//! link's to decide all the same: how the output is loaded, for code that is made for another kind of output does not
//! link; and whether the whole program is instrumented by a context-sensitive profile, or optimised with one. All else
//! that somebody gave to the linker is a wish, and who gave it is told where it is not followed.

use std::sync::Arc;

use llvm_build::CodegenOptions;
use serde_json::{Map, Value};

/// An option of a link about code generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// As it was given.
    pub option: String,
    /// The fields of [`CodegenOptions`] that it decides.
    pub fields: Vec<String>,
}

/// What a link decides for all files, and what it wishes of them.
#[derive(Clone, Debug)]
pub(crate) struct LinkTerms {
    codegen: Arc<CodegenOptions>,
    fields: Map<String, Value>,
    wishes: Vec<Wish>,
}

/// How many modules with options of their own a link overrules, or these overrule the link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Modules.
    pub modules: usize,
    /// The first of them.
    pub first: String,
}

/// What became of a link's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// Modules made for another kind of output, which got the link's relocation model.
    pub relocated: Tally,
    /// Modules that do not follow each of the wishes, in their order.
    pub unfollowed: Vec<(String, Tally)>,
}

/// How one file's options differ from the link's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Departures {
    pub(super) is_relocated: bool,
    /// Positions of wishes.
    unfollowed: Vec<usize>,
}

impl LinkTerms {
    /// Of what lld decided, `codegen`, because of the `wishes` of its command line.
    pub fn new(codegen: CodegenOptions, wishes: Vec<Wish>) -> Self {
        let fields = fields(&codegen);
        Self { codegen: Arc::new(codegen), fields, wishes }
    }

    /// The options that a file with options of its `own` gets after them, in cc1's words.
    pub(super) fn decisions(&self, own: &CodegenOptions) -> Vec<String> {
        let link = &self.codegen;
        let mut cc1 = Vec::new();
        if self.relocates(own) {
            cc1.extend(["-mrelocation-model".to_owned(), link.relocation_model.clone()]);
        }
        let has_links_profile =
            own.cs_profile == link.cs_profile && own.cs_profile_path == link.cs_profile_path;
        match link.cs_profile.as_str() {
            _ if has_links_profile => {}
            "generate" => {
                cc1.push("-fprofile-instrument=csllvm".to_owned());
                // Without a name lld leaves it to the runtime, clang to a pattern of its own.
                if !link.cs_profile_path.is_empty() {
                    cc1.push(format!("-fprofile-instrument-path={}", link.cs_profile_path));
                }
            }
            decided => {
                // Counters need a runtime, which the link does not have.
                if own.cs_profile == "generate" {
                    cc1.push("-fprofile-instrument=none".to_owned());
                }
                if decided == "use" {
                    cc1.push("-fprofile-instrument-use=csllvm".to_owned());
                    cc1.push(format!("-fprofile-instrument-use-path={}", link.cs_profile_path));
                }
            }
        }
        cc1
    }

    /// Whether code as `own` has it cannot be in an output that is loaded anywhere.
    fn relocates(&self, own: &CodegenOptions) -> bool {
        self.codegen.relocation_model == "pic" && own.relocation_model != "pic"
    }

    /// How the terms are kept by a file with options of its `own`, which are `settled` with the link's decisions.
    pub(super) fn departures(&self, own: &CodegenOptions, settled: &CodegenOptions) -> Departures {
        let own_fields = fields(settled);
        let follows = |field: &String| match (&self.fields[field], &own_fields[field]) {
            // Of features the link names a few, and a file has all.
            (Value::Array(wished), Value::Array(has)) => wished.iter().all(|feature| has.contains(feature)),
            (wished, has) => wished == has,
        };
        let is_unfollowed = |(_, wish): &(usize, &Wish)| !wish.fields.iter().all(follows);
        let unfollowed = self.wishes.iter().enumerate().filter(is_unfollowed).map(|(at, _)| at);
        Departures { is_relocated: self.relocates(own), unfollowed: unfollowed.collect() }
    }

    /// Nothing has departed yet.
    pub(super) fn nobody(&self) -> Settled {
        let unfollowed = self.wishes.iter().map(|wish| (wish.option.clone(), Tally::default())).collect();
        Settled { relocated: Tally::default(), unfollowed }
    }
}

impl Settled {
    /// Counts `module`, whose options depart so.
    pub(super) fn count(&mut self, module: &str, departures: &Departures) {
        if departures.is_relocated {
            self.relocated.count(module);
        }
        for &at in &departures.unfollowed {
            self.unfollowed[at].1.count(module);
        }
    }
}

impl Tally {
    fn count(&mut self, module: &str) {
        if self.modules == 0 {
            module.clone_into(&mut self.first);
        }
        self.modules += 1;
    }
}

/// The names of the fields in which two sets of options differ.
pub(crate) fn fields_that_differ(one: &CodegenOptions, other: &CodegenOptions) -> Vec<String> {
    let other = fields(other);
    fields(one).into_iter().filter(|(name, value)| other[name] != *value).map(|(name, _)| name).collect()
}

fn fields(options: &CodegenOptions) -> Map<String, Value> {
    match serde_json::to_value(options) {
        Ok(Value::Object(map)) => map,
        other => unreachable!("options are a struct, not {other:?}"),
    }
}
