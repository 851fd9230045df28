//! How a process that gives a core back notifies the one that waits for it, which may be another.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// The name of the fifo, which thinfarms of all versions share.
const NAME: &str = "bell";

/// A fifo that every process of a share has open. A byte in it says that something has changed; the process that
/// waits, one at a time, empties it and looks what that is.
#[derive(Debug)]
pub(super) struct Notification(File);

impl Notification {
    /// That of the share in `directory`, created if there is none.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        match mkfifo(&path, Mode::from_bits_truncate(0o666)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        // Anything else could be read without end.
        if !fs::metadata(&path)?.file_type().is_fifo() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{NAME} is not a fifo")));
        }
        // With both ends open here, the fifo is neither closed nor full of nobody's bytes.
        let mut options = File::options();
        options.read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map(Self)
    }

    /// Notifies the process that waits.
    pub(super) fn notify(&self) {
        // If there is no more room, there are notifications enough.
        let _ = (&self.0).write(b"!");
    }

    /// Forgets the notifications so far. What they were of is there to be seen.
    pub(super) fn clear(&self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        loop {
            match (&self.0).read(&mut bytes) {
                Ok(size) if size == bytes.len() => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until there is one since the last [`Notification::clear`], but no longer than `longest`.
    pub(super) fn wait(&self, longest: Duration) -> io::Result<()> {
        let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const FOREVER: Duration = Duration::from_secs(600);

    #[test]
    fn one_that_waits_is_notified_by_another() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) =
            (Notification::open(directory.path()).unwrap(), Notification::open(directory.path()).unwrap());
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| there.notify());
            here.wait(FOREVER).unwrap();
        });
        here.clear().unwrap();
        here.wait(Duration::from_millis(1)).unwrap();
        assert!(started.elapsed() < FOREVER);
    }

    #[test]
    fn nobody_has_to_wait() {
        let directory = tempfile::tempdir().unwrap();
        let notification = Notification::open(directory.path()).unwrap();
        // More than a fifo has room for.
        (0..100_000).for_each(|_| notification.notify());
        notification.clear().unwrap();
        assert_eq!((&notification.0).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn what_is_no_fifo_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(NAME), "").unwrap();
        assert!(Notification::open(directory.path()).unwrap_err().to_string().contains("not a fifo"));
    }
}
