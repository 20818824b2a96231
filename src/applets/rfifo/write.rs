//! The write side: standard input into a FIFO, line by line, over readers that come and go.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::NAME;
use super::dropping::Dropped;
use super::lines::{Lines, stdin};
use super::place::Path;
use super::read::ENDING;
use super::target::{Target, Waited};
use crate::error::{Error, Named, TIMED_OUT};
use crate::fdio::signal::{Caught, Signal};
use crate::fdio::{pipe, poll, signal, transfer};
use crate::progress::Progress;
use crate::report::{self, Subject};

/// What to do.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whether to make the FIFO where there is none.
    pub(super) create: bool,
    /// With this mode.
    pub(super) mode: Mode,
    pub(super) keep: bool,
    pub(super) size: Option<u64>,
    pub(super) timeout: Option<Duration>,
    pub(super) drop: Option<Dropping>,
    pub(super) progress: bool,
}

/// How lines are dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropping {
    /// It is said in the stream.
    pub(super) mark: bool,
    /// The most bytes that a line may have.
    pub(super) most: usize,
}

/// A run.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    pub(super) target: Target<'a>,
    pub(super) lines: Lines,
    caught: Caught,
    progress: Progress,
    widens: bool,
}

/// Relays until the input ends; returns the exit status.
pub(super) fn run(path: Path, plan: &Plan) -> Result<u8, Error> {
    let caught = Caught::new(&ENDING).map_err(|errno| Error::System(Named::Words("signalfd"), errno))?;
    // A reader that leaves is no reason to die.
    signal::ignore(Signal::SIGPIPE);
    let mut writing = Writing {
        target: Target::new(path, plan),
        lines: Lines::new(),
        caught,
        progress: Progress::new(plan.progress, stdin()),
        widens: plan.size.is_none(),
    };
    let status = match plan.drop {
        Some(dropping) => Dropped::new(dropping).relay(&mut writing)?,
        None => writing.relay()?,
    };
    writing.progress.finish();
    match writing.target.path.remove() {
        Ok(()) => Ok(status),
        Err(reason) => Err(writing.target.path.refused(reason)),
    }
}

impl Writing<'_> {
    fn relay(&mut self) -> Result<u8, Error> {
        // As any writer it waits for a reader first: it may wait for no more than to see an end.
        match self.target.wait(&self.caught, false)? {
            Waited::TimedOut => return Ok(self.time_is_over()),
            Waited::Signal => return self.die(),
            Waited::Reader | Waited::Input | Waited::Nothing => {}
        }
        loop {
            if let Some(count) = self.lines.next() {
                match self.write(count)? {
                    Ok(()) => {}
                    Err(Errno::AGAIN) => self.wait_for_room()?,
                    Err(Errno::PIPE) => {
                        if let Some(status) = self.next_reader()? {
                            return Ok(status);
                        }
                    }
                    Err(errno) => return Err(self.target.path.failed(errno)),
                }
            } else if self.lines.ended {
                // What is still in the FIFO goes with its last end, unless somebody is there to read it.
                if self.target.has_reader() || self.target.unread() == 0 {
                    return Ok(u8::from(self.target.lost));
                }
                self.target.written = true;
                if let Some(status) = self.next_reader()? {
                    return Ok(status);
                }
            } else if self.wait_for_input()? {
                self.fill()?;
            } else if let Some(status) = self.next_reader()? {
                return Ok(status);
            }
        }
    }

    /// Writes the first `count` bytes; the inner result is what write(2) said.
    fn write(&mut self, count: usize) -> Result<Result<(), Errno>, Error> {
        let Some(fd) = self.target.fd() else { return Ok(Err(Errno::PIPE)) };
        loop {
            match rustix::io::write(fd, &self.lines.bytes()[..count]) {
                Err(Errno::INTR) => {}
                Err(errno) => return Ok(Err(errno)),
                Ok(written) => {
                    self.lines.take(written);
                    self.progress.add(written);
                    return Ok(Ok(()));
                }
            }
        }
    }

    /// Waits for the next reader, or where nothing is to be delivered for more input. The exit status if it ends here.
    fn next_reader(&mut self) -> Result<Option<u8>, Error> {
        let idle = self.lines.is_empty() && !self.lines.ended;
        match self.target.wait(&self.caught, idle)? {
            Waited::Reader | Waited::Nothing => Ok(None),
            Waited::Input => self.fill().map(|()| None),
            Waited::TimedOut => Ok(Some(self.time_is_over())),
            Waited::Signal => self.die().map(Some),
        }
    }

    /// Reads standard input once.
    pub(super) fn fill(&mut self) -> Result<(), Error> {
        let count = self.lines.fill().map_err(|errno| Error::System(Named::Words("standard input"), errno))?;
        if self.widens && count >= transfer::BUFFER / 2 {
            if let Some(fd) = self.target.fd() {
                pipe::widen(fd);
                self.widens = false;
            }
        }
        Ok(())
    }

    /// Counts what was written by others than [`Self::write`].
    pub(super) fn wrote(&self, count: usize) {
        self.progress.add(count);
    }

    /// Waits for standard input; false if the reader has left meanwhile.
    fn wait_for_input(&mut self) -> Result<bool, Error> {
        self.poll(Some(PollFlags::empty())).map(|(input, fifo)| input || !fifo.contains(PollFlags::ERR))
    }

    /// Waits until there is room in the FIFO, or its reader has left.
    pub(super) fn wait_for_room(&mut self) -> Result<(), Error> {
        let Some(fd) = self.target.fd() else { return Ok(()) };
        let mut fds = [PollFd::new(&self.caught, PollFlags::IN), PollFd::new(fd, PollFlags::OUT)];
        poll::wait(&mut fds).map_err(|errno| Error::System(Named::Words("poll"), errno))?;
        if fds[0].revents().is_empty() { Ok(()) } else { self.die().map(drop) }
    }

    /// Waits for standard input, for a signal, and for these events of the FIFO, if it is open, or its reader's leaving.
    /// Tells whether there is input, and the FIFO's events.
    pub(super) fn poll(&mut self, fifo: Option<PollFlags>) -> Result<(bool, PollFlags), Error> {
        let stdin = stdin();
        let mut fds = vec![PollFd::new(&self.caught, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        if let (Some(events), Some(fd)) = (fifo, self.target.fd()) {
            fds.push(PollFd::new(fd, events));
        }
        poll::wait(&mut fds).map_err(|errno| Error::System(Named::Words("poll"), errno))?;
        let (signalled, input) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        let fifo = fds.get(2).map_or(PollFlags::empty(), PollFd::revents);
        drop(fds);
        if signalled {
            self.die()?;
        }
        Ok((input, fifo))
    }

    fn time_is_over(&self) -> u8 {
        let left = self.lines.bytes().len() as u64 + self.target.unread();
        if left > 0 {
            let reason = format!("no reader has come, and {left} bytes were not delivered");
            report::reason(NAME, Subject::Name(self.target.path.given()), &reason);
        }
        TIMED_OUT
    }

    /// Dies of the signal that came, after writing what there is room for.
    fn die(&mut self) -> Result<u8, Error> {
        let Some(signal) = self.caught.next() else { return Ok(0) };
        // With --drop only whole lines are written, and by others than this.
        while let Some(count) = self.lines.next().filter(|_| self.target.plan.drop.is_none()) {
            if !matches!(self.write(count), Ok(Ok(()))) {
                break;
            }
        }
        Err(Error::Signal(signal))
    }
}
