//! The input and the output of a run, by the names that messages have for them.

use std::cell::Cell;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::fs::{FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::BUFFER;
use crate::error::{Error, Named};
use crate::fdio::buffer::{self, ReadBuffer};
use crate::fdio::source::carries_packets;
use crate::fdio::transfer::{self, Drain, Failure};
use crate::fdio::{device, pipe, poll, stdio};
use crate::progress::Progress;

/// The operand, or standard input.
#[derive(Debug)]
pub(super) struct Input {
    /// None is standard input.
    file: Option<(OwnedFd, OsString)>,
    /// None where it can't be asked.
    kind: Option<FileType>,
    /// splice(2) may take from it; None where that is still to be found out.
    splices: Cell<Option<bool>>,
    /// The pipes at both ends are as large as they may be.
    widened: Cell<bool>,
}

impl Input {
    /// Opens the operand; without one, or with `-`, it is standard input.
    pub(super) fn open(operand: Option<&OsString>) -> Result<Self, Error> {
        let open = |name: &OsString| {
            stdio::open(name, OFlags::RDONLY, Mode::empty())
                .map(|file| (file, name.clone()))
                .map_err(|errno| Error::System(name.clone().into(), errno))
        };
        let file = operand.filter(|name| *name != "-").map(open).transpose()?;
        let mut input = Self { file, kind: None, splices: Cell::new(None), widened: Cell::new(false) };
        let stat = rustix::fs::fstat(input.fd()).ok();
        input.kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let output = rustix::fs::fstat(stdout()).ok().filter(|_| input.is_file());
        // It would be read as it grows, without end.
        let same = stat.zip(output).is_some_and(|(one, other)| device::is_same(&one, &other));
        if same && input.remaining() != Some(0) {
            return Err(input.refused("input file is output file"));
        }
        Ok(input)
    }

    /// Whether splice(2) may take from it. To tell, it waits for what comes next.
    ///
    /// Packets would stay packets on their way, and who reads one with a short buffer loses its rest.
    pub(super) fn splices(&self) -> bool {
        if let Some(known) = self.splices.get() {
            return known;
        }
        let known = match self.kind {
            Some(FileType::RegularFile) => true,
            Some(FileType::Socket) => buffer::packet_most(self.fd()).is_none(),
            Some(FileType::Fifo) => {
                let _ = poll::wait_for(self.fd(), PollFlags::IN);
                match pipe::unread(self.fd()) {
                    // Fewer bytes don't tell a packet from a plain write.
                    Ok(held @ 4..) => !carries_packets(self.fd(), usize::try_from(held).unwrap_or(usize::MAX)),
                    _ => return false,
                }
            }
            _ => false,
        };
        self.splices.set(Some(known));
        known
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_ref().map_or(rustix::stdio::stdin(), |(file, _)| file.as_fd())
    }

    pub(super) fn name(&self) -> Named {
        self.file.as_ref().map_or(Named::Words("standard input"), |(_, name)| name.clone().into())
    }

    /// Why a run ends that could not read.
    pub(super) fn failed(&self, errno: Errno) -> Error {
        Error::System(self.name(), errno)
    }

    /// Why a run ends that could not make sense of what it read.
    pub(super) fn refused(&self, reason: impl Display) -> Error {
        Error::Refused(self.name(), reason.to_string())
    }

    fn is_file(&self) -> bool {
        self.kind == Some(FileType::RegularFile)
    }

    /// What there is from here to the end of a regular file, in bytes; None for anything else.
    pub(super) fn remaining(&self) -> Option<u64> {
        let size = rustix::fs::fstat(self.fd()).ok().filter(|_| self.is_file())?.st_size;
        let at = rustix::fs::tell(self.fd()).ok()?;
        u64::try_from(size).ok()?.checked_sub(at)
    }

    /// Sets a regular file's offset back over bytes that were read and not used, for whoever reads it next.
    pub(super) fn give_back(&self, count: usize) {
        if self.is_file() && count > 0 {
            // What a buffer holds is in the range.
            let count = i64::try_from(count).unwrap_or(0);
            let _ = rustix::fs::seek(self.fd(), SeekFrom::Current(-count));
        }
    }

    /// Passes over `count` bytes of a regular file.
    pub(super) fn pass(&self, count: u64) -> Result<(), Error> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        rustix::fs::seek(self.fd(), SeekFrom::Current(count)).map(drop).map_err(|errno| self.failed(errno))
    }

    /// Much data flows: makes the pipes at both ends as large as they may be, once.
    pub(super) fn widen(&self) {
        if !self.widened.replace(true) {
            pipe::widen(self.fd());
            pipe::widen(stdout());
        }
    }

    /// Why a run ends whose transfer failed.
    pub(super) fn transfer_failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Input(errno) => self.failed(errno),
            Failure::Output(errno) => Error::output(errno),
        }
    }
}

/// Reads once, at most `most` bytes; false at the end of the input.
pub(super) fn fill(buffer: &mut ReadBuffer, most: usize, input: &Input, progress: &Progress) -> Result<bool, Error> {
    let count = buffer.fill(input.fd(), most).map_err(|errno| input.failed(errno))?;
    progress.add(count);
    if count >= BUFFER / 4 {
        input.widen();
    }
    Ok(count > 0)
}

/// Moves `length` bytes, and tells of each step; returns how many are left where the input ends before.
pub(super) fn pass_on(drain: &mut Drain<'_>, length: u64, mut each: impl FnMut(usize)) -> Result<u64, Failure> {
    let mut left = length;
    while left > 0 {
        match drain.step(usize::try_from(left).unwrap_or(usize::MAX).min(pipe::LARGE))? {
            0 => break,
            count => {
                left -= count as u64;
                each(count);
            }
        }
    }
    Ok(left)
}

/// What is to be written to standard output.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) held: Vec<u8>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { held: Vec::with_capacity(2 * BUFFER) }
    }

    /// Writes what is held.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let written = transfer::write_all(stdout(), &self.held);
        self.held.clear();
        written.map_err(Error::output)
    }

    /// Writes what is held, and these after it, in one call.
    pub(super) fn flush_with<const N: usize>(&mut self, parts: [&[u8]; N]) -> Result<(), Error> {
        let mut slices = Vec::with_capacity(1 + N);
        slices.push(IoSlice::new(&self.held));
        slices.extend(parts.map(IoSlice::new));
        let written = transfer::write_all_vectored(stdout(), &mut slices);
        self.held.clear();
        written.map_err(Error::output)
    }
}

/// Standard output.
pub(super) fn stdout() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}
