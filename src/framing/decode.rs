//! From a stream of bytes to frames.

use memchr::memmem;

use super::fault::{BLOCK_MOST, Fault, Mistake};
use super::layout::{self, Fixed, MOST, overhead};
use super::spec::{Control, Field, Format, Header, Number, Zero, zero_fields};

/// What is known of a frame once its header has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where the frame begins in the stream, in bytes.
    pub offset: u64,
    /// The size of the header, in bytes.
    pub header: usize,
    /// The length of the payload, in bytes.
    pub length: u64,
    /// The type, where the format has one.
    pub kind: Option<u8>,
    /// It is a null, which has no payload.
    pub null: bool,
    /// It is a control packet, which has no payload.
    pub control: Option<Control>,
}

/// A frame with its whole payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'i> {
    /// What its header said.
    pub head: Head,
    /// Its payload.
    pub payload: &'i [u8],
}

/// What comes next in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'i> {
    /// Nothing yet: at least this many bytes are needed, those that were given and not taken among them.
    Need(usize),
    /// A whole frame.
    Frame(Frame<'i>),
    /// The header of a frame that comes in parts, as it is larger than the decoder was to wait for.
    Begin(Head),
    /// A part of the payload, at least a byte. See [`Decoder::left`] for another way to take the rest.
    Part(&'i [u8]),
    /// The end of a frame that came in parts.
    Finish,
    /// The header of a frame that is over the maximum, where those are to be skipped; nothing more comes of it.
    Oversize(Head),
    /// The mark that ends the stream. Nothing follows.
    End,
}

/// Where a decoder is in its stream.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Between frames, or in a header.
    Head,
    /// In a payload that comes in parts, or that is passed over.
    Payload { head: Head, left: u64, skipped: bool },
    /// After the mark that ends the stream.
    Ended,
}

/// What the bytes at the head of a stream are.
enum Parsed {
    /// Too few of them.
    Need(usize),
    /// A header, checked.
    Head(Head),
    /// A header of a frame that is over the maximum, which is this.
    Oversize(Head, u64),
    /// A length of zero that means nothing, after so many bytes.
    Keepalive(usize),
    /// The mark that ends the stream, of so many bytes.
    End(usize),
}

/// Finds the frames in a stream.
///
/// Feed it with [`Decoder::next`] whatever has come, and again with what it left and what came since. It never asks for
/// memory, and never believes a length before it was checked.
#[derive(Clone, Debug)]
pub struct Decoder<'f> {
    format: &'f Format,
    /// Frames of up to this size, in bytes, are waited for.
    whole: usize,
    skip_oversize: bool,
    /// The longest payload that needs no second look.
    plain_most: u64,
    /// Where the next frame begins, in bytes.
    offset: u64,
    place: Place,
}

impl<'f> Decoder<'f> {
    /// A decoder for `format`. Frames of up to `whole` bytes come in one piece, for which the caller has to give that
    /// many bytes at once; larger ones may come in parts.
    #[must_use]
    pub fn new(format: &'f Format, whole: usize) -> Self {
        let plain_most = format.max.unwrap_or(u64::MAX).min(1 << 40);
        Self { format, whole, skip_oversize: false, plain_most, offset: 0, place: Place::Head }
    }

    /// Passes over frames that are over the maximum instead of failing.
    #[must_use]
    pub fn skip_oversize(self, skip: bool) -> Self {
        Self { skip_oversize: skip, ..self }
    }

    /// Takes the next piece from the head of `input`.
    #[inline]
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<'i>, Fault> {
        if let (Place::Head, Some(fixed)) = (self.place, &self.format.fixed) {
            if let Some(frame) = self.plain_frame(fixed, input) {
                return Ok(Next::Frame(frame));
            }
        }
        self.any_next(input)
    }

    /// What is left of the payload that comes in parts, in bytes; [`Decoder::pass`] tells that it went another way.
    #[must_use]
    pub fn left(&self) -> u64 {
        match self.place {
            Place::Payload { left, skipped: false, .. } => left,
            _ => 0,
        }
    }

    /// Notes that `count` bytes of what is left went another way.
    pub fn pass(&mut self, count: u64) {
        if let Place::Payload { left, .. } = &mut self.place {
            *left = left.saturating_sub(count);
        }
    }

    /// Whether the stream may end here, with `rest` left, for which [`Decoder::next`] needed more.
    pub fn finish(&self, rest: &[u8]) -> Result<(), Fault> {
        let cut = |offset, promised: u64, there: u64| {
            let mistake = if there < promised { Mistake::PayloadCut { promised, there } } else { Mistake::TailCut };
            Err(Fault { offset, mistake })
        };
        match self.place {
            Place::Payload { head, left, .. } => cut(head.offset, head.length, head.length - left),
            Place::Head if !rest.is_empty() => match self.parse(rest) {
                Ok(Parsed::Head(head) | Parsed::Oversize(head, _)) => {
                    cut(head.offset, head.length, (rest.len() - head.header) as u64)
                }
                Err(fault) => Err(fault),
                Ok(_) => Err(self.fault(Mistake::HeaderCut { there: rest.len() })),
            },
            Place::Head | Place::Ended => Ok(()),
        }
    }

    /// A whole frame with nothing unusual about it, in few instructions; None says nothing.
    #[inline]
    fn plain_frame<'i>(&mut self, fixed: &Fixed, input: &mut &'i [u8]) -> Option<Frame<'i>> {
        let header = u128::from_le_bytes(*input.first_chunk::<MOST>()?);
        let field = fixed.length(header)?;
        // Too small a number becomes a large one here.
        let length = field.wrapping_sub(fixed.overhead);
        if length > self.plain_most || field == 0 || field > fixed.most {
            return None;
        }
        // Below 2^41, so no sum wraps, whatever the width of usize.
        let end = usize::try_from(length).ok()?.checked_add(fixed.size)?;
        let frame = input.get(..end)?;
        let tail = &self.format.tail[..];
        if !tail.is_empty() && !input[end..].starts_with(tail) {
            return None;
        }
        let offset = self.offset;
        self.offset += (end + tail.len()) as u64;
        *input = &input[end + tail.len()..];
        let head = Head { offset, header: fixed.size, length, kind: fixed.kind(header), null: false, control: None };
        Some(Frame { head, payload: &frame[fixed.size..] })
    }

    fn any_next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<'i>, Fault> {
        loop {
            match self.place {
                Place::Ended => return Ok(Next::End),
                Place::Payload { head, left, skipped } => {
                    if left > 0 {
                        let there = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                        if there == 0 {
                            return Ok(Next::Need(1));
                        }
                        let part = take(input, there);
                        self.place = Place::Payload { head, left: left - there as u64, skipped };
                        if skipped {
                            continue;
                        }
                        return Ok(Next::Part(part));
                    }
                    let tail = self.format.tail.len();
                    if !self.tail_is_right(head.offset, input)? {
                        return Ok(Next::Need(tail));
                    }
                    take(input, tail);
                    self.advance(head.header as u64 + head.length + tail as u64);
                    if !skipped {
                        return Ok(Next::Finish);
                    }
                }
                Place::Head => match self.parse(input)? {
                    Parsed::Need(count) => return Ok(Next::Need(count)),
                    Parsed::Keepalive(count) => {
                        take(input, count);
                        self.advance(count as u64);
                    }
                    Parsed::End(count) => {
                        take(input, count);
                        self.place = Place::Ended;
                    }
                    Parsed::Oversize(head, max) => {
                        let promised = head.length;
                        if !self.skip_oversize {
                            return Err(self.fault(Mistake::Oversize { promised, max }));
                        }
                        take(input, head.header);
                        self.place = Place::Payload { head, left: head.length, skipped: true };
                        return Ok(Next::Oversize(head));
                    }
                    Parsed::Head(head) => {
                        let bare = head.null || head.control.is_some();
                        let tail = if bare { 0 } else { self.format.tail.len() };
                        let size = usize::try_from(head.length).unwrap_or(usize::MAX);
                        let size = size.saturating_add(head.header + tail);
                        if size <= input.len() {
                            let payload = &input[head.header..size - tail];
                            if !bare {
                                self.tail_is_right(head.offset, &input[size - tail..])?;
                            }
                            take(input, size);
                            self.advance(size as u64);
                            return Ok(Next::Frame(Frame { head, payload }));
                        }
                        if size <= self.whole {
                            // A tail that is wrong already is not waited for.
                            self.tail_is_right(head.offset, input.get(size - tail..).unwrap_or_default())?;
                            return Ok(Next::Need(size));
                        }
                        take(input, head.header);
                        self.place = Place::Payload { head, left: head.length, skipped: false };
                        return Ok(Next::Begin(head));
                    }
                },
            }
        }
    }

    fn fault(&self, mistake: Mistake) -> Fault {
        Fault { offset: self.offset, mistake }
    }

    fn advance(&mut self, count: u64) {
        self.offset = self.offset.saturating_add(count);
        self.place = Place::Head;
    }

    /// Whether the tail is at the head of `input`; false where that is still open.
    fn tail_is_right(&self, offset: u64, input: &[u8]) -> Result<bool, Fault> {
        starts(input, &self.format.tail).map_err(|found| Fault { offset, mistake: Mistake::Tail(found) })
    }

    /// Reads a header.
    fn parse(&self, input: &[u8]) -> Result<Parsed, Fault> {
        match &self.format.header {
            Header::Block => self.parse_block(input),
            Header::Fields(fields) => self.parse_fields(fields, input),
        }
    }

    fn parse_fields(&self, fields: &[Field], input: &[u8]) -> Result<Parsed, Fault> {
        let mut head = Head { offset: self.offset, header: 0, length: 0, kind: None, null: false, control: None };
        for (index, field) in fields.iter().enumerate() {
            let (before, rest) = input.split_at(head.header);
            head.header += match field {
                Field::Length(number, counts) => {
                    let (number, width) = match self.number(number, rest)? {
                        Numeral::Need(count) => return Ok(Parsed::Need(before.len() + count)),
                        Numeral::Is(number, width) => (number, width),
                        Numeral::Null(width) => {
                            head.null = true;
                            head.header += width;
                            continue;
                        }
                    };
                    let after = |fields: &[Field]| fields.iter().filter_map(layout::width).sum::<usize>();
                    if let Some(control) = Control::from_length(number).filter(|_| self.format.has_control()) {
                        head.header += width;
                        head.control = Some(control);
                        return Ok(Parsed::Head(head));
                    }
                    if number == 0 && self.format.zero != Zero::Frame {
                        let header = head.header + width + after(&fields[index + 1..zero_fields(fields)]);
                        return self.zero(header, input);
                    }
                    let tail = self.format.tail.len();
                    let least = overhead(*counts, before.len(), width, after(&fields[index + 1..]), tail);
                    let below = || self.fault(Mistake::Below { length: number, least });
                    head.length = number.checked_sub(least).ok_or_else(below)?;
                    width
                }
                Field::Type => {
                    head.kind = rest.first().copied();
                    1
                }
                Field::Pad(count) => {
                    let there = &rest[..rest.len().min(*count)];
                    if let Some(byte) = there.iter().find(|byte| **byte != 0) {
                        return Err(self.fault(Mistake::Padding(*byte)));
                    }
                    *count
                }
                Field::Magic(magic) => {
                    starts(rest, magic).map_err(|found| self.fault(Mistake::Magic(found)))?;
                    magic.len()
                }
            };
            if input.len() < head.header {
                return Ok(Parsed::Need(head.header));
            }
        }
        Ok(self.judge(head))
    }

    /// What a length of zero means that is not a frame's, in a header of that size.
    fn zero(&self, header: usize, input: &[u8]) -> Result<Parsed, Fault> {
        let tail = self.format.zero_tail();
        let size = header + tail.len();
        let there = input.get(header..).unwrap_or_default();
        match self.format.zero {
            Zero::Error | Zero::Frame => Err(self.fault(Mistake::Zero)),
            _ if !starts(there, tail).map_err(|found| self.fault(Mistake::Tail(found)))? || input.len() < header => {
                Ok(Parsed::Need(if input.len() < header { header } else { size }))
            }
            Zero::Keepalive => Ok(Parsed::Keepalive(size)),
            Zero::End => Ok(Parsed::End(size)),
        }
    }

    /// Checks a length against the maximum.
    fn judge(&self, head: Head) -> Parsed {
        match self.format.max.filter(|max| head.length > *max) {
            Some(max) => Parsed::Oversize(head, max),
            None => Parsed::Head(head),
        }
    }

    /// Reads a length field at the head of `input`.
    fn number(&self, number: &Number, input: &[u8]) -> Result<Numeral, Fault> {
        match number {
            Number::Binary { width, big, signed } => {
                let Some(bytes) = input.get(..*width) else { return Ok(Numeral::Need(*width)) };
                let digit = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
                let value = if *big { bytes.iter().fold(0, digit) } else { bytes.iter().rev().fold(0, digit) };
                if *signed && value >> (8 * width - 1) == 1 {
                    // Two's complement: what is missing to the next power.
                    let below = (1_i128 << (8 * width)) - i128::from(value);
                    if below == 1 && self.format.null {
                        return Ok(Numeral::Null(*width));
                    }
                    return Err(self.fault(Mistake::Negative(i64::try_from(-below).unwrap_or(i64::MIN))));
                }
                Ok(Numeral::Is(value, *width))
            }
            Number::Varint => {
                let mut value = 0_u64;
                for (index, byte) in input.iter().take(10).enumerate() {
                    let digit = u64::from(byte & 0x7f);
                    if index == 9 && digit > 1 {
                        return Err(self.fault(Mistake::TooLong));
                    }
                    value |= digit << (7 * index);
                    if byte & 0x80 == 0 {
                        if digit == 0 && index > 0 {
                            return Err(self.fault(Mistake::NotShortest));
                        }
                        return Ok(Numeral::Is(value, index + 1));
                    }
                }
                if input.len() >= 10 { Err(self.fault(Mistake::TooLong)) } else { Ok(Numeral::Need(input.len() + 1)) }
            }
            Number::Hex4 => {
                let there = &input[..input.len().min(4)];
                if let Some(byte) = there.iter().find(|byte| !byte.is_ascii_hexdigit()) {
                    return Err(self.fault(Mistake::Digit(*byte)));
                }
                if there.len() < 4 {
                    return Ok(Numeral::Need(4));
                }
                let digit = |byte: &u8| u64::from(char::from(*byte).to_digit(16).unwrap_or(0));
                Ok(Numeral::Is(there.iter().fold(0, |value, byte| value << 4 | digit(byte)), 4))
            }
            Number::Dec(sep) => {
                let digits = input.iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits > 1 && input[0] == b'0' {
                    return Err(self.fault(Mistake::LeadingZero));
                }
                let mut value = 0_u64;
                for byte in &input[..digits] {
                    let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
                    value = next.ok_or_else(|| self.fault(Mistake::TooLong))?;
                }
                let there = &input[digits..input.len().min(digits + sep.len())];
                if (digits == 0 && !there.is_empty()) || !sep.starts_with(there) {
                    return Err(self.fault(Mistake::Digit(there[0])));
                }
                let width = digits + sep.len();
                if digits > 0 && there.len() == sep.len() {
                    return Ok(Numeral::Is(value, width));
                }
                Ok(Numeral::Need(if there.is_empty() { digits + 1 } else { width }))
            }
        }
    }

    /// Reads a header block.
    fn parse_block(&self, input: &[u8]) -> Result<Parsed, Fault> {
        let most = &input[..input.len().min(BLOCK_MOST)];
        let Some(end) = memmem::find(most, b"\r\n\r\n") else {
            if most.len() == BLOCK_MOST {
                return Err(self.fault(Mistake::BlockTooLong));
            }
            // What is there may be a part of the end already.
            let part = (1..4).rev().find(|part| most.ends_with(&b"\r\n\r\n"[..*part])).unwrap_or(0);
            return Ok(Parsed::Need(input.len() + 4 - part));
        };
        let mut lengths = 0;
        let mut length = 0;
        let mut lines = &most[..end];
        while !lines.is_empty() {
            let line = &lines[..memmem::find(lines, b"\r\n").unwrap_or(lines.len())];
            lines = lines.get(line.len() + 2..).unwrap_or_default();
            let Some(colon) = memchr::memchr(b':', line) else { return Err(self.fault(Mistake::NoColon)) };
            if !line[..colon].trim_ascii().eq_ignore_ascii_case(b"Content-Length") {
                continue;
            }
            lengths += 1;
            let value = trim_blanks(&line[colon + 1..]);
            if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                return Err(self.fault(Mistake::NotNumber));
            }
            if value.len() > 1 && value[0] == b'0' {
                return Err(self.fault(Mistake::LeadingZero));
            }
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            length = number.ok_or_else(|| self.fault(Mistake::TooLong))?;
        }
        if lengths != 1 {
            return Err(self.fault(Mistake::ContentLengths(lengths)));
        }
        if length == 0 && self.format.zero != Zero::Frame {
            return self.zero(end + 4, input);
        }
        Ok(self.judge(Head { offset: self.offset, header: end + 4, length, kind: None, null: false, control: None }))
    }
}

/// The bytes less the spaces and tabs around them.
fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// A length field.
enum Numeral {
    /// At least this many bytes of it are needed.
    Need(usize),
    /// The number, and the field's size in bytes.
    Is(u64, usize),
    /// A null, and the field's size in bytes.
    Null(usize),
}

/// Whether `input` starts with `wanted`; false where it ends too early to tell. The error is what is there instead, up to
/// the first byte that is wrong.
fn starts(input: &[u8], wanted: &[u8]) -> Result<bool, Vec<u8>> {
    match input.iter().zip(wanted).position(|(found, wanted)| found != wanted) {
        Some(wrong) => Err(input[..=wrong].to_owned()),
        None => Ok(input.len() >= wanted.len()),
    }
}

fn take<'i>(input: &mut &'i [u8], count: usize) -> &'i [u8] {
    let (taken, rest) = input.split_at(count);
    *input = rest;
    taken
}
