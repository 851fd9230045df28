//! A report to test with.

use super::{Compiled, CorpusReport, FORMAT, Identity, Machine, Measurement, Report, Stages};
use crate::cost::Cost;
use crate::way::{Build, Tool, Way};

/// What was measured of `corpus`: in each round the CPU seconds of some ways.
pub fn corpus(corpus: &str, rounds: &[&[(Way, f64)]]) -> CorpusReport {
    CorpusReport {
        corpus: corpus.to_owned(),
        title: format!("{corpus}, 3 C modules, -O2"),
        jobs: 2,
        identity: Identity { objects: 3, lld: 3, dtlto_links_as_lld: Some(true) },
        left_out: [(Way::LldCached, "it has <none>".to_owned())].into(),
        rounds: rounds
            .iter()
            .map(|round| round.iter().map(|&(way, seconds)| (way, measurement(way, seconds))).collect())
            .collect(),
    }
}

/// A report of `corpora`.
pub fn report(corpora: Vec<CorpusReport>) -> Report {
    let machine = Machine {
        thinfarm: "0.1.0".to_owned(),
        is_bolted: true,
        llvm: "22.1.8".to_owned(),
        cpu: "Abacus & Sons".to_owned(),
        cores: 2,
        memory_bytes: 8 << 30,
        kernel: "6.12.0".to_owned(),
    };
    Report { format: FORMAT, date: "2026-01-31".to_owned(), machine, corpora }
}

fn measurement(way: Way, seconds: f64) -> Measurement {
    let tenth = cost(seconds / 10.0);
    let is_staged = matches!(way.tool(), Tool::Thinfarm | Tool::Clang);
    Measurement {
        whole: cost(seconds),
        stages: is_staged.then(|| Stages {
            thin_link: tenth,
            backends: cost(seconds * 0.8),
            final_link: tenth,
        }),
        compiled: (way.build() != Build::Cold).then_some(Compiled { modules: 3, cpu_seconds: seconds * 0.4 }),
    }
}

fn cost(seconds: f64) -> Cost {
    Cost {
        user_seconds: seconds * 0.75,
        system_seconds: seconds * 0.25,
        wall_seconds: seconds / 2.0,
        peak_bytes: (seconds * f64::from(1 << 20)) as u64,
    }
}
