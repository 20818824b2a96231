//! Bytes that have to wait and are too many for memory: a file without a name, which is gone with the process.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::transfer::{self, Spliced};

/// A file that is appended to, and then read from its beginning.
#[derive(Debug)]
pub struct Spool {
    file: OwnedFd,
    length: u64,
}

/// Where spools are made: TMPDIR, or else /tmp.
#[must_use]
pub fn directory() -> OsString {
    std::env::var_os("TMPDIR").filter(|directory| !directory.is_empty()).unwrap_or_else(|| "/tmp".into())
}

impl Spool {
    /// Makes an empty one in [`directory`].
    pub fn new() -> Result<Self, Errno> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let directory = PathBuf::from(directory());
        let file = match rustix::fs::open(&directory, flags | OFlags::TMPFILE, mode) {
            // File systems that have no such files: one with a name, for a moment.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let path = directory.join(format!(".teebox-{}", std::process::id()));
                let file = rustix::fs::open(&path, flags | OFlags::CREATE | OFlags::EXCL, mode)?;
                rustix::fs::unlink(&path)?;
                file
            }
            result => result?,
        };
        Ok(Self { file, length: 0 })
    }

    /// The bytes in it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        transfer::write_all(&self.file, bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Reads once at an offset. EIO where the file ends before.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        loop {
            match rustix::io::pread(&self.file, &mut *bytes, offset) {
                Ok(0) => return Err(Errno::IO),
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    /// The file at its beginning, to be read up to [`Self::length`].
    pub fn rewind(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        rustix::fs::seek(&self.file, SeekFrom::Start(0))?;
        Ok(self.file.as_fd())
    }
}

/// The size of a [`Block`], in bytes.
pub const BLOCK: u64 = 256 * 1024;

/// How many blocks of a file may have been read, beyond as many as still wait, before there is another file.
const SPENT: u64 = 256;

/// A part of a file, of [`BLOCK`] bytes: what is put into it, one after the other, is taken out in the same order.
#[derive(Debug)]
pub struct Block {
    file: Rc<Spool>,
    /// Where it begins in the file.
    start: u64,
    /// What was taken out, and what was put in.
    taken: u64,
    filled: u64,
}

impl Block {
    /// The bytes in it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.filled - self.taken
    }

    /// The bytes that it still has room for.
    #[must_use]
    pub fn room(&self) -> u64 {
        BLOCK - self.filled
    }

    /// Writes once, at most what there is room for, and returns how much that was. ENOSPC when the file system is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let bytes = &bytes[..at_most(self.room(), bytes.len())];
        loop {
            match rustix::io::pwrite(&self.file.file, bytes, self.start + self.filled) {
                Err(Errno::INTR) => {}
                Ok(0) if !bytes.is_empty() => return Err(Errno::IO),
                Ok(written) => {
                    self.filled += written as u64;
                    return Ok(written);
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Moves up to `length` bytes of what is in a pipe into it, as many as there is room for.
    pub fn splice_in(&mut self, pipe: impl AsFd, length: usize) -> Spliced {
        let at = self.start + self.filled;
        let spliced = transfer::splice_into(pipe, &self.file.file, at, at_most(self.room(), length));
        if let Spliced::Moved(count) = spliced {
            self.filled += count as u64;
        }
        spliced
    }

    /// Moves what there is room for into a pipe: not the bytes, but the file's pages, which nobody writes again.
    pub fn splice_out(&mut self, pipe: impl AsFd) -> Spliced {
        let at = self.start + self.taken;
        let spliced = transfer::splice_out_of(&self.file.file, at, pipe, at_most(self.length(), usize::MAX));
        if let Spliced::Moved(count) = spliced {
            self.taken += count as u64;
        }
        spliced
    }

    /// Appends what was put in first to `out`, up to `most` bytes. EIO where the file is shorter.
    pub fn read(&mut self, most: usize, out: &mut Vec<u8>) -> Result<(), Errno> {
        let mut done = out.len();
        out.resize(done + at_most(self.length(), most), 0);
        while done < out.len() {
            let count = self.file.read_at(self.start + self.taken, &mut out[done..])?;
            done += count;
            self.taken += count as u64;
        }
        Ok(())
    }

    /// The byte that was put in last. EIO where there is none.
    pub fn last(&self) -> Result<u8, Errno> {
        let mut byte = [0];
        self.file.read_at(self.start + self.filled.checked_sub(1).ok_or(Errno::IO)?, &mut byte)?;
        Ok(byte[0])
    }
}

fn at_most(limit: u64, count: usize) -> usize {
    usize::try_from(limit).map_or(count, |limit| limit.min(count))
}

/// Blocks for several queues, of which each takes as many as it needs. They are of one spool; as a pipe may still have the
/// pages of a block that was moved into it, none is used again, and another spool takes the place of one that is read for
/// the most part. Its space is free when its last block is dropped.
#[derive(Debug, Default)]
pub struct Blocks {
    file: Option<Rc<Spool>>,
    end: u64,
}

impl Blocks {
    /// An empty block. The error is that of [`Spool::new`].
    pub fn take(&mut self) -> Result<Block, Errno> {
        let waiting = self.waiting();
        let spent = self.end / BLOCK - waiting;
        let file = match &self.file {
            Some(file) if spent <= waiting + SPENT => file,
            _ => {
                let new = Rc::new(Spool::new()?);
                self.end = 0;
                self.file.insert(new)
            }
        };
        let start = self.end;
        self.end += BLOCK;
        Ok(Block { file: file.clone(), start, taken: 0, filled: 0 })
    }

    /// How many blocks of the newest spool there are.
    fn waiting(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| Rc::strong_count(file) as u64 - 1)
    }

    /// Gives up the newest spool if none of its blocks is left, and tells whether that is so.
    pub fn release(&mut self) -> bool {
        let empty = self.waiting() == 0;
        if empty {
            *self = Self::default();
        }
        empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spool_takes_the_place_of_one_that_is_read_for_the_most_part() {
        let mut blocks = Blocks::default();
        let kept: Vec<Block> = (0..10).map(|_| blocks.take().unwrap()).collect();
        for _ in 0..10 * SPENT {
            let block = blocks.take().unwrap();
            assert!(block.start / BLOCK <= 10 + SPENT + 10);
        }
        assert_eq!(Rc::strong_count(&kept[0].file), kept.len());
    }
}
