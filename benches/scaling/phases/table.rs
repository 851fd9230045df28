//! What is printed of links by both linkers.

use serde_json::{Value, json};

use super::Pairs;
use super::observed::{JOBS, Observed, Time, WRITING};

/// Prints the phases of `pairs`, and returns the same.
pub fn phases(pairs: &Pairs) -> Value {
    println!(
        "| phase            | ld.thinfarm CPU ms | wall ms | ld.lld CPU ms | wall ms | CPU ratio | wall ratio |"
    );
    println!(
        "|------------------|-------------------:|--------:|--------------:|--------:|----------:|-----------:|"
    );
    let mut names: Vec<String> = Vec::new();
    for link in [&pairs.theirs, &pairs.ours] {
        let mut place = 0;
        for (name, _) in link.first().map(|link| &link.phases).into_iter().flatten() {
            match names.iter().position(|known| known == name) {
                Some(found) => place = found + 1,
                None => {
                    names.insert(place, name.clone());
                    place += 1;
                }
            }
        }
    }
    let mut told = Vec::new();
    for name in names.iter().filter(|name| ![JOBS, WRITING].contains(&name.as_str())) {
        told.push(row(name, &pairs.ours, &pairs.theirs, |link| link.phase(name)));
    }
    told.push(row("serial part", &pairs.ours, &pairs.theirs, Observed::serial));
    told.push(row(JOBS, &pairs.ours, &pairs.theirs, |link| link.phase(JOBS)));
    told.push(row("whole", &pairs.ours, &pairs.theirs, Observed::whole));
    told.into()
}

/// Prints the times of whole links by both, and returns the same.
pub fn wholes(what: &str, both: &[(Time, Time)]) -> Value {
    let of = |number: fn(Time) -> f64| {
        (median(both.iter().map(|pair| number(pair.0))), median(both.iter().map(|pair| number(pair.1))))
    };
    let (cpu, wall) = (of(|time| time.cpu), of(|time| time.wall));
    println!(
        "\n{what}: CPU ms {:.1} : {:.1} = {:.2}, wall ms {:.1} : {:.1} = {:.2}",
        cpu.0 * 1e3,
        cpu.1 * 1e3,
        cpu.0 / cpu.1,
        wall.0 * 1e3,
        wall.1 * 1e3,
        wall.0 / wall.1
    );
    json!({ "cpu_seconds": [cpu.0, cpu.1], "wall_seconds": [wall.0, wall.1] })
}

fn row(name: &str, ours: &[Observed], theirs: &[Observed], of: impl Fn(&Observed) -> Time) -> Value {
    let medians = |links: &[Observed]| Time {
        cpu: median(links.iter().map(|link| of(link).cpu)),
        wall: median(links.iter().map(|link| of(link).wall)),
    };
    let (a, b) = (medians(ours), medians(theirs));
    println!(
        "| {name:<16} | {:>18.1} | {:>7.1} | {:>13.1} | {:>7.1} | {:>9} | {:>10} |",
        a.cpu * 1e3,
        a.wall * 1e3,
        b.cpu * 1e3,
        b.wall * 1e3,
        ratio(a.cpu, b.cpu),
        ratio(a.wall, b.wall)
    );
    json!({ "name": name, "cpu_seconds": [a.cpu, b.cpu], "wall_seconds": [a.wall, b.wall] })
}

fn ratio(a: f64, b: f64) -> String {
    if b > 0.0 { format!("{:.2}", a / b) } else { String::new() }
}

/// Of an odd number of values the middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
