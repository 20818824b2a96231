//! Standard descriptors that may be closed at the start.
//!
//! A file opened while descriptor 0, 1 or 2 is free would land there, and what is meant for standard output or standard
//! error would go into it. [`guard`] fills the holes with a descriptor that refuses every read and write with EBADF, as
//! a closed one does. But it can be opened anew by name, as `/dev/stdout` or below `/proc/self/fd`; so what the user
//! names is opened with [`open`], which takes the guards away meanwhile.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags};

/// Fills standard descriptors that are closed. Call it before anything is opened.
pub fn guard() {
    let (stdin, stdout, stderr) = (rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr());
    let mut standard = [&stdin, &stdout, &stderr].map(|fd| PollFd::new(fd, PollFlags::empty()));
    // One call tells all three: poll(2) sets POLLNVAL for a closed descriptor.
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    if rustix::event::poll(&mut standard, Some(&none)).is_err() {
        return;
    }
    for _ in standard.iter().filter(|fd| fd.revents().contains(PollFlags::NVAL)) {
        // O_PATH: open(2) gives the lowest free number, and reads and writes on it fail with EBADF. Close-on-exec, so
        // a command that is run finds the descriptor closed, as it was given to us.
        if let Ok(fd) = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            let _ = fd.into_raw_fd();
        }
    }
}

/// Opens a file by a name that the user gave, close-on-exec and never as a standard descriptor; through signals, while a
/// FIFO waits for its other side.
pub fn open(name: impl AsRef<Path>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let guards = guards();
    for number in &guards {
        let _ = nix::unistd::close(*number);
    }
    let opened = loop {
        match rustix::fs::open(name.as_ref(), flags | OFlags::CLOEXEC, mode) {
            Err(Errno::INTR) => {}
            result => break result,
        }
    };
    if guards.is_empty() {
        return opened;
    }
    // It may have landed in a hole.
    let opened = opened.and_then(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 3));
    guard();
    opened
}

/// The numbers of the standard descriptors that are filled by [`guard`].
fn guards() -> Vec<i32> {
    let (stdin, stdout, stderr) = (rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr());
    let is_guard = |fd: &BorrowedFd<'_>| {
        // A descriptor that was inherited is not close-on-exec, or it would not be here.
        was_closed(fd) && rustix::io::fcntl_getfd(fd).is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC))
    };
    [stdin, stdout, stderr].into_iter().filter(is_guard).map(|fd| fd.as_raw_fd()).collect()
}

/// Whether standard output is a terminal, if only one that was hung up.
#[must_use]
pub fn is_terminal_out() -> bool {
    let stdout = rustix::stdio::stdout();
    // The controlling side of one is none: it makes a new one when it is opened by its name. See ptmx(4).
    let controls = rustix::fs::fstat(stdout).is_ok_and(|stat| stat.st_rdev == rustix::fs::makedev(5, 2));
    !controls && matches!(rustix::termios::tcgetattr(stdout), Ok(_) | Err(Errno::IO))
}

/// Standard output for one who never waits for it.
///
/// A terminal may have less room than poll(2) makes believe. So it is opened anew, where it may be, for writes that don't
/// wait: the flags of what was inherited are not ours.
#[derive(Debug)]
pub struct Unwaited(Option<OwnedFd>);

impl Unwaited {
    /// Looks what standard output is.
    #[must_use]
    pub fn stdout() -> Self {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        Self(is_terminal_out().then(|| open("/proc/self/fd/1", flags, Mode::empty()).ok()).flatten())
    }
}

impl AsFd for Unwaited {
    /// The terminal that was opened anew, or else standard output.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_ref().map_or(rustix::stdio::stdout(), AsFd::as_fd)
    }
}

/// Closes standard output and tells what close(2) had to say: file systems over a network report a full disk only here.
pub fn close_stdout() -> Result<(), Errno> {
    match nix::unistd::close(1) {
        Err(nix::errno::Errno::EBADF) | Ok(()) => Ok(()),
        Err(error) => Err(super::errno(error)),
    }
}

/// Whether a standard descriptor was closed at the start (and is filled by [`guard`]).
#[must_use]
pub fn was_closed(fd: impl AsFd) -> bool {
    rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::PATH))
}
