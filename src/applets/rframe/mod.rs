//! rframe: records to length-prefixed frames and back.
//!
//! This file is the command line. [`mod@encode`] and [`mod@decode`] are the two loops, [`present`] says what becomes of a
//! decoded frame, [`record`] reads what a line of JSON means, and [`io`] holds the input by its name. The formats themselves are
//! in [`crate::framing`].

mod decode;
mod encode;
mod io;
mod present;
mod record;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use crate::applet::{self, Applet};
use crate::error::{Error, USAGE};
use crate::fdio::{stdio, transfer};
use crate::framing::spec::PRESETS;
use crate::framing::{Encoder, Format};
use crate::progress::{self, Progress};
use crate::size;
use encode::Records;
use io::{Input, stdout};
use present::Style;

/// The row of the table.
pub const APPLET: Applet = Applet {
    name: "rframe",
    summary: "Turn records into length-prefixed frames and back",
    command,
    usage_status: USAGE,
    run,
};

/// The name in messages.
const NAME: &str = APPLET.name;

/// How much is read and written at once, in bytes. A frame up to this size is never cut in two.
const BUFFER: usize = 128 * 1024;

const EXAMPLES: &str = "\
Examples:
  seq 3 | rframe encode | rframe decode
  printf 'a\\0b\\n\\0' | rframe encode -0 | rframe decode --show
  rframe encode --whole -f netstring /etc/hostname
  rframe encode --chunk 64K -f u32le < /bin/true | rframe decode -f u32le --raw | cmp - /bin/true
  echo hi | rframe encode --type 3 | rframe decode --json
  seq 9 | rframe encode | rframe decode --json | jq -c 'select(.payload > \"5\")' | rframe encode --json | rframe decode
  kcat -C -q -b localhost -t topic -e -f '%R%s' | rframe decode -f kcat --json

Exit status:
  0 when every record was passed on; 1 when something failed, which was said, and what came before it has been delivered;
  2 for wrong usage.

Notes:
  What arrives slowly is passed on at once, each frame of up to 128 KiB in one write; what arrives fast, in large ones. A
  frame whose length is wrong ends the run: nothing looks for the next one by guessing. With --lines, --null and --raw a
  null of the format (null=-1) is an empty record, and control packets are left out. --show writes a backslash twice.

  Memory stays below a few MiB whatever a length claims. In decode a payload of over 128 KiB streams through, unless --show
  or --json need it whole; these take up to ten times the format's maximum. In encode a record of over 2 MiB waits in a file
  without a name in TMPDIR (or /tmp) until its length is known; --chunk and --whole need none for a regular file.

  decode stops after the mark that ends a stream, where the format has one; the rest of a regular file is left to whoever
  reads it next.

See also:
  teebox(1), jq(1), kcat(1), gitprotocol-common(5)";

const FRAMES: &str = "\
Frames:
  A frame is a header that tells a length, and a payload of that length. In the default format, message, the length is four
  bytes, the highest first, and counts a type byte that follows and the payload: hello is 00 00 00 06 01 68 65 6c 6c 6f.
  encode makes a frame of every record of its input, and decode makes a record of every frame.

";

const GRAMMAR: &str = "\
Grammar of formats:
  SPEC   = PRESET or TOKEN+TOKEN..., then ,OPTION...
  TOKEN  = LENGTH[/COUNTS], type, padN, magic=HEX; in the order of the wire, exactly one of them a LENGTH
  LENGTH = u8; u16, u24, u32, u64 or i32 with be, le or ne; varint; hex4; dec
  COUNTS = rest  the fields after the length, and the payload (the default)
           body  the payload alone
           self  the length itself and what rest counts
           all   the whole frame, its tail included
  OPTION = max=SIZE        the most that a payload may have, 16M unless given; max=none lifts it
           zero=frame      a length of zero is an empty frame (the default)
           zero=end        it ends the stream
           zero=keepalive  it is passed over
           zero=error      it is an error
           null=-1         an i32 of -1 stands for no payload at all
           tail=HEX        these bytes end a frame, one of length zero too; no length but all counts them
           sep=HEX         these bytes end the digits of dec
  type is a byte, padN is N zero bytes, magic=HEX these very bytes. be, le and ne are the byte order: big, little, the
  machine's. varint is LEB128 in its shortest form, hex4 four hexadecimal digits, dec decimal digits. In hex4/self the
  lengths 0, 1 and 2 are control packets: flush, delim and response-end.
";

const JSON: &str = "\
JSON:
  decode --json writes an object a line: offset (of the frame, in bytes), length (of the payload), type where the format has
  one, and payload, a string, or where it is not UTF-8 payload_base64. A null has the payload null. A control packet has
  offset and control: flush, delim or response-end. encode --json reads these; it needs no offset and no length.
";

fn command() -> Command {
    // At every start, so not by format!, which takes as long as all the rest of it.
    let mut help = [FRAMES, GRAMMAR, "\nPresets:\n"].concat();
    for preset in PRESETS {
        let gap = |column: &str, width: usize| {
            &"                                "[..(width + 1).saturating_sub(column.len())]
        };
        let (after_name, after_grammar) = (gap(preset.name, 16), gap(preset.grammar, 31));
        help.extend(["  ", preset.name, after_name, preset.grammar, after_grammar, preset.about, "\n"]);
    }
    help.extend(["\n", JSON, "\n", EXAMPLES]);
    applet::command(NAME, APPLET.summary)
        .override_usage(
            "rframe encode [OPTION]... [FILE]\n       rframe decode [OPTION]... [FILE]\n       rframe formats",
        )
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(subcommand(
            "encode",
            "Make a frame of every record of FILE, or of standard input",
            "rframe encode [OPTION]... [FILE]",
            with_encode_options,
        ))
        .subcommand(subcommand(
            "decode",
            "Make a record of every frame of FILE, or of standard input",
            "rframe decode [OPTION]... [FILE]",
            with_decode_options,
        ))
        .subcommand(subcommand("formats", "List the presets with their grammar", "rframe formats", applet::with_help))
        .after_help(help)
}

/// A subcommand whose options are built for the one that is called, and for no other.
fn subcommand(
    name: &'static str,
    about: &'static str,
    usage: &'static str,
    with_options: fn(Command) -> Command,
) -> Command {
    applet::without_help(name, about).display_name(NAME).override_usage(usage).defer(with_options)
}

/// The options and the operand that encode and decode share, after their own.
fn with_shared(command: Command) -> Command {
    let command = command
        .next_help_heading("Other options")
        .arg(progress::option())
        .next_help_heading(None::<&str>)
        .arg(file_operand())
        .after_help("rframe --help shows the formats and examples.");
    applet::with_help(command)
}

fn with_encode_options(command: Command) -> Command {
    let command = command
        .next_help_heading("Records")
        .arg(flag("lines", "A record is a line, without its newline (the default)"))
        .arg(flag("null", "A record ends with a NUL byte").short('0'))
        .arg(
            Arg::new("chunk")
                .long("chunk")
                .value_name("SIZE")
                .value_parser(chunk_size)
                .help("A record has SIZE bytes, the last one what is left"),
        )
        .arg(flag("whole", "All the input is one record"))
        .arg(flag("json", "A record is a line of JSON: {\"type\":1,\"payload\":\"text\"}, or payload_base64"))
        .group(ArgGroup::new("records").args(["lines", "null", "chunk", "whole", "json"]))
        .next_help_heading("Frames")
        .arg(format_option())
        .arg(
            Arg::new("type")
                .long("type")
                .value_name("N")
                .value_parser(value_parser!(u8))
                .help("The type of the frames, 0 to 255 [default: 1]"),
        )
        .arg(max_option())
        .arg(flag("skip-oversize", "Pass over a record that is too long for a frame, and say so; the exit status is 1"))
        .arg(flag("end", "Write the mark that ends the stream after the last record, where the format has one"));
    with_shared(command)
}

fn with_decode_options(command: Command) -> Command {
    let command = command
        .next_help_heading("Records")
        .arg(flag("lines", "Print each payload and a newline (the default)"))
        .arg(flag("null", "Print each payload and a NUL byte").short('0'))
        .arg(flag("raw", "Print each payload and nothing else"))
        .arg(flag("show", "Print each payload in a line, as [TYPE] payload, with control characters made visible"))
        .arg(flag("json", "Print each frame as a line of JSON"))
        .group(ArgGroup::new("records").args(["lines", "null", "raw", "show", "json"]))
        .arg(
            Arg::new("type-name")
                .long("type-name")
                .value_name("N=NAME")
                .action(ArgAction::Append)
                .value_parser(type_name)
                .requires("show")
                .help("Call type N so with --show [default: 1=INFO 2=PROGRESS 3=RESULT]; may be given several times"),
        )
        .next_help_heading("Frames")
        .arg(format_option())
        .arg(max_option())
        .arg(flag("skip-oversize", "Pass over a frame that is over the maximum, and say so; the exit status is 1"));
    with_shared(command)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn format_option() -> Arg {
    Arg::new("format")
        .short('f')
        .long("format")
        .value_name("SPEC")
        .default_value("message")
        .hide_possible_values(true)
        .value_parser(FormatParser)
        .help("The format of the frames: a preset, or a SPEC as in rframe --help")
}

fn max_option() -> Arg {
    Arg::new("max")
        .long("max")
        .value_name("SIZE")
        .value_parser(|text: &str| if text == "none" { Ok(None) } else { size::parse(text).map(Some) })
        .help("The most bytes that a payload may have, or none, instead of the format's maximum")
}

fn file_operand() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .value_hint(clap::ValueHint::FilePath)
        .value_parser(value_parser!(OsString))
        .help("What to read; `-`, or no FILE, is standard input")
}

fn chunk_size(text: &str) -> Result<u64, String> {
    match size::parse(text)? {
        0 => Err("a record needs at least one byte".to_owned()),
        size => Ok(size),
    }
}

fn type_name(text: &str) -> Result<(u8, String), String> {
    let (number, name) = text.split_once('=').ok_or("N=NAME is needed, as in 4=ERROR")?;
    let number = number.parse().map_err(|_| "N is not a number from 0 to 255")?;
    if name.is_empty() || !name.chars().all(present::is_visible) {
        return Err("NAME has to be characters that can be shown".to_owned());
    }
    Ok((number, name.to_owned()))
}

/// Reads a SPEC, and points at a mistake in it.
#[derive(Clone)]
struct FormatParser;

impl TypedValueParser for FormatParser {
    type Value = Format;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &std::ffi::OsStr) -> Result<Format, clap::Error> {
        let error = |words: String| clap::Error::raw(ErrorKind::ValueValidation, words).with_cmd(command);
        let Some(spec) = value.to_str() else { return Err(error("the format is not UTF-8\n".to_owned())) };
        Format::parse(spec).map_err(|wrong| {
            // On a line of its own, whatever it holds, with marks below by the characters that are shown.
            let shown = |text: &str| -> String {
                text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
            };
            let before = shown(&spec[..wrong.at.start]).chars().count();
            let marks = shown(&spec[wrong.at.clone()]).chars().count().max(1);
            error(format!("format: {}\n  {}\n  {:before$}{:^>marks$}\n", wrong.reason, shown(spec), "", ""))
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(PRESETS.iter().map(|preset| PossibleValue::new(preset.name).help(preset.about))))
    }
}

fn run(arguments: &ArgMatches) -> Result<u8, Error> {
    let status = match arguments.subcommand() {
        Some(("encode", options)) => encode(options),
        Some(("decode", options)) => decode(options),
        _ => list_formats(),
    }?;
    stdio::close_stdout().map_err(Error::output)?;
    Ok(status)
}

/// The format that the options name.
fn format(options: &ArgMatches) -> Result<Format, Error> {
    let format = options.get_one::<Format>("format").cloned();
    let format = format.ok_or_else(|| wrong_usage("the argument '--format <SPEC>' is missing".to_owned()))?;
    Ok(match options.get_one::<Option<u64>>("max") {
        Some(max) => format.with_max(*max),
        None => format,
    })
}

fn wrong_usage(words: String) -> Error {
    Error::Usage(clap::Error::raw(ErrorKind::ArgumentConflict, words))
}

fn encode(options: &ArgMatches) -> Result<u8, Error> {
    let format = format(options)?;
    let kind = options.get_one::<u8>("type");
    if kind.is_some() && !format.has_type() {
        return Err(wrong_usage(format!("--type: frames of the format {} have no type", format.spec())));
    }
    let end = options.get_flag("end");
    if end && !format.has_end() {
        return Err(wrong_usage(format!("--end: the format {} has no mark that ends a stream", format.spec())));
    }
    let records = if let Some(size) = options.get_one::<u64>("chunk") {
        let most = Encoder::new(&format).payload_most();
        if *size > most {
            return Err(wrong_usage(format!(
                "--chunk: a payload of the format {} has at most {most} bytes",
                format.spec()
            )));
        }
        Records::Chunks(*size)
    } else if options.get_flag("whole") {
        Records::Whole
    } else if options.get_flag("json") {
        Records::Json
    } else {
        Records::Delimited(if options.get_flag("null") { 0 } else { b'\n' })
    };
    let plan = encode::Plan {
        format,
        records,
        kind: kind.copied().unwrap_or(1),
        skip_oversize: options.get_flag("skip-oversize"),
        end,
    };
    let input = Input::open(options.get_one("file"))?;
    let progress = Progress::new(options.get_flag("progress"), input.fd());
    encode::run(&plan, &input, &progress)
}

fn decode(options: &ArgMatches) -> Result<u8, Error> {
    let style = if options.get_flag("json") {
        Style::Json
    } else if options.get_flag("show") {
        let defaults = [(1, "INFO"), (2, "PROGRESS"), (3, "RESULT")].map(|(kind, name)| (kind, name.to_owned()));
        let given = options.get_many::<(u8, String)>("type-name").unwrap_or_default().cloned();
        Style::Show(defaults.into_iter().chain(given).collect())
    } else if options.get_flag("raw") {
        Style::Bytes(None)
    } else {
        Style::Bytes(Some(if options.get_flag("null") { 0 } else { b'\n' }))
    };
    let format = format(options)?;
    if options.contains_id("type-name") && !format.has_type() {
        return Err(wrong_usage(format!("--type-name: frames of the format {} have no type", format.spec())));
    }
    let plan = decode::Plan { format, style, skip_oversize: options.get_flag("skip-oversize") };
    let input = Input::open(options.get_one("file"))?;
    let progress = Progress::new(options.get_flag("progress"), input.fd());
    decode::run(&plan, &input, &progress)
}

/// The presets, in columns for people and between tabs for programs.
fn list_formats() -> Result<u8, Error> {
    let aligned = rustix::termios::isatty(stdout());
    let mut text = String::new();
    for preset in PRESETS {
        let (name, grammar, about) = (preset.name, preset.grammar, preset.about);
        // Writing to a String can't fail.
        let _ = if aligned {
            writeln!(text, "{name:<16}  {grammar:<31}  {about}")
        } else {
            writeln!(text, "{name}\t{grammar}\t{about}")
        };
    }
    transfer::write_all(stdout(), text.as_bytes()).map_err(Error::output)?;
    Ok(0)
}
