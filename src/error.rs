//! What can end a run early, and the one function that turns it into a message and an exit status.

use std::ffi::OsString;

use clap::error::ErrorKind;
use rustix::io::Errno;

use crate::fdio::signal::{self, Signal};
use crate::fdio::transfer;
use crate::report::{self, Subject};

/// An exit status: something failed, and it was said.
pub const FAILED: u8 = 1;
/// An exit status: the command line makes no sense.
pub const USAGE: u8 = 2;
/// An exit status: there is no applet of that name, as a shell has it for commands.
pub const NOT_FOUND: u8 = 127;

/// Why a run ended without its normal end.
#[derive(Debug)]
pub enum Error {
    /// The command line makes no sense; or it asked for the help or the version, which clap treats alike.
    Usage(clap::Error),
    /// There is no applet of this name.
    NoApplet(OsString),
    /// A system call failed for this name.
    System(OsString, Errno),
    /// What was asked for was not done to this name, for a reason in words.
    Refused(OsString, String),
    /// This signal would have ended a process that doesn't hold it off.
    Signal(Signal),
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
        Error::System(name, errno) => {
            report::failure(applet, Subject::Name(&name), errno);
            FAILED
        }
        Error::Refused(name, reason) => {
            report::reason(applet, Subject::Name(&name), &reason);
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
    // An argument may hold anything, and clap shows it as it came.
    let shown: String = text
        .trim_end()
        .chars()
        .flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect() } else { vec![c] })
        .collect();
    report::message(applet, shown.strip_prefix("error: ").unwrap_or(&shown));
    usage
}
