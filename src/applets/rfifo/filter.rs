//! `--match`: the lines that hold one of some texts, found by the text and not line by line.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use rustix::io::Errno;

/// Passes some lines on and leaves others out.
#[derive(Debug)]
pub(super) struct Filter {
    texts: Vec<Finder<'static>>,
    invert: bool,
    /// A longer line, in bytes, is judged by its beginning.
    most: usize,
    /// What was read and is not judged, and room for more.
    held: Vec<u8>,
    /// The bytes that were read: a line without its end.
    length: usize,
    /// The rest of a line that was judged by its beginning: whether it passes.
    rest: Option<bool>,
    /// Such a line has come.
    cut: bool,
}

impl Filter {
    /// A filter for lines that hold one of `texts`, or with `invert` none; they have no newline. `most` is at least 1.
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a [u8]>, invert: bool, most: usize) -> Self {
        let texts = texts.map(|text| Finder::new(text).into_owned()).collect();
        Self { texts, invert, most, held: Vec::new(), length: 0, rest: None, cut: false }
    }

    /// Room for so many bytes that come next; [`Self::filled`] says how many came. ENOMEM where it can't be had.
    pub(super) fn room(&mut self, count: usize) -> Result<&mut [u8], Errno> {
        let end = self.length + count;
        if self.held.len() < end {
            self.held.try_reserve(end - self.held.len()).map_err(|_| Errno::NOMEM)?;
            self.held.resize(end, 0);
        }
        Ok(&mut self.held[self.length..end])
    }

    /// Notes that so many bytes came, and appends to `out` the lines that pass.
    pub(super) fn filled(&mut self, count: usize, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let bytes = &held[..self.length + count];
        let start = self.pass_rest(bytes, out);
        // What was there before has no newline.
        let unseen = start.max(self.length);
        let end = memrchr(b'\n', &bytes[unseen..]).map_or(start, |newline| unseen + newline + 1);
        self.judge(&bytes[start..end], out);
        let mut left = end..bytes.len();
        if left.len() > self.most {
            self.cut = true;
            let passes = self.passes(&bytes[left.clone()]);
            self.rest = Some(passes);
            if passes {
                out.extend_from_slice(&bytes[left.clone()]);
            }
            left.start = left.end;
        }
        self.length = left.len();
        self.held = held;
        self.held.copy_within(left, 0);
    }

    /// Everybody has left: a line without a newline is one all the same, and gets a newline if it passes.
    pub(super) fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = &self.held[..self.length];
        let passes = match self.rest.take() {
            Some(passes) => passes,
            None => !line.is_empty() && self.passes(line),
        };
        if passes {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        self.length = 0;
    }

    /// Whether a line has come, since this was asked last, that was too long to be judged by all of it.
    pub(super) fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.cut)
    }

    /// Passes on or drops the rest of a long line at the head, as far as it is there, and tells where it ends.
    fn pass_rest(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(passes) = self.rest else { return 0 };
        let newline = memchr(b'\n', bytes);
        let end = newline.map_or(bytes.len(), |newline| newline + 1);
        if passes {
            out.extend_from_slice(&bytes[..end]);
        }
        if newline.is_some() {
            self.rest = None;
        }
        end
    }

    fn judge(&mut self, lines: &[u8], out: &mut Vec<u8>) {
        if lines.len() <= self.most {
            return self.find(lines, out);
        }
        // Some of them may be too long.
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.cut |= line.len() - 1 > self.most;
            if self.passes(line) {
                out.extend_from_slice(line);
            }
        }
    }

    /// Whether a line passes by its beginning.
    fn passes(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let beginning = &line[..line.len().min(self.most)];
        self.texts.iter().any(|text| text.find(beginning).is_some()) != self.invert
    }

    /// Whole lines, none of them too long: goes from match to match.
    fn find(&self, lines: &[u8], out: &mut Vec<u8>) {
        // Where each text comes next.
        let mut next: Vec<Option<usize>> = vec![Some(0); self.texts.len()];
        let mut fresh = true;
        let mut at = 0;
        while at < lines.len() {
            for (text, next) in self.texts.iter().zip(&mut next) {
                if fresh || next.is_some_and(|next| next < at) {
                    *next = text.find(&lines[at..]).map(|found| at + found);
                }
            }
            fresh = false;
            let line = next.iter().flatten().min().map_or(lines.len()..lines.len(), |found| line_around(lines, *found));
            if self.invert {
                out.extend_from_slice(&lines[at..line.start]);
            } else {
                out.extend_from_slice(&lines[line.clone()]);
            }
            at = line.end;
        }
    }
}

/// The line that holds the byte there, its newline included.
fn line_around(lines: &[u8], at: usize) -> Range<usize> {
    let start = memrchr(b'\n', &lines[..at]).map_or(0, |newline| newline + 1);
    let end = memchr(b'\n', &lines[at..]).map_or(lines.len(), |newline| at + newline + 1);
    start..end
}
