//! Sources as their authors released them, by way of Debian's source packages.
//!
//! apt downloads them from the mirror this machine is set up with and checks their signatures. It keeps its state
//! below cargo's target directory, so that this needs no privileges and changes nothing of the machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Invocation;
use anyhow::{Context, Result, ensure};

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
        let archive = download(name, &unpacking, &dir.join("sources/apt"), None)?;
        Invocation::new("tar", &unpacking).arg("-xf").arg(&archive).capture()?;
        fs::rename(&unpacking, &sources)?;
    }
    let mut inside = entries(&sources)?;
    inside.retain(|path| path.is_dir());
    ensure!(inside.len() == 1, "{} has {} directories instead of one", sources.display(), inside.len());
    Ok(inside.remove(0))
}

/// The upstream archive of Debian's source package `name` in `dir`, downloaded if it is not there, as it was when its
/// SHA-256 was `sha256`, in hexadecimal digits. `suite` is a release of Debian that has the package, besides those
/// this machine is set up with.
pub fn archive(name: &str, suite: &str, sha256: &str, dir: &Path) -> Result<PathBuf> {
    let found = upstream_archive(dir)?;
    let archive = match found {
        Some(archive) => archive,
        None => {
            println!("  downloading the upstream archive of the source package {name}");
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
            download(name, dir, &dir.join("apt"), Some(suite))?
        }
    };
    let printed = Invocation::new("sha256sum", dir).arg(&archive).capture()?.stdout;
    ensure!(
        printed.starts_with(sha256.as_bytes()),
        "{} is not the file with the SHA-256 {sha256}; remove it to download it again",
        archive.display()
    );
    Ok(archive)
}

/// Lets apt download the upstream archive of package `name` to `to`, and returns it. `suite` is a release of Debian
/// to ask besides those of this machine.
fn download(name: &str, to: &Path, state: &Path, suite: Option<&str>) -> Result<PathBuf> {
    for dir in ["mirrors", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(dir)).with_context(|| format!("cannot create {}", state.display()))?;
    }
    source_mirrors(&state.join("mirrors"), suite)?;
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
    let downloaded = apt().args(["source", "--download-only", "--tar-only", name]).capture();
    if let (Err(reason), Err(_)) = (updated, &downloaded) {
        return Err(reason).with_context(|| format!("cannot download the source package {name}"));
    }
    downloaded?;
    upstream_archive(to)?.with_context(|| format!("the source package {name} has no upstream archive"))
}

/// The upstream archive of a source package, if it is in `dir`.
fn upstream_archive(dir: &Path) -> Result<Option<PathBuf>> {
    Ok(entries(dir)?.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains(".orig.tar.") && !name.ends_with(".asc")
    }))
}

/// Writes this machine's list of mirrors to `to`, asking them for sources instead of programs, and for those of `suite`
/// as well.
fn source_mirrors(to: &Path, suite: Option<&str>) -> Result<()> {
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
        let mut lines: String = lines.collect();
        if let Some(suite) = suite {
            lines = with_suite(&lines, suite);
        }
        let written = to.join(file.file_name().unwrap_or_default());
        fs::write(&written, lines).with_context(|| format!("cannot write {}", written.display()))?;
    }
    Ok(())
}

/// The list of mirrors `lines`, in either form that apt reads, which asks each for `suite` as well.
fn with_suite(lines: &str, suite: &str) -> String {
    let mut all = String::new();
    for line in lines.lines() {
        if line.starts_with("Suites:") {
            all += &format!("{line} {suite}\n");
            continue;
        }
        all += &format!("{line}\n");
        // deb-src [ option=value ] mirror suite component
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let options = words.iter().rposition(|word| word.ends_with(']')).unwrap_or(0);
        if line.starts_with("deb-src ") && words.len() > options + 2 {
            words[options + 2] = suite;
            all += &format!("{}\n", words.join(" "));
        }
    }
    all
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

#[cfg(test)]
mod tests {
    use super::with_suite;

    #[test]
    fn mirrors_are_asked_for_one_suite_more() {
        let lines = "# a comment\ndeb-src [ signed-by=/k arch=amd64 ] http://m/debian old main contrib\n\
                     deb-src http://m/debian old main\nTypes: deb-src\nSuites: old old-updates\n";
        let expected = "# a comment\ndeb-src [ signed-by=/k arch=amd64 ] http://m/debian old main contrib\n\
                        deb-src [ signed-by=/k arch=amd64 ] http://m/debian new main contrib\n\
                        deb-src http://m/debian old main\ndeb-src http://m/debian new main\n\
                        Types: deb-src\nSuites: old old-updates new\n";
        assert_eq!(with_suite(lines, "new"), expected);
    }
}
