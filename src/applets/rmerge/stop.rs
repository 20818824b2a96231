//! What ends a run, an input or a command before its time: signals, limits of time, and an output that takes no more.

use rustix::io::Errno;

use super::merge::Merge;
use crate::fdio::signal::Signal;
use crate::process::spawn;

/// The signals that are passed on to commands.
pub(super) const PASSED_ON: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// Why a run ends before its inputs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Signal(Signal),
    Output(Errno),
}

impl Merge<'_> {
    /// Sees to signals, and to commands that have ended.
    pub(super) fn take_signals(&mut self) {
        while let Some(signal) = self.caught.next() {
            if PASSED_ON.contains(&signal) {
                self.interrupt(signal);
            }
        }
        // Several may have failed by themselves before the first of them makes the others end.
        let mut failed = false;
        while let Some((pid, ended)) = spawn::reap() {
            failed |= self.jobs.ended(pid, ended);
        }
        if failed {
            self.jobs.fail_fast();
        }
    }

    fn interrupt(&mut self, signal: Signal) {
        if self.stop.is_some() {
            // Whoever asks twice doesn't want to wait for a reader, and who asks again, for nothing at all.
            self.jobs.kill();
            if self.hurried {
                self.abandoned = true;
                self.jobs.outputs_ended();
            }
            self.hurried = true;
            return;
        }
        self.stop = Some(Stop::Signal(signal));
        // Where there are no commands, only what the output takes at once goes out.
        self.hurried = !self.plan.has_commands();
        self.jobs.stop(signal);
        self.start_none();
        let jobs = &self.jobs;
        for (index, stream) in self.streams.iter_mut().enumerate() {
            let Some(stream) = stream.as_mut().filter(|stream| !jobs.has(stream.number)) else { continue };
            // What was read of other inputs goes out, and no more is read.
            stream.left = Some(0);
            self.ready.push(index);
        }
    }

    /// The output takes no more.
    pub(super) fn lose_output(&mut self, errno: Errno) {
        if !matches!(self.stop, Some(Stop::Signal(_))) {
            self.stop = Some(Stop::Output(errno));
        }
        self.abandoned = true;
        self.out.clear();
        self.owed = None;
        self.streams.clear();
        self.free.clear();
        self.open = 0;
        self.holder = None;
        if let Some(order) = &mut self.order {
            order.waiting.clear();
        }
        self.jobs.stop(Signal::SIGTERM);
        self.jobs.outputs_ended();
        // One may be done by that, and nothing else comes that would tell.
        self.jobs.conclude();
        self.lines = None;
    }

    /// Ends what has had its time.
    pub(super) fn look_at_time(&mut self) {
        for number in self.jobs.look_at_time() {
            for stream in self.streams.iter_mut().flatten().filter(|stream| stream.number == number) {
                // What is there already may be the command's own.
                stream.left = Some(stream.source.unread());
            }
        }
    }
}
