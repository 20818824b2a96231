//! `--until`: how far the stream may be taken, for what follows the line is for somebody else.
//!
//! What is in the FIFO is looked at through a duplicate, by tee(2), and only what comes before the line is cleared for
//! the relay. Where a line could still become the one that is looked for, its bytes are taken and held, as they may be
//! more than the FIFO has room for; never more than that line has.

use memchr::memmem::Finder;
use memchr::memrchr;
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use crate::fdio::fifo::ReadEnd;
use crate::fdio::pipe::Pipe;
use crate::fdio::transfer;

/// What to do with the head of the FIFO.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cleared {
    /// So many bytes may be taken from it.
    Bytes(usize),
    /// These, which were taken from it, come before what is in it; there may be none.
    Held(Vec<u8>),
    /// The line was there, and is taken.
    Found,
    /// It is empty.
    Nothing,
    /// It is empty, and nobody has it open.
    Nobody,
}

/// Looks for a line.
#[derive(Debug)]
pub(super) struct Until {
    /// The line and its newline.
    line: Vec<u8>,
    /// A newline before it, too.
    finder: Finder<'static>,
    /// How many bytes of it are held, where what comes next can go on with it.
    held: Option<usize>,
    /// None where nothing can be duplicated: then so little is read at a time that it can't be too much.
    scratch: Option<Pipe>,
    seen: Vec<u8>,
}

impl Until {
    /// Looks for `line`, which has no newline.
    pub(super) fn new(line: &[u8]) -> Self {
        let line = [line, b"\n"].concat();
        let finder = Finder::new(&[b"\n", &line[..]].concat()).into_owned();
        Self { line, finder, held: Some(0), scratch: Pipe::new().ok(), seen: vec![0; transfer::BUFFER] }
    }

    /// Looks at the head of the FIFO.
    pub(super) fn look(&mut self, fifo: &ReadEnd) -> Result<Cleared, Errno> {
        if self.held == Some(self.line.len()) {
            self.held = Some(0);
            return Ok(Cleared::Found);
        }
        let count = match self.peek(fifo)? {
            Some(0) => return Ok(Cleared::Nobody),
            Some(count) => count,
            None => return Ok(Cleared::Nothing),
        };
        if self.scratch.is_none() {
            return Ok(self.judge_taken(count));
        }
        let Some(held) = self.held else { return Ok(self.clear(count)) };
        let wanted = &self.line[held..];
        let common = wanted.iter().zip(&self.seen[..count]).take_while(|(one, other)| one == other).count();
        if common < wanted.len().min(count) {
            // It is another line.
            self.held = None;
            return Ok(match held {
                0 => self.clear(count),
                _ => Cleared::Held(self.line[..held].to_vec()),
            });
        }
        take(fifo, common)?;
        let found = held + common == self.line.len();
        self.held = Some(if found { 0 } else { held + common });
        Ok(if found { Cleared::Found } else { Cleared::Held(Vec::new()) })
    }

    /// Everybody has left, so a line that has no newline ends here: whether it was the line, or else what was held of it.
    pub(super) fn end_line(&mut self) -> Cleared {
        let held = self.held.replace(0).unwrap_or(0);
        if held > 0 && held + 1 == self.line.len() {
            return Cleared::Found;
        }
        Cleared::Held(self.line[..held].to_vec())
    }

    /// What is held, at the end of a run.
    pub(super) fn give_up(&mut self) -> Vec<u8> {
        self.line[..self.held.take().unwrap_or(0)].to_vec()
    }

    /// Of so many bytes that are seen, those that can't belong to the line. They begin within another line.
    fn clear(&mut self, count: usize) -> Cleared {
        let seen = &self.seen[..count];
        if let Some(at) = self.finder.find(seen) {
            self.held = Some(0);
            return Cleared::Bytes(at + 1);
        }
        if let Some(newline) = memrchr(b'\n', seen) {
            if self.line.starts_with(&seen[newline + 1..]) {
                self.held = Some(0);
                return Cleared::Bytes(newline + 1);
            }
        }
        Cleared::Bytes(count)
    }

    /// Duplicates what is there, or without tee(2) reads as much as the line may still be. None where there is nothing,
    /// 0 where nobody has it open either.
    fn peek(&mut self, fifo: &ReadEnd) -> Result<Option<usize>, Errno> {
        let nothing = |result| match result {
            Err(Errno::AGAIN) => Ok(None),
            result => result.map(Some),
        };
        if let Some(scratch) = &self.scratch {
            let duplicated = loop {
                match rustix::pipe::tee(fifo, &scratch.writer, self.seen.len(), SpliceFlags::NONBLOCK) {
                    Err(Errno::INTR) => {}
                    result => break result,
                }
            };
            match duplicated {
                Ok(0) => return Ok(Some(0)),
                Ok(count) => {
                    let mut done = 0;
                    while done < count {
                        done += transfer::read(&scratch.reader, &mut self.seen[done..count])?.max(1);
                    }
                    return Ok(Some(count));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(_) => self.scratch = None,
            }
        }
        let most = self.held.map_or(self.line.len() + 1, |held| self.line.len() - held);
        let most = most.min(self.seen.len());
        nothing(fifo.read(&mut self.seen[..most]))
    }

    /// Judges bytes that are taken already.
    fn judge_taken(&mut self, count: usize) -> Cleared {
        let mut out = Vec::new();
        for byte in &self.seen[..count] {
            match self.held {
                // When it is complete, the next look tells: what came before goes on first. No more was read.
                Some(held) if self.line[held] == *byte => {
                    self.held = Some(held + 1);
                }
                held => {
                    out.extend_from_slice(&self.line[..held.unwrap_or(0)]);
                    out.push(*byte);
                    self.held = (*byte == b'\n').then_some(0);
                }
            }
        }
        Cleared::Held(out)
    }
}

/// Takes bytes from the head that were seen there.
fn take(fifo: &ReadEnd, count: usize) -> Result<(), Errno> {
    let mut bytes = vec![0; count];
    let mut done = 0;
    while done < count {
        match fifo.read(&mut bytes[done..])? {
            // Somebody else has read them.
            0 => break,
            taken => done += taken,
        }
    }
    Ok(())
}
