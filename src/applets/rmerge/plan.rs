//! From the arguments to plain data: what is merged, and how.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use clap::ArgMatches;
use clap::error::ErrorKind;
use memchr::memchr;

use super::decorate::Stamp;
use super::records::{Long, Rules};
use crate::error::Error;

/// What to do.
#[derive(Debug)]
pub(super) struct Plan {
    /// The inputs that are named, in the order of the arguments.
    pub(super) inputs: Vec<Input>,
    /// Where further commands come from, one a line, to be numbered after `inputs`.
    pub(super) commands_from: Option<OsString>,
    pub(super) rules: Rules,
    /// Each input whole, in their order, instead of records as they arrive.
    pub(super) in_order: bool,
    /// The most bytes in memory of what has to wait for its turn.
    pub(super) memory: u64,
    pub(super) dress: Dress,
    /// FIFOs stay open over any number of writers.
    pub(super) follow: bool,
    pub(super) commands: Commands,
}

/// An input.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) label: Label,
    pub(super) what: What,
}

/// What an input is called.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// In front of its records.
    pub(super) shown: OsString,
    /// In messages.
    pub(super) said: OsString,
}

/// What is read.
#[derive(Debug)]
pub(super) enum What {
    Stdin,
    Path(OsString),
    /// The output of this command.
    Command(OsString),
}

/// What is added to records.
#[derive(Debug)]
pub(super) enum Dress {
    Nothing,
    /// A prefix.
    Prefix {
        stamp: Option<Stamp>,
        /// What is before and after the label.
        label: Option<(Vec<u8>, Vec<u8>)>,
        align: bool,
        color: Color,
    },
    /// Each is the payload of a frame.
    Frames,
}

/// Whether labels are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

/// How commands are run.
#[derive(Debug)]
pub(super) struct Commands {
    /// Their standard error is merged too.
    pub(super) stderr: bool,
    /// How many at once; None is as many as there are.
    pub(super) jobs: Option<usize>,
    /// How long each may run.
    pub(super) timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL, and from a command's end to that of its output.
    pub(super) grace: Duration,
    pub(super) fail_fast: bool,
    pub(super) status: Status,
}

/// Which exit status a run has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// That of the first failing command, in the order of the arguments.
    First,
    /// The highest.
    Worst,
    /// 0 where a command succeeded, else as [`Self::First`].
    Any,
    /// That of the command with this label.
    Of(OsString),
}

impl Plan {
    /// Reads the arguments; what they say together may make no sense.
    pub(super) fn new(arguments: &ArgMatches) -> Result<Self, Error> {
        let flag = |name| arguments.get_flag(name);
        let inputs = inputs(arguments);
        let commands_from = arguments.get_one::<OsString>("run-from").cloned();
        let stdin = inputs.iter().any(|input| matches!(input.what, What::Stdin));
        if commands_from.as_deref() == Some(OsStr::new("-")) && stdin {
            return Err(wrong_usage("--run-from - and the input - both read standard input"));
        }
        let framed = flag("frames");
        let long = match arguments.get_one::<String>("long-record").map(String::as_str) {
            Some("hold") if framed => {
                return Err(wrong_usage("--long-record=hold: a frame has to be whole before it begins"));
            }
            Some("split") => Long::Split,
            Some("error") => Long::Error,
            None if framed => Long::Error,
            _ => Long::Hold,
        };
        let terminator = match (flag("null"), flag("chunk")) {
            (_, true) => None,
            (true, _) => Some(0),
            _ => Some(b'\n'),
        };
        let max = usize::try_from(*arguments.get_one::<u64>("max-record").unwrap_or(&super::MAX_RECORD));
        let rules = Rules { terminator, max: max.unwrap_or(usize::MAX / 4).min(usize::MAX / 4), long };
        let sources = inputs.len();
        let plan = Self {
            commands: commands(arguments, &inputs)?,
            inputs,
            commands_from,
            rules,
            in_order: arguments.get_one::<String>("order").is_some_and(|order| order == "input"),
            memory: *arguments.get_one("memory").unwrap_or(&super::MEMORY),
            dress: dress(arguments)?,
            follow: flag("follow"),
        };
        if framed {
            plan.check_frames(sources)?;
        }
        Ok(plan)
    }

    /// Whether commands are run.
    pub(super) fn has_commands(&self) -> bool {
        self.commands_from.is_some() || self.inputs.iter().any(|input| matches!(input.what, What::Command(_)))
    }

    fn check_frames(&self, sources: usize) -> Result<(), Error> {
        if self.rules.max > super::FRAME_MOST {
            return Err(wrong_usage("--max-record: a frame has at most 1 MiB"));
        }
        let commands = self.inputs.iter().filter(|input| matches!(input.what, What::Command(_))).count();
        let numbers = sources + if self.commands.stderr { commands } else { 0 };
        if numbers > usize::from(u8::MAX) {
            return Err(wrong_usage("--frames: the type of a frame tells at most 255 inputs apart"));
        }
        Ok(())
    }
}

/// The operands and the commands, in their order.
fn inputs(arguments: &ArgMatches) -> Vec<Input> {
    let mut given: Vec<(usize, Input)> = Vec::new();
    for (name, make) in [("input", operand as fn(&OsString) -> Input), ("path", plain), ("run", command)] {
        let indices = arguments.indices_of(name).into_iter().flatten();
        given.extend(indices.zip(arguments.get_many(name).into_iter().flatten().map(make)));
    }
    given.sort_by_key(|(index, _)| *index);
    if given.is_empty() && arguments.get_one::<OsString>("run-from").is_none() {
        given.push((0, operand(&"-".into())));
    }
    given.into_iter().map(|(_, input)| input).collect()
}

/// `[LABEL=]INPUT`.
fn operand(argument: &OsString) -> Input {
    let (label, rest) = labelled(argument);
    if rest == "-" {
        let shown = label.unwrap_or_else(|| "stdin".into());
        let said = if shown == "stdin" { "standard input".into() } else { shown.clone() };
        return Input { label: Label { shown, said }, what: What::Stdin };
    }
    let shown = label.unwrap_or_else(|| base_name(&rest));
    Input { label: Label { shown, said: rest.clone() }, what: What::Path(rest) }
}

/// What follows `--`.
fn plain(argument: &OsString) -> Input {
    let label = Label { shown: base_name(argument), said: argument.clone() };
    Input { label, what: What::Path(argument.clone()) }
}

/// `[LABEL=]COMMAND`.
fn command(argument: &OsString) -> Input {
    let (label, command) = labelled(argument);
    Input { label: command_label(label, &command), what: What::Command(command) }
}

/// What a command is called: by its label, or by its first word, and in messages by itself.
pub(super) fn command_label(label: Option<OsString>, command: &OsStr) -> Label {
    if let Some(label) = label {
        return Label { said: label.clone(), shown: label };
    }
    let bytes = command.as_bytes().trim_ascii();
    let word = bytes.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let mut said = bytes.to_vec();
    if said.len() > MESSAGE_MOST {
        said.truncate(MESSAGE_MOST);
        said.extend_from_slice(b"...");
    }
    Label { shown: base_name(OsStr::from_bytes(word)), said: OsString::from_vec(said) }
}

/// As much of a command as a message has of it, in bytes.
const MESSAGE_MOST: usize = 60;

/// Takes the label off: what is before the first `=`, unless it holds a slash or a space. An empty one is none.
fn labelled(argument: &OsString) -> (Option<OsString>, OsString) {
    let bytes = argument.as_bytes();
    let Some(at) = memchr(b'=', bytes) else { return (None, argument.clone()) };
    let label = &bytes[..at];
    if label.iter().any(|byte| *byte == b'/' || byte.is_ascii_whitespace()) {
        return (None, argument.clone());
    }
    let rest = OsStr::from_bytes(&bytes[at + 1..]).to_owned();
    ((!label.is_empty()).then(|| OsStr::from_bytes(label).to_owned()), rest)
}

fn base_name(path: &OsStr) -> OsString {
    let bytes = path.as_bytes();
    let name = bytes.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty()).unwrap_or(bytes);
    OsStr::from_bytes(name).to_owned()
}

fn commands(arguments: &ArgMatches, inputs: &[Input]) -> Result<Commands, Error> {
    let of_commands = || inputs.iter().filter(|input| matches!(input.what, What::Command(_)));
    let lines = arguments.get_one::<OsString>("run-from").is_some();
    let status = match arguments.get_one::<OsString>("status") {
        None => Status::First,
        Some(words) => match words.as_bytes() {
            b"first" => Status::First,
            b"worst" => Status::Worst,
            b"any" => Status::Any,
            _ => {
                let shown = crate::quote::quote(words);
                match of_commands().filter(|input| input.label.shown == *words).count() {
                    1 => Status::Of(words.clone()),
                    0 => return Err(wrong_usage(&format!("--status: no command has the label {shown}"))),
                    _ => return Err(wrong_usage(&format!("--status: several commands have the label {shown}"))),
                }
            }
        },
    };
    let jobs = arguments.get_one::<u64>("jobs").map(|jobs| usize::try_from(*jobs).unwrap_or(usize::MAX));
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Commands {
        stderr: arguments.get_flag("stderr"),
        jobs: jobs.or_else(|| lines.then(|| processors().max(of_commands().count()))),
        timeout: arguments.get_one::<Duration>("timeout").copied().filter(|limit| !limit.is_zero()),
        grace: arguments.get_one("grace").copied().unwrap_or(super::GRACE),
        fail_fast: arguments.get_flag("fail-fast"),
        status,
    })
}

fn dress(arguments: &ArgMatches) -> Result<Dress, Error> {
    if arguments.get_flag("frames") {
        return Ok(Dress::Frames);
    }
    let stamp = match arguments.get_one::<String>("timestamp") {
        Some(format) => Some(Stamp::new(format).map_err(|reason| wrong_usage(&format!("--timestamp: {reason}")))?),
        None => None,
    };
    let label = arguments.get_one::<OsString>("label").map(|format| {
        let (format, mark) = (format.as_bytes(), b"{label}");
        match memchr::memmem::find(format, mark) {
            Some(at) => (format[..at].to_vec(), Some(format[at + mark.len()..].to_vec())),
            None => (format.to_vec(), None),
        }
    });
    if stamp.is_none() && label.is_none() {
        return Ok(Dress::Nothing);
    }
    let color = match arguments.get_one::<String>("color").map(String::as_str) {
        Some("always") => Color::Always,
        Some("never") => Color::Never,
        _ => Color::Auto,
    };
    let label = match label {
        Some((_, None)) => return Err(wrong_usage("--label: the format has no {label}")),
        Some((before, Some(after))) => Some((before, after)),
        None => None,
    };
    Ok(Dress::Prefix { stamp, label, align: !arguments.get_flag("no-align"), color })
}

fn wrong_usage(words: &str) -> Error {
    Error::Usage(clap::Error::raw(ErrorKind::ArgumentConflict, format!("{words}\n")))
}
