//! A thousand modules with next to nothing in them, so that what a backend costs beyond the code it compiles
//! is all there is to measure.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use crate::front_end::Source;
use crate::products_dir;

/// How many modules there are.
const MODULES: usize = 1000;

/// Writes the sources, where they are not there yet, and names them.
pub fn sources() -> Result<Vec<Source>> {
    let root = products_dir().join("tiny-sources");
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    // Several processes may do this at once, and nobody is to see half a source.
    let lock_path = root.join(".lock");
    let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;
    (0..MODULES)
        .map(|number| {
            let source = Source::new(&root, format!("{}.c", function(number)));
            write_once(&source.path, &text(number))?;
            Ok(source)
        })
        .collect()
}

/// The one function of module `number`.
fn function(number: usize) -> String {
    format!("tiny_{number:03}")
}

/// It calls the next module's, and the last one the first's, so each is worth importing.
fn text(number: usize) -> String {
    let (this, next) = (function(number), function((number + 1) % MODULES));
    let mut text = format!("unsigned {next}(unsigned);\n");
    let _ = writeln!(
        text,
        "unsigned {this}(unsigned n) {{ return n ? {next}(n - 1) * 31 + {number} : {number}; }}"
    );
    text
}

/// A source that has not changed keeps its time, so that it is not compiled again.
fn write_once(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
