//! Moving bytes from one descriptor to another: splice(2) where the kernel can, read(2) and write(2) where it can't.
//!
//! EINTR is retried and EAGAIN waits in poll(2), here and nowhere else.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::fs::FileType;
use rustix::io::{Errno, ReadWriteFlags};
use rustix::net::RecvFlags;
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
    splice_at(from, None, to, None, length, wait)
}

/// As [`splice`], into a file at an offset; a pipe that is empty gives [`Spliced::WouldBlock`].
pub fn splice_into(pipe: impl AsFd, file: impl AsFd, at: u64, length: usize) -> Spliced {
    splice_at(pipe, None, file, Some(at), length, false)
}

/// As [`splice`], from an offset of a file on; a pipe that is full gives [`Spliced::WouldBlock`].
pub fn splice_out_of(file: impl AsFd, at: u64, pipe: impl AsFd, length: usize) -> Spliced {
    splice_at(file, Some(at), pipe, None, length, false)
}

fn splice_at(
    from: impl AsFd,
    from_at: Option<u64>,
    to: impl AsFd,
    to_at: Option<u64>,
    length: usize,
    wait: bool,
) -> Spliced {
    let flags = SpliceFlags::MOVE | if wait { SpliceFlags::empty() } else { SpliceFlags::NONBLOCK };
    loop {
        let (mut from_at, mut to_at) = (from_at, to_at);
        match rustix::pipe::splice(&from, from_at.as_mut(), &to, to_at.as_mut(), length, flags) {
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

/// Reads what is there at this moment; 0 is the end, and AGAIN tells that there is nothing yet. The descriptor keeps its
/// flags, which other processes may share.
///
/// Where others read the same pipe, terminal or device, and it has no such call, one of them may take what poll(2) has
/// seen, and then it waits. Of a file AGAIN may also say that its bytes are not in memory.
pub fn read_now(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let fd = fd.as_fd();
    loop {
        match rustix::io::preadv2(fd, &mut [IoSliceMut::new(buffer)], CURRENT_OFFSET, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => break,
            result => return result,
        }
    }
    if poll::is_readable(fd) { read_once(fd, buffer) } else { Err(Errno::AGAIN) }
}

/// Reads what is there, through signals; where the descriptor doesn't wait, AGAIN tells that there is nothing yet.
pub fn read_once(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(&fd, &mut *buffer) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Receives a packet from a socket, if one has come: AGAIN where none has. EMSGSIZE as for [`receive`].
pub fn receive_now(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::net::recv(&fd, &mut *buffer, RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
            Err(Errno::INTR) => {}
            Ok((_, length)) if length > buffer.len() => return Err(Errno::MSGSIZE),
            result => return result.map(|(count, _)| count),
        }
    }
}

/// Receives a packet from a socket, waiting for it. EMSGSIZE where it is longer than the buffer: its rest is lost then.
pub fn receive(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::net::recv(&fd, &mut *buffer, RecvFlags::TRUNC) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => poll::wait_for(&fd, PollFlags::IN)?,
            Ok((_, length)) if length > buffer.len() => return Err(Errno::MSGSIZE),
            result => return result.map(|(count, _)| count),
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

/// Writes what there is room for at this moment and tells how much that was; AGAIN when there is none. The descriptor
/// keeps its flags, which other processes may share.
///
/// A pipe and a stream socket take all that fits, as does a file. For what has no such call (a FIFO, a terminal) it is at
/// most PIPE_BUF bytes once poll(2) says that there is room, which a pipe takes without waiting.
pub fn write_now(fd: impl AsFd, bytes: &[u8]) -> Result<usize, Errno> {
    let fd = fd.as_fd();
    loop {
        match rustix::io::pwritev2(fd, &[IoSlice::new(bytes)], CURRENT_OFFSET, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            // Where a file has no room without waiting for its disk, waiting is all there is.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => break,
            result => return result,
        }
    }
    if !poll::is_writable(fd) {
        return Err(Errno::AGAIN);
    }
    let stat = rustix::fs::fstat(fd)?;
    let most = if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile { BUFFER } else { pipe::PAGE };
    loop {
        match rustix::io::write(fd, &bytes[..bytes.len().min(most)]) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// What pwritev2(2) takes for "where the descriptor is", as write(2) does.
const CURRENT_OFFSET: u64 = u64::MAX;

/// Writes all of several slices, waiting as long as that takes; in one call where they fit.
pub fn write_all_vectored(fd: impl AsFd, mut slices: &mut [IoSlice<'_>]) -> Result<(), Errno> {
    // Empty ones at the head are passed over.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match rustix::io::writev(&fd, slices) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => poll::wait_for(&fd, PollFlags::OUT)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Which side of a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What is read.
    Input(Errno),
    /// What is written.
    Output(Errno),
}

/// Moves bytes from a descriptor to a descriptor, by splice(2) until that is refused.
#[derive(Debug)]
pub struct Drain<'a> {
    from: BorrowedFd<'a>,
    to: BorrowedFd<'a>,
    way: Way,
    /// The bytes in the stage.
    staged: usize,
    widened: bool,
    /// Empty until it is needed.
    buffer: Vec<u8>,
}

/// How a [`Drain`] moves.
#[derive(Debug)]
enum Way {
    /// Straight into a pipe.
    Direct,
    /// Straight from a pipe of our own, which holds what is asked for.
    Own,
    /// From a pipe through a second one. splice(2) to a file, a terminal or a socket holds its pipe's lock until the
    /// write is done, and whoever fills that pipe meanwhile hangs, spinning or beyond the reach of signals.
    Staged(Pipe),
    /// By read(2) and write(2).
    Copied,
}

impl<'a> Drain<'a> {
    /// A drain from `from` to `to`.
    #[must_use]
    pub fn new(from: BorrowedFd<'a>, to: BorrowedFd<'a>) -> Self {
        let way = if pipe::is_pipe(to) {
            Way::Direct
        } else if pipe::is_pipe(from) {
            Pipe::new().map_or(Way::Copied, Way::Staged)
        } else {
            Way::Copied
        };
        Self { from, to, way, staged: 0, widened: false, buffer: Vec::new() }
    }

    /// A drain to `to` from a pipe that nobody else uses, and of which never more is asked than it holds.
    #[must_use]
    pub fn of_own(pipe: BorrowedFd<'a>, to: BorrowedFd<'a>) -> Self {
        Self { from: pipe, to, way: Way::Own, staged: 0, widened: false, buffer: Vec::new() }
    }

    /// Whether bytes have left the input that are not yet at the output.
    #[must_use]
    pub fn holds_some(&self) -> bool {
        self.staged > 0
    }

    /// Moves up to `length` bytes, waiting for the first; returns how many, 0 at the end of the input.
    ///
    /// What was read before the output failed is lost to it, as it is in a failed write(2).
    pub fn step(&mut self, length: usize) -> Result<usize, Failure> {
        loop {
            match &self.way {
                Way::Direct => match splice(self.from, self.to, length, true) {
                    Spliced::Moved(count) => return Ok(count),
                    Spliced::Refused => self.way = Way::Copied,
                    // One of them doesn't wait by itself.
                    Spliced::WouldBlock => {
                        poll::wait_for(self.from, PollFlags::IN).map_err(Failure::Input)?;
                        poll::wait_for(self.to, PollFlags::OUT).map_err(Failure::Output)?;
                    }
                    // splice(2) says so at the end of the input, too, when there is nothing more to write.
                    Spliced::Failed(Errno::PIPE) if pipe::has_ended(self.from) => return Ok(0),
                    Spliced::Failed(Errno::PIPE) => return Err(Failure::Output(Errno::PIPE)),
                    Spliced::Failed(errno) => return Err(Failure::Input(errno)),
                },
                Way::Own => match splice(self.from, self.to, length, true) {
                    // A device that takes nothing and says no error; write(2) has an answer to that.
                    Spliced::Moved(0) | Spliced::Refused => self.way = Way::Copied,
                    Spliced::Moved(count) => return Ok(count),
                    Spliced::WouldBlock => poll::wait_for(self.to, PollFlags::OUT).map_err(Failure::Output)?,
                    Spliced::Failed(errno) => return Err(Failure::Output(errno)),
                },
                Way::Staged(_) => {
                    if let Some(count) = self.step_staged(length)? {
                        return Ok(count);
                    }
                }
                Way::Copied => return self.copy(self.from, length),
            }
        }
    }

    /// A step through the stage; None where nothing was moved and the way is another from now on.
    fn step_staged(&mut self, length: usize) -> Result<Option<usize>, Failure> {
        let Way::Staged(stage) = &self.way else { return Ok(None) };
        if self.staged == 0 {
            match splice(self.from, &stage.writer, length, true) {
                Spliced::Moved(0) => return Ok(Some(0)),
                Spliced::Moved(count) => self.staged = count,
                Spliced::WouldBlock | Spliced::Refused | Spliced::Failed(_) => {
                    self.way = Way::Copied;
                    return Ok(None);
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
                    return Ok(Some(count));
                }
                // The stage is ours and waits; it is the output that doesn't.
                Spliced::WouldBlock => poll::wait_for(self.to, PollFlags::OUT).map_err(Failure::Output)?,
                Spliced::Failed(errno) => return Err(Failure::Output(errno)),
            }
        }
        // What is in the stage goes first; then there is no further use for it.
        let Way::Staged(stage) = std::mem::replace(&mut self.way, Way::Copied) else { return Ok(None) };
        let mut moved = 0;
        while moved < self.staged {
            moved += self.copy(stage.reader.as_fd(), self.staged - moved)?;
        }
        self.staged = 0;
        Ok(Some(moved))
    }

    fn copy(&mut self, from: BorrowedFd<'_>, length: usize) -> Result<usize, Failure> {
        self.buffer.resize(BUFFER, 0);
        let length = length.min(BUFFER);
        let count = read(from, &mut self.buffer[..length]).map_err(Failure::Input)?;
        write_all(self.to, &self.buffer[..count]).map_err(Failure::Output)?;
        Ok(count)
    }
}
