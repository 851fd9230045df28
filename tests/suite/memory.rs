//! The memory budget of one process, which no other thinfarm shares: jobs wait for room, nothing waits for ever,
//! and a run survives where one without a budget does not.

use std::process::{Command, Stdio};

use jobserver::Client;

use crate::fixture::{Link, alone, llvm_tool, run, thinfarm, thinfarm_path};
use crate::jobserver::link_of_equals;
use crate::many_links::{jobs, most_at_once, profile};

/// `thinfarm backend` over `list` with eight threads, in a machine it does not share. It goes on after no failure.
fn backend(link: &Link, budget: &str) -> Command {
    let mut command = thinfarm();
    command.current_dir(link.dir()).stdin(Stdio::null()).args([
        "backend",
        "-j8",
        "--fail-fast",
        "--list",
        "list",
    ]);
    command.args(["--profile", &profile(0), "--memory-limit", budget, "--", "-O2"]);
    command
}

/// What a job of `link` claims, bytes, and a budget with room for two of them and not quite for a third.
fn budget_for_two(link: &Link) -> (u64, String) {
    run(&mut backend(link, "64G")).succeeded();
    let claim = jobs(link, 1)[0].claim;
    (claim, (claim * 3 - 1).to_string())
}

#[test]
fn a_process_keeps_to_its_budget() {
    let link = link_of_equals(6, 100);
    let (claim, budget) = budget_for_two(&link);
    assert!(most_at_once(&jobs(&link, 1)).0 > 2, "nothing bounded these");
    run(&mut backend(&link, &budget)).succeeded();
    assert_eq!(most_at_once(&jobs(&link, 1)), (2, 2 * claim));
    run(&mut backend(&link, "1M")).succeeded();
    assert_eq!(most_at_once(&jobs(&link, 1)).0, 1, "jobs larger than the budget, each alone");
}

/// Tokens are there for all, and memory is not: those that wait for it hold no token.
#[test]
fn a_process_under_make_keeps_to_its_budget() {
    let link = link_of_equals(6, 100);
    let (claim, budget) = budget_for_two(&link);
    let mut command = backend(&link, &budget);
    let jobserver = Client::new(7).expect("a pipe");
    jobserver.configure_make(&mut command);
    run(command.env_remove("CARGO_MAKEFLAGS")).succeeded();
    assert_eq!(most_at_once(&jobs(&link, 1)), (2, 2 * claim));
    assert_eq!(jobserver.available().expect("a pipe"), 7, "tokens");
}

/// A failure that stops the run ends those that wait for room, too.
#[test]
fn a_run_that_stops_leaves_nobody_waiting() {
    let link = link_of_equals(6, 20);
    // So large that it comes first.
    link.write("equal0.o", "noise".repeat(1 << 20));
    run(&mut backend(&link, "1M")).failed_on("equal0.o", &["bitcode"], &[]);
    assert_eq!(jobs(&link, 1).len(), 1, "jobs that were started");
}

/// Address space that a shell gives a run over eight modules, each of which takes 300 MiB to compile, KiB. With a budget
/// the run takes 1,420,000, and without one 3,920,000.
const SPACE: u32 = 2_500_000;

#[test]
fn a_run_with_a_budget_survives_where_one_without_dies() {
    let link = Link::sources();
    link.write("large.c", format!("const char large[] = \"{}\";\n", "thinfarm".repeat(3 << 20)));
    let clang = ["-O2", "-fPIC", "-flto=thin", "-c", "large.c", "-o", "large.o"];
    run(link.command(llvm_tool("clang")).args(clang)).succeeded();
    let names: Vec<String> = (0..8).map(|number| format!("large{number}.o")).collect();
    for name in &names {
        std::fs::hard_link(link.path("large.o"), link.path(name)).expect("a name");
        link.write(&format!("{name}.thinlto.bc"), "");
    }
    link.write("list", names.join("\n"));
    let limited = |budget: &str| {
        let mut shell = link.command("sh");
        alone(&mut shell);
        shell.args(["-c", &format!("ulimit -v {SPACE}; exec \"$0\" \"$@\"")]).arg(thinfarm_path());
        run(shell.args(backend(&link, budget).get_args()))
    };
    assert_ne!(limited("64G").code, Some(0), "there was memory for all at once");
    limited("512M").succeeded();
}
