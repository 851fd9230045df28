//! The options of one file.

use std::path::Path;
use std::sync::Arc;

use llvm_build::CodegenOptions;

/// The options of one file, ready for a backend: what resolves to the same command for every module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FileOptions {
    /// Arguments of clang's driver or, `-cc1` first, of cc1.
    pub flags: Arc<[String]>,
    /// Split DWARF was asked for by cc1 options that name the front end's files, which `flags` has not.
    pub splits_dwarf: bool,
    /// Where the front end ran, if that is not the working directory of this process. The paths in
    /// `flags` do not depend on it.
    pub directory: Option<Arc<Path>>,
    /// What a linker decided, which replaces what `flags` say but the triple and LLVM's options.
    pub codegen: Option<Arc<CodegenOptions>>,
}

impl FileOptions {
    /// Options given by hand, for the working directory of this process.
    pub fn given(flags: impl Into<Arc<[String]>>) -> Self {
        Self { flags: flags.into(), ..Self::default() }
    }

    /// The same and, after them, `options` in cc1's words.
    #[must_use]
    pub(super) fn with_cc1(&self, options: &[String]) -> Self {
        let mut flags = self.flags.to_vec();
        let is_cc1 = flags.first().is_some_and(|flag| flag == "-cc1");
        for option in options {
            if !is_cc1 {
                flags.push("-Xclang".to_owned());
            }
            flags.push(option.clone());
        }
        Self { flags: flags.into(), ..self.clone() }
    }
}
