//! What one case of the parity suite is: modules, the flags they are compiled with, and the link they are in.

use crate::profile::Profile;

/// Modules that make up a small link of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// C: Lua's objects, strings and tables.
    Lua,
    /// C: zstd's entropy coders and hashes, with hot loops.
    Zstd,
    /// C++17: RocksDB's comparators, hashes and random numbers, with classes and thread-local data.
    RocksDb,
    /// C of our own that needs no libc header and no floating point: every target and every kernel flag.
    Frame,
    /// C of our own with loops over floating-point numbers.
    Filter,
    /// C++17 of our own that needs no header, and so costs a tenth of RocksDB's front ends: virtual bases, templates,
    /// exceptions, run-time types, thread-local objects, and objects that are made before `main`.
    Formula,
}

/// What is thin-linked.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    /// A shared library, which keeps every global symbol.
    Shared,
    /// A program, which keeps only what is reached from the roots.
    Program,
    /// One relocatable object, as the Linux kernel links `vmlinux.o`.
    Relocatable,
}

/// One line of the table: it is run once for each of its groups.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The flags of both the front end and the backends.
    pub flags: &'static str,
    /// Flags of the front end alone.
    pub front: &'static str,
    /// Flags of the backends alone.
    pub backend: &'static str,
    /// The links it is run on.
    pub groups: &'static [Group],
    /// The links that only a full run adds.
    pub more_groups: &'static [Group],
    /// What is thin-linked.
    pub link: Link,
    /// Further arguments of the thin link.
    pub lld: &'static str,
    /// The profile that `{profile}` in the flags stands for.
    pub profile: Option<Profile>,
    /// Whether the flags keep modules from importing from each other.
    pub apart: bool,
    /// Whether only a full run has it.
    pub full_only: bool,
}

/// A case on C.
pub const fn c(flags: &'static str) -> Case {
    on(&[Group::Lua], flags)
}

/// A case on C++; a full run adds RocksDB.
pub const fn cxx(flags: &'static str) -> Case {
    on(&[Group::Formula], flags).more(&[Group::RocksDb])
}

/// A case on C and on C++; a full run adds RocksDB.
pub const fn both(flags: &'static str) -> Case {
    on(&[Group::Lua, Group::Formula], flags).more(&[Group::RocksDb])
}

/// A case on C and on C++ with RocksDB in every run: eight cases have it, of most kinds of options.
pub const fn all(flags: &'static str) -> Case {
    on(&[Group::Lua, Group::Formula, Group::RocksDb], flags)
}

/// A case on the groups named.
pub const fn on(groups: &'static [Group], flags: &'static str) -> Case {
    Case {
        flags,
        front: "",
        backend: "",
        groups,
        more_groups: &[],
        link: Link::Shared,
        lld: "",
        profile: None,
        apart: false,
        full_only: false,
    }
}

impl Case {
    /// Adds flags for the front end alone.
    pub const fn front(self, front: &'static str) -> Case {
        Case { front, ..self }
    }

    /// Adds flags for the backends alone.
    pub const fn backend(self, backend: &'static str) -> Case {
        Case { backend, ..self }
    }

    /// Thin-links something other than a shared library.
    pub const fn linked_as(self, link: Link) -> Case {
        Case { link, ..self }
    }

    /// Adds arguments for the thin link.
    pub const fn lld(self, lld: &'static str) -> Case {
        Case { lld, ..self }
    }

    /// Makes the profile that `{profile}` in the flags names.
    pub const fn profile(self, profile: Profile) -> Case {
        Case { profile: Some(profile), ..self }
    }

    /// Expects no imports: clang marked what it compiled as not to be inlined, or instrumented it so.
    pub const fn apart(self) -> Case {
        Case { apart: true, ..self }
    }

    /// Adds links to the full run.
    pub const fn more(self, more_groups: &'static [Group]) -> Case {
        Case { more_groups, ..self }
    }

    /// Leaves the case to the full run.
    pub const fn full(self) -> Case {
        Case { full_only: true, ..self }
    }

    /// The links of a run: of none but a full one, if the case is left to it.
    pub fn links(&self, full: bool) -> impl Iterator<Item = Group> {
        let groups = if full || !self.full_only { self.groups } else { &[] };
        let more = if full { self.more_groups } else { &[] };
        groups.iter().chain(more).copied()
    }

    /// The name of the case on `group`: what it is run on and with, as one would type it.
    pub fn name(&self, group: Group) -> String {
        let mut name = format!("{group:?}: {}", self.flags);
        if let Some(profile) = self.profile {
            name = name.replace("{profile}", &format!("<{profile:?}>"));
        }
        for (what, flags) in [("front", self.front), ("backend", self.backend), ("lld", self.lld)] {
            if !flags.is_empty() {
                name += &format!(" [{what}: {flags}]");
            }
        }
        match self.link {
            Link::Shared => name,
            Link::Program => name + " [program]",
            Link::Relocatable => name + " [relocatable]",
        }
    }

    /// The front end's flags, before the profile has a name.
    pub fn front_flags(&self) -> impl Iterator<Item = &'static str> {
        self.flags.split_whitespace().chain(self.front.split_whitespace())
    }

    /// The backends' flags, before the profile has a name.
    pub fn backend_flags(&self) -> impl Iterator<Item = &'static str> {
        self.flags.split_whitespace().chain(self.backend.split_whitespace())
    }
}
