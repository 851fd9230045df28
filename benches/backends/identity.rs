//! Whether all ways made the same objects: the speed of something wrong is worth nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::subject::Subject;

/// How many objects are the same byte for byte.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Identity {
    /// How many there are.
    pub objects: usize,
    /// Those that are the same from thinfarm and from clang.
    pub thinfarm_and_clang: usize,
    /// Those that are the same from thinfarm and from lld.
    pub thinfarm_and_lld: usize,
}

impl Identity {
    /// Compares what the three left. A difference to clang is an error and leaves all objects in place. lld
    /// cannot be given every option, so what differs there is only counted.
    pub fn check(subject: &Subject) -> Result<Identity> {
        let mut identity = Identity { objects: subject.modules.len(), ..Identity::default() };
        let mut first_difference = None;
        for position in 0..subject.modules.len() {
            let [thinfarm, clang, lld] = subject.objects_of(position);
            let object = read(&thinfarm)?;
            if object == read(&clang)? {
                identity.thinfarm_and_clang += 1;
            } else {
                first_difference.get_or_insert((thinfarm, clang));
            }
            if object == read(&lld)? {
                identity.thinfarm_and_lld += 1;
            }
        }
        if let Some((thinfarm, clang)) = first_difference {
            bail!(
                "{} identical of {}: thinfarm's objects must be clang's before their speed means anything; \
                 the first that differ:\n  {}\n  {}",
                identity.thinfarm_and_clang,
                identity.objects,
                thinfarm.display(),
                clang.display(),
            );
        }
        Ok(identity)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
