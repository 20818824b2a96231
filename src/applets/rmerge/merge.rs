//! The loop: one poll(2) over signals, inputs and the output, and what follows from it.
//!
//! While there is something to write for which the output has no room, no input that goes straight to the output is read;
//! so memory is bounded by what one read brings. With --order=input the others are still read, into what [`Order`] keeps.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::NAME;
use super::commands::Jobs;
use super::decorate::Dresser;
use super::input::{Source, Stream};
use super::order::Order;
use super::output::Output;
use super::plan::Plan;
use super::records::Cutter;
use super::start::{self, Lines};
use super::stop::{PASSED_ON, Stop};
use crate::error::{Error, FAILED, Named};
use crate::fdio::signal::{self, Caught, Inherited, Signal};
use crate::fdio::spool;
use crate::fdio::{poll, stdio};
use crate::process::spawn::{self, Files};
use crate::report::{self, Subject};

/// With more descriptors than that poll(2) takes longer than a read does.
const CROWD: usize = 64;

/// Merges what the plan names; the exit status.
pub(super) fn run(plan: &Plan) -> Result<u8, Error> {
    if stdio::was_closed(rustix::stdio::stdout()) {
        return Err(Error::output(Errno::BADF));
    }
    let files = Files::raise();
    let jobs = start::check_descriptors(plan, &files)?;
    // A reader that leaves ends the commands first, and then this program.
    let pipe_signal = signal::ignore(Signal::SIGPIPE);
    if pipe_signal == Inherited::Default {
        signal::restore_default(Signal::SIGPIPE);
    }
    // A temporary file that may not grow takes no more: write(2) says so, too.
    let caught = Caught::new(&[&PASSED_ON[..], &[Signal::SIGCHLD, Signal::SIGPIPE, Signal::SIGXFSZ]].concat());
    let caught = caught.map_err(|errno| Error::System(Named::Words("signals"), errno))?;
    if plan.has_commands() {
        spawn::adopt_orphans();
    }
    let terminal = rustix::termios::isatty(rustix::stdio::stdout());
    let dresser = Dresser::new(plan, terminal).map_err(|wrong| Error::Refused(Named::Words("frames"), wrong.reason))?;
    let mut merge = Merge {
        plan,
        files: &files,
        caught: &caught,
        dresser,
        out: Output::new(),
        streams: Vec::new(),
        free: Vec::new(),
        open: 0,
        next: 0,
        holder: None,
        owed: None,
        order: plan.in_order.then(|| Order::new(plan.memory)),
        jobs: Jobs::new(&plan.commands, jobs),
        lines: None,
        numbers: plan.inputs.len(),
        kinds: 0,
        ready: Vec::new(),
        crowded: false,
        stop: None,
        hurried: false,
        abandoned: false,
        failed: false,
    };
    merge.open()?;
    while !merge.is_done() {
        if let Err(errno) = merge.turn() {
            merge.lose_output(errno);
        }
    }
    match merge.stop {
        Some(Stop::Signal(signal)) => Err(Error::Signal(signal)),
        Some(Stop::Output(Errno::PIPE)) if pipe_signal == Inherited::Default => Err(Error::Signal(Signal::SIGPIPE)),
        Some(Stop::Output(errno)) => Err(Error::output(errno)),
        None => {
            stdio::close_stdout().map_err(Error::output)?;
            let status = merge.jobs.status();
            Ok(if status == 0 && merge.failed { FAILED } else { status })
        }
    }
}

/// Where the records of an input go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the output.
    Live,
    /// To what waits for its turn.
    Kept,
    /// Nowhere: it isn't read.
    Nowhere,
}

/// What poll(2) waits for.
#[derive(Clone, Copy)]
enum Token {
    Signals,
    Output,
    Lines,
    Stream(usize),
}

/// A run.
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own about the run.
pub(super) struct Merge<'a> {
    pub(super) plan: &'a Plan,
    pub(super) files: &'a Files,
    pub(super) caught: &'a Caught,
    pub(super) dresser: Dresser,
    pub(super) out: Output,
    /// The inputs; None where one has ended.
    pub(super) streams: Vec<Option<Stream>>,
    pub(super) free: Vec<usize>,
    /// How many inputs are open.
    pub(super) open: usize,
    /// Whose turn it is.
    pub(super) next: usize,
    /// The input in the middle of a long record, beside which no other may write.
    pub(super) holder: Option<usize>,
    /// So many bytes of this input's buffer are to be written before anything else.
    pub(super) owed: Option<(usize, usize)>,
    pub(super) order: Option<Order>,
    pub(super) jobs: Jobs<'a>,
    pub(super) lines: Option<Lines>,
    /// The number of the next command that comes by a line.
    pub(super) numbers: usize,
    /// How many types of frames are in use.
    pub(super) kinds: u8,
    /// The inputs that may be read.
    pub(super) ready: Vec<usize>,
    /// One of many inputs is busy.
    pub(super) crowded: bool,
    pub(super) stop: Option<Stop>,
    /// An output that has no room is not waited for any longer.
    pub(super) hurried: bool,
    /// What has not been written is not waited for any longer.
    pub(super) abandoned: bool,
    pub(super) failed: bool,
}

impl Merge<'_> {
    /// An argument has so many inputs, which may still have to be opened.
    pub(super) fn expect(&mut self, number: usize, count: usize) {
        if let Some(order) = &mut self.order {
            order.waiting.entry(number).or_default().open += count;
        }
    }

    /// One of an argument's inputs has ended, or was never opened.
    pub(super) fn expect_less(&mut self, number: usize) {
        let Some(order) = &mut self.order else { return };
        let Some(waiting) = order.waiting.get_mut(&number) else { return };
        waiting.open = waiting.open.saturating_sub(1);
        if waiting.open == 0 {
            let kept = order.added(number, 0, true);
            self.say_of_file(kept);
        }
    }

    pub(super) fn add(&mut self, source: Source, number: usize, kind: u8, label: Vec<u8>, name: Named) {
        let stream = Stream {
            source,
            cutter: Cutter::default(),
            number,
            kind,
            label,
            name,
            read: None,
            ended: false,
            leftover: false,
            left: None,
        };
        self.open += 1;
        match self.free.pop() {
            Some(index) => self.streams[index] = Some(stream),
            None => self.streams.push(Some(stream)),
        }
    }

    /// An input has ended.
    pub(super) fn remove(&mut self, index: usize, stream: Stream) {
        let number = stream.number;
        drop(stream);
        self.free.push(index);
        self.open -= 1;
        self.expect_less(number);
        self.jobs.output_ended(number);
    }

    /// Whether there is nothing more to do.
    fn is_done(&self) -> bool {
        if !self.jobs.is_idle() {
            return self.hurried && self.out.is_blocked() && self.jobs.have_ended();
        }
        let delivered = || {
            self.out.is_empty()
                && self.owed.is_none()
                && self.order.as_ref().is_none_or(|order| order.waiting.is_empty())
        };
        self.abandoned
            || self.hurried && self.out.is_blocked()
            || self.open == 0 && self.jobs.queue.is_empty() && self.lines.is_none() && delivered()
    }

    /// Waits once, and does what can be done then. The error is the output's.
    fn turn(&mut self) -> Result<(), Errno> {
        self.start_commands();
        self.advance()?;
        if self.is_done() {
            return Ok(());
        }
        self.wait()?;
        self.read()?;
        self.jobs.conclude();
        self.out.flush()
    }

    /// Writes what waits of the argument whose turn it is, and goes on to the next where all of it is written.
    fn advance(&mut self) -> Result<(), Errno> {
        loop {
            if self.out.is_blocked() || self.owed.is_some() {
                return Ok(());
            }
            let Some(order) = &mut self.order else { return Ok(()) };
            let Some(number) = order.current() else { return Ok(()) };
            let Some(waiting) = order.waiting.get(&number) else { return Ok(()) };
            if waiting.is_empty() {
                if waiting.open > 0 {
                    return Ok(());
                }
                order.waiting.remove(&number);
                continue;
            }
            self.out.flush()?;
            if self.out.is_empty() && !order.splice_out(number, &mut self.out)? {
                let taken = order.take(number, self.out.held());
                self.say_of_file(taken);
            }
            self.out.flush()?;
        }
    }

    pub(super) fn say_of_file(&mut self, result: Result<(), Errno>) {
        if let Err(errno) = result {
            self.failed = true;
            let directory = spool::directory();
            let words = format!("temporary file in {}", crate::quote::quote(&directory));
            report::failure(NAME, Subject::Words(&words), errno);
        }
    }

    /// Where the records of an input go now.
    pub(super) fn place(&self, stream: &Stream, index: usize) -> Place {
        let is_free = |holder: Option<usize>| holder.is_none_or(|holder| holder == index);
        let live = || if self.out.is_blocked() { Place::Nowhere } else { Place::Live };
        let Some(order) = &self.order else {
            return if is_free(self.holder) { live() } else { Place::Nowhere };
        };
        let Some(waiting) = order.waiting.get(&stream.number) else { return Place::Nowhere };
        if !is_free(waiting.holder) {
            return Place::Nowhere;
        }
        if order.current() == Some(stream.number) {
            return if waiting.is_empty() { live() } else { Place::Nowhere };
        }
        // Nobody waits for the reader of a file.
        if order.has_room() && !stream.source.is_file() { Place::Kept } else { Place::Nowhere }
    }

    /// Waits until something can be done, and takes note of what: signals and time are seen to, the inputs are in
    /// `ready`.
    fn wait(&mut self) -> Result<(), Errno> {
        let mut tokens = vec![Token::Signals];
        let mut fds = vec![PollFd::new(self.caught, PollFlags::IN)];
        let stdout = rustix::stdio::stdout();
        if self.out.is_blocked() {
            tokens.push(Token::Output);
            fds.push(PollFd::new(&stdout, PollFlags::OUT));
        } else if self.out.gone().is_some() && !self.abandoned {
            // A reader that leaves is noticed while there is nothing to write, too.
            tokens.push(Token::Output);
            fds.push(PollFd::new(&stdout, PollFlags::empty()));
        }
        if let Some(lines) = self.lines.as_ref().filter(|_| self.jobs.has_slot() && self.jobs.queue.is_empty()) {
            tokens.push(Token::Lines);
            fds.push(PollFd::new(&lines.source, PollFlags::IN));
        }
        self.ready.clear();
        for (index, stream) in self.streams.iter().enumerate() {
            let Some(stream) = stream else { continue };
            if self.place(stream, index) == Place::Nowhere {
                continue;
            }
            if stream.leftover || stream.ended || stream.left.is_some() {
                self.ready.push(index);
            } else {
                tokens.push(Token::Stream(index));
                fds.push(PollFd::new(&stream.source, PollFlags::IN));
            }
        }
        let polled = fds.len();
        if self.ready.is_empty() {
            let deadline = [self.jobs.deadline(), self.out.deadline()].into_iter().flatten().min();
            poll::wait_until(&mut fds, deadline)?;
        } else {
            poll::look(&mut fds);
        }
        let (mut signals, mut lines, mut output) = (false, false, PollFlags::empty());
        for (token, fd) in tokens.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()) {
            match token {
                Token::Signals => signals = true,
                Token::Lines => lines = true,
                Token::Output => output = fd.revents(),
                Token::Stream(index) => self.ready.push(*index),
            }
        }
        drop(fds);
        self.crowded = polled > CROWD && self.ready.len() == 1;
        if signals {
            self.take_signals();
        }
        if !self.jobs.is_idle() {
            self.look_at_time();
        }
        if lines {
            self.read_lines();
        }
        if !output.is_empty() || self.out.deadline().is_some_and(|end| end <= Instant::now()) {
            self.write(output)?;
        }
        Ok(())
    }

    /// The output has room, or its reader is gone.
    fn write(&mut self, events: PollFlags) -> Result<(), Errno> {
        if !self.out.is_blocked() {
            let gone = events.intersects(PollFlags::ERR | PollFlags::HUP);
            return self.out.gone().filter(|_| gone).map_or(Ok(()), Err);
        }
        self.out.unblock();
        if let Some((index, length)) = self.owed.take() {
            if let Some(stream) = &mut self.streams[index] {
                let written = self.out.write(&stream.source.buffer.bytes()[..length])?;
                stream.source.buffer.take(written);
                if written < length {
                    self.owed = Some((index, length - written));
                    return Ok(());
                }
            }
        }
        self.out.flush()
    }
}
