//! `--drop`: what nobody takes at once is dropped, in whole lines, and counted.

use rustix::event::PollFlags;
use rustix::io::Errno;

use memchr::{memchr, memchr_iter};

use super::NAME;
use super::lines::whole;
use super::write::{Dropping, Writing};
use crate::error::Error;
use crate::report::{self, Subject};

/// What was dropped, and what must not be.
#[derive(Debug)]
pub(super) struct Dropped {
    how: Dropping,
    lines: u64,
    /// Those that were not said in the stream yet.
    unmarked: u64,
    /// The rest of a line whose beginning is in the FIFO,
    rest: Vec<u8>,
    /// in the one that was opened as this one of all.
    begun: u64,
    /// What comes is the rest of a line that was dropped.
    skipping: bool,
}

impl Dropped {
    pub(super) fn new(how: Dropping) -> Self {
        Self { how, lines: 0, unmarked: 0, rest: Vec::new(), begun: 0, skipping: false }
    }

    /// Relays until the input ends, and says what was dropped; returns the exit status.
    pub(super) fn relay(mut self, writing: &mut Writing<'_>) -> Result<u8, Error> {
        let result = self.run(writing);
        // A line that has begun goes on as far as there is room, also when a signal ends it.
        if result.is_err() && !self.deliver_rest(writing).unwrap_or(false) {
            self.drop_rest();
        }
        if self.lines > 0 {
            let reason = format!("{} dropped", counted(self.lines));
            report::reason(NAME, Subject::Name(writing.target.path.given()), &reason);
        }
        result.map(|()| u8::from(writing.target.lost))
    }

    fn run(&mut self, writing: &mut Writing<'_>) -> Result<(), Error> {
        // A name that is wrong from the beginning is an error, and not a reader that is missing.
        writing.target.try_open()?;
        loop {
            self.deliver_all(writing)?;
            if writing.lines.ended {
                break;
            }
            // Without a reader it would be an event without end.
            let waits = !self.rest.is_empty() && writing.target.has_reader();
            let wanted = waits.then_some(PollFlags::OUT);
            let (input, fifo) = writing.poll(wanted)?;
            if !fifo.is_empty() {
                self.deliver_rest(writing)?;
            }
            if input {
                writing.lines.make_room().map_err(|errno| writing.target.path.failed(errno))?;
                writing.fill()?;
            }
        }
        // A line that has begun to appear is the one thing that is waited for.
        while !self.deliver_rest(writing)? {
            if !writing.target.has_reader() {
                self.drop_rest();
                break;
            }
            writing.wait_for_room()?;
        }
        if self.how.mark && self.unmarked > 0 {
            self.deliver_mark(writing)?;
        }
        Ok(())
    }

    /// Delivers or drops all lines that are there.
    fn deliver_all(&mut self, writing: &mut Writing<'_>) -> Result<(), Error> {
        loop {
            let bytes = writing.lines.bytes();
            let ended = writing.lines.ended;
            if self.skipping {
                let newline = memchr(b'\n', bytes);
                let count = newline.map_or(bytes.len(), |newline| newline + 1);
                self.skipping = newline.is_none() && !ended;
                writing.lines.take(count);
                if newline.is_none() {
                    return Ok(());
                }
                continue;
            }
            let count = match (whole(bytes, ended), memchr(b'\n', bytes)) {
                (Some(count), _) => count,
                (None, Some(newline)) => newline + 1,
                (None, None) if ended && !bytes.is_empty() => bytes.len(),
                (None, None) if bytes.len() > self.how.most => {
                    self.count(1);
                    self.skipping = true;
                    continue;
                }
                (None, None) => return Ok(()),
            };
            let batch = bytes[..count].to_vec();
            let lines = memchr_iter(b'\n', &batch).count() as u64 + u64::from(!batch.ends_with(b"\n"));
            // Together they fit; a single one may be too long.
            let too_long = lines == 1 && batch.strip_suffix(b"\n").unwrap_or(&batch).len() > self.how.most;
            if too_long || !self.deliver(writing, &batch)? {
                self.count(lines);
            }
            writing.lines.take(count);
        }
    }

    /// Writes these whole lines, or begins to; false if they are to be dropped.
    fn deliver(&mut self, writing: &mut Writing<'_>, batch: &[u8]) -> Result<bool, Error> {
        if !self.deliver_rest(writing)? || self.how.mark && self.unmarked > 0 && !self.deliver_mark(writing)? {
            return Ok(false);
        }
        let written = write(writing, batch)?;
        if written > 0 {
            self.rest = batch[written..].to_vec();
            self.begun = writing.target.opens;
        }
        Ok(written > 0)
    }

    /// Writes what there is room for of a line that has been begun; true if nothing of it is left.
    fn deliver_rest(&mut self, writing: &mut Writing<'_>) -> Result<bool, Error> {
        if self.rest.is_empty() {
            return Ok(true);
        }
        if !writing.target.has_reader() {
            writing.target.try_open()?;
            // While its beginning is there for the next reader, nothing else may come after it.
            if writing.target.opens != self.begun || writing.target.unread() == 0 {
                self.drop_rest();
                return Ok(true);
            }
        }
        let written = write_open(writing, &self.rest)?;
        self.rest.drain(..written);
        Ok(self.rest.is_empty())
    }

    fn drop_rest(&mut self) {
        self.rest.clear();
        self.count(1);
    }

    /// Says in the stream what was dropped; false if there is no room for that.
    fn deliver_mark(&mut self, writing: &mut Writing<'_>) -> Result<bool, Error> {
        let mark = format!("[{NAME}: {} dropped]\n", counted(self.unmarked));
        // Short enough to be written whole.
        let written = write(writing, mark.as_bytes())? > 0;
        if written {
            self.unmarked = 0;
        }
        Ok(written)
    }

    fn count(&mut self, lines: u64) {
        self.lines += lines;
        self.unmarked += lines;
    }
}

/// Writes what there is room for, to whoever reads PATH now; 0 if there is none, or nobody.
fn write(writing: &mut Writing<'_>, bytes: &[u8]) -> Result<usize, Error> {
    if writing.target.has_reader() || writing.target.try_open()? { write_open(writing, bytes) } else { Ok(0) }
}

/// Writes what there is room for in the FIFO that is open; 0 if there is none, or nobody reads it.
fn write_open(writing: &Writing<'_>, bytes: &[u8]) -> Result<usize, Error> {
    let Some(fd) = writing.target.fd() else { return Ok(0) };
    loop {
        match rustix::io::write(fd, bytes) {
            Ok(written) => {
                writing.wrote(written);
                return Ok(written);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN | Errno::PIPE) => return Ok(0),
            Err(errno) => return Err(writing.target.path.failed(errno)),
        }
    }
}

fn counted(lines: u64) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}
