//! What is put in front of records: a time, a label; or the header of a frame.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Local};
use memchr::memchr;

use super::plan::{Color, Dress, Label, Plan};
use crate::framing::{Encoder, Format, SpecError};
use crate::quote;

/// The form of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Seconds since 1970, with milliseconds.
    Unix,
    /// Seconds since the start, with milliseconds.
    Elapsed,
    /// As in strftime(3); and whether it shows parts of a second.
    Local(String, bool),
}

impl Stamp {
    /// The form that a name or a format stands for. The error says what is wrong with the format.
    pub(super) fn new(format: &str) -> Result<Self, &'static str> {
        let format = match format {
            "unix" => return Ok(Self::Unix),
            "elapsed" => return Ok(Self::Elapsed),
            "iso" => "%Y-%m-%dT%H:%M:%S%.3f%:z",
            format => format,
        };
        if StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
            return Err("not a format of strftime");
        }
        Ok(Self::Local(format.to_owned(), format.contains('f') || format.contains("%+")))
    }
}

/// When something happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(SystemTime, Instant);

/// Times as text, made anew no oftener than they change.
#[derive(Debug)]
struct Clock {
    stamp: Stamp,
    started: Instant,
    /// The second that `text` is of.
    second: Option<u64>,
    text: String,
}

impl Clock {
    /// The time, and a space.
    fn tell(&mut self, moment: Moment) -> &str {
        let since = moment.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        match &self.stamp {
            Stamp::Unix => self.set(since),
            Stamp::Elapsed => self.set(moment.1.saturating_duration_since(self.started)),
            Stamp::Local(_, false) if self.second == Some(since.as_secs()) => {}
            Stamp::Local(format, _) => {
                self.second = Some(since.as_secs());
                self.text.clear();
                let local = i64::try_from(since.as_secs())
                    .ok()
                    .and_then(|seconds| DateTime::from_timestamp(seconds, since.subsec_nanos()))
                    .map(|time| time.with_timezone(&Local));
                // Writing to a String fails for a format that was refused at the start.
                let _ = local.map(|time| write!(self.text, "{} ", time.format(format)));
            }
        }
        &self.text
    }

    fn set(&mut self, time: Duration) {
        self.text.clear();
        let _ = write!(self.text, "{}.{:03} ", time.as_secs(), time.subsec_millis());
    }
}

/// How records are dressed.
#[derive(Debug)]
pub(super) struct Dresser {
    terminator: Option<u8>,
    clock: Option<Clock>,
    /// What is before and after a label.
    label: Option<(Vec<u8>, Vec<u8>)>,
    /// Labels are filled up to so many characters.
    width: usize,
    color: bool,
    frames: Option<Format>,
    /// The time and the label of the records that are being dressed.
    prefix: Vec<u8>,
}

/// The colours of labels, by the numbers that terminals know them by; no black, no white.
const COLORS: [&str; 12] = ["31", "32", "33", "34", "35", "36", "91", "92", "93", "94", "95", "96"];

impl Dresser {
    /// What the plan asks for, on a terminal or not.
    pub(super) fn new(plan: &Plan, terminal: bool) -> Result<Self, SpecError> {
        let mut dresser = Self {
            terminator: plan.rules.terminator,
            clock: None,
            label: None,
            width: 0,
            color: false,
            frames: None,
            prefix: Vec::new(),
        };
        match &plan.dress {
            Dress::Nothing => {}
            Dress::Frames => dresser.frames = Some(Format::parse("message")?),
            Dress::Prefix { stamp, label, align, color } => {
                let clock = |stamp: &Stamp| Clock {
                    stamp: stamp.clone(),
                    started: Instant::now(),
                    second: None,
                    text: String::new(),
                };
                dresser.clock = stamp.as_ref().map(clock);
                dresser.label.clone_from(label);
                dresser.color = match color {
                    Color::Always => true,
                    Color::Never => false,
                    Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
                };
                if *align {
                    let shown = |label: &Label| quote::visible(&label.shown).chars().count();
                    let widest = plan.inputs.iter().map(|input| {
                        let errors = plan.commands.stderr && matches!(input.what, super::plan::What::Command(_));
                        shown(&input.label) + if errors { ERRORS.len() } else { 0 }
                    });
                    dresser.width = widest.max().unwrap_or(0);
                }
            }
        }
        Ok(dresser)
    }

    /// Whether records go out as they came in.
    pub(super) fn is_plain(&self) -> bool {
        self.clock.is_none() && self.label.is_none() && self.frames.is_none()
    }

    /// The label of an input as it is put in front of its records; of a command's standard error, if `errors`.
    pub(super) fn label(&self, label: &OsStr, errors: bool) -> Vec<u8> {
        let Some((before, after)) = &self.label else { return Vec::new() };
        let mut text = quote::visible(label);
        if errors {
            text.push_str(ERRORS);
        }
        let padding = self.width.saturating_sub(text.chars().count());
        let mut bytes = Vec::new();
        if self.color {
            bytes.extend_from_slice(format!("\x1b[{}m", COLORS[hash(label) % COLORS.len()]).as_bytes());
        }
        bytes.extend_from_slice(before);
        bytes.extend_from_slice(text.as_bytes());
        let end = after.trim_ascii_end().len();
        bytes.extend_from_slice(&after[..end]);
        if self.color {
            bytes.extend_from_slice(b"\x1b[0m");
        }
        bytes.extend_from_slice(&after[end..]);
        bytes.resize(bytes.len() + padding, b' ');
        bytes
    }

    /// The time, where it is wanted.
    pub(super) fn now(&self) -> Option<Moment> {
        self.clock.is_some().then(|| Moment(SystemTime::now(), Instant::now()))
    }

    /// What comes now is of an input with this label, and was read at that time.
    pub(super) fn begin(&mut self, label: &[u8], read: Option<Moment>) {
        if self.clock.is_none() && self.label.is_none() {
            return;
        }
        self.prefix.clear();
        if let (Some(clock), Some(moment)) = (&mut self.clock, read) {
            self.prefix.extend_from_slice(clock.tell(moment).as_bytes());
        }
        self.prefix.extend_from_slice(label);
    }

    /// Appends records to `out`, until that has `enough` bytes or they are at their end; returns how many bytes of
    /// `records` that took. `kind` is the type of their frames.
    pub(super) fn records(&self, records: &[u8], kind: u8, enough: usize, out: &mut Vec<u8>) -> usize {
        let Some(terminator) = self.terminator else {
            self.whole(records, kind, out);
            return records.len();
        };
        let mut done = 0;
        while done < records.len() && out.len() < enough {
            let rest = &records[done..];
            let length = memchr(terminator, rest).map_or(rest.len(), |at| at + 1);
            if self.frames.is_some() {
                self.whole(rest[..length].strip_suffix(&[terminator]).unwrap_or(&rest[..length]), kind, out);
            } else {
                out.extend_from_slice(&self.prefix);
                out.extend_from_slice(&rest[..length]);
            }
            done += length;
        }
        done
    }

    /// Appends a piece of a record.
    pub(super) fn piece(&self, bytes: &[u8], first: bool, out: &mut Vec<u8>) {
        if first {
            out.extend_from_slice(&self.prefix);
        }
        out.extend_from_slice(bytes);
    }

    /// Appends the end of a record, or all of it, and the terminator that it lacks.
    pub(super) fn unterminated(&self, bytes: &[u8], first: bool, kind: u8, out: &mut Vec<u8>) {
        if self.frames.is_some() {
            return self.whole(bytes, kind, out);
        }
        self.piece(bytes, first, out);
        out.extend(self.terminator);
    }

    /// Appends a record that has no terminator.
    fn whole(&self, bytes: &[u8], kind: u8, out: &mut Vec<u8>) {
        match &self.frames {
            // A record is never longer than a frame may be.
            Some(format) => drop(Encoder::new(format).frame(kind, bytes, out)),
            None => self.piece(bytes, true, out),
        }
    }
}

/// What tells a command's standard error from its standard output, after its label.
const ERRORS: &str = ":err";

/// The same number for the same label, in every run (FNV-1a).
fn hash(label: &OsStr) -> usize {
    use std::os::unix::ffi::OsStrExt;
    let hash = label
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    // The high bits, as the low ones of similar labels are alike.
    usize::try_from(hash >> 40).unwrap_or(0)
}
