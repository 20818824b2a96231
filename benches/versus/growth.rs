//! How cost grows: rows in which a tool is compared with itself at a smaller size.
//!
//! What is shown is the cost of a unit of work (a FILE, a byte, a process), and as the ratio that cost over the one at the
//! size before, in the same round. 1 is growth with the work; below it, what a start or a frame takes is spread over more.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::pipe::PipeFlags;

use crate::Row;
use crate::pipeline::{Consumer, Input, Pipeline, children_cpu, role, through};
use crate::rmerge;
use crate::stats::{Cost, Line, Ratio, median};
use crate::tool::{self, Tool};

/// One kind of growth: the sizes, and what a run at a size costs in all.
struct Growth {
    name: &'static str,
    /// Of what the cost is shown, and the factor from seconds.
    unit: (&'static str, f64),
    sizes: &'static [usize],
    /// The units of work at a size.
    work: fn(usize) -> f64,
    cost: fn(usize) -> Cost,
}

const KINDS: [Growth; 5] = [
    Growth { name: "rtee: FILEs on tmpfs", unit: ("ms", 1e3), sizes: &[1, 2, 4, 16, 64], work: count, cost: rtee },
    Growth { name: "rframe: encode, payload of", unit: ("ns/B", 1e9), sizes: PAYLOADS, work: payload, cost: encode },
    Growth { name: "rframe: decode, payload of", unit: ("ns/B", 1e9), sizes: PAYLOADS, work: payload, cost: decode },
    Growth {
        name: "rmerge: inputs, one active,",
        unit: ("ms in all", 1e3),
        sizes: &[2, 8, 64, 512, 1000, 2000, 4000],
        work: |_| 1.0,
        cost: rmerge::among,
    },
    Growth {
        name: "rpipesz: --pid among processes",
        unit: ("us", 1e6),
        sizes: &[10, 100, 500, 1000, 2000],
        work: count,
        cost: processes,
    },
];

/// From a byte to 16 MiB.
const PAYLOADS: &[usize] = &[1, 16, 256, 4 << 10, 64 << 10, 1 << 20, 16 << 20];

#[allow(clippy::cast_precision_loss)]
fn count(size: usize) -> f64 {
    size as f64
}

/// The bytes of payload that are framed: a frame costs what a few dozen bytes do, so small ones are fewer bytes.
fn payload_bytes(size: usize) -> usize {
    if size < 64 { size * 10_000_000 } else { 640_000_000 }
}

fn payload(size: usize) -> f64 {
    count(payload_bytes(size) / size * size)
}

/// 48 MiB into so many FILEs.
fn rtee(files: usize) -> Cost {
    let tool = Tool { name: "rtee", command: vec![tool::teebox(), "rtee".into()] };
    let files = (0..files).map(|index| format!("/dev/shm/teebox-growth-{}-{index}", std::process::id()).into());
    let pipeline = Pipeline { input: Input::Write, consumer: Consumer::Null, files: files.collect(), bytes: 48 << 20 };
    let cost = pipeline.run(&tool, std::path::Path::new(""));
    for file in pipeline.files {
        let _ = std::fs::remove_file(file);
    }
    cost
}

fn rframe(produced: &str, size: usize, arguments: &[&str]) -> Cost {
    let mut rframe = Command::new(tool::teebox());
    rframe.arg("rframe").args(arguments);
    let header = if produced == "frames" { 4 } else { 1 };
    let bytes = payload_bytes(size) / size * (size + header);
    through(role(&["produce", produced, &size.to_string(), &bytes.to_string()]), rframe)
}

fn encode(size: usize) -> Cost {
    rframe("lines", size, &["encode", "-f", "u32be"])
}

fn decode(size: usize) -> Cost {
    rframe("frames", size, &["decode", "-f", "u32be"])
}

/// `rpipesz --pid` of this process, to so many of whose children a pipe leads.
fn processes(count: usize) -> Cost {
    let mut kept = Vec::new();
    let mut others: Vec<Child> = Vec::new();
    for _ in 0..count {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        kept.push(writer);
        others.push(Command::new("sleep").arg("600").stdin(reader).spawn().unwrap());
    }
    let pid = std::process::id().to_string();
    let mut times = Vec::new();
    for _ in 0..3 {
        let cpu = children_cpu();
        let began = Instant::now();
        let output = Command::new(tool::teebox()).args(["rpipesz", "-p", &pid]).stderr(Stdio::null()).output().unwrap();
        let wall = began.elapsed().as_secs_f64();
        assert!(String::from_utf8_lossy(&output.stdout).lines().count() >= count);
        times.push((wall, children_cpu() - cpu));
    }
    for mut other in others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
    let (walls, cpus): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
    Cost { wall: median(&walls), cpu: median(&cpus) }
}

fn row(kind: &'static Growth, before: usize, size: usize) -> Row {
    let run = move |rounds: usize| {
        let each = |size: usize| {
            let cost = (kind.cost)(size);
            Cost { wall: cost.wall / (kind.work)(size), cpu: cost.cpu / (kind.work)(size) }
        };
        // Once beforehand: memory that a virtual machine has not used for a while costs several times as much to touch.
        each(size);
        let (small, large): (Vec<Cost>, Vec<Cost>) = (0..rounds.min(5)).map(|_| (each(before), each(size))).unzip();
        let walls = |costs: &[Cost]| costs.iter().map(|cost| cost.wall).collect::<Vec<f64>>();
        let cpus = |costs: &[Cost]| costs.iter().map(|cost| cost.cpu).collect::<Vec<f64>>();
        vec![Line {
            peer: "size before",
            ours: median(&walls(&large)) * kind.unit.1,
            unit: kind.unit.0,
            wall: Ratio::of(&walls(&large), &walls(&small)),
            cpu: Some(Ratio::of(&cpus(&large), &cpus(&small))),
            goal: (None, None),
        }]
    };
    Row { name: format!("growth: {} {}", kind.name, show(size)), run: Box::new(run) }
}

fn show(size: usize) -> String {
    match size {
        0x10_0000.. if size % 0x10_0000 == 0 => format!("{} Mi", size >> 20),
        0x400.. if size % 0x400 == 0 => format!("{} Ki", size >> 10),
        _ => size.to_string(),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let steps = |kind: &'static Growth| kind.sizes.windows(2).map(move |pair| row(kind, pair[0], pair[1]));
    KINDS.iter().flat_map(steps).collect()
}
