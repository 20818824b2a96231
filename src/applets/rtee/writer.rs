//! The writer of one FILE: a child at the end of a pipe, and the parent's handle on it.
//!
//! What is in the pipe reaches the FILE whatever becomes of the parent. The one exception is deliberate: until the
//! parent opens the gate, a writer holds back what it has, and the parent may still take it back by ending the writer.
//! That is how an error of one output can keep the first bytes from the outputs after it, as in tee(1). A parent that
//! dies opens the gate as well.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::relay::FIRST;
use crate::fdio::duplicate::Branch;
use crate::fdio::fork::{self, Child, Ended};
use crate::fdio::pipe::{self, Pipe};
use crate::fdio::poll;
use crate::fdio::transfer::{self, Drain, Failure};

/// The parent's handle on a writer.
#[derive(Debug)]
pub(super) struct Writer {
    child: Child,
    /// The pipe into it.
    pub(super) branch: Branch,
    /// Held until the first bytes are to be written.
    gate: Option<OwnedFd>,
    /// FILE had no room at the start (a FIFO that is full), so waiting for the writer could hold up the other outputs.
    stalled: bool,
    /// How often each chunk goes into FILE.
    pub(super) times: usize,
    /// FILE itself, where it is a pipe, to see at once when its reader has left.
    pipe_file: Option<OwnedFd>,
    /// The child ends as soon as FILE's reader has left, and not at its next write.
    watches: bool,
}

/// How long the first bytes wait for one writer before they go to the next output all the same.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long a writer rests after a line. The first of several reaches FILE at once; those that follow closely come together,
/// and neither the parent nor who reads standard output shares the processors with a writer that is woken for each.
const REST: Duration = Duration::from_micros(100);

/// The exit status of a writer that ends with [`Fault::ReaderLeft`]; no error number is that large.
const READER_LEFT: u8 = 254;

/// A writer whose input has ended.
#[derive(Debug)]
pub(super) struct Finishing(Child);

/// Why a FILE is lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It could not be opened.
    Open(Errno),
    /// It could not be written.
    Write(Errno),
    /// It is a pipe whose reader left while there was nothing to write.
    ReaderLeft,
    /// A signal killed its writer.
    Killed(i32),
}

impl Writer {
    /// Starts a writer and hands it `file`, which is to get each chunk so many `times`; where that can't be done, gives
    /// it back. With `watches` the writer ends when FILE's reader has left, even while there is nothing to write.
    pub(super) fn start(file: OwnedFd, times: usize, watches: bool) -> Result<Self, Option<OwnedFd>> {
        let mut file = Some(file);
        Self::try_start(&mut file, times, watches).map_err(|_| file)
    }

    fn try_start(file: &mut Option<OwnedFd>, times: usize, watches: bool) -> Result<Self, Errno> {
        let Some(fd) = file.as_ref() else { return Err(Errno::BADF) };
        let stalled = !poll::is_writable(fd);
        let pipe_file = if pipe::is_pipe(fd) { rustix::io::fcntl_dupfd_cloexec(fd, 3).ok() } else { None };
        let Pipe { reader, writer } = Pipe::new()?;
        if times > 1 {
            // All of the first chunks have to fit while the gate is closed.
            pipe::widen(&writer);
            if pipe::size(&writer)? < (times * FIRST) as u64 {
                return Err(Errno::NOBUFS);
            }
        }
        let (gate, gate_in_child) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let keep = [fd.as_raw_fd(), reader.as_raw_fd(), gate_in_child.as_raw_fd()];
        let child = fork::run(&keep, || {
            match serve(reader.as_fd(), gate_in_child, file, watches) {
                Ok(()) => 0,
                Err(Fault::ReaderLeft) => READER_LEFT,
                // An exit status has room for every error number; they end at 133.
                Err(Fault::Write(errno)) => u8::try_from(errno.raw_os_error()).unwrap_or(u8::MAX),
                Err(Fault::Open(_) | Fault::Killed(_)) => u8::MAX,
            }
        })?;
        *file = None;
        Ok(Self { child, branch: Branch::new(writer), gate: Some(gate), stalled, times, pipe_file, watches })
    }

    /// Writes to it what it lacks of `bytes`, which were just taken from the head of the source. False when it has ended.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        let lacking = self.branch.consumed(bytes.len());
        let lacking = &bytes[bytes.len() - lacking..];
        (0..self.times).all(|_| transfer::write_all(self.branch.pipe(), lacking).is_ok())
    }

    /// Opens the gate and waits until the first `held` bytes were written. False when the writer ended instead.
    ///
    /// Not longer than [`PATIENCE`]: a writer that is stopped, or whose FILE is slow, must not hold up the other outputs.
    pub(super) fn release(&mut self, held: usize) -> bool {
        let Some(gate) = self.gate.take() else { return true };
        if transfer::write_all(&gate, &held.to_ne_bytes()).is_err() {
            return false;
        }
        self.stalled || !poll::is_readable_within(&gate, PATIENCE) || transfer::read(&gate, &mut [0]) == Ok(1)
    }

    /// Whether FILE is a pipe whose reader has left, and the writer has found that out, too, or waits for more to write.
    ///
    /// It is waited for once, and not longer than [`PATIENCE`]: it may be stopped.
    pub(super) fn has_lost_its_reader(&mut self) -> bool {
        if self.pipe_file.as_ref().is_none_or(pipe::has_reader) {
            return false;
        }
        self.pipe_file = None;
        if !self.watches && !self.has_unread() {
            return true;
        }
        poll::rest(self.branch.pipe(), PATIENCE);
        self.has_ended()
    }

    /// Whether the writer has ended before its input did.
    pub(super) fn has_ended(&self) -> bool {
        !pipe::has_reader(self.branch.pipe())
    }

    /// Whether there is something in its pipe.
    fn has_unread(&self) -> bool {
        pipe::unread(self.branch.pipe()).is_ok_and(|count| count > 0)
    }

    /// Ends the writer's input; it finishes what is in its pipe.
    pub(super) fn end_input(self) -> Finishing {
        Finishing(self.child)
    }

    /// Whether the gate is still closed.
    pub(super) fn holds_back(&self) -> bool {
        self.gate.is_some()
    }

    /// Ends a writer whose gate is closed; its FILE gets nothing.
    pub(super) fn abandon(self) {
        self.child.kill();
    }
}

impl Finishing {
    /// Waits until the writer has ended.
    pub(super) fn wait(self) -> Result<(), Fault> {
        match self.0.wait() {
            Ok(Ended::Exited(0)) => Ok(()),
            Ok(Ended::Exited(READER_LEFT)) => Err(Fault::ReaderLeft),
            Ok(Ended::Exited(errno)) => Err(Fault::Write(Errno::from_raw_os_error(errno.into()))),
            Ok(Ended::Killed(signal)) => Err(Fault::Killed(signal)),
            Err(errno) => Err(Fault::Write(errno)),
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let (Failure::Input(errno) | Failure::Output(errno)) = failure;
        Self::Write(errno)
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Write(errno)
    }
}

/// The child's work: the pipe into FILE.
fn serve(pipe: BorrowedFd<'_>, gate: OwnedFd, file: &mut Option<OwnedFd>, watches: bool) -> Result<(), Fault> {
    let Some(file) = file.take() else { return Err(Fault::Write(Errno::BADF)) };
    let watches = watches && pipe::is_pipe(&file);
    let mut drain = Drain::new(pipe, file.as_fd());
    let mut held = [0; size_of::<usize>()];
    if watches {
        wait_for_input(gate.as_fd(), file.as_fd())?;
    }
    if transfer::read(&gate, &mut held) == Ok(held.len()) {
        let mut held = usize::from_ne_bytes(held);
        while held > 0 {
            match drain.step(held)? {
                0 => break,
                count => held -= count,
            }
        }
        // The parent may be gone, or not wait.
        let _ = transfer::write_all(&gate, &[1]);
    }
    drop(gate);
    loop {
        if watches && !drain.holds_some() {
            wait_for_input(pipe, file.as_fd())?;
        }
        match drain.step(pipe::LARGE)? {
            0 => {
                drop(drain);
                return Ok(fork::close(file)?);
            }
            count if count < pipe::PAGE && !drain.holds_some() => poll::rest(pipe, REST),
            _ => {}
        }
    }
}

/// Waits for input, but not longer than FILE has a reader.
fn wait_for_input(input: BorrowedFd<'_>, file: BorrowedFd<'_>) -> Result<(), Fault> {
    let mut fds = [PollFd::new(&input, PollFlags::IN), PollFd::new(&file, PollFlags::empty())];
    poll::wait(&mut fds)?;
    let [input, file] = fds.map(|fd| fd.revents());
    // With input there, a write says it.
    if input.is_empty() && file.contains(PollFlags::ERR) { Err(Fault::ReaderLeft) } else { Ok(()) }
}
