//! rfifo: a FIFO that behaves.
//!
//! This file turns the command line, whose definition is in [`options`], into the plan of one of two sides: [`mod@read`]
//! relays what writers send, and [`mod@write`] relays into a FIFO that somebody reads. [`place`] is PATH: finding, making
//! and removing the FIFO. The read side has [`tally`] for the writers that left, [`until`] for the line that ends it,
//! [`filter`] for the lines that pass, and [`output`] for where they go; the write side has [`lines`] for what comes in,
//! [`target`] for the FIFO whose readers come and go, and [`dropping`] for those that don't keep up. [`mod@mode`] reads
//! what `-m` means.

mod dropping;
mod filter;
mod lines;
mod mode;
mod options;
mod output;
mod place;
mod read;
mod tally;
mod target;
mod until;
mod write;

use std::ffi::OsString;

use clap::ArgMatches;

use crate::applet::Applet;
use crate::error::{Error, USAGE};
use place::Path;

/// The row of the table.
pub const APPLET: Applet = Applet {
    name: "rfifo",
    summary: "Relay through a FIFO whose writers or readers come and go",
    command: options::command,
    usage_status: USAGE,
    run,
};

/// The name in messages.
const NAME: &str = APPLET.name;

fn run(arguments: &ArgMatches) -> Result<u8, Error> {
    let given = arguments.get_one::<OsString>("path").cloned().unwrap_or_default();
    if arguments.get_flag("write") {
        let plan = options::writing(arguments).map_err(Error::Usage)?;
        return write::run(Path::new(&given)?, &plan);
    }
    let plan = options::reading(arguments);
    read::run(Path::new(&given)?, plan)
}
