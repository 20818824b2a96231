//! Who comes to a FIFO and who leaves it: inotify(7) on the FIFO and on its name, and fanotify(7).
//!
//! inotify merges an event that is equal to the one before it, so two writers that close one after the other would be one
//! event. With the directory watched as well, each of them is two events that differ, and only what happens on two
//! processors within a microsecond is still merged. fanotify merges all that one process does, and never what two do.

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::libc;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::fifo::{Place, Seen};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process has opened the FIFO, for reading or writing.
    Opened,
    /// A writer has closed it.
    WriterLeft,
    /// The name was made, moved or removed, or the FIFO's attributes have changed.
    Renamed,
    /// There were too many events, and some were lost.
    Lost,
}

/// Watches a FIFO, its name, or both.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
    fifo: Option<i32>,
    parent: Option<i32>,
    name: OsString,
    buffer: Vec<MaybeUninit<u8>>,
}

/// Events of a FIFO for one who waits for a reader.
const COMING: WatchFlags = WatchFlags::OPEN.union(WatchFlags::ATTRIB);

/// Events of a directory that change what a name stands for.
const NAMES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR);

/// Events of both for one who counts writers.
const WRITERS: WatchFlags = WatchFlags::OPEN.union(WatchFlags::CLOSE_WRITE);

impl Watch {
    fn new(place: &Place) -> Result<Self, Errno> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // Room for many events, of 16 bytes and their name each.
        let buffer = vec![MaybeUninit::uninit(); 16 * 1024];
        Ok(Self { inotify, fifo: None, parent: None, name: place.name().to_owned(), buffer })
    }

    /// Watches the writers of a FIFO at its place; `apart` to tell each from the next one, which takes an event of every
    /// file in the directory. EMFILE and ENOSPC when the user's watches are used up, EACCES without the right to read the
    /// FIFO.
    pub fn writers(place: &Place, fifo: &Seen, apart: bool) -> Result<Self, Errno> {
        let mut watch = Self::new(place)?;
        watch.fifo = Some(inotify::add_watch(&watch.inotify, fifo.magic_name(), WRITERS)?);
        if apart {
            // Without the right to read the directory more is merged, and what is counted is still no more than there was.
            watch.parent = inotify::add_watch(&watch.inotify, magic_name(place.parent()), WRITERS).ok();
        }
        Ok(watch)
    }

    /// Watches for readers of a FIFO, and for another one to take its name; with None, for one to appear.
    pub fn readers(place: &Place, fifo: Option<&Seen>) -> Result<Self, Errno> {
        let mut watch = Self::new(place)?;
        if let Some(fifo) = fifo {
            watch.fifo = Some(inotify::add_watch(&watch.inotify, fifo.magic_name(), COMING)?);
        }
        watch.parent = Some(inotify::add_watch(&watch.inotify, magic_name(place.parent()), NAMES)?);
        Ok(watch)
    }

    /// Takes the events that have come, and tells whether there were any; of those of the directory, only what changed
    /// the name.
    pub fn take(&mut self, mut each: impl FnMut(Event)) -> bool {
        let mut any = false;
        let mut reader = inotify::Reader::new(&self.inotify, &mut self.buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => return any,
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                any = true;
                each(Event::Lost);
            } else if Some(event.wd()) == self.parent && self.parent != self.fifo {
                let changed = ReadFlags::CREATE | ReadFlags::MOVED_TO | ReadFlags::MOVED_FROM | ReadFlags::DELETE;
                let named = event.file_name().is_some_and(|name| name.to_bytes() == self.name.as_bytes());
                if named && what.intersects(changed) {
                    any = true;
                    each(Event::Renamed);
                }
            } else {
                any = true;
                if what.contains(ReadFlags::OPEN) {
                    each(Event::Opened);
                } else if what.contains(ReadFlags::CLOSE_WRITE) {
                    each(Event::WriterLeft);
                } else {
                    each(Event::Renamed);
                }
            }
        }
    }
}

impl AsFd for Watch {
    /// Readable when something has happened, in the whole directory.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// Watches the writers of a FIFO by their processes.
#[derive(Debug)]
pub struct Processes(Fanotify);

impl Processes {
    /// EPERM or ENOSYS before Linux 5.13 and where a filter refuses it, EOPNOTSUPP on file systems without file handles.
    pub fn new(fifo: &Seen) -> Result<Self, Errno> {
        // Without a descriptor of the FIFO in each event, which would be an open end of it; any user may have that.
        let flags =
            InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK | InitFlags::from_bits_retain(libc::FAN_REPORT_FID);
        let group = Fanotify::init(flags, EventFFlags::O_RDONLY).map_err(super::errno)?;
        let mask = MaskFlags::FAN_OPEN | MaskFlags::FAN_CLOSE_WRITE;
        let name = fifo.magic_name();
        group.mark(MarkFlags::FAN_MARK_ADD, mask, rustix::fs::CWD, Some(name.as_str())).map_err(super::errno)?;
        Ok(Self(group))
    }

    /// As [`Watch::take`]. What one process did several times may be one event.
    pub fn take(&mut self, mut each: impl FnMut(Event)) -> bool {
        let mut any = false;
        loop {
            let events = match self.0.read_events() {
                Ok(events) => events,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(_) => return any,
            };
            for event in events {
                any = true;
                let what = event.mask();
                if what.contains(MaskFlags::FAN_OPEN) {
                    each(Event::Opened);
                }
                if what.contains(MaskFlags::FAN_CLOSE_WRITE) {
                    each(Event::WriterLeft);
                }
            }
        }
    }
}

impl AsFd for Processes {
    /// Readable when something has happened.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn magic_name(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
