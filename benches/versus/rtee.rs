//! rtee's rows.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Instant;

use crate::Row;
use crate::pipeline::{Consumer, Input, Pipeline, children_cpu};
use crate::stats::{Cost, compare, median};
use crate::tool::{self, Tool};

/// rtee and the other tees.
fn tees() -> &'static [Tool] {
    static TEES: OnceLock<Vec<Tool>> = OnceLock::new();
    TEES.get_or_init(|| {
        let uutils = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/tee");
        tool::present([
            ("rtee", vec![tool::teebox(), "rtee".into()], ""),
            ("GNU tee", vec!["tee".into()], "GNU coreutils"),
            ("busybox tee", vec!["busybox".into(), "tee".into()], "BusyBox"),
            ("uutils tee", vec![uutils], ""),
        ])
    })
}

/// Where the FILEs of a row are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Null,
    Tmpfs(usize),
    Disk(usize),
}

impl Files {
    fn paths(self) -> Vec<PathBuf> {
        let disk = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/versus");
        std::fs::create_dir_all(&disk).unwrap();
        let named = |directory: &Path, count| {
            (0..count).map(|index| directory.join(format!("teebox-versus-{}-{index}", std::process::id()))).collect()
        };
        match self {
            Files::Null => vec!["/dev/null".into()],
            Files::Tmpfs(count) => named(Path::new("/dev/shm"), count),
            Files::Disk(count) => named(&disk, count),
        }
    }

    fn name(self) -> String {
        match self {
            Files::Null => "/dev/null".to_owned(),
            Files::Tmpfs(count) => format!("{count} on tmpfs"),
            Files::Disk(count) => format!("{count} on disk"),
        }
    }

    /// The goals in wall time against a peer.
    fn goal(self, peer: &str, input: Input) -> (Option<f64>, Option<f64>) {
        let wall = match (self, peer, input) {
            (Files::Null, "uutils tee", Input::Vmsplice) => Some(1.0 / 0.9),
            (Files::Null, "uutils tee", _) => Some(1.0),
            (Files::Null, "GNU tee", Input::Vmsplice) => Some(0.1),
            (Files::Tmpfs(4) | Files::Disk(4), "GNU tee", _) => Some(1.0 / 2.5),
            (Files::Tmpfs(_) | Files::Disk(_), "GNU tee", _) => Some(0.5),
            (Files::Tmpfs(_) | Files::Disk(_), "uutils tee", _) => Some(1.0 / 1.4),
            _ => None,
        };
        let cpu = match peer {
            "GNU tee" => Some(0.6),
            "uutils tee" => Some(1.0),
            _ => None,
        };
        (wall, cpu)
    }
}

fn pipeline_row(input: Input, files: Files, consumer: Consumer, mebibytes: usize) -> Row {
    let input_name = match input {
        Input::Write => "write 64K",
        Input::Vmsplice => "vmsplice",
        Input::File => "a file",
    };
    let consumer_name = match consumer {
        Consumer::Read => "read 256K",
        Consumer::Splice => "splice",
        Consumer::Null => "/dev/null",
    };
    let name = format!("rtee: {input_name} -> {} -> {consumer_name}", files.name());
    let run = move |rounds: usize| {
        let pipeline = Pipeline { input, consumer, files: files.paths(), bytes: mebibytes << 20 };
        let source = PathBuf::from(format!("/dev/shm/teebox-versus-{}-input", std::process::id()));
        if input == Input::File {
            std::fs::write(&source, vec![b'x'; pipeline.bytes]).unwrap();
        }
        // busybox copies a KiB at a time, so that its rows would take as long as all others together.
        let tools: Vec<&Tool> = tees().iter().filter(|tool| tool.name != "busybox tee").collect();
        let lines =
            compare(&tools, rounds, "s", 1.0, |peer| files.goal(peer, input), |tool| pipeline.run(tool, &source));
        for file in pipeline.files.iter().filter(|file| !file.starts_with("/dev/null")) {
            let _ = std::fs::remove_file(file);
        }
        let _ = std::fs::remove_file(source);
        lines
    };
    Row { name, run: Box::new(run) }
}

/// `tool /dev/null < /dev/null`, start to end, the mean of many.
fn start_row() -> Row {
    let run = |rounds: usize| {
        let goal = |peer: &str| (matches!(peer, "GNU tee" | "busybox tee").then_some(1.0), None);
        let tools: Vec<&Tool> = tees().iter().collect();
        compare(&tools, rounds * 3, "us", 1e6, goal, |tool| {
            let times = 40;
            let cpu = children_cpu();
            let began = Instant::now();
            for _ in 0..times {
                let status = tool.command().arg("/dev/null").stdin(Stdio::null()).stdout(Stdio::null()).status();
                assert!(status.unwrap().success());
            }
            let each = |seconds: f64| seconds / f64::from(times);
            Cost { wall: each(began.elapsed().as_secs_f64()), cpu: each(children_cpu() - cpu) }
        })
    };
    Row { name: "rtee: start to end on /dev/null".to_owned(), run: Box::new(run) }
}

/// A line of 100 bytes in and back out, again and again; the median.
fn latency_row() -> Row {
    let run = |rounds: usize| {
        let goal = |peer: &str| ((peer == "GNU tee").then_some(1.1), None);
        let file = Files::Tmpfs(1).paths().remove(0);
        let tools: Vec<&Tool> = tees().iter().collect();
        let lines = compare(&tools, rounds, "us", 1e6, goal, |tool| {
            let mut command = tool.command();
            let mut child = command.arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let line = [b'x'; 100];
            let mut back = [0; 100];
            let mut times = Vec::new();
            for _ in 0..5000 {
                let began = Instant::now();
                input.write_all(&line).unwrap();
                output.read_exact(&mut back).unwrap();
                times.push(began.elapsed().as_secs_f64());
            }
            drop(input);
            assert!(child.wait().unwrap().success());
            Cost { wall: median(&times), cpu: 0.0 }
        });
        let _ = std::fs::remove_file(&file);
        lines
    };
    Row { name: "rtee: a line there and back".to_owned(), run: Box::new(run) }
}

/// The most memory that any of its processes had resident, after 256 MiB, against the limit of 4 MiB.
fn memory_row() -> Row {
    let run = |_: usize| {
        let tools: Vec<&Tool> = tees().iter().collect();
        compare(
            &tools,
            3,
            "MiB",
            1.0,
            |_| (None, None),
            |tool| {
                let file = Files::Tmpfs(1).paths().remove(0);
                let mut command = tool.command();
                let mut child = command.arg(&file).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
                let mut input = child.stdin.take().unwrap();
                let block = vec![b'x'; 1 << 20];
                for _ in 0..256 {
                    input.write_all(&block).unwrap();
                }
                let children = format!("/proc/{0}/task/{0}/children", child.id());
                let children = std::fs::read_to_string(children).unwrap_or_default();
                let most = children
                    .split_whitespace()
                    .map(str::to_owned)
                    .chain([child.id().to_string()])
                    .map(|pid| resident_peak(&pid))
                    .fold(0.0, f64::max);
                drop(input);
                assert!(child.wait().unwrap().success());
                let _ = std::fs::remove_file(&file);
                Cost { wall: most, cpu: 0.0 }
            },
        )
    };
    Row { name: "rtee: resident memory, largest process".to_owned(), run: Box::new(run) }
}

/// VmHWM of a process, in MiB.
fn resident_peak(pid: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

pub(crate) fn rows() -> Vec<Row> {
    use {Consumer as C, Files as F, Input as I};
    vec![
        pipeline_row(I::Write, F::Null, C::Null, 2048),
        pipeline_row(I::Write, F::Null, C::Read, 1024),
        pipeline_row(I::Write, F::Null, C::Splice, 1024),
        pipeline_row(I::Write, F::Tmpfs(1), C::Null, 768),
        pipeline_row(I::Write, F::Tmpfs(1), C::Read, 768),
        pipeline_row(I::Write, F::Tmpfs(1), C::Splice, 768),
        pipeline_row(I::Write, F::Disk(1), C::Null, 768),
        pipeline_row(I::Write, F::Disk(1), C::Read, 768),
        pipeline_row(I::Write, F::Disk(1), C::Splice, 768),
        pipeline_row(I::Write, F::Tmpfs(4), C::Read, 384),
        pipeline_row(I::Write, F::Disk(4), C::Null, 384),
        pipeline_row(I::Vmsplice, F::Null, C::Null, 16384),
        pipeline_row(I::Vmsplice, F::Null, C::Splice, 16384),
        pipeline_row(I::Vmsplice, F::Tmpfs(1), C::Null, 1024),
        pipeline_row(I::Vmsplice, F::Disk(1), C::Splice, 1024),
        pipeline_row(I::Vmsplice, F::Tmpfs(4), C::Splice, 512),
        pipeline_row(I::File, F::Null, C::Null, 4096),
        pipeline_row(I::File, F::Tmpfs(1), C::Null, 768),
        pipeline_row(I::File, F::Disk(1), C::Read, 768),
        pipeline_row(I::File, F::Tmpfs(4), C::Read, 384),
        start_row(),
        latency_row(),
        memory_row(),
    ]
}
