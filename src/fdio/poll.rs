//! Waiting for descriptors, without end and through signals.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// Waits until one of `fds` has an event. Error events (POLLERR, POLLHUP, POLLNVAL) come unasked.
pub fn wait(fds: &mut [PollFd<'_>]) -> Result<(), Errno> {
    loop {
        match rustix::event::poll(fds, None) {
            Err(Errno::INTR) => {}
            result => return result.map(drop),
        }
    }
}

/// Waits until `fd` has one of `events`, or an error event.
pub fn wait_for(fd: impl AsFd, events: PollFlags) -> Result<(), Errno> {
    wait(&mut [PollFd::new(&fd, events)])
}

/// Whether a read of `fd` would go on at once: there is data, an end or an error to be had.
#[must_use]
pub fn is_readable(fd: impl AsFd) -> bool {
    has_now(fd, PollFlags::IN)
}

/// Whether a write to `fd` would go on at once: there is room, or an error to be had.
#[must_use]
pub fn is_writable(fd: impl AsFd) -> bool {
    has_now(fd, PollFlags::OUT)
}

fn has_now(fd: impl AsFd, events: PollFlags) -> bool {
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut [PollFd::new(&fd, events)], Some(&none)) != Ok(0)
}
