//! What can be wrong with a frame in a stream, and the words for it.

/// The most bytes of a header block.
pub(super) const BLOCK_MOST: usize = 8192;

/// A mistake in a stream. Nothing can be said of what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the frame begins in the stream, in bytes.
    pub offset: u64,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The input ends inside the header.
    HeaderCut {
        /// The bytes that are there.
        there: usize,
    },
    /// The input ends inside the payload. In bytes.
    PayloadCut {
        /// What the header promised.
        promised: u64,
        /// What is there.
        there: u64,
    },
    /// The input ends where the tail should be.
    TailCut,
    /// The payload is over the maximum. In bytes.
    Oversize {
        /// What the header promised.
        promised: u64,
        /// The maximum.
        max: u64,
    },
    /// The length is below what it counts of the header (and the tail) alone. In bytes.
    Below {
        /// The length.
        length: u64,
        /// What it has to be at least.
        least: u64,
    },
    /// The length is negative, and no null.
    Negative(i64),
    /// The length is zero, which the format has for an error.
    Zero,
    /// A byte of padding is not zero.
    Padding(u8),
    /// Other bytes than the format's magic.
    Magic(Vec<u8>),
    /// Other bytes than the format's tail.
    Tail(Vec<u8>),
    /// A byte that is no digit where a length should be.
    Digit(u8),
    /// A zero before other digits.
    LeadingZero,
    /// A number that doesn't fit into 64 bits.
    TooLong,
    /// A varint with bytes that add nothing.
    NotShortest,
    /// A header block of more than 8192 bytes.
    BlockTooLong,
    /// A line of a header block without a colon.
    NoColon,
    /// A header block without Content-Length, or with two.
    ContentLengths(usize),
    /// A Content-Length that is no number.
    NotNumber,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "frame at byte {}: {}", self.offset, self.mistake)
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HeaderCut { there } => {
                write!(f, "truncated: the input ends after {} of the header", Bytes(*there as u64))
            }
            Self::PayloadCut { promised, there } => {
                let s = if *there == 1 { "s" } else { "" };
                write!(f, "truncated: header promises {}, {there} follow{s}", Bytes(*promised))
            }
            Self::TailCut => f.write_str("truncated: the payload is there, what should end it is not"),
            Self::Oversize { promised, max } => {
                write!(f, "header promises {}, which is over the maximum of {max}", Bytes(*promised))
            }
            Self::Below { length, least } => {
                write!(f, "length {length} is below the {} that it counts besides the payload", Bytes(*least))
            }
            Self::Negative(length) => write!(f, "length {length} is negative"),
            Self::Zero => f.write_str("length is zero"),
            Self::Padding(byte) => write!(f, "padding is not zero but {byte:02x}"),
            Self::Magic(found) => write!(f, "magic is wrong: {}", Hex(found)),
            Self::Tail(found) => write!(f, "what should end the frame is wrong: {}", Hex(found)),
            Self::Digit(byte) => write!(f, "{} is no digit of a length", show(*byte)),
            Self::LeadingZero => f.write_str("length has a leading zero"),
            Self::TooLong => f.write_str("length is too long"),
            Self::NotShortest => f.write_str("length is not in its shortest form"),
            Self::BlockTooLong => write!(f, "header block is longer than {BLOCK_MOST} bytes"),
            Self::NoColon => f.write_str("header block has a line without a colon"),
            Self::ContentLengths(0) => f.write_str("header block has no Content-Length"),
            Self::ContentLengths(_) => f.write_str("header block has two Content-Lengths"),
            Self::NotNumber => f.write_str("Content-Length is not a number"),
        }
    }
}

/// Bytes in hexadecimal.
struct Hex<'b>(&'b [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn show(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", char::from(byte)) } else { format!("byte {byte:02x}") }
}

/// A number of bytes in words.
pub(super) struct Bytes(pub(super) u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
