//! Headers of a fixed size as one number: written with one store, read and checked with one load.

use super::spec::{Counts, Field, Number};

/// The most bytes of a header that is handled so.
pub(super) const MOST: usize = 16;

/// A header of a fixed size, of at most [`MOST`] bytes. Numbers are little-endian: the first byte is the lowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    /// Its size in bytes.
    pub(super) size: usize,
    /// What the length field counts besides the payload, in bytes.
    pub(super) overhead: u64,
    /// The largest number that the length field holds.
    pub(super) most: u64,
    /// The bits of padding and magic.
    mask: u128,
    /// What they have to be.
    bits: u128,
    /// Where the length field begins, in bits, and its width.
    at: usize,
    width: usize,
    big: bool,
    /// Where the type is, in bits.
    type_at: Option<usize>,
}

impl Fixed {
    /// The header of these fields, with a tail of that many bytes, if it is one of these.
    pub(super) fn of(fields: &[Field], tail: usize) -> Option<Self> {
        let size = fields.iter().try_fold(0, |size, field| Some(size + width(field)?)).filter(|size| *size <= MOST)?;
        let mut fixed =
            Self { size, overhead: 0, most: 0, mask: 0, bits: 0, at: 0, width: 0, big: false, type_at: None };
        let mut at = 0;
        for field in fields {
            let width = width(field)?;
            let bits = |bytes: &[u8]| bytes.iter().rev().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
            match field {
                Field::Length(number, counts) => {
                    let &Number::Binary { big, signed, .. } = number else { return None };
                    fixed.overhead = overhead(*counts, at, width, size - at - width, tail);
                    fixed.most = u64::MAX >> (64 - 8 * width) >> u32::from(signed);
                    (fixed.at, fixed.width, fixed.big) = (at * 8, width, big);
                }
                Field::Type => fixed.type_at = Some(at * 8),
                Field::Pad(_) => fixed.mask |= ones(width) << (at * 8),
                Field::Magic(magic) => {
                    fixed.mask |= ones(width) << (at * 8);
                    fixed.bits |= bits(magic) << (at * 8);
                }
            }
            at += width;
        }
        Some(fixed)
    }

    /// The number in the length field, with its sign bit as any other; None where padding or magic are not as they
    /// should be.
    #[inline]
    pub(super) fn length(&self, header: u128) -> Option<u64> {
        if header & self.mask != self.bits {
            return None;
        }
        let unused = 64 - 8 * self.width;
        // The low 64 bits are what is wanted.
        #[allow(clippy::cast_possible_truncation)]
        let field = (header >> self.at) as u64;
        Some(if self.big { field.swap_bytes() >> unused } else { field << unused >> unused })
    }

    /// The type in a header.
    #[inline]
    pub(super) fn kind(&self, header: u128) -> Option<u8> {
        // The low 8 bits are what is wanted.
        #[allow(clippy::cast_possible_truncation)]
        self.type_at.map(|at| (header >> at) as u8)
    }

    /// A header with this number, at most `most`, in the length field.
    #[inline]
    pub(super) fn header(&self, length: u64, kind: u8) -> u128 {
        let unused = 64 - 8 * self.width;
        let field = if self.big { (length << unused).swap_bytes() } else { length };
        let kind = self.type_at.map_or(0, |at| u128::from(kind) << at);
        self.bits | u128::from(field) << self.at | kind
    }
}

fn ones(width: usize) -> u128 {
    u128::MAX >> (128 - 8 * width)
}

/// What a length field counts besides the payload, where `before` bytes of header come before it and `after` after it.
pub(super) fn overhead(counts: Counts, before: usize, width: usize, after: usize, tail: usize) -> u64 {
    let counted = match counts {
        Counts::Body => 0,
        Counts::Rest => after,
        Counts::Itself => width + after,
        Counts::All => before + width + after + tail,
    };
    counted as u64
}

/// The size of a field in bytes, where it is always the same.
pub(super) fn width(field: &Field) -> Option<usize> {
    match field {
        Field::Length(Number::Binary { width, .. }, _) => Some(*width),
        Field::Length(Number::Hex4, _) => Some(4),
        Field::Length(Number::Varint | Number::Dec(_), _) => None,
        Field::Type => Some(1),
        Field::Pad(count) => Some(*count),
        Field::Magic(magic) => Some(magic.len()),
    }
}
