//! Runs of the library that are cancelled, and several in one process: at once, and from the listener of another. Each
//! scenario has a process of its own, since LLVM's options belong to one.

use std::fs;
use std::num::NonZero;
use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use jobserver::Client;
use thinfarm::cache::Cache;
use thinfarm::farm::{Costs, Farm, FarmError, Jobserver, MachineShare};
use thinfarm::plan::Plan;
use thinfarm::report::{Event, EventKind, Report, Stage, Totals, Warning};
use thinfarm::trust::Trust;

use crate::fixture::{Link, alone, thinfarm_path};
use crate::interrupt::{compile_long, wait_until};
use crate::llvm_sets::{ALIGNED, Compiled, PLAIN, SPREAD, plan, same_as_clang};

/// Nothing here takes so long, unless somebody waits for ever.
const FOREVER: Duration = Duration::from_secs(120);

const SMALL: &[Compiled] = &[
    ("shape.o", "shape-plain.o", PLAIN),
    ("area.o", "area-plain.o", PLAIN),
    ("names.o", "names-plain.o", PLAIN),
];

const SMALL_ALIGNED: &[Compiled] = &[
    ("shape.o", "shape-aligned.o", ALIGNED),
    ("area.o", "area-aligned.o", ALIGNED),
    ("names.o", "names-aligned.o", ALIGNED),
];

const SMALL_SPREAD: &[Compiled] =
    &[("shape.o", "shape-spread.o", SPREAD), ("names.o", "names-spread.o", SPREAD)];

const LONG: Compiled = ("long.o", "long-plain.o", PLAIN);
const LONG_ALIGNED: Compiled = ("long.o", "long-aligned.o", ALIGNED);

/// The same objects under names of their own.
fn again(jobs: &[Compiled<'static>]) -> Vec<Compiled<'static>> {
    let renamed = |object: &str| -> &'static str { format!("again-{object}").leak() };
    jobs.iter().map(|&(module, object, flags)| (module, renamed(object), flags)).collect()
}

/// Runs the scenario `name` in a process of its own, which leaves just `objects`; those are clang's.
#[track_caller]
fn scenario(name: &str, objects: &[Compiled]) {
    let link = Link::new();
    compile_long(&link, 300);
    // With an index that imports something it has stages.
    link.thin_link(&["shape.o", "area.o", "names.o", "long.o"], &[]);
    let names: Vec<&str> = objects.iter().map(|(_, object, _)| *object).collect();
    let status = link.adds_only(&names, || {
        let mut command = link.command(std::env::current_exe().expect("this program"));
        command.args(["--exact", "runs::the_process", "--ignored", "--nocapture", "--quiet"]);
        alone(&mut command);
        command.env("RUNS_SCENARIO", name).stdin(Stdio::null()).stdout(Stdio::null());
        wait_until(command.spawn().expect("a process to start"), Instant::now() + FOREVER)
    });
    assert!(status.expect("a run waits for ever").success(), "{name}");
    for job in objects {
        same_as_clang(&link, *job);
    }
}

#[test]
#[ignore = "the process that `scenario` starts"]
fn the_process() {
    match std::env::var("RUNS_SCENARIO").as_deref().unwrap_or_default() {
        "" => {}
        "cancel-from-thread" => cancel_from_another_thread(),
        "cancel-from-listener" => cancel_from_the_listener(),
        "cancel-child" => cancel_while_a_child_works(),
        "cancel-jobserver" => cancel_while_a_run_waits_for_a_token(),
        "cancel-machine" => cancel_while_a_run_waits_for_a_core(),
        "at-once" => several_at_once(),
        "cache" => tell_hits(),
        "refused" => refused_beside_another(),
        "nested" => nested(),
        other => panic!("no scenario {other}"),
    }
}

fn farm() -> Farm {
    Farm::default().worker_program(thinfarm_path())
}

fn shared(directory: &Path, memory: Option<u64>) -> Option<MachineShare> {
    Some(MachineShare::at(directory, memory, &Trust::of_user()).expect("a share"))
}

fn one_thread() -> Farm {
    farm().threads(NonZero::<usize>::MIN)
}

/// What of a stream of events must always hold.
struct Stream {
    last: Duration,
    totals: Totals,
    kinds: Vec<&'static str>,
}

impl Stream {
    fn new() -> Self {
        Self { last: Duration::ZERO, totals: Totals::default(), kinds: Vec::new() }
    }

    fn hear(&mut self, event: &Event<'_>) {
        assert!(event.at >= self.last, "an event is earlier than the one before");
        self.last = event.at;
        self.totals = event.totals;
        self.kinds.push(match event.kind {
            EventKind::Began { .. } => "began",
            EventKind::Planned { .. } => "planned",
            EventKind::Started { .. } => "started",
            EventKind::Reached { .. } => "reached",
            EventKind::Finished { .. } => "finished",
            EventKind::CacheHit { .. } => "hit",
            EventKind::Cancelled => "cancelled",
            EventKind::Ended { .. } => "ended",
            _ => "other",
        });
    }

    #[track_caller]
    fn is_whole(&self, report: &Report) {
        let count = |kind| self.kinds.iter().filter(|&&other| other == kind).count();
        assert_eq!((self.kinds.first(), self.kinds.last()), (Some(&"began"), Some(&"ended")));
        assert_eq!(count("started"), count("finished"));
        assert_eq!(count("cancelled"), usize::from(report.cancelled), "{:?}", self.kinds);
        assert_eq!(count("finished") + count("hit"), report.ran().count());
        let Totals { jobs, from_cache, compiled, failed, cancelled, running, .. } = self.totals;
        assert_eq!((jobs, from_cache, running), (report.jobs.len(), report.from_cache(), 0));
        assert_eq!(
            (from_cache + compiled, failed, cancelled),
            (report.objects(), report.failed().count(), report.cancelled_jobs().count())
        );
        let bytes = report.ran().filter_map(|(_, _, job)| Some(job.result.as_ref().ok()?.object_size));
        assert_eq!(self.totals.object_bytes, bytes.sum::<u64>());
    }
}

/// Whether the process is fit for a run.
#[track_caller]
fn succeeds(farm: &Farm, jobs: &[Compiled]) {
    let report = farm.run(&plan(jobs)).expect("a run");
    assert!(report.is_success() && !report.cancelled);
    assert_eq!(report.objects(), jobs.len());
}

#[test]
fn a_run_is_cancelled_from_another_thread_and_the_next_one_is_as_any() {
    scenario("cancel-from-thread", SMALL);
}

fn cancel_from_another_thread() {
    let plan = plan(&[&[LONG], SMALL].concat());
    let farm = one_thread();
    let run = farm.prepare(&plan).tell_stages();
    let canceller = run.canceller();
    let (optimises, waiting) = channel();
    let thread = thread::spawn(move || {
        waiting.recv().expect("a job that optimises");
        canceller.cancel();
    });
    let mut stream = Stream::new();
    let report = run.execute(|event| {
        stream.hear(event);
        if let EventKind::Reached { job, stage, .. } = event.kind
            && job.module == "long.o"
        {
            assert!(stage < Stage::Codegen, "it was cancelled");
            if stage == Stage::Optimise {
                optimises.send(()).expect("a thread that cancels");
            }
        }
        Continue(())
    });
    thread.join().expect("a thread that cancels");
    let report = report.expect("a report");
    stream.is_whole(&report);
    assert!(report.cancelled && !report.is_success());
    let cancelled: Vec<&str> = report.cancelled_jobs().map(|(_, module, _)| module).collect();
    assert_eq!(cancelled, ["long.o"]);
    assert_eq!((report.failed().count(), report.objects() + report.not_started()), (0, 3));
    // The run that is over is not this one.
    run.cancel();
    succeeds(&farm, SMALL);
}

#[test]
fn a_listener_cancels_its_run() {
    scenario("cancel-from-listener", SMALL);
}

fn cancel_from_the_listener() {
    let small = plan(SMALL);
    for farm in [farm(), one_thread(), farm().no_threads()] {
        let mut stream = Stream::new();
        let report = farm.run_with(&small, |event| {
            stream.hear(event);
            Break(())
        });
        let report = report.expect("a report");
        stream.is_whole(&report);
        assert!(report.cancelled, "{:?}", stream.kinds);
        assert_eq!((report.objects(), report.not_started()), (0, 3));
    }
    // Without threads nothing can have begun meanwhile.
    let mut stream = Stream::new();
    let first = |event: &Event<'_>| {
        stream.hear(event);
        if event.totals.over() == 1 { Break(()) } else { Continue(()) }
    };
    let report = farm().no_threads().run_with(&small, first).expect("a report");
    stream.is_whole(&report);
    assert_eq!((report.cancelled, report.objects(), report.not_started()), (true, 1, 2));
    // A panic of the listener is the caller's, and nobody goes on meanwhile.
    let long = plan(&[&[LONG], SMALL].concat());
    let run = one_thread();
    let run = run.prepare(&long);
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        run.execute(|event| match event.kind {
            EventKind::Started { .. } => panic::resume_unwind(Box::new("a listener's")),
            _ => Continue(()),
        })
    }));
    assert!(panicked.is_err() && run.canceller().is_cancelled());
    succeeds(&farm(), SMALL);
}

#[test]
fn hits_are_told_as_they_are_found_and_what_is_not_as_it_should_be_too() {
    scenario("cache", SMALL);
}

fn tell_hits() {
    let small = plan(SMALL);
    let directory = tempfile::tempdir().expect("a directory");
    let cache = Cache::open(directory.path(), &Trust::of_user()).expect("a cache");
    let farm = farm().cache(Some(cache));
    succeeds(&farm, SMALL);
    for (_, object, _) in SMALL {
        fs::remove_file(object).expect("an object");
    }
    // One that looks alone looks no further.
    let one = farm.clone().threads(NonZero::<usize>::MIN);
    let mut stream = Stream::new();
    let report = one.run_with(&small, |event| {
        stream.hear(event);
        if let EventKind::CacheHit { .. } = event.kind { Break(()) } else { Continue(()) }
    });
    let report = report.expect("a report");
    stream.is_whole(&report);
    assert_eq!((report.from_cache(), report.objects(), report.not_started()), (1, 1, 2));
    for farm in [&one, &farm, &farm.clone().no_threads()] {
        let mut stream = Stream::new();
        let mut planned = None;
        let report = farm.run_with(&small, |event| {
            stream.hear(event);
            if let EventKind::Planned { jobs, .. } = event.kind {
                planned = Some((jobs, event.totals.from_cache));
            }
            Continue(())
        });
        let report = report.expect("a report");
        stream.is_whole(&report);
        assert_eq!((planned, report.from_cache()), (Some((0, 3)), 3));
    }
    // Where what the jobs cost is to be remembered there is a file.
    let unremembered = self::farm().costs(Some(Costs::in_cache(Path::new("shape.c"))));
    let mut warnings = 0;
    let report = unremembered.run_with(&small, |event| {
        warnings += usize::from(matches!(event.kind, EventKind::Warning(Warning::NotRemembered(_))));
        Continue(())
    });
    assert_eq!((warnings, report.expect("a report").not_remembered.is_some()), (1, true));
}

#[test]
fn a_cancelled_run_kills_its_child_and_the_next_one_has_another() {
    scenario("cancel-child", &[SMALL, SMALL_ALIGNED].concat());
}

fn cancel_while_a_child_works() {
    let farm = farm();
    succeeds(&farm, SMALL);
    let mut stages = Vec::new();
    let aligned = plan(&[LONG_ALIGNED]);
    let report = farm.prepare(&aligned).tell_stages().execute(|event| match event.kind {
        EventKind::Reached { stage, .. } => {
            stages.push(stage);
            if stage == Stage::Optimise { Break(()) } else { Continue(()) }
        }
        _ => Continue(()),
    });
    let report = report.expect("a report");
    assert_eq!(stages, [Stage::Load, Stage::Import, Stage::Optimise]);
    assert_eq!((report.cancelled, report.cancelled_jobs().count(), report.failed().count()), (true, 1, 0));
    assert!(report.usage.cpu > 0.0);
    succeeds(&farm, SMALL_ALIGNED);
}

/// Runs `holder`, which keeps what `waiter` waits for, and cancels `waiter` meanwhile: it ends first, with nothing done.
fn cancel_while_waiting(holder: &Farm, waiter: &Farm) {
    let long = plan(&[LONG]);
    let small = plan(SMALL);
    let holds = AtomicBool::new(false);
    let (started, starts) = channel();
    thread::scope(|scope| {
        let holding = holder.prepare(&long);
        let keeper = holding.canceller();
        let (holds, holding) = (&holds, holding);
        scope.spawn(move || {
            let report = holding.execute(|event| {
                if let EventKind::Started { .. } = event.kind {
                    holds.store(true, Ordering::SeqCst);
                    started.send(()).expect("a test that waits");
                }
                Continue(())
            });
            holds.store(false, Ordering::SeqCst);
            assert!(report.expect("a report").cancelled);
        });
        starts.recv_timeout(FOREVER).expect("a job that starts");
        let waiting = waiter.prepare(&small);
        let canceller = waiting.canceller();
        scope.spawn(move || {
            // Long enough for workers to wait, and right if they do not yet.
            thread::sleep(Duration::from_millis(100));
            canceller.cancel();
        });
        let report = waiting.execute(|event| {
            assert!(!matches!(event.kind, EventKind::Started { .. }), "there is no leave");
            Continue(())
        });
        let report = report.expect("a report");
        assert!(holds.load(Ordering::SeqCst), "it waited for the other run");
        assert_eq!((report.cancelled, report.not_started()), (true, 3));
        keeper.cancel();
    });
    // It may have been past its last stage.
    let _ = fs::remove_file(LONG.1);
    // What was waited for is there again.
    succeeds(waiter, SMALL);
}

#[test]
fn a_run_that_waits_for_a_token_is_cancelled() {
    scenario("cancel-jobserver", SMALL);
}

fn cancel_while_a_run_waits_for_a_token() {
    let client = Client::new(1).expect("a jobserver");
    let token = client.acquire().expect("the token");
    let farm = farm().jobserver(Some(Jobserver::from(client.clone())));
    cancel_while_waiting(&farm, &farm.clone());
    drop(token);
    // No token is lost.
    drop(client.acquire().expect("the token"));
    assert!(client.available().is_ok_and(|tokens| tokens == 1));
}

#[test]
fn a_run_that_waits_for_a_core_is_cancelled() {
    scenario("cancel-machine", SMALL);
}

fn cancel_while_a_run_waits_for_a_core() {
    let directory = tempfile::tempdir().expect("a directory");
    // So little memory that jobs run one at a time.
    let share = || shared(directory.path(), Some(1));
    // Of two processes, and of one.
    let (one, other) = (farm().machine(share()), farm().machine(share()));
    cancel_while_waiting(&one, &other);
    cancel_while_waiting(&one, &one.clone());
}

/// Runs the plans of each of `runs` at once: none goes on before all have begun.
fn at_once(runs: &[(&Farm, Plan)]) {
    let (here, all) = channel();
    let (goes, going): (Vec<Sender<()>>, Vec<Receiver<()>>) = runs.iter().map(|_| channel()).unzip();
    thread::scope(|scope| {
        for ((farm, plan), going) in runs.iter().zip(going) {
            let here = here.clone();
            scope.spawn(move || {
                let mut stream = Stream::new();
                let report = farm.run_with(plan, |event| {
                    stream.hear(event);
                    if let EventKind::Began { .. } = event.kind {
                        here.send(()).expect("a test that waits");
                        going.recv_timeout(FOREVER).expect("the others have begun");
                    }
                    Continue(())
                });
                let report = report.expect("a report");
                stream.is_whole(&report);
                assert!(report.is_success());
            });
        }
        for _ in runs {
            all.recv_timeout(FOREVER).expect("a run waits for another one to end");
        }
        goes.iter().for_each(|go| go.send(()).expect("a run"));
    });
}

#[test]
fn runs_at_once_make_the_objects_of_clang() {
    let objects = [SMALL, &again(SMALL), SMALL_ALIGNED, &again(SMALL_ALIGNED), SMALL_SPREAD, &[LONG_ALIGNED]];
    scenario("at-once", &objects.concat());
}

fn several_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let machine = farm().machine(shared(directory.path(), None));
    let of_make = farm().jobserver(Some(Jobserver::from(Client::new(1).expect("a jobserver"))));
    for farm in [&farm(), &machine, &of_make] {
        // Of one set: the first decides it for the process.
        at_once(&[(farm, plan(SMALL)), (farm, plan(&again(SMALL))), (farm, Plan::default())]);
        // Of several, and the child of the one that ends last outlives the others.
        at_once(&[
            (farm, plan(SMALL)),
            (farm, plan(SMALL_ALIGNED)),
            (farm, plan(&again(SMALL_ALIGNED))),
            (farm, plan(SMALL_SPREAD)),
            (farm, plan(&[LONG_ALIGNED])),
        ]);
    }
}

#[test]
fn a_run_of_another_set_is_refused_without_workers_and_harms_nobody() {
    scenario("refused", SMALL);
}

fn refused_beside_another() {
    // A run without jobs decides nothing.
    assert!(Farm::default().run(&Plan::default()).is_ok_and(|report| report.is_success()));
    let (small, aligned) = (plan(SMALL), plan(SMALL_ALIGNED));
    let report = Farm::default().run_with(&small, |event| {
        if let EventKind::Began { .. } = event.kind {
            let refused = Farm::default().run(&aligned);
            assert!(matches!(refused, Err(FarmError::OtherLlvmArgs { .. })));
        }
        Continue(())
    });
    assert!(report.expect("a report").is_success());
}

#[test]
fn a_listener_runs_farms() {
    let objects = [SMALL, &again(SMALL), SMALL_ALIGNED, SMALL_SPREAD];
    scenario("nested", &objects.concat());
}

/// Runs a plan of each set from the listener of a run, at its first events of each kind.
fn nested_in(farm: &Farm) {
    let outer = plan(SMALL);
    let mut at_start = Some([plan(&again(SMALL)), plan(SMALL_ALIGNED)]);
    let mut at_end = Some([plan(&again(SMALL)), plan(SMALL_SPREAD)]);
    let run = |plans: Option<[Plan; 2]>| -> ControlFlow<()> {
        for plan in plans.iter().flatten() {
            assert!(farm.run(plan).expect("a report").is_success());
        }
        Continue(())
    };
    let report = farm.run_with(&outer, |event| match event.kind {
        EventKind::Started { .. } => run(at_start.take()),
        EventKind::Finished { .. } => run(at_end.take()),
        _ => Continue(()),
    });
    assert!(report.expect("a report").is_success());
}

fn nested() {
    let directory = tempfile::tempdir().expect("a directory");
    let share = || shared(directory.path(), None);
    let of_make = || Some(Jobserver::from(Client::new(1).expect("a jobserver")));
    for farm in [
        farm(),
        one_thread(),
        farm().no_threads(),
        farm().machine(share()),
        one_thread().machine(share()),
        farm().jobserver(of_make()),
        one_thread().jobserver(of_make()),
    ] {
        nested_in(&farm);
    }
}
