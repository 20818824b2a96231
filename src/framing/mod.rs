//! Length-prefixed frames: the grammar that describes their formats, an encoder and a decoder.
//!
//! Nothing in here knows a descriptor. The encoder and the decoder take and give slices of bytes, keep their state between
//! calls, and say how many bytes they need; so they can be tested with any input cut at any place.
//!
//! A frame is a header, a payload and, in some formats, a tail.
//!
//! - [`spec`] - the grammar and its presets: from `u32be+type,max=1M` to a [`Format`]
//! - [`encode`] - headers and whole frames for payloads
//! - [`decode`] - frames in a stream of bytes
//! - [`fault`] - what can be wrong with them

pub mod decode;
pub mod encode;
pub mod fault;
mod layout;
pub mod spec;

pub use decode::{Decoder, Frame, Head, Next};
pub use encode::{Encoder, Misfit, SHORT};
pub use fault::{Fault, Mistake};
pub use spec::{Control, Format, SpecError};
