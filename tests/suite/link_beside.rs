//! A link by `link::run` in a process that also runs farms: beside jobs of others it is not begun, and farms that begin
//! while it compiles change nothing of it. The process is one of its own, since lld links once in one.

use std::env;
use std::ffi::OsString;
use std::ops::ControlFlow::Continue;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use thinfarm::farm::{Farm, FarmError};
use thinfarm::link::{self, Arguments, Compiler, Directory, LinkEvent, Settings};
use thinfarm::options::Sources;
use thinfarm::report::EventKind;

use crate::fixture::{Link, alone, llvm_tool, run, thinfarm_path};
use crate::llvm_sets::{ALIGNED, Compiled, PLAIN, plan, same_as_clang};

const VARIABLE: &str = "LINK_BESIDE";

const MODULES: [&str; 3] = ["shape.o", "area.o", "names.o"];

/// Whose jobs run when the link is first asked for.
const BEFORE: &[Compiled] = &[("shape.o", "shape-before.o", PLAIN), ("names.o", "names-before.o", PLAIN)];

/// Of a farm that begins while the link compiles, in this process.
const BESIDE: &[Compiled] = &[("shape.o", "shape-beside.o", PLAIN), ("area.o", "area-beside.o", PLAIN)];

/// The same with LLVM options that the process cannot have.
const ALIGNED_BESIDE: &[Compiled] =
    &[("shape.o", "shape-aligned.o", ALIGNED), ("area.o", "area-aligned.o", ALIGNED)];

#[test]
fn a_link_and_farms_in_one_process() {
    let link = Link::new();
    link.thin_link(&MODULES, &[]);
    let by_lld = ["-shared", "-o", "lld.so"].iter().chain(&MODULES);
    run(link.command(llvm_tool("ld.lld")).args(by_lld)).succeeded();
    let jobs = [BEFORE, BESIDE, ALIGNED_BESIDE].concat();
    let mut added: Vec<&str> = jobs.iter().map(|(_, object, _)| *object).collect();
    added.push("lib.so");
    link.adds_only(&added, || {
        let mut process = link.command(env::current_exe().expect("this program"));
        alone(&mut process);
        process.args(["--exact", "link_beside::the_process", "--ignored", "--nocapture"]).env(VARIABLE, "1");
        run(&mut process).succeeded();
    });
    assert!(link.read("lib.so") == link.read("lld.so"), "the link is not lld's");
    jobs.into_iter().for_each(|job| same_as_clang(&link, job));
}

fn farm() -> Farm {
    Farm::default().worker_program(thinfarm_path())
}

/// Links `lib.so` and tells `hear`.
fn links(hear: impl FnMut(&LinkEvent<'_>)) -> Result<bool, FarmError> {
    let words = ["-shared", "-o", "lib.so"].iter().chain(&MODULES);
    let args = Arguments::sort(words.map(OsString::from)).expect("no response file");
    let directory = Directory::of_link(Path::new("lib.so"), &env::temp_dir());
    let settings = Settings::new(farm(), Sources::given(Vec::new()), directory);
    let mut hear = hear;
    let mut compiler = Compiler::new(settings, &args, |event: &LinkEvent<'_>| {
        hear(event);
        Ok(())
    });
    link::run("ld.lld", &args, &mut compiler)
}

#[test]
#[ignore = "run by the other test"]
fn the_process() {
    if env::var_os(VARIABLE).is_none() {
        return;
    }
    // Jobs that run would go on with what lld sets.
    let mut refusals = 0;
    let report = farm().run_with(&plan(BEFORE), |event| {
        if let EventKind::Started { .. } = event.kind {
            assert!(matches!(links(|_| {}), Err(FarmError::LinkDuringRun)));
            refusals += 1;
        }
        Continue(())
    });
    assert!(report.expect("a report").is_success());
    assert_eq!((refusals, Path::new("lib.so").exists()), (BEFORE.len(), false));

    let (starts, started) = channel();
    let (ends, ended) = channel();
    let (beside, aligned) = (plan(BESIDE), plan(ALIGNED_BESIDE));
    thread::scope(|scope| {
        scope.spawn(move || {
            started.recv().expect("a link that compiles");
            for plan in [&beside, &aligned] {
                assert!(farm().run(plan).expect("a report").is_success());
            }
            ends.send(()).expect("a link that waits");
        });
        let mut jobs = 0;
        let linked = links(|event| {
            let LinkEvent::Event(event) = event else { return };
            let EventKind::Started { .. } = event.kind else { return };
            jobs += 1;
            // In the middle of the link both farms begin and end.
            if jobs == 1 {
                starts.send(()).expect("a thread with farms");
                ended.recv_timeout(Duration::from_secs(120)).expect("a farm waits for the end of the link");
            }
        });
        assert!(linked.expect("a link that begins"));
        assert_eq!(jobs, MODULES.len());
    });
}
