//! The FIFO at PATH: found, made or taken over, and removed by the one who made it.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;

use rustix::fs::{Mode, Stat};
use rustix::io::Errno;

use crate::error::Error;
use crate::fdio::fifo::{Place, ReadEnd, Seen};
use crate::fdio::{device, pipe};
use crate::process::table::{PipeId, Table};
use crate::report::words;

/// Who may read and write where nobody says otherwise: the user.
pub(super) const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

const HAS_READER: &str = "has a reader; only a FIFO that nobody reads is replaced";

/// What becomes of a FIFO that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Present {
    /// It is an error.
    Refuse,
    /// It is used, and stays.
    Reuse,
    /// It is taken over, if nobody reads it.
    Replace,
}

/// PATH, and the FIFO that was made there, which goes with this value.
#[derive(Debug)]
pub(super) struct Path {
    given: OsString,
    pub(super) place: Place,
    /// What is to be removed.
    made: Option<Stat>,
}

impl Path {
    pub(super) fn new(given: &OsStr) -> Result<Self, Error> {
        let place = Place::of(given).map_err(|errno| Error::System(given.to_owned().into(), errno))?;
        Ok(Self { given: given.to_owned(), place, made: None })
    }

    /// As it was given.
    pub(super) fn given(&self) -> &OsStr {
        &self.given
    }

    /// Why a run ends for which a call on it failed.
    pub(super) fn failed(&self, errno: Errno) -> Error {
        Error::System(self.given.clone().into(), errno)
    }

    /// Why a run ends, in words.
    pub(super) fn refused(&self, reason: impl Into<String>) -> Error {
        Error::Refused(self.given.clone().into(), reason.into())
    }

    /// What is there, if anything is; an error if that is no FIFO, or one to beware of.
    pub(super) fn look(&self) -> Result<Option<Seen>, Error> {
        let Some(seen) = self.place.look().map_err(|errno| self.failed(errno))? else { return Ok(None) };
        if !seen.is_fifo() {
            return Err(self.refused(format!("is {}, not a FIFO", seen.kind())));
        }
        if self.place.is_trap(&seen) {
            return Err(self.refused("belongs to another user, in a directory where everybody may make files"));
        }
        Ok(Some(seen))
    }

    /// Makes a FIFO, which goes when this does unless it is kept; None if there is something already.
    pub(super) fn make(&mut self, mode: Mode, keep: bool) -> Result<Option<Seen>, Error> {
        let stat = match self.place.make(mode) {
            Ok(stat) => stat,
            Err(Errno::EXIST) => return Ok(None),
            Err(errno) => return Err(self.failed(errno)),
        };
        // It goes even if it can't be opened now.
        self.made = stat.filter(|_| !keep);
        let seen = self.look()?;
        Ok(seen.filter(|seen| stat.is_some_and(|stat| device::is_same(seen.stat(), &stat))))
    }

    /// Opens PATH for reading, after making it or by what `present` says. What an earlier run has left behind stays the
    /// same FIFO, so writers that wait for a reader get one. `before` is called when it is clear which FIFO that is, and
    /// no writer that waits has been set free.
    pub(super) fn open_to_read(
        &mut self,
        mode: Mode,
        present: Present,
        keep: bool,
        mut before: impl FnMut(&Place, &Seen),
    ) -> Result<ReadEnd, Error> {
        // Who looks for a reader opens the FIFO, and a start that has just opened it would count that as a writer. So of
        // several starts at once each is alone until it can be seen.
        let _alone = self.place.lock();
        // What is there may be gone when it is looked at, or opened; not so often that it would never end.
        for _ in 0..100 {
            let new = self.make(mode, keep)?;
            let own = new.is_some();
            let seen = if own { new } else { self.look()? };
            let Some(seen) = seen else { continue };
            match present {
                _ if own => {}
                Present::Refuse => {
                    let reason = "is there already; --reuse uses it, and --replace takes over one that nobody reads";
                    return Err(self.refused(reason));
                }
                Present::Reuse => {}
                Present::Replace => self.check_abandoned(&seen)?,
            }
            before(&self.place, &seen);
            let end = seen.open_to_read().map_err(|errno| self.failed(errno))?;
            let reused = !own && present == Present::Reuse;
            let taken = !reused && !end.claim();
            if taken && !own {
                return Err(self.refused(HAS_READER));
            }
            // What was made here may have been taken over by another start before it was opened; what is taken over or
            // reused may have been removed by the one who made it.
            if taken || !self.place.names(seen.stat()) {
                self.made = None;
                continue;
            }
            if !reused {
                end.set_mode(mode).map_err(|errno| self.failed(errno))?;
                self.made = (!keep).then(|| *seen.stat());
            }
            return Ok(end);
        }
        Err(self.failed(Errno::EXIST))
    }

    /// An error unless it is of this user and nobody reads it.
    fn check_abandoned(&self, seen: &Seen) -> Result<(), Error> {
        if seen.stat().st_uid != rustix::process::geteuid().as_raw() {
            return Err(self.refused("belongs to another user"));
        }
        if is_read(seen) {
            return Err(self.refused(HAS_READER));
        }
        // Processes of other users may not be seen. A reader that there is all the same sees a writer come and leave.
        match seen.open_to_write() {
            Err(Errno::NXIO) => Ok(()),
            Ok(_) => Err(self.refused(HAS_READER)),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// Removes what was made, if it is still there.
    pub(super) fn remove(&mut self) -> Result<(), String> {
        let Some(made) = self.made.take() else { return Ok(()) };
        self.place.remove(&made).map(drop).map_err(|errno| format!("cannot be removed: {}", words(errno)))
    }

    /// An error if a descriptor that is used together with the FIFO is the FIFO.
    pub(super) fn check_apart(&self, fifo: impl AsFd, other: impl AsFd, name: &str) -> Result<(), Error> {
        let (Ok(one), Ok(other)) = (rustix::fs::fstat(fifo), rustix::fs::fstat(other)) else { return Ok(()) };
        if device::is_same(&one, &other) { Err(self.refused(format!("is {name}"))) } else { Ok(()) }
    }

    /// Sets the size of the FIFO's buffer, which holds as long as it is open.
    pub(super) fn set_size(&self, fifo: impl AsFd, size: u64) -> Result<(), Error> {
        let set = pipe::set_size(fifo, size);
        set.map(drop).map_err(|errno| self.refused(format!("cannot set the size: {}", words(errno))))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // The run has failed already, and has said why.
        let _ = self.remove();
    }
}

/// Whether a process that can be seen has it open for reading.
fn is_read(seen: &Seen) -> bool {
    let (Some(pipe), Ok(mut table)) = (PipeId::of(seen.stat()), Table::open()) else { return false };
    let wanted = HashSet::from([pipe]);
    table
        .processes()
        .unwrap_or_default()
        .into_iter()
        .any(|pid| table.ends(pid, Some(&wanted)).unwrap_or_default().iter().any(|end| end.reads))
}
