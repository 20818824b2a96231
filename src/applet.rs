//! What an applet is: a row in a plain table.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::Error;

/// A tool of the family.
#[derive(Debug)]
pub struct Applet {
    /// The name it is called by.
    pub name: &'static str,
    /// What it does, in one line; the first line of its help.
    pub summary: &'static str,
    /// Its arguments. Built for the applet that is called, and for no other.
    pub command: fn() -> Command,
    /// The exit status of wrong usage.
    pub usage_status: u8,
    /// Does the work and returns the exit status.
    pub run: fn(&ArgMatches) -> Result<u8, Error>,
}

/// The manners that all applets share: `--help` and `--version`, abbreviated long options, and of an option that is
/// repeated the last one counts.
#[must_use]
pub fn command(name: &'static str, summary: &'static str) -> Command {
    with_help(without_help(name, summary))
}

/// The same less `--help` and `--version`, for a command whose groups of options are to come first.
#[must_use]
pub fn without_help(name: &'static str, summary: &'static str) -> Command {
    Command::new(name)
        .about(summary)
        .version(concat!("(teebox) ", env!("CARGO_PKG_VERSION")))
        .infer_long_args(true)
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
}

/// Adds `--help` and `--version`.
#[must_use]
pub fn with_help(command: Command) -> Command {
    command
        .next_help_heading("Other options")
        .arg(Arg::new("help").long("help").action(ArgAction::Help).help("Show this help and exit"))
        .arg(Arg::new("version").long("version").action(ArgAction::Version).help("Show the version and exit"))
        .next_help_heading(None::<&str>)
}
