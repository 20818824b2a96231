//! From frames to records: one loop that reads, decodes what has come, and writes it before it reads again.

use super::io::{self, Input, Output, stdout};
use super::present::Style;
use super::{BUFFER, NAME};
use crate::error::{Error, FAILED};
use crate::fdio::buffer::ReadBuffer;
use crate::fdio::transfer::Drain;
use crate::framing::{Decoder, Format, Head, Next};
use crate::progress::Progress;
use crate::report;

/// What is left of a payload, in bytes, from which on it is moved by splice(2).
const SPLICED: u64 = 64 * 1024;

/// What is read after a frame that was spliced, in bytes: the next may be as large, and what is read of it is copied.
const PEEK: usize = 4096;

/// What a run is to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) format: Format,
    pub(super) style: Style,
    pub(super) skip_oversize: bool,
}

/// The state of a run.
struct Decode<'a> {
    plan: &'a Plan,
    input: &'a Input,
    progress: &'a Progress,
    decoder: Decoder<'a>,
    buffer: ReadBuffer,
    /// What is to be written. It ends with a frame, or amid one that comes in parts.
    out: Output,
    /// From the input to standard output, once a payload took that way.
    drain: Option<Drain<'a>>,
    /// How much to read at once.
    read: usize,
    failed: bool,
}

/// Decodes the whole input; the exit status.
pub(super) fn run(plan: &Plan, input: &Input, progress: &Progress) -> Result<u8, Error> {
    // What is shown as text is made of whole payloads.
    let whole = if plan.style.streams() { BUFFER } else { usize::MAX };
    let mut decode = Decode {
        plan,
        input,
        progress,
        decoder: Decoder::new(&plan.format, whole).skip_oversize(plan.skip_oversize),
        buffer: ReadBuffer::new(BUFFER, input.fd()),
        out: Output::new(),
        drain: None,
        read: usize::MAX,
        failed: false,
    };
    let result = decode.run();
    progress.finish();
    result.map(|()| if decode.failed { FAILED } else { 0 })
}

impl Decode<'_> {
    fn run(&mut self) -> Result<(), Error> {
        loop {
            // What was decoded is delivered, whatever came after it.
            let needed = self.decode();
            self.out.flush()?;
            let Some(needed) = needed? else {
                self.input.give_back(self.buffer.bytes().len());
                return Ok(());
            };
            let more = if self.decoder.left() >= SPLICED && self.input.splices() {
                self.splice()?
            } else {
                if self.buffer.is_full() {
                    // By what has come and not by what was promised.
                    let capacity = needed.min(2 * self.buffer.capacity());
                    self.buffer.grow(capacity).map_err(|errno| self.input.failed(errno))?;
                }
                let most = std::mem::replace(&mut self.read, usize::MAX);
                io::fill(&mut self.buffer, most, self.input, self.progress)?
            };
            if !more {
                return self.decoder.finish(self.buffer.bytes()).map_err(|fault| self.input.refused(fault));
            }
        }
    }

    /// Decodes what is in the buffer. Returns how many bytes it needs to hold for more, or None after the mark that ends
    /// the stream.
    fn decode(&mut self) -> Result<Option<usize>, Error> {
        let mut input = self.buffer.bytes();
        let given = input.len();
        let result = loop {
            let written = match self.decoder.next(&mut input) {
                Ok(Next::Frame(frame)) => {
                    self.plan.style.frame(&frame, &mut self.out.held);
                    if self.out.held.len() >= BUFFER { self.out.flush() } else { Ok(()) }
                }
                Ok(Next::Need(needed)) => break Ok(Some(needed)),
                Ok(Next::End) => break Ok(None),
                Ok(Next::Begin(_)) => Ok(()),
                // No other copy of it is needed; what is before it leaves with it.
                Ok(Next::Part(part)) => self.out.flush_with([part]),
                Ok(Next::Finish) => {
                    self.plan.style.finish(&mut self.out.held);
                    Ok(())
                }
                Ok(Next::Oversize(head)) => {
                    self.failed = true;
                    // What came before it is there before it is said.
                    self.out.flush().map(|()| say_skipped(self.input, &head, self.plan.format.max()))
                }
                Err(fault) => Err(self.input.refused(fault)),
            };
            if let Err(error) = written {
                break Err(error);
            }
        };
        let used = given - input.len();
        self.buffer.take(used);
        result
    }

    /// Moves the rest of a payload from the input to standard output without looking at it; false where the input ends
    /// before.
    fn splice(&mut self) -> Result<bool, Error> {
        self.input.widen();
        let drain = self.drain.get_or_insert_with(|| Drain::new(self.input.fd(), stdout()));
        let decoder = &mut self.decoder;
        let left = io::pass_on(drain, decoder.left(), |count| {
            decoder.pass(count as u64);
            self.progress.add(count);
        });
        self.read = PEEK;
        Ok(left.map_err(|failure| self.input.transfer_failed(failure))? == 0)
    }
}

fn say_skipped(input: &Input, head: &Head, max: Option<u64>) {
    let max = max.unwrap_or(u64::MAX);
    let words = format!("frame at byte {}: {} bytes are over the maximum of {max}; skipped", head.offset, head.length);
    report::reason(NAME, input.name().subject(), &words);
}
