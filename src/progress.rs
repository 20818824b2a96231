//! How far a long job is, on standard error; nothing where that is no terminal.

use std::os::fd::BorrowedFd;

use clap::{Arg, ArgAction};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::FileType;

/// The option that asks for it, the same in every applet.
#[must_use]
pub fn option() -> Arg {
    Arg::new("progress")
        .long("progress")
        .action(ArgAction::SetTrue)
        .help("Show on standard error, if it is a terminal, how much has gone through")
}

/// A count of bytes that is drawn now and then.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A count of what goes through, drawn if `wanted`, with the share of the whole where `input` is a regular file.
    #[must_use]
    pub fn new(wanted: bool, input: BorrowedFd<'_>) -> Self {
        if !wanted {
            return Self(None);
        }
        let stat = rustix::fs::fstat(input).ok();
        let length = stat
            .filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
            .and_then(|stat| u64::try_from(stat.st_size).ok());
        let template = match length {
            Some(_) => {
                "{binary_bytes} of {binary_total_bytes} ({percent} %) in {elapsed}, {binary_bytes_per_sec}, {eta} left"
            }
            None => "{binary_bytes} in {elapsed}, {binary_bytes_per_sec}",
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        // A template that didn't parse would leave the library's own.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self(Some(bar.with_style(style)))
    }

    /// Counts bytes that went through.
    pub fn add(&self, count: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(count as u64);
        }
    }

    /// Draws the final state and leaves it there.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.abandon();
        }
    }
}
