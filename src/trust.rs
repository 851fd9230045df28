//! Whom this process trusts with what goes into a build: a configuration that it finds, a directory of objects or of
//! locks that it is given. Whoever can write to one decides what is built, or whether anything is.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// Whose files and directories are used: those of the user that this process runs as, and of root.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    before_sudo: Option<u32>,
    directories: Vec<PathBuf>,
}

impl Trust {
    /// The user and root.
    pub fn of_user() -> Self {
        Self::default()
    }

    /// Also the user with this id, who asked `sudo` for root; `sudo make install` links in that user's tree. It counts
    /// only in a process of root's.
    #[must_use]
    pub fn before_sudo(self, user: Option<u32>) -> Self {
        Self { before_sudo: user, ..self }
    }

    /// These directories, too, whoever owns them.
    #[must_use]
    pub fn directories(self, directories: Vec<PathBuf>) -> Self {
        Self { directories, ..self }
    }

    /// Why the file `path`, which somebody may have put where it was found, is not used; `None` if nobody else has
    /// written it.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub(crate) fn fault_of_found(&self, path: &Path) -> io::Result<Option<&'static str>> {
        self.who().first_fault(path, Who::fault)
    }

    /// Why the directory `path`, which somebody has named, is not used; `None` if its owner is trusted. A group may
    /// write to it: a team shares it so.
    ///
    /// # Errors
    /// The directory cannot be looked at.
    pub(crate) fn fault_of_named(&self, path: &Path) -> io::Result<Option<&'static str>> {
        let real = path.canonicalize()?;
        if self.directories.iter().any(|trusted| trusted.canonicalize().is_ok_and(|it| it == real)) {
            return Ok(None);
        }
        self.who().first_fault(path, Who::fault_of_owner)
    }

    fn who(&self) -> Who {
        Who { user: geteuid().as_raw(), before_sudo: self.before_sudo }
    }
}

struct Who {
    user: u32,
    before_sudo: Option<u32>,
}

impl Who {
    /// A link counts as well as what it leads to: its owner chose that.
    fn first_fault(
        &self,
        path: &Path,
        fault: impl Fn(&Self, &Metadata) -> Option<&'static str>,
    ) -> io::Result<Option<&'static str>> {
        let link = fault(self, &fs::symlink_metadata(path)?);
        Ok(link.or(fault(self, &fs::metadata(path)?)))
    }

    fn fault(&self, found: &Metadata) -> Option<&'static str> {
        let (owner, mode) = (found.uid(), found.mode());
        if let Some(fault) = self.fault_of_owner(found) {
            Some(fault)
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

    fn fault_of_owner(&self, found: &Metadata) -> Option<&'static str> {
        (!self.trusts(found.uid())).then_some("it belongs to another user")
    }

    fn trusts(&self, owner: u32) -> bool {
        // Only root runs for another.
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

    fn found(path: &Path) -> io::Result<Option<&'static str>> {
        Trust::of_user().fault_of_found(path)
    }

    #[test]
    fn who_may_write_is_who_decides() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("thinfarm.toml");
        fs::write(&file, "").unwrap();
        for (mode, told) in
            [(0o644, None), (0o600, None), (0o646, Some("every user")), (0o666, Some("every user"))]
        {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let fault = found(&file).unwrap();
            assert_eq!(fault.is_some(), told.is_some(), "{mode:o}: {fault:?}");
            assert!(told.is_none_or(|told| fault.unwrap().contains(told)), "{mode:o}: {fault:?}");
        }
        assert!(found(&directory.path().join("missing")).is_err());
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
        assert_eq!(found(&link).unwrap(), None);
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
        assert!(found(&link).unwrap().is_some(), "what a link leads to");
    }
    #[test]
    fn a_named_directory_is_its_owners() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("cache");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o2775)).unwrap();
        let fault = |trust: &Trust| trust.fault_of_named(&directory).unwrap();
        assert_eq!(fault(&Trust::of_user()), None);
        assert!(Trust::of_user().fault_of_named(&parent.path().join("missing")).is_err());
        if !geteuid().is_root() {
            return;
        }
        chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
        assert_eq!(fault(&Trust::of_user()), Some("it belongs to another user"));
        assert_eq!(fault(&Trust::of_user().before_sudo(Some(NOBODY))), None);
        let trusting = |path: PathBuf| Trust::of_user().directories(vec![path]);
        assert_eq!(fault(&trusting(directory.join("."))), None);
        assert!(fault(&trusting(parent.path().to_owned())).is_some(), "only what is named");
        let link = parent.path().join("link");
        symlink(&directory, &link).unwrap();
        assert!(Trust::of_user().fault_of_named(&link).unwrap().is_some());
        assert_eq!(trusting(directory.clone()).fault_of_named(&link).unwrap(), None);
    }
}
