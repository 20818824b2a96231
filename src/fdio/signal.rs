//! Signal dispositions and masks, signals as events of a poll loop, and dying of a signal as its sender meant it. See
//! signal(7) and signalfd(2).
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow};

use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::io::Errno;

pub use nix::sys::signal::Signal;

/// The disposition that a signal had. No handler survives execve(2), so there are just these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// The signal's own action.
    Default,
    /// It was ignored, by nohup(1) or `trap '' …` in a shell; or blocked, which comes to the same.
    Ignored,
}

/// Ignores a signal and tells what its disposition was.
pub fn ignore(signal: Signal) -> Inherited {
    dispose(signal, SigHandler::SigIgn)
}

/// Gives a signal its default action back.
pub fn restore_default(signal: Signal) {
    dispose(signal, SigHandler::SigDfl);
}

fn dispose(signal: Signal, handler: SigHandler) -> Inherited {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler of ours is installed, so none can run where it must not. The call fails only for SIGKILL and
    // SIGSTOP, which nobody asks for.
    match unsafe { nix::sys::signal::sigaction(signal, &action) } {
        Ok(before) if matches!(before.handler(), SigHandler::SigIgn) => Inherited::Ignored,
        _ if SigSet::thread_get_mask().is_ok_and(|mask| mask.contains(signal)) => Inherited::Ignored,
        _ => Inherited::Default,
    }
}

/// Ends this process by `signal`, so that its parent sees what happened; returns 128 + n where the kernel spares it
/// (the first process of a container).
pub fn die_of(signal: Signal) -> u8 {
    restore_default(signal);
    let mut set = SigSet::empty();
    set.add(signal);
    let _ = set.thread_unblock();
    let _ = nix::sys::signal::raise(signal);
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}

/// All signals blocked; the mask from before comes back on drop.
#[derive(Debug)]
pub struct Blocked(SigSet);

/// Blocks every signal that can be blocked.
pub fn block_all() -> Blocked {
    // It fails for an unknown `how` only.
    Blocked(SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).unwrap_or_else(|_| SigSet::empty()))
}

/// Unblocks the signals by which a terminal stops and continues a job (SIGTSTP, SIGTTIN, SIGTTOU).
pub(super) fn unblock_job_control() {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGCONT] {
        set.add(signal);
    }
    let _ = set.thread_unblock();
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

/// Signals that end or interrupt nothing any more, but wait to be taken, by one who waits with poll(2).
#[derive(Debug)]
pub struct Caught {
    arrived: SignalFd,
    before: SigSet,
}

impl Caught {
    /// Holds `signals` off from now on; those that were inherited as ignored stay so, and never arrive, but for SIGCHLD,
    /// which comes in any case. EMFILE and ENFILE when descriptors are used up.
    pub fn new(signals: &[Signal]) -> Result<Self, Errno> {
        let mut wanted = SigSet::empty();
        for signal in signals {
            let inherited = dispose(*signal, SigHandler::SigDfl);
            if inherited == Inherited::Ignored && *signal != Signal::SIGCHLD {
                ignore(*signal);
            } else {
                wanted.add(*signal);
            }
        }
        let before = wanted.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(super::errno)?;
        let arrived =
            SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(super::errno)?;
        Ok(Self { arrived, before })
    }

    /// Takes the next signal that has arrived, if one has.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let info = self.arrived.read_signal().ok()??;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }

    /// The mask from before, for commands that are run.
    #[must_use]
    pub fn before(&self) -> &SigSet {
        &self.before
    }
}

impl AsFd for Caught {
    /// Readable when a signal has arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }
}

/// A signal's name as kill(1) knows it, or its number.
#[must_use]
pub fn name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}
