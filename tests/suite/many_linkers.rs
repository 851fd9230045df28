//! Eight links at once by `ld.thinfarm`: as [`many_links`](crate::many_links) has it, behind lld.

use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use crate::fixture::{Link, alone, llvm_tool, run, thinfarm_path};
use crate::many_links::{cores, jobs, most_at_once, profile, share, succeeds};

/// How many modules each link has.
const MODULES: usize = 6;

/// Modules of a dozen loops each, which call one another.
fn modules() -> (Link, Vec<String>) {
    let link = Link::sources();
    for at in 0..MODULES {
        let next = (at + 1) % MODULES;
        let function = |number: usize| {
            format!(
                "int f{at}_{number}(int *p, int n) {{ int sum = {number}; for (int i = 0; i < n; i++)\n\
                 sum += p[i] * (i ^ {at}) + f{next}_{number}(p, n / 2); return sum; }}\n"
            )
        };
        let declared = (0..12).map(|number| format!("int f{next}_{number}(int *, int);\n"));
        let source = declared.chain((0..12).map(function)).collect::<String>();
        link.write(&format!("m{at}.c"), source);
    }
    let sources = (0..MODULES).map(|at| format!("m{at}.c"));
    run(link.command(llvm_tool("clang")).args(["-O2", "-fPIC", "-flto=thin", "-c"]).args(sources))
        .succeeded();
    symlink(thinfarm_path(), link.path("ld.thinfarm")).expect("a link to make");
    (link, (0..MODULES).map(|at| format!("m{at}.o")).collect())
}

/// Link number `number` of those `modules`, in the share of the machine of all.
fn start(link: &Link, number: usize, modules: &[String], budget: u64) -> Child {
    let mut command = Command::new(link.path("ld.thinfarm"));
    alone(&mut command);
    command.current_dir(link.dir()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.arg(format!("--thinfarm-machine-share={}", share(link).display()));
    command.arg(format!("--thinfarm-profile={}", profile(number))).arg("--thinlto-jobs=64");
    command.arg(format!("--thinfarm-memory-limit={budget}"));
    command.args(["-shared", "-o"]).arg(format!("out{number}.so")).args(modules);
    command.spawn().expect("ld.thinfarm to start")
}

#[test]
fn eight_links_share_cores_and_memory() {
    let (link, modules) = modules();
    succeeds(start(&link, 0, &modules, 1 << 40));
    let claim = jobs(&link, 1).iter().map(|job| job.claim).max().expect("a job");
    // Not quite room for as many of the largest as there are cores; one alone is let in whatever it claims.
    let budget = (claim * cores() as u64 - 1).max(claim);
    let links: Vec<Child> = (0..8).map(|number| start(&link, number, &modules, budget)).collect();
    links.into_iter().for_each(|link| drop(succeeds(link)));
    let by_lld = ["-shared", "-o", "lld.so"].into_iter().map(str::to_owned).chain(modules);
    run(link.command(llvm_tool("ld.lld")).args(by_lld)).succeeded();
    for number in 0..8 {
        assert!(link.read(&format!("out{number}.so")) == link.read("lld.so"), "link {number} is not lld's");
    }
    let jobs = jobs(&link, 8);
    assert_eq!(jobs.len(), 8 * MODULES, "jobs");
    let (most, memory) = most_at_once(&jobs);
    assert!(most <= cores(), "{most} jobs at once on {} cores", cores());
    assert!(memory <= budget, "{memory} bytes claimed of {budget}");
}
