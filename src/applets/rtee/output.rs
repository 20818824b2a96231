//! The outputs: standard output and the FILEs, how they are opened, and what happens when one is lost.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::NAME;
use super::policy::{Policy, Verdict};
use super::writer::{Fault, Finishing, Writer};
use crate::fdio::signal::{self, Signal};
use crate::fdio::{device, fork, pipe, poll, stdio, transfer};
use crate::report::{self, Subject};

/// Why a run stops before the end of its input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// By a signal, as a process that writes on its own would.
    Signal(Signal),
    /// An error was reported, and the options say that the first one ends the run.
    Failure,
}

/// All outputs of a run.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) policy: Policy,
    pub(super) stdout: Stdout,
    pub(super) files: Vec<Output>,
    /// Writers that get nothing more, and finish.
    retired: Vec<(Vec<OsString>, Finishing)>,
    /// The writers were started.
    started: bool,
    /// Something was reported.
    pub(super) failed: bool,
}

/// What is known of standard output.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own.
pub(super) struct Stdout {
    /// It is still served.
    pub(super) open: bool,
    /// It is a pipe (or, with -p, a socket), of which poll(2) tells that the reader has left.
    pub(super) watched: bool,
    /// The reader has left, and nothing was written since.
    reader_left: bool,
    /// It is a pipe, a socket or a terminal: it may keep its writer waiting, and poll(2) tells when it is broken.
    stream: bool,
}

/// One FILE, or several that lead to the same pipe or terminal, or append to the same file.
#[derive(Debug)]
pub(super) struct Output {
    /// What it is called on the command line, once or several times. It gets each chunk that often, as with tee(1).
    names: Vec<OsString>,
    pub(super) sink: Sink,
    /// It is the same file as standard output: it has no writer of its own and gets each chunk right after standard
    /// output, so that they take turns as with tee(1).
    pub(super) twin: bool,
}

/// Who writes a FILE.
#[derive(Debug)]
pub(super) enum Sink {
    /// The parent: until a writer takes over, or for good where none can be had.
    Parent(OwnedFd),
    /// A child.
    Writer(Writer),
    /// Nobody. It is the null device, which takes anything at once and without trace.
    Null,
    /// Nobody any more, but that is not to be told before the next write: the reader has left.
    ReaderLeft,
    /// Nobody any more.
    Lost,
}

/// Standard output.
pub(super) fn stdout() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

impl Outputs {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            stdout: Stdout { open: true, watched: false, reader_left: false, stream: false },
            files: Vec::new(),
            retired: Vec::new(),
            started: false,
            failed: false,
        }
    }

    /// Opens the FILEs in their order. One that can't be opened is reported, and the others are opened all the same.
    pub(super) fn open<'n>(&mut self, names: impl Iterator<Item = &'n OsString>, append: bool) -> Result<(), Stop> {
        let how = if append { OFlags::APPEND } else { OFlags::TRUNC };
        let flags = OFlags::WRONLY | OFlags::CREATE | how;
        let stdout = rustix::fs::fstat(stdout()).ok();
        let kind = stdout.map(|stat| FileType::from_raw_mode(stat.st_mode));
        self.stdout.watched = match kind {
            Some(FileType::Fifo) => true,
            Some(FileType::Socket) => self.policy.watch_readers,
            _ => false,
        };
        self.stdout.stream = match kind {
            Some(FileType::Fifo | FileType::Socket) => true,
            Some(FileType::CharacterDevice) => rustix::termios::isatty(self::stdout()),
            _ => false,
        };
        for name in names {
            match stdio::open(name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => {
                    let stat = rustix::fs::fstat(&file).ok();
                    let null = stat.is_some_and(|stat| device::is_null(&stat));
                    let twin = !null && stdout.zip(stat).is_some_and(|(one, other)| is_twin(&one, &other, &file));
                    if let Some(same) = self.files.iter_mut().find(|other| !twin && other.is_same(stat, &file, append))
                    {
                        same.names.push(name.clone());
                        continue;
                    }
                    let sink = if null { Sink::Null } else { Sink::Parent(file) };
                    self.files.push(Output { names: vec![name.clone()], sink, twin });
                }
                Err(errno) => self.lost(name, Fault::Open(errno))?,
            }
        }
        Ok(())
    }

    /// Gives each FILE its writer, once. Where descriptors or processes are used up, the parent writes, as tee(1) would.
    pub(super) fn start_writers(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let watches = self.policy.watch_readers;
        for output in self.files.iter_mut().filter(|output| !output.twin) {
            output.sink = match std::mem::replace(&mut output.sink, Sink::Lost) {
                Sink::Parent(file) => match Writer::start(file, output.names.len(), watches) {
                    Ok(writer) => Sink::Writer(writer),
                    Err(file) => file.map_or(Sink::Lost, Sink::Parent),
                },
                other => other,
            };
        }
    }

    /// The writers, each with the index of its FILE.
    pub(super) fn writers(&mut self) -> impl Iterator<Item = (usize, &mut Writer)> {
        self.files.iter_mut().enumerate().filter_map(|(index, output)| match &mut output.sink {
            Sink::Writer(writer) => Some((index, writer)),
            _ => None,
        })
    }

    /// Whether there is any use in going on.
    pub(super) fn anyone_left(&self) -> bool {
        self.stdout.open || self.files.iter().any(|output| !matches!(output.sink, Sink::Lost))
    }

    /// Whether outputs take turns in one file.
    pub(super) fn take_turns(&self) -> bool {
        let shared = |output: &Output| output.twin || output.names.len() > 1;
        self.files.iter().any(|output| shared(output) && matches!(output.sink, Sink::Parent(_) | Sink::Writer(_)))
    }

    /// Whether standard output is a stream that works: it takes what is written for certain, though maybe late.
    pub(super) fn stdout_is_sound_stream(&self) -> bool {
        let writable = rustix::fs::fcntl_getfl(stdout()).is_ok_and(|flags| flags & OFlags::RWMODE != OFlags::RDONLY);
        let mut poll = [PollFd::from_borrowed_fd(stdout(), PollFlags::empty())];
        poll::look(&mut poll);
        self.stdout.open && self.stdout.stream && writable && poll[0].revents().is_empty()
    }

    /// Whether one of the outputs is the regular file `input`.
    pub(super) fn change(&self, input: BorrowedFd<'_>) -> bool {
        let Ok(input) = rustix::fs::fstat(input) else { return false };
        let same = |output: BorrowedFd<'_>| rustix::fs::fstat(output).is_ok_and(|stat| device::is_same(&stat, &input));
        FileType::from_raw_mode(input.st_mode) == FileType::RegularFile
            && (same(stdout())
                || self.files.iter().any(|output| matches!(&output.sink, Sink::Parent(file) if same(file.as_fd()))))
    }

    /// Whether some FILE is written by the parent.
    pub(super) fn parent_writes(&self) -> bool {
        self.files.iter().any(|output| matches!(output.sink, Sink::Parent(_)))
    }

    /// Writes to standard output, if it is still served.
    pub(super) fn write_stdout(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if !self.stdout.open {
            return Ok(());
        }
        transfer::write_all(stdout(), bytes).or_else(|errno| self.lost_stdout(errno))
    }

    /// Writes to a FILE, if the parent does that.
    pub(super) fn write_file(&mut self, index: usize, bytes: &[u8]) -> Result<(), Stop> {
        let output = &mut self.files[index];
        let Sink::Parent(file) = &output.sink else { return Ok(()) };
        let result = output.names.iter().try_for_each(|_| transfer::write_all(file.as_fd(), bytes));
        let Err(errno) = result else { return Ok(()) };
        self.lost_file(index, Fault::Write(errno))
    }

    /// Lets a FILE's writer write the first `held` bytes, and waits until it has.
    pub(super) fn release_writer(&mut self, index: usize, held: usize) -> Result<(), Stop> {
        let output = &mut self.files[index];
        let Sink::Writer(writer) = &mut output.sink else { return Ok(()) };
        if writer.release(held * output.names.len()) { Ok(()) } else { self.lost_writer(index) }
    }

    /// Standard output can't be written.
    pub(super) fn lost_stdout(&mut self, errno: Errno) -> Result<(), Stop> {
        self.stdout.open = false;
        self.lost(OsStr::new("standard output"), Fault::Write(errno))
    }

    /// A FILE's writer has ended before its input did.
    pub(super) fn lost_writer(&mut self, index: usize) -> Result<(), Stop> {
        let Sink::Writer(writer) = std::mem::replace(&mut self.files[index].sink, Sink::Lost) else { return Ok(()) };
        writer.end_input().wait().or_else(|fault| self.lost_file(index, fault))
    }

    /// Takes note of the FILEs whose readers have left, before more is passed on.
    pub(super) fn see_readers_that_left(&mut self) -> Result<(), Stop> {
        for index in 0..self.files.len() {
            let Sink::Writer(writer) = &mut self.files[index].sink else { continue };
            if !writer.has_lost_its_reader() {
                continue;
            }
            if writer.has_ended() {
                self.lost_writer(index)?;
            } else if let Sink::Writer(writer) = std::mem::replace(&mut self.files[index].sink, Sink::ReaderLeft) {
                // What it has to say is told by the parent.
                self.retired.push((Vec::new(), writer.end_input()));
            }
        }
        Ok(())
    }

    /// A FILE that the parent writes has lost its reader, and that is watched.
    pub(super) fn lost_watched(&mut self, index: usize) -> Result<(), Stop> {
        self.lost_file(index, Fault::ReaderLeft)
    }

    /// A FILE is given up.
    fn lost_file(&mut self, index: usize, fault: Fault) -> Result<(), Stop> {
        self.files[index].sink = Sink::Lost;
        let names = std::mem::take(&mut self.files[index].names);
        self.lost_all(&names, fault)
    }

    fn lost_all(&mut self, names: &[OsString], fault: Fault) -> Result<(), Stop> {
        names.iter().try_for_each(|name| self.lost(name, fault))
    }

    /// Standard output's reader has left, as poll(2) tells.
    pub(super) fn stdout_reader_left(&mut self) -> Result<(), Stop> {
        self.stdout.watched = false;
        if self.policy.watch_readers {
            return self.lost_stdout(Errno::PIPE);
        }
        self.stdout.reader_left = true;
        Ok(())
    }

    /// Tells of readers that left, now that there is something to write for them. Where that is to end the run, it
    /// ends after the outputs that come before have got this chunk: those that come after are retired, and the reason
    /// to stop is returned as a value.
    pub(super) fn tell_of_readers_that_left(&mut self) -> Result<Option<Stop>, Stop> {
        if std::mem::take(&mut self.stdout.reader_left) && self.stdout.open {
            if !pipe::has_reader(stdout()) {
                self.lost_stdout(Errno::PIPE)?;
            }
            // A FIFO may have another one by now.
            self.stdout.watched = true;
        }
        while let Some(index) = self.files.iter().position(|output| matches!(output.sink, Sink::ReaderLeft)) {
            if let Err(stop) = self.lost_file(index, Fault::ReaderLeft) {
                for output in self.files.drain(index..) {
                    if let Sink::Writer(writer) = output.sink {
                        self.retired.push((output.names, writer.end_input()));
                    }
                }
                return Ok(Some(stop));
            }
        }
        Ok(None)
    }

    fn lost(&mut self, name: &OsStr, fault: Fault) -> Result<(), Stop> {
        match self.policy.judge(fault) {
            Verdict::Drop => return Ok(()),
            Verdict::Signal(signal) => return Err(Stop::Signal(signal)),
            Verdict::Report => {}
        }
        match fault {
            Fault::Open(errno) | Fault::Write(errno) => report::failure(NAME, Subject::Name(name), errno),
            Fault::ReaderLeft => report::failure(NAME, Subject::Name(name), Errno::PIPE),
            Fault::Killed(signal) => {
                let reason = format!("writer killed by {}", signal::name(signal));
                report::reason(NAME, Subject::Name(name), &reason);
            }
        }
        self.failed = true;
        if self.policy.exit_at_error { Err(Stop::Failure) } else { Ok(()) }
    }

    /// Ends the writers that still hold back the first chunk; their FILEs get nothing.
    pub(super) fn abandon_held_back(&mut self) {
        for output in &mut self.files {
            output.sink = match std::mem::replace(&mut output.sink, Sink::Lost) {
                Sink::Writer(writer) if writer.holds_back() => {
                    writer.abandon();
                    Sink::Lost
                }
                other => other,
            };
        }
    }

    /// Ends the inputs of all writers at once, and waits for them in turn. Where `stopped`, or at the first reason to
    /// stop, nothing more is reported.
    pub(super) fn finish(&mut self, stopped: bool) -> Result<(), Stop> {
        let mut finishing = std::mem::take(&mut self.retired);
        let mut result = Ok(());
        for output in std::mem::take(&mut self.files) {
            match output.sink {
                Sink::Writer(writer) => finishing.push((output.names, writer.end_input())),
                Sink::Parent(file) => {
                    let closed = fork::close(file).map_err(Fault::Write);
                    let closed =
                        closed.or_else(|fault| self.unfinished(&output.names, fault, stopped || result.is_err()));
                    result = result.and(closed);
                }
                Sink::Null | Sink::ReaderLeft | Sink::Lost => {}
            }
        }
        for (names, writer) in finishing {
            let ended = writer.wait();
            let ended = ended.or_else(|fault| self.unfinished(&names, fault, stopped || result.is_err()));
            result = result.and(ended);
        }
        result
    }

    /// A FILE fails at its end.
    fn unfinished(&mut self, names: &[OsString], fault: Fault, silent: bool) -> Result<(), Stop> {
        // With a reader that left there was nothing more to write to it.
        if silent || matches!(fault, Fault::ReaderLeft) { Ok(()) } else { self.lost_all(names, fault) }
    }
}

impl Output {
    /// Whether `file` is the same, so that its chunks have to come between this one's.
    fn is_same(&self, stat: Option<Stat>, file: &OwnedFd, append: bool) -> bool {
        let Sink::Parent(this) = &self.sink else { return false };
        let Some(stat) = stat else { return false };
        // Without O_APPEND each name has an offset of its own in a regular file, and the bytes are the same.
        let each_apart = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && !append;
        !self.twin && !each_apart && rustix::fs::fstat(this).is_ok_and(|this| is_twin(&this, &stat, file))
    }
}

/// Whether what is written to `file` lands between the bytes of `other`.
fn is_twin(other: &Stat, stat: &Stat, file: &OwnedFd) -> bool {
    device::is_same(stat, other)
        && match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Fifo => true,
            FileType::CharacterDevice => rustix::termios::isatty(file),
            _ => false,
        }
}
