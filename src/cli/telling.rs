//! What a run says at the end, and before it begins.

use std::path::Path;

use indicatif::BinaryBytes;

use super::print;
use crate::incremental::Split;
use crate::options::CommandError;
use crate::output::OutputFile;
use crate::plan::{Plan, PlanError};
use crate::report::Report;
use crate::verify::Verdict;

/// Tells clang's own words, if it is clang who rejects the plan.
pub(super) fn plan_error(error: PlanError) -> String {
    match error {
        PlanError::Flags { error: CommandError::Rejected(diagnostics), from, module } => {
            print::tell(diagnostics);
            format!("clang rejects the options of {module}, which are from {from}")
        }
        other => other.to_string(),
    }
}

/// A line for each object that needs no backend, or, of very many, for the first.
pub(super) fn native(plan: &Plan, verbose: bool) {
    const ENOUGH: usize = 10;
    let told = if verbose { usize::MAX } else { ENOUGH };
    for object in plan.native.iter().take(told) {
        print::note(&format_args!("{} is native already and is skipped", object.module));
    }
    if let more @ 1.. = plan.native.len().saturating_sub(told) {
        print::note(&format_args!("{more} more are native already (-v names them)"));
    }
}

/// What has to be compiled again, and why.
pub(super) fn changes(split: &Split) {
    for (job, change) in split.stale.jobs.iter().zip(&split.changes) {
        print::tell(format!("{}: {change}\n", job.module));
    }
}

/// The closing line, and the failures. `up_to_date` objects needed no job.
pub(super) fn summary(plan: &Plan, report: &Report, up_to_date: usize) {
    if plan.jobs.is_empty() && up_to_date > 0 {
        print::tell(format!("thinfarm: nothing to compile; {up_to_date} up to date\n"));
        return;
    }
    let failed = report.failed().count();
    let mut summary = format!(
        "thinfarm: {} objects, {} in {:.2} s, {:.2} CPU s, peak {}, {} threads",
        report.objects(),
        option_sets(plan),
        report.wall.as_secs_f64(),
        report.usage.cpu,
        BinaryBytes(report.usage.peak_memory),
        report.threads,
    );
    if failed > 0 {
        summary += &format!("; {failed} failed");
    }
    if report.from_cache() > 0 {
        summary += &format!("; {} from the cache", report.from_cache());
    }
    if up_to_date > 0 {
        summary += &format!("; {up_to_date} up to date");
    }
    if !plan.native.is_empty() {
        summary += &format!("; {} native already", plan.native.len());
    }
    if report.not_started() > 0 {
        summary += &format!("; {} not started", report.not_started());
    }
    print::tell(summary + "\n");
    for (_, module, _) in report.failed() {
        print::tell(format!("thinfarm: failed: {module}\n"));
    }
}

/// How many ways of compiling there are among the jobs.
fn option_sets(plan: &Plan) -> String {
    match plan.option_sets() {
        1 => "1 option set".to_owned(),
        number => format!("{number} option sets"),
    }
}

/// The ten slowest objects, by stage.
pub(super) fn slowest(report: &Report) {
    let slowest: Vec<_> = report.slowest(10).into_iter().filter(|(_, _, job)| !job.is_from_cache()).collect();
    if slowest.is_empty() {
        return;
    }
    print::tell("the slowest objects (seconds):\n");
    print::tell("    wall    load  import     opt codegen   write  object\n");
    for (_, module, job) in slowest {
        let Ok(done) = &job.result else { continue };
        let stages = done.stages;
        print::tell(format!(
            "{:8.2}{:8.2}{:8.2}{:8.2}{:8.2}{:8.2}  {module}\n",
            job.wall.as_secs_f64(),
            stages.load.wall,
            stages.import.wall,
            stages.optimise.wall,
            stages.codegen.wall,
            done.write.wall,
        ));
    }
}

/// How many objects no cache can have, by reason.
pub(super) fn not_cached(report: &Report) {
    for (reason, objects) in report.uncacheable() {
        print::tell(format!("not cacheable: {objects} of {} objects: {reason}\n", report.objects()));
    }
}

/// How good the order of the jobs was, and what would have made a better one.
pub(super) fn order(report: &Report) {
    const ENOUGH: usize = 5;
    if report.objects() == 0 {
        return;
    }
    print::tell(format!(
        "order of jobs: {:.2} s, in no order less than {:.2} s; farthest from their predictions (CPU seconds):\n",
        report.wall.as_secs_f64(),
        report.least_wall().as_secs_f64(),
    ));
    print::tell("predicted  actual  object\n");
    for (_, module, job) in report.mispredicted(ENOUGH) {
        let (predicted, actual) = (job.predicted.unwrap_or_default(), job.cpu_seconds().unwrap_or_default());
        print::tell(format!("{predicted:9.2}{actual:8.2}  {module}\n"));
    }
    if let Some(reason) = &report.not_remembered {
        print::note(&format_args!("what the jobs cost is not remembered for the next run: {reason}"));
    }
}

/// Whether all objects are clang's.
pub(super) fn verdict(verdict: &Verdict) -> bool {
    for difference in &verdict.differences {
        print::error(difference);
    }
    print::tell(format!(
        "thinfarm: verify: {} identical of {}\n",
        verdict.identical,
        verdict.identical + verdict.differences.len()
    ));
    verdict.differences.is_empty()
}

/// Writes what each job cost to `path`.
pub(super) fn profile(path: &Path, report: &Report) -> Result<(), String> {
    OutputFile::create(path)
        .and_then(|file| file.finish((report.to_json() + "\n").as_bytes()))
        .map(drop)
        .map_err(|error| cannot_write(path, &error))
}

/// Why nobody will find an output.
pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
