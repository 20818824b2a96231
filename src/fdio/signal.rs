//! Signal dispositions and masks, and dying of a signal as its sender meant it. See signal(7).
#![allow(unsafe_code)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow};

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

/// A signal's name as kill(1) knows it, or its number.
#[must_use]
pub fn name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}
