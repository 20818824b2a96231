//! The loop that serves standard output and feeds the writers.
//!
//! Each round brings a chunk into the source's pipe, duplicates it into every writer's, and only then moves it to
//! standard output. So whatever appears there is out of the parent's hands for every FILE.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::NAME;
use super::output::{Outputs, Sink, Stop, stdout};
use crate::fdio::duplicate::Duplicated;
use crate::fdio::source::{Filled, Source};
use crate::fdio::transfer::{self, Spliced};
use crate::fdio::{fork, pipe, poll};
use crate::progress::Progress;
use crate::report::{self, Subject};

/// The first chunk goes through in tee(1)'s order, one output at a time, and is no larger than this, in bytes.
pub(super) const FIRST: usize = 8192;

/// A chunk of this size, in bytes, shows that much data flows.
const BULK: usize = 32 * 1024;

/// What the loop waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// Data at the input.
    Input,
    /// Room in the pipe of the writer with this index.
    Room(usize),
    /// Room in standard output.
    Stdout,
}

/// The state of a run.
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own, found out on the way.
pub(super) struct Relay<'a> {
    source: Source<'a>,
    pub(super) outputs: Outputs,
    progress: Progress,
    /// The bytes that went through.
    count: u64,
    buffer: Vec<u8>,
    /// splice(2) to standard output was refused.
    stdout_copies: bool,
    stdout_is_pipe: bool,
    /// tee(2) was refused.
    tee_refused: bool,
    /// The pipes are as large as they may be.
    widened: bool,
    /// The input comes a line at a time.
    lines: bool,
    /// The input was a terminal, and is gone.
    hung_up: bool,
    /// The lines since the outputs' backlogs were looked at.
    unlooked: u32,
}

impl<'a> Relay<'a> {
    pub(super) fn new(source: Source<'a>, outputs: Outputs, progress: Progress) -> Self {
        Self {
            source,
            outputs,
            progress,
            count: 0,
            buffer: Vec::new(),
            stdout_copies: false,
            stdout_is_pipe: pipe::is_pipe(stdout()),
            tee_refused: false,
            widened: false,
            lines: true,
            hung_up: false,
            unlooked: 0,
        }
    }

    /// Relays until the input ends, nobody is left, or an error says to stop. The writers go on until
    /// [`Outputs::finish`].
    pub(super) fn run(&mut self) -> Result<(), Stop> {
        if self.outputs.change(self.source.input()) {
            self.source.copy_from_now_on();
        }
        // The writers are started while there is nothing to do but to wait. Where the input has ended at once, none is
        // ever needed.
        let mut first = true;
        let mut ending = None;
        let mut awaited = None;
        // Where no pipe could be had, what is in the input's is read, which waits.
        let fills = self.source.is_pipe() && self.source.pipe().is_some();
        if !self.source.is_ready() && !fills && !poll::is_readable(self.source.input()) {
            self.outputs.start_writers();
            awaited = Some(Awaited::Input);
        }
        while self.outputs.anyone_left() {
            if let Some(awaited) = awaited {
                if !self.wait(awaited)? {
                    return Ok(());
                }
            }
            // What comes a line at a time is read straight from the input.
            let line = !first && self.lines && !self.source.is_ready();
            if !line && awaited.is_none_or(|awaited| awaited == Awaited::Input) {
                if self.tee_refused {
                    self.source.give_up_pipe();
                }
                match self.source.fill(if first { FIRST } else { self.chunk() }) {
                    Ok(Filled::End) => {
                        self.end();
                        return Ok(());
                    }
                    Ok(Filled::Some) => {}
                    Ok(Filled::Nothing) => {
                        self.outputs.start_writers();
                        awaited = Some(Awaited::Input);
                        continue;
                    }
                    Err(errno) => {
                        self.read_error(errno);
                        return Ok(());
                    }
                }
            }
            self.outputs.see_readers_that_left()?;
            if ending.is_none() && !line {
                ending = self.outputs.tell_of_readers_that_left()?;
            }
            let before = self.count;
            let next = match (first, line) {
                (true, _) => self.first_chunk()?,
                (_, true) => self.line()?,
                _ => self.round()?,
            };
            first = false;
            if let Some(stop) = ending.filter(|_| self.count > before) {
                return Err(stop);
            }
            match next {
                Some(next) => awaited = Some(next),
                None => break,
            }
        }
        ending.map_or(Ok(()), Err)
    }

    /// The size of a chunk, in bytes.
    fn chunk(&self) -> usize {
        if self.outputs.take_turns() { FIRST } else { pipe::LARGE }
    }

    /// Lets the writers finish.
    pub(super) fn finish(&mut self, stopped: bool) -> Result<(), Stop> {
        self.progress.finish();
        if stopped {
            self.level();
        }
        self.source.give_back();
        self.outputs.finish(stopped)
    }

    /// Gives every writer what some of them have already, so that a run that is stopped leaves the FILEs alike.
    fn level(&mut self) {
        let mut left = self.outputs.writers().map(|(_, writer)| writer.branch.lead()).max().unwrap_or(0);
        self.buffer.resize(transfer::BUFFER, 0);
        while left > 0 {
            let length = left.min(self.buffer.len());
            let Ok(count @ 1..) = self.source.read(&mut self.buffer[..length]) else { return };
            for (_, writer) in self.outputs.writers() {
                // Whether it has ended is found out when it is waited for.
                let _ = writer.feed(&self.buffer[..count]);
            }
            left -= count;
        }
    }

    fn count(&mut self, count: usize) {
        self.count += count as u64;
        self.progress.add(count);
    }

    /// The input has ended.
    fn end(&mut self) {
        if self.hung_up {
            self.read_error(Errno::IO);
        }
    }

    fn read_error(&mut self, errno: Errno) {
        report::failure(NAME, Subject::Words("read error"), errno);
        self.outputs.failed = true;
    }

    /// Waits for what the loop needs next; false at the end of the input. Outputs that end meanwhile are noticed.
    fn wait(&mut self, awaited: Awaited) -> Result<bool, Stop> {
        let unwatched_terminal = self.source.is_terminal()
            && (!self.outputs.policy.watch_readers || poll::never_waits_on_terminal(self.source.input()));
        if awaited == Awaited::Input && (self.source.is_ready() || unwatched_terminal) {
            return Ok(true);
        }
        while self.outputs.anyone_left() {
            // The outputs are in the set for their errors, which poll(2) tells unasked. An input that nobody waits for
            // is not in it: its end would be told again and again.
            let wanted = |this: Awaited, events| if this == awaited { events } else { PollFlags::empty() };
            let watch_stdout = awaited == Awaited::Stdout || self.outputs.stdout.open && self.outputs.stdout.watched;
            let mut fds = Vec::with_capacity(self.outputs.files.len() + 2);
            if awaited == Awaited::Input {
                fds.push(PollFd::from_borrowed_fd(self.source.input(), PollFlags::IN));
            }
            let writers_at = fds.len();
            let mut writers = Vec::with_capacity(self.outputs.files.len());
            let watch_readers = self.outputs.policy.watch_readers;
            for (index, output) in self.outputs.files.iter().enumerate() {
                let events = wanted(Awaited::Room(index), PollFlags::OUT);
                let pipe = match &output.sink {
                    Sink::Writer(writer) => writer.branch.pipe(),
                    Sink::Parent(file) if watch_readers && pipe::is_pipe(file) => file.as_fd(),
                    _ => continue,
                };
                fds.push(PollFd::from_borrowed_fd(pipe, events));
                writers.push(index);
            }
            if watch_stdout {
                fds.push(PollFd::from_borrowed_fd(stdout(), wanted(Awaited::Stdout, PollFlags::OUT)));
            }
            if let Err(errno) = poll::wait(&mut fds) {
                self.read_error(errno);
                return Ok(false);
            }
            let events: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
            drop(fds);

            let mut done = false;
            for (index, events) in writers.into_iter().zip(&events[writers_at..]) {
                if events.contains(PollFlags::ERR) {
                    match self.outputs.files[index].sink {
                        Sink::Parent(_) => self.outputs.lost_watched(index)?,
                        _ => self.outputs.lost_writer(index)?,
                    }
                }
                done |= awaited == Awaited::Room(index) && !events.is_empty();
            }
            if let Some(events) = events.last().filter(|_| watch_stdout) {
                if awaited == Awaited::Stdout {
                    // An error there comes out at the next write.
                    done |= !events.is_empty();
                } else if events.contains(PollFlags::ERR) || events.contains(PollFlags::HUP) && !pipe::is_pipe(stdout())
                {
                    // POLLHUP is what a pipe's reading end has, and that is not for writing anyway.
                    self.outputs.stdout_reader_left()?;
                }
            }
            // Data, an end or an error: a read tells which. Only of a terminal that hangs up it tells nobody but those
            // who are reading at that moment.
            let events = events.first().copied().filter(|_| awaited == Awaited::Input).unwrap_or(PollFlags::empty());
            self.hung_up |= self.source.is_terminal() && events.contains(PollFlags::HUP);
            done |= !events.is_empty();
            if done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Passes on the first bytes in tee(1)'s order, so that an error that ends the run keeps them from the outputs that
    /// come after the one that failed.
    fn first_chunk(&mut self) -> Result<Option<Awaited>, Stop> {
        self.outputs.start_writers();
        // A pipe that is small, or that somebody else has filled, could stall at once.
        if self.stdout_is_pipe && !pipe::is_fresh(stdout()) {
            pipe::widen(stdout());
        }
        let result = self.duplicate(FIRST).and_then(|_| {
            let length = match self.least_lead() {
                // A writer's pipe has to be written to, and must take it all while the writer holds back.
                0 => pipe::PAGE,
                least => least.min(FIRST),
            };
            self.copy(length, true)
        });
        if result.is_err() {
            self.outputs.abandon_held_back();
        }
        result
    }

    /// One chunk: into every writer's pipe, then to standard output. Says what to wait for next, or None at the end.
    fn round(&mut self) -> Result<Option<Awaited>, Stop> {
        let held = self.source.held();
        if (1..=pipe::PAGE).contains(&held) && self.outputs.writers().all(|(_, writer)| writer.branch.lead() == 0) {
            // Bytes that are written share a page with those before them; duplicated, each line takes a slot, and a pipe
            // of 1 MiB is full of 256 lines.
            self.lines = true;
            return match self.lacks_room() {
                Some(_) if self.widen() => Ok(Some(Awaited::Input)),
                Some(awaited) => Ok(Some(awaited)),
                None => self.copy(held, false),
            };
        }
        if let Some(awaited) = self.duplicate(pipe::LARGE)? {
            return Ok(Some(if self.widen() { Awaited::Input } else { awaited }));
        }
        let least = self.least_lead().min(pipe::LARGE);
        let in_kernel = least > 0 && self.outputs.stdout.open && !self.stdout_copies;
        let in_kernel = in_kernel && !self.outputs.parent_writes() && !self.outputs.take_turns();
        let Some(source) = self.source.pipe().filter(|_| in_kernel) else {
            // A write waits until all of it has gone; so the pipes are as large as they may be before.
            self.widen();
            return match self.lacks_room() {
                Some(awaited) => Ok(Some(awaited)),
                None => self.copy(if least == 0 { transfer::BUFFER } else { least }.min(self.chunk()), false),
            };
        };
        match transfer::splice(source, stdout(), least, false) {
            // A device that takes nothing and says no error; write(2) has an answer to that.
            Spliced::Moved(0) | Spliced::Refused => self.stdout_copies = true,
            Spliced::Failed(errno) => self.outputs.lost_stdout(errno)?,
            Spliced::Moved(count) => {
                self.source.taken(count);
                for (_, writer) in self.outputs.writers() {
                    writer.branch.consumed(count);
                }
                self.count(count);
                self.keep_pace(count);
            }
            Spliced::WouldBlock => {
                return Ok(Some(if self.widen() { Awaited::Input } else { Awaited::Stdout }));
            }
        }
        Ok(Some(Awaited::Input))
    }

    /// A chunk of less than a page, by read(2) and write(2) alone.
    fn line(&mut self) -> Result<Option<Awaited>, Stop> {
        let mut page = [0; pipe::PAGE];
        match self.source.read(&mut page) {
            Ok(0) => {
                self.end();
                return Ok(None);
            }
            Ok(count) => {
                self.lines = count < page.len();
                let ending = self.outputs.tell_of_readers_that_left()?;
                self.write(&page[..count], false)?;
                if let Some(stop) = ending {
                    return Err(stop);
                }
            }
            Err(errno) => {
                self.read_error(errno);
                return Ok(None);
            }
        }
        // A write waits only where a pipe is full that is as large as it may be. A backlog of less than a page, and this
        // many lines of less than a page each, always fit into one of the default size.
        self.unlooked += 1;
        if self.unlooked == 8 {
            self.unlooked = 0;
            if !self.widened && self.has_backlog() {
                self.widen();
            }
        }
        Ok(Some(Awaited::Input))
    }

    /// Whether an output has a page or more to read.
    fn has_backlog(&self) -> bool {
        let pipes = self.outputs.files.iter().filter_map(|output| match &output.sink {
            Sink::Writer(writer) => Some(writer.branch.pipe()),
            _ => None,
        });
        pipes
            .chain(self.stdout_is_pipe.then(stdout))
            .any(|pipe| pipe::unread(pipe).is_ok_and(|count| count >= pipe::PAGE as u64))
    }

    /// Which of the writers' pipes, or standard output's, has no room for a page.
    fn lacks_room(&mut self) -> Option<Awaited> {
        let mut fds = Vec::with_capacity(self.outputs.files.len() + 1);
        let mut awaited = Vec::with_capacity(self.outputs.files.len() + 1);
        for (index, output) in self.outputs.files.iter().enumerate() {
            if let Sink::Writer(writer) = &output.sink {
                fds.push(PollFd::from_borrowed_fd(writer.branch.pipe(), PollFlags::OUT));
                awaited.push(Awaited::Room(index));
            }
        }
        if self.outputs.stdout.open && self.stdout_is_pipe {
            fds.push(PollFd::from_borrowed_fd(stdout(), PollFlags::OUT));
            awaited.push(Awaited::Stdout);
        }
        poll::look(&mut fds);
        fds.iter().zip(awaited).find(|(fd, _)| fd.revents().is_empty()).map(|(_, awaited)| awaited)
    }

    /// Duplicates what is at the head of the source into the pipes of all writers that lack it; says what to wait for
    /// where one has no room.
    fn duplicate(&mut self, length: usize) -> Result<Option<Awaited>, Stop> {
        let Some(source) = self.source.pipe().filter(|_| !self.tee_refused) else { return Ok(None) };
        let mut awaited = None;
        let mut gone = Vec::new();
        // Where FILEs take turns, whole chunks have to come one after the other: those are written.
        for (index, writer) in self.outputs.writers().filter(|(_, writer)| writer.times == 1) {
            match writer.branch.duplicate(source, length) {
                Duplicated::Ahead(_) => {}
                Duplicated::WouldBlock => awaited = Some(Awaited::Room(index)),
                Duplicated::Gone => gone.push(index),
                // What the branch lacks is written to it.
                Duplicated::End | Duplicated::Refused => self.tee_refused = true,
            }
        }
        for index in gone {
            self.outputs.lost_writer(index)?;
        }
        Ok(awaited)
    }

    /// How many bytes at the head of the source every writer has that is duplicated to.
    fn least_lead(&mut self) -> usize {
        let writers = self.outputs.writers().filter(|(_, writer)| writer.times == 1);
        writers.map(|(_, writer)| writer.branch.lead()).min().unwrap_or(usize::MAX)
    }

    /// Reads up to `length` bytes and writes them to everyone who lacks them.
    fn copy(&mut self, length: usize, first: bool) -> Result<Option<Awaited>, Stop> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(transfer::BUFFER, 0);
        let length = length.min(buffer.len());
        let result = match self.source.read(&mut buffer[..length]) {
            Ok(0) => {
                self.end();
                Ok(None)
            }
            Ok(count) => self.write(&buffer[..count], first).map(|()| Some(Awaited::Input)),
            Err(errno) => {
                self.read_error(errno);
                Ok(None)
            }
        };
        self.buffer = buffer;
        result
    }

    fn write(&mut self, bytes: &[u8], first: bool) -> Result<(), Stop> {
        self.count(bytes.len());
        let mut gone = Vec::new();
        for (index, writer) in self.outputs.writers() {
            if !writer.feed(bytes) {
                gone.push(index);
            }
        }
        for index in gone {
            self.outputs.lost_writer(index)?;
        }
        if first {
            return self.deliver_first(bytes);
        }
        self.write_files(bytes, false)?;
        self.outputs.write_stdout(bytes)?;
        self.write_files(bytes, true)
    }

    /// Writes to the FILEs that the parent writes: the twins of standard output, or the others.
    fn write_files(&mut self, bytes: &[u8], twins: bool) -> Result<(), Stop> {
        for index in 0..self.outputs.files.len() {
            if self.outputs.files[index].twin == twins {
                self.outputs.write_file(index, bytes)?;
            }
        }
        Ok(())
    }

    /// Delivers the first chunk, one output after the other: standard output and then the FILEs.
    ///
    /// A stream as standard output may keep its writer waiting, but not fail unless poll(2) tells. There the FILEs come
    /// first, which makes no difference to what each gets, and they neither wait nor lack what has appeared.
    fn deliver_first(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let count = self.outputs.files.len();
        if !self.outputs.stdout_is_sound_stream() {
            self.outputs.write_stdout(bytes)?;
            return (0..count).try_for_each(|index| self.deliver_first_to(index, bytes));
        }
        let mut reached = 0;
        let mut result = Ok(());
        while reached < count && result.is_ok() {
            if !self.outputs.files[reached].twin {
                result = self.deliver_first_to(reached, bytes);
            }
            reached += 1;
        }
        self.outputs.write_stdout(bytes)?;
        for index in 0..reached {
            if self.outputs.files[index].twin {
                self.outputs.write_file(index, bytes)?;
            }
        }
        result
    }

    fn deliver_first_to(&mut self, index: usize, bytes: &[u8]) -> Result<(), Stop> {
        self.outputs.write_file(index, bytes)?;
        self.outputs.release_writer(index, bytes.len())
    }

    /// Adapts to how much data flows, after `count` bytes went through.
    fn keep_pace(&mut self, count: usize) {
        if count < FIRST || self.widen() {
            return;
        }
        // Much more is coming, and the input's pipe has room for it. Taking every block as it is written would be a
        // contest for the pipe's lock with its writer; the kernel's timer slack makes of this some 50 us.
        if self.source.is_pipe() && (BULK..pipe::LARGE / 2).contains(&count) {
            std::thread::sleep(Duration::from_micros(1));
        }
    }

    /// Makes all pipes as large as they may be; false when that was done before.
    fn widen(&mut self) -> bool {
        if std::mem::replace(&mut self.widened, true) {
            return false;
        }
        fork::yield_to_others();
        self.source.widen();
        pipe::widen(stdout());
        for (_, writer) in self.outputs.writers() {
            pipe::widen(writer.branch.pipe());
        }
        true
    }
}
