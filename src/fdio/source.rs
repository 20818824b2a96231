//! An input of any kind as a pipe that can be duplicated from.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::pipe::{self, Pipe};
use super::transfer::{self, Spliced};

/// An input, and the pipe its bytes come through.
#[derive(Debug)]
pub struct Source<'a> {
    input: BorrowedFd<'a>,
    /// None where no pipe could be made; then bytes are had by reading only.
    pipe: Option<Pipe>,
    direct: bool,
    /// The bytes in the pipe.
    held: usize,
    /// splice(2) from the input was refused.
    refused: bool,
    /// The input is a regular file, which never makes anyone wait.
    regular: bool,
}

impl<'a> Source<'a> {
    /// The source of what `input` gives.
    #[must_use]
    pub fn new(input: BorrowedFd<'a>) -> Self {
        let kind = rustix::fs::fstat(input).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let direct = kind == Ok(FileType::Fifo) && std::env::var_os("DIRECT").is_some();
        Self {
            input,
            direct,
            pipe: if direct { None } else { Pipe::new().ok() },
            held: 0,
            refused: false,
            regular: kind == Ok(FileType::RegularFile),
        }
    }

    /// The input itself, to wait for.
    #[must_use]
    pub fn input(&self) -> BorrowedFd<'a> {
        self.input
    }

    /// Whether waiting is pointless, as there are bytes held or the input is a regular file.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.held > 0 || self.regular
    }

    /// The pipe to duplicate from, if there is one.
    #[must_use]
    pub fn pipe(&self) -> Option<BorrowedFd<'_>> {
        if self.direct { Some(self.input) } else { self.pipe.as_ref().map(|pipe| pipe.reader.as_fd()) }
    }

    /// Lets the pipe be; from here on bytes are had by reading only.
    pub fn give_up_pipe(&mut self) {
        self.direct = false;
    }

    /// Brings up to `length` bytes into the pipe, waiting for the first, unless it holds some already. Returns how many
    /// it holds, 0 at the end of the input; where there is no pipe, `length`.
    pub fn fill(&mut self, length: usize) -> Result<usize, Errno> {
        let Some(pipe) = &self.pipe else { return Ok(length) };
        while self.held == 0 && !self.refused {
            match transfer::splice(self.input, &pipe.writer, length, true) {
                Spliced::Moved(0) => return Ok(0),
                Spliced::Moved(count) => self.held = count,
                Spliced::WouldBlock => super::poll::wait_for(self.input, rustix::event::PollFlags::IN)?,
                Spliced::Refused => self.refused = true,
            }
        }
        if self.held == 0 {
            // One page fits into any pipe that is empty.
            let mut page = [0; 4096];
            let length = length.min(page.len());
            let count = transfer::read(self.input, &mut page[..length])?;
            transfer::write_all(&pipe.writer, &page[..count])?;
            self.held = count;
        }
        Ok(self.held)
    }

    /// Notes that `count` bytes were moved out of the pipe.
    pub fn moved(&mut self, count: usize) {
        self.held = self.held.saturating_sub(count);
    }

    /// Reads bytes at the head, waiting for the first; 0 is the end of the input.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match &self.pipe {
            Some(pipe) => {
                let length = self.held.min(buffer.len());
                let count = transfer::read(&pipe.reader, &mut buffer[..length])?;
                self.held -= count;
                Ok(count)
            }
            None => transfer::read(self.input, buffer),
        }
    }

    /// Makes the input's pipe, and the one in between, as large as they may be.
    pub fn widen(&self) {
        if !self.regular {
            pipe::widen(self.input);
        }
        if let Some(pipe) = &self.pipe {
            pipe::widen(&pipe.writer);
        }
    }
}
