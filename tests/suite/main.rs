//! What a user of the `thinfarm` binary can rely on, apart from the bytes of a good build (those are
//! `tests/parity`): what bad input does, where files land, what is left behind, what `cc` shares with clang.
//!
//! Every test runs the built binary in a directory of its own, against clang and lld of the same LLVM; only
//! the farm of `llvm_sets`, whose worker programs no command line can choose, and the store that `cache_upkeep`
//! fills link LLVM. Set `THINFARM` to the path of another `thinfarm` to test that one instead.

mod bad_archives;
mod bad_input;
mod bad_output;
mod cache_hits;
mod cache_keys;
mod cache_stress;
mod cache_upkeep;
mod cc_drop_in;
mod contention;
mod costs;
mod crashes;
mod direction;
mod distributed;
mod dtlto;
mod dtlto_errors;
mod dtlto_inputs;
mod embedder;
mod explain;
mod fixture;
mod growth;
mod incremental;
mod interrupt;
mod jobserver;
mod kbuild;
mod link_beside;
mod link_failures;
mod link_inputs;
mod link_interrupt;
mod link_kinds;
mod link_lto_options;
mod link_odd_paths;
mod link_own_options;
mod link_products;
mod link_referenced;
mod link_sandbox;
mod link_settings;
mod link_symbols;
mod link_terms;
mod link_words;
mod llvm_sets;
mod log;
mod many_linkers;
mod many_links;
mod memory;
mod missing_files;
mod naming;
mod native_objects;
mod odd_inputs;
mod option_list;
mod own_options;
mod peers_clang;
mod precedence;
#[cfg(not(feature = "dynamic-llvm"))]
mod replaced;
#[cfg(not(feature = "dynamic-llvm"))]
mod replaced_links;
mod report;
mod runs;
mod side_by_side;
mod telling;
mod trust;
mod two_linkers;
