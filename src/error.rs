//! What can end a run early, and the one function that turns it into a message and an exit status.

use std::ffi::OsString;

use clap::error::{ContextValue, ErrorKind};
use rustix::io::Errno;

use crate::fdio::signal::{self, Signal};
use crate::fdio::transfer;
use crate::report::{self, Subject};

/// An exit status: something failed, and it was said.
pub const FAILED: u8 = 1;
/// An exit status: the command line makes no sense.
pub const USAGE: u8 = 2;
/// An exit status: the command is there and can't be run, as a shell has it.
pub const CANNOT_RUN: u8 = 126;
/// An exit status: there is no applet or command of that name, as a shell has it for commands.
pub const NOT_FOUND: u8 = 127;
/// An exit status: the time is over, as timeout(1) has it.
pub const TIMED_OUT: u8 = 124;

/// Why a run ended without its normal end.
#[derive(Debug)]
pub enum Error {
    /// The command line makes no sense; or it asked for the help or the version, which clap treats alike.
    Usage(clap::Error),
    /// There is no applet of this name.
    NoApplet(OsString),
    /// A system call failed for this.
    System(Named, Errno),
    /// What was asked for was not done to this, for a reason in words.
    Refused(Named, String),
    /// This signal would have ended a process that doesn't hold it off.
    Signal(Signal),
}

impl Error {
    /// Standard output can't be written.
    #[must_use]
    pub fn output(errno: Errno) -> Self {
        Self::System(Named::Words("standard output"), errno)
    }
}

/// What an error is about, as [`Subject`] has it.
#[derive(Clone, Debug)]
pub enum Named {
    /// A name that the user gave.
    Name(OsString),
    /// Words of our own, such as `standard input`.
    Words(&'static str),
}

impl Named {
    /// As a message has it.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Name(name) => Subject::Name(name),
            Self::Words(words) => Subject::Words(words),
        }
    }
}

impl From<OsString> for Named {
    fn from(name: OsString) -> Self {
        Self::Name(name)
    }
}

/// Says what happened under the applet's name and returns the exit status; `usage` is the one for wrong usage.
#[must_use]
pub fn conclude(applet: &str, usage: u8, error: Error) -> u8 {
    match error {
        Error::Usage(error) => conclude_usage(applet, usage, &error),
        Error::NoApplet(name) => {
            report::reason(applet, Subject::Name(&name), "no such applet");
            NOT_FOUND
        }
        Error::System(named, errno) => {
            report::failure(applet, named.subject(), errno);
            FAILED
        }
        Error::Refused(named, reason) => {
            report::reason(applet, named.subject(), &reason);
            FAILED
        }
        Error::Signal(signal) => signal::die_of(signal),
    }
}

fn conclude_usage(applet: &str, usage: u8, error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // SIGPIPE is as it was inherited: `--help | head -1` ends silently.
        return match transfer::write_all(rustix::stdio::stdout(), text.as_bytes()) {
            Ok(()) => 0,
            Err(errno) => {
                report::failure(applet, Subject::Words("write error"), errno);
                FAILED
            }
        };
    }
    // An argument may hold anything, and clap shows it as it came. Its newlines would begin lines that look like ours.
    let mut text = text;
    for (_, value) in error.context() {
        let given = match value {
            ContextValue::String(given) => std::slice::from_ref(given),
            ContextValue::Strings(given) => given,
            _ => continue,
        };
        for given in given.iter().filter(|given| given.contains('\n')) {
            text = text.replace(given.as_str(), &given.replace('\n', "\\n"));
        }
    }
    let shown: String = text
        .trim_end()
        .chars()
        .flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect() } else { vec![c] })
        .collect();
    report::message(applet, shown.strip_prefix("error: ").unwrap_or(&shown));
    usage
}
