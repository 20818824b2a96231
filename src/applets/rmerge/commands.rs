//! Commands: which are to be started, which run, how long they may, how they ended, and what the exit status says of it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::Pid;

use super::NAME;
use super::plan::{Commands, Label, Status};
use crate::error::{CANNOT_RUN, NOT_FOUND, TIMED_OUT};
use crate::fdio::signal::{self, Caught, Signal};
use crate::process::spawn::{self, Ended, Files, Group};
use crate::report::{self, Subject};

/// How often it is looked whether the last process of a group that was told to end is gone; nothing tells of that.
const LOOK: Duration = Duration::from_millis(20);

/// A command that is to be started.
#[derive(Debug)]
pub(super) struct Pending {
    /// Which of the arguments it is.
    pub(super) number: usize,
    pub(super) label: Label,
    pub(super) command: OsString,
    /// The type of its frames.
    pub(super) kind: u8,
}

/// A command that was started.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own about the command.
struct Job {
    number: usize,
    label: Label,
    group: Group,
    /// How many of its outputs are open.
    open: usize,
    ended: Option<(Ended, Instant)>,
    /// When it has run long enough.
    timeout: Option<Instant>,
    timed_out: bool,
    /// It was told to end, and this is when SIGKILL follows.
    kill: Option<Instant>,
    killed: Option<Instant>,
    /// It was told to end for what is no fault of its own.
    innocent: bool,
    /// Its outputs are not waited for any longer.
    let_go: bool,
    /// It was said that one of them is closed.
    said: bool,
}

/// The commands of a run.
#[derive(Debug)]
pub(super) struct Jobs<'a> {
    rules: &'a Commands,
    limit: usize,
    pub(super) queue: VecDeque<Pending>,
    running: Vec<Job>,
    /// The first that failed, by its number.
    first: Option<(usize, u8)>,
    worst: u8,
    succeeded: bool,
    /// Of the one that --status names.
    named: Option<u8>,
    /// No more are started.
    stopped: bool,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(rules: &'a Commands, limit: usize) -> Self {
        Self {
            rules,
            limit: limit.max(1),
            queue: VecDeque::new(),
            running: Vec::new(),
            first: None,
            worst: 0,
            succeeded: false,
            named: None,
            stopped: false,
        }
    }

    /// Whether one more may be started.
    pub(super) fn has_slot(&self) -> bool {
        !self.stopped && self.running.len() < self.limit
    }

    /// Whether none runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether all that were started have ended, whatever of their output is still open.
    pub(super) fn have_ended(&self) -> bool {
        self.running.iter().all(|job| job.ended.is_some())
    }

    /// Starts one with these outputs.
    pub(super) fn start(
        &mut self,
        pending: Pending,
        stdout: BorrowedFd<'_>,
        stderr: Option<BorrowedFd<'_>>,
        caught: &Caught,
        files: &Files,
    ) -> Result<(), Errno> {
        let group = spawn::shell(&pending.command, stdout, stderr, caught, files)?;
        let now = Instant::now();
        self.running.push(Job {
            number: pending.number,
            label: pending.label,
            group,
            open: 1 + usize::from(stderr.is_some()),
            ended: None,
            timeout: self.rules.timeout.and_then(|limit| now.checked_add(limit)),
            timed_out: false,
            kill: None,
            killed: None,
            innocent: false,
            let_go: false,
            said: false,
        });
        Ok(())
    }

    /// Says that a command could not be started, and takes account of it.
    pub(super) fn failed_to_start(&mut self, number: usize, label: &Label, errno: Errno) {
        report::failure(NAME, Subject::Name(&label.said), errno);
        let status = match errno {
            Errno::NOENT => NOT_FOUND,
            Errno::ACCESS | Errno::TOOBIG | Errno::INVAL | Errno::NOEXEC => CANNOT_RUN,
            _ => super::OWN_FAILURE,
        };
        self.count(number, label, status);
        self.fail_fast();
    }

    /// A child has ended; whether it was a command that failed by itself, of which the others are to be told.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended) -> bool {
        let Some(job) = self.running.iter_mut().find(|job| job.group.pid() == pid && job.ended.is_none()) else {
            return false;
        };
        job.ended = Some((ended, Instant::now()));
        job.timeout = None;
        !job.innocent && spawn::status(ended) != 0
    }

    /// One of a command's outputs has ended.
    pub(super) fn output_ended(&mut self, number: usize) {
        if let Some(job) = self.running.iter_mut().find(|job| job.number == number) {
            job.open = job.open.saturating_sub(1);
        }
    }

    /// All outputs have ended, as nobody reads them any more.
    pub(super) fn outputs_ended(&mut self) {
        for job in &mut self.running {
            job.open = 0;
        }
    }

    /// An output of a command is closed that another process keeps open; said once a command.
    pub(super) fn output_closed(&mut self, number: usize) {
        if let Some(job) = self.running.iter_mut().find(|job| job.number == number && !job.said) {
            job.said = true;
            let reason = "another process keeps its output open after its end; closed";
            report::reason(NAME, Subject::Name(&job.label.said), reason);
        }
    }

    /// A command has failed: where the first failure is to end the others, it does.
    pub(super) fn fail_fast(&mut self) {
        if self.rules.fail_fast {
            self.stop(Signal::SIGTERM);
        }
    }

    /// Starts no more, and tells those that run to end, by this signal; after the grace, SIGKILL follows.
    pub(super) fn stop(&mut self, signal: Signal) {
        self.stopped = true;
        self.queue.clear();
        for job in &mut self.running {
            // One that has ended by itself, and well, has succeeded, though its outputs may still be open.
            if job.ended.is_none() && !job.timed_out {
                job.innocent = true;
            }
            // From now on it has the grace.
            job.timeout = None;
            job.tell(signal, self.rules.grace);
        }
    }

    /// Ends all that run, now.
    pub(super) fn kill(&mut self) {
        for job in &mut self.running {
            job.kill();
        }
    }

    /// Whether no more are to be started.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// When time is to be looked at next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.running.iter().flat_map(|job| {
            let let_go = job.end_of_grace(self.rules.grace).filter(|_| !job.let_go && job.open > 0);
            let kill = job.kill.filter(|_| job.killed.is_none());
            let look = (job.kill.is_some() && job.ended.is_some() && job.open == 0 && job.killed.is_none())
                .then(|| Instant::now() + LOOK);
            [job.timeout, kill, let_go, look]
        });
        deadlines.flatten().min()
    }

    /// Does what is due, and returns the numbers of those whose outputs are not waited for any longer.
    pub(super) fn look_at_time(&mut self) -> Vec<usize> {
        let now = Instant::now();
        let is_over = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        let mut let_go = Vec::new();
        let mut failed = false;
        for job in &mut self.running {
            if is_over(job.timeout) {
                job.timeout = None;
                job.timed_out = true;
                failed |= !job.innocent;
                job.tell(Signal::SIGTERM, self.rules.grace);
            }
            if is_over(job.kill) && job.killed.is_none() {
                job.kill();
            }
            if is_over(job.end_of_grace(self.rules.grace)) && !job.let_go && job.open > 0 {
                job.let_go = true;
                let_go.push(job.number);
            }
        }
        if failed {
            self.fail_fast();
        }
        let_go
    }

    /// Takes account of those that are done: ended, with their outputs, and nothing left of what was told to end.
    pub(super) fn conclude(&mut self) {
        let (done, running) = std::mem::take(&mut self.running).into_iter().partition(Job::is_done);
        self.running = running;
        let done: Vec<Job> = done;
        for job in done {
            let Some((ended, _)) = job.ended else { continue };
            let status = if job.timed_out { TIMED_OUT } else { spawn::status(ended) };
            if job.innocent && !job.timed_out {
                if self.is_named(&job.label) {
                    self.named = Some(status);
                }
                continue;
            }
            let reason = match ended {
                _ if job.timed_out => Some("timed out".to_owned()),
                Ended::Exited(0) => None,
                Ended::Exited(status) => Some(format!("exited with status {status}")),
                Ended::Killed(number) => Some(format!("killed by {}", signal::name(number))),
            };
            if let Some(reason) = reason {
                report::reason(NAME, Subject::Name(&job.label.said), &reason);
            }
            self.count(job.number, &job.label, status);
        }
    }

    fn is_named(&self, label: &Label) -> bool {
        matches!(&self.rules.status, Status::Of(name) if label.shown == *name)
    }

    fn count(&mut self, number: usize, label: &Label, status: u8) {
        self.succeeded |= status == 0;
        self.worst = self.worst.max(status);
        if self.is_named(label) {
            self.named = Some(status);
        }
        if status != 0 && self.first.is_none_or(|(first, _)| number < first) {
            self.first = Some((number, status));
        }
    }

    /// What the exit status says of the commands.
    pub(super) fn status(&self) -> u8 {
        let first = self.first.map_or(0, |(_, status)| status);
        match self.rules.status {
            Status::Any if self.succeeded => 0,
            Status::First | Status::Any => first,
            Status::Worst => self.worst,
            // It was never started, as another one has failed.
            Status::Of(_) => self.named.unwrap_or(first),
        }
    }

    /// Whether this argument is a command that runs, or whose output does.
    pub(super) fn has(&self, number: usize) -> bool {
        self.running.iter().any(|job| job.number == number)
    }
}

impl Job {
    /// Whether processes of it may be there.
    fn is_there(&self) -> bool {
        self.ended.is_none() || self.group.has_members()
    }

    /// Sends it a signal, and lets it go on if it was stopped, so that the signal gets there; SIGKILL follows.
    fn tell(&mut self, signal: Signal, grace: Duration) {
        // One that has ended on its own has nothing more to be told, whatever it has left running.
        if self.ended.is_some() && self.open == 0 && self.kill.is_none() {
            return;
        }
        if self.is_there() {
            let _ = self.group.signal(signal);
            let _ = self.group.signal(Signal::SIGCONT);
        }
        if self.kill.is_none() {
            // A grace that is longer than time is none that ends.
            self.kill = Instant::now().checked_add(grace);
        }
    }

    fn kill(&mut self) {
        self.killed = Some(Instant::now());
        if self.is_there() {
            let _ = self.group.signal(Signal::SIGKILL);
        }
    }

    /// When its outputs have been waited for long enough. What was told to end is killed before.
    fn end_of_grace(&self, grace: Duration) -> Option<Instant> {
        let (_, ended) = self.ended?;
        let from = if self.kill.is_some() { ended.max(self.killed?) } else { ended };
        from.checked_add(grace)
    }

    fn is_done(&self) -> bool {
        self.ended.is_some()
            && self.open == 0
            && (self.kill.is_none() || self.killed.is_some() || !self.group.has_members())
    }
}
