//! rmerge: many inputs into one stream, record by record.
//!
//! This file is the command line, and [`plan`] makes plain data of it. [`merge`] is the loop; [`start`], [`serve`] and
//! [`stop`] are how inputs come into it, what is done with those that are ready, and what ends them early. [`input`] reads,
//! [`records`] tells where records end, [`decorate`] puts labels and times in front of them, [`order`] keeps what has to
//! wait for its turn, [`output`] writes without waiting, and [`commands`] knows what runs.

mod commands;
mod decorate;
mod input;
mod merge;
mod order;
mod output;
mod plan;
mod records;
mod serve;
mod start;
mod stop;

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::applet::{self, Applet};
use crate::error::{Error, USAGE};
use crate::{duration, size};
use plan::Plan;

/// The row of the table.
pub const APPLET: Applet = Applet {
    name: "rmerge",
    summary: "Merge many inputs, and the output of commands, into one stream of whole records",
    command,
    usage_status: USAGE,
    run,
};

/// The name in messages.
const NAME: &str = APPLET.name;

/// The longest record that is kept together, in bytes, where nothing else is said.
const MAX_RECORD: u64 = 1 << 20;

/// The most in memory of what has to wait for its turn, in bytes, where nothing else is said.
const MEMORY: u64 = 64 << 20;

/// From SIGTERM to SIGKILL, where nothing else is said.
const GRACE: Duration = Duration::from_secs(5);

/// The longest record that a frame of the format `message` has room for, in bytes.
const FRAME_MOST: usize = 1 << 20;

/// The exit status for a command that could not be started for want of something, as env(1) has it.
const OWN_FAILURE: u8 = 125;

const HELP: &str = "\
Inputs:
  An INPUT is a file, a FIFO, `-` for standard input, or /dev/fd/N for a descriptor, which may be a socket. A FIFO that nobody
  has opened for writing yet is waited for. Without any INPUT and COMMAND, standard input is read. A FIFO, a socket or
  standard input that is named twice is read once, and that is said.

  What is before the first `=` of an INPUT or COMMAND is its LABEL, unless it holds a slash or white space. So ./a=b is the
  file a=b, and so is =a=b, as an empty LABEL is none; what follows `--` are files only, without labels. =X=1 make runs
  `X=1 make`. The label of a file is else the last part of its name, that of standard input is stdin, that of a command the
  last part of its first word. A command's standard error has :err after its label.

  Commands are run by sh, each in a process group of its own, with /dev/null as standard input. Those of --run-from, which
  have no LABEL, come after all other inputs. What can't be opened, or fails, is reported, and the others go on.

Whole records:
  A record is written whole, whatever else arrives, and not before its end has come; the last one of an input gets its
  terminator if it lacks one. One that is longer than the maximum is written as it comes, and until its end nothing else is,
  unless --long-record says otherwise. While the output is blocked no input is read, and memory stays below 64 KiB and the
  maximum of a record for each input.

  With --order=input the inputs that wait are read nevertheless, files aside, so that no command has to wait; what has come
  of them is in memory up to --memory, and then in a file without a name in TMPDIR (or /tmp). If that takes no more, they
  wait. The input whose turn it is appears as it comes.

  With --frames each record, without its terminator, becomes the payload of a frame in rframe's format message. Its type is
  the number of the input, from 1 on; with --stderr a command has two, the second for its standard error. A record that is
  too long ends its input then, unless it is split.

Times:
  FORMAT is as in strftime(3), in local time, or unix or elapsed for seconds with three decimals, or iso. The time is that
  at which the end of the record was read. --color gives each label a colour that is the same in every run; auto is on a
  terminal, unless NO_COLOR is set.

Ends:
  The run ends when all inputs have ended and all commands with them. A command is over when it has ended and its output has
  been closed; what another process keeps open for longer than --grace is closed then, after what was there has been read.

  SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to the commands' groups, and no more is started or read of other inputs;
  what the commands still print is delivered, and then rmerge dies of that signal. After --grace, or at a second signal, the
  commands get SIGKILL, and at a second signal a reader that takes nothing is not waited for. When the reader of the output
  leaves, the commands get SIGTERM, after --grace SIGKILL, and rmerge dies of SIGPIPE.

Exit status:
  0 when all went well. That of the first failing command, in the order of the arguments, or as --status says; 124 for one
  that ran too long, 126 and 127 for one that can't be run or found, 125 for one that could not be started for want of
  resources, 128+N for one that signal N killed. 1 when no command failed, but something else, which was said. 2 for wrong
  usage.

Examples:
  rmerge --label app.log db.log
  rmerge --label api=api.fifo web=web.fifo --follow
  rmerge --label --run 'api=./api --port 8000' --run 'web=./web'
  printf 'gzip -9 < %s | wc -c\\n' *.log | rmerge --run-from - -j 4 --order input
  rmerge --timestamp=elapsed --stderr --label --fail-fast --run 'lint=make lint' --run 'test=make test'
  rmerge -z <(find /etc -print0) <(find /usr -print0) | xargs -0 ls -d
  rmerge --frames one.log two.log | rframe decode --show

See also:
  teebox(1), rframe(1), cat(1), xargs(1), parallel(1), timeout(1)";

fn command() -> Command {
    let command = applet::without_help(NAME, APPLET.summary)
        .override_usage("rmerge [OPTION]... [[LABEL=]INPUT]... [--run [LABEL=]COMMAND]... [-- FILE...]")
        .arg(operand("input", "[LABEL=]INPUT", "What to read; `-`, or none, is standard input"))
        .arg(operand("path", "FILE", "What to read, without a label").last(true))
        .next_help_heading("Commands")
        .arg(
            Arg::new("run")
                .long("run")
                .value_name("[LABEL=]COMMAND")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .value_hint(clap::ValueHint::CommandString)
                .value_parser(value_parser!(OsString))
                .help("Merge the standard output of this shell command; may be given several times"),
        )
        .arg(
            Arg::new("run-from")
                .long("run-from")
                .value_name("FILE")
                .value_hint(clap::ValueHint::FilePath)
                .value_parser(value_parser!(OsString))
                .help("Run the commands in FILE, or standard input if `-`, one a line"),
        )
        .arg(flag("stderr", "Merge the commands' standard error too"))
        .arg(
            Arg::new("jobs")
                .short('j')
                .long("jobs")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .help("Run at most N commands at once [default: all; with --run-from one a processor]"),
        )
        .arg(time_option("timeout", "End a command that runs longer: SIGTERM, and after --grace SIGKILL; 0 is no limit"))
        .arg(time_option("grace", "How long to wait for what has been told to end, or outlives its command [default: 5]"))
        .arg(flag("fail-fast", "End the other commands at the first failure"))
        .arg(
            Arg::new("status")
                .long("status")
                .value_name("WHICH")
                .value_parser(value_parser!(OsString))
                .help("The exit status: first (that failed, by the arguments), worst, any (0 if one succeeded), a LABEL [default: first]"),
        );
    applet::with_help(with_form(command)).after_help(HELP)
}

/// Adds what says what a record is, and how it comes out.
fn with_form(command: Command) -> Command {
    command
        .next_help_heading("Records")
        .arg(flag("null", "A record ends with a NUL byte, not with a newline").short('z'))
        .arg(flag("chunk", "Whatever arrives is a record").conflicts_with("null"))
        .arg(size_option("max-record", "Keep records of up to SIZE bytes together [default: 1M]").value_parser(
            |text: &str| match size::parse(text)? {
                0 => Err("a record needs at least one byte".to_owned()),
                size => Ok(size),
            },
        ))
        .arg(
            choice(
                "long-record",
                "HOW",
                [
                    ("hold", "the output stays with its input until it ends"),
                    ("split", "it is split"),
                    ("error", "it ends its input"),
                ],
            )
            .help("What to do with a longer one: hold the output for it, split it, or end its input [default: hold]"),
        )
        .arg(flag("follow", "Keep FIFOs open over any number of writers"))
        .next_help_heading("Output")
        .arg(
            choice(
                "order",
                "HOW",
                [("arrival", "records as they arrive"), ("input", "each input whole, in their order")],
            )
            .help("Records as they arrive, or each input whole, in the order of the arguments [default: arrival]"),
        )
        .arg(
            size_option("memory", "With --order=input, keep at most SIZE bytes of what waits in memory [default: 64M]")
                .value_parser(size::parse),
        )
        .arg(
            optional("label", "FORMAT", "[{label}] ")
                .value_parser(value_parser!(OsString))
                .help("Put the label in front of each record [default FORMAT: '[{label}] ']"),
        )
        .arg(flag("no-align", "Don't fill up labels to the same width"))
        .arg(
            optional("timestamp", "FORMAT", "%Y-%m-%d %H:%M:%S")
                .value_parser(value_parser!(String))
                .help("Put the time in front of each record, too [default FORMAT: '%Y-%m-%d %H:%M:%S']"),
        )
        .arg(
            choice("color", "WHEN", [("auto", "on a terminal"), ("always", "always"), ("never", "never")])
                .help("Colour the labels: auto, always or never [default: auto]"),
        )
        .arg(flag("frames", "Write each record as a frame of its own").conflicts_with_all(["label", "timestamp"]))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn operand(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .value_name(value)
        .num_args(0..)
        .action(ArgAction::Append)
        .value_hint(clap::ValueHint::FilePath)
        .value_parser(value_parser!(OsString))
        .help(help)
}

fn size_option(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("SIZE").help(help)
}

fn time_option(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("DURATION").value_parser(duration::parse).help(help)
}

fn choice<const N: usize>(name: &'static str, value: &'static str, choices: [(&'static str, &'static str); N]) -> Arg {
    let choices = choices.map(|(name, help)| PossibleValue::new(name).help(help));
    Arg::new(name).long(name).value_name(value).value_parser(choices.to_vec()).hide_possible_values(true)
}

/// An option whose value may be left out, or follows after `=`.
fn optional(name: &'static str, value: &'static str, missing: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).num_args(0..=1).require_equals(true).default_missing_value(missing)
}

fn run(arguments: &ArgMatches) -> Result<u8, Error> {
    merge::run(&Plan::new(arguments)?)
}
