//! What a pipe takes before it blocks, and how fast pipes of each size are between two processes: --measure.

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;
use serde_json::json;

use super::table::{self, Form, Table};
use super::{Manner, Size, get_set, say};
use crate::error::{Error, FAILED, Named};
use crate::fdio::fork;
use crate::fdio::pipe::{self, Pipe};
use crate::fdio::transfer;
use crate::report;

/// The sizes of writes that are tried: single bytes, a block, and what lies around PIPE_BUF and a page.
pub(super) const WRITES: [usize; 6] = [1, 512, 4095, 4096, 4097, 65536];

/// How long each speed is measured.
const PERIOD: Duration = Duration::from_millis(100);
/// How long two processes find their pace before that.
const WARM_UP: Duration = Duration::from_millis(10);

/// How fast pipes of a size are.
struct Speed {
    size: u64,
    bytes_per_second: f64,
    round_trip: Duration,
}

pub(super) fn show(size: Option<Size>, writes: &[usize], manner: Manner) -> Result<u8, Error> {
    let failed = |errno| Error::System(Named::Words("pipe"), errno);
    let size = size.map(|size| get_set::reduce(size, manner));
    let mut status = 0;
    let (pipe_size, taken) = capacities(size, writes).unwrap_or_else(|errno| {
        let what = match size {
            Some(Size::Bytes(bytes)) => format!("a pipe of {bytes} bytes"),
            _ => "a pipe".to_owned(),
        };
        say(&what, &report::words(errno));
        status = FAILED;
        (0, Vec::new())
    });
    let max = pipe::max_size().map_err(|errno| Error::System(Named::Words(pipe::MAX_SIZE), errno))?;
    let mut speeds: Vec<Speed> = Vec::new();
    let mut next = rustix::param::page_size() as u64;
    while next <= max {
        match speed(next) {
            Ok(speed) => speeds.push(speed),
            Err(Errno::PERM) => {
                status = FAILED;
                if !manner.quiet {
                    say(&format!("pipes of {next} bytes and more"), &report::words(Errno::PERM));
                }
                break;
            }
            Err(errno) => return Err(failed(errno)),
        }
        next *= 2;
    }
    let text = match manner.form {
        Form::Json => as_objects(pipe_size, &taken, &speeds),
        form => as_tables(pipe_size, &taken, &speeds, form, manner.verbose),
    };
    Ok(table::print(&text, status))
}

fn as_objects(pipe_size: u64, taken: &[(usize, u64)], speeds: &[Speed]) -> String {
    let taken =
        taken.iter().map(|(write, taken)| json!({ "pipe_size": pipe_size, "write_size": write, "taken": taken }));
    let speeds = speeds.iter().map(|speed| {
        let trip = speed.round_trip.as_secs_f64();
        // Never negative, and far from the largest there is.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = speed.bytes_per_second.round() as u64;
        json!({ "pipe_size": speed.size, "bytes_per_second": rate, "round_trip_seconds": trip })
    });
    table::objects(taken.chain(speeds))
}

fn as_tables(pipe_size: u64, taken: &[(usize, u64)], speeds: &[Speed], form: Form, verbose: bool) -> String {
    let titled = verbose || form == Form::Aligned;
    let mut first = Table::new(&["pipe", "writes of", "taken", "share", "bar"]);
    for (write, taken) in taken {
        // Sizes are far below what a float holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let share = *taken as f64 / pipe_size as f64;
        let percent = format!("{:.0} %", share * 100.0);
        first.row([pipe_size.to_string(), write.to_string(), taken.to_string(), percent, table::bar(share)]);
    }
    let mut second = Table::new(&["pipe", "throughput", "round trip", "bar"]);
    let fastest = speeds.iter().map(|speed| speed.bytes_per_second).fold(0.0, f64::max);
    for speed in speeds {
        second.row([
            speed.size.to_string(),
            format!("{:.0} MB/s", speed.bytes_per_second / 1e6),
            format!("{:.1} µs", speed.round_trip.as_secs_f64() * 1e6),
            table::bar(speed.bytes_per_second / fastest),
        ]);
    }
    format!("{}\n{}", first.text(form, titled), second.text(form, titled))
}

/// A pipe of that size, or of the default one.
fn sized(size: Option<Size>) -> Result<Pipe, Errno> {
    let pipe = Pipe::new()?;
    if let Some(size) = size {
        get_set::give(&pipe.writer, size)?;
    }
    Ok(pipe)
}

/// The size of a pipe, and what it takes in writes of each size.
fn capacities(size: Option<Size>, writes: &[usize]) -> Result<(u64, Vec<(usize, u64)>), Errno> {
    let pipe_size = sized(size).and_then(|pipe| pipe::size(pipe.writer))?;
    let taken = writes.iter().map(|write| Ok((*write, capacity(size, *write)?))).collect::<Result<_, Errno>>()?;
    Ok((pipe_size, taken))
}

/// The bytes that a pipe takes in writes of a size, before one of them has to wait.
fn capacity(size: Option<Size>, write: usize) -> Result<u64, Errno> {
    let pipe = sized(size)?;
    // The pipe is our own, and the flag nobody else's.
    rustix::fs::fcntl_setfl(&pipe.writer, OFlags::NONBLOCK)?;
    let block = vec![0; write];
    let mut taken = 0;
    loop {
        match rustix::io::write(&pipe.writer, &block) {
            Ok(count) => taken += count as u64,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(taken),
            Err(errno) => return Err(errno),
        }
    }
}

fn speed(size: u64) -> Result<Speed, Errno> {
    let asked = Some(Size::Bytes(size));
    Ok(Speed { size, bytes_per_second: throughput(sized(asked)?)?, round_trip: round_trip(asked)? })
}

/// Bytes a second from a process that writes 64 KiB at a time to one that reads as much.
fn throughput(pipe: Pipe) -> Result<f64, Errno> {
    let Pipe { reader, writer } = pipe;
    let child = fork::run(&[writer.as_raw_fd()], || {
        let block = vec![0; transfer::BUFFER];
        // Until nobody reads any more.
        while transfer::write_all(&writer, &block).is_ok() {}
        0
    })?;
    drop(writer);
    let mut block = vec![0; transfer::BUFFER];
    let mut count_for = |period: Duration| {
        let began = Instant::now();
        let mut bytes = 0.0;
        while began.elapsed() < period {
            #[allow(clippy::cast_precision_loss)] // At most the buffer's length.
            let count = transfer::read(&reader, &mut block)? as f64;
            bytes += count;
        }
        Ok(bytes / began.elapsed().as_secs_f64())
    };
    let measured = count_for(WARM_UP).and_then(|_| count_for(PERIOD));
    drop(reader);
    child.wait()?;
    measured
}

/// The time from a byte to another process to the byte that it answers; the median.
fn round_trip(size: Option<Size>) -> Result<Duration, Errno> {
    let (there, back) = (sized(size)?, sized(size)?);
    let child = fork::run(&[there.reader.as_raw_fd(), back.writer.as_raw_fd()], || {
        let mut byte = [0];
        while transfer::read(&there.reader, &mut byte) == Ok(1) && transfer::write_all(&back.writer, &byte).is_ok() {}
        0
    })?;
    drop((there.reader, back.writer));
    let mut trips = Vec::new();
    let began = Instant::now();
    let traded = loop {
        let now = Instant::now();
        let answered = transfer::write_all(there.writer.as_fd(), b"x")
            .and_then(|()| transfer::read(back.reader.as_fd(), &mut [0]))
            .and_then(|count| if count == 1 { Ok(()) } else { Err(Errno::PIPE) });
        if let Err(errno) = answered {
            break Err(errno);
        }
        if began.elapsed() > WARM_UP {
            trips.push(now.elapsed());
        }
        if began.elapsed() > PERIOD {
            break Ok(());
        }
    };
    drop((there.writer, back.reader));
    child.wait()?;
    traded?;
    trips.sort_unstable();
    trips.get(trips.len() / 2).copied().ok_or(Errno::TIMEDOUT)
}
