//! Whose a configuration is. It names programs' options, caches and directories, so whoever can write it decides what goes
//! into a build. One that was found rather than named is used only if nobody else wrote it.

use std::env;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// Why the file `path` is not this user's, or root's, alone; `None` if it is.
///
/// # Errors
/// The file cannot be looked at.
pub(super) fn fault(path: &Path) -> io::Result<Option<&'static str>> {
    let who = Who { user: geteuid().as_raw(), before_sudo: before_sudo() };
    // A link counts as well as what it leads to: its owner chose that.
    for found in [fs::symlink_metadata(path)?, fs::metadata(path)?] {
        if let Some(fault) = who.fault(&found) {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// The user who asked `sudo` for root. `sudo make install` links in that user's tree.
fn before_sudo() -> Option<u32> {
    env::var("SUDO_UID").ok()?.parse().ok()
}

struct Who {
    user: u32,
    before_sudo: Option<u32>,
}

impl Who {
    fn fault(&self, found: &Metadata) -> Option<&'static str> {
        let (owner, mode) = (found.uid(), found.mode());
        if !self.trusts(owner) {
            Some("it belongs to another user")
        } else if found.is_symlink() {
            // Its mode says nothing.
            None
        } else if mode & 0o002 != 0 {
            Some("every user may write to it")
        } else if mode & 0o020 != 0 && !is_private(found.gid(), owner) {
            Some("a group of users may write to it")
        } else {
            None
        }
    }

    fn trusts(&self, owner: u32) -> bool {
        // Anybody can set a variable, but only root runs for another.
        owner == self.user || owner == 0 || self.user == 0 && self.before_sudo == Some(owner)
    }
}

/// Whether the group has no other member than `owner`: where every user has such a group, files are made so that it may
/// write to them.
fn is_private(group: u32, owner: u32) -> bool {
    let user = User::from_uid(Uid::from_raw(owner)).ok().flatten();
    match (Group::from_gid(Gid::from_raw(group)), user) {
        (Ok(Some(group)), Some(user)) => {
            user.gid == group.gid
                && group.name == user.name
                && group.mem.iter().all(|name| *name == user.name)
        }
        // Neither has a name, as in many containers.
        (Ok(None), None) => group == owner,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    /// An user and a group without a name.
    const NOBODY: u32 = 3_000_000_000;

    #[test]
    fn who_may_write_is_who_decides() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("thinfarm.toml");
        fs::write(&file, "").unwrap();
        for (mode, told) in
            [(0o644, None), (0o600, None), (0o646, Some("every user")), (0o666, Some("every user"))]
        {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let fault = fault(&file).unwrap();
            assert_eq!(fault.is_some(), told.is_some(), "{mode:o}: {fault:?}");
            assert!(told.is_none_or(|told| fault.unwrap().contains(told)), "{mode:o}: {fault:?}");
        }
        assert!(fault(&directory.path().join("missing")).is_err());
    }

    #[test]
    fn an_owner_is_the_user_or_root_or_who_asked_for_root() {
        let trusts = |user, before_sudo, owner| Who { user, before_sudo }.trusts(owner);
        assert!(trusts(1000, None, 1000) && trusts(1000, None, 0));
        assert!(!trusts(1000, None, 1001) && !trusts(1000, Some(1001), 1001));
        assert!(trusts(0, Some(1000), 1000));
        assert!(!trusts(0, Some(1000), 1001) && !trusts(0, None, 1000));
    }

    #[test]
    fn files_of_others_are_not_used() {
        if !geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("thinfarm.toml");
        fs::write(&file, "").unwrap();
        let link = directory.path().join("link");
        symlink(&file, &link).unwrap();
        assert_eq!(fault(&link).unwrap(), None);
        let who = Who { user: NOBODY, before_sudo: None };
        let fault_of = |mode, owner, group| {
            chown(&file, Some(owner), Some(group)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            who.fault(&fs::metadata(&file).unwrap())
        };
        assert_eq!(fault_of(0o664, NOBODY, NOBODY), None, "a group of one");
        assert!(fault_of(0o664, NOBODY, NOBODY + 1).is_some_and(|fault| fault.contains("group")));
        assert_eq!(fault_of(0o644, NOBODY, NOBODY + 1), None);
        assert!(fault_of(0o600, NOBODY + 1, NOBODY).is_some_and(|fault| fault.contains("another user")));
        assert!(fault(&link).unwrap().is_some(), "what a link leads to");
    }
}
