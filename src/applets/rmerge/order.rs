//! Inputs that wait for their turn: what has come of them is kept in memory, and beyond a limit in a file without a name.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::output::Output;
use crate::fdio::pipe::{self, Pipe};
use crate::fdio::spool::{Block, Blocks};
use crate::fdio::transfer::{self, Spliced};

/// What is kept of one input is cut into parts of about this size, in bytes, so that there are few of them.
const PART: usize = transfer::BUFFER;

/// The least that is put into the file at a time, in bytes, while more may come.
const LEAST: usize = 4096;

/// A part of what one input has sent.
#[derive(Debug)]
enum Part {
    Memory(Vec<u8>),
    File(Block),
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
    file: Blocks,
    /// What is on its way from a pipe into the file.
    stage: Option<Pipe>,
    /// The file takes no more, and it has been told why.
    full: bool,
    told: bool,
    /// Nothing can be moved into it but by write(2).
    copies: bool,
}

impl Order {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            used: 0,
            limit,
            file: Blocks::default(),
            stage: None,
            full: false,
            told: false,
            copies: false,
        }
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
    /// file, the first time: what it doesn't take stays in memory, and it is not tried again before it is empty.
    pub(super) fn added(&mut self, number: usize, added: usize, last: bool) -> Result<(), Errno> {
        self.used += added as u64;
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(()) };
        let length = waiting.tail.len();
        if length == 0 {
            return Ok(());
        }
        if self.used > self.limit && !self.full {
            return if length < LEAST && !last { Ok(()) } else { self.put(number) };
        }
        if length >= PART {
            waiting.parts.push_back(Part::Memory(std::mem::take(&mut waiting.tail)));
        }
        Ok(())
    }

    /// Takes what an argument sent first into `out`, which is empty. The error is that of the file, of which a part is
    /// lost then.
    pub(super) fn take(&mut self, number: usize, out: &mut Vec<u8>) -> Result<(), Errno> {
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(()) };
        match waiting.parts.pop_front() {
            Some(Part::File(mut block)) => {
                let result = block.read(PART, out);
                if result.is_err() {
                    out.clear();
                } else if block.length() > 0 {
                    waiting.parts.push_front(Part::File(block));
                    return result;
                }
                drop(block);
                self.full &= !self.file.release();
                return result;
            }
            Some(Part::Memory(bytes)) => *out = bytes,
            None => *out = std::mem::take(&mut waiting.tail),
        }
        self.used = self.used.saturating_sub(out.len() as u64);
        Ok(())
    }

    /// Puts an argument's tail into the file. What the file doesn't take stays in the tail.
    fn put(&mut self, number: usize) -> Result<(), Errno> {
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(()) };
        if waiting.tail.is_empty() {
            return Ok(());
        }
        let mut done = 0;
        let mut result = Ok(());
        while done < waiting.tail.len() && result.is_ok() {
            match last_block(&mut self.file, &mut waiting.parts).and_then(|block| block.write(&waiting.tail[done..])) {
                Ok(count) => done += count,
                Err(errno) => result = Err(errno),
            }
        }
        waiting.tail.drain(..done);
        if waiting.tail.is_empty() && (waiting.open == 0 || waiting.tail.capacity() > 2 * PART) {
            waiting.tail = Vec::new();
        }
        self.used -= done as u64;
        result.or_else(|errno| self.refuse(errno))
    }

    /// The file takes no more until it is empty. The error is to be told once.
    fn refuse(&mut self, errno: Errno) -> Result<(), Errno> {
        self.full = true;
        if std::mem::replace(&mut self.told, true) { Ok(()) } else { Err(errno) }
    }

    /// Whether what an argument sends next, of which there are many bytes already, can go into the file as it is.
    pub(super) fn goes_to_file(&self, number: usize) -> bool {
        let alone = self.waiting.get(&number).is_some_and(|waiting| waiting.open == 1);
        alone && self.used + PART as u64 > self.limit && !self.full && !self.copies
    }

    /// Takes `before`, and then up to `most` bytes of a pipe, which go straight into the file; returns how many these were.
    /// The error is that of the file, the first time: what it doesn't take is in memory.
    pub(super) fn splice(
        &mut self,
        number: usize,
        before: &[u8],
        pipe: impl AsFd,
        most: usize,
    ) -> Result<usize, Errno> {
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(0) };
        waiting.tail.extend_from_slice(before);
        self.used += before.len() as u64;
        self.put(number)?;
        let Some(waiting) = self.waiting.get_mut(&number).filter(|_| !self.full) else { return Ok(0) };
        if self.stage.is_none() {
            self.stage = Pipe::new().ok();
            self.stage.iter().for_each(|stage| pipe::widen(&stage.writer));
        }
        let moved = match &self.stage {
            Some(stage) => transfer::splice(pipe, &stage.writer, most, false),
            None => Spliced::Refused,
        };
        let (Spliced::Moved(moved), Some(stage)) = (moved, &self.stage) else {
            self.copies = moved == Spliced::Refused;
            return Ok(0);
        };
        let mut left = moved;
        while left > 0 {
            let block = last_block(&mut self.file, &mut waiting.parts);
            match block.map_or_else(Spliced::Failed, |block| block.splice_in(&stage.reader, left)) {
                Spliced::Moved(count) if count > 0 => left -= count,
                stopped => {
                    // What is on the way goes to memory.
                    let mut done = waiting.tail.len();
                    waiting.tail.resize(done + left, 0);
                    self.used += left as u64;
                    while done < waiting.tail.len() {
                        done += transfer::read(&stage.reader, &mut waiting.tail[done..])?;
                    }
                    if let Spliced::Failed(errno) = stopped {
                        return self.refuse(errno).map(|()| moved);
                    }
                    self.copies = true;
                    break;
                }
            }
        }
        Ok(moved)
    }

    /// The byte that an argument sent last, of what waits.
    pub(super) fn last(&self, number: usize) -> Option<u8> {
        let waiting = self.waiting.get(&number)?;
        if let Some(last) = waiting.tail.last() {
            return Some(*last);
        }
        match waiting.parts.back()? {
            Part::Memory(bytes) => bytes.last().copied(),
            Part::File(block) => block.last().ok(),
        }
    }

    /// Moves what an argument sent first from the file to the output; false where it isn't there, or can't be moved.
    pub(super) fn splice_out(&mut self, number: usize, out: &mut Output) -> Result<bool, Errno> {
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(false) };
        let Some(Part::File(block)) = waiting.parts.front_mut() else { return Ok(false) };
        let moved = block.length() == 0 || out.splice(block)?;
        if block.length() == 0 {
            waiting.parts.pop_front();
            self.full &= !self.file.release();
        }
        Ok(moved)
    }
}

/// The block that is filled next for one argument: its last part, or a new one.
fn last_block<'a>(file: &mut Blocks, parts: &'a mut VecDeque<Part>) -> Result<&'a mut Block, Errno> {
    if !matches!(parts.back(), Some(Part::File(block)) if block.room() > 0) {
        parts.push_back(Part::File(file.take()?));
    }
    match parts.back_mut() {
        Some(Part::File(block)) => Ok(block),
        _ => Err(Errno::IO),
    }
}
