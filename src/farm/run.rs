//! One run: its threads, what they tell, and how it ends.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{mem, thread};

use crossbeam_channel::{Receiver, bounded, never, select, unbounded};
use llvm_build::{Stage, has_crashed, watch_jobs};
use tracing::dispatcher::{self, Dispatch};
use tracing::field::{DisplayValue, display};
use tracing::subscriber::NoSubscriber;
use tracing::{Level, Span, debug, debug_span, enabled, info_span};

use super::cached::{Cached, look_for};
use super::cancel::{Canceller, Running};
use super::permits::Permits;
use super::process::{self, Admission, FarmError};
use super::schedule::{Queue, Schedule};
use super::worker::Workers;
use super::{Farm, Prediction, STACK_SIZE, costs, panicking, park};
use crate::backend::{self, JobDone, JobError, Made};
use crate::cache::{CacheUse, Lookup, Uncacheable};
use crate::input::Modules;
use crate::parallel;
use crate::plan::{Job, Plan};
use crate::report::{Doing, Event, EventKind, JobReport, Phases, Recorder, Report, Totals, Usage, Warning};

/// A run of a farm: the jobs of one plan.
///
/// ```no_run
/// # use std::ops::ControlFlow;
/// # use std::thread;
/// # use thinfarm::farm::Farm;
/// # use thinfarm::report::EventKind;
/// # let (farm, plan) = (Farm::default(), Default::default());
/// let run = farm.prepare(&plan);
/// let canceller = run.canceller();
/// thread::spawn(move || canceller.cancel());
/// let report = run.execute(|event| match event.kind {
///     EventKind::Finished { report, .. } if report.result.is_err() => ControlFlow::Break(()),
///     _ => ControlFlow::Continue(()),
/// })?;
/// println!("{} objects, {}", report.objects(), if report.cancelled { "cancelled" } else { "to the end" });
/// # Ok::<(), thinfarm::farm::FarmError>(())
/// ```
#[derive(Debug)]
pub struct Run<'a> {
    farm: &'a Farm,
    plan: &'a Plan,
    canceller: Canceller,
    tells_stages: bool,
    modules: Arc<Modules>,
}

impl<'a> Run<'a> {
    pub(super) fn new(farm: &'a Farm, plan: &'a Plan) -> Self {
        Self { farm, plan, canceller: Canceller::default(), tells_stages: false, modules: Arc::default() }
    }

    /// Reads modules by way of `modules`, of which some are open already.
    #[must_use]
    pub(crate) fn reading(self, modules: Arc<Modules>) -> Self {
        Self { modules, ..self }
    }

    /// Has [`EventKind::Reached`] told, which is more events than all others together.
    #[must_use]
    pub fn tell_stages(self) -> Self {
        Self { tells_stages: true, ..self }
    }

    /// Ends the run before its time, from any thread: no further job starts, child workers are killed, and jobs of this
    /// process end with their stage ([`Stage`]), since LLVM goes through one without a stop. What is compiled is written.
    ///
    /// The report tells of each job what became of it: its object is made, it has failed, it was cancelled after it had
    /// started ([`JobError::Cancelled`], and there is no object), or it was never started. No temporary is left, and the
    /// process is fit for other runs.
    pub fn cancel(&self) {
        self.canceller.cancel();
    }

    /// What cancels the run when this cannot be borrowed any more.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Makes the objects and tells `listen`, on this thread, what happens as it happens; see [`Farm::run`]. If `listen`
    /// breaks, the run is cancelled, and what is left to tell is still told.
    ///
    /// Where there can be no threads, what happens in a job is told after its end.
    ///
    /// # Errors
    /// The jobs cannot share this process.
    pub fn execute(&self, listen: impl FnMut(&Event<'_>) -> ControlFlow<()>) -> Result<Report, FarmError> {
        let Self { farm, plan, ref canceller, .. } = *self;
        let (start, time) = (Instant::now(), SystemTime::now());
        let (before, mut phases) = (Usage::now(), Phases::begin());
        let span = info_span!("run", jobs = plan.jobs.len());
        let _entered = span.enter();
        let modules = &*self.modules;
        let threads =
            NonZero::new(plan.jobs.len()).map_or(NonZero::<usize>::MIN, |jobs| jobs.min(farm.threads));
        let admission = process::admit(plan, farm.worker_program.is_some())?;
        let mut teller = Teller::new(plan, start, canceller, listen);
        teller.tell(EventKind::Began { time, threads: threads.get() });

        // Of a job in this process they are known anyway.
        let tells_stages = self.tells_stages || enabled!(Level::DEBUG);
        let children = farm.families.found();
        let workers = farm
            .worker_program
            .as_deref()
            .map(|program| Workers::new(plan, program, &children, &farm.families, tells_stages));
        phases.end(Doing::Admission);
        let cached = farm.lookup(plan, modules).map(|lookup| self.look_up(lookup, &mut teller));
        if cached.is_some() {
            phases.end(Doing::LookUp);
        }
        let is_wanted = |position| !cached.as_ref().is_some_and(|cached| cached.has(position));
        let wanted: Vec<usize> = (0..plan.jobs.len()).filter(|&position| is_wanted(position)).collect();
        let costs = farm.costs_of(plan);
        let predictions = costs::predict(plan, is_wanted, costs.as_ref(), farm.threads_without_permits());
        let seconds = wanted.iter().map(|&position| predictions[position].seconds).sum();
        let (jobs, budget) = (wanted.len(), farm.budget());
        let schedule = Schedule::of(wanted, &predictions, budget.unwrap_or(u64::MAX), threads.get());

        let queue = Arc::new(Queue::new(schedule));
        let permits = Permits::of(farm.jobserver.as_ref(), farm.machine.as_ref());
        let (told, cancelled) = bounded(1);
        let watch = canceller.watch(Running {
            queue: queue.clone(),
            children: children.clone(),
            jobserver: farm.jobserver.clone(),
            machine: farm.machine.clone(),
            told,
        });
        let work = Work {
            farm,
            plan,
            canceller,
            tells_stages: self.tells_stages,
            modules,
            admission: &admission,
            workers: workers.as_ref(),
            cached: cached.as_ref(),
            queue: &queue,
            predictions: &predictions,
            has_budget: budget.is_some(),
            permits: &permits,
            start,
            span: &span,
        };
        phases.end(Doing::Prediction);
        // A subscriber of this thread alone is to hear of the others, too.
        let subscriber = dispatcher::get_default(Clone::clone);
        let (sender, receiver) = unbounded();
        thread::scope(|scope| {
            // The workers end before a panic of the listener goes on.
            let unwinding = CancelledByPanic(canceller);
            // As many as the system lets there be.
            let wanted = if farm.no_threads { 0 } else { threads.get() };
            if wanted > 0 {
                watch_jobs();
            }
            let worker = |number: usize| {
                let (sender, subscriber) = (sender.clone(), subscriber.clone());
                let thread = thread::Builder::new().name(format!("farm-{number}")).stack_size(STACK_SIZE);
                // The listener outlives the workers, so a message always arrives.
                thread.spawn_scoped(scope, move || {
                    let mut tell = |told| drop(sender.send(told));
                    let mut work = || while work.next(&mut tell) {};
                    match enabled_anywhere(&subscriber) {
                        false => work(),
                        true => dispatcher::with_default(&subscriber, work),
                    }
                })
            };
            let started = (0..wanted).map_while(|number| worker(number).ok()).count();
            drop(sender);
            if started < wanted {
                teller.tell(EventKind::Warning(&Warning::FewThreads { started, wanted }));
            }
            teller.tell(EventKind::Planned { jobs, threads: started.max(1), seconds });
            if started > 0 {
                teller.listen_to(&receiver, cancelled);
            } else {
                work_here(work, &mut teller);
            }
            mem::forget(unwinding);
        });
        phases.end(Doing::Jobs);
        drop(watch);
        drop(permits);
        let usage = children.dismiss().and(before.until_now());
        teller.end(usage, farm.sharing_problem(), |reports| {
            if let Some(cached) = &cached {
                cached.finish();
            }
            costs.map_or(Ok(()), |costs| costs.learn(plan, reports))
        });
        phases.end(Doing::Learning);
        let mut report = teller.recorder.report();
        report.phases = phases.ended().to_vec();
        Ok(report)
    }

    /// Looks for every object in the cache, and tells of each that is there.
    fn look_up<'l, L>(&self, lookup: Lookup<'l>, teller: &mut Teller<'_, L>) -> Cached<'l>
    where
        L: FnMut(&Event<'_>) -> ControlFlow<()>,
    {
        let (jobs, start) = (&self.plan.jobs, teller.start);
        let (span, subscriber) = (Span::current(), dispatcher::get_default(Clone::clone));
        let look = |position, job: &Job| {
            if self.canceller.is_cancelled() {
                return (Err(CacheUse::Miss), None);
            }
            let (wanted, report) = look_for(job, &lookup, start);
            let say = || {
                let (module, task) = (job.module.as_str(), position);
                match &wanted {
                    Ok(_) => debug!(parent: &span, module, task, "is not in the cache"),
                    Err(CacheUse::Uncacheable(why)) => {
                        debug!(parent: &span, module, task, %why, "can be in no cache");
                    }
                    Err(_) => debug!(parent: &span, module, task, "is in the cache"),
                }
            };
            if enabled_anywhere(&subscriber) {
                dispatcher::with_default(&subscriber, say);
            }
            (wanted, report)
        };
        let threads = self.farm.threads_without_permits();
        let (sender, receiver) = unbounded();
        let found = thread::scope(|scope| {
            // One thread is this one, which tells then what it finds.
            let looking = (threads.get() > 1 && jobs.len() > 1).then(|| {
                thread::Builder::new().name("lookup".to_owned()).spawn_scoped(scope, || {
                    let sender = sender;
                    parallel::map(threads, jobs, |position, job| {
                        let (wanted, report) = look(position, job);
                        if let Some(report) = report {
                            let _ = sender.send((start.elapsed(), position, report));
                        }
                        wanted
                    })
                })
            });
            let looking = looking.and_then(Result::ok)?;
            for (at, position, report) in receiver {
                teller.hit(at, position, &report);
            }
            Some(looking.join().expect("looking for objects does not panic"))
        });
        let found = found.unwrap_or_else(|| {
            let look = |(position, job)| {
                let (wanted, report) = look(position, job);
                if let Some(report) = report {
                    teller.hit(start.elapsed(), position, &report);
                }
                wanted
            };
            jobs.iter().enumerate().map(look).collect()
        });
        Cached::new(lookup, found)
    }
}

/// Cancels the run if it is dropped, which a panic does.
struct CancelledByPanic<'a>(&'a Canceller);

impl Drop for CancelledByPanic<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Whether somebody may want to hear anything at all.
fn enabled_anywhere(subscriber: &Dispatch) -> bool {
    !subscriber.is::<NoSubscriber>()
}

/// Why an object is not kept, if it is not.
fn why_not_cached(cache: Option<&CacheUse>) -> Option<DisplayValue<&Uncacheable>> {
    match cache {
        Some(CacheUse::Uncacheable(why)) => Some(display(why)),
        _ => None,
    }
}

/// Works on this thread, which also tells.
fn work_here<L>(work: Work<'_>, teller: &mut Teller<'_, L>)
where
    L: FnMut(&Event<'_>) -> ControlFlow<()>,
{
    let mut told = Vec::new();
    loop {
        let has_worked = work.next(&mut |message| told.push(message));
        // Not within the job: a listener may begin a run that needs what the job holds.
        told.drain(..).for_each(|message| teller.hear(message));
        teller.look_whether_cancelled();
        if !has_worked {
            return;
        }
    }
}

/// What a worker tells the thread that listens; workers print nothing.
struct Message {
    at: Duration,
    position: usize,
    what: Happened,
}

enum Happened {
    Started,
    Reached(Stage),
    Finished(Box<JobReport>),
}

/// Makes events of what happens, and tells them.
struct Teller<'a, L> {
    plan: &'a Plan,
    start: Instant,
    canceller: &'a Canceller,
    recorder: Recorder,
    listen: L,
    totals: Totals,
    last: Duration,
    has_told_of_cancelling: bool,
}

impl<'a, L: FnMut(&Event<'_>) -> ControlFlow<()>> Teller<'a, L> {
    fn new(plan: &'a Plan, start: Instant, canceller: &'a Canceller, listen: L) -> Self {
        let totals = Totals { jobs: plan.jobs.len(), ..Totals::default() };
        let recorder = Recorder::new(plan);
        let (last, has_told_of_cancelling) = Default::default();
        Self { plan, start, canceller, recorder, listen, totals, last, has_told_of_cancelling }
    }

    fn tell(&mut self, kind: EventKind<'_>) {
        self.tell_at(self.start.elapsed(), kind);
    }

    fn tell_at(&mut self, at: Duration, kind: EventKind<'_>) {
        // Of two threads, one may have looked at the clock before the other and be heard after it.
        self.last = self.last.max(at);
        self.totals.add(&kind);
        let event = Event { at: self.last, totals: self.totals, kind };
        self.recorder.hear(&event);
        if (self.listen)(&event).is_break() {
            self.canceller.cancel();
        }
    }

    fn hit(&mut self, at: Duration, position: usize, report: &JobReport) {
        self.tell_at(at, EventKind::CacheHit { position, job: &self.plan.jobs[position], report });
    }

    fn hear(&mut self, Message { at, position, what }: Message) {
        let job = &self.plan.jobs[position];
        match what {
            Happened::Started => self.tell_at(at, EventKind::Started { position, job }),
            Happened::Reached(stage) => self.tell_at(at, EventKind::Reached { position, job, stage }),
            Happened::Finished(report) => {
                self.tell_at(at, EventKind::Finished { position, job, report: &report });
            }
        }
    }

    /// Tells what workers tell, until there are none, and when the run is `cancelled`.
    fn listen_to(&mut self, workers: &Receiver<Message>, mut cancelled: Receiver<()>) {
        loop {
            select! {
                recv(workers) -> message => match message {
                    Ok(message) => self.hear(message),
                    Err(_) => return,
                },
                recv(cancelled) -> _ => {
                    self.look_whether_cancelled();
                    cancelled = never();
                }
            }
        }
    }

    fn look_whether_cancelled(&mut self) {
        if self.canceller.is_cancelled() && !self.has_told_of_cancelling {
            self.has_told_of_cancelling = true;
            self.tell(EventKind::Cancelled);
        }
    }

    /// Tells what there is to tell at the end.
    fn end(
        &mut self,
        usage: Usage,
        sharing_problem: Option<String>,
        learn: impl FnOnce(&[Option<JobReport>]) -> std::io::Result<()>,
    ) {
        // Of what the run has cost, remembering it is no part.
        let end = self.start.elapsed();
        self.look_whether_cancelled();
        if let Some(problem) = sharing_problem {
            self.tell_at(end, EventKind::Warning(&Warning::NotShared(problem)));
        }
        if let Err(error) = learn(self.recorder.jobs()) {
            self.tell_at(end, EventKind::Warning(&Warning::NotRemembered(error.to_string())));
        }
        self.tell_at(end, EventKind::Ended { usage });
    }
}

/// What the threads of one run share.
#[derive(Clone, Copy)]
struct Work<'a> {
    farm: &'a Farm,
    plan: &'a Plan,
    canceller: &'a Canceller,
    tells_stages: bool,
    modules: &'a Modules,
    admission: &'a Admission,
    workers: Option<&'a Workers<'a>>,
    cached: Option<&'a Cached<'a>>,
    queue: &'a Queue,
    predictions: &'a [Prediction],
    has_budget: bool,
    permits: &'a Permits<'a>,
    start: Instant,
    span: &'a Span,
}

impl Work<'_> {
    /// Runs the next job; whether there was one.
    fn next(self, tell: &mut dyn FnMut(Message)) -> bool {
        let asked = Instant::now();
        let Some(permit) = self.permits.wait(self.queue) else { return false };
        let (position, waited) = (permit.position, asked.elapsed());
        let queued = self.start.elapsed();
        tell(Message { at: queued, position, what: Happened::Started });
        let job = &self.plan.jobs[position];
        let _span = debug_span!(parent: self.span, "job", module = job.module, task = position).entered();
        debug!(?waited, permit = self.permits.kind(), "starts");
        let mut in_stage = None;
        let mut reached = |stage| {
            // The one before ends first.
            drop(in_stage.take());
            if self.canceller.is_cancelled() {
                return false;
            }
            in_stage = Some(debug_span!("stage", name = ?stage).entered());
            if self.tells_stages {
                tell(Message { at: self.start.elapsed(), position, what: Happened::Reached(stage) });
            }
            true
        };
        let (cache, result) = self.make(position, job, &mut reached);
        drop(in_stage.take());
        debug!(
            error = result.as_ref().err().map(display),
            not_cached = why_not_cached(cache.as_ref()),
            "ends"
        );
        if self.farm.fail_fast && result.is_err() {
            self.queue.stop();
        }
        let at = self.start.elapsed();
        let wall = at - queued;
        let Prediction { seconds, memory } = self.predictions[position];
        let claimed_memory = self.has_budget.then_some(memory);
        let report =
            JobReport { queued, waited, wall, predicted: Some(seconds), claimed_memory, cache, result };
        tell(Message { at, position, what: Happened::Finished(Box::new(report)) });
        true
    }

    /// Makes an object and keeps it in the cache, if there is one.
    fn make(
        &self,
        position: usize,
        job: &Job,
        reached: &mut dyn FnMut(Stage) -> bool,
    ) -> (Option<CacheUse>, Result<JobDone, JobError>) {
        let made = panicking::as_error(job, || {
            let made = self.compile(job, reached);
            if self.farm.families.are_abandoned() {
                // The process is about to end; what became of the job is nothing to tell.
                park();
            }
            let cache = self.cached.map(|cached| cached.keep(position, job, &made));
            (cache, made.map(|made| made.done))
        });
        made.unwrap_or_else(|panicked| (None, Err(panicked)))
    }

    /// Runs a job here, or in a child: in the one that has its `-mllvm` options, or in any once LLVM has crashed here,
    /// where the job could wait for ever for what the crashed one holds.
    fn compile(&self, job: &Job, reached: &mut dyn FnMut(Stage) -> bool) -> Result<Made, JobError> {
        match self.workers {
            Some(workers) if !self.admission.suits(job) || has_crashed() => {
                debug!(has_crashed = has_crashed(), "cannot be compiled in this process");
                // A child whose job is to stop is killed.
                let mut told = |stage| _ = reached(stage);
                workers.run(job, &mut told)
            }
            _ => backend::run(job, self.modules, reached),
        }
    }
}
