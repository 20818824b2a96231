//! Inputs that wait for their turn: what has come of them is kept in memory, and beyond a limit in one file without a name.

use std::collections::{BTreeMap, VecDeque};

use rustix::io::Errno;

use crate::fdio::spool::Spool;
use crate::fdio::transfer;

/// What is kept of one input is cut into parts of about this size, in bytes, so that there are few of them.
const PART: usize = transfer::BUFFER;

/// The least that is put into the file at a time, in bytes, while more may come.
const LEAST: usize = 4096;

/// A part of what one input has sent.
#[derive(Debug)]
enum Part {
    Memory(Vec<u8>),
    /// At this offset of the file, so many bytes.
    File(u64, u64),
}

/// What one argument has sent and is still to be written.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    parts: VecDeque<Part>,
    /// What came last, in memory.
    pub(super) tail: Vec<u8>,
    /// The input in the middle of a long record, beside which no other of the argument may write.
    pub(super) holder: Option<usize>,
    /// Its inputs that are open, or are to be opened.
    pub(super) open: usize,
}

impl Waiting {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tail.is_empty()
    }
}

/// All arguments whose output is not complete, by their numbers; the first of them is written as it comes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) waiting: BTreeMap<usize, Waiting>,
    /// The bytes in memory.
    used: u64,
    /// The most that they may be.
    limit: u64,
    file: Option<Spool>,
    /// Where the file ends, and how much of it is needed.
    end: u64,
    in_file: u64,
    /// The file takes no more.
    full: bool,
}

impl Order {
    pub(super) fn new(limit: u64) -> Self {
        Self { waiting: BTreeMap::new(), used: 0, limit, file: None, end: 0, in_file: 0, full: false }
    }

    /// The argument whose turn it is.
    pub(super) fn current(&self) -> Option<usize> {
        self.waiting.first_key_value().map(|(number, _)| *number)
    }

    /// Whether there is room for what has to wait.
    pub(super) fn has_room(&self) -> bool {
        !self.full || self.used < self.limit
    }

    /// Takes account of `added` bytes that an argument's tail got; `last` if no more will come. The error is that of the
    /// file: what it doesn't take stays in memory, and it is not tried again before it is empty.
    pub(super) fn added(&mut self, number: usize, added: usize, last: bool) -> Result<(), Errno> {
        self.used += added as u64;
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(()) };
        let length = waiting.tail.len();
        if length == 0 {
            return Ok(());
        }
        if self.used > self.limit && !self.full {
            if length < LEAST && !last {
                return Ok(());
            }
            let result = put(&mut self.file, self.end, &waiting.tail);
            if result.is_err() {
                self.full = true;
                return result;
            }
            match waiting.parts.back_mut() {
                Some(Part::File(at, size)) if *at + *size == self.end => *size += length as u64,
                _ => waiting.parts.push_back(Part::File(self.end, length as u64)),
            }
            self.end += length as u64;
            self.in_file += length as u64;
            self.used -= length as u64;
            waiting.tail.clear();
            waiting.tail.shrink_to(if last { 0 } else { PART });
        } else if length >= PART {
            waiting.parts.push_back(Part::Memory(std::mem::take(&mut waiting.tail)));
        }
        Ok(())
    }

    /// Takes what an argument sent first into `out`, which is empty. The error is that of the file, of which a part is
    /// lost then.
    pub(super) fn take(&mut self, number: usize, out: &mut Vec<u8>) -> Result<(), Errno> {
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(()) };
        match waiting.parts.pop_front() {
            Some(Part::File(at, length)) => {
                let count = length.min(PART as u64);
                if count < length {
                    waiting.parts.push_front(Part::File(at + count, length - count));
                }
                self.in_file -= count;
                let Some(file) = &self.file else { return Err(Errno::BADF) };
                // At most PART, which fits.
                out.resize(usize::try_from(count).unwrap_or(PART), 0);
                let result = file.read_at(at, out);
                file.discard(at, count);
                if self.in_file == 0 {
                    (self.end, self.full) = (0, false);
                }
                if result.is_err() {
                    out.clear();
                }
                return result;
            }
            Some(Part::Memory(bytes)) => *out = bytes,
            None => *out = std::mem::take(&mut waiting.tail),
        }
        self.used = self.used.saturating_sub(out.len() as u64);
        Ok(())
    }
}

fn put(file: &mut Option<Spool>, at: u64, bytes: &[u8]) -> Result<(), Errno> {
    let file = match file {
        Some(file) => file,
        None => file.insert(Spool::new()?),
    };
    file.write_at(at, bytes)
}
