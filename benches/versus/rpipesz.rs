//! rpipesz's rows.
//!
//! Both have a goal in time and not against a peer: what is shown as the ratio is the share of that time that was taken.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::pipe::PipeFlags;

use crate::Row;
use crate::stats::{Cost, Line, Ratio, compare, median};
use crate::tool::{self, Tool};

/// The most that a command may take longer than without rpipesz, in seconds.
const EXEC_GOAL: f64 = 0.001;
/// The most that --pid may take among so many processes, in seconds.
const LIST_GOAL: f64 = 0.1;

const PROCESSES: usize = 300;
const PIPES: usize = 500;

/// Start to end with standard output a pipe, the mean of many.
fn started(tool: &Tool) -> f64 {
    let times = 40;
    let (_reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
    let began = Instant::now();
    for _ in 0..times {
        let output = Stdio::from(writer.try_clone().unwrap());
        assert!(tool.command().stdin(Stdio::null()).stdout(output).status().unwrap().success());
    }
    began.elapsed().as_secs_f64() / f64::from(times)
}

/// `rpipesz -s 1M -- true`, against true itself, true by a shell's exec, and pipesz.
fn exec_row() -> Row {
    let run = |rounds: usize| {
        let command = |words: &[&str]| words.iter().map(Into::into).collect();
        let set = ["-s", "1M", "--", "true"];
        let ours = [tool::teebox(), "rpipesz".into()].into_iter().chain(set.map(Into::into)).collect();
        let ours = Tool { name: "rpipesz", command: ours };
        let mut lines = Vec::new();
        for (name, plain) in [("exec", &["sh", "-c", "exec true"][..]), ("true", &["true"])] {
            let plain = Tool { name, command: command(plain) };
            let pairs = (0..rounds * 3).map(|_| (started(&ours) - started(&plain), EXEC_GOAL));
            let (more, goals): (Vec<f64>, Vec<f64>) = pairs.unzip();
            lines.push(Line {
                peer: name,
                ours: median(&more) * 1e6,
                unit: "us +",
                wall: Ratio::of(&more, &goals),
                cpu: None,
                goal: (Some(1.0), None),
            });
        }
        for peer in tool::present([("pipesz", vec!["pipesz".into()], "pipe")]) {
            let command = peer.command.iter().cloned().chain(set.map(Into::into)).collect();
            let peer = Tool { name: peer.name, command };
            let goal = |_: &str| (Some(1.0), None);
            let cost = |tool: &Tool| Cost { wall: started(tool), cpu: 0.0 };
            lines.extend(compare(&[&ours, &peer], rounds * 3, "us", 1e6, goal, cost));
        }
        lines
    };
    Row { name: "rpipesz: -s 1M -- true, over true".to_owned(), run: Box::new(run) }
}

/// `rpipesz --pid` of this process, which gives a pipe to each of many others and keeps more.
fn list_row() -> Row {
    let run = |rounds: usize| {
        let mut kept = Vec::new();
        let mut others: Vec<Child> = Vec::new();
        for _ in 0..PIPES {
            let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
            kept.push(writer);
            if others.len() < PROCESSES {
                others.push(Command::new("sleep").arg("600").stdin(reader).spawn().unwrap());
            } else {
                kept.push(reader);
            }
        }
        let pid = std::process::id().to_string();
        let list = || Command::new(tool::teebox()).args(["rpipesz", "-p", &pid]).output().unwrap();
        let shown = String::from_utf8(list().stdout).unwrap();
        assert!(shown.lines().count() >= kept.len(), "{shown}");
        assert_eq!(shown.lines().filter(|line| line.contains(" sleep fd 0")).count(), PROCESSES);
        let time = |_| {
            let began = Instant::now();
            assert!(list().status.success());
            (began.elapsed().as_secs_f64(), LIST_GOAL)
        };
        let (times, goals): (Vec<f64>, Vec<f64>) = (0..rounds * 3).map(time).unzip();
        for mut other in others {
            other.kill().unwrap();
            other.wait().unwrap();
        }
        vec![Line {
            peer: "100 ms",
            ours: median(&times) * 1e3,
            unit: "ms",
            wall: Ratio::of(&times, &goals),
            cpu: None,
            goal: (Some(1.0), None),
        }]
    };
    Row { name: format!("rpipesz: --pid, {PIPES} pipes, {PROCESSES} processes"), run: Box::new(run) }
}

pub(crate) fn rows() -> Vec<Row> {
    vec![exec_row(), list_row()]
}
