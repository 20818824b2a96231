//! What the targets share: a stream taken apart by a reader that holds the decoder to its word.

use teebox::framing::{Control, Decoder, Encoder, Fault, Format, Next};

/// What a stream is made of, frames in parts put together again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Frame { offset: u64, kind: Option<u8>, payload: Vec<u8> },
    Null { offset: u64, kind: Option<u8> },
    Control { offset: u64, control: Control },
    Oversize { offset: u64, length: u64 },
    End,
}

/// How a stream comes to the decoder.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The bytes that come at once; with 0, as many as the decoder asks for.
    pub cut: usize,
    /// Frames of up to this size, in bytes, come in one piece.
    pub whole: usize,
    /// Frames over the maximum are passed over.
    pub skip: bool,
    /// The payload of a frame in parts goes past the decoder, which is only told how much of it went.
    pub past: bool,
}

/// Takes a stream apart. Panics where the decoder breaks its word: it asks for what it has, gives what it said that more
/// bytes are needed for, or takes more than there is.
pub fn decoded(format: &Format, bytes: &[u8], way: Way) -> (Vec<Piece>, Option<Fault>) {
    let mut decoder = Decoder::new(format, way.whole).skip_oversize(way.skip);
    let (mut pieces, mut part) = (Vec::new(), None);
    let (mut start, mut end, mut needed) = (0, 0, 0);
    loop {
        if let (true, Some((_, payload))) = (way.past, &mut part) {
            let payload: &mut Vec<u8> = payload;
            let count = usize::try_from(decoder.left()).unwrap_or(usize::MAX).min(end - start);
            payload.extend_from_slice(&bytes[start..start + count]);
            decoder.pass(count as u64);
            start += count;
            needed = 0;
        }
        let mut input = &bytes[start..end];
        let next = decoder.next(&mut input);
        let given = end - start;
        let taken = given.checked_sub(input.len()).expect("more is left than was given");
        start += taken;
        let waits = taken == 0 && matches!(next, Ok(Next::Need(_)) | Err(_));
        assert!(waits || given >= needed, "{given} bytes where {needed} were needed gave {next:?}");
        needed = 0;
        match next {
            Err(fault) => {
                assert!(fault.offset <= start as u64, "{fault:?} at byte {start}");
                return (pieces, Some(fault));
            }
            Ok(Next::Need(count)) => {
                assert!(count > end - start, "{count} bytes are there");
                if end == bytes.len() {
                    return (pieces, decoder.finish(&bytes[start..]).err());
                }
                needed = count;
                let more = if way.cut == 0 { count - (end - start) } else { way.cut };
                end = bytes.len().min(end.saturating_add(more));
            }
            Ok(Next::End) => {
                assert_eq!(decoder.next(&mut input), Ok(Next::End));
                assert_eq!(decoder.finish(input), Ok(()));
                pieces.push(Piece::End);
                return (pieces, None);
            }
            Ok(Next::Oversize(head)) => {
                assert!(way.skip && head.length > format.max().expect("no maximum"));
                pieces.push(Piece::Oversize { offset: head.offset, length: head.length });
            }
            Ok(Next::Frame(frame)) => {
                let (offset, kind) = (frame.head.offset, frame.head.kind);
                assert_eq!(frame.head.length, frame.payload.len() as u64);
                pieces.push(match frame.head.control {
                    Some(control) => Piece::Control { offset, control },
                    None if frame.head.null => Piece::Null { offset, kind },
                    None => Piece::Frame { offset, kind, payload: frame.payload.to_owned() },
                });
            }
            Ok(Next::Begin(head)) => {
                assert!(format.max().is_none_or(|max| head.length <= max));
                assert_eq!(decoder.left(), head.length);
                part = Some((head, Vec::new()));
            }
            Ok(Next::Part(part_bytes)) => {
                assert!(!part_bytes.is_empty());
                part.as_mut().expect("a part before its frame").1.extend_from_slice(part_bytes);
            }
            Ok(Next::Finish) => {
                let (head, payload) = part.take().expect("the end of a frame before its beginning");
                assert_eq!(head.length, payload.len() as u64);
                pieces.push(Piece::Frame { offset: head.offset, kind: head.kind, payload });
            }
        }
    }
}

/// The type of what names none.
pub const KIND: u8 = 7;

/// Frames what was decoded, the frames that were passed over left out.
pub fn encoded(format: &Format, pieces: &[Piece]) -> Vec<u8> {
    let encoder = Encoder::new(format);
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Frame { kind, payload, .. } => encoder.frame(kind.unwrap_or(KIND), payload, &mut out),
            Piece::Null { kind, .. } => encoder.null(kind.unwrap_or(KIND), &mut out),
            Piece::Control { control, .. } => encoder.control(*control, &mut out),
            Piece::Oversize { .. } => Ok(()),
            Piece::End => {
                assert!(encoder.end(KIND, &mut out), "no mark for an end that was decoded");
                Ok(())
            }
        }
        .unwrap_or_else(|misfit| panic!("{piece:?} was decoded and can't be framed: {misfit}"));
    }
    out
}

/// The same pieces wherever they stand, the frames that were passed over left out.
pub fn placeless(pieces: &[Piece]) -> Vec<Piece> {
    let placeless = |piece: &Piece| match piece.clone() {
        Piece::Frame { kind, payload, .. } => Some(Piece::Frame { offset: 0, kind, payload }),
        Piece::Null { kind, .. } => Some(Piece::Null { offset: 0, kind }),
        Piece::Control { control, .. } => Some(Piece::Control { offset: 0, control }),
        Piece::Oversize { .. } => None,
        Piece::End => Some(Piece::End),
    };
    pieces.iter().filter_map(placeless).collect()
}
