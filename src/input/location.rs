//! Module ids as lld makes them up.

use std::fmt;
use std::path::PathBuf;

/// What a module id says about where the module is.
///
/// A file may have a name of any form, so a file that has an id's very name comes first; [`Archives`]
/// asks the file system.
///
/// [`Archives`]: super::Archives
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A member of an archive, regular or thin: `lib.a(x.o at 80)`.
    Member {
        /// The archive's path.
        archive: PathBuf,
        /// Where the member's header begins, bytes from the archive's beginning.
        offset: u64,
        /// The last component of the member's name.
        name: String,
    },
}

impl Location {
    /// What `id` most likely says. Of several ways to read it as a member, that which makes the
    /// archive's name end as archives' names do.
    pub fn of(id: &str) -> Self {
        let members = Self::members(id);
        let usual = members.iter().position(|member| match member {
            Self::Member { archive, .. } => archive
                .extension()
                .is_some_and(|extension| ["a", "lib", "rlib"].iter().any(|it| extension == *it)),
            Self::File(_) => false,
        });
        let chosen = usual.or(members.len().checked_sub(1));
        chosen.map_or_else(|| Self::File(id.into()), |at| members[at].clone())
    }

    /// Every way to read `id` as a member: one for each parenthesis that could end the archive's
    /// name.
    pub(super) fn members(id: &str) -> Vec<Self> {
        let Some((before, digits)) = id.strip_suffix(')').and_then(|id| id.rsplit_once(" at ")) else {
            return Vec::new();
        };
        // As lld writes a number: no sign, no needless zeros.
        let Some(offset) = digits.parse().ok().filter(|offset: &u64| offset.to_string() == digits) else {
            return Vec::new();
        };
        before
            .match_indices('(')
            .map(|(at, _)| (&before[..at], &before[at + 1..]))
            .filter(|(archive, name)| {
                !archive.is_empty() && !archive.ends_with('/') && !name.is_empty() && !name.contains('/')
            })
            .map(|(archive, name)| Self::Member { archive: archive.into(), offset, name: name.to_owned() })
            .collect()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Member { archive, offset, name } => write!(f, "{}({name} at {offset})", archive.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(archive: &str, name: &str, offset: u64) -> Location {
        Location::Member { archive: archive.into(), offset, name: name.to_owned() }
    }

    #[test]
    fn members_are_named_as_lld_names_them() {
        assert_eq!(Location::of("lib.a(x.o at 80)"), member("lib.a", "x.o", 80));
        assert_eq!(
            Location::of("/abs dir/vmlinux.a(main.o at 349592)"),
            member("/abs dir/vmlinux.a", "main.o", 349592)
        );
        assert_eq!(Location::of("noext(x.o at 8)"), member("noext", "x.o", 8));
    }

    #[test]
    fn parentheses_and_words_inside_names() {
        assert_eq!(Location::of("lib.a(x(1).o at 80)"), member("lib.a", "x(1).o", 80));
        assert_eq!(Location::of("lib(2).a(x.o at 80)"), member("lib(2).a", "x.o", 80));
        assert_eq!(
            Location::of("d(1)/lib(2).a(x(3) at 4.o at 80)"),
            member("d(1)/lib(2).a", "x(3) at 4.o", 80)
        );
        assert_eq!(Location::of("l at 3.a(x).o at 80)"), member("l at 3.a", "x).o", 80));
    }

    #[test]
    fn what_is_not_quite_a_member_is_a_file() {
        for id in [
            "",
            ")",
            " at )",
            "a.o",
            "lib.a(x.o)",
            "lib.a(x.o at )",
            "lib.a(x.o at -1)",
            "lib.a(x.o at +1)",
            "lib.a(x.o at 080)",
            "lib.a(x.o at 80",
            "lib.a(x.o at 80) ",
            "lib.a( at 80)",
            "(x.o at 80)",
            "d/(x.o at 80)",
            "lib.a(d/x.o at 80)",
            "lib.a(x.o at 99999999999999999999)",
            "lib.a x.o at 80)",
        ] {
            assert_eq!(Location::of(id), Location::File(id.into()));
        }
    }

    #[test]
    fn what_lld_wrote_is_read_however_damaged() {
        for text in crate::foreign::damaged("module-ids") {
            for id in text.lines() {
                assert_eq!(Location::of(id).to_string(), id);
            }
        }
    }

    proptest! {
        #[test]
        fn any_id_is_read_and_shown_as_it_was(id in "\\PC*") {
            prop_assert_eq!(Location::of(&id).to_string(), id);
        }

        #[test]
        fn what_looks_like_a_member_is_shown_as_it_was(id in "[/(). at0-9a-zä]{0,12}(\\(| at |\\)){0,3}[0-9]{0,21}\\)?") {
            prop_assert_eq!(Location::of(&id).to_string(), id);
        }

        #[test]
        fn a_member_is_read_as_it_was_shown(
            archive in "([^/()]{1,9}/)?[^/()]{1,9}\\.a", offset: u64, name in "[^/]{1,9}",
        ) {
            let location = Location::Member { archive: archive.into(), offset, name };
            prop_assert_eq!(Location::of(&location.to_string()), location);
        }
    }
}
