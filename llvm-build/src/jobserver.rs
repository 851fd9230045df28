//! The jobserver of the `make` that started this process. It has nothing to do with LLVM; it is here because
//! taking it over is `unsafe`, and no other crate has that.

use jobserver::{Client, FromEnvErrorKind};

/// The jobserver that `MAKEFLAGS` names, or `None` if it names none. To be called before this process has
/// opened pipes of its own, which could have a number that is meant for another.
///
/// # Errors
/// Why the one named is not there.
pub fn inherited_jobserver() -> Result<Option<Client>, String> {
    // SAFETY: file descriptors that the variable names are looked at (those that are no pipes are refused)
    // and opened again or duplicated, never owned, so that nobody else's is closed by dropping the client.
    // Nobody closes them in between: those this process was started with stay open.
    let found = unsafe {
        Client::from_env_ext(/* check_pipe */ true)
    };
    match found.client {
        Ok(client) => Ok(Some(client)),
        Err(error) => match error.kind() {
            FromEnvErrorKind::NoEnvVar | FromEnvErrorKind::NoJobserver => Ok(None),
            _ => Err(error.to_string()),
        },
    }
}
