//! rtee: standard input to standard output and to every FILE, each FILE with a writer of its own.
//!
//! This file is the command line and the order of things. [`policy`] says what errors mean, [`output`] holds standard
//! output and the FILEs, [`relay`] is the loop that serves standard output and feeds the writers, and [`writer`] is the
//! child that serves one FILE.

mod output;
mod policy;
mod relay;
mod writer;

use std::ffi::OsString;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rustix::io::Errno;

use crate::applet::{self, Applet};
use crate::error::{Error, FAILED};
use crate::fdio::signal::{self, Signal};
use crate::fdio::source::Source;
use crate::fdio::stdio;
use crate::progress::{self, Progress};
use crate::report::{self, Subject};
use output::{Outputs, Stop};
use policy::Policy;
use relay::Relay;

/// The row of the table.
pub const APPLET: Applet = Applet {
    name: "rtee",
    summary: "Copy standard input to standard output and to every FILE",
    command,
    usage_status: 1,
    run,
};

/// The name in messages.
const NAME: &str = APPLET.name;

const AFTER_HELP: &str = "\
Modes of --output-error:
  warn         report an error of any output and go on with the others
  warn-nopipe  likewise, but drop an output whose reader has left without a word
  exit         end at the first error of any output (see the notes)
  exit-nopipe  likewise, but drop an output whose reader has left without a word
  A mode may be shortened while it is unambiguous. Without these options an error is reported and the others go on, and
  a reader that leaves ends rtee by SIGPIPE.

Examples:
  make 2>&1 | rtee build.log            watch a build and keep its log
  date | rtee -a visits.txt             append
  seq 1000000 | rtee all.txt | head -1  the reader leaves early; rtee ends by SIGPIPE
  seq 1000000 | rtee -p all.txt | head -1; wc -l all.txt
                                        with -p the FILE gets everything all the same
  echo hi | rtee one.txt two.txt > /dev/null

Exit status:
  0 when everything was written everywhere, 1 when something failed (it was said) or the usage was wrong. By SIGPIPE when
  a reader has left and no -p or --output-error says otherwise.

Notes:
  Every FILE has a writer process, fed through a pipe of up to 1 MiB. What has appeared on standard output is in every
  FILE that can be written, even if rtee is killed: the writers ignore the signals that end it, and finish what it has
  read. So after a kill a FILE may grow for a moment longer. Only where no processes or descriptors are left for writers,
  and standard output is a file, the first 8 KiB come to standard output first.

  An output that stalls holds up the rest once its pipe is full. Standard output's pipe is made as large as a FILE's;
  a terminal or a socket has what room it has.

  Unlike with tee, an error of a FILE after the first 8 KiB, or that its reader has left, is noticed when its writer meets
  it. By then as much more as the pipes hold may have been read and have gone to the other outputs. And a FILE that is
  appended to and is the input too may come to an end; tee's never does.

  Data is passed on without copying where the kernel allows it. When standard input is a file that somebody changes in
  place at the same time, the outputs may differ in the bytes that changed.

See also:
  tee(1), teebox(1), pipe(7), splice(2), tee(2)";

fn command() -> Command {
    let command = applet::command(NAME, APPLET.summary)
        .override_usage("rtee [OPTION]... [FILE]...")
        .arg(
            Arg::new("append")
                .short('a')
                .long("append")
                .action(ArgAction::SetTrue)
                .help("Append to the FILEs instead of overwriting them"),
        )
        .arg(
            Arg::new("ignore-interrupts")
                .short('i')
                .long("ignore-interrupts")
                .action(ArgAction::SetTrue)
                .help("Ignore SIGINT, the interrupt signal of Ctrl-C"),
        )
        .arg(
            Arg::new("nopipe")
                .short('p')
                .action(ArgAction::SetTrue)
                .overrides_with("output-error")
                .help("Go on when a reader leaves: --output-error=warn-nopipe"),
        )
        .arg(
            Arg::new("output-error")
                .long("output-error")
                .value_name("MODE")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("warn-nopipe")
                .overrides_with("nopipe")
                .value_parser(ModeParser)
                .help("What to do about an error of an output; without MODE: warn-nopipe"),
        )
        .arg(progress::option())
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .num_args(0..)
                .value_hint(clap::ValueHint::FilePath)
                .value_parser(value_parser!(OsString))
                .help("Also write to FILE; `-` is a file of that name"),
        )
        .after_help(AFTER_HELP);
    if std::env::var_os("POSIXLY_CORRECT").is_some() {
        // POSIX utilities take no options after their first operand.
        return command.mut_arg("file", |file| file.trailing_var_arg(true));
    }
    command
}

/// --output-error's MODE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Warn,
    WarnNopipe,
    Exit,
    ExitNopipe,
}

const MODES: [(&str, Mode); 4] =
    [("warn", Mode::Warn), ("warn-nopipe", Mode::WarnNopipe), ("exit", Mode::Exit), ("exit-nopipe", Mode::ExitNopipe)];

/// Takes a mode's name, or a beginning of it that fits no other.
#[derive(Clone)]
struct ModeParser;

impl TypedValueParser for ModeParser {
    type Value = Mode;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Mode, clap::Error> {
        let given = value.to_string_lossy();
        let mut fitting = MODES.iter().filter(|(name, _)| name.starts_with(&*given));
        let exact = MODES.iter().find(|(name, _)| *name == given);
        match (exact, fitting.next(), fitting.next()) {
            (Some((_, mode)), ..) | (None, Some((_, mode)), None) => Ok(*mode),
            // Not one of them: clap's own parser words the error, with the names and the nearest of them.
            _ => clap::builder::PossibleValuesParser::new(MODES.map(|(name, _)| name))
                .parse_ref(command, argument, value)
                .map(|_| Mode::WarnNopipe),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(MODES.iter().map(|(name, _)| PossibleValue::new(name))))
    }
}

fn run(arguments: &ArgMatches) -> Result<u8, Error> {
    if arguments.get_flag("ignore-interrupts") {
        signal::ignore(Signal::SIGINT);
    }
    let mode = if arguments.get_flag("nopipe") {
        Some(Mode::WarnNopipe)
    } else {
        arguments.get_one::<Mode>("output-error").copied()
    };
    let stdin = rustix::stdio::stdin();
    let mut outputs = Outputs::new(Policy::new(mode));
    let files = arguments.get_many::<OsString>("file").unwrap_or_default();
    let opened = outputs.open(files, arguments.get_flag("append"));
    let progress = Progress::new(arguments.get_flag("progress"), stdin);
    let mut relay = Relay::new(Source::new(stdin), outputs, progress);
    let relayed = opened.and_then(|()| relay.run());
    let finished = relay.finish(relayed.is_err());
    if let Err(errno) = stdio::close_stdout() {
        report::failure(NAME, Subject::Words("write error"), errno);
        relay.outputs.failed = true;
    }
    match relayed.and(finished) {
        Err(Stop::Signal(signal)) => return Err(Error::Signal(signal)),
        // What stopped the run was the last thing to say.
        Err(Stop::Failure) => return Ok(FAILED),
        Ok(()) => {}
    }
    if stdio::was_closed(stdin) {
        report::failure(NAME, Subject::Words("standard input"), Errno::BADF);
        return Ok(FAILED);
    }
    Ok(if relay.outputs.failed { FAILED } else { 0 })
}
