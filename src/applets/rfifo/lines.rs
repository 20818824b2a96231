//! Standard input in lines, and as many of them at a time as a FIFO takes in one piece.

use std::os::fd::BorrowedFd;

use memchr::{memchr, memrchr};
use rustix::io::Errno;

use crate::fdio::buffer::ReadBuffer;
use crate::fdio::{pipe, transfer};

/// What is written whole, so that no other writer comes in between, in bytes.
pub(super) const WHOLE: usize = pipe::PAGE;

/// Lines that were read and not written.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: ReadBuffer,
    /// Nothing comes after what is there.
    pub(super) ended: bool,
    /// What is at the head is the rest of a line that was written in part.
    long: bool,
}

/// The descriptor.
pub(super) fn stdin() -> BorrowedFd<'static> {
    rustix::stdio::stdin()
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { buffer: ReadBuffer::new(transfer::BUFFER, stdin()), ended: false, long: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.bytes().is_empty()
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// Reads what is there, waiting for it.
    pub(super) fn fill(&mut self) -> Result<usize, Errno> {
        let count = self.buffer.fill(stdin(), usize::MAX)?;
        self.ended |= count == 0;
        Ok(count)
    }

    /// Makes room for more where there is none.
    pub(super) fn make_room(&mut self) -> Result<(), Errno> {
        if self.buffer.is_full() { self.buffer.grow(self.buffer.capacity() * 2) } else { Ok(()) }
    }

    /// How many bytes are to be written next, in one write: whole lines, or a piece of a line that is too long. None until
    /// more was read.
    pub(super) fn next(&self) -> Option<usize> {
        let bytes = self.buffer.bytes();
        if !self.long {
            if let Some(count) = whole(bytes, self.ended) {
                return Some(count);
            }
            if bytes.len() < WHOLE {
                return None;
            }
        }
        let line = memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1);
        (line > 0).then_some(line)
    }

    /// Notes that so many bytes are written.
    pub(super) fn take(&mut self, count: usize) {
        self.long = count > 0 && self.buffer.bytes()[count - 1] != b'\n';
        self.buffer.take(count);
    }
}

/// How many bytes of whole lines fit into one write; a last line needs no newline. None if there is none, or it is too
/// long.
pub(super) fn whole(bytes: &[u8], ended: bool) -> Option<usize> {
    if ended && !bytes.is_empty() && bytes.len() <= WHOLE {
        return Some(bytes.len());
    }
    memrchr(b'\n', &bytes[..bytes.len().min(WHOLE)]).map(|newline| newline + 1)
}
