//! Sources as their authors released them, by way of Debian's source packages.
//!
//! apt downloads them from the mirror this machine is set up with and checks their signatures. It keeps its state
//! below cargo's target directory, so that this needs no privileges and changes nothing of the machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::Invocation;

/// Where apt is told of mirrors.
const MIRRORS: &str = "/etc/apt";

/// The directory of the unpacked upstream sources of Debian's source package `name`, below `dir`. Debian's patches
/// are not applied: a released `configure` must stay newer than what it is made from.
pub fn unpacked(name: &str, dir: &Path) -> Result<PathBuf> {
    let sources = dir.join("sources").join(name);
    if !sources.exists() {
        println!("  downloading and unpacking the source package {name}");
        // Under another name until it is whole.
        let unpacking = sources.with_added_extension("unpacking");
        if unpacking.exists() {
            fs::remove_dir_all(&unpacking)?;
        }
        fs::create_dir_all(&unpacking).with_context(|| format!("cannot create {}", unpacking.display()))?;
        let archive = download(name, &unpacking, &dir.join("sources/apt"))?;
        Invocation::new("tar", &unpacking).arg("-xf").arg(&archive).capture()?;
        fs::rename(&unpacking, &sources)?;
    }
    let mut inside = entries(&sources)?;
    inside.retain(|path| path.is_dir());
    ensure!(inside.len() == 1, "{} has {} directories instead of one", sources.display(), inside.len());
    Ok(inside.remove(0))
}

/// Lets apt download the package `name` to `to`, and returns its upstream archive.
fn download(name: &str, to: &Path, state: &Path) -> Result<PathBuf> {
    for dir in ["mirrors", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(dir)).with_context(|| format!("cannot create {}", state.display()))?;
    }
    source_mirrors(&state.join("mirrors"))?;
    let apt = || {
        Invocation::new("apt-get", to)
            .arg("-qq")
            .arg("-oDir::Etc::SourceList=/dev/null")
            .arg(format!("-oDir::Etc::SourceParts={}", state.join("mirrors").display()))
            .arg(format!("-oDir::State::Lists={}", state.join("lists").display()))
            .arg(format!("-oDir::Cache={}", state.join("cache").display()))
    };
    // A mirror that cannot be read is of no interest as long as another has the package.
    let updated = apt().arg("update").capture();
    let downloaded = apt().args(["source", "--download-only", name]).capture();
    if let (Err(reason), Err(_)) = (updated, &downloaded) {
        return Err(reason).with_context(|| format!("cannot download the source package {name}"));
    }
    downloaded?;
    entries(to)?
        .into_iter()
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains(".orig.tar.") && !name.ends_with(".asc")
        })
        .with_context(|| format!("the source package {name} has no upstream archive"))
}

/// Writes this machine's list of mirrors to `to`, asking them for sources instead of programs.
fn source_mirrors(to: &Path) -> Result<()> {
    let mut files = vec![Path::new(MIRRORS).join("sources.list")];
    files.extend(entries(&Path::new(MIRRORS).join("sources.list.d"))?);
    for file in files.iter().filter(|file| file.is_file()) {
        let (from, into) = match file.extension().and_then(OsStr::to_str) {
            Some("list") => ("deb ", "deb-src "),
            Some("sources") => ("Types: deb", "Types: deb-src"),
            _ => continue,
        };
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let lines = text.lines().map(|line| match line.strip_prefix(from) {
            // `Types: deb deb-src` and lines of sources that are there already are written twice at most.
            Some(rest) if !rest.starts_with("-src") => format!("{into}{}\n", rest.replace(" deb-src", "")),
            _ => format!("{line}\n"),
        });
        let written = to.join(file.file_name().unwrap_or_default());
        fs::write(&written, lines.collect::<String>())
            .with_context(|| format!("cannot write {}", written.display()))?;
    }
    Ok(())
}

/// What is in `dir`, in the order of names; nothing if it is not there.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let listed = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
