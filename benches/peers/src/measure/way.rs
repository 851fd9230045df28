//! One way, once, and whether what it made may be compared with the others.

use anyhow::{Result, ensure};

use super::identity;
use super::prepare::reference;
use super::{INCREMENTAL, ORACLE, ORACLE_OF_CHANGE, Session};
use crate::report::Measurement;
use crate::way::{Build, Tool, Way};

/// A run with a full cache takes less than this part of one without: else the cache was not used.
const AT_MOST_OF_UNCACHED: f64 = 0.5;

impl Session<'_> {
    /// Measures `way`, and compares what it made.
    pub fn measure(&mut self, way: Way) -> Result<Measurement> {
        match (way.tool(), way.build()) {
            (Tool::Clang, _) => self.staged(&way.name()).by_clang(),
            (Tool::Thinfarm, Build::Unchanged) => self.unchanged(),
            (Tool::Thinfarm, Build::Changed) => self.staged(INCREMENTAL).by_thinfarm_incrementally(),
            (Tool::Thinfarm, Build::Cold | Build::Cached) => {
                let cache = way.has_cache().then(|| self.workplace.cache(Tool::Thinfarm));
                let measured = self.staged(&way.name()).by_thinfarm(cache.as_deref())?;
                self.demand_clangs(way.title(), &way.name())?;
                Ok(measured)
            }
            (Tool::Lld | Tool::LdThinfarm | Tool::Dtlto, _) => self.by_one_command(way),
        }
    }

    fn unchanged(&self) -> Result<Measurement> {
        let measured = self.staged(INCREMENTAL).by_thinfarm_incrementally()?;
        let compiled = measured.compiled.map_or(0, |compiled| compiled.modules);
        ensure!(
            compiled == 0,
            "nothing changed, and `thinfarm backend --incremental` compiled {compiled} modules"
        );
        self.demand_clangs(Way::ThinfarmUnchanged.title(), INCREMENTAL)?;
        Ok(measured)
    }

    fn by_one_command(&mut self, way: Way) -> Result<Measurement> {
        let name = way.name();
        let link = self.whole(way.tool(), &name, way.has_cache());
        let measured = link.run()?;
        if way.build() != Build::Changed {
            // Its objects are gone. Those of the reference were compared, and what was linked of them is here.
            let reference = self.workplace.path(reference(way.tool())).join("out");
            if way.tool() == Tool::Dtlto {
                self.identity.dtlto_links_as_lld = Some(identity::same(&link.output(), &reference)?);
            } else {
                identity::demand_same(way.title(), &link.output(), &reference)?;
            }
        }
        Ok(measured)
    }

    /// Compares what was made where one module changed, by ways whose last runs those were.
    pub fn compare_changed(&self) -> Result<()> {
        if self.is_wanted(|way| way == Way::ThinfarmChanged) {
            self.say("what clang makes where one module changed, to compare with");
            let (oracle, objects) = (self.staged(ORACLE_OF_CHANGE), self.staged(INCREMENTAL));
            oracle.by_clang()?;
            let subject = self.workplace.subject;
            let object = |at: usize| objects.object(&subject.modules[at]);
            identity::demand(subject, &oracle, Way::ThinfarmChanged.title(), object)?;
        }
        if self.is_wanted(|way| way == Way::LdThinfarmChanged) {
            self.say(
                "what ld.thinfarm makes where one module changed and nothing is cached, to compare with",
            );
            let way = Way::LdThinfarmChanged;
            let uncached = self.whole(way.tool(), ORACLE_OF_CHANGE, false);
            uncached.run()?;
            let output = self.whole(way.tool(), &way.name(), true).output();
            identity::demand_same(way.title(), &output, &uncached.output())?;
        }
        Ok(())
    }

    /// The objects of the link in stages that wrote to `name` must be clang's; `who` made them.
    pub fn demand_clangs(&self, who: &str, name: &str) -> Result<()> {
        let (oracle, objects) = (self.staged(ORACLE), self.staged(name));
        let subject = self.workplace.subject;
        identity::demand(subject, &oracle, who, |at| objects.object(&subject.modules[at]))
    }

    /// Why `measured`, of a `way` with a full cache, is not worth telling.
    pub fn missed_cache(&self, way: Way, measured: &Measurement) -> Option<String> {
        let compiled = measured.compiled.map_or(0, |compiled| compiled.modules);
        if compiled == self.identity.objects {
            return Some("its cache was full, and it compiled every module".to_owned());
        }
        let uncached = *self.uncached_seconds.get(&way.tool())?;
        let cached = measured.backends_or_whole().cpu_seconds();
        (cached > uncached * AT_MOST_OF_UNCACHED)
            .then(|| format!("{cached:.2} CPU s with a full cache and {uncached:.2} with an empty one"))
    }
}
