//! What is made before the clock starts: what to compare with, and what second builds begin with. It also brings
//! modules and programs into the page cache.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::identity;
use super::{INCREMENTAL, ORACLE, Session};
use crate::subject::Options;
use crate::way::{Tool, Way};

/// A link that fills a cache.
const FILLING: &str = "filling";

/// The link by one command that others of the same program are compared with.
pub fn reference(tool: Tool) -> &'static str {
    match tool {
        Tool::LdThinfarm => "reference-ld-thinfarm",
        _ => "reference-lld",
    }
}

fn name(tool: Tool) -> &'static str {
    match tool {
        Tool::LdThinfarm => "ld.thinfarm",
        _ => "ld.lld",
    }
}

impl Session<'_> {
    /// Makes it all, as far as a way needs it.
    pub fn prepare(&mut self) -> Result<()> {
        self.leave_out_dtlto();
        self.say("what clang makes, to compare with");
        self.staged(ORACLE).by_clang()?;
        for tool in [Tool::Lld, Tool::LdThinfarm] {
            if self.is_wanted(|way| way.tool() == tool) {
                self.prepare_linker(tool)?;
            }
        }
        if self.is_wanted(|way| way == Way::ThinfarmCached) {
            self.say("thinfarm backend fills its cache");
            let cache = self.workplace.cache(Tool::Thinfarm);
            let filling = self.staged(FILLING).by_thinfarm(Some(&cache))?;
            self.demand_clangs("thinfarm backend with an empty cache", FILLING)?;
            self.remember_filling(Tool::Thinfarm, filling.backends_or_whole().cpu_seconds());
        }
        if self.is_wanted(|way| matches!(way, Way::ThinfarmUnchanged | Way::ThinfarmChanged)) {
            self.say("thinfarm backend --incremental, for the first time");
            self.workplace.empty_dir(INCREMENTAL)?;
            self.staged(INCREMENTAL).by_thinfarm_incrementally()?;
        }
        Ok(())
    }

    fn leave_out_dtlto(&mut self) {
        let reason = match (&self.workplace.subject.options, &self.workplace.distributor) {
            (Options::OfEach(_), _) => {
                "DTLTO compiles all modules with the same options, and here these differ"
            }
            (_, Err(reason)) => reason,
            _ => return,
        };
        self.leave_out(reason.to_owned(), |way| way == Way::Dtlto);
    }

    /// One link, whose objects are kept and compared; and one that fills the cache, if a way needs that. They are
    /// two, because lld has no objects to keep once they are in a cache.
    fn prepare_linker(&mut self, tool: Tool) -> Result<()> {
        self.say(&format!("{}, its objects kept to compare", name(tool)));
        let link = self.whole(tool, reference(tool), false);
        link.run_and_keep_objects()?;
        let oracle = self.staged(ORACLE);
        if tool == Tool::Lld {
            // It cannot be given every option, so what differs is only counted.
            self.identity.lld = identity::identical(self.workplace.subject, &oracle, |at| link.object(at))?;
        } else {
            identity::demand(self.workplace.subject, &oracle, name(tool), |at| link.object(at))?;
        }
        if self.is_wanted(|way| way.tool() == tool && way.has_cache()) {
            self.say(&format!("{} fills its cache", name(tool)));
            let filling = self.whole(tool, FILLING, true);
            let seconds = filling.run()?.whole.cpu_seconds();
            identity::demand_same(name(tool), &filling.output(), &link.output())?;
            self.remember_filling(tool, seconds);
        }
        Ok(())
    }

    /// The run that filled the cache took `seconds` of CPU time.
    fn remember_filling(&mut self, tool: Tool, seconds: f64) {
        self.uncached_seconds.insert(tool, seconds);
        if is_empty(&self.workplace.cache(tool)) {
            let reason = "it was given a directory for a cache and left nothing there".to_owned();
            self.leave_out(reason, |way| way.tool() == tool && way.has_cache());
        }
    }
}

/// Whether there is nothing in `dir`, or no such directory.
fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none())
}
