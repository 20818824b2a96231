//! Waiting for descriptors, without end and through signals.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

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

/// Whether a read of `fd` goes on at once before `limit` is over.
#[must_use]
pub fn is_readable_within(fd: impl AsFd, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // A duration of less than a second is in the range of a timespec.
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        match rustix::event::poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left)) {
            Err(Errno::INTR) => {}
            result => return result != Ok(0),
        }
    }
}

/// Whether a write to `fd` would go on at once: there is room, or an error to be had.
#[must_use]
pub fn is_writable(fd: impl AsFd) -> bool {
    has_now(fd, PollFlags::OUT)
}

/// Takes the events that `fds` have at this moment; where that fails, there are none.
pub fn look(fds: &mut [PollFd<'_>]) {
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    while rustix::event::poll(fds, Some(&none)) == Err(Errno::INTR) {}
}

fn has_now(fd: impl AsFd, events: PollFlags) -> bool {
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut [PollFd::new(&fd, events)], Some(&none)) != Ok(0)
}
