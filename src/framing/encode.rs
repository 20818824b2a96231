//! From payloads to frames.

use super::fault::Bytes;
use super::layout::{self, overhead};
use super::spec::{Control, Counts, Field, Format, Header, Number, Zero, zero_fields};

/// Makes frames of a format.
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'f> {
    format: &'f Format,
}

/// Records of fewer bytes are framed faster by [`Encoder::short`].
pub const SHORT: usize = 32;

/// Why a payload can't be framed. Nothing was written of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is longer than the format's maximum, in bytes.
    OverMaximum(u64),
    /// It is longer than the length field can say, in bytes.
    TooLong(u64),
    /// Its length would be zero, which the format keeps for something else.
    Zero,
    /// The format has no null.
    NoNull,
    /// The format has no control packets.
    NoControl,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OverMaximum(max) => write!(f, "longer than the maximum of {}", Bytes(*max)),
            Self::TooLong(most) => write!(f, "longer than the {} that the length field can say", Bytes(*most)),
            Self::Zero => f.write_str("a length of zero has another meaning in this format"),
            Self::NoNull => f.write_str("this format has no null"),
            Self::NoControl => f.write_str("this format has no control packets"),
        }
    }
}

impl<'f> Encoder<'f> {
    /// An encoder for `format`.
    #[must_use]
    pub fn new(format: &'f Format) -> Self {
        Self { format }
    }

    /// Appends a whole frame to `out`. Formats without a type ignore `kind`.
    #[inline]
    pub fn frame(self, kind: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misfit> {
        self.header(kind, payload.len() as u64, out)?;
        out.extend_from_slice(payload);
        if !self.format.tail.is_empty() {
            out.extend_from_slice(&self.format.tail);
        }
        Ok(())
    }

    /// Appends frames of the records at the head of `bytes`, each of which ends with `delimiter`, as [`Self::frame`] does:
    /// as long as they are shorter than [`SHORT`] and `out` has fewer than `most` bytes. Returns how many there were, and how
    /// many bytes they took; what can't be framed is left, as are formats whose headers have no fixed size.
    pub fn short(self, kind: u8, delimiter: u8, bytes: &[u8], most: usize, out: &mut Vec<u8>) -> (u64, usize) {
        let Some(fixed) = &self.format.fixed else { return (0, 0) };
        let mut headers = [None; SHORT];
        for (length, header) in (0..).zip(&mut headers) {
            *header = self.fixed_header(kind, length);
        }
        let tail = &self.format.tail;
        let (mut count, mut start) = (0, 0);
        while let Some(head) = bytes[start..].first_chunk::<SHORT>().filter(|_| out.len() < most) {
            let Some(length) = position(head, delimiter) else { break };
            let Some(header) = &headers[length] else { break };
            push_some(out, header, fixed.size);
            push_some(out, head, length);
            if !tail.is_empty() {
                out.extend_from_slice(tail);
            }
            start += length + 1;
            count += 1;
        }
        (count, start)
    }

    /// The header for a payload, and what is too much of 16 bytes, where it has a fixed size and room for the length.
    #[inline]
    fn fixed_header(self, kind: u8, length: u64) -> Option<[u8; layout::MOST]> {
        let fixed = self.format.fixed.as_ref()?;
        // A sum that wraps is below the overhead; so is none that doesn't.
        let field = length.wrapping_add(fixed.overhead);
        let fits = field >= fixed.overhead && field <= fixed.most && self.format.max.is_none_or(|max| length <= max);
        let fits = fits && (field > 0 || self.format.zero == Zero::Frame);
        fits.then(|| fixed.header(field, kind).to_le_bytes())
    }

    /// Appends the header for a payload of `length` bytes to `out`; the payload and [`Self::tail`] are to follow.
    #[inline]
    pub fn header(self, kind: u8, length: u64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if let (Some(fixed), Some(header)) = (&self.format.fixed, self.fixed_header(kind, length)) {
            push_some(out, &header, fixed.size);
            return Ok(());
        }
        self.any_header(kind, length, out)
    }

    /// What ends a frame after its payload.
    #[must_use]
    pub fn tail(self) -> &'f [u8] {
        &self.format.tail
    }

    /// The longest payload that the format has room for, in bytes.
    #[must_use]
    pub fn payload_most(self) -> u64 {
        let most = self.field_most().map_or(u64::MAX, |(most, overhead)| most - overhead.min(most));
        self.format.max.map_or(most, |max| max.min(most))
    }

    /// Appends a null instead of a frame.
    pub fn null(self, kind: u8, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let Header::Fields(fields) = &self.format.header else { return Err(Misfit::NoNull) };
        if !self.format.null {
            return Err(Misfit::NoNull);
        }
        write_fields(fields, kind, u64::from(u32::MAX), out);
        Ok(())
    }

    /// Appends the mark that ends a stream, a length of zero; false where the format has none.
    pub fn end(self, kind: u8, out: &mut Vec<u8>) -> bool {
        if self.format.zero != Zero::End {
            return false;
        }
        match &self.format.header {
            Header::Fields(fields) => write_fields(&fields[..zero_fields(fields)], kind, 0, out),
            Header::Block => write_block(0, out),
        }
        out.extend_from_slice(self.format.zero_tail());
        true
    }

    /// Appends a control packet.
    pub fn control(self, control: Control, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !self.format.has_control() {
            return Err(Misfit::NoControl);
        }
        let Header::Fields(fields) = &self.format.header else { return Err(Misfit::NoControl) };
        // Its length counts nothing: what a frame has after its own is not there.
        write_fields(&fields[..zero_fields(fields)], 0, control as u64, out);
        Ok(())
    }

    fn any_header(self, kind: u8, length: u64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if let Some(max) = self.format.max.filter(|max| length > *max) {
            return Err(Misfit::OverMaximum(max));
        }
        let Header::Fields(fields) = &self.format.header else {
            if length == 0 && self.format.zero != Zero::Frame {
                return Err(Misfit::Zero);
            }
            write_block(length, out);
            return Ok(());
        };
        let Some((most, overhead)) = self.field_most() else { return Err(Misfit::Zero) };
        let field = match length.checked_add(overhead).filter(|field| *field <= most) {
            Some(field) => self.with_own_width(field),
            None => return Err(Misfit::TooLong(most - overhead.min(most))),
        };
        if field == 0 && self.format.zero != Zero::Frame {
            return Err(Misfit::Zero);
        }
        write_fields(fields, kind, field, out);
        Ok(())
    }

    /// The largest number that the length field holds, and what it counts besides the payload and, where its own size
    /// depends on the number, itself.
    pub(super) fn field_most(self) -> Option<(u64, u64)> {
        let Header::Fields(fields) = &self.format.header else { return None };
        let at = fields.iter().position(|field| matches!(field, Field::Length(..)))?;
        let sum = |fields: &[Field]| fields.iter().filter_map(layout::width).sum::<usize>();
        let Field::Length(number, counts) = &fields[at] else { return None };
        let (most, width) = match number {
            Number::Binary { width, signed, .. } => (u64::MAX >> (64 - 8 * width) >> u32::from(*signed), *width),
            Number::Hex4 => (0xffff, 4),
            // Room is left for what a number of that size counts of itself.
            Number::Varint => (u64::MAX - 10, 0),
            Number::Dec(sep) => (u64::MAX - 20, sep.len()),
        };
        Some((most, overhead(*counts, sum(&fields[..at]), width, sum(&fields[at + 1..]), self.format.tail.len())))
    }

    /// Adds to a length field's number its own size, where it counts that and the size depends on the number.
    fn with_own_width(self, field: u64) -> u64 {
        let Header::Fields(fields) = &self.format.header else { return field };
        let digits: fn(u64) -> u64 = match fields.iter().find(|field| matches!(field, Field::Length(..))) {
            Some(Field::Length(Number::Varint, Counts::Itself | Counts::All)) => {
                |number| u64::from((64 - (number | 1).leading_zeros()).div_ceil(7))
            }
            Some(Field::Length(Number::Dec(_), Counts::Itself | Counts::All)) => {
                |number| u64::from(number.checked_ilog10().unwrap_or(0)) + 1
            }
            _ => return field,
        };
        // Adding the size can make the number one digit longer, and never more than that.
        let with = field + digits(field);
        if digits(with) == digits(field) { with } else { field + digits(with) }
    }
}

/// Appends the first `count` of some bytes: all of them, whose number the compiler knows, and what is too much taken back.
#[inline]
fn push_some<const N: usize>(out: &mut Vec<u8>, bytes: &[u8; N], count: usize) {
    let end = out.len() + count;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

/// Where a byte is first: sixteen are looked at in one number.
#[inline]
fn position(bytes: &[u8; SHORT], wanted: u8) -> Option<usize> {
    const ONES: u128 = u128::MAX / 0xff;
    let first = |start: usize| {
        let half = u128::from_le_bytes(std::array::from_fn(|at| bytes[start + at]));
        let unlike = half ^ (ONES * u128::from(wanted));
        // The highest bit of every byte that is zero, and of some above the first of them.
        let zero = unlike.wrapping_sub(ONES) & !unlike & (ONES << 7);
        (zero != 0).then_some(start + zero.trailing_zeros() as usize / 8)
    };
    first(0).or_else(|| first(SHORT / 2))
}

/// Appends a header block.
fn write_block(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
}

/// Appends header fields with this type and this number in the length field.
#[allow(clippy::cast_possible_truncation)] // A varint's digits are of 7 bits.
fn write_fields(fields: &[Field], kind: u8, length: u64, out: &mut Vec<u8>) {
    for field in fields {
        match field {
            Field::Type => out.push(kind),
            Field::Pad(count) => out.resize(out.len() + count, 0),
            Field::Magic(magic) => out.extend_from_slice(magic),
            Field::Length(Number::Binary { width, big: true, .. }, _) => {
                out.extend_from_slice(&length.to_be_bytes()[8 - width..]);
            }
            Field::Length(Number::Binary { width, big: false, .. }, _) => {
                out.extend_from_slice(&length.to_le_bytes()[..*width]);
            }
            Field::Length(Number::Hex4, _) => out.extend_from_slice(format!("{length:04x}").as_bytes()),
            Field::Length(Number::Dec(sep), _) => {
                out.extend_from_slice(length.to_string().as_bytes());
                out.extend_from_slice(sep);
            }
            Field::Length(Number::Varint, _) => {
                let mut left = length;
                while left >= 0x80 {
                    out.push(0x80 | (left & 0x7f) as u8);
                    left >>= 7;
                }
                out.push(left as u8);
            }
        }
    }
}
