//! What the parts need besides thinfarm's own tools.

use std::env;

use anyhow::{Result, bail};

use crate::Part;

/// A program, the Debian package it is in, and the parts that run it.
const NEEDED: [(&str, &str, &[Part]); 8] = [
    ("apt-get", "apt", &[Part::Cmake, Part::Meson, Part::Autotools]),
    ("tar", "tar", &[Part::Cmake, Part::Meson, Part::Autotools]),
    ("xz", "xz-utils", &[Part::Cmake, Part::Autotools]),
    ("bzip2", "bzip2", &[Part::Meson]),
    ("cmake", "cmake", &[Part::Cmake]),
    ("ninja", "ninja-build", &[Part::Cmake, Part::Meson]),
    ("meson", "meson", &[Part::Meson]),
    ("make", "make", &[Part::Autotools]),
];

/// Whether all that `parts` need is there.
pub fn check(parts: &[Part]) -> Result<()> {
    let needed = NEEDED.iter().filter(|(_, _, by)| by.iter().any(|part| parts.contains(part)));
    let missing: Vec<&str> =
        needed.filter(|(what, _, _)| !is_there(what)).map(|(_, package, _)| *package).collect();
    if !missing.is_empty() {
        bail!("test-builds needs packages that are not installed:\n  apt-get install {}", missing.join(" "));
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
