//! Standard output: from the FIFO by splice(2) where it can be, and never waited for where others want to be heard.

use std::os::fd::BorrowedFd;

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::error::{Error, Named};
use crate::fdio::fifo::ReadEnd;
use crate::fdio::pipe::{self, Pipe};
use crate::fdio::signal::{Inherited, Signal};
use crate::fdio::stdio::Unwaited;
use crate::fdio::transfer::{self, Spliced};
use crate::fdio::{device, signal};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes, at least one, were taken from the FIFO.
    Moved(usize),
    /// The FIFO is empty.
    Empty,
    /// The FIFO is empty, and nobody has it open.
    Nobody,
    /// There is no room in the output.
    Full,
}

/// How bytes get there.
#[derive(Debug)]
enum Way {
    /// Into a pipe or the null device, in the kernel.
    Direct,
    /// Into a file through a pipe of our own: splice(2) holds its pipe's lock while it writes, and would hold up the
    /// writers.
    Staged(Pipe),
    /// Through memory.
    Copied,
}

/// Standard output, and what is to be written to it.
#[derive(Debug)]
pub(super) struct Output {
    way: Way,
    /// What comes before anything else, from `written` on.
    pub(super) pending: Vec<u8>,
    written: usize,
    out: Unwaited,
    sigpipe: Inherited,
}

/// The descriptor.
pub(super) fn stdout() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

impl Output {
    /// A reader that leaves, and a limit that is reached, are errors from now on, so that there is time to clean up.
    pub(super) fn new() -> Self {
        let sigpipe = signal::ignore(Signal::SIGPIPE);
        signal::ignore(Signal::SIGXFSZ);
        let stat = rustix::fs::fstat(stdout()).ok();
        let way = match stat.map(|stat| (FileType::from_raw_mode(stat.st_mode), device::is_null(&stat))) {
            Some((FileType::Fifo, _) | (_, true)) => Way::Direct,
            Some((FileType::RegularFile | FileType::BlockDevice, _)) => Pipe::new().map_or(Way::Copied, Way::Staged),
            _ => Way::Copied,
        };
        Self { way, pending: Vec::new(), written: 0, out: Unwaited::stdout(), sigpipe }
    }

    /// Why a run ends that can't write: a reader that left ends it as it ends any program.
    pub(super) fn failed(&self, errno: Errno) -> Error {
        if errno == Errno::PIPE && self.sigpipe == Inherited::Default {
            return Error::Signal(Signal::SIGPIPE);
        }
        Error::output(errno)
    }

    /// Writes what is pending as far as there is room, and tells whether all of it was.
    pub(super) fn flush(&mut self) -> Result<bool, Error> {
        while self.written < self.pending.len() {
            match transfer::write_now(&self.out, &self.pending[self.written..]) {
                Ok(0) => return Err(self.failed(Errno::IO)),
                Ok(count) => self.written += count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(self.failed(errno)),
            }
        }
        self.pending.clear();
        self.written = 0;
        Ok(true)
    }

    /// Takes up to `most` bytes from the FIFO, once nothing is pending.
    pub(super) fn relay(&mut self, fifo: &ReadEnd, most: usize) -> Result<Step, Error> {
        match &self.way {
            Way::Direct => match transfer::splice(fifo, stdout(), most, false) {
                Spliced::Moved(0) => return Ok(Step::Nobody),
                Spliced::Moved(count) => return Ok(Step::Moved(count)),
                Spliced::WouldBlock => {
                    // An output that is full hides that nobody is there.
                    let left = fifo.is_left();
                    return Ok(match fifo.unread() {
                        0 if left => Step::Nobody,
                        0 => Step::Empty,
                        _ => Step::Full,
                    });
                }
                Spliced::Failed(errno) => return Err(self.failed(errno)),
                Spliced::Refused => self.way = Way::Copied,
            },
            Way::Staged(stage) => match transfer::splice(fifo, &stage.writer, most, false) {
                Spliced::Moved(0) => return Ok(Step::Nobody),
                Spliced::Moved(count) => return self.unstage(count).map(|()| Step::Moved(count)),
                Spliced::WouldBlock => return Ok(Step::Empty),
                Spliced::Failed(_) | Spliced::Refused => self.way = Way::Copied,
            },
            Way::Copied => {}
        }
        let before = self.pending.len();
        self.pending.resize(before + most.min(transfer::BUFFER), 0);
        let read = fifo.read(&mut self.pending[before..]);
        self.pending.truncate(before + read.unwrap_or(0));
        match read {
            Ok(0) => Ok(Step::Nobody),
            Ok(count) => self.flush().map(|_| Step::Moved(count)),
            Err(Errno::AGAIN) => Ok(Step::Empty),
            Err(errno) => Err(Error::System(Named::Words("read error"), errno)),
        }
    }

    /// Moves all that is staged to the file, which doesn't make anyone wait but for its disk.
    fn unstage(&mut self, count: usize) -> Result<(), Error> {
        let Way::Staged(stage) = &self.way else { return Ok(()) };
        let mut left = count;
        while left > 0 {
            match transfer::splice(&stage.reader, stdout(), left, true) {
                Spliced::Moved(count @ 1..) => left -= count,
                // A file that is appended to, or an error that write(2) has other words for.
                Spliced::Moved(0) | Spliced::Refused | Spliced::WouldBlock => break,
                Spliced::Failed(errno) => return Err(self.failed(errno)),
            }
        }
        if left == 0 {
            return Ok(());
        }
        self.pending.resize(left, 0);
        let mut done = 0;
        while done < left {
            match transfer::read(&stage.reader, &mut self.pending[done..]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(errno) => return Err(Error::System(Named::Words("read error"), errno)),
            }
        }
        self.way = Way::Copied;
        self.flush().map(drop)
    }

    /// Makes the output's pipe, or the one before it, as large as it may be.
    pub(super) fn widen(&self) {
        match &self.way {
            Way::Staged(stage) => pipe::widen(&stage.writer),
            Way::Direct | Way::Copied => pipe::widen(stdout()),
        }
    }
}
