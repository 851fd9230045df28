//! What the command line of a link says about code generation.
//!
//! lld has one set of codegen options for all files, so much of what it says is only there because nothing
//! else says it. That is for modules that have no options of their own. What cannot be said anywhere but at
//! the link (a sample profile for all, options of LLVM) is for every module.

use std::sync::Arc;

use llvm_build::CodegenOptions;

use super::FileOptions;

/// Options that make files beside the object, or no object: a link has no place for them, and lld's own backends
/// know nothing of a file's compile command. Those that begin so, whatever follows, are in [`BEGINNINGS`].
const WITHOUT_PLACE: [&str; 5] =
    ["-S", "-emit-llvm", "-fdiagnostics-show-hotness", "-fstack-usage", "-fno-integrated-as"];

/// See [`WITHOUT_PLACE`].
const BEGINNINGS: [&str; 7] = [
    "-foptimization-record-",
    "-fproc-stat-report",
    "-fsave-optimization-record",
    "-ftime-report",
    "-ftime-trace",
    "-gsplit-dwarf",
    "-Rpass",
];

/// Takes from a file's own options, each with its values, what a link has no place for.
pub(super) fn retain_what_has_a_place(options: &mut Vec<Vec<String>>) {
    options.retain(|option| {
        let name = option[0].as_str();
        !WITHOUT_PLACE.contains(&name) && !BEGINNINGS.iter().any(|it| name.starts_with(it))
    });
}

/// The codegen options of a link, as lld understood its command line.
#[derive(Clone, Debug)]
pub(crate) struct LinkLine {
    codegen: Arc<CodegenOptions>,
    llvm_args: Vec<String>,
    warnings: &'static [&'static str],
}

impl LinkLine {
    /// Of what lld decided, and of the options it gave to LLVM.
    pub fn new(codegen: CodegenOptions, llvm_args: Vec<String>) -> Self {
        // Not what clang's driver adds to them for a target or a profile.
        let codegen = CodegenOptions { llvm_args: llvm_args.clone(), ..codegen };
        Self { codegen: Arc::new(codegen), llvm_args, warnings: &[] }
    }

    /// The same, with warnings of backends as lld has its own: `are_fatal`, or `not_shown`.
    #[must_use]
    pub fn warnings(self, are_fatal: bool, not_shown: bool) -> Self {
        let warnings: &[&str] = match (not_shown, are_fatal) {
            (true, _) => &["-w"],
            (false, true) => &["-Werror"],
            (false, false) => &[],
        };
        Self { warnings, ..self }
    }

    /// Whether lld lets each module decide about its position independence, as it does where it does not know what
    /// the output will be a part of.
    pub(super) fn lets_modules_choose_position(&self) -> bool {
        self.codegen.relocation_model.is_empty()
    }

    /// The options of a module of `triple` without any of its own: what lld's own backends would have. The
    /// module's `pic_level` counts if it has the choice.
    pub(super) fn defaults(&self, triple: &str, pic_level: u32) -> FileOptions {
        let codegen = &self.codegen;
        let position = match (codegen.relocation_model.as_str(), pic_level) {
            ("static", _) | ("", 0) => "-fno-pic",
            // The two levels differ in what front ends do.
            _ => "-fPIC",
        };
        let mut flags = vec![format!("--target={triple}"), format!("-O{}", codegen.optimization_level)];
        flags.extend([position, "-ffunction-sections", "-fdata-sections"].map(str::to_owned));
        if codegen.code_model != "default" {
            flags.push(format!("-mcmodel={}", codegen.code_model));
        }
        // In cc1's words, which are LLVM's and the same for every target.
        let mut cc1 = |name: &str, value: &str| {
            flags.extend(["-Xclang", name, "-Xclang", value].map(str::to_owned));
        };
        if !codegen.cpu.is_empty() {
            cc1("-target-cpu", &codegen.cpu);
        }
        for feature in &codegen.features {
            cc1("-target-feature", feature);
        }
        FileOptions { codegen: Some(codegen.clone()), ..FileOptions::given(flags) }
    }

    /// What is said at a link for all files, whatever options they have.
    pub(super) fn orders(&self) -> Vec<String> {
        let codegen = &self.codegen;
        let mut flags: Vec<String> = self.warnings.iter().map(ToString::to_string).collect();
        if !codegen.sample_profile.is_empty() {
            flags.push(format!("-fprofile-sample-use={}", codegen.sample_profile));
        }
        if codegen.bb_sections != "none" {
            flags.push(format!("-fbasic-block-sections={}", codegen.bb_sections));
        }
        if codegen.bb_addr_map {
            flags.push("-fbasic-block-address-map".to_owned());
        }
        if codegen.unique_basic_block_section_names {
            flags.push("-funique-basic-block-section-names".to_owned());
        }
        for arg in &self.llvm_args {
            flags.extend(["-mllvm".to_owned(), arg.clone()]);
        }
        flags
    }
}
