//! rmerge's rows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use crate::Row;
use crate::pipeline::{children_cpu, role};
use crate::stats::{Cost, compare};
use crate::tool::{self, Tool};

/// What all inputs have together, in bytes.
const BYTES: usize = 1_000_000_000;
/// The length of a line without its newline.
const LENGTH: usize = 99;
/// How many commands write at once.
const COMMANDS: usize = 8;
/// How many inputs there are where one of them is active.
const INPUTS: usize = 1000;

/// The tools that run commands at once, and how they are told to.
fn peers() -> &'static [Tool] {
    static PEERS: OnceLock<Vec<Tool>> = OnceLock::new();
    PEERS.get_or_init(|| {
        tool::present([
            ("line-buffer", vec!["parallel".into(), "--line-buffer".into()], "GNU Parallel"),
            ("parallel -k", vec!["parallel".into(), "-k".into()], "GNU Parallel"),
            ("moreutils", vec!["parallel.moreutils".into()], "parallel [OPTIONS]"),
            ("xargs", vec!["xargs".into()], "--max-procs"),
            ("cat", vec!["cat".into()], "GNU coreutils"),
        ])
    })
}

/// A shell's command line that writes so many bytes of lines.
fn produce(bytes: usize) -> String {
    let program = std::env::current_exe().unwrap();
    format!("'{}' role produce lines {LENGTH} {bytes}", program.display())
}

/// The whole command of a peer, for a shell.
fn line(name: &str) -> Option<String> {
    let each = produce(BYTES / COMMANDS);
    let quoted = |command: &str| format!("\"{command}\" ").repeat(COMMANDS);
    Some(match name {
        "line-buffer" => format!("parallel --line-buffer -j {COMMANDS} ::: {}", quoted(&each)),
        "parallel -k" => format!("parallel -k -j {COMMANDS} ::: {}", quoted(&each)),
        "moreutils" => format!("parallel.moreutils -j {COMMANDS} -- {}", quoted(&each)),
        // Its lines are torn.
        "xargs" => format!("yes | head -n {COMMANDS} | xargs -P {COMMANDS} -I {{}} sh -c \"{each} | cat\""),
        "cat" => format!("{} | cat", produce(BYTES)),
        _ => return None,
    })
}

fn rmerge(options: &[&str]) -> Tool {
    let mut command: Vec<PathBuf> = vec![tool::teebox(), "rmerge".into()];
    command.extend(options.iter().map(Into::into));
    for number in 0..COMMANDS {
        command.extend(["--run".into(), format!("input{number}={}", produce(BYTES / COMMANDS)).into()]);
    }
    Tool { name: "rmerge", command }
}

/// Runs a command into a reader of 256 KiB at a time, beside what feeds it.
fn consumed(mut command: Command, feeder: Option<Command>) -> Cost {
    let cpu = children_cpu();
    let began = Instant::now();
    let mut merged = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let consumer = role(&["consume", "read"]).stdin(merged.stdout.take().unwrap()).spawn().unwrap();
    let feeder = feeder.map(|mut feeder| feeder.spawn().unwrap());
    for mut child in feeder.into_iter().chain([merged, consumer]) {
        assert!(child.wait().unwrap().success(), "a part of the pipeline failed");
    }
    Cost { wall: began.elapsed().as_secs_f64(), cpu: children_cpu() - cpu }
}

/// Ours with these options against those of the peers that have a goal, or none at all, as their names tell.
fn row(name: &'static str, options: &'static [&'static str], goals: &'static [(&'static str, Option<f64>)]) -> Row {
    let run = move |rounds: usize| {
        let goal = |peer: &str| (goals.iter().find(|(name, _)| *name == peer).and_then(|(_, goal)| *goal), None);
        let mut tools = vec![rmerge(options)];
        for peer in peers().iter().filter(|peer| goals.iter().any(|(name, _)| *name == peer.name)) {
            if let Some(line) = line(peer.name) {
                tools.push(Tool { name: peer.name, command: vec!["sh".into(), "-c".into(), line.into()] });
            }
        }
        let tools: Vec<&Tool> = tools.iter().collect();
        compare(&tools, rounds, "s", 1.0, goal, |tool| consumed(tool.command(), None))
    };
    Row { name: name.to_owned(), run: Box::new(run) }
}

/// So many FIFOs, in a directory of their own that goes with them.
struct Fifos {
    directory: PathBuf,
    paths: Vec<PathBuf>,
}

impl Fifos {
    fn new(count: usize) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/versus/{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let paths: Vec<PathBuf> = (0..count).map(|number| directory.join(number.to_string())).collect();
        for path in &paths {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }
        Self { directory, paths }
    }

    /// Merges the first so many of them, all of them open and one in use.
    fn merge(&self, count: usize, bytes: usize) -> Cost {
        let paths = &self.paths[..count];
        let mut feeder = role(&["produce", "fifo", &LENGTH.to_string(), &bytes.to_string()]);
        feeder.args(paths);
        let mut merged = Command::new(tool::teebox());
        merged.arg("rmerge").args(paths);
        consumed(merged, Some(feeder))
    }
}

impl Drop for Fifos {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// What 256 MB cost of one among so many inputs.
pub(crate) fn among(inputs: usize) -> Cost {
    Fifos::new(inputs).merge(inputs, 256_000_000)
}

/// Many inputs, one of them in use, against two.
fn idle_row() -> Row {
    let run = |rounds: usize| {
        let fifos = Fifos::new(INPUTS);
        let tool = |name: &'static str| Tool { name, command: Vec::new() };
        let (many, two) = (tool("rmerge"), tool("2 inputs"));
        let measure = |tool: &Tool| fifos.merge(if tool.name == two.name { 2 } else { INPUTS }, BYTES);
        compare(&[&many, &two], rounds, "s", 1.0, |_| (Some(1.5), None), measure)
    };
    Row { name: format!("rmerge: {INPUTS} inputs, one active"), run: Box::new(run) }
}

pub(crate) fn rows() -> Vec<Row> {
    let unlabelled = &[("line-buffer", Some(0.1)), ("moreutils", None), ("xargs", None), ("cat", Some(1.5))];
    let labelled = &[("line-buffer", None), ("cat", Some(2.5))];
    vec![
        row("rmerge: 8 inputs of 100-byte lines", &[], unlabelled),
        row("rmerge: 8 inputs of 100-byte lines, --label", &["--label"], labelled),
        row("rmerge: 8 commands, --order=input", &["--order=input"], &[("parallel -k", Some(0.2))]),
        idle_row(),
    ]
}
