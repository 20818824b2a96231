//! FIFOs by their names: made with an exact mode, opened so that nothing else ever is, removed only by who made them.
//!
//! A name is looked at with O_PATH first, which opens nothing and follows no link, and what is then opened is that very
//! inode, through /proc/self/fd. So no race with whoever changes the name can make us block in a device, cut a file
//! short, or follow a symbolic link. See fifo(7).

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::pipe::{self, Pipe};
use super::{device, poll, stdio};

/// How long a directory's lock is waited for, which anybody may hold who can read the directory.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it is slept before the lock is tried again.
const PAUSE: Duration = Duration::from_millis(1);

/// A name in a directory that is held open, so that a directory that is renamed meanwhile misleads nobody.
#[derive(Debug)]
pub struct Place {
    parent: OwnedFd,
    name: OsString,
}

impl Place {
    /// Opens the directory that `path` is in. ENOENT and ENOTDIR as for any path; ENOENT for an empty one.
    pub fn of(path: &OsStr) -> Result<Self, Errno> {
        let bytes = path.as_bytes();
        if bytes.is_empty() {
            return Err(Errno::NOENT);
        }
        // A slash at the end stays with the name, for the kernel to refuse.
        let named = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let start = bytes[..named].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = if named == 0 { (bytes, &b"."[..]) } else { bytes.split_at(start) };
        let parent = if parent.is_empty() { b"." } else { parent };
        let parent =
            stdio::open(Path::new(OsStr::from_bytes(parent)), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
        Ok(Self { parent, name: OsStr::from_bytes(name).to_owned() })
    }

    /// The directory, which is open for looking things up only.
    #[must_use]
    pub fn parent(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }

    /// The name in it.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Makes a FIFO with this very mode, whatever the umask, and tells what stat(2) says of it; None where the name is
    /// another's already. EEXIST when there is anything by that name.
    pub fn make(&self, mode: Mode) -> Result<Option<Stat>, Errno> {
        // The umask is the process's: nothing else is made meanwhile.
        let before = rustix::process::umask(Mode::empty());
        let result = rustix::fs::mknodat(&self.parent, Path::new(&self.name), FileType::Fifo, mode, 0);
        rustix::process::umask(before);
        result?;
        let now = rustix::fs::statat(&self.parent, Path::new(&self.name), AtFlags::SYMLINK_NOFOLLOW);
        Ok(now.ok().filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo))
    }

    /// Whether it is `file` that has the name.
    #[must_use]
    pub fn names(&self, file: &Stat) -> bool {
        let now = rustix::fs::statat(&self.parent, Path::new(&self.name), AtFlags::SYMLINK_NOFOLLOW);
        now.is_ok_and(|now| device::is_same(&now, file))
    }

    /// Keeps others who ask for this out of the directory as long as the descriptor is open; None where that can't be had,
    /// or not soon.
    #[must_use]
    pub fn lock(&self) -> Option<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.parent, ".", flags, Mode::empty()).ok()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                result => return result.ok().map(|()| directory),
            }
        }
    }

    /// What is there, without opening it and without following a link; None where there is nothing.
    pub fn look(&self) -> Result<Option<Seen>, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.parent, Path::new(&self.name), flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            result => result?,
        };
        let stat = rustix::fs::fstat(&fd)?;
        Ok(Some(Seen { fd: Arc::new(fd), stat }))
    }

    /// Whether what was seen here could have been put here by somebody to mislead others: it belongs to another user, and
    /// the directory is one where everybody may make files, as /tmp. This is the rule of fs.protected_fifos in proc(5).
    #[must_use]
    pub fn is_trap(&self, seen: &Seen) -> bool {
        let Ok(parent) = rustix::fs::fstat(&self.parent) else { return true };
        let everybodys = Mode::SVTX | Mode::WOTH;
        let own = rustix::process::geteuid().as_raw();
        Mode::from_raw_mode(parent.st_mode).contains(everybodys)
            && seen.stat.st_uid != own
            && seen.stat.st_uid != parent.st_uid
    }

    /// Removes the name if it is still that of `made`; tells whether it was.
    ///
    /// Between the look and the unlink the name could become another's: no call does both. Who can do that may remove
    /// names in this directory anyway.
    pub fn remove(&self, made: &Stat) -> Result<bool, Errno> {
        let name = Path::new(&self.name);
        match rustix::fs::statat(&self.parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if device::is_same(&stat, made) => {}
            Ok(_) | Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        rustix::fs::unlinkat(&self.parent, name, AtFlags::empty()).map(|()| true)
    }
}

/// What a name stood for when it was looked at.
#[derive(Clone, Debug)]
pub struct Seen {
    fd: Arc<OwnedFd>,
    stat: Stat,
}

impl Seen {
    /// What stat(2) said.
    #[must_use]
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Whether it is a FIFO.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Fifo
    }

    /// What kind of file it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::Fifo => "a FIFO",
            FileType::RegularFile => "a regular file",
            FileType::Directory => "a directory",
            FileType::Symlink => "a symbolic link",
            FileType::Socket => "a socket",
            FileType::BlockDevice => "a block device",
            FileType::CharacterDevice => "a character device",
            FileType::Unknown => "of an unknown kind",
        }
    }

    /// A name of this very inode, whatever has become of the one that was looked at.
    pub(super) fn magic_name(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// Opens the FIFO, and nothing else. ENXIO for a writer that doesn't wait while there is no reader; EINVAL for what
    /// is no FIFO; ENOSYS without /proc.
    fn open(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        if !self.is_fifo() {
            return Err(Errno::INVAL);
        }
        loop {
            match rustix::fs::open(self.magic_name(), flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty()) {
                Err(Errno::INTR) => {}
                Err(Errno::NOENT) => return Err(Errno::NOSYS),
                result => return result,
            }
        }
    }

    /// Opens it for reading, at once. From then on no writer waits, and none sees a missing reader.
    pub fn open_to_read(&self) -> Result<ReadEnd, Errno> {
        ReadEnd::new(self.open(OFlags::RDONLY | OFlags::NONBLOCK)?)
    }

    /// Opens it for writing, at once, so that later writes don't wait either. ENXIO while there is no reader.
    ///
    /// A reader that waits for a writer in open(2) is set free by it.
    pub fn open_to_write(&self) -> Result<OwnedFd, Errno> {
        self.open(OFlags::WRONLY | OFlags::NONBLOCK)
    }

    /// Begins to open it for writing as soon as there is a reader.
    ///
    /// A reader that waits in open(2) for a writer shows in no other way than to a writer that waits there, too. So a
    /// thread waits, which ends with the process at the latest. EAGAIN when there are too many threads.
    pub fn open_when_read(&self) -> Result<Opening, Errno> {
        let Pipe { reader, writer } = Pipe::new()?;
        let seen = self.clone();
        let wait = move || {
            let _told_on_drop = writer;
            let fd = seen.open(OFlags::WRONLY)?;
            // It is our own open file, which nobody shares.
            let flags = rustix::fs::fcntl_getfl(&fd)?;
            rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
            Ok(fd)
        };
        let thread = Builder::new().stack_size(64 * 1024).spawn(wait);
        let thread = thread.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
        Ok(Opening { done: reader, thread })
    }
}

/// An open(2) for writing that waits for a reader.
#[derive(Debug)]
pub struct Opening {
    done: OwnedFd,
    thread: JoinHandle<Result<OwnedFd, Errno>>,
}

impl AsFd for Opening {
    /// Hangs up (POLLHUP) when it is done.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }
}

impl Opening {
    /// The descriptor; waits until it is done.
    pub fn finish(self) -> Result<OwnedFd, Errno> {
        self.thread.join().unwrap_or(Err(Errno::IO))
    }
}

/// The reading end of a FIFO whose writers come and go.
///
/// Without a writer poll(2) would report POLLHUP again and again, and a writing end of our own would hide when the last
/// writer has left. So changes are told at their edge, by epoll(7): when bytes arrive, and when the last writer leaves.
#[derive(Debug)]
pub struct ReadEnd {
    fd: OwnedFd,
    changes: OwnedFd,
}

impl ReadEnd {
    fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let changes = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&changes, &fd, epoll::EventData::new_u64(0), events)?;
        Ok(Self { fd, changes })
    }

    /// Readable when something has changed since [`Self::take_change`].
    #[must_use]
    pub fn changes(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// Whether something has changed. From then on, what is there has to be read until there is no more: only what
    /// comes later is another change.
    pub fn take_change(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut event = [MaybeUninit::uninit(); 1];
        epoll::wait(&self.changes, &mut event, Some(&now)).is_ok_and(|(events, _)| !events.is_empty())
    }

    /// The bytes that nobody has read yet.
    #[must_use]
    pub fn unread(&self) -> u64 {
        pipe::unread(&self.fd).unwrap_or(0)
    }

    /// Whether a writer has come, and none has it open at this moment. What they left may still be there.
    #[must_use]
    pub fn is_left(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::empty())];
        poll::look(&mut fds);
        fds[0].revents().contains(PollFlags::HUP)
    }

    /// Reads what is there, without waiting; 0 where it is empty and no writer has it open, EAGAIN where one has.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    /// Makes its mode exactly this; tells it apart from a directory's default access list, which may have taken from it.
    pub fn set_mode(&self, mode: Mode) -> Result<(), Errno> {
        let now = Mode::from_raw_mode(rustix::fs::fstat(&self.fd)?.st_mode);
        if now == mode { Ok(()) } else { rustix::fs::fchmod(&self.fd, mode) }
    }

    /// Marks it as in use for others who ask with this; false where another process has.
    #[must_use]
    pub fn claim(&self) -> bool {
        rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
    }
}

impl AsFd for ReadEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
