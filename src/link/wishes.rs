//! What somebody wished of code generation on the command line of a link.
//!
//! clang's driver says `-plugin-opt=O2` and `-plugin-opt=mcpu=…` on every link, because the linker knows of no file's
//! options; nobody wished that.

use llvm_build::codegen_words;

use super::Arguments;
use crate::options::{Wish, fields_that_differ};

/// Options of lld's own, how they begin, and what each decides.
const OF_LLD: [(&str, &str); 2] = [("lto-O", "optimization_level"), ("lto-CGO", "codegen_level")];

/// What `args` wish. To be called before any job runs, because LLVM is asked about its options.
pub(super) fn wishes(args: &Arguments) -> Vec<Wish> {
    let of_lld = OF_LLD.iter().filter_map(|(name, field)| {
        let option = args.last_that_begins(name)?;
        Some(Wish { option, fields: vec![(*field).to_owned()] })
    });
    let of_llvm = codegen_words(&args.llvm).into_iter().map(|word| Wish {
        option: args.spelling(&word.word),
        fields: fields_that_differ(&word.with, &word.without),
    });
    of_lld.chain(of_llvm).collect()
}
