//! How a process that gives a core back wakes the one that waits for it, which may be another.

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

/// A fifo that every process of a share has open. A byte in it says that something has changed; who waits, which
/// one at a time does, empties it and looks what that is.
#[derive(Debug)]
pub(super) struct Bell(File);

impl Bell {
    /// The bell of the share in `directory`, hung up if there is none.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("bell");
        match mkfifo(&path, Mode::from_bits_truncate(0o666)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        // Anything else would never be silent.
        if !fs::metadata(&path)?.file_type().is_fifo() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "bell is not a fifo"));
        }
        // With both ends open here, the fifo is neither closed nor full of nobody's bytes.
        let mut options = File::options();
        options.read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map(Self)
    }

    /// Wakes who waits.
    pub(super) fn ring(&self) {
        // If there is no more room, it has been rung often enough.
        let _ = (&self.0).write(b"!");
    }

    /// Forgets that it was rung. What rang it before is there to be seen.
    pub(super) fn silence(&self) -> io::Result<()> {
        let mut rung = [0; 4096];
        loop {
            match (&self.0).read(&mut rung) {
                Ok(size) if size == rung.len() => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until it is rung, or was since it was silenced, but no longer than `longest`.
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
    fn who_waits_is_woken_by_another() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (Bell::open(directory.path()).unwrap(), Bell::open(directory.path()).unwrap());
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| there.ring());
            here.wait(FOREVER).unwrap();
        });
        here.silence().unwrap();
        here.wait(Duration::from_millis(1)).unwrap();
        assert!(started.elapsed() < FOREVER);
    }

    #[test]
    fn nobody_has_to_listen() {
        let directory = tempfile::tempdir().unwrap();
        let bell = Bell::open(directory.path()).unwrap();
        // More than a fifo has room for.
        (0..100_000).for_each(|_| bell.ring());
        bell.silence().unwrap();
        assert_eq!((&bell.0).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn what_is_no_fifo_is_no_bell() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("bell"), "").unwrap();
        assert!(Bell::open(directory.path()).unwrap_err().to_string().contains("not a fifo"));
    }
}
