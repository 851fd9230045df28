//! Whom this process trusts, as its environment has it.

use std::env;

use crate::trust::Trust;

/// Directories of other users that are used all the same, separated as in `PATH`.
const DIRECTORIES: &str = "THINFARM_TRUST";

/// The user, root, the user before `sudo`, and what [`DIRECTORIES`] names.
pub(super) fn of_process() -> Trust {
    let before_sudo = env::var("SUDO_UID").ok().and_then(|user| user.parse().ok());
    let named = env::var_os(DIRECTORIES).unwrap_or_default();
    Trust::of_user().before_sudo(before_sudo).directories(env::split_paths(&named).collect())
}
