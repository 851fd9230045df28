//! The chart: for each corpus a bar for each way, as long as its CPU time is beside ld.lld's.

use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Style, Text, Title};

use super::numbers::{Measure, precision};
use super::{CorpusReport, Report};
use crate::way::{Tool, Way};

/// Colours follow the reader's, light or dark; the ground is left as it is.
const STYLE: &str = "
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }
.heading { font-size: 15px; font-weight: 600; }
.end { text-anchor: end; }
.small { font-size: 12px; fill: #59636e; }
.ours { fill: #0969da; }
.theirs { fill: #afb8c1; }
.lld { stroke: #59636e; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .small { fill: #9198a1; }
  .ours { fill: #4493f8; }
  .theirs { fill: #656c76; }
  .lld { stroke: #9198a1; }
}
";

const WIDTH: f64 = 860.0;
/// Where bars begin.
const BARS: f64 = 360.0;
/// The longest bar of a corpus.
const LONGEST: f64 = 370.0;
/// Where seconds and ratios end.
const SECONDS: f64 = 800.0;
const RATIOS: f64 = 850.0;
const BAR_HEIGHT: f64 = 14.0;
const ROW: f64 = 22.0;
/// From the top of a corpus to its first bar.
const HEADING: f64 = 34.0;
/// Between corpora.
const GAP: f64 = 16.0;

/// A bar.
struct Bar {
    way: Way,
    /// CPU seconds, the median.
    seconds: f64,
    /// As a part of ld.lld's, the median.
    ratio: f64,
}

/// Draws what `report` says, as SVG.
pub fn draw(report: &Report) -> String {
    let mut y = 50.0;
    let mut document = Document::new()
        .set("role", "img")
        .add(Title::new("CPU time of each way to link"))
        .add(Style::new(STYLE))
        .add(text(0.0, 16.0, "heading", "CPU time of a whole link, and its ratio to ld.lld's (dashed)"))
        .add(text(0.0, 34.0, "small", &format!("{}: {}", report.date, report.machine)));
    for corpus in &report.corpora {
        let bars = bars(corpus);
        document = document.add(text(0.0, y + 16.0, "heading", &corpus.title)).add(block(&bars, y + HEADING));
        y += HEADING + ROW * bars.len() as f64 + GAP;
    }
    document.set("viewBox", (0.0, 0.0, WIDTH, y)).set("width", WIDTH).set("height", y).to_string() + "\n"
}

fn bars(corpus: &CorpusReport) -> Vec<Bar> {
    let bar = |way| {
        let seconds = corpus.spread(way, Measure::Cpu)?.median;
        Some(Bar { way, seconds, ratio: corpus.ratio(way, Way::Lld, Measure::Cpu)?.median })
    };
    Way::ALL.into_iter().filter_map(bar).collect()
}

/// The bars of a corpus, the first at `top`.
fn block(bars: &[Bar], top: f64) -> Group {
    let most = bars.iter().map(|bar| bar.ratio).fold(1.0, f64::max);
    let mut group = Group::new();
    for (number, bar) in bars.iter().enumerate() {
        let y = top + ROW * number as f64;
        let length = (LONGEST * bar.ratio / most).max(1.0);
        let class = match bar.way.tool() {
            Tool::Thinfarm | Tool::LdThinfarm => "ours",
            Tool::Lld | Tool::Clang | Tool::Dtlto => "theirs",
        };
        let rectangle = Rectangle::new()
            .set("class", class)
            .set("x", BARS)
            .set("y", y)
            .set("width", rounded(length))
            .set("height", BAR_HEIGHT)
            .set("rx", 2);
        let told = |x: f64, told: &str| text(x, y + 11.5, "end", told);
        group = group
            .add(told(BARS - 8.0, bar.way.title()))
            .add(rectangle)
            .add(told(SECONDS, &format!("{} s", shown(bar.seconds))))
            .add(told(RATIOS, &shown(bar.ratio)));
    }
    let x = rounded(BARS + LONGEST / most);
    let bottom = top + ROW * bars.len() as f64;
    group
        .add(Line::new().set("class", "lld").set("x1", x).set("x2", x).set("y1", top - 4.0).set("y2", bottom))
}

fn text(x: f64, y: f64, class: &str, content: &str) -> Text {
    Text::new(content).set("class", class).set("x", rounded(x)).set("y", y)
}

fn shown(number: f64) -> String {
    format!("{number:.0$}", precision(number))
}

/// No more digits than can be seen.
fn rounded(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::sample;
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_ratios() {
        let rounds: &[&[(Way, f64)]] = &[&[(Way::Thinfarm, 5.0), (Way::Lld, 10.0), (Way::Clang, 20.0)]];
        let chart =
            draw(&sample::report(vec![sample::corpus("zstd", rounds), sample::corpus("tiny", rounds)]));
        let document = Document::parse(&chart).unwrap();
        let all = |tag| document.descendants().filter(move |node| node.has_tag_name(tag));
        let widths: Vec<_> = all("rect").map(|bar| bar.attribute("width").unwrap()).collect();
        assert_eq!(widths, ["92.5", "185", "370", "92.5", "185", "370"]);
        assert_eq!(all("rect").filter(|bar| bar.attribute("class") == Some("ours")).count(), 2);
        let told: Vec<_> = all("text").filter_map(|text| text.text()).map(str::trim).collect();
        assert!(
            told.contains(&"5.00 s") && told.contains(&"0.50") && told.contains(&"tiny, 3 C modules, -O2"),
            "{told:?}"
        );
        // A name with signs that XML reserves.
        assert!(told.iter().any(|text| text.contains("Abacus & Sons")), "{told:?}");
        // The dashed line is where ld.lld's bars end.
        assert!(all("line").all(|line| line.attribute("x1") == Some("545")));
    }
}
