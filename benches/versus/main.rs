//! teebox against other tools, side by side in one run.
//!
//! `cargo bench --bench versus` runs every row; `-- --only WORD` those whose name contains WORD; `-- --rounds N` more of
//! them; `-- --list` names them; `-- --json` prints an object a line instead of a table; and `-- --chart FILE` draws what
//! --json printed into FILE as SVG, on standard output. Within a round every tool does the same work in turn, and what is printed is the median
//! over the rounds of our time divided by the peer's time in the same round, with the middle half of the ratios as spread.
//! The machine's other load cancels out as far as it lasts longer than a round.
//!
//! Peers come from the PATH, from target/peers (benches/peers brings them), and from this program itself.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod chart;
mod growth;
mod pipeline;
mod rfifo;
mod rframe;
mod rmerge;
mod role;
mod rpipesz;
mod rtee;
mod start;
mod stats;
mod tokio_codec;
mod tool;

use std::time::Instant;

/// Runs a comparison, so many rounds.
type Run = Box<dyn Fn(usize) -> Vec<stats::Line>>;

/// A comparison: its name, and what runs it.
struct Row {
    name: String,
    run: Run,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [verb, rest @ ..] = arguments.as_slice() {
        if verb == "role" {
            return role::play(rest);
        }
    }
    let value = |option: &str| {
        arguments.iter().position(|argument| argument == option).and_then(|at| arguments.get(at + 1)).cloned()
    };
    if let Some(file) = value("--chart") {
        return print!("{}", chart::draw(&std::fs::read_to_string(file).expect("--chart takes a file")));
    }
    let only = value("--only").unwrap_or_default();
    let rounds: usize = value("--rounds").map_or(7, |text| text.parse().expect("--rounds takes a number"));
    let rows =
        [rfifo::rows(), rframe::rows(), rmerge::rows(), rpipesz::rows(), rtee::rows(), start::rows(), growth::rows()];
    let rows: Vec<Row> = rows.into_iter().flatten().filter(|row| row.name.contains(&only)).collect();
    let is_given = |option: &str| arguments.iter().any(|argument| argument == option);
    if is_given("--list") {
        for row in rows {
            println!("{}", row.name);
        }
        return;
    }
    let began = Instant::now();
    let json = is_given("--json");
    if !json {
        println!("{}", stats::header());
    }
    for row in rows {
        for line in (row.run)(rounds) {
            println!("{}", if json { line.json(&row.name).to_string() } else { line.show(&row.name) });
        }
    }
    eprintln!("{rounds} rounds a row, {} s", began.elapsed().as_secs());
}
