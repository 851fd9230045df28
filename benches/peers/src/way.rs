//! The ways to link that are measured.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who links, and what is there already. Options and reports call it by the name in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Thin link, `thinfarm backend`, final link.
    Thinfarm,
    /// `ld.thinfarm`.
    LdThinfarm,
    /// `ld.lld` with its own backends.
    Lld,
    /// Thin link, a clang for every backend, final link.
    Clang,
    /// `ld.lld` with a distributor that runs a clang for every backend.
    Dtlto,
    /// `thinfarm backend` with a cache that knows every object.
    ThinfarmCached,
    /// `ld.thinfarm` with a cache that knows every object.
    LdThinfarmCached,
    /// `ld.lld` with a cache that knows every object.
    LldCached,
    /// `thinfarm backend --incremental` where nothing changed.
    ThinfarmUnchanged,
    /// `thinfarm backend --incremental` where one module changed.
    ThinfarmChanged,
    /// `ld.thinfarm` with a cache, where one module changed.
    LdThinfarmChanged,
    /// `ld.lld` with a cache, where one module changed.
    LldChanged,
}

/// The program that runs the backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// `thinfarm backend`.
    Thinfarm,
    /// `ld.thinfarm`.
    LdThinfarm,
    /// `ld.lld`.
    Lld,
    /// clang, one process for each.
    Clang,
    /// clang, as a distributor of `ld.lld` starts it.
    Dtlto,
}

/// What is there when a way begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Modules and nothing else.
    Cold,
    /// A cache that knows every object.
    Cached,
    /// Everything, from a run before.
    Unchanged,
    /// As the two before, but one module is another.
    Changed,
}

impl Way {
    /// All, in the order of a round and of tables.
    pub const ALL: [Way; 12] = [
        Way::Thinfarm,
        Way::LdThinfarm,
        Way::Lld,
        Way::Clang,
        Way::Dtlto,
        Way::ThinfarmCached,
        Way::LdThinfarmCached,
        Way::LldCached,
        Way::ThinfarmUnchanged,
        Way::ThinfarmChanged,
        Way::LdThinfarmChanged,
        Way::LldChanged,
    ];

    /// The name, as options and reports have it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Who links.
    pub fn tool(self) -> Tool {
        match self {
            Way::Thinfarm | Way::ThinfarmCached | Way::ThinfarmUnchanged | Way::ThinfarmChanged => {
                Tool::Thinfarm
            }
            Way::LdThinfarm | Way::LdThinfarmCached | Way::LdThinfarmChanged => Tool::LdThinfarm,
            Way::Lld | Way::LldCached | Way::LldChanged => Tool::Lld,
            Way::Clang => Tool::Clang,
            Way::Dtlto => Tool::Dtlto,
        }
    }

    /// What is there when it begins.
    pub fn build(self) -> Build {
        match self {
            Way::Thinfarm | Way::LdThinfarm | Way::Lld | Way::Clang | Way::Dtlto => Build::Cold,
            Way::ThinfarmCached | Way::LdThinfarmCached | Way::LldCached => Build::Cached,
            Way::ThinfarmUnchanged => Build::Unchanged,
            Way::ThinfarmChanged | Way::LdThinfarmChanged | Way::LldChanged => Build::Changed,
        }
    }

    /// Whether it begins with a cache of objects.
    pub fn has_cache(self) -> bool {
        match self.build() {
            Build::Cached => true,
            Build::Changed => self.tool() != Tool::Thinfarm,
            Build::Cold | Build::Unchanged => false,
        }
    }

    /// What tables and charts call it.
    pub fn title(self) -> &'static str {
        match self {
            Way::Thinfarm => "thinfarm backend",
            Way::LdThinfarm => "ld.thinfarm",
            Way::Lld => "ld.lld",
            Way::Clang => "clang, a process per module",
            Way::Dtlto => "ld.lld, DTLTO with a parallel script",
            Way::ThinfarmCached => "thinfarm backend, cached",
            Way::LdThinfarmCached => "ld.thinfarm, cached",
            Way::LldCached => "ld.lld, cached",
            Way::ThinfarmUnchanged => "thinfarm backend --incremental, none changed",
            Way::ThinfarmChanged => "thinfarm backend --incremental, one changed",
            Way::LdThinfarmChanged => "ld.thinfarm, cached, one changed",
            Way::LldChanged => "ld.lld, cached, one changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_all_and_in_order() {
        assert_eq!(Way::ALL, Way::value_variants());
        assert!(Way::ALL.is_sorted());
    }

    #[test]
    fn reports_have_the_names_of_options() {
        for way in Way::ALL {
            assert_eq!(serde_json::to_value(way).unwrap(), way.name());
        }
    }
}
