//! Who holds which pipe: read from /proc, where every user sees the descriptors of their own processes. See proc(5).
//!
//! Nothing is opened here but directories and files of /proc itself, so no pipe, FIFO or device notices.

use std::collections::HashSet;
use std::ffi::{CStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, StatxFlags};
use rustix::io::Errno;
use rustix::process::RawPid;

/// What tells one pipe or FIFO from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipeId {
    device: (u32, u32),
    inode: u64,
}

impl PipeId {
    /// The pipe that was looked at; None if that is no pipe.
    #[must_use]
    pub fn of(stat: &Stat) -> Option<Self> {
        let device = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
        (FileType::from_raw_mode(stat.st_mode) == FileType::Fifo).then_some(Self { device, inode: stat.st_ino })
    }

    /// The number by which /proc shows a pipe without a name.
    #[must_use]
    pub fn inode(self) -> u64 {
        self.inode
    }
}

/// A descriptor of a process that is an end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// The process.
    pub pid: RawPid,
    /// Its number there.
    pub fd: RawFd,
    /// The pipe.
    pub pipe: PipeId,
    /// Whether it can be read.
    pub reads: bool,
    /// Whether it can be written.
    pub writes: bool,
}

/// /proc, open.
#[derive(Debug)]
pub struct Table {
    proc: OwnedFd,
    /// The device of pipes without a name, once one was seen.
    nameless: Option<(u32, u32)>,
    entries: Vec<MaybeUninit<u8>>,
}

impl Table {
    /// ENOENT where /proc is not mounted.
    pub fn open() -> Result<Self, Errno> {
        let proc = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { proc, nameless: None, entries: vec![MaybeUninit::uninit(); 16 * 1024] })
    }

    /// Every process, by its number.
    pub fn processes(&mut self) -> Result<Vec<RawPid>, Errno> {
        rustix::fs::seek(&self.proc, rustix::fs::SeekFrom::Start(0))?;
        let mut found = Vec::new();
        each_number(&self.proc, &mut self.entries, |_, number| found.push(number))?;
        found.sort_unstable();
        Ok(found)
    }

    /// The ends of pipes among the descriptors of one process, in the order of their numbers; with `wanted`, of those
    /// pipes only.
    ///
    /// ESRCH when there is no such process, EACCES when its descriptors are not for this user to see.
    pub fn ends(&mut self, pid: RawPid, wanted: Option<&HashSet<PipeId>>) -> Result<Vec<End>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let gone = |errno| if errno == Errno::NOENT { Errno::SRCH } else { errno };
        let directory = rustix::fs::openat(&self.proc, format!("{pid}/fd"), flags, Mode::empty()).map_err(gone)?;
        // To tell whether a name is that of a FIFO takes a further call, for which there is no need without FIFOs.
        let fifos = wanted.is_none_or(|wanted| wanted.iter().any(|pipe| Some(pipe.device) != self.nameless));
        let nameless = &mut self.nameless;
        let mut found = Vec::new();
        let mut link = Vec::new();
        each_number(&directory, &mut self.entries, |name, fd| {
            // What is closed meanwhile is not there any more.
            let Ok(target) = rustix::fs::readlinkat(&directory, name, std::mem::take(&mut link)) else { return };
            link = target.into_bytes();
            let Some(pipe) = identify(&directory, name, &link, fifos, nameless) else { return };
            if wanted.is_some_and(|wanted| !wanted.contains(&pipe)) {
                return;
            }
            // The link's permissions are the directions that the descriptor was opened for.
            let Ok(stat) = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else { return };
            let (reads, writes) = (stat.st_mode & 0o400 != 0, stat.st_mode & 0o200 != 0);
            // Neither is O_PATH, by which no end is held.
            if reads || writes {
                found.push(End { pid, fd, pipe, reads, writes });
            }
        })
        .map_err(gone)?;
        found.sort_unstable();
        Ok(found)
    }

    /// The ends of all processes that this user may see, in the order of processes. EMFILE and ENFILE when descriptors
    /// are used up, for part of them would look like all.
    pub fn all_ends(&mut self) -> Result<Vec<End>, Errno> {
        let mut all = Vec::new();
        for pid in self.processes()? {
            match self.ends(pid, None) {
                Ok(ends) => all.extend(ends),
                Err(errno @ (Errno::MFILE | Errno::NFILE)) => return Err(errno),
                // Gone, or not ours.
                Err(_) => {}
            }
        }
        Ok(all)
    }

    /// Whether a pipe that was seen here is none of the file system's, as a FIFO is.
    #[must_use]
    pub fn is_nameless(&self, pipe: PipeId) -> bool {
        self.nameless == Some(pipe.device)
    }

    /// The name of a process: up to 15 bytes of its program's, or what it has chosen; any bytes at all.
    #[must_use]
    pub fn name(&self, pid: RawPid) -> Option<OsString> {
        let mut name = self.read(&format!("{pid}/comm")).ok()?;
        if name.last() == Some(&b'\n') {
            name.pop();
        }
        Some(OsString::from_vec(name))
    }

    /// The process that a number stands for: its own, or that of one of its threads. ESRCH when it is gone, or has ended
    /// and only its parent hasn't heard of it yet.
    pub fn process(&self, number: RawPid) -> Result<RawPid, Errno> {
        let status = self.read(&format!("{number}/status")).map_err(|_| Errno::SRCH)?;
        let status = String::from_utf8_lossy(&status);
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
        if field("State:").is_none_or(|state| state.starts_with(['Z', 'X'])) {
            return Err(Errno::SRCH);
        }
        field("Tgid:").and_then(|process| process.parse().ok()).ok_or(Errno::SRCH)
    }

    /// The process group of a process, by its number; 0 is that of the kernel's own threads. ESRCH when it is gone.
    pub fn group(pid: RawPid) -> Result<RawPid, Errno> {
        let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid)));
        group.map(nix::unistd::Pid::as_raw).map_err(crate::fdio::errno)
    }

    /// How a descriptor was opened, O_CLOEXEC included.
    pub fn flags(&self, pid: RawPid, fd: RawFd) -> Result<OFlags, Errno> {
        let text = self.read(&format!("{pid}/fdinfo/{fd}"))?;
        let text = String::from_utf8_lossy(&text);
        let octal = text.lines().find_map(|line| line.strip_prefix("flags:")).ok_or(Errno::INVAL)?;
        u32::from_str_radix(octal.trim(), 8).map(OFlags::from_bits_retain).map_err(|_| Errno::INVAL)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let file = rustix::fs::openat(&self.proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // What is looked for is in the beginning, which one call reads.
        let mut bytes = vec![0; 1024];
        let count = rustix::io::read(&file, &mut bytes[..])?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

/// The pipe that a path leads to, without opening it; None if it is none.
pub fn pipe_at(path: &std::path::Path) -> Result<Option<PipeId>, Errno> {
    rustix::fs::statat(CWD, path, AtFlags::empty()).map(|stat| PipeId::of(&stat))
}

/// The pipe behind an entry of a process's fd directory.
fn identify(
    directory: &OwnedFd,
    name: &CStr,
    link: &[u8],
    fifos: bool,
    nameless: &mut Option<(u32, u32)>,
) -> Option<PipeId> {
    let stat = || {
        // A file on a server that is gone would hold up whoever asks the server.
        let flags = AtFlags::STATX_DONT_SYNC;
        let stat = rustix::fs::statx(directory, name, flags, StatxFlags::TYPE | StatxFlags::INO).ok()?;
        let fifo = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Fifo;
        fifo.then_some(PipeId { device: (stat.stx_dev_major, stat.stx_dev_minor), inode: stat.stx_ino })
    };
    if let Some(rest) = link.strip_prefix(b"pipe:[") {
        // The device is the same for all of them, and the number is in the link.
        if let Some(device) = *nameless {
            let inode = std::str::from_utf8(rest.strip_suffix(b"]")?).ok()?.parse().ok()?;
            return Some(PipeId { device, inode });
        }
        let pipe = stat()?;
        *nameless = Some(pipe.device);
        return Some(pipe);
    }
    if fifos && link.starts_with(b"/") { stat() } else { None }
}

/// Calls `take` for each entry of a directory whose name is a number.
fn each_number(
    directory: &OwnedFd,
    entries: &mut [MaybeUninit<u8>],
    mut take: impl FnMut(&CStr, i32),
) -> Result<(), Errno> {
    let mut entries = RawDir::new(directory, entries);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok()) {
            take(entry.file_name(), number);
        }
    }
    Ok(())
}
