//! What the options and the inherited signal dispositions say about errors of an output.

use rustix::io::Errno;
use rustix::process::Resource;

use super::Mode;
use super::writer::Fault;
use crate::fdio::signal::{self, Inherited, Signal};

/// The rules of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    broken_pipe: BrokenPipe,
    /// Exceeding the limit on file sizes ends the run by SIGXFSZ.
    size_signal: bool,
    /// The first error that is reported ends the run.
    pub(super) exit_at_error: bool,
    /// An output whose reader leaves is given up at once, not at its next write.
    pub(super) watch_readers: bool,
}

/// What it means that an output's reader has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BrokenPipe {
    Signal,
    Drop,
    Report,
}

/// What a fault of an output leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The output is given up without a word.
    Drop,
    /// The output is given up, and that is said.
    Report,
    /// The run ends by this signal.
    Signal(Signal),
}

impl Policy {
    /// The rules for a mode.
    ///
    /// SIGPIPE and SIGXFSZ are ignored from here on: a failed write comes back as EPIPE or EFBIG, and the writers can
    /// finish before the run ends by the signal.
    pub(super) fn new(mode: Option<Mode>) -> Self {
        let pipe = signal::ignore(Signal::SIGPIPE);
        let size = signal::ignore(Signal::SIGXFSZ);
        let nopipe = matches!(mode, Some(Mode::WarnNopipe | Mode::ExitNopipe));
        let broken_pipe = match (mode, pipe) {
            (None, Inherited::Default) => BrokenPipe::Signal,
            (None, Inherited::Ignored) => BrokenPipe::Drop,
            (Some(_), _) if nopipe => BrokenPipe::Drop,
            (Some(_), _) => BrokenPipe::Report,
        };
        Self {
            broken_pipe,
            size_signal: size == Inherited::Default,
            exit_at_error: matches!(mode, Some(Mode::Exit | Mode::ExitNopipe)),
            watch_readers: nopipe,
        }
    }

    /// What `fault` leads to.
    pub(super) fn judge(self, fault: Fault) -> Verdict {
        match fault {
            Fault::Write(Errno::PIPE) | Fault::ReaderLeft => match self.broken_pipe {
                BrokenPipe::Signal => Verdict::Signal(Signal::SIGPIPE),
                BrokenPipe::Drop => Verdict::Drop,
                BrokenPipe::Report => Verdict::Report,
            },
            // EFBIG without a limit is the file system's own, and no signal comes with that.
            Fault::Write(Errno::FBIG) if self.size_signal && file_size_is_limited() => Verdict::Signal(Signal::SIGXFSZ),
            Fault::Open(_) | Fault::Write(_) | Fault::Killed(_) => Verdict::Report,
        }
    }
}

fn file_size_is_limited() -> bool {
    rustix::process::getrlimit(Resource::Fsize).current.is_some()
}
