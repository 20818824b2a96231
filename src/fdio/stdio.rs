//! Standard descriptors that may be closed at the start.
//!
//! A file opened while descriptor 0, 1 or 2 is free would land there, and what is meant for standard output or standard
//! error would go into it. [`guard`] fills the holes with a descriptor that refuses every read and write with EBADF, as
//! a closed one does.

use std::os::fd::{AsFd, IntoRawFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

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

/// Closes standard output and tells what close(2) had to say: file systems over a network report a full disk only here.
pub fn close_stdout() -> Result<(), Errno> {
    match nix::unistd::close(1) {
        Err(nix::errno::Errno::EBADF) | Ok(()) => Ok(()),
        Err(errno) => Err(Errno::from_raw_os_error(errno as i32)),
    }
}

/// Whether a standard descriptor was closed at the start (and is filled by [`guard`]).
#[must_use]
pub fn was_closed(fd: impl AsFd) -> bool {
    rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::PATH))
}
