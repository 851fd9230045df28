//! The one door to LLVM 22.
//!
//! This crate finds LLVM, compiles the C++ bridge in `cpp/`, decides what is linked and exposes a
//! safe API; no other crate of the workspace has `unsafe`, FFI or C++. The bridge exists because
//! LLVM's C API, and so [`inkwell`], knows neither clang's option parsing nor `lto::thinBackend`;
//! what the C API does know ([`targets`], [`llvm_version`]) is asked through inkwell.
//!
//! Nothing here has an opinion: which module, in which order, on which thread and what to do about
//! a failure is decided by the caller.

mod bitcode;
mod bridge;
mod cache_pruning;
mod command;
mod compile;
mod crash;
mod heap;
mod jobserver;
mod lld;
mod mapped;
mod mappings;
#[cfg(test)]
mod option_walk;
mod process;
#[cfg(not(feature = "dynamic-llvm"))]
pub mod replaced;
mod rescue;
mod variants;

pub use bitcode::{
    Bitcode, Index, MAGIC_SIZE, OpenError, has_object_magic, index_imports, index_meaning, is_native_object,
};
pub use bridge::ffi::{
    ClangOption, CodegenOptions, CodegenWord, Imports, IndexMeaning, JobFiles, LinkConfig, LinkJob,
    LinkMessage, LinkObject, LinkStep, MissingFile, ModuleFacts, ModuleRecord, Severity, Stage, StageTime,
    StageTimes, WordShape,
};
pub use cache_pruning::{CachePolicyError, CachePruningPolicy, prune_cache};
pub use command::{
    BackendFlags, Cc1, CommandError, Driven, Driver, Parsed, RanIn, backend_flags, clang_options, drive,
    option_groups, parse_cc1, word_shape,
};
pub use compile::{
    Compiled, Failure, Settings as BackendSettings, StageListener, compile_with_clang_action,
    compile_with_thin_backend,
};
pub use crash::{clear_up_after_crash, contain_crashes, describe_program, remove_files_of_llvm};
pub use heap::ThreadPeak;
pub use jobserver::inherited_jobserver;
pub use lld::{
    LinkCompiler, LinkHooks, codegen_words, exit_as_lld, expand_response_files, first_fat_object,
    has_run_lto, link, say_as_lld,
};
pub use mapped::{FileState, Mapped};
pub use mappings::release_read_mappings;
pub use process::{
    LLVM_MAJOR, build_bindir, build_version, clang_version, executed_path, initialize, llvm_version,
    reset_llvm_args, set_llvm_args, targets, unknown_llvm_arg,
};
pub use rescue::{JobThread, has_crashed, watch_jobs};
pub use variants::chosen_variants;
