//! The files behind each [`Group`]: few and quick ones for the core run, more of them for the full one.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow};
use thinfarm_corpora::{Corpus, Language, Source, Sources};

use crate::case::Group;

/// The names of a group's files: those of every run, and those that only a full run adds.
struct Names {
    core: &'static [&'static str],
    more: &'static [&'static str],
}

const LUA: Names = Names {
    core: &["lobject.c", "lstring.c", "ltable.c", "lmem.c", "ltm.c", "lzio.c"],
    more: &["lapi.c", "lauxlib.c", "ldo.c", "lgc.c"],
};

const ZSTD: Names = Names {
    core: &[
        "common/entropy_common.c",
        "common/error_private.c",
        "common/xxhash.c",
        "compress/hist.c",
        "compress/fse_compress.c",
    ],
    more: &["common/fse_decompress.c", "compress/huf_compress.c", "compress/zstd_ldm.c"],
};

const ROCKSDB: Names = Names {
    core: &[
        "rocksdb/util/comparator.cc",
        "rocksdb/util/hash.cc",
        "rocksdb/util/random.cc",
        "rocksdb/table/block_based/data_block_hash_index.cc",
    ],
    more: &[
        "rocksdb/memory/arena.cc",
        "rocksdb/memory/concurrent_arena.cc",
        "rocksdb/monitoring/histogram.cc",
        "rocksdb/monitoring/histogram_windowing.cc",
    ],
};

const FRAME: Names = Names { core: &["ring.c", "checksum.c", "frame.c", "dispatch.c"], more: &[] };

const FORMULA: Names = Names { core: &["node.cc", "parser.cc", "scope.cc", "evaluate.cc"], more: &[] };

const FILTER: Names = Names { core: &["filter.c", "window.c", "limiter.c"], more: &[] };

impl Group {
    /// The group's files, and the flags without which they do not compile.
    pub fn sources(self, full: bool) -> Result<Sources> {
        let (all, names) = match self {
            Group::Lua => (corpus(Corpus::Lua)?, LUA),
            Group::Zstd => (corpus(Corpus::Zstd)?, ZSTD),
            Group::RocksDb => (corpus(Corpus::RocksDb)?, ROCKSDB),
            Group::Frame => (freestanding(&FRAME), FRAME),
            Group::Filter => (freestanding(&FILTER), FILTER),
            Group::Formula => (own("formula", Language::Cxx, &FORMULA, &["-std=c++17"]), FORMULA),
        };
        let more = if full { names.more } else { &[] };
        let find = |name: &&str| {
            let found = all.files.iter().find(|source| source.name == Path::new(name));
            found.cloned().with_context(|| format!("the corpus has no {name} any more"))
        };
        let files = names.core.iter().chain(more).map(find).collect::<Result<_>>()?;
        Ok(Sources { files, ..all })
    }

    /// The functions that a program made of this group keeps.
    pub fn roots(self) -> &'static [&'static str] {
        match self {
            Group::Lua => &["luaH_getstr", "luaS_newlstr", "luaO_pushfstring", "luaT_callTMres"],
            Group::Zstd => &["FSE_readNCount", "FSE_compress_usingCTable", "HIST_count"],
            Group::RocksDb => &[
                "_ZN7rocksdb18BytewiseComparatorEv",
                "_ZN7rocksdb6Random14GetTLSInstanceEv",
                "_ZN7rocksdb18DataBlockHashIndex10InitializeEPKctPt",
                "_ZN7rocksdb25DataBlockHashIndexBuilder3AddERKNS_5SliceEm",
            ],
            Group::Frame => &["dispatch_all", "dispatch_failures"],
            Group::Filter => &["limiter_run", "filter_window"],
            Group::Formula => &[
                "_ZN7formula8evaluateEPKcPS1_",
                "_ZN7formula15count_variablesEPNS_4NodeE",
                "_ZN7formula15longest_formulaEv",
            ],
        }
    }
}

/// The sources of a corpus. Finding them starts cargo, so each is looked for once.
pub fn corpus(corpus: Corpus) -> Result<Sources> {
    static FOUND: LazyLock<Vec<(Corpus, Result<Sources, String>)>> = LazyLock::new(|| {
        let wanted = [Corpus::Lua, Corpus::Zstd, Corpus::RocksDb];
        wanted.map(|corpus| (corpus, corpus.sources().map_err(|error| format!("{error:#}")))).into()
    });
    let found = FOUND.iter().find(|(found, _)| *found == corpus);
    let (_, sources) = found.with_context(|| format!("no case is about {corpus}"))?;
    sources.clone().map_err(|error| anyhow!(error))
}

/// Our own C, which is written to need nothing of a target but its compiler.
fn freestanding(names: &Names) -> Sources {
    own("freestanding", Language::C, names, &["-ffreestanding", "-nostdlibinc"])
}

/// Files of our own, in `folder` beside this one.
fn own(folder: &str, language: Language, names: &Names, flags: &[&str]) -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(folder);
    Sources {
        language,
        files: names.core.iter().map(|name| Source::new(&root, name)).collect(),
        flags: flags.iter().map(|flag| flag.to_string()).collect(),
    }
}
