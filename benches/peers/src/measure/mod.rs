//! Measures the links of one corpus: each way once, then all again, so that whatever else the machine does hits
//! all alike.

mod distributor;
mod identity;
mod prepare;
mod profile;
mod staged;
pub mod swap;
mod way;
mod whole;
mod workplace;

use std::collections::BTreeMap;

use anyhow::Result;

pub use workplace::Programs;

use crate::report::{CorpusReport, Identity, Round};
use crate::subject::Subject;
use crate::way::{Build, Tool, Way};
use staged::Staged;
use swap::Swapped;
use whole::Whole;
use workplace::Workplace;

/// Where all that is measured writes, below the directory of the link.
const OUTPUT: &str = "bench";

/// The link that clang makes once, to compare with.
const ORACLE: &str = "oracle";

/// The same where one module changed.
const ORACLE_OF_CHANGE: &str = "oracle-of-change";

/// The link that `thinfarm backend --incremental` makes again and again.
const INCREMENTAL: &str = "thinfarm-incremental";

/// Measures each of `ways`, `runs` times.
pub fn measure(
    subject: &Subject,
    programs: &Programs,
    jobs: usize,
    ways: &[Way],
    runs: usize,
) -> Result<CorpusReport> {
    let workplace = Workplace::prepare(subject, programs, jobs)?;
    let mut session = Session {
        workplace: &workplace,
        ways: ways.to_vec(),
        left_out: BTreeMap::new(),
        uncached_seconds: BTreeMap::new(),
        identity: Identity { objects: subject.modules.len(), ..Identity::default() },
    };
    session.prepare()?;
    let mut rounds = Vec::new();
    for number in 1..=runs {
        rounds.push(session.round(number, runs)?);
    }
    let Session { left_out, identity, .. } = session;
    rounds.iter_mut().for_each(|round: &mut Round| round.retain(|way, _| !left_out.contains_key(way)));
    workplace.clear()?;
    Ok(CorpusReport {
        corpus: subject.name.to_owned(),
        title: subject.title.clone(),
        jobs,
        identity,
        left_out,
        rounds,
    })
}

/// The measuring of one corpus.
struct Session<'a> {
    workplace: &'a Workplace<'a>,
    /// What is still measured.
    ways: Vec<Way>,
    /// What was asked for and is not measured, and why.
    left_out: BTreeMap<Way, String>,
    /// The CPU seconds that a tool takes for what its cache spares it.
    uncached_seconds: BTreeMap<Tool, f64>,
    identity: Identity,
}

impl<'a> Session<'a> {
    fn round(&mut self, number: usize, runs: usize) -> Result<Round> {
        let run = format!("run {number} of {runs}");
        let mut round = Round::new();
        let (changed, others): (Vec<Way>, Vec<Way>) =
            self.ways.iter().partition(|way| way.build() == Build::Changed);
        self.measure_all(&others, &run, &mut round)?;
        if changed.is_empty() {
            return Ok(round);
        }
        let swapped = Swapped::in_place(self.workplace.subject, number)?;
        self.measure_all(&changed, &run, &mut round)?;
        if number == 1 {
            self.compare_changed()?;
        }
        swapped.undo()?;
        if changed.contains(&Way::ThinfarmChanged) {
            self.staged(INCREMENTAL).by_thinfarm_incrementally()?;
        }
        Ok(round)
    }

    fn measure_all(&mut self, ways: &[Way], run: &str, round: &mut Round) -> Result<()> {
        for &way in ways {
            self.say(&format!("{run}: {}", way.title()));
            let measured = self.measure(way)?;
            if way.has_cache()
                && let Some(reason) = self.missed_cache(way, &measured)
            {
                self.leave_out(reason, |other| other == way);
            } else {
                round.insert(way, measured);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, which: impl Fn(Way) -> bool) -> bool {
        self.ways.iter().any(|way| which(*way))
    }

    /// Measures nothing more of those of which `which` is true.
    fn leave_out(&mut self, reason: String, which: impl Fn(Way) -> bool) {
        for way in self.ways.extract_if(.., |way| which(*way)) {
            eprintln!("{}: not measured: {}: {reason}", self.workplace.subject.name, way.title());
            self.left_out.insert(way, reason.clone());
        }
    }

    fn staged<'s>(&self, name: &'s str) -> Staged<'s>
    where
        'a: 's,
    {
        Staged::new(self.workplace, name)
    }

    /// The link by `tool` that writes to `name`, with a cache if `has_cache`.
    fn whole<'s>(&self, tool: Tool, name: &'s str, has_cache: bool) -> Whole<'s>
    where
        'a: 's,
    {
        let link = Whole::new(self.workplace, tool, name);
        if has_cache { link.cached(self.workplace.cache(tool)) } else { link }
    }

    fn say(&self, what: &str) {
        eprintln!("{}: {what}", self.workplace.subject.name);
    }
}
