//! A chart of what `--json` printed, as SVG that is readable on light and on dark ground.

use std::fmt::Write as _;

use serde_json::Value;

/// Where the bars begin, and how wide the scale is, in pixels.
const LEFT: f64 = 330.0;
const WIDTH: f64 = 480.0;
/// The ratios at the ends of the scale, which is logarithmic.
const LOWEST: f64 = 0.02;
const HIGHEST: f64 = 2.0;
const LINE: usize = 20;

const STYLE: &str = "
  text { font: 12px sans-serif; fill: #24292f }
  .head { font-weight: bold }
  .quiet { fill: #57606a }
  .bar { fill: #2da44e }
  .slow { fill: #cf222e }
  .spread { stroke: #24292f; stroke-width: 1.5 }
  .goal { stroke: #8250df; stroke-width: 2 }
  .one { stroke: #57606a }
  .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #8b949e }
    .bar { fill: #3fb950 }
    .slow { fill: #f85149 }
    .spread { stroke: #e6edf3 }
    .goal { stroke: #a371f7 }
    .one { stroke: #8b949e }
    .grid { stroke: #30363d }
  }
";

/// A bar: a row against the peer that comes closest to us.
struct Bar {
    name: String,
    peer: String,
    median: f64,
    low: f64,
    high: f64,
    goal: f64,
}

/// The rows that have a goal against a peer, from a file of JSON lines.
fn bars(lines: &str) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of what --json printed");
        let text = |name: &str| line[name].as_str().expect("a name").to_owned();
        let number = |value: &Value| value.as_f64().expect("a number");
        let Some(goal) = line["wall_goal"].as_f64() else { continue };
        // Its goals are times and not peers.
        if text("row").starts_with("rpipesz") {
            continue;
        }
        let wall = &line["wall"];
        let bar = Bar {
            name: text("row"),
            peer: text("peer"),
            median: number(&wall["median"]),
            low: number(&wall["low"]),
            high: number(&wall["high"]),
            goal,
        };
        match bars.last_mut().filter(|last| last.name == bar.name) {
            Some(last) if last.median / last.goal < bar.median / bar.goal => *last = bar,
            Some(_) => {}
            None => bars.push(bar),
        }
    }
    bars
}

fn at(ratio: f64) -> f64 {
    LEFT + WIDTH * (ratio.clamp(LOWEST, HIGHEST) / LOWEST).ln() / (HIGHEST / LOWEST).ln()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The chart of a file that `--json` made.
pub(crate) fn draw(lines: &str) -> String {
    let bars = bars(lines);
    assert!(!bars.is_empty(), "no row with a goal against a peer");
    let groups = bars.chunk_by(|one, other| group(&one.name) == group(&other.name)).count();
    let height = 64 + LINE * (bars.len() + groups);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"{height}\" viewBox=\"0 0 960 {height}\" \
         role=\"img\" aria-label=\"Wall time of teebox over that of its peers\">\n<style>{STYLE}</style>\n\
         <text class=\"head\" x=\"8\" y=\"18\">Wall time of teebox over that of the peer that comes closest to its goal \
         (shorter than 1 is faster)</text>\n"
    );
    for tick in [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0] {
        let class = if tick > 0.9 && tick < 1.1 { "one" } else { "grid" };
        let x = at(tick);
        let bottom = height - 8;
        // Writing to a String can't fail.
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"44\" y2=\"{bottom}\"/>\
             <text class=\"quiet\" x=\"{x:.1}\" y=\"38\" text-anchor=\"middle\">{tick}</text>"
        );
    }
    let mut y = 60;
    let mut last = "";
    for bar in &bars {
        if group(&bar.name) != last {
            last = group(&bar.name);
            let _ = writeln!(svg, "<text class=\"head\" x=\"8\" y=\"{y}\">{}</text>", escaped(last));
            y += LINE;
        }
        let name = escaped(bar.name.split_once(": ").map_or(bar.name.as_str(), |(_, rest)| rest));
        let (top, middle) = (y - 11, y - 4);
        let (start, end) = (at(LOWEST), at(bar.median));
        let class = if bar.median <= bar.goal { "bar" } else { "slow" };
        let _ = writeln!(
            svg,
            "<text x=\"16\" y=\"{y}\">{name}</text>\
             <rect class=\"{class}\" x=\"{start:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"14\"/>\
             <line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <line class=\"goal\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{top}\" y2=\"{}\"/>\
             <text class=\"quiet\" x=\"{:.1}\" y=\"{y}\">{:.2} of {}</text>",
            (end - start).max(1.0),
            at(bar.low),
            at(bar.high),
            at(bar.goal),
            at(bar.goal),
            top + 14,
            LEFT + WIDTH + 8.0,
            bar.median,
            escaped(&bar.peer)
        );
        y += LINE;
    }
    svg.push_str("</svg>\n");
    svg
}

fn group(name: &str) -> &str {
    name.split_once(": ").map_or(name, |(group, _)| group)
}
