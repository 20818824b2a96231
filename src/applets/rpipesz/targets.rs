//! What pipesz looks at: descriptors that were inherited, and pipes by their names in the file system.
//!
//! A FIFO is never opened. Opening it for reading frees a writer that waits for a reader, and both ends at once, or the
//! writing one, look to others like a process that takes part. So the FIFO is looked for among the descriptors that
//! processes hold, this one first, and that very open file is asked. Where nobody holds it there is nothing to be asked:
//! it has no buffer, and the size of one that a set would make for a moment is forgotten at the close.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use clap::ArgMatches;
use rustix::fs::Access;
use rustix::io::Errno;

use super::table;
use crate::fdio::fork;
use crate::process::table::{self as processes, PipeId, Table};
use crate::process::take::Process;
use crate::quote::quote;
use crate::report;

/// A pipe, perhaps: what a descriptor or a path leads to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Descriptor(RawFd),
    File(OsString),
}

/// Why a target can't be asked.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// It can't even be found.
    Missing(Errno),
    /// It is there.
    Unasked(String),
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::Unasked(report::words(errno))
    }
}

/// An open end of a target. Standard descriptors are used as they are, which needs no free number for a duplicate.
#[derive(Debug)]
pub(super) enum Opened {
    Standard(BorrowedFd<'static>),
    Taken(OwnedFd),
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Standard(fd) => *fd,
            Self::Taken(fd) => fd.as_fd(),
        }
    }
}

/// The targets in the order in which they were given, or that descriptor.
pub(super) fn of(arguments: &ArgMatches, default: RawFd) -> Vec<Target> {
    let mut given = Vec::new();
    let indices = |name| arguments.indices_of(name).into_iter().flatten();
    given.extend(indices("file").zip(arguments.get_many("file").into_iter().flatten().cloned().map(Target::File)));
    given.extend(indices("fd").zip(arguments.get_many("fd").into_iter().flatten().copied().map(Target::Descriptor)));
    for (name, fd) in [("stdin", 0), ("stdout", 1), ("stderr", 2)] {
        given.extend(indices(name).map(|index| (index, Target::Descriptor(fd))));
    }
    given.sort_unstable_by_key(|(index, _)| *index);
    if given.is_empty() {
        return vec![Target::Descriptor(default)];
    }
    given.into_iter().map(|(_, target)| target).collect()
}

impl Target {
    /// As it is called in the table.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Descriptor(fd) => format!("fd {fd}"),
            Self::File(path) => table::plain(path),
        }
    }

    /// As it is called in JSON.
    pub(super) fn json_name(&self) -> String {
        match self {
            Self::Descriptor(fd) => format!("fd {fd}"),
            Self::File(path) => path.to_string_lossy().into_owned(),
        }
    }

    /// As it is called in messages.
    pub(super) fn quoted(&self) -> String {
        match self {
            Self::Descriptor(fd) => format!("fd {fd}"),
            Self::File(path) => quote(path),
        }
    }

    /// An end of the pipe that is open already, without opening one.
    pub(super) fn open(&self) -> Result<Opened, Refused> {
        match self {
            Self::Descriptor(0) => Ok(Opened::Standard(rustix::stdio::stdin())),
            Self::Descriptor(1) => Ok(Opened::Standard(rustix::stdio::stdout())),
            Self::Descriptor(2) => Ok(Opened::Standard(rustix::stdio::stderr())),
            Self::Descriptor(fd) => Ok(Opened::Taken(fork::inherited(*fd)?)),
            Self::File(path) => {
                let path = Path::new(path);
                // What is no pipe gets the answer that the system has for its descriptors.
                let pipe = processes::pipe_at(path).map_err(Refused::Missing)?.ok_or(Errno::BADF)?;
                held(pipe, path).map(Opened::Taken)
            }
        }
    }
}

/// Takes an end of the pipe from whoever holds one.
fn held(pipe: PipeId, path: &Path) -> Result<OwnedFd, Refused> {
    let mut table = Table::open()?;
    let mut others = table.processes()?;
    let own = rustix::process::getpid().as_raw_pid();
    others.retain(|pid| *pid != own);
    let wanted = HashSet::from([pipe]);
    let mut refusal = None;
    for pid in [own].into_iter().chain(others) {
        // Those that can't be seen are as good as not there.
        for end in table.ends(pid, Some(&wanted)).unwrap_or_default() {
            match Process::open(pid).and_then(|process| process.take(end.fd, pipe)) {
                Ok(fd) => return Ok(fd),
                // It has closed it, or ended, since.
                Err(Errno::BADF | Errno::SRCH) => {}
                Err(errno) => refusal = Some((pid, errno)),
            }
        }
    }
    if let Some((pid, errno)) = refusal {
        let name = table.name(pid).map(|name| quote(&name)).unwrap_or_default();
        return Err(Refused::Unasked(format!("held by process {pid} ({name}): {}", report::words(errno))));
    }
    // Whose access it isn't for has no business to know more.
    let may = |access| rustix::fs::access(path, access) == Ok(());
    if !may(Access::READ_OK) && !may(Access::WRITE_OK) {
        return Err(Errno::ACCESS.into());
    }
    let words = "nobody that can be seen has it open, and a FIFO forgets its size when it is last closed";
    Err(Refused::Unasked(words.to_owned()))
}
