//! rfifo's rows: a FIFO that a producer writes, and what reads it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode};

use crate::Row;
use crate::pipeline::{children_cpu, role};
use crate::stats::{Cost, compare};
use crate::tool::{self, Tool};

/// How many bytes are relayed; fewer with RFIFO_BYTES, to see whether it runs.
fn bytes(usual: usize) -> String {
    std::env::var("RFIFO_BYTES").unwrap_or_else(|_| usual.to_string())
}

/// A FIFO in a directory of its own, which goes with this value.
struct Place {
    _directory: tempfile::TempDir,
    fifo: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        Self { _directory: directory, fifo }
    }
}

/// Runs a producer that opens the FIFO as a shell's redirection does, the tool, and a reader of 256 KiB at a time, or none.
fn run(fifo: &Path, what: &[&str], tool: &Tool, reader: bool) -> Cost {
    let cpu = children_cpu();
    let began = Instant::now();
    let mut producer = Command::new("sh");
    producer.args(["-c", "fifo=$1; shift; exec \"$@\" > \"$fifo\"", "sh"]).arg(fifo);
    producer.arg(std::env::current_exe().unwrap()).args(["role", "produce"]).args(what);
    let mut children = vec![producer.spawn().unwrap()];
    let output = if reader { Stdio::piped() } else { Stdio::null() };
    let mut middle = tool.command().stdin(Stdio::null()).stdout(output).spawn().unwrap();
    if let Some(stdout) = middle.stdout.take() {
        children.push(role(&["consume", "read"]).stdin(stdout).spawn().unwrap());
    }
    children.push(middle);
    for mut child in children {
        assert!(child.wait().unwrap().success(), "a part of the pipeline failed");
    }
    Cost { wall: began.elapsed().as_secs_f64(), cpu: children_cpu() - cpu }
}

fn ours(place: &Place, options: &[&str]) -> Tool {
    let mut command: Vec<PathBuf> = [tool::teebox(), "rfifo".into()].into();
    command.extend(["--reuse", "--once"].iter().chain(options).map(Into::into));
    command.push(place.fifo.clone());
    Tool { name: "rfifo", command }
}

/// The peers that are here, with what they need to read the FIFO.
fn peers<const N: usize>(candidates: [(&'static str, &str, &[&str], &str); N], place: &Place) -> Vec<Tool> {
    let mut tools = Vec::new();
    for (name, mark, options, prefix) in candidates {
        for peer in tool::present([(name, vec![name.into()], mark)]) {
            let mut command = peer.command;
            command.extend(options.iter().map(Into::into));
            command.push(format!("{prefix}{}", place.fifo.display()).into());
            if !prefix.is_empty() {
                command.push("STDOUT".into());
            }
            tools.push(Tool { name, command });
        }
    }
    tools
}

fn relay_row(reader: bool) -> Row {
    let run = move |rounds: usize| {
        let place = Place::new();
        let ours = ours(&place, &[]);
        let peers = peers(
            [
                ("cat", "GNU coreutils", &[][..], ""),
                ("socat", "socat", &["-u"], "PIPE:"),
                ("pv", "Concatenate", &["-q"], ""),
            ],
            &place,
        );
        let goal = |peer: &str| match peer {
            "cat" => (Some(1.0 / 1.5), Some(1.0)),
            "socat" => (Some(1.0 / 3.0), Some(1.0)),
            _ => (None, None),
        };
        let tools: Vec<&Tool> = [&ours].into_iter().chain(&peers).collect();
        let bytes = bytes(4_000_000_000);
        compare(&tools, rounds, "s", 1.0, goal, |tool| run(&place.fifo, &["write", &bytes], tool, reader))
    };
    let consumer = if reader { "read 256K" } else { "/dev/null" };
    Row { name: format!("rfifo: write 64K -> FIFO -> {consumer}"), run: Box::new(run) }
}

fn match_row() -> Row {
    let run = |rounds: usize| {
        let place = Place::new();
        let ours = ours(&place, &["--match", "ERROR"]);
        let peers = peers([("grep", "GNU grep", &["-F", "--line-buffered", "ERROR"][..], "")], &place);
        let tools: Vec<&Tool> = [&ours].into_iter().chain(&peers).collect();
        let bytes = bytes(2_000_000_000);
        compare(&tools, rounds, "s", 1.0, |_| (Some(1.2), None), |tool| run(&place.fifo, &["log", &bytes], tool, true))
    };
    Row { name: "rfifo: --match, 1 % of 100-byte lines".to_owned(), run: Box::new(run) }
}

pub(crate) fn rows() -> Vec<Row> {
    vec![relay_row(true), relay_row(false), match_row()]
}
