//! The command line: the options and the help.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
use rustix::process::RawPid;

use super::{APPLET, NAME, Size};
use crate::{applet, duration, size};

const AFTER_HELP: &str = "\
Examples:
  rpipesz -s 1M -- tar c . | wc -c      run a command with a larger pipe to the next one
  echo hello | rpipesz -g               the pipe at standard input: its size, what is unread
  seq 9 | { rpipesz -iv -s max; cat; }  as large as it may be, and say how large
  rpipesz -p $$                         the pipes of a process, and who is at their other ends
  sleep 9 | sleep 9 & rpipesz --stall --pid $!
                                        which stage holds the others up
  rpipesz --measure                     which size is worth having

Shown by --stall:
  Each pipe between its writers and its readers, in their order: seq → 65536 full 97 % → gzip → 65536 empty 90 % → wc
  full     most samples found no room, this share of them: the writers wait, the readers are the bottleneck
  empty    most samples found nothing, this share of them: the readers wait, the writers are the bottleneck
  between  neither was found in most samples; the share is that of the size that was unread on average
  It is shown when --count samples were taken, or the pipeline has ended, and not after Ctrl-C.
  Then the same as a table, with what was unread on average, and the stages whose inputs are full while their outputs
  are not: the slow ones.

JSON, one object a line:
  --get      name, size, unread
  --pid      pid, name, fd, direction (read, write, both), size, unread, flags, peers (pid, name, fd), inode
  --stall    writers, readers (pid, name, fd; of a slow stage also slow, which is true), size, samples, full, empty
             (samples), unread (on average), state, bottleneck (readers, writers), inode
  --limits   pipe_max_size, pipe_user_pages_soft, pipe_user_pages_hard, used_pages, used_pipes, pipe_buf, page_size
  --measure  pipe_size, write_size, taken; then pipe_size, bytes_per_second, round_trip_seconds
  What can't be told is null. Bytes of names that are not UTF-8 become U+FFFD.

Exit status:
  0 when all went well, and after a failure that was said, unless -c or --strict make it 1. With --pid, --pgid, --limits
  and --measure 1 when something failed; 1 also when the output can't be written. 2 for wrong usage. When a COMMAND is
  run, its own; 126 when it can't be run, 127 when there is none of that name.

Notes:
  Without --get and --set the size that is set is pipe-max-size. The kernel gives a power of two of pages, at least what
  was asked for, and no less than a pipe holds at the moment. Above pipe-max-size, and for users whose pipes take more
  than pipe-user-pages-soft, it refuses to make them larger.

  A pipe is a row of slots of a page each, and each write of more than what is left of the last slot takes a new one. So
  a pipe can be full with fewer unread bytes than its size; --stall knows, and --measure tells how many.

  A FIFO is asked through a process that has it open, and never opened: that could set a waiting writer free, or pass for
  a reader. Where nobody has it open it has no buffer, and a size would be forgotten at once.

  What --limits counts as used are your pipes among those of the processes that you may look into. FIFOs are left out:
  they count for whoever opened them first, and nothing tells who that was.

  To look into the pipes of a process takes the right to trace it: that is your own processes, or all of them as root.
  Others are not shown at the other ends of pipes either; a dash means that nobody was found there. With
  kernel.yama.ptrace_scope above 0 sizes are for root alone, and shown as a question mark.

See also:
  pipesz(1), teebox(1), lsof(8), pipe(7), fcntl(2), pidfd_getfd(2)";

/// The arguments, and the help from which the page is made.
pub(super) fn command() -> Command {
    let command = applet::without_help(NAME, APPLET.summary)
        .override_usage(
            "rpipesz [OPTION]... [--set SIZE] [--] [COMMAND [ARGUMENT]...]\n       \
             rpipesz [OPTION]... --get\n       \
             rpipesz [OPTION]... {--pid PID | --pgid PGID}... [--set SIZE | --stall]\n       \
             rpipesz [OPTION]... --limits | --measure",
        )
        .after_help(AFTER_HELP);
    applet::with_help(with_manner(with_targets(with_actions(command))))
        .mut_arg("help", |help| help.short('h'))
        .mut_arg("version", |version| version.short('V'))
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .num_args(0..)
                .trailing_var_arg(true)
                .value_hint(clap::ValueHint::CommandWithArguments)
                .value_parser(value_parser!(OsString))
                .conflicts_with_all(["get", "processes", "limits", "measure"])
                .help("Run COMMAND once the pipes are set, in place of rpipesz"),
        )
        .group(ArgGroup::new("processes").args(["pid", "pgid"]).multiple(true))
        .group(ArgGroup::new("targets").args(["file", "fd", "stdin", "stdout", "stderr"]).multiple(true))
        .group(ArgGroup::new("shown").args(["get", "pid", "pgid", "stall", "limits", "measure"]).multiple(true))
}

fn with_actions(command: Command) -> Command {
    command
        .next_help_heading("What to do")
        .arg(
            flag("get", "Show the size of pipes, and the bytes in them that are unread")
                .short('g')
                .conflicts_with("set"),
        )
        .arg(
            value("set", "SIZE", "Set the size of pipes: bytes, K, M, G, KiB or KB, or max, the most you can have now")
                .short('s')
                .value_parser(to_size)
                .conflicts_with_all(["get", "stall", "limits"]),
        )
        .arg(
            flag("stall", "Watch pipes of running processes, and tell which stage holds the others up")
                .requires("processes")
                .conflicts_with_all(["get", "limits", "measure"]),
        )
        .arg(flag("limits", "Show the limits, and how much of them your pipes take").conflicts_with_all([
            "get",
            "measure",
            "processes",
            "targets",
        ]))
        .arg(
            flag("measure", "Show what a pipe takes before it blocks, and how fast pipes of each size are")
                .conflicts_with_all(["get", "processes", "targets"]),
        )
        .next_help_heading(None::<&str>)
}

fn with_targets(command: Command) -> Command {
    let position = |name: &'static str, letter, help| {
        // Given more than once, each has its place among the other targets.
        let argument = flag(name, help).short(letter).action(ArgAction::Append);
        argument.num_args(0).default_missing_value(name)
    };
    command
        .next_help_heading("Which pipes")
        .arg(
            value("file", "PATH", "The FIFO or pipe at PATH; may be repeated, as all of these may")
                .short('f')
                .value_hint(clap::ValueHint::FilePath)
                .value_parser(value_parser!(OsString)),
        )
        .arg(value("fd", "FD", "The pipe at descriptor FD").short('n').value_parser(to_descriptor))
        .arg(position("stdin", 'i', "The pipe at standard input; the default of --get"))
        .arg(position("stdout", 'o', "The pipe at standard output; the default of --set"))
        .arg(position("stderr", 'e', "The pipe at standard error"))
        .arg(
            value("pid", "PID", "Every pipe of process PID")
                .short('p')
                .value_parser(to_process)
                .conflicts_with("targets"),
        )
        .arg(
            value("pgid", "PGID", "Every pipe of the processes of group PGID, as a shell makes one for a pipeline")
                .value_parser(to_process)
                .conflicts_with("targets"),
        )
        .next_help_heading(None::<&str>)
}

fn with_manner(command: Command) -> Command {
    let set_only = ["get", "stall", "limits", "measure"];
    command
        .next_help_heading("How")
        .arg(
            flag("check", "Stop at the first failure, of a pipe or process, with status 1 and without running COMMAND")
                .short('c'),
        )
        .arg(
            flag("strict", "Exit with status 1, without running COMMAND, if a pipe is smaller than was asked for")
                .conflicts_with_all(set_only),
        )
        .arg(flag("quiet", "Say nothing of failures that are passed over").short('q'))
        .arg(flag("verbose", "Show titles above tables; with --set, say what size was given").short('v'))
        .arg(flag("json", "Show one JSON object a line").requires("shown"))
        .arg(
            value("interval", "TIME", "The time between samples of --stall, as in 50ms or 0.5 [default: 10ms]")
                .action(ArgAction::Set)
                .value_parser(to_interval)
                .requires("stall"),
        )
        .arg(
            value("count", "NUMBER", "The number of samples of --stall [default: 100]")
                .action(ArgAction::Set)
                .value_parser(to_count)
                .requires("stall"),
        )
        .arg(
            value("write-size", "SIZE", "The size of --measure's writes; may be repeated")
                .value_parser(to_write)
                .requires("measure"),
        )
        .next_help_heading(None::<&str>)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn value(name: &'static str, shown: &'static str, help: &'static str) -> Arg {
    // A number that is negative is told to be one, and not to be an unknown option.
    Arg::new(name).long(name).value_name(shown).action(ArgAction::Append).allow_negative_numbers(true).help(help)
}

fn to_size(text: &str) -> Result<Size, String> {
    if text == "max" { Ok(Size::Most) } else { size::parse(text).map(Size::Bytes) }
}

fn to_descriptor(text: &str) -> Result<RawFd, String> {
    number(text).ok_or_else(|| "not a descriptor, which is a number from 0 up".to_owned())
}

fn to_process(text: &str) -> Result<RawPid, String> {
    number(text).filter(|pid| *pid > 0).ok_or_else(|| "not the number of a process".to_owned())
}

fn to_count(text: &str) -> Result<u32, String> {
    number(text).filter(|count| *count > 0).ok_or_else(|| "not a number from 1 to 4294967295".to_owned())
}

fn to_interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    let day = Duration::from_secs(24 * 60 * 60);
    let fits = !interval.is_zero() && interval <= day;
    fits.then_some(interval).ok_or_else(|| "not a time from above 0 to a day".to_owned())
}

fn to_write(text: &str) -> Result<usize, String> {
    let bytes = size::parse(text)?;
    let fits = usize::try_from(bytes).ok().filter(|bytes| (1..=1 << 30).contains(bytes));
    fits.ok_or_else(|| "not a size from 1 to 1G".to_owned())
}

/// Digits alone, without the plus sign that Rust lets pass.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
