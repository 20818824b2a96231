//! Where records end: what of the bytes that have arrived may be passed on, and as what.
//!
//! It looks at bytes and moves none, so it can be tested with any input cut at any place.

use memchr::{memchr, memrchr};

/// What becomes of a record that is longer than the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Long {
    /// It goes out in pieces, and nothing else does until it has ended.
    Hold,
    /// It becomes several records.
    Split,
    /// It ends its input.
    Error,
}

/// What a record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The byte that ends a record; None where whatever arrives is one.
    pub(super) terminator: Option<u8>,
    /// The most bytes of a record that is kept together, without its terminator; at least 1.
    pub(super) max: usize,
    pub(super) long: Long,
}

/// What to do with the bytes at the head of an input's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing, until more has arrived.
    Nothing,
    /// So many bytes are whole records, each with its terminator. A part may be taken, up to the end of a record.
    Whole(usize),
    /// So many bytes are a piece of a record that goes out in pieces.
    Piece { length: usize, first: bool, last: bool },
    /// So many bytes, which may be none, end a record and its terminator is to be added.
    Unterminated { length: usize, first: bool },
    /// The record at the head is longer than the maximum.
    TooLong,
}

/// The state of one input between its reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cutter {
    /// The bytes at the head that hold no terminator.
    searched: usize,
    /// The head is inside a record whose beginning has gone out.
    open: bool,
}

impl Cutter {
    /// What to do with `bytes`, all that have arrived and were not taken; `ended` says that none will follow. Unless it
    /// says otherwise, what is returned has to be taken whole.
    pub(super) fn next(&mut self, rules: Rules, bytes: &[u8], ended: bool) -> Cut {
        let Some(terminator) = rules.terminator else {
            return if bytes.is_empty() { Cut::Nothing } else { Cut::Whole(bytes.len()) };
        };
        if self.open {
            return self.go_on(terminator, bytes, ended);
        }
        let searched = std::mem::take(&mut self.searched);
        if rules.long != Long::Hold && bytes.len() > rules.max {
            return Self::strictly(rules, terminator, bytes);
        }
        if let Some(at) = memrchr(terminator, &bytes[searched..]) {
            return Cut::Whole(searched + at + 1);
        }
        if bytes.len() > rules.max {
            self.open = true;
            return Cut::Piece { length: bytes.len(), first: true, last: false };
        }
        if ended && !bytes.is_empty() {
            return Cut::Unterminated { length: bytes.len(), first: true };
        }
        self.searched = bytes.len();
        Cut::Nothing
    }

    /// All that has arrived was taken by another; what comes next is the rest of a record if that ended `inside` one.
    pub(super) fn pass_over(&mut self, inside: bool) {
        *self = Self { searched: 0, open: inside };
    }

    /// The next piece of a record that goes out in pieces.
    fn go_on(&mut self, terminator: u8, bytes: &[u8], ended: bool) -> Cut {
        match memchr(terminator, bytes) {
            Some(at) => {
                self.open = false;
                Cut::Piece { length: at + 1, first: false, last: true }
            }
            None if ended => {
                self.open = false;
                Cut::Unterminated { length: bytes.len(), first: false }
            }
            None if bytes.is_empty() => Cut::Nothing,
            None => Cut::Piece { length: bytes.len(), first: false, last: false },
        }
    }

    /// The records at the head of more bytes than one may have, each looked at.
    fn strictly(rules: Rules, terminator: u8, bytes: &[u8]) -> Cut {
        let mut end = 0;
        while let Some(at) = memchr(terminator, &bytes[end..]).filter(|at| *at <= rules.max) {
            end += at + 1;
        }
        match rules.long {
            _ if end > 0 => Cut::Whole(end),
            Long::Split => Cut::Unterminated { length: rules.max, first: true },
            Long::Hold | Long::Error => Cut::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts `input`, which arrives in pieces of these sizes, and returns what goes out.
    fn cut(rules: Rules, input: &[u8], sizes: &[usize]) -> (Vec<u8>, bool) {
        let (mut cutter, mut held, mut out) = (Cutter::default(), Vec::new(), Vec::new());
        let (mut left, mut turn) = (input, 0);
        loop {
            let ended = left.is_empty();
            loop {
                let taken = match cutter.next(rules, &held, ended) {
                    Cut::Nothing => break,
                    Cut::TooLong => return (out, true),
                    Cut::Whole(length) | Cut::Piece { length, .. } => {
                        out.extend_from_slice(&held[..length]);
                        length
                    }
                    Cut::Unterminated { length, .. } => {
                        out.extend_from_slice(&held[..length]);
                        out.extend(rules.terminator);
                        length
                    }
                };
                held.drain(..taken);
                assert!(rules.long == Long::Hold || held.len() <= input.len());
            }
            if ended {
                assert!(held.is_empty());
                return (out, false);
            }
            let count = sizes[turn % sizes.len()].min(left.len());
            held.extend_from_slice(&left[..count]);
            (left, turn) = (&left[count..], turn + 1);
        }
    }

    fn split(input: &[u8], max: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for record in input.split(|byte| *byte == b'\n') {
            for piece in record.chunks(max) {
                out.extend_from_slice(piece);
                out.push(b'\n');
            }
            if record.is_empty() {
                out.push(b'\n');
            }
        }
        // What follows the last newline is a record only where there is something.
        if input.is_empty() || input.ends_with(b"\n") {
            out.pop();
        }
        out
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::default()
        })]
        #[test]
        fn what_goes_out_does_not_depend_on_how_it_arrives(
            input in proptest::collection::vec(proptest::prop_oneof![3 => proptest::prelude::Just(b'\n'), 9 => 0_u8..=255], 0..200),
            sizes in proptest::collection::vec(1_usize..40, 1..8),
            max in 1_usize..30,
        ) {
            let rules = |long| Rules { terminator: Some(b'\n'), max, long };
            let mut whole = input.clone();
            if !whole.is_empty() && !whole.ends_with(b"\n") {
                whole.push(b'\n');
            }
            proptest::prop_assert_eq!(cut(rules(Long::Hold), &input, &sizes), (whole.clone(), false));
            proptest::prop_assert_eq!(cut(rules(Long::Split), &input, &sizes), (split(&input, max), false));
            let good: usize =
                whole.split_inclusive(|byte| *byte == b'\n').take_while(|record| record.len() <= max + 1).map(<[u8]>::len).sum();
            proptest::prop_assert_eq!(cut(rules(Long::Error), &input, &sizes), (whole[..good].to_vec(), good < whole.len()));
        }
    }
}
