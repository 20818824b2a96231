//! rpipesz: the size of pipe buffers, of one's own descriptors, of FIFOs, and of other processes' pipes.
//!
//! This file turns the command line, whose definition is in [`options`], into a [`Plan`] and hands that to the file for
//! it: [`get_set`] is what pipesz does, with [`targets`] for what it does it to; [`processes`] lists and resizes the
//! pipes of processes; [`stall`] samples them, and [`pipeline`] puts them in order; [`limits`] and [`measure`] tell what
//! there is to be had. [`table`] is the form in which all of them show it.

mod get_set;
mod limits;
mod measure;
mod options;
mod pipeline;
mod processes;
mod stall;
mod table;
mod targets;

use std::ffi::OsString;
use std::time::Duration;

use clap::ArgMatches;
use clap::error::ErrorKind;
use rustix::process::RawPid;

use crate::applet::Applet;
use crate::error::{self, Error, Named};
use crate::fdio::pipe;
use crate::report::{self, Subject};
use table::Form;
use targets::Target;

/// The row of the table.
pub const APPLET: Applet = Applet {
    name: "rpipesz",
    summary: "Show and set the size of pipe buffers",
    command: options::command,
    usage_status: error::USAGE,
    run,
};

/// The name in messages.
const NAME: &str = APPLET.name;

/// A size to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Bytes(u64),
    /// The most that this user can have now.
    Most,
}

/// The processes whose pipes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Process(RawPid),
    Group(RawPid),
}

/// How to go about it, whatever it is.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is an option of its own.
struct Manner {
    check: bool,
    quiet: bool,
    verbose: bool,
    strict: bool,
    form: Form,
}

impl Manner {
    /// Whether a failure is said: --quiet holds back those that end nothing.
    fn says(self) -> bool {
        !self.quiet || self.check
    }
}

/// What to do.
#[derive(Debug)]
enum Plan {
    Get(Vec<Target>),
    Set(Vec<Target>, Size, Vec<OsString>),
    List(Vec<Which>),
    SetAll(Vec<Which>, Size),
    Stall(Vec<Which>, Duration, u32),
    Limits,
    /// The size of the pipe to fill, where it's not the default one, and the sizes of the writes.
    Measure(Option<Size>, Vec<usize>),
}

fn run(arguments: &ArgMatches) -> Result<u8, Error> {
    let flag = |name| arguments.get_flag(name);
    let manner = Manner {
        check: flag("check"),
        quiet: flag("quiet"),
        verbose: flag("verbose"),
        strict: flag("strict"),
        form: Form::choose(flag("json")),
    };
    match plan(arguments, manner)? {
        Plan::Get(targets) => Ok(get_set::get(&targets, manner)),
        Plan::Set(targets, size, command) => Ok(get_set::set(&targets, size, &command, manner)),
        Plan::List(which) => processes::list(&which, manner),
        Plan::SetAll(which, size) => processes::set(&which, size, manner),
        Plan::Stall(which, interval, count) => stall::watch(&which, interval, count, manner),
        Plan::Limits => limits::show(manner),
        Plan::Measure(size, writes) => measure::show(size, &writes, manner),
    }
}

fn plan(arguments: &ArgMatches, manner: Manner) -> Result<Plan, Error> {
    let flag = |name| arguments.get_flag(name);
    let size = size(arguments, manner);
    let which = which(arguments);
    if manner.form == Form::Json && size.is_some() && !flag("measure") {
        let words = "the argument '--json' cannot be used with '--set <SIZE>'";
        return Err(Error::Usage(options::command().error(ErrorKind::ArgumentConflict, words)));
    }
    if flag("limits") {
        return Ok(Plan::Limits);
    }
    if flag("measure") {
        let writes = arguments.get_many("write-size").map(|sizes| sizes.copied().collect());
        return Ok(Plan::Measure(size, writes.unwrap_or_else(|| measure::WRITES.to_vec())));
    }
    if flag("stall") {
        let interval = arguments.get_one("interval").copied().unwrap_or(stall::INTERVAL);
        return Ok(Plan::Stall(which, interval, arguments.get_one("count").copied().unwrap_or(stall::COUNT)));
    }
    if !which.is_empty() {
        return Ok(match size {
            Some(size) => Plan::SetAll(which, size),
            None => Plan::List(which),
        });
    }
    if flag("get") {
        return Ok(Plan::Get(targets::of(arguments, 0)));
    }
    let size = match size {
        Some(size) => size,
        None => Size::Bytes(pipe::max_size().map_err(|errno| Error::System(Named::Words(pipe::MAX_SIZE), errno))?),
    };
    let command = arguments.get_many::<OsString>("command").unwrap_or_default().cloned().collect();
    Ok(Plan::Set(targets::of(arguments, 1), size, command))
}

/// The last of the sizes that were given.
fn size(arguments: &ArgMatches, manner: Manner) -> Option<Size> {
    let given: Vec<&Size> = arguments.get_many("set").unwrap_or_default().collect();
    if given.len() > 1 && !manner.quiet {
        report::message(NAME, "the size was given more than once; the last one counts");
    }
    given.last().map(|size| **size)
}

/// The processes and groups, in the order in which they were given.
fn which(arguments: &ArgMatches) -> Vec<Which> {
    let mut given = Vec::new();
    for (name, kind) in [("pid", Which::Process as fn(RawPid) -> Which), ("pgid", Which::Group)] {
        let indices = arguments.indices_of(name).into_iter().flatten();
        given.extend(indices.zip(arguments.get_many(name).into_iter().flatten().map(|pid| kind(*pid))));
    }
    given.sort_unstable_by_key(|(index, _)| *index);
    given.into_iter().map(|(_, which)| which).collect()
}

/// Says that something failed, for a reason in words.
fn say(what: &str, reason: &str) {
    report::reason(NAME, Subject::Words(what), reason);
}
