//! Pipes and the sizes of their buffers. See pipe(7) and F_SETPIPE_SZ in fcntl(2).

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

/// The size to ask for where much data flows: the default of /proc/sys/fs/pipe-max-size, in bytes.
pub const LARGE: usize = 1 << 20;

/// What the smallest pipe holds, and the most that is written whole where several write (PIPE_BUF), in bytes.
pub const PAGE: usize = 4096;

/// The two ends of a pipe.
#[derive(Debug)]
pub struct Pipe {
    /// The end that is read.
    pub reader: OwnedFd,
    /// The end that is written.
    pub writer: OwnedFd,
}

impl Pipe {
    /// Makes a pipe of the default size, close-on-exec. EMFILE and ENFILE when descriptors or the user's pipe pages
    /// are used up.
    pub fn new() -> Result<Self, Errno> {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Self { reader, writer })
    }
}

/// Whether a descriptor is an end of a pipe or FIFO.
#[must_use]
pub fn is_pipe(fd: impl AsFd) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Makes a pipe's buffer [`LARGE`], or as large as the limits leave, quietly; it never becomes smaller. What is no pipe
/// is left alone.
pub fn widen(fd: impl AsFd) {
    let fd = fd.as_fd();
    let Ok(now) = rustix::pipe::fcntl_getpipe_size(fd) else { return };
    let mut size = LARGE;
    while size > now {
        match rustix::pipe::fcntl_setpipe_size(fd, size) {
            // EPERM: over pipe-max-size, or over this user's pipe-user-pages-soft. Half of it may still be allowed.
            Err(Errno::PERM) => size /= 2,
            _ => return,
        }
    }
}
