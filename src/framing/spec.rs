//! The grammar of formats, and the presets that are written in it.
//!
//! ```text
//! SPEC   := PRESET ("," OPTION)* | TOKEN ("+" TOKEN)* ("," OPTION)*
//! TOKEN  := LENGTH ["/" COUNTS] | type | padN | magic=HEX          in wire order; exactly one LENGTH
//! LENGTH := u8 | (u16|u24|u32|u64|i32)(be|le|ne) | varint | hex4 | dec
//! COUNTS := rest | body | self | all
//! OPTION := max=SIZE | zero=end|frame|keepalive|error | null=-1 | tail=HEX | sep=HEX
//! ```

use std::ops::Range;

use super::encode::Encoder;
use super::layout::Fixed;
use crate::size;

/// A preset: its name, what it is for, and how the grammar has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// The format in the grammar; a header block has none there.
    pub grammar: &'static str,
    /// Who speaks it.
    pub about: &'static str,
}

/// The grammar's place in the table for the format that the grammar can't express.
const HEADER_BLOCK: &str = "Content-Length: N, CR LF, CR LF";

/// Every preset; the first is the default.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "message",
        grammar: "u32be+type,max=1M,zero=end",
        about: "the default; SSH agents and SFTP have the layout",
    },
    Preset { name: "u8", grammar: "u8", about: "a bare length" },
    Preset { name: "u16be", grammar: "u16be", about: "a bare length" },
    Preset { name: "u16le", grammar: "u16le", about: "a bare length" },
    Preset { name: "u32be", grammar: "u32be", about: "a bare length" },
    Preset { name: "u32le", grammar: "u32le", about: "a bare length" },
    Preset { name: "u64be", grammar: "u64be", about: "a bare length" },
    Preset { name: "u64le", grammar: "u64le", about: "a bare length" },
    Preset { name: "native-messaging", grammar: "u32ne,max=1M", about: "browser extensions" },
    Preset { name: "erlang1", grammar: "u8", about: "ports with {packet,1}" },
    Preset { name: "erlang2", grammar: "u16be", about: "ports with {packet,2}" },
    Preset { name: "erlang4", grammar: "u32be", about: "ports with {packet,4}" },
    Preset { name: "dns", grammar: "u16be", about: "DNS over TCP" },
    Preset { name: "kcat", grammar: "i32be,null=-1", about: "what kcat -f '%R%s' prints" },
    Preset { name: "varint", grammar: "varint", about: "protobuf's delimited messages" },
    Preset { name: "netstring", grammar: "dec,sep=3a,tail=2c", about: "netstrings" },
    Preset { name: "pkt-line", grammar: "hex4/self,max=65516", about: "git; 0000, 0001 and 0002 are control packets" },
    Preset { name: "syslog", grammar: "dec,sep=20", about: "RFC 6587 octet counting" },
    Preset { name: "docker", grammar: "type+pad3+u32be", about: "attach streams; the stream is the type" },
    Preset { name: "postgres", grammar: "type+u32be/self", about: "PostgreSQL's protocol" },
    Preset { name: "grpc", grammar: "type+u32be", about: "gRPC messages; the flag is the type" },
    Preset { name: "lsp", grammar: HEADER_BLOCK, about: "language servers; other headers are ignored" },
];

/// The maximum of a payload where the format names none, in bytes.
pub const DEFAULT_MAX: u64 = 16 << 20;

/// A format of frames, ready for an encoder or a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    spec: String,
    pub(super) header: Header,
    /// The header at a glance, where its size is fixed and at most 16 bytes.
    pub(super) fixed: Option<Fixed>,
    pub(super) tail: Vec<u8>,
    pub(super) max: Option<u64>,
    pub(super) zero: Zero,
    /// A length of -1 is a null instead of a payload.
    pub(super) null: bool,
}

/// What comes before a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Fields in wire order, exactly one of them a length.
    Fields(Vec<Field>),
    /// Lines that end in CR LF, one of them `Content-Length: N`, and an empty line.
    Block,
}

/// A field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Length(Number, Counts),
    /// One byte.
    Type,
    /// So many zero bytes.
    Pad(usize),
    /// These very bytes.
    Magic(Vec<u8>),
}

/// How a length is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// So many bytes, an unsigned number or, with `signed`, one in two's complement.
    Binary { width: usize, big: bool, signed: bool },
    /// LEB128, in its shortest form.
    Varint,
    /// Four hexadecimal digits.
    Hex4,
    /// Decimal digits, ended by these bytes.
    Dec(Vec<u8>),
}

/// What a length counts besides the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// The fields after it.
    Rest,
    /// Nothing.
    Body,
    /// The fields after it, and itself.
    Itself,
    /// The whole header, and the tail.
    All,
}

/// What a length field of zero means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    End,
    Frame,
    Keepalive,
    Error,
}

/// A packet without a payload that pkt-line has besides its frames. See gitprotocol-common(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// `0000`
    Flush,
    /// `0001`
    Delim,
    /// `0002`
    ResponseEnd,
}

impl Control {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Flush, "flush"), (Self::Delim, "delim"), (Self::ResponseEnd, "response-end")];

    /// Its name, as git has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, this)| *this == name).map(|(control, _)| *control)
    }

    pub(super) fn from_length(length: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(length).ok()?).map(|(control, _)| *control)
    }
}

/// A mistake in a SPEC: which part of it, as a range of bytes, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The offending part; empty where something is missing.
    pub at: Range<usize>,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for SpecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for SpecError {}

/// A part of a SPEC and where it stands.
#[derive(Clone, Copy)]
struct Part<'s> {
    text: &'s str,
    at: usize,
}

impl<'s> Part<'s> {
    fn split(self, separator: char) -> impl Iterator<Item = Part<'s>> {
        let mut at = self.at;
        self.text.split(separator).map(move |text| {
            let part = Part { text, at };
            at += text.len() + separator.len_utf8();
            part
        })
    }

    /// What is before the separator, and after it if it is there.
    fn cut(self, separator: char) -> (Part<'s>, Option<Part<'s>>) {
        match self.text.split_once(separator) {
            Some((before, after)) => {
                let after = Part { text: after, at: self.at + before.len() + separator.len_utf8() };
                (Part { text: before, at: self.at }, Some(after))
            }
            None => (self, None),
        }
    }

    fn wrong(self, reason: impl Into<String>) -> SpecError {
        SpecError { at: self.at..self.at + self.text.len(), reason: reason.into() }
    }
}

/// What a format is made of while it is read.
struct Draft {
    header: Header,
    max: Option<u64>,
    zero: Option<Zero>,
    null: bool,
    tail: Vec<u8>,
    /// Where the `dec` stands that has no `sep` yet.
    lacks_sep: Option<Range<usize>>,
}

impl Format {
    /// Reads a SPEC.
    pub fn parse(spec: &str) -> Result<Self, SpecError> {
        let whole = Part { text: spec, at: 0 };
        let (header, options) = whole.cut(',');
        let mut draft = Draft::of_header(header)?;
        if let Some(options) = options {
            draft.apply(options)?;
        }
        if let Some(at) = draft.lacks_sep {
            return Err(SpecError { at, reason: "dec needs the option sep=HEX, the bytes that end its digits".into() });
        }
        let fixed = match &draft.header {
            Header::Fields(fields) => Fixed::of(fields, draft.tail.len()),
            Header::Block => None,
        };
        let format = Self {
            spec: spec.to_owned(),
            fixed,
            header: draft.header,
            tail: draft.tail,
            max: draft.max,
            zero: draft.zero.unwrap_or(Zero::Frame),
            null: draft.null,
        };
        match Encoder::new(&format).field_most() {
            Some((most, overhead)) if overhead > most => Err(header.wrong(format!(
                "no payload fits: the length counts {overhead} bytes without one, and holds at most {most}"
            ))),
            _ => Ok(format),
        }
    }

    /// The SPEC that it was read from.
    #[must_use]
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Overrides the maximum of a payload, in bytes; None lifts it.
    #[must_use]
    pub fn with_max(self, max: Option<u64>) -> Self {
        Self { max, ..self }
    }

    /// The maximum of a payload, in bytes.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.max
    }

    /// Whether frames have a type.
    #[must_use]
    pub fn has_type(&self) -> bool {
        matches!(&self.header, Header::Fields(fields) if fields.contains(&Field::Type))
    }

    /// Whether there is a mark that ends a stream, which is a length of zero.
    #[must_use]
    pub fn has_end(&self) -> bool {
        self.zero == Zero::End
    }

    /// What follows a length of zero that has a meaning of its own: the tail, unless the length counts it and so says that
    /// it is not there.
    pub(super) fn zero_tail(&self) -> &[u8] {
        let counts_all = |field: &Field| matches!(field, Field::Length(_, Counts::All));
        match &self.header {
            Header::Fields(fields) if fields.iter().any(counts_all) => &[],
            _ => &self.tail,
        }
    }

    /// Whether it has control packets.
    pub(super) fn has_control(&self) -> bool {
        self.header.has_control()
    }
}

impl Header {
    /// Whether lengths below 3 are control packets: a `hex4` that counts itself can't need them for frames.
    fn has_control(&self) -> bool {
        let Self::Fields(fields) = self else { return false };
        fields.iter().any(|field| matches!(field, Field::Length(Number::Hex4, Counts::Itself)))
    }
}

impl Draft {
    fn new(header: Header) -> Self {
        Self { header, max: Some(DEFAULT_MAX), zero: None, null: false, tail: Vec::new(), lacks_sep: None }
    }

    fn of_header(header: Part<'_>) -> Result<Self, SpecError> {
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == header.text) else {
            return Self::of_tokens(header);
        };
        if preset.grammar == HEADER_BLOCK {
            return Ok(Self::new(Header::Block));
        }
        let (tokens, options) = Part { text: preset.grammar, at: 0 }.cut(',');
        let mut draft = Self::of_tokens(tokens)?;
        if let Some(options) = options {
            draft.apply(options)?;
        }
        Ok(draft)
    }

    fn of_tokens(tokens: Part<'_>) -> Result<Self, SpecError> {
        let mut draft = Self::new(Header::Block);
        let mut fields: Vec<Field> = Vec::new();
        for token in tokens.split('+') {
            let field = field(token)?;
            let is_length = |field: &Field| matches!(field, Field::Length(..));
            if is_length(&field) && fields.iter().any(is_length) {
                return Err(token.wrong("a second length; a header has one"));
            }
            if field == Field::Type && fields.contains(&field) {
                return Err(token.wrong("a second type; a header has at most one"));
            }
            if matches!(field, Field::Length(Number::Dec(_), _)) {
                draft.lacks_sep = Some(token.at..token.at + token.text.len());
            }
            fields.push(field);
        }
        if !fields.iter().any(|field| matches!(field, Field::Length(..))) {
            return Err(tokens.wrong("no length; a header needs one, such as u32be"));
        }
        draft.header = Header::Fields(fields);
        Ok(draft)
    }

    fn number(&mut self) -> Option<&mut Number> {
        let Header::Fields(fields) = &mut self.header else { return None };
        fields.iter_mut().find_map(|field| match field {
            Field::Length(number, _) => Some(number),
            _ => None,
        })
    }

    fn apply(&mut self, options: Part<'_>) -> Result<(), SpecError> {
        let mut seen: Vec<&str> = Vec::new();
        for option in options.split(',') {
            let (name, value) = option.cut('=');
            if seen.contains(&name.text) {
                return Err(option.wrong(format!("{} is given twice", name.text)));
            }
            seen.push(name.text);
            let known = ["max", "zero", "null", "tail", "sep"].contains(&name.text);
            let value = match value {
                _ if !known => {
                    return Err(name.wrong("unknown option; there are max, zero, null, tail and sep"));
                }
                None => return Err(option.wrong(format!("{0} needs a value: {0}=…", name.text))),
                Some(value) => value,
            };
            match name.text {
                "max" if value.text == "none" => self.max = None,
                "max" => self.max = Some(size::parse(value.text).map_err(|reason| value.wrong(reason))?),
                "zero" if self.header.has_control() => {
                    return Err(option.wrong("a zero of hex4/self is a control packet"));
                }
                "zero" => {
                    self.zero = Some(match value.text {
                        "end" => Zero::End,
                        "frame" => Zero::Frame,
                        "keepalive" => Zero::Keepalive,
                        "error" => Zero::Error,
                        _ => return Err(value.wrong("zero is end, frame, keepalive or error")),
                    });
                }
                "null" => match self.number() {
                    _ if value.text != "-1" => return Err(value.wrong("null can only be -1")),
                    Some(Number::Binary { signed: true, .. }) => self.null = true,
                    _ => return Err(option.wrong("only a length that can be negative (i32be, i32le, i32ne) has null")),
                },
                "tail" => self.tail = hex(value)?,
                _ => match self.number() {
                    Some(Number::Dec(sep)) => {
                        *sep = hex(value)?;
                        if sep[0].is_ascii_digit() {
                            return Err(value.wrong("a digit can't end digits"));
                        }
                        self.lacks_sep = None;
                    }
                    _ => return Err(option.wrong("only dec has sep")),
                },
            }
        }
        Ok(())
    }
}

/// How many of the fields are there where the length is zero and has a meaning of its own: a length that counts what
/// follows it says that nothing does.
pub(super) fn zero_fields(fields: &[Field]) -> usize {
    let counting = |field: &Field| matches!(field, Field::Length(_, counts) if *counts != Counts::Body);
    fields.iter().position(counting).map_or(fields.len(), |at| at + 1)
}

/// Reads one token.
fn field(token: Part<'_>) -> Result<Field, SpecError> {
    if token.text == "type" {
        return Ok(Field::Type);
    }
    if let Some(count) = token.text.strip_prefix("pad") {
        return match count.parse() {
            Ok(count @ 1..=255) => Ok(Field::Pad(count)),
            _ => Err(token.wrong("pad needs a number of bytes from 1 to 255, as in pad3")),
        };
    }
    if let (Part { text: "magic", .. }, Some(value)) = token.cut('=') {
        return Ok(Field::Magic(hex(value)?));
    }
    let (number, counts) = token.cut('/');
    let number = length(number)?;
    let counts = match counts.map(|part| (part.text, part)) {
        None | Some(("rest", _)) => Counts::Rest,
        Some(("body", _)) => Counts::Body,
        Some(("self", _)) => Counts::Itself,
        Some(("all", _)) => Counts::All,
        Some((_, part)) => return Err(part.wrong("a length counts rest, body, self or all")),
    };
    Ok(Field::Length(number, counts))
}

/// Reads the LENGTH of a token.
fn length(part: Part<'_>) -> Result<Number, SpecError> {
    match part.text {
        "u8" => return Ok(Number::Binary { width: 1, big: true, signed: false }),
        "varint" => return Ok(Number::Varint),
        "hex4" => return Ok(Number::Hex4),
        "dec" => return Ok(Number::Dec(Vec::new())),
        _ => {}
    }
    for (name, width, signed) in
        [("u16", 2, false), ("u24", 3, false), ("u32", 4, false), ("u64", 8, false), ("i32", 4, true)]
    {
        let Some(order) = part.text.strip_prefix(name) else { continue };
        let big = match order {
            "be" => true,
            "le" => false,
            "ne" => cfg!(target_endian = "big"),
            "" => return Err(part.wrong(format!("{name} needs its byte order: {name}be, {name}le or {name}ne"))),
            _ => break,
        };
        return Ok(Number::Binary { width, big, signed });
    }
    if part.text.is_empty() {
        return Err(part.wrong("a token is missing here"));
    }
    if PRESETS.iter().any(|preset| preset.name == part.text) {
        return Err(part.wrong("a preset is a whole format; only options can follow it"));
    }
    Err(part.wrong(
        "no such token or preset; tokens are a length (u8, u16be, u24be, u32be, u64be, i32be, their le and ne, varint, \
         hex4, dec), type, padN and magic=HEX",
    ))
}

/// Reads 1 to 16 bytes in hexadecimal.
fn hex(part: Part<'_>) -> Result<Vec<u8>, SpecError> {
    let wrong = || part.wrong("needs 1 to 16 bytes in hexadecimal, as in 0d0a");
    let text = part.text.as_bytes();
    if text.is_empty() || text.len() > 32 || text.len() % 2 != 0 {
        return Err(wrong());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks_exact(2)
        .map(|pair| digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or_else(wrong))
        .collect()
}
