//! The loop that serves standard output and feeds the writers.
//!
//! Each round brings a chunk into the source's pipe, duplicates it into every writer's, and only then moves it to
//! standard output. So whatever appears there is out of the parent's hands for every FILE.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::Resource;

use super::NAME;
use super::writer::{Fault, Writer};
use crate::error::{Error, FAILED};
use crate::fdio::duplicate::Duplicated;
use crate::fdio::signal::{self, Signal};
use crate::fdio::source::Source;
use crate::fdio::transfer::{self, Spliced};
use crate::fdio::{pipe, poll, stdio};
use crate::report::{self, Subject};

/// The first chunk goes through in tee(1)'s order, one output at a time, and is no larger than this.
const FIRST: usize = 8192;

/// What the options say about errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// What it means that an output's reader has left.
    pub(super) broken_pipe: BrokenPipe,
    /// Whether the first error that is reported ends the run.
    pub(super) exit_at_error: bool,
    /// Whether an output whose reader leaves is given up at once, not at its next write.
    pub(super) watch_readers: bool,
    /// Whether exceeding the limit on file sizes ends the run by SIGXFSZ.
    pub(super) size_signal: bool,
}

/// What it means that an output's reader has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokenPipe {
    /// The run ends by SIGPIPE.
    Signal,
    /// The output is given up without a word.
    Drop,
    /// It is an error like any other.
    Report,
}

/// Why the relay stops before the end of the input.
enum Stop {
    Signal(Signal),
    Failure,
}

/// One FILE.
struct Output {
    name: OsString,
    sink: Sink,
    /// It is the same file as standard output, and gets each chunk after it, in turn.
    twin: bool,
}

enum Sink {
    /// Opened; written by the parent itself until a writer takes it over, or for good where none can be had.
    Direct(OwnedFd),
    Writer(Writer),
    Gone,
}

/// What the loop waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Input,
    Room(usize),
    Stdout,
}

enum Round {
    Next(Awaited),
    End,
}

/// The state of a run.
pub(super) struct Relay {
    policy: Policy,
    source: Source<'static>,
    /// Standard output is still served.
    stdout_open: bool,
    /// splice(2) to standard output was refused.
    stdout_copies: bool,
    /// Standard output can lose its reader.
    stdout_watched: bool,
    outputs: Vec<Output>,
    buffer: Vec<u8>,
    failed: bool,
    widened: bool,
}

fn stdout() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

impl Relay {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            source: Source::new(rustix::stdio::stdin()),
            stdout_open: true,
            stdout_copies: false,
            stdout_watched: false,
            outputs: Vec::new(),
            buffer: Vec::new(),
            failed: false,
            widened: false,
        }
    }

    /// Opens the files and relays everything; returns the exit status.
    pub(super) fn run<'n>(mut self, names: impl Iterator<Item = &'n OsString>, append: bool) -> Result<u8, Error> {
        let result = self.open(names, append).and_then(|()| self.relay());
        let finished = self.finish();
        let stop = result.and(finished).err();
        if stdio::was_closed(rustix::stdio::stdin()) {
            report::failure(NAME, Subject::Words("standard input"), Errno::BADF);
            self.failed = true;
        }
        match stop {
            Some(Stop::Signal(signal)) => Err(Error::Signal(signal)),
            Some(Stop::Failure) => Ok(FAILED),
            None => Ok(u8::from(self.failed)),
        }
    }

    fn open<'n>(&mut self, names: impl Iterator<Item = &'n OsString>, append: bool) -> Result<(), Stop> {
        let how = if append { OFlags::APPEND } else { OFlags::TRUNC };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | how;
        let stdout_stat = rustix::fs::fstat(stdout());
        self.stdout_watched = self.policy.watch_readers
            && stdout_stat.as_ref().is_ok_and(|stat| {
                matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket)
            });
        for name in names {
            let opened = loop {
                match rustix::fs::open(name, flags, Mode::from_raw_mode(0o666)) {
                    Err(Errno::INTR) => {}
                    result => break result,
                }
            };
            match opened {
                Ok(file) => {
                    let twin = stdout_stat.as_ref().is_ok_and(|stdout| is_twin(stdout, &file));
                    self.outputs.push(Output { name: name.clone(), sink: Sink::Direct(file), twin });
                }
                Err(errno) => self.report(name, errno)?,
            }
        }
        Ok(())
    }

    fn report(&mut self, name: &OsStr, errno: Errno) -> Result<(), Stop> {
        report::failure(NAME, Subject::Name(name), errno);
        self.fail()
    }

    fn fail(&mut self) -> Result<(), Stop> {
        self.failed = true;
        if self.policy.exit_at_error { Err(Stop::Failure) } else { Ok(()) }
    }

    /// An output could not be written; it is given up.
    fn lost(&mut self, name: &OsStr, fault: Fault) -> Result<(), Stop> {
        match fault {
            Fault::Write(Errno::PIPE) if self.policy.broken_pipe == BrokenPipe::Signal => {
                Err(Stop::Signal(Signal::SIGPIPE))
            }
            Fault::Write(Errno::PIPE) if self.policy.broken_pipe == BrokenPipe::Drop => Ok(()),
            Fault::Write(Errno::FBIG) if self.policy.size_signal && file_size_is_limited() => {
                Err(Stop::Signal(Signal::SIGXFSZ))
            }
            Fault::Write(errno) => self.report(name, errno),
            Fault::Killed(number) => {
                let reason = format!("writer killed by {}", signal::name(number));
                report::reason(NAME, Subject::Name(name), &reason);
                self.fail()
            }
        }
    }

    fn lost_stdout(&mut self, errno: Errno) -> Result<(), Stop> {
        self.stdout_open = false;
        self.lost(OsStr::new("standard output"), Fault::Write(errno))
    }

    fn lost_output(&mut self, index: usize) -> Result<(), Stop> {
        let output = &mut self.outputs[index];
        match std::mem::replace(&mut output.sink, Sink::Gone) {
            Sink::Writer(writer) => match writer.end_input().wait() {
                Ok(()) => Ok(()),
                Err(fault) => {
                    let name = output.name.clone();
                    self.lost(&name, fault)
                }
            },
            _ => Ok(()),
        }
    }

    fn anyone_left(&self) -> bool {
        self.stdout_open || self.outputs.iter().any(|output| !matches!(output.sink, Sink::Gone))
    }

    fn relay(&mut self) -> Result<(), Stop> {
        let mut awaited = Awaited::Input;
        let mut first = true;
        while self.anyone_left() {
            if !self.wait(awaited)? {
                return Ok(());
            }
            let length = if first { FIRST } else { pipe::LARGE };
            if awaited == Awaited::Input {
                match self.source.fill(length) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(errno) => {
                        self.read_error(errno);
                        return Ok(());
                    }
                }
            }
            let round = if first { self.first_chunk()? } else { self.round(length)? };
            first = false;
            match round {
                Round::Next(next) => awaited = next,
                Round::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn read_error(&mut self, errno: Errno) {
        report::failure(NAME, Subject::Words("read error"), errno);
        self.failed = true;
    }

    /// Waits for what the loop needs next; false at the end of the input. Outputs that end meanwhile are noticed.
    fn wait(&mut self, awaited: Awaited) -> Result<bool, Stop> {
        if awaited == Awaited::Input && self.source.is_ready() {
            return Ok(true);
        }
        loop {
            let stdout = stdout();
            let input = self.source.input();
            let mut fds = Vec::with_capacity(self.outputs.len() + 2);
            if awaited == Awaited::Input {
                fds.push(PollFd::from_borrowed_fd(input, PollFlags::IN));
            } else if awaited == Awaited::Stdout {
                fds.push(PollFd::from_borrowed_fd(stdout, PollFlags::OUT));
            }
            let watch = self.stdout_watched && self.stdout_open && awaited != Awaited::Stdout;
            if watch {
                fds.push(PollFd::from_borrowed_fd(stdout, PollFlags::empty()));
            }
            let writers_at = fds.len();
            let mut writers = Vec::with_capacity(self.outputs.len());
            for (index, output) in self.outputs.iter().enumerate() {
                if let Sink::Writer(writer) = &output.sink {
                    let events = if awaited == Awaited::Room(index) { PollFlags::OUT } else { PollFlags::empty() };
                    fds.push(PollFd::from_borrowed_fd(writer.branch.pipe(), events));
                    writers.push(index);
                }
            }
            if let Err(errno) = poll::wait(&mut fds) {
                self.read_error(errno);
                return Ok(false);
            }
            let events: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
            let gone = PollFlags::ERR | PollFlags::HUP;
            let mut done = events[0].contains(PollFlags::IN) || awaited == Awaited::Stdout && !events[0].is_empty();
            for (index, events) in writers.into_iter().zip(&events[writers_at..]) {
                if events.contains(PollFlags::ERR) {
                    self.lost_output(index)?;
                }
                done |= awaited == Awaited::Room(index) && !events.is_empty();
            }
            if watch && events[writers_at - 1].intersects(gone) {
                self.lost_stdout(Errno::PIPE)?;
            }
            if done || !self.anyone_left() {
                return Ok(true);
            }
            if awaited == Awaited::Input && !events[0].is_empty() {
                // No data but an end or an error, which a read of nothing tells apart.
                if let Err(errno) = transfer::read(input, &mut []) {
                    self.read_error(errno);
                }
                return Ok(false);
            }
        }
    }

    /// Starts the writers and passes on the first bytes in tee(1)'s order, so that an error that ends the run keeps
    /// them from the outputs that come after it.
    fn first_chunk(&mut self) -> Result<Round, Stop> {
        for output in &mut self.outputs {
            if output.twin {
                continue;
            }
            let Sink::Direct(file) = std::mem::replace(&mut output.sink, Sink::Gone) else { continue };
            let mut file = Some(file);
            let started = Writer::start(&mut file, self.policy.watch_readers);
            output.sink = match (started, file) {
                (Ok(writer), _) => Sink::Writer(writer),
                // No descriptors or processes left: the parent does it, as tee(1) would.
                (Err(_), Some(file)) => Sink::Direct(file),
                (Err(_), None) => Sink::Gone,
            };
        }
        let mut length = FIRST;
        for index in 0..self.outputs.len() {
            let Sink::Writer(writer) = &mut self.outputs[index].sink else { continue };
            let Some(source) = self.source.pipe() else { break };
            match writer.branch.duplicate(source, FIRST) {
                Duplicated::Ahead(count) => length = length.min(count),
                Duplicated::Gone => self.lost_output(index)?,
                _ => {
                    self.source.give_up_pipe();
                    break;
                }
            }
        }
        let result = self.copy(length, true);
        if result.is_err() {
            for output in &mut self.outputs {
                if matches!(&output.sink, Sink::Writer(writer) if writer.is_gated()) {
                    if let Sink::Writer(writer) = std::mem::replace(&mut output.sink, Sink::Gone) {
                        writer.abandon();
                    }
                }
            }
        }
        result
    }

    /// Duplicates what is at the head of the source into every writer's pipe, then moves what all have to standard
    /// output.
    fn round(&mut self, length: usize) -> Result<Round, Stop> {
        let mut least = length;
        for index in 0..self.outputs.len() {
            let Some(source) = self.source.pipe() else { break };
            let Sink::Writer(writer) = &mut self.outputs[index].sink else { continue };
            match writer.branch.duplicate(source, length) {
                Duplicated::Ahead(count) => least = least.min(count),
                Duplicated::End => return Ok(Round::End),
                Duplicated::WouldBlock => {
                    if !self.widened {
                        self.widen();
                        return Ok(Round::Next(Awaited::Input));
                    }
                    return Ok(Round::Next(Awaited::Room(index)));
                }
                Duplicated::Gone => self.lost_output(index)?,
                Duplicated::Refused => self.source.give_up_pipe(),
            }
        }
        let direct = self.outputs.iter().any(|output| matches!(output.sink, Sink::Direct(_)));
        let Some(source) = self.source.pipe() else {
            return self.copy(length, false);
        };
        if direct || self.stdout_copies || !self.stdout_open {
            return self.copy(least, false);
        }
        match transfer::splice(source, stdout(), least, false) {
            Spliced::Moved(0) => return Ok(Round::End),
            Spliced::Moved(count) => {
                self.consumed(count);
                if !self.widened && count >= FIRST {
                    self.widen();
                }
            }
            Spliced::WouldBlock => {
                if !self.widened {
                    self.widen();
                    return Ok(Round::Next(Awaited::Input));
                }
                return Ok(Round::Next(Awaited::Stdout));
            }
            Spliced::Refused => self.stdout_copies = true,
        }
        Ok(Round::Next(Awaited::Input))
    }

    fn consumed(&mut self, count: usize) {
        self.source.moved(count);
        for output in &mut self.outputs {
            if let Sink::Writer(writer) = &mut output.sink {
                writer.branch.consumed(count);
            }
        }
    }

    /// Reads a chunk and writes it to everyone who lacks it.
    fn copy(&mut self, length: usize, first: bool) -> Result<Round, Stop> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(transfer::BUFFER, 0);
        let length = length.min(buffer.len());
        let result = match self.source.read(&mut buffer[..length]) {
            Ok(0) => Ok(Round::End),
            Ok(count) => self.write(&buffer[..count], first).map(|()| Round::Next(Awaited::Input)),
            Err(errno) => {
                self.read_error(errno);
                Ok(Round::End)
            }
        };
        self.buffer = buffer;
        result
    }

    fn write(&mut self, bytes: &[u8], first: bool) -> Result<(), Stop> {
        for index in 0..self.outputs.len() {
            let Sink::Writer(writer) = &mut self.outputs[index].sink else { continue };
            let lacking = writer.branch.consumed(bytes.len());
            if transfer::write_all(writer.branch.pipe(), &bytes[bytes.len() - lacking..]).is_err() {
                self.lost_output(index)?;
            }
        }
        if !first {
            self.write_direct(bytes, false)?;
        }
        if self.stdout_open {
            if let Err(errno) = transfer::write_all(stdout(), bytes) {
                self.lost_stdout(errno)?;
            }
        }
        if first {
            for index in 0..self.outputs.len() {
                match &mut self.outputs[index].sink {
                    Sink::Writer(writer) => {
                        if !writer.open_gate(bytes.len()) {
                            self.lost_output(index)?;
                        }
                    }
                    _ => self.write_one(index, bytes)?,
                }
            }
            return Ok(());
        }
        self.write_direct(bytes, true)
    }

    fn write_direct(&mut self, bytes: &[u8], twins: bool) -> Result<(), Stop> {
        for index in 0..self.outputs.len() {
            if self.outputs[index].twin == twins {
                self.write_one(index, bytes)?;
            }
        }
        Ok(())
    }

    fn write_one(&mut self, index: usize, bytes: &[u8]) -> Result<(), Stop> {
        let Sink::Direct(file) = &self.outputs[index].sink else { return Ok(()) };
        let Err(errno) = transfer::write_all(file.as_fd(), bytes) else { return Ok(()) };
        let output = &mut self.outputs[index];
        output.sink = Sink::Gone;
        let name = output.name.clone();
        self.lost(&name, Fault::Write(errno))
    }

    fn widen(&mut self) {
        self.widened = true;
        self.source.widen();
        pipe::widen(stdout());
        for output in &self.outputs {
            if let Sink::Writer(writer) = &output.sink {
                pipe::widen(writer.branch.pipe());
            }
        }
    }

    /// Ends the writers' inputs, all at once, and waits for them in turn.
    fn finish(&mut self) -> Result<(), Stop> {
        let mut finishing = Vec::with_capacity(self.outputs.len());
        for output in self.outputs.drain(..) {
            if let Sink::Writer(writer) = output.sink {
                finishing.push((output.name, writer.end_input()));
            }
        }
        finishing.into_iter().fold(Ok(()), |result, (name, writer)| {
            let lost = writer.wait().or_else(|fault| self.lost(&name, fault));
            result.and(lost)
        })
    }
}

/// Whether what is written to `file` lands between the bytes of standard output.
fn is_twin(stdout: &Stat, file: &OwnedFd) -> bool {
    let Ok(stat) = rustix::fs::fstat(file) else { return false };
    (stat.st_dev, stat.st_ino) == (stdout.st_dev, stdout.st_ino)
        && match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Fifo => true,
            FileType::CharacterDevice => rustix::termios::isatty(file),
            _ => false,
        }
}

/// RLIMIT_FSIZE is set. EFBIG has other causes, and no signal with them.
fn file_size_is_limited() -> bool {
    rustix::process::getrlimit(Resource::Fsize).current.is_some()
}
