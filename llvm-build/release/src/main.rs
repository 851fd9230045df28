//! `make release`: thinfarm, laid out by BOLT for what it does most.
//!
//! 1. [`program`] builds it so that BOLT can take it apart;
//! 2. [`bolt`] makes a copy that counts what runs;
//! 3. [`training`] has a fixed set of code that is not ours, which the copy compiles ([`run`]);
//! 4. [`bolt`] lays the program out by these counts;
//! 5. [`objects`] of the program as built, of the copy and of the result must be the same, byte for byte. Then the
//!    result gets its final name.
//!
//! The modules that are compiled stay in `corpora/training` of cargo's target directory; the profile is made
//! anew every time.

mod bolt;
mod objects;
mod program;
mod run;
mod training;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use thinfarm_corpora::{Toolchain, target_dir};

use crate::bolt::Bolt;
use crate::program::Program;
use crate::run::Counted;

fn main() -> Result<()> {
    let toolchain = Toolchain::find()?;
    let bolt = Bolt::find(&toolchain)?;
    let finished = target_dir().join("release-bolt");
    let dir = &finished.join("unfinished");
    // Some gigabytes, where a run did not come to its end.
    clear(dir)?;
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;

    let built = step("building thinfarm", Program::build)?;
    let workloads = step("compiling the training set to bitcode", || training::prepare(&toolchain))?;
    let expected = dir.join("expected");
    step("its objects, by the program as built", || run::all(&workloads, &built, &expected, None))?;

    let counts = Counted::prepare(&toolchain, dir)?;
    let instrumented = Program::new(&dir.join("instrumented"))?;
    step("instrumenting", || bolt.instrument(&built, &instrumented, &counts))?;
    step("training", || {
        let trained = dir.join("trained");
        run::all(&workloads, &instrumented, &trained, Some(&counts))?;
        objects::same(&expected, &trained)
    })?;

    let optimised = Program::new(&dir.join("optimised"))?;
    step("laying out", || bolt.optimise(&built, &bolt.merge(&counts)?, &optimised))?;
    step("the objects again, by the result", || verify(&built, &optimised, &workloads, dir, &expected))?;

    let program = optimised.install(&finished)?;
    clear(dir)?;
    println!("{}", program.path().display());
    Ok(())
}

/// Whether `optimised` does what `built` does.
fn verify(
    built: &Program,
    optimised: &Program,
    workloads: &[training::Workload],
    dir: &Path,
    expected: &Path,
) -> Result<()> {
    let version = |program: &Program| run::answer(program, &["--version"]);
    let (said, says) = (version(built)?, version(optimised)?);
    ensure!(said == says, "it says it is {says}, not {said}");
    ensure!(run::is_known_to_be_laid_out(optimised)?, "its doctor takes it for one that is as linked");
    let made = dir.join("made");
    run::all(workloads, optimised, &made, None)?;
    objects::same(expected, &made)
}

fn clear(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("{what}");
    let start = Instant::now();
    let done = work().with_context(|| format!("{what} failed"))?;
    println!("  {:.0} s", start.elapsed().as_secs_f64());
    Ok(done)
}
