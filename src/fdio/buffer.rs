//! Bytes that were read from a descriptor and are not used yet.

use std::os::fd::AsFd;

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::SocketType;

use super::{pipe, transfer};

/// What a packet of a socket may have, in bytes: it has to fit into its sender's buffer, for which net.core.wmem_max, of
/// 208 KiB, counts twice unless root asks.
const SOCKET_PACKET: usize = 512 * 1024;

/// A buffer that is filled at its end and used from its head.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The most that one read has to have room for.
    packet: usize,
}

impl ReadBuffer {
    /// A buffer for `capacity` bytes of `input`.
    #[must_use]
    pub fn new(capacity: usize, input: impl AsFd) -> Self {
        let packet = packet_most(input).unwrap_or(1);
        Self { bytes: vec![0; capacity + packet - 1], start: 0, end: 0, packet }
    }

    /// What is there.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// How many bytes it is for, in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len() - (self.packet - 1)
    }

    /// Whether as many bytes are there as it is for, so that there may be no room for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.end - self.start >= self.capacity()
    }

    /// Makes it one for at least `capacity` bytes in all. ENOMEM where that can't be had.
    pub fn grow(&mut self, capacity: usize) -> Result<(), Errno> {
        if capacity > self.capacity() {
            self.compact();
            let length = capacity.checked_add(self.packet - 1).ok_or(Errno::NOMEM)?;
            self.bytes.try_reserve_exact(length - self.bytes.len()).map_err(|_| Errno::NOMEM)?;
            self.bytes.resize(length, 0);
        }
        Ok(())
    }

    /// Uses `count` bytes at the head, or all.
    pub fn take(&mut self, count: usize) {
        self.start = self.end.min(self.start.saturating_add(count));
    }

    /// Reads once, waiting for the first byte, at most what there is room for, and at most `most` bytes, which cuts
    /// packets short; 0 is the end, or that it is full. EMSGSIZE for a packet that there was no room for.
    pub fn fill(&mut self, from: impl AsFd, most: usize) -> Result<usize, Errno> {
        self.compact();
        let room = &mut self.bytes[self.end..];
        let most = most.min(room.len());
        let room = &mut room[..most];
        let count =
            if self.packet == SOCKET_PACKET { transfer::receive(from, room) } else { transfer::read(from, room) }?;
        self.end += count;
        Ok(count)
    }

    /// Reads once what is there, without waiting; 0 is the end, or that it is full, and AGAIN says that there is nothing
    /// yet. A descriptor that is `shared` keeps its flags; one that isn't has O_NONBLOCK, or is a file.
    pub fn fill_now(&mut self, from: impl AsFd, shared: bool) -> Result<usize, Errno> {
        self.compact();
        let room = &mut self.bytes[self.end..];
        let count = if self.packet == SOCKET_PACKET {
            transfer::receive_now(from, room)
        } else if shared {
            transfer::read_now(from, room)
        } else {
            transfer::read_once(from, room)
        }?;
        self.end += count;
        Ok(count)
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }
}

/// The most bytes of a packet, where a descriptor may give packets: who reads one with less room loses its rest. None
/// where it gives a stream for sure. See O_DIRECT in pipe(2), and socket(2).
#[must_use]
pub fn packet_most(fd: impl AsFd) -> Option<usize> {
    match FileType::from_raw_mode(rustix::fs::fstat(&fd).ok()?.st_mode) {
        // A packet is a page at most. Only the writing end's flags tell of them, and there may be several.
        FileType::Fifo => Some(pipe::PAGE),
        FileType::Socket => {
            (rustix::net::sockopt::socket_type(fd).ok()? != SocketType::STREAM).then_some(SOCKET_PACKET)
        }
        _ => None,
    }
}
