//! Bytes that have to wait and are too many for memory: a file without a name, which is gone with the process.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::transfer;

/// A file that is appended to, and then read from its beginning; or written and read at any place.
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

    /// The file at its beginning, to be read up to [`Self::length`].
    pub fn rewind(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        rustix::fs::seek(&self.file, SeekFrom::Start(0))?;
        Ok(self.file.as_fd())
    }
    /// Writes at an offset, all of it or, where that fails, some. ENOSPC when the file system is full.
    pub fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(&self.file, bytes, offset) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Fills `bytes` from an offset on. EIO where the file ends before.
    pub fn read_at(&self, mut offset: u64, mut bytes: &mut [u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match rustix::io::pread(&self.file, &mut *bytes, offset) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => {
                    bytes = &mut bytes[count..];
                    offset += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Gives the file system back the space of `length` bytes that are not needed any more, where it can take it.
    pub fn discard(&self, offset: u64, length: u64) {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = rustix::fs::fallocate(&self.file, hole, offset, length);
    }
}
