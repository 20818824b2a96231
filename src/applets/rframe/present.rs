//! What becomes of a frame at standard output: bytes and a terminator, a line for people, or a line of JSON.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::framing::{Frame, Head};

/// How frames are written.
#[derive(Clone, Debug)]
pub(super) enum Style {
    /// The payload, and this byte after it.
    Bytes(Option<u8>),
    /// `[INFO] payload`, with these names for types.
    Show(Vec<(u8, String)>),
    /// An object a line.
    Json,
}

impl Style {
    /// Whether a payload may leave in parts.
    pub(super) fn streams(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// Appends a whole frame to `out`.
    #[inline]
    pub(super) fn frame(&self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(terminator) => {
                // A control packet is no record; a null is an empty one.
                if frame.head.control.is_none() {
                    out.extend_from_slice(frame.payload);
                    out.extend(terminator);
                }
            }
            Self::Show(names) => show(frame, names, out),
            Self::Json => json(frame, out),
        }
    }

    /// Appends what follows a payload that left in parts.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        if let Self::Bytes(terminator) = self {
            out.extend(terminator);
        }
    }
}

fn show(frame: &Frame<'_>, names: &[(u8, String)], out: &mut Vec<u8>) {
    let Head { kind, null, control, .. } = frame.head;
    if let Some(control) = control {
        out.extend_from_slice(format!("[{}]\n", control.name()).as_bytes());
        return;
    }
    if let Some(kind) = kind {
        match names.iter().rfind(|(number, _)| *number == kind) {
            Some((_, name)) => out.extend_from_slice(format!("[{name}] ").as_bytes()),
            None => out.extend_from_slice(format!("[{kind}] ").as_bytes()),
        }
    }
    if null {
        out.extend_from_slice(b"(null)");
    }
    for chunk in frame.payload.utf8_chunks() {
        for c in chunk.valid().chars() {
            // Writing to a Vec can't fail.
            let _ = if is_visible(c) && c != '\\' { write!(out, "{c}") } else { write!(out, "{}", c.escape_default()) };
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(b'\n');
}

/// Whether a terminal shows a character as itself, and in its place: no control character, no line or paragraph separator,
/// and nothing that turns the direction of what follows.
pub(super) fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn json(frame: &Frame<'_>, out: &mut Vec<u8>) {
    let Head { offset, length, kind, null, control, .. } = frame.head;
    // Writing to a Vec can't fail.
    let _ = write!(out, "{{\"offset\":{offset}");
    if let Some(control) = control {
        let _ = writeln!(out, ",\"control\":\"{}\"}}", control.name());
        return;
    }
    let _ = write!(out, ",\"length\":{length}");
    if let Some(kind) = kind {
        let _ = write!(out, ",\"type\":{kind}");
    }
    if null {
        out.extend_from_slice(b",\"payload\":null");
    } else if let Ok(text) = std::str::from_utf8(frame.payload) {
        out.extend_from_slice(b",\"payload\":");
        let _ = serde_json::to_writer(&mut *out, text);
    } else {
        out.extend_from_slice(b",\"payload_base64\":\"");
        // Multiples of three bytes need no padding in between, and no second copy of a large payload is made.
        let mut encoded = [0; 4096];
        for chunk in frame.payload.chunks(3072) {
            let count = STANDARD.encode_slice(chunk, &mut encoded).unwrap_or(0);
            out.extend_from_slice(&encoded[..count]);
        }
        out.push(b'"');
    }
    out.extend_from_slice(b"}\n");
}
