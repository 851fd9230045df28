//! What a kernel build and a boot need besides thinfarm's own tools.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The kernel's sources, as Debian's package of that name installs them.
const SOURCES: &str = "/usr/src/linux-source-6.12.tar.xz";

/// A file or a program, and the Debian package it is in.
const NEEDED: [(&str, &str); 10] = [
    (SOURCES, "linux-source-6.12"),
    ("/usr/include/gelf.h", "libelf-dev"),
    ("bc", "bc"),
    ("bison", "bison"),
    ("flex", "flex"),
    ("make", "make"),
    ("perl", "perl"),
    ("python3", "python3"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("xz", "xz-utils"),
];

/// The archive of the kernel's sources, if everything needed is there.
pub fn check() -> Result<PathBuf> {
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(what, _)| !is_there(what)).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        bail!("test-kernel needs packages that are not installed:\n  apt-get install {}", missing.join(" "));
    }
    Ok(SOURCES.into())
}

fn is_there(what: &str) -> bool {
    // An absolute path stays what it is when joined to a directory.
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(Path::new(what)).is_file())
}
