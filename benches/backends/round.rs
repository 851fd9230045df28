//! One round: each way once, right after each other.

use anyhow::Result;
use serde::Serialize;

use crate::cost::Cost;
use crate::subject::Subject;

/// What each step cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// thinfarm, all backends.
    pub thinfarm: Cost,
    /// clang, a process for every backend.
    pub clang: Cost,
    /// lld from bitcode to shared library.
    pub lld: Cost,
    /// lld from bitcode to indexes.
    pub thin_link: Cost,
    /// lld from native objects to shared library.
    pub native_link: Cost,
}

impl Round {
    /// Measures every step, and tells `progress` of it beforehand.
    pub fn measure(subject: &Subject, progress: &impl Fn(&str)) -> Result<Round> {
        progress("thinfarm");
        let thinfarm = subject.thinfarm()?;
        progress("clang");
        let clang = subject.clang()?;
        progress("ld.lld");
        let lld = subject.lld()?;
        progress("thin link and native link");
        let thin_link = subject.thin_link()?;
        let native_link = subject.native_link()?;
        Ok(Round { thinfarm, clang, lld, thin_link, native_link })
    }

    /// The backends within lld, which cannot run them alone: its whole link without what the others leave
    /// to a thin link and a native link. The thin link also writes indexes and the native link reads
    /// objects, neither of which the whole link does, so this is a little too good for lld.
    pub fn lld_backends(&self) -> Cost {
        self.lld.less(self.thin_link).less(self.native_link)
    }

    /// The whole link when `backends` run apart from lld.
    pub fn link_with(&self, backends: Cost) -> Cost {
        self.thin_link.then(backends).then(self.native_link)
    }
}
