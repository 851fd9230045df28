//! Where cargo keeps the packages whose sources are compiled.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// The source directory of the package `name`, which `sources/Cargo.toml` pins.
///
/// The first call on a machine downloads the packages; later ones need no network.
pub fn package_dir(name: &str) -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("sources/Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version=1", "--quiet"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .arg("--manifest-path")
        .arg(&manifest)
        .output()
        .context("cannot run cargo, which fetches the corpora")?;
    if !output.status.success() {
        bail!(
            "cargo cannot fetch the packages that {} pins; a first run needs the network\n{}",
            manifest.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .context("cargo metadata printed something that is not JSON")?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == name)
        .and_then(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(Path::to_owned)
        .ok_or_else(|| anyhow!("{} pins no package {name}", manifest.display()))
}
