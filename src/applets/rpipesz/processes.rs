//! The pipes of processes: --pid and --pgid.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::RawPid;
use serde_json::{Value, json};

use super::table::{self, Form, Table as Shown};
use super::{Manner, NAME, Size, Which, get_set, say};
use crate::error::{Error, FAILED, Named};
use crate::fdio::pipe;
use crate::process::table::{End, PipeId, Table};
use crate::process::take::Process;
use crate::quote::quote;
use crate::report;

/// Processes by their numbers: their names, and descriptors to take from them.
///
/// Only the last one is kept open. Ends come in the order of processes, and descriptors may be few.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: BTreeMap<RawPid, OsString>,
    open: Option<(RawPid, Process)>,
}

impl Known {
    /// The name of a process, any bytes; a question mark where it was gone before it could be asked.
    fn raw_name(&mut self, table: &Table, pid: RawPid) -> &OsStr {
        self.names.entry(pid).or_insert_with(|| table.name(pid).unwrap_or_else(|| "?".into()))
    }

    /// The name as it can be shown.
    pub(super) fn name(&mut self, table: &Table, pid: RawPid) -> String {
        match self.raw_name(table, pid) {
            // A shell would need it quoted; here it stands for no name.
            name if name == "?" => "?".to_owned(),
            name => quote(name),
        }
    }

    /// The name as JSON has it.
    fn json_name(&mut self, table: &Table, pid: RawPid) -> String {
        self.raw_name(table, pid).to_string_lossy().into_owned()
    }

    /// Looks up what the names of these are now, for a command may have taken the place of a shell. Of those that have
    /// ended the last one stays.
    pub(super) fn learn<'a>(&mut self, table: &Table, ends: impl Iterator<Item = &'a End>) {
        let processes: BTreeSet<RawPid> = ends.map(|end| end.pid).collect();
        self.names.extend(processes.into_iter().filter_map(|pid| Some((pid, table.name(pid)?))));
    }

    pub(super) fn take(&mut self, end: &End) -> Result<OwnedFd, Errno> {
        let process = match self.open.take() {
            Some((pid, process)) if pid == end.pid => process,
            _ => Process::open(end.pid)?,
        };
        let taken = process.take(end.fd, end.pipe);
        // The number of a process that is gone may be another's the next time.
        if !matches!(taken, Err(Errno::SRCH)) {
            self.open = Some((end.pid, process));
        }
        taken
    }

    /// A process as it is called in messages.
    pub(super) fn called(&mut self, table: &Table, pid: RawPid) -> String {
        match self.name(table, pid).as_str() {
            "?" => format!("process {pid}"),
            name => format!("process {pid} ({name})"),
        }
    }
}

/// /proc, or why there is none.
pub(super) fn open_table() -> Result<Table, Error> {
    Table::open().map_err(|errno| Error::System(Named::Words("/proc"), errno))
}

/// The processes that are meant.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) all: Vec<RawPid>,
    /// Those whose own numbers were given. The others may leave their group at any time without a word.
    named: HashSet<RawPid>,
}

impl Members {
    /// Adds who has joined the groups since.
    pub(super) fn renew(&mut self, table: &mut Table, which: &[Which]) {
        for one in which {
            if let Which::Group(number) = *one {
                let found = group(table, number);
                self.all =
                    found.into_iter().chain(self.all.drain(..)).collect::<BTreeSet<RawPid>>().into_iter().collect();
            }
        }
    }

    /// Says why one of them can't be looked at, and returns whether that is a failure.
    pub(super) fn refuse(&self, table: &Table, known: &mut Known, pid: RawPid, errno: Errno, manner: Manner) -> bool {
        // What one that has ended held is for nobody to see, until its parent has heard of its end.
        let errno = table.process(pid).err().unwrap_or(errno);
        if errno == Errno::SRCH && !self.named.contains(&pid) {
            return false;
        }
        if manner.says() {
            say(&known.called(table, pid), &report::words(errno));
        }
        true
    }
}

/// The processes of a group that have not ended.
fn group(table: &mut Table, group: RawPid) -> Vec<RawPid> {
    let mut found = table.processes().unwrap_or_default();
    found.retain(|pid| Table::group(*pid) == Ok(group) && table.process(*pid).is_ok());
    found
}

/// The processes that are meant; one that is gone, and a group without any, is said, and with --check ends the search.
pub(super) fn members(table: &mut Table, which: &[Which], manner: Manner, failed: &mut bool) -> Members {
    let mut members = Members::default();
    for one in which {
        match *one {
            Which::Process(pid) => match table.process(pid) {
                Ok(process) => {
                    members.all.push(process);
                    members.named.insert(process);
                }
                Err(errno) => {
                    if manner.says() {
                        say(&format!("process {pid}"), &report::words(errno));
                    }
                    *failed = true;
                }
            },
            Which::Group(number) => {
                let found = group(table, number);
                if found.is_empty() {
                    if manner.says() {
                        say(&format!("process group {number}"), &report::words(Errno::SRCH));
                    }
                    *failed = true;
                }
                members.all.extend(found);
            }
        }
        if *failed && manner.check {
            break;
        }
    }
    let mut seen = HashSet::new();
    members.all.retain(|pid| seen.insert(*pid));
    members
}

/// The ends that the processes hold; those that can't be looked at are said.
fn ends(table: &mut Table, known: &mut Known, members: &Members, manner: Manner, failed: &mut bool) -> Vec<End> {
    let mut all = Vec::new();
    for pid in &members.all {
        if *failed && manner.check {
            break;
        }
        match table.ends(*pid, None) {
            Ok(ends) => all.extend(ends),
            Err(errno) => *failed |= members.refuse(table, known, *pid, errno, manner),
        }
    }
    all
}

/// Who holds the same pipes, these included, by the pipe. Each process is looked at once.
fn holders(table: &mut Table, own: &[End], members: &[RawPid]) -> HashMap<PipeId, Vec<End>> {
    let wanted: HashSet<PipeId> = own.iter().map(|end| end.pipe).collect();
    let members: HashSet<RawPid> = members.iter().copied().collect();
    let mut all = own.to_vec();
    for pid in table.processes().unwrap_or_default() {
        if !members.contains(&pid) {
            // Those that can't be seen are as good as not there.
            all.extend(table.ends(pid, Some(&wanted)).unwrap_or_default());
        }
    }
    all.sort_unstable();
    let mut holders: HashMap<PipeId, Vec<End>> = HashMap::new();
    for end in all {
        holders.entry(end.pipe).or_default().push(end);
    }
    holders
}

/// Every pipe, with who is at its other end.
pub(super) fn list(which: &[Which], manner: Manner) -> Result<u8, Error> {
    let mut table = open_table()?;
    let mut known = Known::default();
    let mut failed = false;
    let members = members(&mut table, which, manner, &mut failed);
    let own = ends(&mut table, &mut known, &members, manner, &mut failed);
    let holders = holders(&mut table, &own, &members.all);
    let text = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let mut shown = Shown::new(&["pid", "name", "fd", "direction", "size", "unread", "flags", "other end"]);
    let mut objects = Vec::new();
    let mut refused = BTreeSet::new();
    for end in &own {
        let asked = known.take(end).and_then(|fd| Ok((pipe::size(&fd)?, pipe::unread(&fd)?)));
        let asked = match asked {
            Ok(asked) => Some(asked),
            // Closed since; so it is none of its pipes any more.
            Err(Errno::BADF) => continue,
            Err(Errno::SRCH) => {
                failed |= refused.insert(end.pid) && members.refuse(&table, &mut known, end.pid, Errno::SRCH, manner);
                continue;
            }
            Err(errno) => {
                if refused.insert(end.pid) {
                    failed = true;
                    if manner.says() {
                        say(&known.called(&table, end.pid), &format!("sizes can't be told: {}", report::words(errno)));
                    }
                }
                None
            }
        };
        if failed && manner.check {
            break;
        }
        let flags = flags(&table, end);
        let peers: Vec<End> = holders[&end.pipe].iter().filter(|other| opposite(end, other)).copied().collect();
        if manner.form == Form::Json {
            objects.push(json!({
                "pid": end.pid, "name": known.json_name(&table, end.pid), "fd": end.fd, "direction": direction(end),
                "size": asked.map(|asked| asked.0), "unread": asked.map(|asked| asked.1), "flags": flags,
                "peers": as_objects(&table, &mut known, &peers), "inode": end.pipe.inode(),
            }));
            continue;
        }
        shown.row([
            end.pid.to_string(),
            known.name(&table, end.pid),
            end.fd.to_string(),
            direction(end).to_owned(),
            text(asked.map(|asked| asked.0)),
            text(asked.map(|asked| asked.1)),
            dash(flags.join(",")),
            dash(in_words(&table, &mut known, &peers, manner.form)),
        ]);
    }
    let text = match manner.form {
        Form::Json => table::objects(objects),
        form => shown.text(form, manner.verbose || form == Form::Aligned),
    };
    Ok(table::print(&text, if failed { FAILED } else { 0 }))
}

/// Resizes every pipe, each once.
pub(super) fn set(which: &[Which], size: Size, manner: Manner) -> Result<u8, Error> {
    let asked = get_set::reduce(size, manner);
    let mut table = open_table()?;
    let mut known = Known::default();
    let mut failed = false;
    let members = members(&mut table, which, manner, &mut failed);
    let (mut done, mut refused) = (HashSet::new(), HashSet::new());
    for end in ends(&mut table, &mut known, &members, manner, &mut failed) {
        if failed && manner.check {
            break;
        }
        if done.contains(&end.pipe) {
            continue;
        }
        let name = format!("fd {} of {}", end.fd, known.called(&table, end.pid));
        let taken = known.take(&end);
        let set = taken.as_ref().map_err(|errno| *errno).and_then(|fd| get_set::give(fd, asked));
        // With that the end is let go: a message may have to wait.
        let enough = taken.is_ok_and(|fd| get_set::has(fd, size));
        let too_small = manner.strict && !enough;
        match set {
            Ok(given) if manner.verbose || too_small => {
                report::message(NAME, &format!("{name} pipe buffer size set to {given}"));
            }
            Ok(_) => {}
            // Closed since.
            Err(Errno::BADF) => continue,
            Err(Errno::SRCH) => {
                failed |= refused.insert(end.pid) && members.refuse(&table, &mut known, end.pid, Errno::SRCH, manner);
                continue;
            }
            Err(errno) => {
                if manner.says() || too_small {
                    say(&format!("cannot set pipe buffer size of {name}"), &report::words(errno));
                }
                failed = true;
            }
        }
        failed |= too_small;
        done.insert(end.pipe);
    }
    Ok(if failed { FAILED } else { 0 })
}

fn direction(end: &End) -> &'static str {
    match (end.reads, end.writes) {
        (true, true) => "both",
        (true, false) => "read",
        (false, _) => "write",
    }
}

/// Whether `other` is at the other end of the same pipe.
fn opposite(end: &End, other: &End) -> bool {
    other != end && ((end.reads && other.writes) || (end.writes && other.reads))
}

/// What a descriptor was opened with, besides its direction.
fn flags(table: &Table, end: &End) -> Vec<&'static str> {
    let set = table.flags(end.pid, end.fd).unwrap_or(OFlags::empty());
    let names = [
        (OFlags::NONBLOCK, "nonblock"),
        (OFlags::APPEND, "append"),
        (OFlags::DIRECT, "packets"),
        (OFlags::CLOEXEC, "cloexec"),
    ];
    names.into_iter().filter(|(flag, _)| set.contains(*flag)).map(|(_, name)| name).collect()
}

/// Ends as `12 gzip fd 0`, one after the other; for people no more than a few.
pub(super) fn in_words(table: &Table, known: &mut Known, ends: &[End], form: Form) -> String {
    let shown = if form == Form::Aligned { 3 } else { usize::MAX };
    let name = |end: &End| format!("{} {} fd {}", end.pid, known.name(table, end.pid), end.fd);
    let mut words: Vec<String> = ends.iter().take(shown).map(name).collect();
    if ends.len() > shown {
        words.push(format!("{} more", ends.len() - shown));
    }
    words.join(", ")
}

pub(super) fn as_objects(table: &Table, known: &mut Known, ends: &[End]) -> Vec<Value> {
    ends.iter().map(|end| json!({ "pid": end.pid, "name": known.json_name(table, end.pid), "fd": end.fd })).collect()
}
