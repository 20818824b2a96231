//! Pipes and the sizes of their buffers. See pipe(7) and F_SETPIPE_SZ in fcntl(2).

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use super::poll;

/// The size to ask for where much data flows: the default of /proc/sys/fs/pipe-max-size, in bytes.
pub const LARGE: usize = 1 << 20;

/// The largest buffer that the kernel has for a pipe, in bytes.
pub const MOST: u64 = 1 << 31;

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

/// Whether a pipe is empty and has the default size, at least.
#[must_use]
pub fn is_fresh(fd: impl AsFd) -> bool {
    size(&fd).is_ok_and(|size| size >= 16 * PAGE as u64) && unread(&fd) == Ok(0)
}

/// The size of a pipe's buffer, in bytes. EBADF for what is no pipe.
pub fn size(fd: impl AsFd) -> Result<u64, Errno> {
    rustix::pipe::fcntl_getpipe_size(fd).map(|size| size as u64)
}

/// Asks for a buffer of so many bytes and tells what was given: a power of two of pages.
///
/// EBADF for what is no pipe, EPERM for more than the user may have, EBUSY for less than is occupied, EINVAL above
/// [`MOST`].
pub fn set_size(fd: impl AsFd, bytes: u64) -> Result<u64, Errno> {
    // The library passes a signed int on, which MOST doesn't fit; what is just below is rounded up to it.
    let asked = if bytes == MOST { MOST - 1 } else { bytes };
    let asked = i32::try_from(asked).ok().and_then(|asked| usize::try_from(asked).ok()).ok_or(Errno::INVAL)?;
    rustix::pipe::fcntl_setpipe_size(fd, asked).map(|size| size as u64)
}

/// Makes a pipe's buffer `most` bytes, or as large as the limits leave, and tells how large it is then; it never becomes
/// smaller. EBADF for what is no pipe.
pub fn grow(fd: impl AsFd, most: u64) -> Result<u64, Errno> {
    let fd = fd.as_fd();
    let now = size(fd)?;
    let mut wanted = most;
    while wanted > now {
        match set_size(fd, wanted) {
            // Over pipe-max-size, or over this user's pipe-user-pages-soft. Half of it may still be allowed.
            Err(Errno::PERM) => wanted /= 2,
            result => return result,
        }
    }
    Ok(now)
}

/// Makes a pipe's buffer [`LARGE`], or as large as the limits leave, quietly; it never becomes smaller. What is no pipe
/// is left alone.
pub fn widen(fd: impl AsFd) {
    let _ = grow(fd, LARGE as u64);
}

/// The bytes in a pipe that nobody has read yet.
pub fn unread(fd: impl AsFd) -> Result<u64, Errno> {
    // The kernel counts in an unsigned int and hands it over as a signed one, which a full pipe of 2 GiB makes negative.
    rustix::io::ioctl_fionread(fd).map(|count| count & u64::from(u32::MAX))
}

/// Whether somebody has the other end of a pipe's or FIFO's writing end.
#[must_use]
pub fn has_reader(writer: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&writer, PollFlags::empty())];
    poll::look(&mut fds);
    !fds[0].revents().contains(PollFlags::ERR)
}

/// Whether a pipe or FIFO is empty and no writer has it open.
#[must_use]
pub fn has_ended(reader: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&reader, PollFlags::IN)];
    poll::look(&mut fds);
    fds[0].revents() == PollFlags::HUP
}

/// The largest buffer that a user may ask for without CAP_SYS_RESOURCE, in bytes.
pub fn max_size() -> Result<u64, Errno> {
    setting(MAX_SIZE)
}

/// The file that [`max_size`] reads.
pub const MAX_SIZE: &str = "/proc/sys/fs/pipe-max-size";

/// The pages that all pipes of a user may have before new ones and larger ones are refused or made small (soft), and
/// before there are none at all (hard); 0 is no limit.
pub fn user_pages() -> Result<(u64, u64), Errno> {
    Ok((setting("/proc/sys/fs/pipe-user-pages-soft")?, setting("/proc/sys/fs/pipe-user-pages-hard")?))
}

fn setting(path: &str) -> Result<u64, Errno> {
    let text = std::fs::read_to_string(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    text.trim().parse().map_err(|_| Errno::INVAL)
}
