//! Any bytes in any format: the same frames and the same mistake whatever the cut of the input, and nothing that the
//! decoder has given is refused by the encoder.
//!
//! An input is a SPEC, a newline, a byte of options, the size of a cut, the most bytes of a whole frame, and a stream. What
//! is no SPEC stands for one of a list, so that most inputs get as far as the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use teebox::framing::Format;
use teebox::framing::spec::PRESETS;
use teebox_fuzz::{Way, decoded, encoded, placeless};

/// Formats that no preset has.
const SPECS: &[&str] = &[
    "u16be+type,zero=end",
    "type+u16le/self,zero=keepalive,tail=0a",
    "u8/all+magic=abcd,zero=error,tail=0d0a",
    "varint/self+pad2,tail=2c",
    "dec/all,sep=0d0a,tail=0d0a",
    "i32le/body+type,null=-1,tail=00",
    "pad3+hex4/self",
    "u64be/self,max=none",
    "magic=00112233445566778899aabbccddeeff+u24le+type",
    "lsp,zero=keepalive",
];

/// The format that a text names, or one that it stands for.
fn format(text: &[u8]) -> Format {
    if let Some(Ok(format)) = std::str::from_utf8(text).ok().map(Format::parse) {
        return format;
    }
    let at = usize::from(text.first().copied().unwrap_or(0)) % (PRESETS.len() + SPECS.len());
    let spec = PRESETS.get(at).map_or_else(|| SPECS[at - PRESETS.len()], |preset| preset.name);
    Format::parse(spec).expect(spec)
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (text, rest) = data.split_at(end);
    let [_, options, cut, whole, stream @ ..] = rest else { return };
    let format = format(text);
    let format = match options >> 1 & 3 {
        0 => format,
        1 => format.with_max(None),
        2 => format.with_max(Some(8)),
        _ => format.with_max(Some(0)),
    };
    let at_once = Way { cut: usize::MAX, whole: usize::MAX, skip: options & 1 == 1, past: false };
    let (pieces, fault) = decoded(&format, stream, at_once);

    let (cut, whole) = (usize::from(*cut).max(1), usize::from(*whole));
    for way in [
        Way { cut: 1, ..at_once },
        Way { cut: 1, whole, ..at_once },
        Way { cut, whole, ..at_once },
        Way { cut, whole: 0, past: true, ..at_once },
        Way { cut: 0, ..at_once },
        Way { cut: 0, whole, ..at_once },
    ] {
        assert_eq!(decoded(&format, stream, way), (pieces.clone(), fault.clone()), "{} {way:?}", format.spec());
    }

    let (again, fault) = decoded(&format, &encoded(&format, &pieces), at_once);
    assert_eq!((placeless(&again), fault), (placeless(&pieces), None), "{}", format.spec());
});
