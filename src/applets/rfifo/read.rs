//! The read side: one loop that relays what any number of writers send, until it is told to stop.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::NAME;
use super::filter::Filter;
use super::output::{Output, Step, stdout};
use super::place::{Path, Present};
use super::tally::Tally;
use super::until::{Cleared, Until};
use crate::error::{Error, Named, TIMED_OUT};
use crate::fdio::fifo::{Place, ReadEnd, Seen};
use crate::fdio::signal::{Caught, Signal};
use crate::fdio::{pipe, poll, stdio, transfer};
use crate::progress::Progress;
use crate::report::{self, Subject};

/// The signals that end a run as its user means it.
pub(super) const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How much is read at once where lines are looked at, in bytes.
const CHUNK: usize = 128 * 1024;

/// After so many steps without a pause it is seen to who else wants to be heard.
const STEPS: u32 = 32;

/// What to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    pub(super) present: Present,
    pub(super) keep: bool,
    pub(super) size: Option<u64>,
    pub(super) writers: Option<u64>,
    pub(super) until: Option<Until>,
    pub(super) filter: Option<Filter>,
    pub(super) timeout: Option<Duration>,
    pub(super) progress: bool,
}

/// Why it ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// As many writers have left, or the line has come.
    Asked,
    TimedOut,
    Signal(Signal),
}

/// Where the loop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes were moved, and more may be there.
    Busy,
    /// There is nothing to be moved.
    Idle,
    /// Nothing can be written.
    Blocked,
    Done,
}

/// A run.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own.
struct Reading {
    path: Path,
    fifo: ReadEnd,
    output: Output,
    until: Option<Until>,
    /// How many bytes come before the line, as far as is known.
    cleared: usize,
    filter: Option<Filter>,
    /// A line was too long to be judged by all of it, and that was said.
    cut: bool,
    tally: Option<Tally>,
    timeout: Option<Duration>,
    /// When something was moved last.
    active: Instant,
    ending: Option<Ending>,
    /// How many bytes are still relayed once it ends.
    left: u64,
    /// Nothing more comes from the FIFO.
    finished: bool,
    /// PATH could not be removed.
    failed: bool,
    widened: bool,
    /// Whether the FIFO's size may be changed.
    widens: bool,
    progress: Progress,
}

/// Relays until it ends; returns the exit status.
pub(super) fn run(mut path: Path, plan: Plan) -> Result<u8, Error> {
    if stdio::was_closed(stdout()) {
        return Err(Error::output(Errno::BADF));
    }
    let caught = Caught::new(&ENDING).map_err(|errno| Error::System(Named::Words("signalfd"), errno))?;
    let output = Output::new();
    let mut tally = None;
    let fifo = path.open_to_read(plan.mode, plan.present, plan.keep, |place, fifo| {
        tally = plan.writers.map(|wanted| count(wanted, place, fifo));
    })?;
    path.check_apart(&fifo, stdout(), "standard output")?;
    if let Some(size) = plan.size {
        path.set_size(&fifo, size)?;
    }
    let progress = Progress::new(plan.progress, fifo.as_fd());
    let mut reading = Reading {
        path,
        fifo,
        output,
        until: plan.until,
        cleared: 0,
        filter: plan.filter,
        cut: false,
        tally,
        timeout: plan.timeout,
        active: Instant::now(),
        ending: None,
        left: u64::MAX,
        finished: false,
        failed: false,
        widened: false,
        widens: plan.size.is_none(),
        progress,
    };
    reading.relay(&caught)?;
    reading.conclude()
}

/// Begins to count writers, and says so if it can't be done well.
fn count(wanted: u64, place: &Place, fifo: &Seen) -> Tally {
    let (tally, error) = Tally::new(wanted, place, fifo);
    if let Some(errno) = error {
        let reason = format!("{}; writers that overlap are counted as one", report::words(errno));
        report::reason(NAME, Subject::Words("inotify"), &reason);
    }
    tally
}

impl Reading {
    fn relay(&mut self, caught: &Caught) -> Result<(), Error> {
        let mut steps = 0;
        loop {
            let state = self.advance()?;
            steps += 1;
            match state {
                State::Done => return Ok(()),
                State::Busy if steps % STEPS != 0 => {}
                _ => self.wait(state, caught)?,
            }
        }
    }

    /// A step, as far as it goes without waiting.
    fn advance(&mut self) -> Result<State, Error> {
        if !self.output.flush()? {
            return Ok(State::Blocked);
        }
        if self.finished {
            return Ok(State::Done);
        }
        if self.ending.is_some() && self.left == 0 {
            self.finish();
            return Ok(State::Busy);
        }
        let step = match self.clear()? {
            Some(step) => step,
            None => self.take()?,
        };
        match step {
            Step::Moved(count) => {
                self.moved(count);
                Ok(State::Busy)
            }
            Step::Full => Ok(State::Blocked),
            Step::Empty | Step::Nobody => {
                self.emptied(step == Step::Nobody);
                let again = self.tally.as_mut().is_some_and(Tally::take_again);
                let more = again || self.ending.is_some() || !self.output.pending.is_empty();
                Ok(if more { State::Busy } else { State::Idle })
            }
        }
    }

    /// With --until: sees to it that some bytes are cleared. None if there are.
    fn clear(&mut self) -> Result<Option<Step>, Error> {
        let Some(until) = &mut self.until else { return Ok(None) };
        if self.cleared > 0 {
            return Ok(None);
        }
        let cleared = until.look(&self.fifo).map_err(|errno| self.path.failed(errno))?;
        Ok(match cleared {
            Cleared::Bytes(count) => {
                self.cleared = count;
                None
            }
            Cleared::Held(bytes) => {
                self.pass_held(&bytes);
                // Nothing that counts as progress of the stream, but there is more to be looked at.
                Some(Step::Moved(0))
            }
            Cleared::Found => {
                self.end(Ending::Asked);
                self.left = 0;
                Some(Step::Moved(0))
            }
            Cleared::Nothing => Some(Step::Empty),
            Cleared::Nobody => Some(Step::Nobody),
        })
    }

    /// Takes what may be taken from the FIFO towards the output.
    fn take(&mut self) -> Result<Step, Error> {
        let most = if self.until.is_some() { self.cleared } else { pipe::LARGE };
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(most);
        let Some(filter) = &mut self.filter else { return self.output.relay(&self.fifo, most) };
        let most = most.min(CHUNK);
        let room = filter.room(most).map_err(|errno| self.path.failed(errno))?;
        match self.fifo.read(room) {
            Ok(0) => Ok(Step::Nobody),
            Ok(count) => {
                filter.filled(count, &mut self.output.pending);
                self.tell_cut();
                Ok(Step::Moved(count))
            }
            Err(Errno::AGAIN) => Ok(Step::Empty),
            Err(errno) => Err(self.path.failed(errno)),
        }
    }

    /// Bytes that --until has held back go on before what is in the FIFO.
    fn pass_held(&mut self, bytes: &[u8]) {
        let Some(filter) = &mut self.filter else { return self.output.pending.extend_from_slice(bytes) };
        if let Ok(room) = filter.room(bytes.len()) {
            room.copy_from_slice(bytes);
            filter.filled(bytes.len(), &mut self.output.pending);
            self.tell_cut();
        }
    }

    fn tell_cut(&mut self) {
        if self.filter.as_mut().is_some_and(Filter::take_cut) && !self.cut {
            self.cut = true;
            let reason = "a line is longer than --max-record, and was judged by its beginning";
            report::reason(NAME, Subject::Name(self.path.given()), reason);
        }
    }

    fn moved(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.cleared = self.cleared.saturating_sub(count);
        self.progress.add(count);
        if let Some(tally) = self.tally.as_mut().filter(|_| count > 0) {
            tally.stir();
        }
        if self.timeout.is_some() {
            self.active = Instant::now();
        }
        if count >= transfer::BUFFER / 2 && !self.widened {
            self.widened = true;
            self.output.widen();
            if self.widens {
                pipe::widen(&self.fifo);
            }
        }
    }

    /// The FIFO is empty; with `nobody` no writer has it open, either.
    fn emptied(&mut self, nobody: bool) {
        if nobody {
            if let Some(until) = &mut self.until {
                if let Cleared::Held(bytes) = until.end_line() {
                    self.pass_held(&bytes);
                } else {
                    self.end(Ending::Asked);
                    self.left = 0;
                }
            }
            if let Some(filter) = &mut self.filter {
                filter.end_line(&mut self.output.pending);
            }
        }
        if self.ending.is_some() {
            return self.finish();
        }
        if self.tally.as_mut().is_some_and(|tally| tally.is_full(&self.fifo, nobody)) {
            self.end(Ending::Asked);
        }
    }

    /// Begins to end: no new writer finds PATH, and what is queued is relayed.
    fn end(&mut self, ending: Ending) {
        if self.ending.is_none() {
            if let Err(reason) = self.path.remove() {
                report::reason(NAME, Subject::Name(self.path.given()), &reason);
                self.failed = true;
            }
            self.left = self.fifo.unread();
        }
        // Of a signal it dies, whatever is queued.
        if !matches!(self.ending, Some(Ending::Signal(_))) {
            self.ending = Some(ending);
        }
    }

    /// Nothing more comes: what was held goes on.
    fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        if let Some(until) = &mut self.until {
            let held = until.give_up();
            self.pass_held(&held);
        }
        if let Some(filter) = &mut self.filter {
            filter.end_line(&mut self.output.pending);
        }
    }

    /// Waits for what the loop needs next, or after many steps sees whether anybody else wants something.
    fn wait(&mut self, state: State, caught: &Caught) -> Result<(), Error> {
        let wanted = if state == State::Blocked { PollFlags::OUT } else { PollFlags::empty() };
        let out = stdout();
        let changes = self.fifo.changes();
        let mut fds = vec![PollFd::new(caught, PollFlags::IN), PollFd::new(&out, wanted)];
        if state == State::Idle {
            fds.push(PollFd::new(&changes, PollFlags::IN));
        }
        let told = fds.len();
        let watched = self.tally.as_ref().filter(|_| self.ending.is_none());
        let events: Vec<_> = watched.into_iter().flat_map(Tally::events).collect();
        fds.extend(events.iter().map(|events| PollFd::new(events, PollFlags::IN)));
        let deadline = match state {
            State::Busy => Some(Instant::now()),
            State::Idle => self.timeout.and_then(|timeout| self.active.checked_add(timeout)),
            _ => None,
        };
        let failed = |errno| Error::System(Named::Words("poll"), errno);
        let happened = poll::wait_until(&mut fds, deadline).map_err(failed)?;
        let (signalled, output) = (!fds[0].revents().is_empty(), fds[1].revents());
        let arrived = state == State::Idle && !fds[2].revents().is_empty();
        let told = fds[told..].iter().any(|fd| !fd.revents().is_empty());
        drop(fds);
        drop(events);
        if signalled {
            self.take_signals(caught)?;
        }
        // For a pipe POLLERR says that nobody reads it; POLLHUP has a meaning for sockets and terminals only.
        let left = output.contains(PollFlags::ERR) || output.contains(PollFlags::HUP) && !pipe::is_pipe(stdout());
        if left {
            return Err(self.output.failed(Errno::PIPE));
        }
        if arrived && self.fifo.take_change() {
            if let Some(tally) = &mut self.tally {
                tally.stir();
            }
        }
        // A writer may leave while others see to it that there is always more.
        if told && state != State::Idle && self.tally.as_mut().is_some_and(|tally| tally.is_full(&self.fifo, false)) {
            self.end(Ending::Asked);
        }
        if state == State::Blocked {
            self.active = Instant::now();
        }
        if !happened && state == State::Idle && self.ending.is_none() {
            self.end(Ending::TimedOut);
        }
        Ok(())
    }

    /// The first signal begins the end; a second one is it.
    fn take_signals(&mut self, caught: &Caught) -> Result<(), Error> {
        while let Some(signal) = caught.next() {
            if let Some(Ending::Signal(_)) = self.ending {
                return Err(Error::Signal(signal));
            }
            self.end(Ending::Signal(signal));
        }
        Ok(())
    }

    fn conclude(mut self) -> Result<u8, Error> {
        self.progress.finish();
        stdio::close_stdout().map_err(|errno| self.output.failed(errno))?;
        // Until here nothing has ended it that needed PATH to be there.
        let removed = self.path.remove();
        match self.ending {
            Some(Ending::Signal(signal)) => Err(Error::Signal(signal)),
            Some(Ending::TimedOut) if !self.failed => Ok(TIMED_OUT),
            _ => Ok(u8::from(self.failed || removed.is_err())),
        }
    }
}
