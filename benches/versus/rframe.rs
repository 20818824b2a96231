//! rframe's rows.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use teebox::framing::{Decoder, Encoder, Format, Next};

use crate::Row;
use crate::pipeline::{role, through};
use crate::stats::{Line, Ratio, compare, median};
use crate::tool::{self, Tool};

/// A way to do the work: ours, and those that it is compared with.
struct Work {
    name: &'static str,
    /// What is written into the pipe: `lines` or `frames`.
    produced: &'static str,
    /// Of the payloads, in bytes.
    length: usize,
    ours: &'static [&'static str],
    tokio: &'static str,
    /// The script's argument, where it has one for this.
    python: Option<&'static str>,
    /// The goals in wall time against tokio-util, Python and cat.
    goals: (Option<f64>, Option<f64>, Option<f64>),
    bytes: usize,
}

const WORK: [Work; 6] = [
    Work {
        name: "rframe: encode 100-byte lines",
        produced: "lines",
        length: 100,
        ours: &["encode", "-f", "u32be"],
        tokio: "encode-lines",
        python: Some("encode"),
        goals: (Some(0.5), Some(1.0 / 15.0), Some(1.3)),
        bytes: 1_000_000_000,
    },
    Work {
        name: "rframe: decode 100-byte lines",
        produced: "frames",
        length: 100,
        ours: &["decode", "-f", "u32be"],
        tokio: "decode-lines",
        python: Some("decode"),
        goals: (Some(0.5), Some(1.0 / 15.0), Some(1.3)),
        bytes: 1_000_000_000,
    },
    Work {
        name: "rframe: encode 10-byte lines",
        produced: "lines",
        length: 10,
        ours: &["encode", "-f", "u32be"],
        tokio: "encode-lines",
        python: None,
        goals: (Some(1.0 / 3.0), None, None),
        bytes: 200_000_000,
    },
    Work {
        name: "rframe: decode 10-byte lines",
        produced: "frames",
        length: 10,
        ours: &["decode", "-f", "u32be"],
        tokio: "decode-lines",
        python: None,
        goals: (Some(1.0 / 3.0), None, None),
        bytes: 200_000_000,
    },
    Work {
        name: "rframe: encode --chunk 1M",
        produced: "lines",
        length: 65535,
        ours: &["encode", "-f", "u32be", "--chunk", "1M"],
        tokio: "encode-1048576",
        python: None,
        goals: (Some(0.5), None, Some(1.1)),
        bytes: 2_000_000_000,
    },
    Work {
        name: "rframe: decode --raw, payloads of 1 MiB",
        produced: "frames",
        length: 1 << 20,
        ours: &["decode", "-f", "u32be", "--raw"],
        tokio: "decode-raw",
        python: None,
        goals: (Some(0.5), None, Some(1.1)),
        bytes: 2_000_000_000,
    },
];

/// cat and Python, if they are here.
fn peers() -> &'static [Tool] {
    static PEERS: OnceLock<Vec<Tool>> = OnceLock::new();
    PEERS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/versus/frames.py");
        tool::present([("Python", vec!["python3".into(), script], ""), ("cat", vec!["cat".into()], "GNU coreutils")])
    })
}

fn pipeline_row(work: &'static Work) -> Row {
    let run = move |rounds: usize| {
        let program = std::env::current_exe().unwrap();
        let ours = [tool::teebox(), "rframe".into()].into_iter().chain(work.ours.iter().map(Into::into));
        let mut tools = vec![
            Tool { name: "rframe", command: ours.collect() },
            Tool { name: "tokio-util", command: vec![program, "role".into(), "tokio".into(), work.tokio.into()] },
        ];
        for peer in peers() {
            let argument = work.python.filter(|_| peer.name == "Python");
            let wanted = argument.is_some() || (peer.name == "cat" && work.goals.2.is_some());
            let command = peer.command.iter().cloned().chain(argument.map(Into::into)).collect();
            tools.extend(wanted.then_some(Tool { name: peer.name, command }));
        }
        let goal = |peer: &str| {
            let (tokio, python, cat) = work.goals;
            let wall = match peer {
                "tokio-util" => tokio,
                "Python" => python,
                _ => cat,
            };
            (wall, None)
        };
        let tools: Vec<&Tool> = tools.iter().collect();
        compare(&tools, rounds, "s", 1.0, goal, |tool| {
            let (length, bytes) = (work.length.to_string(), work.bytes.to_string());
            through(role(&["produce", work.produced, &length, &bytes]), tool.command())
        })
    };
    Row { name: work.name.to_owned(), run: Box::new(run) }
}

/// The time that the codec takes for a frame of 100 bytes in a stream of this size that comes in pieces of that size, over
/// the time in a stream of 1 KiB in such pieces. 1 is flat.
fn growth_row(stream: usize, piece: usize) -> Row {
    let run = move |rounds: usize| {
        let pairs = (0..rounds).map(|_| (decode(stream, piece), decode(1024, piece)));
        let (large, small): (Vec<f64>, Vec<f64>) = pairs.unzip();
        vec![Line {
            peer: "1 KiB",
            ours: median(&large) * 1e9,
            unit: "ns",
            wall: Ratio::of(&large, &small),
            cpu: None,
            goal: (None, None),
        }]
    };
    let (stream, piece) = (show(stream), show(piece));
    Row { name: format!("rframe: a frame in {stream}, in pieces of {piece}"), run: Box::new(run) }
}

fn show(bytes: usize) -> String {
    match bytes {
        0x4000_0000.. => format!("{} GiB", bytes >> 30),
        0x10_0000.. => format!("{} MiB", bytes >> 20),
        0x400.. => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

/// The seconds that a frame takes. The stream is one MiB again and again, so that memory is not what is measured.
fn decode(stream: usize, piece: usize) -> f64 {
    let format = Format::parse("message").unwrap();
    let mut block = Vec::new();
    let size = {
        Encoder::new(&format).frame(1, &[b'x'; 100], &mut block).unwrap();
        block.len()
    };
    let count = (stream / size).max(1);
    let in_block = count.min((1 << 20) / size);
    let block = block.repeat(in_block);
    // A small stream often enough to be measured.
    let times = (100_000 / count).max(1);
    let began = Instant::now();
    let mut frames = 0;
    for _ in 0..times {
        let mut decoder = Decoder::new(&format, usize::MAX);
        for _ in 0..count / in_block {
            let (mut start, mut end) = (0, 0);
            while end < block.len() || start < end {
                end = block.len().min(end + piece);
                let mut input = &block[start..end];
                while let Ok(Next::Frame(frame)) = decoder.next(&mut input) {
                    frames += frame.payload.len() / 100;
                }
                start = end - input.len();
            }
        }
    }
    assert_eq!(frames, times * (count / in_block) * in_block);
    #[allow(clippy::cast_precision_loss)]
    let each = began.elapsed().as_secs_f64() / frames as f64;
    each
}

pub(crate) fn rows() -> Vec<Row> {
    let growth = [(1 << 30, 1), (1 << 30, 64), (1 << 30, 128 << 10), (1 << 20, 1), (1 << 20, 128 << 10)];
    WORK.iter().map(pipeline_row).chain(growth.map(|(stream, piece)| growth_row(stream, piece))).collect()
}
