//! What each applet's start takes, to its end with nothing to do.

use std::process::Stdio;
use std::time::Instant;

use crate::Row;
use crate::pipeline::children_cpu;
use crate::stats::{Cost, compare};
use crate::tool::{self, Tool};

/// The applets, and arguments with which they find nothing to do.
const IDLE: [&[&str]; 5] = [
    &["rfifo", "--write", "--drop", "--create", "target/versus/start.fifo"],
    &["rframe", "decode"],
    &["rmerge"],
    &["rpipesz", "-q", "-g"],
    &["rtee"],
];

fn row(arguments: &'static [&'static str]) -> Row {
    let run = |rounds: usize| {
        let ours = [tool::teebox()].into_iter().chain(arguments.iter().map(Into::into)).collect();
        let ours = Tool { name: arguments[0], command: ours };
        let peers = tool::present([
            ("GNU tee", vec!["tee".into()], "GNU coreutils"),
            ("busybox tee", vec!["busybox".into(), "tee".into()], "BusyBox"),
        ]);
        let tools: Vec<&Tool> = [&ours].into_iter().chain(&peers).collect();
        let goal = |peer: &str| ((peer == "GNU tee").then_some(1.0), None);
        compare(&tools, rounds * 3, "us", 1e6, goal, |tool| {
            let times = 40;
            let cpu = children_cpu();
            let began = Instant::now();
            for _ in 0..times {
                assert!(tool.command().stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
            }
            let each = |seconds: f64| seconds / f64::from(times);
            Cost { wall: each(began.elapsed().as_secs_f64()), cpu: each(children_cpu() - cpu) }
        })
    };
    Row { name: format!("start: {}", arguments[0]), run: Box::new(run) }
}

pub(crate) fn rows() -> Vec<Row> {
    IDLE.into_iter().map(row).collect()
}
