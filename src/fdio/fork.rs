//! Children that are functions of this program: fork(2) without exec.
//!
//! A child shares nothing with its parent but the descriptors it was given, so neither's death takes the other along.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::panic::AssertUnwindSafe;

use nix::libc;
use nix::unistd::ForkResult;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};

use super::signal::{self, Signal};

/// A child that has not been waited for.
#[derive(Debug)]
pub struct Child(Pid);

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It returned this status.
    Exited(u8),
    /// This signal killed it.
    Killed(i32),
}

/// Runs `task` in a child that exits with what it returns.
///
/// The child keeps only the descriptors in `keep` and blocks every signal that would end it, from before it exists: what
/// stops the parent (Ctrl-C goes to the whole group) leaves it at work. SIGPIPE and SIGXFSZ become EPIPE and EFBIG.
/// SIGTSTP still stops it with its job, and nothing holds off SIGKILL.
///
/// EAGAIN when there are too many processes, ENOMEM when memory is used up.
pub fn run(keep: &[RawFd], task: impl FnOnce() -> u8) -> Result<Child, Errno> {
    // Where the parent was started with SIGCHLD ignored, children vanish with their status.
    signal::restore_default(Signal::SIGCHLD);
    let blocked = signal::block_all();
    // SAFETY: whoever forks here starts no threads, so the child may do whatever the parent may.
    match unsafe { nix::unistd::fork() } {
        Err(error) => Err(super::errno(error)),
        Ok(ForkResult::Parent { child }) => {
            drop(blocked);
            Pid::from_raw(child.as_raw()).map(Child).ok_or(Errno::CHILD)
        }
        Ok(ForkResult::Child) => {
            signal::unblock_job_control();
            close_all_but(keep);
            yield_to_others();
            let status = std::panic::catch_unwind(AssertUnwindSafe(task)).unwrap_or(u8::MAX);
            // SAFETY: _exit(2) runs no destructors and no handlers of the parent's.
            unsafe { libc::_exit(i32::from(status)) }
        }
    }
}

impl Ended {
    /// What a wait(2) reports; None where it has only stopped or goes on.
    #[must_use]
    pub fn of(status: WaitStatus) -> Option<Self> {
        match status.exit_status() {
            Some(code) => Some(Self::Exited(u8::try_from(code).unwrap_or(u8::MAX))),
            None => status.terminating_signal().map(Self::Killed),
        }
    }
}

impl Child {
    /// Waits until the child has ended.
    pub fn wait(self) -> Result<Ended, Errno> {
        loop {
            match rustix::process::waitpid(Some(self.0), WaitOptions::empty()) {
                Ok(Some((_, status))) => {
                    if let Some(ended) = Ended::of(status) {
                        return Ok(ended);
                    }
                }
                Ok(None) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Ends the child with SIGKILL and waits for it.
    pub fn kill(self) {
        // ESRCH is no surprise: it may have ended on its own.
        let _ = rustix::process::kill_process(self.0, rustix::process::Signal::KILL);
        let _ = self.wait();
    }
}

/// A duplicate of a descriptor that was inherited, by its number: the same open file. EBADF where it's closed.
pub fn inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes any number.
    match unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) } {
        -1 => Err(Errno::from_raw_os_error(nix::errno::Errno::last_raw())),
        // SAFETY: the descriptor is new and nobody else's.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

/// Closes a descriptor and tells what close(2) had to say: file systems over a network report a full disk only here.
pub fn close(fd: OwnedFd) -> Result<(), Errno> {
    nix::unistd::close(fd).map_err(super::errno)
}

/// Closes every descriptor but those in `keep`, above all the pipe ends by which others see that the parent is gone.
fn close_all_but(keep: &[RawFd]) {
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    let mut first = 0;
    for fd in keep {
        if first < fd {
            close_range(first, fd - 1);
        }
        first = fd + 1;
    }
    close_range(first, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    // By number, as not every C library has the function. SAFETY: the closed descriptors belong to values that the child
    // never drops: it leaves by _exit(2).
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done == 0 {
        return;
    }
    // Before Linux 5.9, or where a filter refuses it.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(65536);
    let limit = RawFd::try_from(limit.min(65536)).unwrap_or(RawFd::MAX);
    for fd in first..=last.min(limit) {
        // SAFETY: as above.
        unsafe { libc::close(fd) };
    }
}

/// SCHED_BATCH for this process: when it is woken, whoever runs is not interrupted for it. Between the processes of one
/// pipeline that saves many switches. See sched(7).
pub fn yield_to_others() {
    // SAFETY: `param` is all that the call reads, and zero is the one priority that SCHED_BATCH has.
    unsafe {
        let param: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const param);
    }
}
