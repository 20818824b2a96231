//! Standard output, which is never waited for: what it has no room for is kept until it has.

use std::time::{Duration, Instant};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::fdio::spool::Block;
use crate::fdio::stdio::{self, Unwaited};
use crate::fdio::transfer::Spliced;
use crate::fdio::{pipe, transfer};

/// From this size on, in bytes, what is held is written.
pub(super) const ENOUGH: usize = transfer::BUFFER;

/// How often it is looked whether the other side of a socket without room reads no more.
const RETRY: Duration = Duration::from_secs(1);

/// What is to be written to standard output.
#[derive(Debug)]
pub(super) struct Output {
    /// What is to be written next, from `done` on.
    held: Vec<u8>,
    done: usize,
    /// It has no room, as far as is known.
    blocked: bool,
    /// What write(2) says once the other side is gone, where poll(2) tells of that.
    gone: Option<Errno>,
    kind: FileType,
    /// When to write to a socket again that had no room: poll(2) doesn't tell that its other side reads no more.
    retry: Option<Instant>,
    out: Unwaited,
    widened: bool,
    /// The pages of a file can be moved into it.
    splices: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        let stat = rustix::fs::fstat(rustix::stdio::stdout());
        let kind = stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode));
        let gone = match kind {
            FileType::Fifo | FileType::Socket => Some(Errno::PIPE),
            _ if stdio::is_terminal_out() => Some(Errno::IO),
            _ => None,
        };
        let splices = kind == FileType::Fifo;
        Self {
            held: Vec::new(),
            done: 0,
            blocked: false,
            gone,
            kind,
            retry: None,
            out: Unwaited::stdout(),
            widened: false,
            splices,
        }
    }

    /// Whether there is something to be written for which there was no room.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What write(2) says once the other side is gone, where poll(2) tells of that.
    pub(super) fn gone(&self) -> Option<Errno> {
        self.gone
    }

    /// When to write again, though poll(2) hasn't said that there is room.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.retry.filter(|_| self.blocked)
    }

    /// What is held, to be added to.
    pub(super) fn held(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// There may be room again.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Gives up what is held.
    pub(super) fn clear(&mut self) {
        self.held = Vec::new();
        (self.done, self.blocked) = (0, false);
    }

    /// Writes what is held, or as much of it as there is room for.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        if self.blocked || self.held.is_empty() {
            return Ok(());
        }
        self.done += self.write_from_held()?;
        if !self.blocked {
            self.held.clear();
            self.done = 0;
            // What a long record took is given back.
            self.held.shrink_to(4 * ENOUGH);
        }
        Ok(())
    }

    /// Moves what there is room for of a block while nothing is held; false where the output takes only what is written.
    pub(super) fn splice(&mut self, block: &mut Block) -> Result<bool, Errno> {
        if !self.splices {
            return Ok(false);
        }
        self.widen();
        match block.splice_out(rustix::stdio::stdout()) {
            Spliced::Failed(Errno::PIPE) => return Err(Errno::PIPE),
            // Reading it says why.
            Spliced::Moved(0) | Spliced::Refused | Spliced::Failed(_) => self.splices = false,
            Spliced::Moved(_) => {}
            Spliced::WouldBlock => self.blocked = true,
        }
        Ok(self.splices)
    }

    fn widen(&mut self) {
        if !self.widened {
            self.widened = true;
            pipe::widen(rustix::stdio::stdout());
        }
    }

    fn write_from_held(&mut self) -> Result<usize, Errno> {
        let held = std::mem::take(&mut self.held);
        let written = self.write(&held[self.done..]);
        self.held = held;
        written
    }

    /// Writes bytes while nothing is held, as many as there is room for; returns how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        if bytes.len() >= ENOUGH / 2 {
            self.widen();
        }
        let mut done = 0;
        while done < bytes.len() {
            match transfer::write_now(&self.out, &bytes[done..]) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => done += count,
                Err(Errno::AGAIN) => {
                    self.blocked = true;
                    self.retry = (self.kind == FileType::Socket).then(|| Instant::now() + RETRY);
                    break;
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }
}
