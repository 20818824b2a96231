//! The command line: its definition, its help, and the plans that it makes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rustix::fs::Mode;

use super::filter::Filter;
use super::place::{PRIVATE, Present};
use super::until::Until;
use super::{APPLET, NAME, mode, read, write};
use crate::{applet, duration, progress, size};

/// The most of a line that is looked at, in bytes, unless the user says otherwise.
const MAX_RECORD: usize = 1 << 20;

const HELP: &str = "\
Examples:
  rfifo /run/app.fifo | consumer
  rfifo --match ERROR --match WARN log.fifo >> errors.log
  tail -f app.log | rfifo --write --create --drop log.fifo
  rfifo --writers 3 jobs.fifo > jobs.txt &
  rfifo --write --timeout 5 jobs.fifo < job1.txt

Two way chat:
  rfifo --replace alice.fifo & rfifo --write --timeout 1h bob.fifo      # Alice, and Bob with the names exchanged

Request and reply:
  rfifo --until quit request.fifo |
      while read -r word; do echo \"$word\" | tr a-z A-Z; done | rfifo --write --create reply.fifo &
  rfifo --reuse reply.fifo | head -n 1 &
  echo hello | rfifo --write --timeout 10 request.fifo
  wait $!
  echo quit | rfifo --write request.fifo
  wait

Mailbox:
  rfifo --until EOD mail.fifo > mail.txt &
  for sender in 1 2 3; do
      seq 1000 | sed \"s/^/sender $sender: /\" | rfifo --write --timeout 10 mail.fifo &
      senders=\"$senders $!\"
  done
  wait $senders
  echo EOD | rfifo --write mail.fifo
  wait

Exit status:
  0 when it ended as it was told to; 1 when something failed, which was said; 2 for wrong usage; 124 when --timeout was
  over. A signal, and the reader of standard output leaving, end it as they end any program, after PATH was removed.

Notes:
  At the end PATH is removed first, so that no new writer comes, and then what is queued is relayed, also after SIGINT,
  SIGTERM and SIGHUP; a second signal ends it at once. Writers that are still there get SIGPIPE. Only the FIFO that was made
  here is removed, by its device and inode. SIGKILL leaves it behind, for --replace; writers that wait for a reader are then
  served. To find a reader that can't be seen, --replace opens the FIFO for writing for a moment.

  --timeout counts from the last byte, and not while standard output takes nothing; 0 doesn't wait at all. With --write it is
  for each wait for a reader, and PATH itself is waited for, too; without it, a PATH that is missing is an error.

  --writers counts all who open PATH for writing, also those that write nothing. Threads of one process that close it within
  a microsecond of each other may be counted as one, and where inotify can't be had all that overlap are, which is said.
  Another process that reads PATH takes bytes away, and may be counted.

  A line that has no newline ends when its writer leaves and no other has the FIFO open; --match adds the newline. With
  --until, what may still become LINE waits for its end, and anything else is relayed at once.

  With --write, lines of up to 4096 bytes, their newline included, are written whole, so several writers can share a FIFO; a
  longer line goes in pieces. A part of a line waits for its newline or the end of the input. The writing end stays open when
  a reader leaves: what it didn't read stays for the next one, which goes on where the last one stopped, be it within a line.
  If PATH is removed, or becomes another FIFO, that is lost, which is said, and the exit status is 1. At the end of the input
  lines are delivered when they are in the FIFO and somebody reads it; with --drop, when they are in the FIFO.

  A FIFO of another user in a directory where everybody may make files, as /tmp, is not used, unless it is that of the
  directory's owner. A filter needs memory for --max-record and 128 KiB more.

See also:
  teebox(1), rpipesz(1), mkfifo(1), grep(1), fifo(7)";

pub(super) fn command() -> Command {
    let usage = "rfifo [OPTION]... PATH\n       rfifo --write [OPTION]... PATH";
    let command = applet::without_help(NAME, APPLET.summary).override_usage(usage);
    let command = with_write(with_lines(with_end(with_path(command))));
    let command = command
        .next_help_heading("Other options")
        .arg(
            valued("timeout", "DURATION")
                .value_parser(duration::parse)
                .help("End, with status 124, when no byte has come for so long; with --write, no reader"),
        )
        .arg(
            valued("size", "SIZE")
                .value_parser(|text: &str| size::parse(text))
                .help("The size of the FIFO's buffer, which it otherwise forgets when it is last closed"),
        )
        .arg(
            valued("max-record", "SIZE")
                .value_parser(max_record)
                .help("Judge a longer line by its first SIZE bytes; with --drop, drop it [default: 1M]"),
        )
        .arg(progress::option())
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .required(true)
                .value_hint(clap::ValueHint::FilePath)
                .value_parser(value_parser!(OsString))
                .help("Where the FIFO is, or is to be"),
        );
    applet::with_help(command).after_help(HELP)
}

fn with_path(command: Command) -> Command {
    command
        .arg(
            valued("mode", "MODE")
                .short('m')
                .value_parser(mode)
                .help("Make it with exactly this mode, octal or as in u=rw,g+w from a=rw [default: 600]"),
        )
        .arg(flag("reuse", "Use a FIFO that is there already, and leave it there").conflicts_with("replace"))
        .arg(flag("replace", "Take over a FIFO of your own that nobody reads, as a run that was killed leaves behind"))
        .arg(flag("keep", "Leave the FIFO there at the end, even if it was made here"))
}

fn with_end(command: Command) -> Command {
    command
        .next_help_heading("The end")
        .arg(flag("once", "End when the first writer has left").conflicts_with("writers"))
        .arg(valued("writers", "N").value_parser(value_parser!(u64).range(1..)).help("End when N writers have left"))
        .arg(
            valued("until", "LINE")
                .value_parser(OsStringValueParser::new().try_map(line))
                .help("End at a line that equals LINE, and leave what follows in the FIFO"),
        )
}

fn with_lines(command: Command) -> Command {
    command
        .next_help_heading("Lines")
        .arg(
            valued("match", "TEXT")
                .action(ArgAction::Append)
                .value_parser(OsStringValueParser::new().try_map(line))
                .help("Pass on only lines that contain TEXT; may be given several times, and any will do"),
        )
        .arg(flag("invert", "Pass on only lines that contain none of them").requires("match"))
}

fn with_write(command: Command) -> Command {
    command
        .next_help_heading("Writing")
        .arg(
            flag("write", "Relay standard input into the FIFO, line by line, over readers that come and go")
                .conflicts_with_all(["once", "writers", "until", "match", "reuse", "replace"]),
        )
        .arg(flag("create", "Make the FIFO if it isn't there, and remove it at the end").requires("write"))
        .arg(flag("drop", "Never wait: drop lines that nobody takes, and say at the end how many").requires("write"))
        .arg(flag("mark", "Say it in the stream, too, where lines were dropped").requires("drop"))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn valued(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).allow_hyphen_values(true)
}

/// The umask is what it was when the program was started.
fn mode(text: &str) -> Result<Mode, String> {
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    mode::parse(text, umask.as_raw_mode())
}

fn line(text: OsString) -> Result<OsString, &'static str> {
    if text.as_bytes().contains(&b'\n') { Err("a line has no newline in it") } else { Ok(text) }
}

fn max_record(text: &str) -> Result<usize, String> {
    match size::parse(text)? {
        0 => Err("a line has at least one byte to be judged by".to_owned()),
        // What is larger than memory is no limit.
        size => Ok(usize::try_from(size).unwrap_or(usize::MAX).min(usize::MAX >> 1)),
    }
}

/// The plan of the read side.
pub(super) fn reading(arguments: &ArgMatches) -> read::Plan {
    let flag = |name| arguments.get_flag(name);
    let texts: Vec<&OsString> = arguments.get_many("match").unwrap_or_default().collect();
    let filter = (!texts.is_empty())
        .then(|| Filter::new(texts.iter().map(|text| text.as_bytes()), flag("invert"), record(arguments)));
    read::Plan {
        mode: arguments.get_one("mode").copied().unwrap_or(PRIVATE),
        present: match (flag("reuse"), flag("replace")) {
            (true, _) => Present::Reuse,
            (_, true) => Present::Replace,
            _ => Present::Refuse,
        },
        keep: flag("keep"),
        size: arguments.get_one("size").copied(),
        writers: if flag("once") { Some(1) } else { arguments.get_one("writers").copied() },
        until: arguments.get_one::<OsString>("until").map(|line| Until::new(line.as_bytes())),
        filter,
        timeout: arguments.get_one("timeout").copied(),
        progress: flag("progress"),
    }
}

/// The plan of the write side.
pub(super) fn writing(arguments: &ArgMatches) -> Result<write::Plan, clap::Error> {
    let flag = |name| arguments.get_flag(name);
    for name in ["mode", "keep"] {
        let given =
            arguments.value_source(name).is_some_and(|source| source != clap::parser::ValueSource::DefaultValue);
        if given && !flag("create") {
            let words = format!("the argument '--{name}' needs '--create' when it comes with '--write'");
            return Err(command().error(ErrorKind::MissingRequiredArgument, words));
        }
    }
    Ok(write::Plan {
        create: flag("create"),
        mode: arguments.get_one("mode").copied().unwrap_or(PRIVATE),
        keep: flag("keep"),
        size: arguments.get_one("size").copied(),
        timeout: arguments.get_one("timeout").copied(),
        drop: flag("drop").then(|| write::Dropping { mark: flag("mark"), most: record(arguments) }),
        progress: flag("progress"),
    })
}

fn record(arguments: &ArgMatches) -> usize {
    arguments.get_one("max-record").copied().unwrap_or(MAX_RECORD)
}
