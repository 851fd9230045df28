//! Where the thinfarm processes of a user meet: a directory that nobody else can write to.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};

use crate::trust::Trust;

/// Why the machine is not shared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The directory, or a file in it, cannot be had.
    #[error("cannot use {}: {source}", path.display())]
    Unusable {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could take part, or keep the user's processes waiting.
    #[error("{} is not used: {fault}", directory.display())]
    NotPrivate {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
}

/// The directory of this user: below `runtime` if that is this user's, else below `temporary`.
pub(super) fn of_user(runtime: Option<PathBuf>, temporary: &Path) -> Result<PathBuf, ShareError> {
    let user = geteuid();
    let runtime = runtime.filter(|runtime| {
        // After `sudo` it may still be another user's, who could not enter what this one creates there.
        runtime.is_absolute() && fs::metadata(runtime).is_ok_and(|found| found.uid() == user.as_raw())
    });
    let in_runtime = runtime.map(|runtime| private(runtime.join("thinfarm"), user));
    match in_runtime {
        Some(Ok(directory)) => Ok(directory),
        _ => private(temporary.join(format!("thinfarm-{user}")), user),
    }
}

/// The directory that somebody chose, created if it is not there. It must be of somebody whom `trust` has, and files of
/// one user must not be another's to replace.
pub(super) fn named(directory: &Path, trust: &Trust) -> Result<PathBuf, ShareError> {
    const STICKY: u32 = 0o1000;
    let unusable = |source| ShareError::Unusable { path: directory.to_owned(), source };
    // Whatever the umask, the new directory is none that is refused below.
    DirBuilder::new().recursive(true).mode(0o775).create(directory).map_err(unusable)?;
    let not_private = |fault| ShareError::NotPrivate { directory: directory.to_owned(), fault };
    if trust.fault_of_named(directory).map_err(unusable)?.is_some() {
        return Err(not_private(
            "it belongs to another user, who could keep builds waiting; to use it all the same, name it in THINFARM_TRUST",
        ));
    }
    match fs::metadata(directory).map_err(unusable)?.mode() & (STICKY | 0o002) {
        0o002 => Err(not_private("every user may replace files in it (chmod +t keeps each their own)")),
        _ => Ok(directory.to_owned()),
    }
}

/// Creates `directory` for `user` alone, or makes sure that it is so.
fn private(directory: PathBuf, user: Uid) -> Result<PathBuf, ShareError> {
    let looked_at = match DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::symlink_metadata(&directory),
    };
    match looked_at {
        Err(source) => Err(ShareError::Unusable { path: directory, source }),
        Ok(found) => match fault(found.is_dir(), found.uid(), found.mode(), user) {
            Some(fault) => Err(ShareError::NotPrivate { directory, fault }),
            None => Ok(directory),
        },
    }
}

/// What is wrong with a directory that should be private to `user`.
fn fault(is_directory: bool, owner: u32, mode: u32, user: Uid) -> Option<&'static str> {
    if !is_directory {
        Some("it is not a directory")
    } else if owner != user.as_raw() {
        Some("it belongs to another user")
    } else if mode & 0o077 != 0 {
        Some("other users may enter it (its mode should be 0700)")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_directory_of_another_user_is_not_used() {
        let user = Uid::from_raw(1000);
        assert_eq!(fault(true, 1000, 0o40700, user), None);
        assert!(fault(true, 1001, 0o40700, user).is_some_and(|fault| fault.contains("another user")));
        assert!(fault(true, 0, 0o40700, user).is_some());
        for mode in [0o40777, 0o41777, 0o40710, 0o40701, 0o40750] {
            assert!(fault(true, 1000, mode, user).is_some_and(|fault| fault.contains("0700")), "{mode:o}");
        }
        assert!(fault(false, 1000, 0o100600, user).is_some());
    }

    #[test]
    fn what_is_created_is_private_and_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("thinfarm");
        for _ in 0..2 {
            assert_eq!(private(directory.clone(), geteuid()).unwrap(), directory);
        }
        fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
        let error = private(directory.clone(), geteuid()).unwrap_err().to_string();
        assert!(error.contains("other users may enter it"), "{error}");
    }

    #[test]
    fn a_chosen_directory_may_be_shared_but_not_torn() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("deep/share");
        for (mode, is_used) in [(0o755, true), (0o775, true), (0o1777, true), (0o777, false)] {
            fs::create_dir_all(&directory).unwrap();
            fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
            let named = named(&directory, &Trust::of_user());
            assert_eq!(named.is_ok(), is_used, "{mode:o}: {named:?}");
            assert!(is_used || named.unwrap_err().to_string().contains("chmod +t"));
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        private(parent.path().join("mine"), geteuid()).unwrap();
        let link = parent.path().join("link");
        symlink("mine", &link).unwrap();
        let error = private(link, geteuid()).unwrap_err().to_string();
        assert!(error.contains("not a directory"), "{error}");
    }
}
