//! How inputs come in: those that are named are opened, commands are queued and started, and further ones read as lines.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use memchr::memchr;
use rustix::io::Errno;

use super::commands::Pending;
use super::input::{Refusal, Source, Taken};
use super::merge::Merge;
use super::plan::{self, Label, Plan, What};
use super::{MAX_RECORD, NAME};
use crate::error::{Error, Named};
use crate::process::spawn::Files;
use crate::report::{self, Subject};

/// Descriptors that are open besides inputs: standard ones, signals, a file, what starting a command takes for a moment.
const OWN_FILES: u64 = 16;

/// Whether the descriptors suffice for all inputs; and for how many commands at once.
pub(super) fn check_descriptors(plan: &Plan, files: &Files) -> Result<usize, Error> {
    let commands = plan.inputs.iter().filter(|input| matches!(input.what, What::Command(_))).count();
    let each = 1 + u64::from(plan.commands.stderr);
    let at_once =
        plan.commands.jobs.map_or(commands, |jobs| commands.min(jobs)).max(usize::from(plan.commands_from.is_some()));
    let needed = OWN_FILES + (plan.inputs.len() - commands) as u64 + each * at_once as u64;
    let most = files.most().unwrap_or(u64::MAX);
    if needed > most {
        let words = format!("all inputs together need {needed} open files, and the limit is {most} (see ulimit -n)");
        return Err(Error::Refused(Named::Words("too many inputs"), words));
    }
    let room = usize::try_from((most - needed) / each).unwrap_or(usize::MAX).saturating_add(at_once);
    Ok(plan.commands.jobs.unwrap_or(usize::MAX).min(room))
}

/// Where further commands come from.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) source: Source,
    name: Named,
}

impl Merge<'_> {
    /// Opens the inputs, and queues the commands.
    pub(super) fn open(&mut self) -> Result<(), Error> {
        let mut taken = Taken::new();
        if let Some(path) = &self.plan.commands_from {
            let (what, name) = if path == "-" {
                (What::Stdin, Named::Words("standard input"))
            } else {
                (What::Path(path.clone()), path.clone().into())
            };
            let source = Source::open(&what, false, &mut taken).map_err(|refusal| match refusal {
                Refusal::System(errno) => Error::System(name.clone(), errno),
                Refusal::Words(words) => Error::Refused(name.clone(), words.to_owned()),
            })?;
            self.lines = Some(Lines { source, name });
        }
        let plan = self.plan;
        for (number, input) in plan.inputs.iter().enumerate() {
            if let What::Command(command) = &input.what {
                self.queue(number, input.label.clone(), command.clone());
                continue;
            }
            let kind = self.take_kinds(1).unwrap_or(u8::MAX);
            let name = match &input.what {
                What::Stdin => Named::Words("standard input"),
                _ => input.label.said.clone().into(),
            };
            match Source::open(&input.what, plan.follow, &mut taken) {
                Ok(source) => {
                    self.expect(number, 1);
                    let label = self.dresser.label(&input.label.shown, false);
                    self.add(source, number, kind, label, name);
                }
                Err(refusal) => {
                    self.failed = true;
                    match refusal {
                        Refusal::System(errno) => report::failure(NAME, name.subject(), errno),
                        Refusal::Words(words) => report::reason(NAME, name.subject(), words),
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes types for the frames of inputs; None when all are taken.
    fn take_kinds(&mut self, count: u8) -> Option<u8> {
        let first = self.kinds.checked_add(1)?;
        self.kinds = self.kinds.checked_add(count)?;
        Some(first)
    }

    /// Queues a command.
    fn queue(&mut self, number: usize, label: Label, command: OsString) {
        let count = 1 + u8::from(self.plan.commands.stderr);
        let kind = self.take_kinds(count);
        if kind.is_none() && matches!(self.plan.dress, plan::Dress::Frames) {
            self.failed = true;
            report::reason(NAME, Subject::Name(&label.said), "not run: --frames tells at most 255 inputs apart");
            return;
        }
        self.expect(number, usize::from(count));
        self.jobs.queue.push_back(Pending { number, label, command, kind: kind.unwrap_or(u8::MAX) });
    }

    /// Starts commands while there are some and may be more.
    pub(super) fn start_commands(&mut self) {
        while self.jobs.has_slot() {
            let Some(pending) = self.jobs.queue.pop_front() else { break };
            let (number, label) = (pending.number, pending.label.clone());
            if let Err(errno) = self.start(pending) {
                self.jobs.failed_to_start(number, &label, errno);
                for _ in 0..=usize::from(self.plan.commands.stderr) {
                    self.expect_less(number);
                }
            }
        }
        // Stopped before, or by one that could not be started.
        if self.jobs.is_stopped() {
            self.start_none();
        }
    }

    /// Forgets the commands that were not started.
    pub(super) fn start_none(&mut self) {
        self.lines = None;
        // Those, too, that came in the same moment as what has stopped them.
        self.jobs.queue.clear();
        let Some(order) = &mut self.order else { return };
        order.waiting.values_mut().for_each(|waiting| waiting.open = 0);
        for stream in self.streams.iter().flatten() {
            if let Some(waiting) = order.waiting.get_mut(&stream.number) {
                waiting.open += 1;
            }
        }
    }

    fn start(&mut self, pending: Pending) -> Result<(), Errno> {
        let (stdout, stdout_writer) = Source::pipe()?;
        let stderr = if self.plan.commands.stderr { Some(Source::pipe()?) } else { None };
        let (number, kind, label) = (pending.number, pending.kind, pending.label.clone());
        let stderr_writer = stderr.as_ref().map(|(_, writer)| writer.as_fd());
        self.jobs.start(pending, stdout_writer.as_fd(), stderr_writer, self.caught, self.files)?;
        let outputs = [Some((stdout, stdout_writer)), stderr];
        for ((source, _), errors) in outputs.into_iter().flatten().zip([false, true]) {
            let text = self.dresser.label(&label.shown, errors);
            self.add(source, number, kind.saturating_add(u8::from(errors)), text, label.said.clone().into());
        }
        Ok(())
    }

    /// Reads further commands once.
    pub(super) fn read_lines(&mut self) {
        let Some(lines) = &mut self.lines else { return };
        let most = usize::try_from(MAX_RECORD).unwrap_or(usize::MAX);
        let ended = match lines.source.read(most) {
            Ok(count) => count == 0,
            Err(Errno::AGAIN) => return,
            Err(errno) => {
                self.failed = true;
                report::failure(NAME, lines.name.subject(), errno);
                true
            }
        };
        let mut found = VecDeque::new();
        let buffer = &mut lines.source.buffer;
        loop {
            let bytes = buffer.bytes();
            let length = memchr(b'\n', bytes);
            if length.is_none() && (!ended || bytes.is_empty()) {
                break;
            }
            let length = length.unwrap_or(bytes.len());
            let line = &bytes[..length];
            if !line.trim_ascii().is_empty() {
                found.push_back(OsStr::from_bytes(line).to_owned());
            }
            buffer.take(length + 1);
        }
        let too_long = buffer.bytes().len() >= most;
        if too_long {
            self.failed = true;
            report::reason(NAME, lines.name.subject(), &format!("a line is longer than {most} bytes"));
        }
        if ended || too_long {
            self.lines = None;
        }
        for command in found {
            let number = self.numbers;
            self.numbers += 1;
            self.queue(number, plan::command_label(None, &command), command);
        }
    }
}
