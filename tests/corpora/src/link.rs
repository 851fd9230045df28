//! lld's two visits to a distributed ThinLTO link: the thin link that writes the indexes, and the final
//! link of the native objects.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::invocation::Invocation;
use crate::toolchain::Toolchain;

/// What a thin link left behind: backends' input.
#[derive(Clone, Debug)]
pub struct ThinLink {
    /// The directory the link ran in, which every relative path starts from.
    pub dir: PathBuf,
    /// The list, as `ld.lld --thinlto-index-only=LIST` wrote it.
    pub list: PathBuf,
    /// The modules, as the list spells them; the index of `X` is `X.thinlto.bc`.
    pub modules: Vec<PathBuf>,
}

impl ThinLink {
    /// The name of the list, in the directory of the link.
    pub const LIST: &str = "thinlto.list";

    /// The thin link that ran in `dir`.
    pub fn read(dir: &Path) -> Result<Self> {
        let list = dir.join(Self::LIST);
        let text = fs::read_to_string(&list)
            .with_context(|| format!("cannot read {}, which a thin link leaves behind", list.display()))?;
        Ok(ThinLink { dir: dir.to_owned(), list, modules: text.lines().map(PathBuf::from).collect() })
    }
}

/// Lets `ld.lld` thin-link `objects` in `dir`.
///
/// `lld_args` come before the objects and are ld.lld's own (`-shared`, `--lto-whole-program-visibility`);
/// nothing is added to them, so any target links. Indexes land beside the objects: two links that run at
/// the same time need two directories.
pub fn thin_link(
    toolchain: &Toolchain,
    dir: &Path,
    objects: &[impl AsRef<OsStr>],
    lld_args: &[impl AsRef<OsStr>],
) -> Result<ThinLink> {
    Invocation::new(&toolchain.lld, dir)
        .arg(format!("--thinlto-index-only={}", ThinLink::LIST))
        .args(lld_args)
        .args(objects)
        .capture()
        .context("the thin link failed")?;
    ThinLink::read(dir)
}

/// Lets `ld.lld` link `native_objects` in `dir`.
///
/// `lld_args` come before the objects and say everything else, the output (`-o`) included.
pub fn final_link(
    toolchain: &Toolchain,
    dir: &Path,
    native_objects: &[impl AsRef<OsStr>],
    lld_args: &[impl AsRef<OsStr>],
) -> Result<()> {
    Invocation::new(&toolchain.lld, dir)
        .args(lld_args)
        .args(native_objects)
        .capture()
        .context("the final link failed")?;
    Ok(())
}
