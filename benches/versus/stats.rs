//! Taking turns, medians of ratios, and how a row is printed.

use serde_json::{Value, json};

use crate::tool::Tool;

/// What one run of one tool cost, in seconds (or, for a single figure, in any unit).
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

/// A row of the table: ours against one peer.
pub(crate) struct Line {
    pub(crate) peer: &'static str,
    pub(crate) ours: f64,
    pub(crate) unit: &'static str,
    pub(crate) wall: Ratio,
    pub(crate) cpu: Option<Ratio>,
    /// The most that the ratio in wall time may be, and the one in CPU time.
    pub(crate) goal: (Option<f64>, Option<f64>),
}

/// The median of ratios, and the quartiles around it.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = ((sorted.len() - 1) as f64 * part).round() as usize;
    sorted[at]
}

impl Ratio {
    /// Ours over theirs, round by round.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(one, other)| one / other).collect();
        Self { median: median(&ratios), low: quantile(&ratios, 0.25), high: quantile(&ratios, 0.75) }
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "low": self.low, "high": self.high })
    }

    fn show(self) -> String {
        format!("{:5.2} ({:.2}-{:.2})", self.median, self.low, self.high)
    }
}

pub(crate) fn header() -> String {
    format!(
        "| {:<44} | {:<11} | {:>11} | {:<17} | {:>4} | {:<17} | {:>4} |\n|{}|",
        "row",
        "peer",
        "ours",
        "wall ratio",
        "goal",
        "CPU ratio",
        "goal",
        [46, 13, 13, 19, 6, 19, 6].map(|width| "-".repeat(width)).join("|")
    )
}

impl Line {
    /// An object: row, peer, ours and its unit, wall and cpu (ratios: median, low and high quartile), and their goals.
    pub(crate) fn json(&self, name: &str) -> Value {
        json!({
            "row": name,
            "peer": self.peer,
            "ours": self.ours,
            "unit": self.unit,
            "wall": self.wall.json(),
            "wall_goal": self.goal.0,
            "cpu": self.cpu.map(Ratio::json),
            "cpu_goal": self.goal.1,
        })
    }

    pub(crate) fn show(&self, name: &str) -> String {
        let goal = |goal: Option<f64>| goal.map_or(String::new(), |goal| format!("{goal:.2}"));
        format!(
            "| {name:<44} | {:<11} | {:>11} | {:<17} | {:>4} | {:<17} | {:>4} |",
            self.peer,
            format!("{:.2} {}", self.ours, self.unit),
            self.wall.show(),
            goal(self.goal.0),
            self.cpu.map_or(String::new(), Ratio::show),
            goal(self.goal.1),
        )
    }
}

/// Runs `measure` for each tool in turn, `rounds` times, and compares ours (the first) with each of the others.
pub(crate) fn compare(
    tools: &[&Tool],
    rounds: usize,
    unit: &'static str,
    scale: f64,
    goal: impl Fn(&str) -> (Option<f64>, Option<f64>),
    mut measure: impl FnMut(&Tool) -> Cost,
) -> Vec<Line> {
    for &tool in tools {
        measure(tool);
    }
    let mut costs = vec![Vec::new(); tools.len()];
    for round in 0..rounds {
        for turn in 0..tools.len() {
            let index = (round + turn) % tools.len();
            costs[index].push(measure(tools[index]));
        }
    }
    let wall = |index: usize| costs[index].iter().map(|cost| cost.wall).collect::<Vec<_>>();
    let cpu = |index: usize| costs[index].iter().map(|cost| cost.cpu).collect::<Vec<_>>();
    (1..tools.len())
        .map(|index| Line {
            peer: tools[index].name,
            ours: median(&wall(0)) * scale,
            unit,
            wall: Ratio::of(&wall(0), &wall(index)),
            cpu: (cpu(0)[0] > 0.0).then(|| Ratio::of(&cpu(0), &cpu(index))),
            goal: goal(tools[index].name),
        })
        .collect()
}
