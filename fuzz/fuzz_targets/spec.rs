//! Any text as a SPEC: a mistake lies within it, and what is none makes a format whose frames can be read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use teebox::framing::{Control, Encoder, Format};
use teebox_fuzz::{KIND, Piece, Way, decoded, encoded};

fuzz_target!(|text: &str| {
    let format = match Format::parse(text) {
        Ok(format) => format,
        Err(error) => {
            assert!(text.get(error.at.clone()).is_some(), "{:?} of {text:?}", error.at);
            assert!(!error.reason.is_empty());
            return;
        }
    };
    assert_eq!(format.spec(), text);
    let encoder = Encoder::new(&format);
    let most = encoder.payload_most();
    assert!(format.max().is_none_or(|max| most <= max));

    let mut bytes = Vec::new();
    let mut pieces = Vec::new();
    let kind = format.has_type().then_some(KIND);
    for length in [0, 1, 5, 127, 300, 70_000] {
        let offset = bytes.len();
        let payload = vec![b'7'; length];
        if encoder.frame(KIND, &payload, &mut bytes).is_err() {
            assert_eq!(bytes.len(), offset, "what can't be framed is not written");
            // Only nothing at all can be refused for another reason than its size.
            assert!(length == 0 || length as u64 > most, "{length} of {most} bytes");
            continue;
        }
        assert!(length as u64 <= most);
        pieces.push(Piece::Frame { offset: offset as u64, kind, payload });
    }
    let offset = bytes.len() as u64;
    if encoder.null(KIND, &mut bytes).is_ok() {
        pieces.push(Piece::Null { offset, kind });
    }
    for control in [Control::Flush, Control::Delim, Control::ResponseEnd] {
        let offset = bytes.len() as u64;
        if encoder.control(control, &mut bytes).is_ok() {
            pieces.push(Piece::Control { offset, control });
        }
    }
    let ended = encoder.end(KIND, &mut bytes);
    assert_eq!(ended, format.has_end());
    if ended {
        pieces.push(Piece::End);
    }
    for way in [
        Way { cut: usize::MAX, whole: usize::MAX, skip: false, past: false },
        Way { cut: 97, whole: 50, skip: true, past: false },
        Way { cut: 0, whole: 0, skip: false, past: true },
    ] {
        assert_eq!(decoded(&format, &bytes, way), (pieces.clone(), None), "{text:?} {way:?}");
    }
    assert_eq!(encoded(&format, &pieces), bytes);
});
