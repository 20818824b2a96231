//! An input that is open: its descriptor, and what was read of it and has not gone out yet.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::decorate::Moment;
use super::plan::What;
use super::records::Cutter;
use crate::error::Named;
use crate::fdio::buffer::ReadBuffer;
use crate::fdio::pipe::{self, Pipe};
use crate::fdio::{device, fork, stdio, transfer};

/// A descriptor that is read without ever waiting for it.
#[derive(Debug)]
pub(super) struct Source {
    fd: OwnedFd,
    /// Other processes may have the same open file, whose flags stay as they are.
    shared: bool,
    kind: FileType,
    widened: bool,
    pub(super) buffer: ReadBuffer,
}

/// An input.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) source: Source,
    pub(super) cutter: Cutter,
    /// Which of the arguments it is of.
    pub(super) number: usize,
    /// The type of its frames.
    pub(super) kind: u8,
    /// What is put in front of its records, less the time.
    pub(super) label: Vec<u8>,
    /// What it is called in messages.
    pub(super) name: Named,
    /// When it was read last, where that is shown.
    pub(super) read: Option<Moment>,
    /// Nothing more will be read.
    pub(super) ended: bool,
    /// There may be whole records that have not gone out.
    pub(super) leftover: bool,
    /// It ends after so many bytes.
    pub(super) left: Option<u64>,
}

/// Why an input can't be read.
#[derive(Debug)]
pub(super) enum Refusal {
    System(Errno),
    /// These words say it.
    Words(&'static str),
}

/// It would be read as it grows, without end.
const IS_OUTPUT: Refusal = Refusal::Words("input file is output file");

/// Two would take the pieces of records from each other.
const IS_TAKEN: Refusal = Refusal::Words("named twice, read once");

/// What is read already and would be shared: pipes, sockets and standard input, by what fstat(2) tells them apart by.
pub(super) type Taken = BTreeSet<(u64, u64)>;

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl Source {
    /// Opens what an argument names, beside those that are `taken`; a FIFO with `follow` so that it never ends.
    pub(super) fn open(what: &What, follow: bool, taken: &mut Taken) -> Result<Self, Refusal> {
        let source = match what {
            What::Stdin => Self::inherited(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?)?,
            What::Path(path) | What::Command(path) => Self::at(path, follow)?,
        };
        if source.is_file() && source.is_output()? {
            return Err(IS_OUTPUT);
        }
        let stat = rustix::fs::fstat(&source.fd)?;
        let shared = matches!(what, What::Stdin) || matches!(kind(&stat), FileType::Fifo | FileType::Socket);
        if shared && !taken.insert((stat.st_dev, stat.st_ino)) { Err(IS_TAKEN) } else { Ok(source) }
    }

    /// The reading end of a new pipe, and its writing end.
    pub(super) fn pipe() -> Result<(Self, OwnedFd), Errno> {
        let Pipe { reader, writer } = Pipe::new()?;
        rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
        Ok((Self::new(reader, false, FileType::Fifo), writer))
    }

    fn new(fd: OwnedFd, shared: bool, kind: FileType) -> Self {
        let buffer = ReadBuffer::new(transfer::BUFFER, &fd);
        Self { fd, shared, kind, widened: false, buffer }
    }

    fn inherited(fd: OwnedFd) -> Result<Self, Errno> {
        // Of one that can't be read poll(2) says nothing.
        if rustix::fs::fcntl_getfl(&fd)? & OFlags::RWMODE == OFlags::WRONLY {
            return Err(Errno::BADF);
        }
        let kind = kind(&rustix::fs::fstat(&fd)?);
        Ok(Self::new(fd, kind != FileType::RegularFile, kind))
    }

    fn at(path: &OsStr, follow: bool) -> Result<Self, Errno> {
        if let Some(number) = descriptor(path) {
            // A socket can't be opened by name, and a pipe whose writers have left would wait for new ones.
            let fd = fork::inherited(number)?;
            if matches!(kind(&rustix::fs::fstat(&fd)?), FileType::Fifo | FileType::Socket) {
                return Self::inherited(fd);
            }
        }
        let fifo = rustix::fs::statat(CWD, path, rustix::fs::AtFlags::empty());
        let fifo = fifo.is_ok_and(|stat| kind(&stat) == FileType::Fifo);
        // One that has it open for writing too, if only ourselves, keeps its end away.
        let access = if fifo && follow { OFlags::RDWR } else { OFlags::RDONLY };
        // A FIFO is not waited for here, but in poll(2), which sees no end before there was a writer.
        let fd = stdio::open(path, access | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())?;
        let kind = kind(&rustix::fs::fstat(&fd)?);
        Ok(Self::new(fd, false, kind))
    }

    /// Whether it is a file that standard output writes into, and there is something in it.
    fn is_output(&self) -> Result<bool, Errno> {
        let stat = rustix::fs::fstat(&self.fd)?;
        let Ok(output) = rustix::fs::fstat(rustix::stdio::stdout()) else { return Ok(false) };
        let at = rustix::fs::tell(&self.fd)?;
        Ok(device::is_same(&stat, &output) && u64::try_from(stat.st_size).is_ok_and(|size| size > at))
    }

    /// Whether it is a regular file, which makes nobody wait.
    pub(super) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    /// Whether it is a pipe or FIFO.
    pub(super) fn is_pipe(&self) -> bool {
        self.kind == FileType::Fifo
    }

    /// Reads once what is there: 0 is the end, AGAIN says that there is nothing yet. A full buffer grows up to `most`
    /// bytes.
    pub(super) fn read(&mut self, most: usize) -> Result<usize, Errno> {
        if self.buffer.is_full() {
            self.buffer.grow(self.buffer.capacity().saturating_mul(2).min(most))?;
        }
        let count = self.buffer.fill_now(&self.fd, self.shared)?;
        self.moved(count);
        Ok(count)
    }

    /// So many bytes came of it at once.
    pub(super) fn moved(&mut self, count: usize) {
        if count >= transfer::BUFFER / 2 && !self.widened {
            self.widened = true;
            pipe::widen(&self.fd);
        }
    }

    /// Whether it is a pipe that is empty and will stay so.
    pub(super) fn is_at_end(&self) -> bool {
        pipe::has_ended(&self.fd)
    }

    /// The bytes that are there and were not read; 0 where that can't be told.
    pub(super) fn unread(&self) -> u64 {
        pipe::unread(&self.fd).unwrap_or(0)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The number of the descriptor that a path names.
fn descriptor(path: &OsStr) -> Option<RawFd> {
    let path = path.as_bytes();
    if path == b"/dev/stdin" {
        return Some(0);
    }
    let number = path.strip_prefix(b"/dev/fd/").or_else(|| path.strip_prefix(b"/proc/self/fd/"))?;
    std::str::from_utf8(number).ok().filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}
