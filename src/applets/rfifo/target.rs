//! The FIFO that the write side writes to, while its readers come and go.
//!
//! The writing end stays open when a reader leaves: so what it didn't read stays in the FIFO for the next one. Only when
//! PATH comes to mean another FIFO, or none, nobody can read that any more.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::NAME;
use super::lines::stdin;
use super::place::Path;
use super::write::Plan;
use crate::error::{Error, Named};
use crate::fdio::fifo::{Opening, Seen};
use crate::fdio::signal::Caught;
use crate::fdio::watch::Watch;
use crate::fdio::{device, pipe, poll};
use crate::report::{self, Subject};

/// How often it is looked for a reader where nothing tells of one.
const TICK: Duration = Duration::from_millis(100);

/// What ended a wait for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// There is one.
    Reader,
    /// There is something to be read from standard input.
    Input,
    /// There is nothing left to be delivered.
    Nothing,
    /// The time is over.
    TimedOut,
    /// A signal came.
    Signal,
}

/// A FIFO that is open for writing.
#[derive(Debug)]
struct Open {
    fd: OwnedFd,
    seen: Seen,
}

/// PATH, and the FIFO there if it is open.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) path: Path,
    pub(super) plan: &'a Plan,
    open: Option<Open>,
    /// How many have been open so far.
    pub(super) opens: u64,
    /// An open(2) that waits for a reader, and of which FIFO.
    opening: Option<(Opening, Seen)>,
    /// It has been there.
    found: bool,
    /// Bytes were lost, and that was said.
    pub(super) lost: bool,
    /// All that is left to be delivered is in the FIFO.
    pub(super) written: bool,
}

impl<'a> Target<'a> {
    pub(super) fn new(path: Path, plan: &'a Plan) -> Self {
        Self { path, plan, open: None, opens: 0, opening: None, found: false, lost: false, written: false }
    }

    /// The FIFO, if it is open.
    pub(super) fn fd(&self) -> Option<&OwnedFd> {
        self.open.as_ref().map(|open| &open.fd)
    }

    /// Whether somebody has it open for reading.
    pub(super) fn has_reader(&self) -> bool {
        self.fd().is_some_and(pipe::has_reader)
    }

    /// The bytes in it.
    pub(super) fn unread(&self) -> u64 {
        self.fd().and_then(|fd| pipe::unread(fd).ok()).unwrap_or(0)
    }

    /// What is at PATH now, made if it is to be. What was open and is no longer there is closed.
    fn find(&mut self) -> Result<Option<Seen>, Error> {
        let mut seen = self.path.look()?;
        if seen.is_none() && self.plan.create {
            // Its maker goes on to the next one.
            seen = match self.path.make(self.plan.mode, self.plan.keep)? {
                Some(seen) => Some(seen),
                None => self.path.look()?,
            };
        }
        self.found |= seen.is_some();
        let is_same = |open: &Seen| seen.as_ref().is_some_and(|seen| device::is_same(seen.stat(), open.stat()));
        if self.open.as_ref().is_some_and(|open| !is_same(&open.seen)) {
            self.say_lost();
            self.open = None;
        }
        if self.opening.as_ref().is_some_and(|(_, opened)| !is_same(opened)) {
            // Its thread waits on for a reader that can't come.
            self.opening = None;
        }
        Ok(seen)
    }

    /// Opens what is at PATH if somebody reads it, without waiting; tells whether there is a reader.
    pub(super) fn try_open(&mut self) -> Result<bool, Error> {
        let Some(seen) = self.find()? else {
            return if self.found { Ok(false) } else { Err(self.path.failed(Errno::NOENT)) };
        };
        if self.open.is_some() {
            return Ok(self.has_reader());
        }
        match seen.open_to_write() {
            Ok(fd) => self.opened(fd, seen).map(|()| true),
            Err(Errno::NXIO) => Ok(false),
            Err(errno) => Err(self.path.failed(errno)),
        }
    }

    /// Waits until somebody reads, or with `input` until there is something on standard input.
    pub(super) fn wait(&mut self, caught: &Caught, input: bool) -> Result<Waited, Error> {
        // Longer than a clock has is for ever.
        let deadline = self.plan.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let seen = self.find()?;
            if seen.is_none() && !self.found && self.plan.timeout.is_none() {
                return Err(self.path.failed(Errno::NOENT));
            }
            if self.written && self.open.is_none() {
                return Ok(Waited::Nothing);
            }
            // Before the look whose outcome it may change.
            let mut watch = Watch::readers(&self.path.place, seen.as_ref()).ok();
            // What came between the look and the watch has told nobody.
            let stat = |seen: &Option<Seen>| seen.as_ref().map(|seen| (seen.stat().st_dev, seen.stat().st_ino));
            if stat(&self.find()?) != stat(&seen) {
                continue;
            }
            if self.open.is_some() {
                if self.has_reader() {
                    return Ok(Waited::Reader);
                }
            } else if let (Some(seen), None) = (seen, &self.opening) {
                // Never beside one that is opening it: a reader that counts writers would see two, and one of them leave.
                match seen.open_to_write() {
                    Ok(fd) => {
                        self.opened(fd, seen)?;
                        return Ok(Waited::Reader);
                    }
                    Err(Errno::NXIO) => {
                        let opening = seen.open_when_read().map_err(|errno| self.path.failed(errno))?;
                        self.opening = Some((opening, seen));
                    }
                    Err(errno) => return Err(self.path.failed(errno)),
                }
            }
            if let Some(waited) = self.sleep(caught, input, watch.as_mut(), deadline)? {
                return Ok(waited);
            }
        }
    }

    /// Sleeps until it is worth looking again (None), or something has ended the wait.
    fn sleep(
        &mut self,
        caught: &Caught,
        input: bool,
        mut watch: Option<&mut Watch>,
        deadline: Option<Instant>,
    ) -> Result<Option<Waited>, Error> {
        loop {
            let tick = watch.is_none().then(|| Instant::now() + TICK);
            let until = [deadline, tick].into_iter().flatten().min();
            let (events, stdin) = (watch.as_ref().map(|watch| watch.as_fd()), stdin());
            let mut fds = vec![PollFd::new(caught, PollFlags::IN)];
            let add = |fds: &mut Vec<_>, wanted: bool| wanted.then_some(fds.len());
            let opening = add(&mut fds, self.opening.is_some());
            if let Some((opening, _)) = &self.opening {
                fds.push(PollFd::new(opening, PollFlags::empty()));
            }
            let told = add(&mut fds, events.is_some());
            if let Some(events) = &events {
                fds.push(PollFd::new(events, PollFlags::IN));
            }
            let readable = add(&mut fds, input);
            if input {
                fds.push(PollFd::new(&stdin, PollFlags::IN));
            }
            let happened =
                poll::wait_until(&mut fds, until).map_err(|errno| Error::System(Named::Words("poll"), errno))?;
            let has = |index: Option<usize>| index.is_some_and(|index| !fds[index].revents().is_empty());
            let (signalled, opening, told, readable) = (has(Some(0)), has(opening), has(told), has(readable));
            drop(fds);
            if signalled {
                return Ok(Some(Waited::Signal));
            }
            if opening {
                if let Some((opening, seen)) = self.opening.take() {
                    let fd = opening.finish().map_err(|errno| self.path.failed(errno))?;
                    self.opened(fd, seen)?;
                }
                // It may have left already, or be that of another FIFO than is there now.
                return Ok(None);
            }
            if told && watch.as_mut().is_some_and(|watch| watch.take(|_| ())) {
                return Ok(None);
            }
            if readable {
                return Ok(Some(Waited::Input));
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(Some(Waited::TimedOut));
            }
            if !happened {
                return Ok(None);
            }
        }
    }

    fn opened(&mut self, fd: OwnedFd, seen: Seen) -> Result<(), Error> {
        self.path.check_apart(&fd, stdin(), "standard input")?;
        if let Some(size) = self.plan.size {
            self.path.set_size(&fd, size)?;
        }
        self.open = Some(Open { fd, seen });
        self.opens += 1;
        Ok(())
    }

    /// Says what is lost in a FIFO that nobody can read any more.
    fn say_lost(&mut self) {
        let unread = self.unread();
        if unread > 0 && !self.has_reader() {
            let reason = format!("its reader left and removed it, and up to {unread} bytes were not read");
            report::reason(NAME, Subject::Name(self.path.given()), &reason);
            self.lost = true;
        }
    }
}
