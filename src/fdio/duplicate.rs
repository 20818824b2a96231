//! tee(2) from one pipe into several, and all there is to know about its slots.
//!
//! tee(2) copies references to the slots at the head of its source, always from the head: where a pipe has room for
//! fewer than another, the second is ahead and can't be told to skip. So each [`Branch`] remembers its lead, the bytes
//! it has that are still in the source. A branch with a lead rests; the others catch up; and only what every branch has
//! is taken from the source. No slot is copied twice, and no pipe in between is needed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

/// A pipe that gets a duplicate of what goes through another.
#[derive(Debug)]
pub struct Branch {
    pipe: OwnedFd,
    lead: usize,
}

/// What [`Branch::duplicate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicated {
    /// The branch is this many bytes (at least 1) ahead.
    Ahead(usize),
    /// The source is empty and has no writer left.
    End,
    /// The source is empty or the branch full.
    WouldBlock,
    /// Nobody reads the branch any more.
    Gone,
    /// This kernel, or a filter, has no tee(2) for these two.
    Refused,
}

impl Branch {
    /// A branch into the writing end of a pipe.
    #[must_use]
    pub fn new(pipe: OwnedFd) -> Self {
        Self { pipe, lead: 0 }
    }

    /// The writing end.
    #[must_use]
    pub fn pipe(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// The bytes at the head of the source that the branch has already.
    #[must_use]
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// Duplicates up to `length` bytes from the head of `source`, without waiting, unless the branch is ahead already.
    pub fn duplicate(&mut self, source: BorrowedFd<'_>, length: usize) -> Duplicated {
        while self.lead == 0 {
            match rustix::pipe::tee(source, &self.pipe, length, SpliceFlags::NONBLOCK) {
                Ok(0) => return Duplicated::End,
                Ok(count) => self.lead = count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Duplicated::WouldBlock,
                Err(Errno::PIPE) => return Duplicated::Gone,
                Err(_) => return Duplicated::Refused,
            }
        }
        Duplicated::Ahead(self.lead)
    }

    /// Notes that `count` bytes were taken from the head of the source, and returns how many of them the branch lacks:
    /// none where `count` was at most its lead.
    pub fn consumed(&mut self, count: usize) -> usize {
        let lacking = count.saturating_sub(self.lead);
        self.lead = self.lead.saturating_sub(count);
        lacking
    }
}
