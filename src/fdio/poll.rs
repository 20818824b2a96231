//! Waiting for descriptors, without end and through signals.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::termios::{LocalModes, SpecialCodeIndex};

/// Waits until one of `fds` has an event. Error events (POLLERR, POLLHUP, POLLNVAL) come unasked.
pub fn wait(fds: &mut [PollFd<'_>]) -> Result<(), Errno> {
    loop {
        match rustix::event::poll(fds, None) {
            Err(Errno::INTR) => {}
            result => return result.map(drop),
        }
    }
}

/// Waits until one of `fds` has an event, or `deadline` is over: false then. Without a deadline it waits as [`wait`] does.
pub fn wait_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Errno> {
    loop {
        // Longer than a timespec has is for ever.
        let left = deadline.and_then(|end| Timespec::try_from(end.saturating_duration_since(Instant::now())).ok());
        match rustix::event::poll(fds, left.as_ref()) {
            Err(Errno::INTR) => {}
            result => return result.map(|count| count > 0),
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
    has_within(fd, PollFlags::IN, limit)
}

/// Sleeps for `limit`, or until a pipe's other side is gone. What is written to the pipe meanwhile wakes nobody.
pub fn rest(pipe: impl AsFd, limit: Duration) {
    has_within(pipe, PollFlags::empty(), limit);
}

fn has_within(fd: impl AsFd, events: PollFlags, limit: Duration) -> bool {
    wait_until(&mut [PollFd::new(&fd, events)], Some(Instant::now() + limit)) != Ok(false)
}

/// Whether a write to `fd` would go on at once: there is room, or an error to be had.
#[must_use]
pub fn is_writable(fd: impl AsFd) -> bool {
    has_now(fd, PollFlags::OUT)
}

/// Whether reads of a terminal end without input, at once or after a time (MIN is 0); poll(2) waits for input all the
/// same. See termios(3).
#[must_use]
pub fn never_waits_on_terminal(terminal: impl AsFd) -> bool {
    rustix::termios::tcgetattr(terminal).is_ok_and(|settings| {
        !settings.local_modes.contains(LocalModes::ICANON) && settings.special_codes[SpecialCodeIndex::VMIN] == 0
    })
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
