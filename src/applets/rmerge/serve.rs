//! What the loop does with the inputs that are ready: each is read in its turn, and its records go to the output or wait.

use std::time::Duration;

use rustix::io::Errno;

use super::NAME;
use super::decorate::Dresser;
use super::input::Stream;
use super::merge::{Merge, Place};
use super::order::Order;
use super::output::ENOUGH;
use super::records::{Cut, Long};
use crate::fdio::pipe::PAGE;
use crate::fdio::poll;
use crate::report::{self, Subject};

/// How much is read of one input before it is the next one's turn, in bytes, at least and, where few are busy, at most.
const TURN: (usize, usize) = (64 * 1024, 1 << 20);

/// How much is read of a busy input among many before the others are looked at, in bytes: some milliseconds' worth.
const CROWDED_TURN: usize = 8 << 20;

/// From so many bytes on it pays to move them without reading them.
const MANY: u64 = 16 * 1024;

/// How long a busy input among many is waited for alone.
const MOMENT: Duration = Duration::from_micros(50);

impl Merge<'_> {
    /// Reads the inputs that are ready, each in its turn, and passes on what they give.
    pub(super) fn read(&mut self) -> Result<(), Errno> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_unstable();
        let first = ready.partition_point(|index| *index < self.next);
        ready.rotate_left(first);
        let most = if self.crowded { CROWDED_TURN } else { TURN.1 };
        let turn = (most / ready.len().max(1)).clamp(TURN.0, most);
        for index in &ready {
            let Some(mut stream) = self.streams.get_mut(*index).and_then(Option::take) else { continue };
            let place = self.place(&stream, *index);
            if place == Place::Nowhere {
                self.streams[*index] = Some(stream);
                continue;
            }
            if self.serve(&mut stream, *index, place, turn)? {
                self.remove(*index, stream);
            } else {
                self.streams[*index] = Some(stream);
            }
            self.next = index + 1;
        }
        self.ready = ready;
        Ok(())
    }

    /// Reads one input, at most about `most` bytes, and passes on its records; whether it is at its end.
    fn serve(&mut self, stream: &mut Stream, index: usize, place: Place, most: usize) -> Result<bool, Errno> {
        let mut left = most;
        self.dresser.begin(&stream.label, stream.read);
        loop {
            stream.leftover = true;
            while !self.is_full(place) {
                let cut = stream.cutter.next(self.plan.rules, stream.source.buffer.bytes(), stream.ended);
                match cut {
                    Cut::Nothing => {
                        stream.leftover = false;
                        break;
                    }
                    Cut::TooLong => {
                        let reason = format!("a record is longer than {} bytes", self.plan.rules.max);
                        self.fail(stream, |subject| report::reason(NAME, subject, &reason));
                        return Ok(true);
                    }
                    cut => self.pass_on(cut, stream, index, place)?,
                }
            }
            if stream.leftover || left == 0 {
                return Ok(false);
            }
            if stream.ended {
                return Ok(true);
            }
            let read = match self.keep_as_it_is(stream, place, left) {
                Some(count) => {
                    left = left.saturating_sub(count);
                    count > 0
                }
                None => self.fill(stream, &mut left),
            };
            let goes_on = read || (self.crowded && left < most && self.is_going_on(stream)?);
            if !goes_on {
                return Ok(false);
            }
        }
    }

    /// Whether more comes of a busy input within a moment, for which it pays to wait where poll(2) has to look at many.
    fn is_going_on(&mut self, stream: &Stream) -> Result<bool, Errno> {
        self.out.flush()?;
        Ok(!self.out.is_blocked() && poll::is_readable_within(&stream.source, MOMENT))
    }

    /// Moves what is there of an input straight into the file of what waits, where nothing has to be done with it; how many
    /// bytes. None where it has to be read.
    fn keep_as_it_is(&mut self, stream: &mut Stream, place: Place, most: usize) -> Option<usize> {
        let plain = self.dresser.is_plain() && self.plan.rules.long == Long::Hold && stream.left.is_none();
        // What a socket's packet has beyond what is asked for would be lost.
        if place != Place::Kept || !plain || !stream.source.is_pipe() {
            return None;
        }
        let order = self.order.as_mut().filter(|order| order.goes_to_file(stream.number))?;
        if stream.source.unread() < MANY {
            return None;
        }
        // What was read of a record goes first.
        let moved = order.splice(stream.number, stream.source.buffer.bytes(), &stream.source, most);
        stream.source.buffer.take(usize::MAX);
        if let Some(last) = order.last(stream.number) {
            stream.cutter.pass_over(Some(last) != self.plan.rules.terminator);
        }
        let count = moved.unwrap_or(0);
        stream.source.moved(count);
        self.say_of_file(moved.map(|_| ()));
        (count > 0).then_some(count)
    }

    /// Reads once; whether that changed anything, and there is time for it.
    fn fill(&mut self, stream: &mut Stream, left: &mut usize) -> bool {
        if stream.left == Some(0) {
            stream.ended = true;
            if !stream.source.is_at_end() {
                self.jobs.output_closed(stream.number);
            }
            return true;
        }
        match stream.source.read(self.plan.rules.max.saturating_add(1)) {
            Ok(0) => stream.ended = true,
            Ok(count) => {
                if let Some(left) = &mut stream.left {
                    *left = left.saturating_sub(count as u64);
                }
                // Less than half a pipe: it is empty now, most likely.
                let empty = count < ENOUGH / 2 && !stream.source.is_file() && !self.crowded;
                *left = if empty { 0 } else { left.saturating_sub(count) };
                stream.read = self.dresser.now();
                self.dresser.begin(&stream.label, stream.read);
            }
            Err(Errno::AGAIN) if stream.left.is_some() => stream.ended = true,
            Err(Errno::AGAIN) => return false,
            Err(errno) => {
                self.fail(stream, |subject| report::failure(NAME, subject, errno));
                stream.ended = true;
            }
        }
        true
    }

    fn fail(&mut self, stream: &Stream, say: impl FnOnce(Subject<'_>)) {
        self.failed = true;
        say(stream.name.subject());
    }

    /// Whether no more can go to this place for now.
    fn is_full(&self, place: Place) -> bool {
        match place {
            Place::Live => self.out.is_blocked(),
            Place::Kept => !self.order.as_ref().is_some_and(Order::has_room),
            Place::Nowhere => true,
        }
    }

    /// Passes on what the cutter says.
    fn pass_on(&mut self, cut: Cut, stream: &mut Stream, index: usize, place: Place) -> Result<(), Errno> {
        match cut {
            Cut::Piece { last, .. } => self.hold(stream.number, (!last).then_some(index)),
            Cut::Unterminated { first: false, .. } => self.hold(stream.number, None),
            _ => {}
        }
        if place == Place::Kept {
            self.keep(cut, stream);
            return Ok(());
        }
        match cut {
            Cut::Whole(length) | Cut::Piece { length, .. } if self.dresser.is_plain() && length >= PAGE => {
                return self.write_through(stream, index, length);
            }
            _ => {}
        }
        let enough = self.out.held().len() + ENOUGH;
        let taken = dress(&self.dresser, cut, stream, enough, self.out.held());
        stream.source.buffer.take(taken);
        if self.out.held().len() >= ENOUGH { self.out.flush() } else { Ok(()) }
    }

    /// Writes bytes from where they are.
    fn write_through(&mut self, stream: &mut Stream, index: usize, length: usize) -> Result<(), Errno> {
        self.out.flush()?;
        if !self.out.is_empty() {
            self.out.held().extend_from_slice(&stream.source.buffer.bytes()[..length]);
            stream.source.buffer.take(length);
            return Ok(());
        }
        let written = self.out.write(&stream.source.buffer.bytes()[..length])?;
        stream.source.buffer.take(written);
        if written < length {
            self.owed = Some((index, length - written));
        }
        Ok(())
    }

    /// Keeps records until it is their turn.
    fn keep(&mut self, cut: Cut, stream: &mut Stream) {
        let Some(order) = &mut self.order else { return };
        let Some(waiting) = order.waiting.get_mut(&stream.number) else { return };
        let before = waiting.tail.len();
        let taken = dress(&self.dresser, cut, stream, usize::MAX, &mut waiting.tail);
        let added = waiting.tail.len() - before;
        stream.source.buffer.take(taken);
        let kept = order.added(stream.number, added, false);
        self.say_of_file(kept);
    }

    /// An input is in the middle of a long record, or at its end.
    fn hold(&mut self, number: usize, index: Option<usize>) {
        match &mut self.order {
            None => self.holder = index,
            Some(order) => {
                if let Some(waiting) = order.waiting.get_mut(&number) {
                    waiting.holder = index;
                }
            }
        }
    }
}

/// Appends what the cutter says to `out`, with what is put in front of records, until there is `enough`; returns how many
/// bytes of the input that took.
fn dress(dresser: &Dresser, cut: Cut, stream: &Stream, enough: usize, out: &mut Vec<u8>) -> usize {
    let bytes = stream.source.buffer.bytes();
    match cut {
        Cut::Nothing | Cut::TooLong => 0,
        Cut::Whole(length) if dresser.is_plain() => {
            out.extend_from_slice(&bytes[..length]);
            length
        }
        Cut::Whole(length) => dresser.records(&bytes[..length], stream.kind, enough, out),
        Cut::Piece { length, first, .. } => {
            dresser.piece(&bytes[..length], first, out);
            length
        }
        Cut::Unterminated { length, first } => {
            dresser.unterminated(&bytes[..length], first, stream.kind, out);
            length
        }
    }
}
