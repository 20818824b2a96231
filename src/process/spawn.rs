//! Commands that run beside this program, each in a process group of its own. See posix_spawn(3) and kill(2).
//!
//! A command finds everything but its standard descriptors as this program was given it: signal dispositions, the mask
//! from before [`Caught`], and the limit of open files from before [`Files::raise`].

use std::ffi::{CString, OsStr};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, WaitOptions};

use crate::fdio;
pub use crate::fdio::fork::Ended;
use crate::fdio::signal::{Caught, Signal};
use crate::fdio::stdio;

/// The shell that reads a command, as for system(3).
const SHELL: &str = "/bin/sh";

/// The limit of open files as it was inherited. See RLIMIT_NOFILE in getrlimit(2).
#[derive(Debug)]
pub struct Files(Rlimit);

impl Files {
    /// Raises the soft limit to the hard one. Where that fails, as some seccomp filters have it, it stays as it was.
    #[must_use]
    pub fn raise() -> Self {
        let before = rustix::process::getrlimit(Resource::Nofile);
        let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..before });
        Self(before)
    }

    /// How many descriptors may be open now; None is no limit.
    #[must_use]
    pub fn most(&self) -> Option<u64> {
        rustix::process::getrlimit(Resource::Nofile).current
    }

    /// Runs `task` under the limit that was inherited.
    fn lowered<T>(&self, task: impl FnOnce() -> T) -> T {
        let now = rustix::process::getrlimit(Resource::Nofile);
        let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: self.0.current, ..now });
        let result = task();
        let _ = rustix::process::setrlimit(Resource::Nofile, now);
        result
    }
}

/// A command that was started: the process group that it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(Pid);

/// Starts `sh -c COMMAND` with /dev/null as its standard input and `stdout` as its output; its standard error is `stderr`,
/// or else this program's.
///
/// ENOENT and EACCES when there is no shell or no /dev/null, EMFILE and ENFILE when descriptors are used up, EAGAIN when
/// there are too many processes, ENOMEM when memory is used up, EINVAL for a command with a NUL in it.
pub fn shell(
    command: &OsStr,
    stdout: BorrowedFd<'_>,
    stderr: Option<BorrowedFd<'_>>,
    caught: &Caught,
    files: &Files,
) -> Result<Group, Errno> {
    let command = CString::new(command.as_bytes()).map_err(|_| Errno::INVAL)?;
    // A command that begins with a dash is no option of the shell.
    let arguments = [c"sh", c"-c", c"--", command.as_c_str()];
    let environment: Vec<CString> = std::env::vars_os()
        .filter_map(|(name, value)| CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok())
        .collect();
    let stdin = stdio::open("/dev/null", OFlags::RDONLY, Mode::empty())?;
    let start = || -> nix::Result<nix::unistd::Pid> {
        let mut descriptors = PosixSpawnFileActions::init()?;
        descriptors.add_dup2(stdin.as_raw_fd(), 0)?;
        descriptors.add_dup2(stdout.as_raw_fd(), 1)?;
        if let Some(stderr) = stderr {
            descriptors.add_dup2(stderr.as_raw_fd(), 2)?;
        }
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
        attributes.set_sigmask(caught.before())?;
        attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETPGROUP | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
        posix_spawn(SHELL, &descriptors, &attributes, &arguments, &environment)
    };
    match files.lowered(start) {
        Ok(pid) => Pid::from_raw(pid.as_raw()).map(Group).ok_or(Errno::CHILD),
        Err(error) => Err(fdio::errno(error)),
    }
}

impl Group {
    /// The number of the command's process, and of its group.
    #[must_use]
    pub fn pid(self) -> Pid {
        self.0
    }

    /// Sends a signal to every process of the group. ESRCH when it has none.
    ///
    /// A group that is empty may give its number to a new one; so once the command was waited for, ask only while some
    /// process of it is known to be there.
    pub fn signal(self, signal: Signal) -> Result<(), Errno> {
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(self.0.as_raw_pid()), signal).map_err(fdio::errno)
    }

    /// Whether the group has a process at this moment; ask as with [`Self::signal`].
    #[must_use]
    pub fn has_members(self) -> bool {
        // EPERM is said of processes that are there.
        rustix::process::test_kill_process_group(self.0) != Err(Errno::SRCH)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_raw_pid().fmt(f)
    }
}

/// Makes this program the parent of those that its commands leave behind, so that [`reap`] takes them too when they end,
/// and a group is known to be empty at once. Where that fails, the first process of the system takes them in its time.
pub fn adopt_orphans() {
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Takes the next command that has ended, without waiting: its process number and how. None when none has, for now.
///
/// It may be a child that was inherited over execve(2), or one that a command has left behind, which nobody here knows.
#[must_use]
pub fn reap() -> Option<(Pid, Ended)> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if let Some(ended) = Ended::of(status) {
                    return Some((pid, ended));
                }
            }
            Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// The exit status by which a shell passes on how a command ended: its own, or 128 and the number of the signal.
#[must_use]
pub fn status(ended: Ended) -> u8 {
    match ended {
        Ended::Exited(status) => status,
        Ended::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
    }
}
