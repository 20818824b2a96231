//! An input of any kind as a pipe that can be duplicated from.
//!
//! Even an input that is a pipe goes through one of our own. Between tee(2) and the splice(2) that takes what was
//! duplicated, another process that reads the same pipe could take it; and while splice(2) waits for a terminal it
//! holds its pipe's lock, which the input's writers need.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use super::buffer::{self, ReadBuffer};
use super::device;
use super::pipe::{self, Pipe};
use super::transfer::{self, Spliced};

/// What [`Source::fill`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// There are bytes, or they are to be had by reading.
    Some,
    /// Nothing has arrived yet (only where the input is a pipe, or doesn't wait).
    Nothing,
    /// The input has ended.
    End,
}

/// An input, and the pipe its bytes come through.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own about the input.
pub struct Source<'a> {
    input: BorrowedFd<'a>,
    kind: Option<FileType>,
    write_only: bool,
    terminal: bool,
    /// The input is the null device, for which no pipe is made: it has nothing to give.
    null: bool,
    /// None where no pipe could be made, or tee(2) is refused: then bytes are had by reading only.
    pipe: Option<Pipe>,
    /// The bytes in the pipe.
    held: usize,
    /// Bytes come into the pipe by read(2): splice(2) was refused, or must not be used.
    copies: bool,
    /// The input is a pipe that may be in packet mode.
    unprobed: bool,
    /// The packet that was read last, less what went into the pipe, where the input is a socket that keeps packets whole.
    packet: Option<ReadBuffer>,
}

impl<'a> Source<'a> {
    /// The source of what `input` gives.
    #[must_use]
    pub fn new(input: BorrowedFd<'a>) -> Self {
        let stat = rustix::fs::fstat(input).ok();
        let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let null = stat.is_some_and(|stat| device::is_null(&stat));
        let packets = kind == Some(FileType::Socket) && buffer::packet_most(input).is_some();
        let access = rustix::fs::fcntl_getfl(input).map(|flags| flags & OFlags::RWMODE);
        Self {
            input,
            write_only: access == Ok(OFlags::WRONLY),
            terminal: kind == Some(FileType::CharacterDevice) && !null && rustix::termios::isatty(input),
            kind,
            null,
            pipe: if null { None } else { Pipe::new().ok() },
            held: 0,
            // Whatever splice(2) has room for would be taken for the whole packet.
            copies: packets,
            unprobed: kind == Some(FileType::Fifo),
            packet: packets.then(|| ReadBuffer::new(1, input)),
        }
    }

    /// The input itself, to wait for.
    #[must_use]
    pub fn input(&self) -> BorrowedFd<'a> {
        self.input
    }

    /// Whether there is no point in poll(2): there are bytes held, or the input never makes anyone wait, or can't be
    /// read at all, which poll(2) doesn't tell.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let left_of_packet = self.packet.as_ref().is_some_and(|packet| !packet.bytes().is_empty());
        self.held > 0 || left_of_packet || self.null || self.kind == Some(FileType::RegularFile) || self.write_only
    }

    /// Whether the input is a terminal. There read(2) means more than waiting for data: it may end after a time without
    /// any, and it stops a job in the background.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The bytes in the pipe.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Whether the input is a pipe.
    #[must_use]
    pub fn is_pipe(&self) -> bool {
        self.kind == Some(FileType::Fifo)
    }

    /// The pipe to duplicate from and to take from with splice(2), if there is one.
    #[must_use]
    pub fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(|pipe| pipe.reader.as_fd())
    }

    /// Brings up to `length` bytes into the pipe, unless it holds some already. Of an input that is a pipe it takes what
    /// is there; of others it waits for the first byte.
    pub fn fill(&mut self, length: usize) -> Result<Filled, Errno> {
        let Some(pipe) = &self.pipe else {
            if !self.null {
                return Ok(Filled::Some);
            }
            // The null device may still have been opened for writing only.
            transfer::read(self.input, &mut [0])?;
            return Ok(Filled::End);
        };
        if self.held > 0 {
            return Ok(Filled::Some);
        }
        if !self.copies {
            match transfer::splice(self.input, &pipe.writer, length, self.kind != Some(FileType::Fifo)) {
                Spliced::Moved(count) => self.held = count,
                Spliced::WouldBlock => return Ok(Filled::Nothing),
                Spliced::Failed(errno) => return Err(errno),
                Spliced::Refused => self.copies = true,
            }
            if self.held > 1 && self.unprobed {
                // Fewer bytes don't tell a packet from a plain write.
                self.unprobed = self.held < 4;
                if carries_packets(&pipe.reader, self.held) {
                    self.copies = true;
                    unpack(pipe, self.held)?;
                }
                return Ok(Filled::Some);
            }
        }
        if self.copies {
            // A page fits into any pipe that is empty.
            let mut page = [0; pipe::PAGE];
            let length = length.min(page.len());
            let count = read_input(self.input, &mut self.packet, &mut page[..length])?;
            transfer::write_all(&pipe.writer, &page[..count])?;
            self.held = count;
        }
        Ok(if self.held == 0 { Filled::End } else { Filled::Some })
    }

    /// Takes bytes by read(2) from now on, for an input that an output changes: what splice(2) takes of a file stays the
    /// file's until it is delivered.
    pub fn copy_from_now_on(&mut self) {
        self.copies = true;
    }

    /// Sets a regular file's offset back to the first byte that nobody got, for whoever reads it next.
    pub fn give_back(&mut self) {
        if self.held > 0 && self.kind == Some(FileType::RegularFile) {
            // At most LARGE, which fits.
            let held = i64::try_from(self.held).unwrap_or(0);
            let _ = rustix::fs::seek(self.input, SeekFrom::Current(-held));
            self.held = 0;
        }
    }

    /// Notes that `count` bytes were taken from the pipe with splice(2).
    pub fn taken(&mut self, count: usize) {
        self.held = self.held.saturating_sub(count);
    }

    /// Reads bytes at the head, of the pipe if it holds some, waiting for the first; 0 is the end of the input.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let Some(pipe) = self.pipe.as_ref().filter(|_| self.held > 0) else {
            return read_input(self.input, &mut self.packet, buffer);
        };
        let length = self.held.min(buffer.len());
        let count = transfer::read(&pipe.reader, &mut buffer[..length])?;
        self.held -= count;
        Ok(count)
    }

    /// Gives up the pipe once it is empty, so that from then on bytes are read straight from the input.
    pub fn give_up_pipe(&mut self) {
        if self.held == 0 {
            self.pipe = None;
        }
    }

    /// Makes the input's own pipe, and the one behind it, as large as they may be.
    pub fn widen(&self) {
        if self.is_pipe() {
            pipe::widen(self.input);
        }
        if let Some(pipe) = &self.pipe {
            pipe::widen(&pipe.writer);
        }
    }
}

/// Reads from the input itself, or what is left of its last packet.
fn read_input(input: BorrowedFd<'_>, packet: &mut Option<ReadBuffer>, buffer: &mut [u8]) -> Result<usize, Errno> {
    let Some(packet) = packet else { return transfer::read(input, buffer) };
    if packet.bytes().is_empty() {
        packet.fill(input, usize::MAX)?;
    }
    let count = packet.bytes().len().min(buffer.len());
    buffer[..count].copy_from_slice(&packet.bytes()[..count]);
    packet.take(count);
    Ok(count)
}

/// Whether what is in a pipe, `held` bytes or more, at least two, are packets, as from a writer with `O_DIRECT`. See pipe(2).
///
/// They would stay packets through splice(2) and tee(2), and whoever reads one with a short buffer loses the rest of it.
/// Nothing tells of them but just that; so it is tried on a duplicate.
#[must_use]
pub fn carries_packets(pipe: impl AsFd, held: usize) -> bool {
    // Without a second pipe there is no telling; to take them for packets is slower and does no harm.
    let Ok(probe) = Pipe::new() else { return true };
    let duplicated = rustix::pipe::tee(pipe, &probe.writer, held, SpliceFlags::NONBLOCK).unwrap_or(0);
    let mut left = duplicated;
    // Two bytes, then one: a packet of one byte cuts the first read short, and a longer one loses its rest to either.
    for length in [2, 1] {
        if left < length {
            break;
        }
        let count = transfer::read(&probe.reader, &mut [0; 2][..length]);
        left -= length;
        if count != Ok(length) || rustix::io::ioctl_fionread(&probe.reader) != Ok(left as u64) {
            return true;
        }
    }
    false
}

/// Makes plain bytes of the packets in a pipe.
fn unpack(pipe: &Pipe, held: usize) -> Result<(), Errno> {
    let mut bytes = vec![0; held];
    let mut done = 0;
    while done < held {
        match transfer::read(&pipe.reader, &mut bytes[done..])? {
            0 => break,
            count => done += count,
        }
    }
    transfer::write_all(&pipe.writer, &bytes[..done])
}
