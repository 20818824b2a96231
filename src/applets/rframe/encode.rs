//! From records to frames: one loop that reads, frames what has come, and writes it before it reads again.
//!
//! A record has to be there whole before its header can be written, which tells its length. Most are in the buffer. What
//! is larger waits elsewhere: chunks in a pipe, as far as one holds them, so that they need not be copied; and what no
//! memory should hold in a file.

use std::os::fd::AsFd;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::io::{self, Input, Output, stdout};
use super::record::Record;
use super::{BUFFER, NAME};
use crate::error::{Error, FAILED};
use crate::fdio::buffer::ReadBuffer;
use crate::fdio::pipe::{self, Pipe};
use crate::fdio::poll;
use crate::fdio::spool::{self, Spool};
use crate::fdio::transfer::{self, Drain, Failure, Spliced};
use crate::framing::{Encoder, Format, Misfit, SHORT};
use crate::progress::Progress;
use crate::report;

/// A payload of this size, in bytes, is written from where it is instead of being copied behind its header.
const IN_PLACE: usize = 64 * 1024;

/// The most that a record takes in memory, in bytes; what is more waits in a file.
const MOST: usize = 2 << 20;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Records {
    /// What is before each of these bytes, and after the last.
    Delimited(u8),
    /// So many bytes each; the last may have fewer.
    Chunks(u64),
    /// All there is.
    Whole,
    /// A JSON object a line.
    Json,
}

/// What a run is to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) format: Format,
    pub(super) records: Records,
    /// The type of frames that name none.
    pub(super) kind: u8,
    pub(super) skip_oversize: bool,
    /// Write the mark that ends the stream after the last record.
    pub(super) end: bool,
}

/// Encodes the whole input; the exit status.
pub(super) fn run(plan: &Plan, input: &Input, progress: &Progress) -> Result<u8, Error> {
    // Lines are looked into, so they are never in a pipe; where none can be had, nothing is.
    let pipe = match plan.records {
        Records::Chunks(_) | Records::Whole => Pipe::new().ok(),
        Records::Delimited(_) | Records::Json => None,
    };
    let frames =
        Frames { plan, input, encoder: Encoder::new(&plan.format), out: Output::new(), count: 0, failed: false };
    let buffer = ReadBuffer::new(BUFFER, input.fd());
    let mut encode = Encode { plan, input, progress, buffer, frames, waiting: Waiting::new(pipe.as_ref()) };
    let result = match plan.records {
        Records::Delimited(delimiter) => encode.delimited(delimiter),
        Records::Json => encode.delimited(b'\n'),
        Records::Chunks(size) => encode.chunks(size),
        Records::Whole => encode.large(u64::MAX, true).map(drop),
    };
    let frames = &mut encode.frames;
    if result.is_ok() && plan.end {
        frames.encoder.end(plan.kind, &mut frames.out.held);
    }
    // What was encoded is delivered, whatever came after it.
    let flushed = frames.out.flush();
    progress.finish();
    result.and(flushed).map(|()| if frames.failed { FAILED } else { 0 })
}

/// The frames on their way out.
struct Frames<'a> {
    plan: &'a Plan,
    input: &'a Input,
    encoder: Encoder<'a>,
    out: Output,
    /// The records so far.
    count: u64,
    failed: bool,
}

impl Frames<'_> {
    /// Frames a record that is in memory.
    #[inline]
    fn record(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let json = self.plan.records == Records::Json;
        if json && bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        self.count += 1;
        if json { self.json(bytes) } else { self.payload(self.plan.kind, bytes) }
    }

    #[inline]
    fn payload(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Error> {
        let made = if bytes.len() < IN_PLACE {
            self.encoder.frame(kind, bytes, &mut self.out.held)
        } else {
            self.encoder.header(kind, bytes.len() as u64, &mut self.out.held)
        };
        match made {
            Err(misfit) => self.refuse(misfit),
            Ok(()) if bytes.len() >= IN_PLACE => self.out.flush_with([bytes, self.encoder.tail()]),
            Ok(()) => self.flush_full(),
        }
    }

    /// Writes the frames that are held, if they are many.
    #[inline]
    fn flush_full(&mut self) -> Result<(), Error> {
        if self.out.held.len() >= BUFFER { self.out.flush() } else { Ok(()) }
    }

    /// Frames what a line of JSON says.
    fn json(&mut self, line: &[u8]) -> Result<(), Error> {
        let record = Record::parse(line).map_err(|reason| self.wrong(&reason))?;
        if record.kind().is_some() && !self.plan.format.has_type() {
            return Err(self.wrong("it has a type, and frames of this format have none"));
        }
        let kind = record.kind().unwrap_or(self.plan.kind);
        let done = match record {
            Record::Payload { bytes, .. } => return self.payload(kind, &bytes),
            Record::Null { .. } => self.encoder.null(kind, &mut self.out.held),
            Record::Control(control) => self.encoder.control(control, &mut self.out.held),
        };
        done.or_else(|misfit| self.refuse(misfit))
    }

    /// A record that can't be framed ends the run, or is passed over.
    fn refuse(&mut self, misfit: Misfit) -> Result<(), Error> {
        if !matches!(misfit, Misfit::OverMaximum(_) | Misfit::TooLong(_)) {
            return Err(self.wrong(&misfit.to_string()));
        }
        self.refuse_length(&misfit.to_string())
    }

    /// A record that is too long ends the run, or is passed over.
    fn refuse_length(&mut self, reason: &str) -> Result<(), Error> {
        if !self.plan.skip_oversize {
            return Err(self.wrong(reason));
        }
        self.failed = true;
        // What came before it is there before it is said.
        self.out.flush()?;
        let words = format!("record {}: {reason}; skipped", self.count);
        report::reason(NAME, self.input.name().subject(), &words);
        Ok(())
    }

    /// Why the run ends at this record.
    fn wrong(&self, reason: &str) -> Error {
        self.input.refused(format!("record {}: {reason}", self.count))
    }
}

/// The state of a run.
struct Encode<'a> {
    plan: &'a Plan,
    input: &'a Input,
    progress: &'a Progress,
    buffer: ReadBuffer,
    frames: Frames<'a>,
    /// What a record needs that the buffer has no room for.
    waiting: Waiting<'a>,
}

impl Encode<'_> {
    fn fill(&mut self, most: usize) -> Result<bool, Error> {
        io::fill(&mut self.buffer, most, self.input, self.progress)
    }

    /// Records that end with a byte.
    fn delimited(&mut self, delimiter: u8) -> Result<(), Error> {
        // The bytes at the head of the buffer that are known to hold no end.
        let mut searched = 0;
        loop {
            let start = self.whole_records(delimiter, searched)?;
            searched = self.buffer.bytes().len() - start;
            self.buffer.take(start);
            self.frames.out.flush()?;
            if let Some(reason) = self.is_too_long(searched) {
                self.frames.count += 1;
                self.frames.refuse_length(&reason)?;
                self.pass_over(Some(delimiter))?;
                searched = 0;
            } else if self.buffer.is_full() && !self.make_room()? {
                self.long_record(delimiter)?;
                searched = 0;
            } else if !self.fill(usize::MAX)? {
                return if searched > 0 { self.frames.record(self.buffer.bytes()) } else { Ok(()) };
            }
        }
    }

    /// Frames the records that are in the buffer, whose first `searched` bytes hold no end; how many bytes they took.
    fn whole_records(&mut self, delimiter: u8, mut searched: usize) -> Result<usize, Error> {
        let (bytes, frames) = (self.buffer.bytes(), &mut self.frames);
        let json = self.plan.records == Records::Json;
        let mut start = 0;
        loop {
            // Many short ones at once, and then one by one until there is a short one again.
            while !json && searched <= start {
                let (count, taken) =
                    frames.encoder.short(self.plan.kind, delimiter, &bytes[start..], BUFFER, &mut frames.out.held);
                if count == 0 {
                    break;
                }
                frames.count += count;
                start += taken;
                searched = start;
                frames.flush_full()?;
            }
            let mut short = false;
            for end in memchr::memchr_iter(delimiter, &bytes[searched..]) {
                let end = searched + end;
                frames.record(&bytes[start..end])?;
                short = !json && end - start < SHORT;
                start = end + 1;
                if short {
                    break;
                }
            }
            if !short {
                return Ok(start);
            }
            searched = start;
        }
    }

    /// Why a record of this length, or more, can't be framed.
    fn is_too_long(&self, length: usize) -> Option<String> {
        let most = self.frames.encoder.payload_most();
        if self.plan.records == Records::Json {
            // A byte of a payload takes at most six, as in \u0000; and there may be more in a line.
            let most = most.saturating_mul(6).saturating_add(MOST as u64);
            return (length as u64 > most).then(|| format!("a line of more than {most} bytes is too long here"));
        }
        let misfit = self.frames.encoder.header(self.plan.kind, length as u64, &mut Vec::new()).err();
        misfit.filter(|_| length as u64 > most).map(|misfit| misfit.to_string())
    }

    /// Makes the buffer larger; false where it is as large as it should be.
    fn make_room(&mut self) -> Result<bool, Error> {
        let capacity = self.buffer.capacity();
        // A line of JSON is needed in one piece.
        if capacity >= MOST && self.plan.records != Records::Json {
            return Ok(false);
        }
        self.buffer.grow(2 * capacity).map_err(|errno| self.input.failed(errno))?;
        Ok(true)
    }

    /// A record that the buffer has no room for.
    fn long_record(&mut self, delimiter: u8) -> Result<(), Error> {
        loop {
            let bytes = self.buffer.bytes();
            let end = memchr::memchr(delimiter, bytes);
            let last = end.unwrap_or(bytes.len());
            let length = self.waiting.length() + last as u64;
            if end.is_some() || last == 0 || length > self.frames.encoder.payload_most() {
                self.send(last)?;
                return self.pass_over(Some(delimiter));
            }
            self.waiting.append(bytes)?;
            self.buffer.take(usize::MAX);
            self.fill(usize::MAX)?;
        }
    }

    /// Passes over the rest of a record and its end, or over all there is.
    fn pass_over(&mut self, delimiter: Option<u8>) -> Result<(), Error> {
        loop {
            let end = delimiter.and_then(|delimiter| memchr::memchr(delimiter, self.buffer.bytes()));
            if let Some(end) = end {
                self.buffer.take(end + 1);
                return Ok(());
            }
            self.buffer.take(usize::MAX);
            if !self.fill(usize::MAX)? {
                return Ok(());
            }
        }
    }

    /// Records of so many bytes each.
    fn chunks(&mut self, size: u64) -> Result<(), Error> {
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= BUFFER) else {
            while self.large(size, false)? {}
            return Ok(());
        };
        loop {
            let bytes = self.buffer.bytes();
            let whole = bytes.len() - bytes.len() % size;
            for chunk in bytes[..whole].chunks_exact(size) {
                self.frames.record(chunk)?;
            }
            self.buffer.take(whole);
            self.frames.out.flush()?;
            if !self.fill(usize::MAX)? {
                let rest = self.buffer.bytes();
                return if rest.is_empty() { Ok(()) } else { self.frames.record(rest) };
            }
        }
    }

    /// A record of up to `most` bytes, more than the buffer is for; false at the end of the input, where nothing is a
    /// record only if `empty` says so.
    fn large(&mut self, most: u64, empty: bool) -> Result<bool, Error> {
        if let Some(length) = self.input.remaining().filter(|length| *length > BUFFER as u64) {
            return self.file_record(length.min(most)).map(|()| true);
        }
        // One more than fits tells that it doesn't.
        let limit = most.min(self.frames.encoder.payload_most().saturating_add(1));
        if self.buffer.bytes().is_empty() {
            self.waiting.stage(limit, self.input, self.progress)?;
        }
        loop {
            let missing = limit - self.waiting.length();
            let there = self.buffer.bytes().len() as u64;
            if there >= missing {
                break;
            }
            if self.buffer.is_full() && !self.make_room()? {
                self.waiting.append(self.buffer.bytes())?;
                self.buffer.take(usize::MAX);
            }
            // Not more than belongs to this record, so that the next can begin in the stage.
            let most = if self.input.splices() { missing - there } else { u64::MAX };
            if !self.fill(usize::try_from(most).unwrap_or(usize::MAX))? {
                break;
            }
        }
        let missing = limit - self.waiting.length();
        let last = usize::try_from(missing).unwrap_or(usize::MAX).min(self.buffer.bytes().len());
        if self.waiting.length() + last as u64 == 0 && !empty {
            return Ok(false);
        }
        if !self.send(last)? {
            // Only all there is can be too much, as the size of chunks was checked.
            self.pass_over(None)?;
        }
        Ok(true)
    }

    /// Frames what waits, and `last` bytes of the buffer after it; false where that is too long and was thrown away.
    fn send(&mut self, last: usize) -> Result<bool, Error> {
        self.frames.count += 1;
        let length = self.waiting.length() + last as u64;
        let header = self.frames.encoder.header(self.plan.kind, length, &mut self.frames.out.held);
        if let Err(misfit) = header {
            self.waiting = Waiting::new(self.waiting.pipe);
            self.frames.refuse(misfit)?;
            return Ok(false);
        }
        let tail = self.frames.encoder.tail();
        if length <= BUFFER as u64 {
            // In one write, as any frame of that size.
            let first = self.waiting.read_back(self.input)?;
            self.frames.out.flush_with([&first, &self.buffer.bytes()[..last], tail])?;
        } else {
            self.frames.out.flush()?;
            self.waiting.send(self.input)?;
            self.frames.out.flush_with([&self.buffer.bytes()[..last], tail])?;
        }
        self.buffer.take(last);
        Ok(true)
    }

    /// A record of so many bytes of a regular file.
    fn file_record(&mut self, length: u64) -> Result<(), Error> {
        self.frames.count += 1;
        if let Err(misfit) = self.frames.encoder.header(self.plan.kind, length, &mut self.frames.out.held) {
            self.frames.refuse(misfit)?;
            return self.input.pass(length);
        }
        self.frames.out.flush()?;
        self.input.widen();
        let mut drain = Drain::new(self.input.fd(), stdout());
        let left = io::pass_on(&mut drain, length, |count| self.progress.add(count));
        match left.map_err(|failure| self.input.transfer_failed(failure))? {
            0 => self.frames.out.flush_with([self.frames.encoder.tail()]),
            left => {
                let there = length - left;
                let words = format!("the file shrank meanwhile: {length} bytes were promised, {there} followed");
                Err(self.frames.wrong(&words))
            }
        }
    }
}

/// What waits of a record until its length is known: its beginning in a pipe, where it need not be copied, and what
/// neither that nor the buffer has room for in a file.
struct Waiting<'p> {
    pipe: Option<&'p Pipe>,
    /// The bytes in the pipe.
    staged: u64,
    spool: Option<Spool>,
}

impl<'p> Waiting<'p> {
    fn new(pipe: Option<&'p Pipe>) -> Self {
        Self { pipe, staged: 0, spool: None }
    }

    /// The bytes that wait.
    fn length(&self) -> u64 {
        self.staged + self.spool.as_ref().map_or(0, Spool::length)
    }

    /// Takes up to `most` bytes of the input into the pipe: until there are as many, or the pipe is full, or the input
    /// ends or refuses.
    fn stage(&mut self, most: u64, input: &Input, progress: &Progress) -> Result<(), Error> {
        let Some(pipe) = self.pipe.filter(|_| input.splices()) else { return Ok(()) };
        while self.staged < most {
            let length = usize::try_from(most - self.staged).unwrap_or(usize::MAX).min(pipe::LARGE);
            match transfer::splice(input.fd(), &pipe.writer, length, false) {
                Spliced::Moved(0) | Spliced::Refused => break,
                Spliced::Moved(count) => {
                    self.staged += count as u64;
                    progress.add(count);
                    if self.staged >= BUFFER as u64 / 4 {
                        input.widen();
                        pipe::widen(&pipe.writer);
                    }
                }
                Spliced::WouldBlock if !poll::is_writable(&pipe.writer) => break,
                Spliced::WouldBlock => {
                    poll::wait_for(input.fd(), PollFlags::IN).map_err(|errno| input.failed(errno))?;
                }
                Spliced::Failed(errno) => return Err(input.failed(errno)),
            }
        }
        Ok(())
    }

    /// Adds bytes in the file.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.spool.is_none() {
            self.spool = Some(Spool::new().map_err(spool_failed)?);
        }
        self.spool.iter_mut().try_for_each(|spool| spool.append(bytes)).map_err(spool_failed)
    }

    /// What is in the pipe, which is all, as bytes.
    fn read_back(&mut self, input: &Input) -> Result<Vec<u8>, Error> {
        let Some(pipe) = self.pipe else { return Ok(Vec::new()) };
        let mut bytes = vec![0; usize::try_from(self.staged).unwrap_or(0)];
        let mut done = 0;
        while done < bytes.len() {
            match transfer::read(&pipe.reader, &mut bytes[done..]).map_err(|errno| input.failed(errno))? {
                0 => break,
                count => done += count,
            }
        }
        self.staged = 0;
        Ok(bytes)
    }

    /// Moves everything to standard output.
    fn send(&mut self, input: &Input) -> Result<(), Error> {
        if let Some(pipe) = self.pipe {
            let mut drain = Drain::of_own(pipe.reader.as_fd(), stdout());
            let sent = io::pass_on(&mut drain, self.staged, |_| {});
            sent.map_err(|failure| input.transfer_failed(failure))?;
            self.staged = 0;
        }
        let Some(mut spool) = self.spool.take() else { return Ok(()) };
        let length = spool.length();
        let file = spool.rewind().map_err(spool_failed)?;
        match io::pass_on(&mut Drain::new(file, stdout()), length, |_| {}) {
            Ok(_) => Ok(()),
            Err(Failure::Input(errno)) => Err(spool_failed(errno)),
            Err(Failure::Output(errno)) => Err(Error::output(errno)),
        }
    }
}

fn spool_failed(errno: Errno) -> Error {
    Error::System(spool::directory().into(), errno)
}
