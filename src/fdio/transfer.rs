//! Moving bytes from one descriptor to another: splice(2) where the kernel can, read(2) and write(2) where it can't.
//!
//! EINTR is retried and EAGAIN waits in poll(2), here and nowhere else.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use super::pipe::{self, Pipe};
use super::poll;

/// The size of a copy's buffer, in bytes: as much as a pipe of the default size holds.
pub const BUFFER: usize = 64 * 1024;

/// What splice(2) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spliced {
    /// So many bytes were moved; 0 is the end of the input.
    Moved(usize),
    /// Nothing was moved: the input is empty or the output full (only when asked not to wait).
    WouldBlock,
    /// Nothing was moved, as these two descriptors can't be spliced: read(2) and write(2) have to do it, or tell why not.
    Refused,
    /// Nothing was moved, and this is why.
    Failed(Errno),
}

/// Moves up to `length` bytes inside the kernel; one end has to be a pipe.
///
/// With `wait` false, a pipe that is empty or full gives [`Spliced::WouldBlock`]. After [`Spliced::Refused`], trying again
/// with read(2) and write(2) neither loses nor repeats a byte; and the error to report is theirs, as splice(2) has others
/// of its own (EINVAL for O_APPEND, or for /dev/full). Any other error is final: a socket tells it only once.
pub fn splice(from: impl AsFd, to: impl AsFd, length: usize, wait: bool) -> Spliced {
    let flags = SpliceFlags::MOVE | if wait { SpliceFlags::empty() } else { SpliceFlags::NONBLOCK };
    loop {
        match rustix::pipe::splice(&from, None, &to, None, length, flags) {
            Ok(moved) => return Spliced::Moved(moved),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Spliced::WouldBlock,
            Err(
                Errno::INVAL
                | Errno::NOSYS
                | Errno::PERM
                | Errno::BADF
                | Errno::OPNOTSUPP
                | Errno::ACCESS
                | Errno::NOMEM,
            ) => return Spliced::Refused,
            Err(errno) => return Spliced::Failed(errno),
        }
    }
}

/// Reads what is there, waiting for the first byte; 0 is the end.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(&fd, &mut *buffer) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => poll::wait_for(&fd, PollFlags::IN)?,
            result => return result,
        }
    }
}

/// Writes all of `bytes`, waiting as long as that takes.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&fd, bytes) {
            // POSIX leaves it open; going on would be a loop without end.
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => poll::wait_for(&fd, PollFlags::OUT)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Moves everything from a pipe to a descriptor, by splice(2) until that is refused.
///
/// The way leads through a second pipe. splice(2) to a file, a terminal or a socket holds its pipe's lock until the write
/// is done, and whoever fills that pipe meanwhile hangs, spinning or beyond the reach of signals.
#[derive(Debug)]
pub struct Drain<'a> {
    pipe: BorrowedFd<'a>,
    to: BorrowedFd<'a>,
    /// None where it could not be made; the buffer serves then.
    stage: Option<Pipe>,
    /// The bytes in the stage.
    staged: usize,
    widened: bool,
    /// Empty until it is needed.
    buffer: Vec<u8>,
}

impl<'a> Drain<'a> {
    /// A drain from `pipe`, which has to be a pipe's reading end, to `to`.
    #[must_use]
    pub fn new(pipe: BorrowedFd<'a>, to: BorrowedFd<'a>) -> Self {
        Self { pipe, to, stage: Pipe::new().ok(), staged: 0, widened: false, buffer: Vec::new() }
    }

    /// Whether bytes have left the pipe that are not yet at the output.
    #[must_use]
    pub fn holds_some(&self) -> bool {
        self.staged > 0
    }

    /// Moves up to `length` bytes, waiting for the first; returns how many, 0 at the end of the input.
    ///
    /// An error is the output's (a pipe that is read has none). What was read of the pipe before it is lost to this
    /// output, as it is in a failed write(2).
    pub fn step(&mut self, length: usize) -> Result<usize, Errno> {
        let Some(stage) = &self.stage else { return self.copy(self.pipe, length) };
        if self.staged == 0 {
            match splice(self.pipe, &stage.writer, length, true) {
                Spliced::Moved(0) => return Ok(0),
                Spliced::Moved(count) => self.staged = count,
                Spliced::WouldBlock | Spliced::Refused | Spliced::Failed(_) => {
                    self.stage = None;
                    return self.copy(self.pipe, length);
                }
            }
            if self.staged >= BUFFER / 2 && !self.widened {
                pipe::widen(&stage.writer);
                self.widened = true;
            }
        }
        let length = self.staged.min(length);
        loop {
            match splice(&stage.reader, self.to, length, true) {
                // A device that takes nothing and says no error; write(2) has an answer to that.
                Spliced::Moved(0) | Spliced::Refused => break,
                Spliced::Moved(count) => {
                    self.staged -= count;
                    return Ok(count);
                }
                // The stage is ours and waits; it is the output that doesn't.
                Spliced::WouldBlock => poll::wait_for(self.to, PollFlags::OUT)?,
                Spliced::Failed(errno) => return Err(errno),
            }
        }
        // What is in the stage goes first; then there is no further use for it.
        let Some(stage) = self.stage.take() else { return Ok(0) };
        let mut moved = 0;
        while moved < self.staged {
            moved += self.copy(stage.reader.as_fd(), self.staged - moved)?;
        }
        self.staged = 0;
        Ok(moved)
    }

    fn copy(&mut self, from: BorrowedFd<'_>, length: usize) -> Result<usize, Errno> {
        self.buffer.resize(BUFFER, 0);
        let length = length.min(BUFFER);
        let count = read(from, &mut self.buffer[..length])?;
        write_all(self.to, &self.buffer[..count])?;
        Ok(count)
    }
}
