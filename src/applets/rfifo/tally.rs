//! How many writers have come and gone.
//!
//! The kernel tells of each that opens and of each that closes, but merges what is equal and close in time. What was
//! merged among the opens is seen by the closes and the other way round, when they are settled against each other: at a
//! moment when nobody has the FIFO open, as many have opened it as have closed it.

use crate::fdio::fifo::{Place, ReadEnd, Seen};
use crate::fdio::watch::{Event, Processes, Watch};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// How many times it is watched where writers' processes can't be told apart: what one account misses, another one has.
/// Each takes about 10 ms to close.
const WATCHES: usize = 8;

/// Counts writers up to a number of them.
#[derive(Debug)]
pub(super) struct Tally {
    wanted: u64,
    /// None where nothing can be watched: then writers that overlap are counted as one.
    watches: Vec<(Watch, Since)>,
    /// The account that has writers at the same time apart, if it can be had.
    processes: Option<(Processes, Since)>,
    /// Those from before everybody had left the last time.
    settled: u64,
    /// Something has happened to the FIFO that is not counted yet.
    stirred: bool,
    /// A change was taken that nobody has looked into.
    again: bool,
}

/// What came since everybody had left.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    opened: u64,
    left: u64,
    /// Those that left and were not seen to come.
    unseen: u64,
    /// One of those that opened it is this process, and it may be any of them.
    own: bool,
}

impl Since {
    fn add(&mut self, event: Event) {
        match event {
            Event::Opened => self.opened += 1,
            Event::WriterLeft => self.left += 1,
            Event::Renamed | Event::Lost => {}
        }
        self.unseen = self.unseen.max(self.left.saturating_sub(self.opened));
    }

    /// Leaves out this process, which has opened it before the events were taken that are counted now. A writer that had
    /// waited may have come and left before that was told.
    fn leave_out_own(&mut self) {
        if std::mem::take(&mut self.own) {
            self.opened = self.opened.saturating_sub(1);
            self.unseen = self.unseen.max(self.left.saturating_sub(self.opened));
        }
    }
}

impl Tally {
    /// Counts up to `wanted` writers from now on, for one who opens the FIFO next, for reading; the error is why each can't
    /// be told from those that overlap it.
    pub(super) fn new(wanted: u64, place: &Place, fifo: &Seen) -> (Self, Option<Errno>) {
        let own = Since { own: true, ..Since::default() };
        // One is never merged with none.
        let mut processes = Some(fifo).filter(|_| wanted > 1).and_then(|fifo| Processes::new(fifo).ok());
        let count = if wanted == 1 || processes.is_some() { 1 } else { WATCHES };
        let mut watches = Vec::new();
        let mut error = None;
        for _ in 0..count {
            // So many other files may be used in the directory that the kernel forgets who has left the FIFO.
            match Watch::writers(place, fifo, wanted > 1) {
                Ok(watch) => watches.push((watch, own)),
                Err(errno) => {
                    error = Some(errno).filter(|_| watches.is_empty());
                    break;
                }
            }
        }
        if watches.is_empty() {
            // It tells of a process that comes twice only once, so it is no account by itself.
            processes = None;
        }
        let processes = processes.map(|processes| (processes, own));
        (Self { wanted, watches, processes, settled: 0, stirred: false, again: false }, error)
    }

    /// What is readable when somebody has come or left.
    pub(super) fn events(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let processes = self.processes.iter().map(|(processes, _)| processes.as_fd());
        self.watches.iter().map(|(watch, _)| watch.as_fd()).chain(processes)
    }

    /// Notes that the FIFO has changed.
    pub(super) fn stir(&mut self) {
        self.stirred = true;
    }

    /// Whether the FIFO has to be looked at again before anybody sleeps.
    pub(super) fn take_again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }

    /// Whether as many have left as are wanted. `empty` says that nobody had the FIFO open a moment ago.
    pub(super) fn is_full(&mut self, fifo: &ReadEnd, empty: bool) -> bool {
        if self.watches.is_empty() {
            if empty && self.stirred && fifo.is_left() {
                self.settled += 1;
                self.stirred = false;
                // The last one made a change by leaving, which is not to be counted again; but it may be another one's.
                self.again = fifo.take_change();
            }
            return self.settled >= self.wanted;
        }
        self.take();
        // It has to be so between two looks that find nothing new: what a writer does that comes meanwhile belongs to
        // the next account.
        while empty && fifo.is_left() {
            if !self.take() {
                self.settled += self.most(|since| since.opened + since.unseen);
                self.watches.iter_mut().for_each(|(_, since)| *since = Since::default());
                self.processes.iter_mut().for_each(|(_, since)| *since = Since::default());
                break;
            }
        }
        self.settled + self.most(|since| since.left) >= self.wanted
    }

    /// Takes the events that have come, and tells whether there were any.
    fn take(&mut self) -> bool {
        let mut any = false;
        for (watch, since) in &mut self.watches {
            any |= watch.take(|event| since.add(event));
            since.leave_out_own();
        }
        if let Some((processes, since)) = &mut self.processes {
            any |= processes.take(|event| since.add(event));
            since.leave_out_own();
        }
        any
    }

    /// The most of all accounts: each may miss some, and none has too many.
    fn most(&self, count: impl Fn(&Since) -> u64) -> u64 {
        let processes = self.processes.iter().map(|(_, since)| count(since));
        self.watches.iter().map(|(_, since)| count(since)).chain(processes).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many writers there were by these events, the reader's own one among them, once all have left.
    fn counted(events: &[Event]) -> u64 {
        let mut since = Since { own: true, ..Since::default() };
        for event in events {
            since.add(*event);
        }
        since.leave_out_own();
        since.opened + since.unseen
    }

    #[test]
    fn the_reader_is_no_writer_whenever_its_own_opening_is_told_and_merged_with_whatever() {
        let (open, left) = (Event::Opened, Event::WriterLeft);
        for (count, events) in [
            (0, &[open][..]),
            (1, &[open, open, left]),
            // It was told after the writer that it has set free had left, or together with that one's.
            (1, &[open, left, open]),
            (1, &[open, left]),
            (2, &[open, left, open, left, open]),
            (2, &[open, left, open, open, left]),
            (2, &[open, left, open, left]),
            (2, &[open, open, left, left]),
        ] {
            assert_eq!(counted(events), count, "{events:?}");
        }
    }
}
