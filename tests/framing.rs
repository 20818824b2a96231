//! The codec by itself: byte-exact frames, any records in any format through any cut of the input, and any bytes at all.

use proptest::prelude::*;
use teebox::framing::fault::Mistake;
use teebox::framing::spec::{PRESETS, Preset};
use teebox::framing::{Control, Decoder, Encoder, Fault, Format, Misfit, Next, SHORT};

fn format(spec: &str) -> Format {
    Format::parse(spec).unwrap_or_else(|error| panic!("{spec}: {} at {:?}", error.reason, error.at))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn encoded(format: &Format, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    Encoder::new(format).frame(kind, payload, &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

/// What a stream is made of, frames in parts put together again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Frame { offset: u64, kind: Option<u8>, payload: Vec<u8> },
    Null,
    Control(Control),
    Oversize(u64),
    End,
}

/// Decodes a stream that arrives in pieces of these sizes, over and over.
fn decoded(format: &Format, whole: usize, skip: bool, bytes: &[u8], cuts: &[usize]) -> (Vec<Piece>, Option<Fault>) {
    let mut decoder = Decoder::new(format, whole).skip_oversize(skip);
    let (mut pieces, mut part) = (Vec::new(), None);
    let (mut start, mut end) = (0, 0);
    let mut cuts = cuts.iter().cycle();
    loop {
        let mut input = &bytes[start..end];
        let next = decoder.next(&mut input);
        start = end - input.len();
        match next {
            Err(fault) => return (pieces, Some(fault)),
            Ok(Next::Need(count)) => {
                assert!(count > end - start, "{count} bytes are there");
                if end == bytes.len() {
                    return (pieces, decoder.finish(&bytes[start..]).err());
                }
                end = bytes.len().min(end + cuts.next().unwrap());
            }
            Ok(Next::End) => {
                pieces.push(Piece::End);
                return (pieces, None);
            }
            Ok(Next::Oversize(head)) => pieces.push(Piece::Oversize(head.length)),
            Ok(Next::Frame(frame)) if frame.head.null => pieces.push(Piece::Null),
            Ok(Next::Frame(frame)) => pieces.push(match frame.head.control {
                Some(control) => Piece::Control(control),
                None => {
                    Piece::Frame { offset: frame.head.offset, kind: frame.head.kind, payload: frame.payload.to_owned() }
                }
            }),
            Ok(Next::Begin(head)) => part = Some((head, Vec::new())),
            Ok(Next::Part(bytes)) => {
                assert!(!bytes.is_empty());
                part.as_mut().unwrap().1.extend_from_slice(bytes);
            }
            Ok(Next::Finish) => {
                let (head, payload) = part.take().unwrap();
                pieces.push(Piece::Frame { offset: head.offset, kind: head.kind, payload });
            }
        }
    }
}

fn payloads(pieces: Vec<Piece>) -> Vec<Vec<u8>> {
    let payload = |piece| match piece {
        Piece::Frame { payload, .. } => payload,
        other => panic!("{other:?}"),
    };
    pieces.into_iter().map(payload).collect()
}

#[test]
fn hello_has_these_bytes_in_every_preset() {
    let table = [
        ("message", "00000006 01 68656c6c6f"),
        ("u8", "05 68656c6c6f"),
        ("u16be", "0005 68656c6c6f"),
        ("u16le", "0500 68656c6c6f"),
        ("u32be", "00000005 68656c6c6f"),
        ("u32le", "05000000 68656c6c6f"),
        ("u64be", "0000000000000005 68656c6c6f"),
        ("u64le", "0500000000000000 68656c6c6f"),
        ("erlang1", "05 68656c6c6f"),
        ("erlang2", "0005 68656c6c6f"),
        ("erlang4", "00000005 68656c6c6f"),
        ("dns", "0005 68656c6c6f"),
        ("kcat", "00000005 68656c6c6f"),
        ("varint", "05 68656c6c6f"),
        ("netstring", "353a 68656c6c6f 2c"),
        ("pkt-line", "30303039 68656c6c6f"),
        ("syslog", "3520 68656c6c6f"),
        ("docker", "01 000000 00000005 68656c6c6f"),
        ("postgres", "01 00000009 68656c6c6f"),
        ("grpc", "01 00000005 68656c6c6f"),
        ("lsp", "436f6e74656e742d4c656e6774683a20350d0a0d0a 68656c6c6f"),
        ("native-messaging", if cfg!(target_endian = "big") { "00000005 68656c6c6f" } else { "05000000 68656c6c6f" }),
    ];
    for (name, bytes) in table {
        let format = format(name);
        assert_eq!(encoded(&format, 1, b"hello"), unhex(bytes), "{name}");
        let kind = format.has_type().then_some(1);
        let frame = Piece::Frame { offset: 0, kind, payload: b"hello".to_vec() };
        for cut in [1, 2, 100] {
            assert_eq!(decoded(&format, 0, false, &unhex(bytes), &[cut]), (vec![frame.clone()], None), "{name}");
        }
    }
    let mut names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let mut presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    presets.sort_unstable();
    assert_eq!(names, presets);
}

#[test]
fn other_tokens_and_counts_have_these_bytes() {
    for (spec, payload, bytes) in [
        ("u24be", "hello", "000005 68656c6c6f"),
        ("u24le", "hello", "050000 68656c6c6f"),
        ("i32le,null=-1", "hello", "05000000 68656c6c6f"),
        ("varint", &"x".repeat(300)[..], &format!("ac02 {}", "78".repeat(300))),
        ("u16be/all+magic=abcd,tail=0d0a", "hi", "0008 abcd 6869 0d0a"),
        ("magic=abcd+u16be/all,tail=0d0a", "hi", "abcd 0008 6869 0d0a"),
        ("pad1+u16le/self+type", "hi", "00 0500 01 6869"),
        ("pad1+u16le/rest+type", "hi", "00 0300 01 6869"),
        ("pad1+u16le/body+type", "hi", "00 0200 01 6869"),
        // A number that counts its own digits: 8 + 1, 9 + 2, 98 + 3.
        ("dec/self,sep=20", &"x".repeat(7), &format!("39 20 {}", "78".repeat(7))),
        ("dec/self,sep=20", &"x".repeat(8), &format!("3131 20 {}", "78".repeat(8))),
        ("dec/all,sep=20,tail=0a", &"x".repeat(96), &format!("313031 20 {} 0a", "78".repeat(96))),
        ("varint/self", &"x".repeat(126), &format!("7f {}", "78".repeat(126))),
        ("varint/self", &"x".repeat(127), &format!("8101 {}", "78".repeat(127))),
        ("u8,tail=2c", "", "00 2c"),
    ] {
        let format = format(spec);
        assert_eq!(encoded(&format, 1, payload.as_bytes()), unhex(bytes), "{spec}");
        let (pieces, fault) = decoded(&format, 64, false, &unhex(bytes), &[1]);
        assert_eq!((payloads(pieces), fault), (vec![payload.as_bytes().to_vec()], None), "{spec}");
    }
}

#[test]
fn zero_means_what_the_format_says() {
    let bytes = unhex("0001 61 0000 0001 62");
    let frame = |offset, payload: &str| Piece::Frame { offset, kind: None, payload: payload.into() };
    for cut in [1, 9] {
        let all = |spec| decoded(&format(spec), 100, false, &bytes, &[cut]);
        assert_eq!(all("u16be"), (vec![frame(0, "a"), frame(3, ""), frame(5, "b")], None));
        assert_eq!(all("u16be,zero=frame"), (vec![frame(0, "a"), frame(3, ""), frame(5, "b")], None));
        assert_eq!(all("u16be,zero=keepalive"), (vec![frame(0, "a"), frame(5, "b")], None));
        assert_eq!(all("u16be,zero=end"), (vec![frame(0, "a"), Piece::End], None));
        let fault = Fault { offset: 3, mistake: Mistake::Zero };
        assert_eq!(all("u16be,zero=error"), (vec![frame(0, "a")], Some(fault)));
    }
    // In `message` an empty payload has length 1; in a format that keeps zero for something else none can be written.
    assert_eq!(encoded(&format("message"), 2, b""), unhex("00000001 02"));
    for zero in ["end", "keepalive", "error"] {
        for header in ["u16be", "lsp"] {
            let format = format(&format!("{header},zero={zero}"));
            let mut out = Vec::new();
            assert_eq!(Encoder::new(&format).frame(1, b"", &mut out), Err(Misfit::Zero), "{header}");
            assert!(out.is_empty(), "{header}");
        }
    }
    // The fields after a length that counts them are not there when it is zero; after one that doesn't they are.
    for (spec, mark) in [
        ("u16be+type,zero=end", "0000"),
        ("type+u16be/body+pad1,zero=end", "01 0000 00"),
        ("lsp,zero=end", "436f6e74656e742d4c656e6774683a20300d0a0d0a"),
    ] {
        let mut bytes = Vec::new();
        assert!(Encoder::new(&format(spec)).end(1, &mut bytes));
        assert_eq!(bytes, unhex(mark));
        assert_eq!(decoded(&format(spec), 100, false, &bytes, &[1]), (vec![Piece::End], None));
        let keepalive = format(&spec.replace("end", "keepalive"));
        let twice = [bytes.clone(), bytes].concat();
        assert_eq!(decoded(&keepalive, 100, false, &twice, &[1]), (vec![], None));
    }
    assert!(!Encoder::new(&format("u32be")).end(1, &mut Vec::new()));
    // A tail ends it as it ends a frame, but not where a length of zero says that there is none.
    for (spec, mark) in
        [("netstring,zero=end", "30 3a 2c"), ("u8/all,tail=0a,zero=end", "00"), ("u8,tail=0d0a,zero=end", "00 0d0a")]
    {
        let mut bytes = Vec::new();
        assert!(Encoder::new(&format(spec)).end(1, &mut bytes));
        assert_eq!(bytes, unhex(mark));
        for cut in [1, 100] {
            assert_eq!(decoded(&format(spec), 100, false, &bytes, &[cut]), (vec![Piece::End], None));
        }
    }
    let wrong = decoded(&format("netstring,zero=keepalive"), 100, false, b"0:,0:;", &[1]).1.unwrap();
    assert_eq!(wrong, Fault { offset: 3, mistake: Mistake::Tail(b";".to_vec()) });
}

#[test]
fn null_and_control_packets_are_no_frames() {
    let kcat = format("kcat");
    let mut bytes = Vec::new();
    Encoder::new(&kcat).null(1, &mut bytes).unwrap();
    assert_eq!(bytes, unhex("ffffffff"));
    bytes.extend(encoded(&kcat, 1, b""));
    let empty = Piece::Frame { offset: 4, kind: None, payload: vec![] };
    assert_eq!(decoded(&kcat, 100, false, &bytes, &[1]), (vec![Piece::Null, empty], None));
    assert_eq!(Encoder::new(&format("u32be")).null(1, &mut bytes), Err(Misfit::NoNull));

    let pkt = format("pkt-line");
    let mut bytes = Vec::new();
    for control in [Control::Flush, Control::Delim, Control::ResponseEnd] {
        Encoder::new(&pkt).control(control, &mut bytes).unwrap();
        assert_eq!(Control::named(control.name()), Some(control));
    }
    assert_eq!(bytes, b"000000010002");
    let pieces = [Control::Flush, Control::Delim, Control::ResponseEnd].map(Piece::Control).to_vec();
    assert_eq!(decoded(&pkt, 100, false, &bytes, &[1]), (pieces, None));
    assert_eq!(Encoder::new(&kcat).control(Control::Flush, &mut bytes), Err(Misfit::NoControl));
    // What a frame has after its length a control packet has not, whichever side writes it.
    let more = format("magic=ab+hex4/self+type+pad2");
    let mut bytes = Vec::new();
    Encoder::new(&more).control(Control::Delim, &mut bytes).unwrap();
    assert_eq!(bytes, unhex("ab 30303031"));
    assert_eq!(decoded(&more, 100, false, &bytes, &[1]), (vec![Piece::Control(Control::Delim)], None));
}

#[test]
fn every_mistake_is_told_with_the_frames_offset() {
    for (spec, bytes, words) in [
        ("u32be", "00000001 61 000000", "frame at byte 5: truncated: the input ends after 3 bytes of the header"),
        ("u32be", "00000064 6161", "frame at byte 0: truncated: header promises 100 bytes, 2 follow"),
        ("netstring", "31 3a 61", "frame at byte 0: truncated: the payload is there, what should end it is not"),
        ("netstring", "31 3a 61 2d", "frame at byte 0: what should end the frame is wrong: 2d"),
        ("netstring", "30 31 3a 61 2c", "frame at byte 0: length has a leading zero"),
        ("netstring", "2b 31 3a 61 2c", "frame at byte 0: '+' is no digit of a length"),
        ("netstring", "3a 61 2c", "frame at byte 0: ':' is no digit of a length"),
        ("netstring", "31 20 61 2c", "frame at byte 0: byte 20 is no digit of a length"),
        ("netstring", "3138343436373434303733373039353531363136 3a", "frame at byte 0: length is too long"),
        ("u32be,max=1K", "00000401", "frame at byte 0: header promises 1025 bytes, which is over the maximum of 1024"),
        ("u32be/self", "00000003", "frame at byte 0: length 3 is below the 4 bytes that it counts besides the payload"),
        (
            "u32be+type",
            "00000000 00",
            "frame at byte 0: length 0 is below the 1 byte that it counts besides the payload",
        ),
        ("pkt-line", "30303033", "frame at byte 0: length 3 is below the 4 bytes that it counts besides the payload"),
        ("pkt-line", "30303078", "frame at byte 0: 'x' is no digit of a length"),
        ("kcat", "fffffffe", "frame at byte 0: length -2 is negative"),
        ("i32be", "ffffffff", "frame at byte 0: length -1 is negative"),
        ("i32le", "00000080", "frame at byte 0: length -2147483648 is negative"),
        ("docker", "01 000100 00000000", "frame at byte 0: padding is not zero but 01"),
        ("magic=abcd+u8", "abce 00", "frame at byte 0: magic is wrong: abce"),
        ("varint", "8000", "frame at byte 0: length is not in its shortest form"),
        ("varint", "ffffffffffffffffff02", "frame at byte 0: length is too long"),
        ("varint", "ffffffffffffffffffff", "frame at byte 0: length is too long"),
        ("u8,zero=error", "00", "frame at byte 0: length is zero"),
    ] {
        for cut in [1, 100] {
            let fault = decoded(&format(spec), 1 << 20, false, &unhex(bytes), &[cut]).1;
            assert_eq!(fault.expect(spec).to_string(), words, "{spec} {bytes}");
        }
    }
}

#[test]
fn header_blocks_are_read_as_language_servers_write_them() {
    let lsp = format("lsp");
    let good = b"content-length:5 \r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\nhello";
    let frame = Piece::Frame { offset: 0, kind: None, payload: b"hello".to_vec() };
    for cut in [1, 1000] {
        assert_eq!(decoded(&lsp, 100, false, good, &[cut]), (vec![frame.clone()], None));
    }
    let long = format!("Content-Length: 5\r\nX: {}\r\n\r\nhello", "x".repeat(9000));
    for (bytes, words) in [
        ("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "two Content-Lengths"),
        ("Content-Type: x\r\n\r\nhello", "no Content-Length"),
        ("Content-Length: 5\r\nhm\r\n\r\nhello", "a line without a colon"),
        ("Content-Length: -5\r\n\r\nhello", "not a number"),
        ("Content-Length: \r\n\r\nhello", "not a number"),
        ("Content-Length: 5\n\r\n\r\nhello", "not a number"),
        ("Content-Length: 05\r\n\r\nhello", "leading zero"),
        ("Content-Length : 1\r\nContent-Length: 5\r\n\r\nhello", "two Content-Lengths"),
        ("Content-Length: 99999999999999999999\r\n\r\nhello", "too long"),
        ("Content-Length: 5\r\n", "truncated: the input ends after 19 bytes of the header"),
        (&long, "longer than 8192 bytes"),
    ] {
        for cut in [1, 100_000] {
            let fault = decoded(&lsp, 100, false, bytes.as_bytes(), &[cut]).1.expect(bytes).to_string();
            assert!(fault.starts_with("frame at byte 0: ") && fault.ends_with(words), "{fault}");
        }
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    for (spec, length, misfit) in [
        ("u8", 256, Misfit::TooLong(255)),
        ("u16be/self", 65534, Misfit::TooLong(65533)),
        ("hex4/self,max=none", 65532, Misfit::TooLong(65531)),
        ("u16be,max=10", 11, Misfit::OverMaximum(10)),
        ("pkt-line", 65517, Misfit::OverMaximum(65516)),
        ("lsp,max=10", 11, Misfit::OverMaximum(10)),
    ] {
        let format = format(spec);
        let encoder = Encoder::new(&format);
        let mut out = Vec::new();
        assert_eq!(encoder.frame(1, &vec![0; length], &mut out), Err(misfit), "{spec}");
        assert!(out.is_empty());
        assert_eq!(encoder.payload_most(), length as u64 - 1, "{spec}");
        encoder.frame(1, &vec![0; length - 1], &mut out).unwrap();
    }
    let mut out = Vec::new();
    for spec in ["u64be,max=none", "varint,max=none", "dec,sep=20,max=none", "u64le/all,max=none"] {
        let format = format(spec);
        let most = Encoder::new(&format).payload_most();
        Encoder::new(&format).header(1, most, &mut out).unwrap();
        if most < u64::MAX {
            Encoder::new(&format).header(1, most + 1, &mut out).unwrap_err();
        }
    }
}

#[test]
fn a_length_is_never_believed_before_it_is_checked() {
    // As large as the field can say, without a maximum: nothing is asked for but what is there.
    for (spec, bytes) in [
        ("u64be,max=none", "ffffffffffffffff 61"),
        ("u64le/rest+type,max=none", "ffffffffffffffff 61"),
        ("varint,max=none", "ffffffffffffffffff01 61"),
        ("dec,sep=3a,max=none", "3138343436373434303733373039353531363135 3a 61"),
    ] {
        for whole in [0, 100, usize::MAX] {
            let (_, fault) = decoded(&format(spec), whole, false, &unhex(bytes), &[1]);
            assert!(
                matches!(fault, Some(Fault { offset: 0, mistake: Mistake::PayloadCut { .. } })),
                "{spec} {fault:?}"
            );
        }
    }
}

#[test]
fn frames_over_the_maximum_are_passed_over_exactly() {
    let small = format("netstring,max=3");
    let bytes = b"2:ab,4:abcd,3:abc,";
    for cut in [1, 3, 100] {
        for whole in [0, 100] {
            let (pieces, fault) = decoded(&small, whole, true, bytes, &[cut]);
            let frame = |offset, text: &str| Piece::Frame { offset, kind: None, payload: text.into() };
            assert_eq!((pieces, fault), (vec![frame(0, "ab"), Piece::Oversize(4), frame(12, "abc")], None));
        }
    }
    // What is passed over has to be as whole as any other frame.
    let (_, fault) = decoded(&small, 0, true, b"4:abcd;", &[7]);
    assert_eq!(fault.unwrap().mistake, Mistake::Tail(b";".to_vec()));
    let (_, fault) = decoded(&small, 0, true, b"4:abc", &[7]);
    assert_eq!(fault.unwrap().mistake, Mistake::PayloadCut { promised: 4, there: 3 });
}

#[test]
fn a_mistake_in_a_spec_is_pointed_at() {
    for (spec, at, words) in [
        ("", "^", "missing"),
        ("u32be+typ", "      ^^^", "no such token"),
        ("u32", "^^^", "u32be, u32le or u32ne"),
        ("u32be+", "      ^", "missing"),
        ("type", "^^^^", "no length"),
        ("u32be+u16be", "      ^^^^^", "second length"),
        ("type+u8+type", "        ^^^^", "second type"),
        ("u32be/al", "      ^^", "rest, body, self or all"),
        ("u32be+pad0", "      ^^^^", "from 1 to 255"),
        ("u32be+pad256", "      ^^^^^^", "from 1 to 255"),
        ("u32be+pad", "      ^^^", "from 1 to 255"),
        ("u32be+magic=abc", "            ^^^", "hexadecimal"),
        ("u32be+magic=", "            ^", "hexadecimal"),
        ("u32be+magic=zz", "            ^^", "hexadecimal"),
        ("u32be+magic", "      ^^^^^", "no such token"),
        ("u32be,max", "      ^^^", "needs a value"),
        ("u32be,max=", "          ^", "not a size"),
        ("u32be,max=1X", "          ^^", "not a size"),
        ("u32be,zero=frmae", "           ^^^^^", "end, frame, keepalive or error"),
        ("u8/all+pad255", "^^^^^^^^^^^^^", "no payload fits"),
        ("u32be,null=-1", "      ^^^^^^^", "can be negative"),
        ("i32be,null=0", "           ^", "can only be -1"),
        ("u32be,sep=20", "      ^^^^^^", "only dec"),
        ("dec", "^^^", "needs the option sep"),
        ("type+dec/self", "     ^^^^^^^^", "needs the option sep"),
        ("dec,sep=30", "        ^^", "digit"),
        ("u32be,mx=1", "      ^^", "unknown option"),
        ("u32be,", "      ^", "unknown option"),
        ("u32be,max=1,max=2", "            ^^^^^", "given twice"),
        ("message+type", "^^^^^^^", "only options can follow"),
        ("pkt-line,zero=end", "         ^^^^^^^^", "control packet"),
        ("U32BE", "^^^^^", "no such token"),
        ("ü32be", "^^^^^", "no such token"),
    ] {
        let error = Format::parse(spec).expect_err(spec);
        let width = spec[error.at.clone()].chars().count().max(1);
        let shown = " ".repeat(spec[..error.at.start].chars().count()) + &"^".repeat(width);
        assert_eq!(shown, at, "{spec}: {}", error.reason);
        assert!(error.reason.contains(words), "{spec}: {}", error.reason);
    }
}

#[test]
fn options_follow_a_preset_and_override_it() {
    assert_eq!(format("message").max(), Some(1 << 20));
    assert_eq!(format("message,max=2K").max(), Some(2048));
    assert_eq!(format("lsp,max=none").max(), None);
    assert_eq!(format("u32be").max(), Some(16 << 20));
    assert_eq!(encoded(&format("message,tail=0a"), 1, b"x"), unhex("00000002 01 78 0a"));
}

#[test]
fn every_preset_is_what_its_grammar_says() {
    for Preset { name, grammar, .. } in PRESETS.iter().filter(|preset| preset.name != "lsp") {
        let named = encoded(&format(name), 7, b"payload");
        assert_eq!(named, encoded(&format(grammar), 7, b"payload"), "{name}");
        assert_eq!(format(name).max(), format(grammar).max());
    }
}

/// Any SPEC of the grammar.
fn spec() -> impl Strategy<Value = String> {
    const BINARY: &[&str] =
        &["u8", "u16be", "u16le", "u16ne", "u24be", "u24le", "u32be", "u32le", "u32ne", "u64be", "u64le", "i32be"];
    let length = prop_oneof![4 => proptest::sample::select(BINARY), 2 => proptest::sample::select(&["varint", "hex4", "dec"][..])];
    let counts = proptest::sample::select(&["", "/rest", "/body", "/self", "/all"][..]);
    let extra = prop_oneof![
        Just("pad1".to_owned()),
        Just("pad3".to_owned()),
        proptest::collection::vec(any::<u8>(), 1..17).prop_map(|bytes| {
            format!("magic={}", bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
        }),
    ];
    let extras = || proptest::collection::vec(extra.clone(), 0..3);
    let kind = 0..3_u8;
    let tail = proptest::sample::select(&["", ",tail=0a", ",tail=0d0a", ",tail=00112233445566778899aabbccddeeff"][..]);
    let max = proptest::sample::select(&["", ",max=none", ",max=1M"][..]);
    let separator = proptest::sample::select(&["20", "3a", "0d0a", "616263"][..]);
    (length, counts, extras(), extras(), kind, tail, max, separator).prop_map(
        |(length, counts, before, after, kind, tail, max, separator)| {
            let mut tokens = before;
            if kind == 1 {
                tokens.push("type".to_owned());
            }
            tokens.push(format!("{length}{counts}"));
            if kind == 2 {
                tokens.push("type".to_owned());
            }
            tokens.extend(after);
            let separator = if length == "dec" { format!(",sep={separator}") } else { String::new() };
            format!("{}{max}{separator}{tail}", tokens.join("+"))
        },
    )
}

fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let record = prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 0..40),
        2 => proptest::collection::vec(any::<u8>(), 100..300),
        1 => (3000..70_000_usize).prop_map(|length| (0..length).map(|at| at.to_le_bytes()[0]).collect()),
    ];
    proptest::collection::vec(record, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("TEEBOX_CASES").map_or(300, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_encoded_is_decoded_through_any_cut_of_the_input(
        spec in spec(),
        records in records(),
        kind in any::<u8>(),
        cuts in prop_oneof![
            Just(vec![1_usize]),
            proptest::collection::vec(1..40_usize, 1..20),
            proptest::collection::vec(1..100_000_usize, 1..5),
        ],
        whole in prop_oneof![Just(0_usize), Just(usize::MAX), 0..400_usize],
    ) {
        let format = format(&spec);
        let encoder = Encoder::new(&format);
        let (mut bytes, mut framed) = (Vec::new(), Vec::new());
        for record in &records {
            let before = bytes.len();
            if encoder.frame(kind, record, &mut bytes).is_ok() {
                let kind = format.has_type().then_some(kind);
                framed.push(Piece::Frame { offset: before as u64, kind, payload: record.clone() });
            } else {
                prop_assert_eq!(bytes.len(), before);
                prop_assert!(record.len() as u64 > encoder.payload_most());
            }
        }
        prop_assert_eq!(decoded(&format, whole, false, &bytes, &cuts), (framed, None));
    }

    #[test]
    fn short_records_at_once_become_the_frames_that_they_become_one_by_one(
        spec in spec(),
        zero in proptest::sample::select(&["", ",zero=end", ",max=9"][..]),
        delimiter in prop_oneof![Just(b'\n'), Just(0), any::<u8>()],
        shape in proptest::collection::vec((0..40_usize, any::<u8>()), 0..60),
        most in prop_oneof![Just(usize::MAX), 0..300_usize],
        kind in any::<u8>(),
    ) {
        let format = Format::parse(&format!("{spec}{zero}")).unwrap_or_else(|_| format(&spec));
        let encoder = Encoder::new(&format);
        let records = shape.iter().map(|(length, byte)| vec![if *byte == delimiter { !*byte } else { *byte }; *length]);
        let bytes: Vec<u8> = records.flat_map(|record| [record, vec![delimiter]].concat()).collect();
        let mut out = b"before".to_vec();
        let (count, taken) = encoder.short(kind, delimiter, &bytes, most, &mut out);
        let mut expected = b"before".to_vec();
        let each = bytes[..taken].split_inclusive(|byte| *byte == delimiter);
        prop_assert_eq!(each.clone().count() as u64, count);
        for record in each {
            prop_assert!(expected.len() < most);
            prop_assert_eq!(encoder.frame(kind, &record[..record.len() - 1], &mut expected), Ok(()));
        }
        prop_assert_eq!(&out, &expected);
        // It stops only where it has to.
        let next = bytes[taken..].split(|byte| *byte == delimiter).next().unwrap();
        prop_assert!(
            out.len() >= most || next.len() >= SHORT || bytes.len() - taken < SHORT || count == 0
                || encoder.frame(kind, next, &mut Vec::new()).is_err()
        );
    }

    #[test]
    fn any_bytes_in_any_format_are_frames_or_a_mistake_whatever_the_cut(
        spec in spec(),
        zero in proptest::sample::select(&["", ",zero=end", ",zero=keepalive", ",zero=error"][..]),
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(prop_oneof![0..4_u8, b'0'..b':', Just(b' '), Just(b':')], 0..200),
        ],
        cuts in proptest::collection::vec(1..20_usize, 1..10),
        whole in 0..50_usize,
        skip in any::<bool>(),
    ) {
        let format = Format::parse(&format!("{spec}{zero}")).unwrap_or_else(|_| format(&spec));
        let at_once = decoded(&format, usize::MAX, skip, &bytes, &[bytes.len().max(1)]);
        // In parts, the payload before a wrong tail has been given already; but what is told is the same.
        prop_assert_eq!(&decoded(&format, usize::MAX, skip, &bytes, &cuts), &at_once);
        let (pieces, fault) = decoded(&format, whole, skip, &bytes, &cuts);
        prop_assert_eq!((pieces, fault), at_once);
    }

    #[test]
    fn any_text_is_a_spec_or_a_mistake_within_it(text in prop_oneof![".{0,40}", "[u0-9beltypadx+/,=]{0,30}"]) {
        match Format::parse(&text) {
            Ok(format) => prop_assert_eq!(format.spec(), text),
            Err(error) => {
                prop_assert!(error.at.start <= error.at.end && error.at.end <= text.len());
                prop_assert!(text.is_char_boundary(error.at.start) && text.is_char_boundary(error.at.end));
            }
        }
    }
}
