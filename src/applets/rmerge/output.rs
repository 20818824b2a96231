//! Standard output, which is never waited for: what it has no room for is kept until it has.

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::fdio::{pipe, transfer};

/// From this size on, in bytes, what is held is written.
pub(super) const ENOUGH: usize = transfer::BUFFER;

/// What is to be written to standard output.
#[derive(Debug)]
pub(super) struct Output {
    /// What is to be written next, from `done` on.
    held: Vec<u8>,
    done: usize,
    /// It has no room, as far as is known.
    blocked: bool,
    /// It is a pipe or a socket, where the other side may leave.
    connected: bool,
    widened: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        let stat = rustix::fs::fstat(rustix::stdio::stdout());
        let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let connected = matches!(kind, Ok(FileType::Fifo | FileType::Socket));
        Self { held: Vec::new(), done: 0, blocked: false, connected, widened: false }
    }

    /// Whether there is something to be written for which there was no room.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether poll(2) tells when its reader is gone.
    pub(super) fn is_connected(&self) -> bool {
        self.connected
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

    fn write_from_held(&mut self) -> Result<usize, Errno> {
        let held = std::mem::take(&mut self.held);
        let written = self.write(&held[self.done..]);
        self.held = held;
        written
    }

    /// Writes bytes while nothing is held, as many as there is room for; returns how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        if bytes.len() >= ENOUGH / 2 && !self.widened {
            self.widened = true;
            pipe::widen(rustix::stdio::stdout());
        }
        let mut done = 0;
        while done < bytes.len() {
            match transfer::write_now(rustix::stdio::stdout(), &bytes[done..]) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => done += count,
                Err(Errno::AGAIN) => {
                    self.blocked = true;
                    break;
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }
}
