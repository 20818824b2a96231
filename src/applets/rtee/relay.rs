//! The loop that serves standard output and feeds the writers.
//!
//! Each round brings a chunk into the source's pipe, duplicates it into every writer's, and only then moves it to
//! standard output. So whatever appears there is out of the parent's hands for every FILE.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::NAME;
use super::output::{Outputs, Stop, stdout};
use crate::fdio::duplicate::Duplicated;
use crate::fdio::source::Source;
use crate::fdio::transfer::{self, Spliced};
use crate::fdio::{fork, pipe, poll};
use crate::progress::Progress;
use crate::report::{self, Subject};

/// The first chunk goes through in tee(1)'s order, one output at a time, and is no larger than this, in bytes.
const FIRST: usize = 8192;

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
pub(super) struct Relay<'a> {
    source: Source<'a>,
    pub(super) outputs: Outputs,
    progress: Progress,
    /// The bytes that went through.
    count: u64,
    buffer: Vec<u8>,
    /// splice(2) to standard output was refused.
    stdout_copies: bool,
    /// tee(2) was refused.
    tee_refused: bool,
    /// The pipes are as large as they may be.
    widened: bool,
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
            tee_refused: false,
            widened: false,
        }
    }

    /// Relays until the input ends, nobody is left, or an error says to stop. The writers go on until
    /// [`Outputs::finish`].
    pub(super) fn run(&mut self) -> Result<(), Stop> {
        if !self.source.is_ready() && !poll::is_readable(self.source.input()) {
            // While there is nothing to do, get ready. Where the input has ended already, no writer is ever needed.
            self.outputs.start_writers();
        }
        let mut first = true;
        let mut ending = None;
        let mut awaited = Awaited::Input;
        while self.outputs.anyone_left() {
            if !self.wait(awaited)? {
                return Ok(());
            }
            if awaited == Awaited::Input {
                match self.source.fill(if first { FIRST } else { pipe::LARGE }) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(errno) => {
                        self.read_error(errno);
                        return Ok(());
                    }
                }
            }
            if ending.is_none() {
                ending = self.outputs.tell_of_readers_that_left()?;
            }
            let before = self.count;
            let next = if first { self.first_chunk()? } else { self.round()? };
            first = false;
            if let Some(stop) = ending.filter(|_| self.count > before) {
                return Err(stop);
            }
            match next {
                Some(next) => awaited = next,
                None => break,
            }
        }
        ending.map_or(Ok(()), Err)
    }

    /// Lets the writers finish.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        self.progress.finish();
        self.outputs.finish()
    }

    fn count(&mut self, count: usize) {
        self.count += count as u64;
        self.progress.add(count);
    }

    fn read_error(&mut self, errno: Errno) {
        report::failure(NAME, Subject::Words("read error"), errno);
        self.outputs.failed = true;
    }

    /// Waits for what the loop needs next; false at the end of the input. Outputs that end meanwhile are noticed.
    fn wait(&mut self, awaited: Awaited) -> Result<bool, Stop> {
        if awaited == Awaited::Input && self.source.is_ready() {
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
            for (index, writer) in self.outputs.writers() {
                let events = wanted(Awaited::Room(index), PollFlags::OUT);
                fds.push(PollFd::from_borrowed_fd(writer.branch.pipe(), events));
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
                    self.outputs.lost_writer(index)?;
                }
                done |= awaited == Awaited::Room(index) && !events.is_empty();
            }
            if let Some(events) = events.last().filter(|_| watch_stdout) {
                if awaited == Awaited::Stdout {
                    // An error there comes out at the next write.
                    done |= !events.is_empty();
                } else if events.intersects(PollFlags::ERR | PollFlags::HUP) {
                    self.outputs.stdout_reader_left()?;
                }
            }
            match events.first().filter(|_| awaited == Awaited::Input) {
                Some(events) if events.contains(PollFlags::IN) => return Ok(true),
                Some(events) if !events.is_empty() => {
                    // No data, but an end or an error, which a read of nothing tells apart.
                    if let Err(errno) = transfer::read(self.source.input(), &mut []) {
                        self.read_error(errno);
                    }
                    return Ok(false);
                }
                _ if done => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Passes on the first bytes in tee(1)'s order, so that an error that ends the run keeps them from the outputs that
    /// come after the one that failed.
    fn first_chunk(&mut self) -> Result<Option<Awaited>, Stop> {
        self.outputs.start_writers();
        self.duplicate(FIRST)?;
        let length = match self.least_lead() {
            // A writer's pipe has to be written to, and must take it all while the writer holds back.
            0 => pipe::PAGE,
            least => least.min(FIRST),
        };
        let result = self.copy(length, true);
        if result.is_err() {
            self.outputs.abandon_held_back();
        }
        result
    }

    /// One chunk: into every writer's pipe, then to standard output. Says what to wait for next, or None at the end.
    fn round(&mut self) -> Result<Option<Awaited>, Stop> {
        if let Some(awaited) = self.duplicate(pipe::LARGE)? {
            return Ok(Some(if self.widen() { Awaited::Input } else { awaited }));
        }
        let least = self.least_lead().min(pipe::LARGE);
        let in_kernel = least > 0 && self.outputs.stdout.open && !self.stdout_copies && !self.outputs.parent_writes();
        let Some(source) = self.source.pipe().filter(|_| in_kernel) else {
            return self.copy(if least == 0 { transfer::BUFFER } else { least }, false);
        };
        match transfer::splice(source, stdout(), least, false) {
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
            Spliced::Refused => self.stdout_copies = true,
        }
        Ok(Some(Awaited::Input))
    }

    /// Duplicates what is at the head of the source into the pipes of all writers that lack it; says what to wait for
    /// where one has no room.
    fn duplicate(&mut self, length: usize) -> Result<Option<Awaited>, Stop> {
        let Some(source) = self.source.pipe().filter(|_| !self.tee_refused) else { return Ok(None) };
        let mut awaited = None;
        let mut gone = Vec::new();
        for (index, writer) in self.outputs.writers() {
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

    /// How many bytes at the head of the source every writer has.
    fn least_lead(&mut self) -> usize {
        self.outputs.writers().map(|(_, writer)| writer.branch.lead()).min().unwrap_or(usize::MAX)
    }

    /// Reads up to `length` bytes and writes them to everyone who lacks them.
    fn copy(&mut self, length: usize, first: bool) -> Result<Option<Awaited>, Stop> {
        if self.tee_refused {
            self.source.give_up_pipe();
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(transfer::BUFFER, 0);
        let length = length.min(buffer.len());
        let result = match self.source.read(&mut buffer[..length]) {
            Ok(0) => Ok(None),
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
            let lacking = writer.branch.consumed(bytes.len());
            if transfer::write_all(writer.branch.pipe(), &bytes[bytes.len() - lacking..]).is_err() {
                gone.push(index);
            }
        }
        for index in gone {
            self.outputs.lost_writer(index)?;
        }
        let twin = |outputs: &Outputs, index: usize| outputs.files[index].twin;
        let count = self.outputs.files.len();
        if first {
            self.outputs.write_stdout(bytes)?;
            for index in 0..count {
                self.outputs.write_file(index, bytes)?;
                self.outputs.release_writer(index, bytes.len())?;
            }
            return Ok(());
        }
        for index in 0..count {
            if !twin(&self.outputs, index) {
                self.outputs.write_file(index, bytes)?;
            }
        }
        self.outputs.write_stdout(bytes)?;
        for index in 0..count {
            if twin(&self.outputs, index) {
                self.outputs.write_file(index, bytes)?;
            }
        }
        Ok(())
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
