//! A descriptor of another process, by pidfd_getfd(2).
//!
//! What is taken is the same open file, so its end of a pipe gets no company: a reader that leaves is missed by the
//! writers and the other way round, once the duplicate is closed too. So ask and close at once, and hold none meanwhile.
//!
//! The kernel wants the right to trace the process: the same user, or CAP_SYS_PTRACE; and where the Yama module is set so
//! (kernel.yama.ptrace_scope), an ancestor.

use std::os::fd::{OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, RawPid};

use super::table::PipeId;
use crate::fdio::fork;

/// A process from which descriptors are taken.
#[derive(Debug)]
pub struct Process {
    /// None for this process itself.
    pidfd: Option<OwnedFd>,
}

impl Process {
    /// ESRCH when it is gone, ENOSYS before Linux 5.3.
    pub fn open(pid: RawPid) -> Result<Self, Errno> {
        let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        if pid == rustix::process::getpid() {
            return Ok(Self { pidfd: None });
        }
        rustix::process::pidfd_open(pid, PidfdFlags::empty()).map(|pidfd| Self { pidfd: Some(pidfd) })
    }

    /// Takes an end of `pipe`, which the process has under this number.
    ///
    /// EBADF when it has closed it (or uses the number for something else now), ESRCH when it is gone, EPERM when it may
    /// not be traced, ENOSYS before Linux 5.6.
    pub fn take(&self, fd: RawFd, pipe: PipeId) -> Result<OwnedFd, Errno> {
        let taken = match &self.pidfd {
            Some(pidfd) => rustix::process::pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty())?,
            None => fork::inherited(fd)?,
        };
        if PipeId::of(&rustix::fs::fstat(&taken)?) == Some(pipe) { Ok(taken) } else { Err(Errno::BADF) }
    }
}
