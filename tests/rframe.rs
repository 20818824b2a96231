//! rframe as its users meet it: records in, frames out, and back, with every mistake said once.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rustix::pipe::PipeFlags;

use crate::support::{self, Outcome, Sandbox, pattern, wait_until};

/// Runs a line of shell in a sandbox of its own.
fn shell(line: &str) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.run(sandbox.shell("rframe", line))
}

/// What a line prints; it must succeed and say nothing.
fn prints(line: &str) -> String {
    let outcome = shell(&format!("set -e -o pipefail; {line}"));
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()), "{line}");
    String::from_utf8(outcome.stdout).unwrap()
}

fn said(outcome: &Outcome) -> String {
    String::from_utf8(outcome.stderr.clone()).unwrap()
}

/// What a line prints, what it says, and the status of its last command.
fn fails(line: &str) -> (String, String, i32) {
    let outcome = shell(line);
    let status = outcome.status.rsplit(' ').next().unwrap().parse().unwrap();
    (String::from_utf8_lossy(&outcome.stdout).into_owned(), said(&outcome), status)
}

/// `rframe` with these arguments, run in `sandbox` on this input.
fn rframe(sandbox: &Sandbox, arguments: &[&str], input: &[u8]) -> Outcome {
    let mut command = sandbox.prepare(support::applet("rframe"));
    command.args(arguments);
    let mut child = support::spawn(command);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Outcome {
        status: output.status.to_string(),
        stdout: output.stdout,
        stderr: output.stderr,
        files: std::collections::BTreeMap::new(),
    }
}

/// What `rframe` makes of an input; it must succeed and say nothing.
fn made(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let outcome = rframe(&Sandbox::new(), arguments, input);
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()), "{arguments:?}");
    outcome.stdout
}

#[test]
fn every_kind_of_record_is_framed() {
    for (options, input, frames) in [
        ("", "a\nbc\n", "\0\0\0\x02\x01a\0\0\0\x03\x01bc"),
        ("--lines", "a\nbc", "\0\0\0\x02\x01a\0\0\0\x03\x01bc"),
        ("", "", ""),
        ("", "\n\n", "\0\0\0\x01\x01\0\0\0\x01\x01"),
        ("-0", "a\n\0\0b", "\0\0\0\x03\x01a\n\0\0\0\x01\x01\0\0\0\x02\x01b"),
        ("--chunk 2 -f u8", "abcde", "\x02ab\x02cd\x01e"),
        ("--chunk 2 -f u8", "abcd", "\x02ab\x02cd"),
        ("--chunk 2 -f u8", "", ""),
        ("--whole -f u8", "a\nb\0c", "\x05a\nb\0c"),
        ("--whole -f u8", "", "\0"),
        ("--json", "{\"type\":7,\"payload\":\"a\\u0000\"}\n\n {\"payload\":\"\"}", "\0\0\0\x03\x07a\0\0\0\0\x01\x01"),
        ("--json --type 9", "{\"payload_base64\":\"/wA=\"}\n", "\0\0\0\x03\x09\u{ff}\0"),
        ("--type 0", "a\n", "\0\0\0\x02\0a"),
        ("--end", "a\n", "\0\0\0\x02\x01a\0\0\0\0"),
        ("-f netstring", "hello\n\n", "5:hello,0:,"),
        ("-f kcat --json", "{\"payload\":null}\n", "\u{ff}\u{ff}\u{ff}\u{ff}"),
        ("-f pkt-line --json", "{\"control\":\"delim\"}\n{\"payload\":\"x\"}\n", "00010005x"),
    ] {
        let options: Vec<&str> = ["encode"].into_iter().chain(options.split_whitespace()).collect();
        let frames: Vec<u8> = frames.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        assert_eq!(made(&options, input.as_bytes()).escape_ascii().to_string(), frames.escape_ascii().to_string());
    }
}

#[test]
fn every_style_shows_the_frames() {
    let frames = b"\x01\0\0\0\x03a\nb\x02\0\0\0\0\x09\0\0\0\x05\xff\x1b\xc2\x85\t\x03\0\0\0\x06h\xc3\xa9llo";
    for (options, output) in [
        ("", b"a\nb\n\n\xff\x1b\xc2\x85\t\nh\xc3\xa9llo\n".as_slice()),
        ("--lines", b"a\nb\n\n\xff\x1b\xc2\x85\t\nh\xc3\xa9llo\n"),
        ("-0", b"a\nb\0\0\xff\x1b\xc2\x85\t\0h\xc3\xa9llo\0"),
        ("--raw", b"a\nb\xff\x1b\xc2\x85\th\xc3\xa9llo"),
        ("--show", b"[INFO] a\\nb\n[PROGRESS] \n[9] \\xff\\u{1b}\\u{85}\\t\n[RESULT] h\xc3\xa9llo\n"),
        (
            "--show --type-name 9=B=C --type-name 1=a",
            b"[a] a\\nb\n[PROGRESS] \n[B=C] \\xff\\u{1b}\\u{85}\\t\n[RESULT] h\xc3\xa9llo\n",
        ),
        (
            "--json",
            b"{\"offset\":0,\"length\":3,\"type\":1,\"payload\":\"a\\nb\"}\n\
              {\"offset\":8,\"length\":0,\"type\":2,\"payload\":\"\"}\n\
              {\"offset\":13,\"length\":5,\"type\":9,\"payload_base64\":\"/xvChQk=\"}\n\
              {\"offset\":23,\"length\":6,\"type\":3,\"payload\":\"h\xc3\xa9llo\"}\n",
        ),
    ] {
        let options: Vec<&str> = ["decode", "-f", "grpc"].into_iter().chain(options.split_whitespace()).collect();
        assert_eq!(made(&options, frames).escape_ascii().to_string(), output.escape_ascii().to_string());
    }
}

#[test]
fn nulls_and_control_packets_are_shown_where_there_is_a_way_to() {
    let kcat = "printf '\\0\\0\\0\\1a\\377\\377\\377\\377\\0\\0\\0\\0' | rframe decode -f kcat";
    assert_eq!(prints(&format!("{kcat} --lines")), "a\n\n\n");
    assert_eq!(prints(&format!("{kcat} --show")), "a\n(null)\n\n");
    assert_eq!(
        prints(&format!("{kcat} --json")),
        "{\"offset\":0,\"length\":1,\"payload\":\"a\"}\n{\"offset\":5,\"length\":0,\"payload\":null}\n\
         {\"offset\":9,\"length\":0,\"payload\":\"\"}\n"
    );
    let git = "printf 0006hi00000001000200050 | rframe decode -f pkt-line";
    assert_eq!(prints(&format!("{git} --lines")), "hi\n0\n");
    assert_eq!(prints(&format!("{git} --raw")), "hi0");
    assert_eq!(prints(&format!("{git} --show")), "hi\n[flush]\n[delim]\n[response-end]\n0\n");
    // What decode --json writes, encode --json reads.
    assert_eq!(prints(&format!("{git} --json | rframe encode -f pkt-line --json")), "0006hi00000001000200050");
    let again = format!("{kcat} --json | rframe encode -f kcat --json | od -An -tx1");
    assert_eq!(prints(&again), " 00 00 00 01 61 ff ff ff ff 00 00 00 00\n");
}

#[test]
fn a_file_is_read_like_standard_input() {
    assert_eq!(
        prints("printf 'a\\nb\\n' > in; rframe encode in > out; rframe decode out; rframe decode - < out"),
        "a\nb\na\nb\n"
    );
    assert_eq!(prints("printf a > ./-x; rframe encode --whole -f u8 -- -x"), "\u{1}a");
    assert_eq!(prints("mkfifo f; seq 3 | rframe encode > f & rframe decode f; wait"), "1\n2\n3\n");
}

#[test]
fn an_input_that_cannot_be_read_is_named() {
    for (line, message) in [
        ("rframe decode missing", "rframe: missing: No such file or directory\n"),
        ("rframe encode .", "rframe: .: Is a directory\n"),
        ("rframe encode --chunk 1M .", "rframe: .: Is a directory\n"),
        ("rframe encode --whole .", "rframe: .: Is a directory\n"),
        ("rframe decode < .", "rframe: standard input: Is a directory\n"),
        ("rframe decode <&-", "rframe: standard input: Bad file descriptor\n"),
        ("rframe encode --chunk 1M <&-", "rframe: standard input: Bad file descriptor\n"),
        ("rframe encode 'a b'$'\\n'", "rframe: 'a b'$'\\n': No such file or directory\n"),
        ("rframe encode $'\\xff'", "rframe: ''$'\\377': No such file or directory\n"),
    ] {
        assert_eq!(fails(line), (String::new(), message.to_owned(), 1), "{line}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    for (line, reason) in [
        ("seq 3 | rframe encode > /dev/full", "No space left on device"),
        ("seq 3 | rframe encode | rframe decode > /dev/full", "No space left on device"),
        ("head -c 300000 /dev/zero | rframe encode --chunk 200K > /dev/full", "No space left on device"),
        ("seq 3 | rframe encode >&-", "Bad file descriptor"),
        ("seq 3 | rframe encode --whole >&-", "Bad file descriptor"),
        ("rframe formats > /dev/full", "No space left on device"),
        ("head -c 300000 /dev/zero > f; rframe encode --whole f > /dev/full", "No space left on device"),
        ("head -c 3000000 /dev/zero | rframe encode -f u32be > /dev/full", "No space left on device"),
        ("head -c 300000 /dev/zero | rframe encode --whole | rframe decode > /dev/full", "No space left on device"),
        (
            "head -c 300000 /dev/zero | rframe encode --whole > f; rframe decode f > /dev/full",
            "No space left on device",
        ),
    ] {
        let (stdout, stderr, status) = fails(line);
        assert_eq!(
            (stdout, stderr, status),
            (String::new(), format!("rframe: standard output: {reason}\n"), 1),
            "{line}"
        );
    }
    // With SIGPIPE ignored a reader that has left is an error like any other.
    let line = "seq 300000 > in; { trap '' PIPE; rframe encode in; echo $? >&2; } | true";
    assert_eq!(fails(line).1, "rframe: standard output: Broken pipe\n1\n");
}

#[test]
fn a_reader_that_leaves_ends_it_without_a_word() {
    let line = "for what in 'rframe encode' 'rframe encode --chunk 200K' 'rframe encode --json'; do \
        yes '{\"payload\":\"x\"}' | $what | head -c 10 > /dev/null; echo ${PIPESTATUS[1]}; done; \
        yes | rframe encode | rframe decode | head -n 1; echo ${PIPESTATUS[@]:1:2}";
    assert_eq!(fails(line), ("141\n141\n141\ny\n141 141\n".to_owned(), String::new(), 0));
}

#[test]
fn a_frame_that_is_cut_short_is_told_with_what_was_promised_and_what_came() {
    // 103 frames of 10 bytes, then one of a hundred of which 37 come.
    let frames: Vec<u8> =
        (0..103).flat_map(|_| *b"\0\0\0\x06\x01hello").chain(*b"\0\0\0\x65\x01").chain([b'x'; 37]).collect();
    let outcome = rframe(&Sandbox::new(), &["decode"], &frames);
    let message = "rframe: standard input: frame at byte 1030: truncated: header promises 100 bytes, 37 follow\n";
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 1", message.to_owned()));
    assert_eq!(outcome.stdout, b"hello\n".repeat(103));
    // A payload that is larger than the buffers has left as far as it came.
    let large: Vec<u8> = b"\0\x10\0\0\x01".iter().copied().chain(pattern(1_000_000)).collect();
    let outcome = rframe(&Sandbox::new(), &["decode", "--raw"], &large);
    let message = "rframe: standard input: frame at byte 0: truncated: header promises 1048575 bytes, 1000000 follow\n";
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 1", message.to_owned()));
    assert!(outcome.stdout == pattern(1_000_000));
}

#[test]
fn what_came_before_a_mistake_has_been_delivered() {
    for (line, printed, message) in [
        (
            "printf '1:a,1:b;' | rframe decode -f netstring",
            "a\n",
            "rframe: standard input: frame at byte 4: what should end the frame is wrong: 3b\n",
        ),
        (
            "printf '1:a,999999999:' | rframe decode -f netstring --json",
            "{\"offset\":0,\"length\":1,\"payload\":\"a\"}\n",
            "rframe: standard input: frame at byte 4: header promises 999999999 bytes, which is over the maximum of 16777216\n",
        ),
        (
            "printf '1:a,x' > f; rframe decode -f netstring f",
            "a\n",
            "rframe: f: frame at byte 4: 'x' is no digit of a length\n",
        ),
        (
            "printf 'a\\n%300s\\nb\\n' | rframe encode -f u8",
            "\u{1}a",
            "rframe: standard input: record 2: longer than the 255 bytes that the length field can say\n",
        ),
        (
            "head -c 2000000 /dev/zero | rframe encode",
            "",
            "rframe: standard input: record 1: longer than the maximum of 1048576 bytes\n",
        ),
        (
            "head -c 2000000 /dev/zero | rframe encode --whole",
            "",
            "rframe: standard input: record 1: longer than the maximum of 1048576 bytes\n",
        ),
        (
            "head -c 2000000 /dev/zero > f; rframe encode --whole f",
            "",
            "rframe: f: record 1: longer than the maximum of 1048576 bytes\n",
        ),
        (
            "printf 'a\\n\\n' | rframe encode -f u8,zero=end",
            "\u{1}a",
            "rframe: standard input: record 2: a length of zero has another meaning in this format\n",
        ),
        (
            "printf '{\"payload\":\"a\"}\\n{\"paylod\":\"b\"}\\n' | rframe encode --json -f u8",
            "\u{1}a",
            "rframe: standard input: record 2: it has no payload and no payload_base64\n",
        ),
        (
            "printf '\\n{\"payload\":\"a\",\"type\":3}\\n' | rframe encode --json -f u8",
            "",
            "rframe: standard input: record 1: it has a type, and frames of this format have none\n",
        ),
    ] {
        assert_eq!(fails(line), (printed.to_owned(), message.to_owned(), 1), "{line}");
    }
}

#[test]
fn a_line_that_is_no_record_is_told_why() {
    for (line, reason) in [
        ("x", "expected value at column 1"),
        ("{\"payload\":\"a\"", "EOF while parsing an object at column 14"),
        ("[1]", "not a JSON object"),
        ("{\"payload\":1}", "payload is not a string"),
        ("{\"payload\":\"\\ud800\"}", "unexpected end of hex escape at column 19"),
        ("{\"payload_base64\":\"*\"}", "payload_base64: Invalid symbol 42, offset 0."),
        ("{\"payload_base64\":5}", "payload_base64 is not a string"),
        ("{\"type\":256,\"payload\":\"\"}", "type is not a number from 0 to 255"),
        ("{\"type\":\"1\",\"payload\":\"\"}", "type is not a number from 0 to 255"),
        ("{\"payload\":\"\",\"payload_base64\":\"\"}", "it has more than one of payload, payload_base64 and control"),
        ("{\"control\":\"stop\"}", "control is not flush, delim or response-end"),
        ("{\"control\":\"flush\"}", "this format has no control packets"),
        ("{\"payload\":null}", "this format has no null"),
        ("\u{1b}", "expected value at column 1"),
    ] {
        let outcome = rframe(&Sandbox::new(), &["encode", "--json"], line.as_bytes());
        assert_eq!(said(&outcome), format!("rframe: standard input: record 1: {reason}\n"), "{line}");
        assert_eq!((outcome.status.as_str(), outcome.stdout.len()), ("exit status: 1", 0));
    }
}

#[test]
fn what_is_too_long_is_passed_over_in_step_and_said() {
    let small = "-f netstring --max 3 --skip-oversize";
    assert_eq!(
        fails(&format!("printf '2:ab,4:abcd,3:abc,' | rframe decode {small}")),
        (
            "ab\nabc\n".into(),
            "rframe: standard input: frame at byte 5: 4 bytes are over the maximum of 3; skipped\n".into(),
            1
        )
    );
    for rest in ["cd", "", &"x".repeat(400_000)] {
        for option in ["", "--json"] {
            let (open, close) = if option.is_empty() { ("", "") } else { ("{\"payload\":\"", "\"}") };
            let lines = ["ab", &format!("abab{rest}"), "abc"].map(|text| format!("{open}{text}{close}\n")).concat();
            let mut options: Vec<&str> = ["encode"].into_iter().chain(small.split(' ')).collect();
            options.extend(Some(option).filter(|option| !option.is_empty()));
            let outcome = rframe(&Sandbox::new(), &options, lines.as_bytes());
            let message = "rframe: standard input: record 2: longer than the maximum of 3 bytes; skipped\n";
            assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 1", message.to_owned()));
            assert_eq!(outcome.stdout, b"2:ab,3:abc,");
        }
    }
    // A large one, too, in a pipe and in a file.
    let line = "head -c 3000000 /dev/zero > in; for file in - in; do \
        rframe encode -f u32be --whole --max none in > f; printf '\\0\\0\\0\\1a' >> f; \
        rframe decode -f u32be --max 1M --skip-oversize \"$file\" < f; done";
    let message = "frame at byte 0: 3000000 bytes are over the maximum of 1048576; skipped\n";
    let (printed, said, status) = fails(&line.replace("\"$file\"", "$(test $file = in && echo f)"));
    assert_eq!((printed.as_str(), status), ("a\na\n", 1));
    assert_eq!(said, format!("rframe: standard input: {message}rframe: f: {message}"));
    let line = "head -c 3000000 /dev/zero > in; rframe encode --whole --skip-oversize in; echo $?; \
        cat in | rframe encode --whole --skip-oversize; echo $?";
    let message = "record 1: longer than the maximum of 1048576 bytes; skipped\n";
    assert_eq!(fails(line), ("1\n1\n".into(), format!("rframe: in: {message}rframe: standard input: {message}"), 0));
    // It is read to its end, so that who writes it doesn't fail.
    let line = "(head -c 9000000 /dev/zero; echo $? >&2) | rframe encode --whole --skip-oversize";
    assert_eq!(fails(line), (String::new(), format!("rframe: standard input: {message}0\n"), 1));
}

#[test]
fn the_mark_that_ends_a_stream_leaves_the_rest_of_a_file_to_the_next() {
    let line = "{ seq 3 | rframe encode --end; echo rest; } > f; { rframe decode; cat; } < f";
    assert_eq!(prints(line), "1\n2\n3\nrest\n");
    // In a pipe what was read is gone; all of it comes in one piece.
    let line = "{ seq 3 | rframe encode --end; echo rest; } > f; cat f | { rframe decode; cat; }";
    assert_eq!(prints(line), "1\n2\n3\n");
}

#[test]
fn wrong_usage_is_told_in_a_line_and_reads_nothing() {
    for (arguments, words) in [
        ("", "requires a subcommand but one was not provided"),
        ("nonsense", "unrecognized subcommand 'nonsense'"),
        ("encode --nonsense", "unexpected argument '--nonsense'"),
        ("encode a b", "unexpected argument 'b'"),
        ("encode --type 256", "256 is not in 0..=255"),
        ("encode --type -1", "unexpected argument '-1'"),
        ("encode --type x", "invalid digit"),
        ("encode --type 1 -f u8", "--type: frames of the format u8 have no type"),
        ("encode --chunk 0", "a record needs at least one byte"),
        ("encode --chunk 2M", "--chunk: a payload of the format message has at most 1048576 bytes"),
        ("encode --chunk 256 -f u8", "--chunk: a payload of the format u8 has at most 255 bytes"),
        ("encode --chunk 99999999999999999999", "too large a size"),
        ("encode --chunk 1 --whole", "cannot be used with"),
        ("encode --end -f u8", "--end: the format u8 has no mark that ends a stream"),
        ("decode --raw --json", "cannot be used with"),
        ("decode --max x", "not a size"),
        ("decode --type-name x", "N=NAME is needed"),
        ("decode --type-name 300=x", "N is not a number from 0 to 255"),
        ("decode -f ''", "format: a token is missing here"),
        ("decode -f $'\\xff'", "the format is not UTF-8"),
    ] {
        let (stdout, stderr, status) =
            fails(&format!("echo unread > f; {{ rframe {arguments}; s=$?; cat; exit $s; }} < f"));
        assert_eq!((stdout.as_str(), status), ("unread\n", 2), "{arguments}");
        assert!(stderr.starts_with("rframe: ") && stderr.contains(words), "{arguments}: {stderr}");
    }
    let (_, stderr, _) = fails("rframe decode -f u32be+typ,max=1M");
    assert!(stderr.starts_with("rframe: format: no such token or preset; "), "{stderr}");
    assert!(stderr.ends_with("\n  u32be+typ,max=1M\n        ^^^\n"), "{stderr}");
    let (_, stderr, _) = fails("rframe decode -f $'\\e[31mu8'");
    assert!(stderr.ends_with("\n  \\u{1b}[31mu8\n  ^^^^^^^^^^^^\n"), "{stderr}");
}

#[test]
fn help_and_version_are_shown_by_every_command() {
    for command in ["rframe", "rframe encode", "rframe decode", "rframe formats"] {
        assert!(prints(&format!("{command} --help")).contains("Usage: rframe"), "{command}");
        assert_eq!(prints(&format!("{command} --version")), "rframe (teebox) 0.1.0\n");
    }
    let help = prints("rframe --help");
    for preset in teebox::framing::spec::PRESETS {
        assert!(help.contains(&format!("  {:<16} {}", preset.name, preset.grammar)), "{}", preset.name);
    }
}

#[test]
fn formats_lists_every_preset_between_tabs() {
    let listed = prints("rframe formats");
    assert!(listed.starts_with("message\tu32be+type,max=1M,zero=end\t"), "{listed}");
    assert_eq!(listed.lines().count(), teebox::framing::spec::PRESETS.len());
    assert!(listed.lines().all(|line| line.split('\t').count() == 3));
}

/// A pipe in packet mode: every read returns what one write(2) wrote, up to a page.
fn packets() -> (File, File) {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
    (reader.into(), writer.into())
}

/// The next packet; there has to be one.
fn packet(from: &mut File) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let count = from.read(&mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn slow_records_leave_at_once_each_in_one_write() {
    for (arguments, pieces, written) in [
        (&["encode"][..], &["a", "b", "\nc", "\n"][..], &["", "", "\0\0\0\x03\x01ab", "\0\0\0\x02\x01c"][..]),
        (&["encode", "-f", "netstring"], &["a\n", "b\nc"], &["1:a,", "1:b,"]),
        (&["encode", "--chunk", "2", "-f", "u8"], &["a", "bc", "d"], &["", "\x02ab", "\x02cd"]),
        (&["encode", "--json", "-f", "u8"], &["{\"payload\":\"a\"}", "\n"], &["", "\x01a"]),
        (&["decode"], &["\0\0", "\0\x03", "\x01", "a", "b", "\0\0\0\x01\x01"], &["", "", "", "", "ab\n", "\n"]),
        (&["decode", "-f", "netstring", "--raw"], &["1:a", ",", "2:bc,"], &["", "a", "bc"]),
        (&["decode", "-f", "u8", "--show"], &["\x02a", "b"], &["", "ab\n"]),
        (&["decode", "-f", "u8", "--json"], &["\x01", "b"], &["", "{\"offset\":0,\"length\":1,\"payload\":\"b\"}\n"]),
    ] {
        let (mut reader, writer) = packets();
        let mut command = support::applet("rframe");
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
        drop(command);
        let mut stdin = child.stdin.take().unwrap();
        for (piece, written) in pieces.iter().zip(written) {
            stdin.write_all(piece.as_bytes()).unwrap();
            if written.is_empty() {
                // It has been read, and nothing came of it.
                wait_until("the piece is read", || rustix::io::ioctl_fionread(&stdin) == Ok(0));
            } else {
                assert_eq!(String::from_utf8(packet(&mut reader)).unwrap(), *written, "{arguments:?}");
            }
        }
        drop(stdin);
        child.wait().unwrap();
    }
}

#[test]
fn fast_records_leave_in_large_writes() {
    for arguments in [&["encode"][..], &["decode", "-f", "u8"]] {
        let sandbox = Sandbox::new();
        let input =
            if arguments[0] == "encode" { b"123456789\n".repeat(100_000) } else { b"\x09123456789".repeat(100_000) };
        std::fs::write(sandbox.path("in"), &input).unwrap();
        let (reader, writer) = support::pipe();
        let mut command = support::applet("rframe");
        let mut child =
            command.args(arguments).stdin(File::open(sandbox.path("in")).unwrap()).stdout(writer).spawn().unwrap();
        drop(command);
        let mut reader = std::io::BufReader::with_capacity(1 << 20, reader);
        let expected = if arguments[0] == "encode" { input.len() / 10 * 14 } else { input.len() };
        let mut bytes = vec![0; expected];
        reader.read_exact(&mut bytes).unwrap();
        // It waits, as a zombie does, until it is asked for: its counts can be read.
        let io = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
        let calls =
            io.lines().find_map(|line| line.strip_prefix("syscw: ")).and_then(|count| count.parse::<usize>().ok());
        child.wait().unwrap();
        assert!(calls.is_none_or(|calls| calls <= expected / 65536 + 3), "{calls:?} writes");
    }
}

#[test]
fn records_of_any_size_survive_the_way_there_and_back() {
    // Around what is copied, the buffer, what waits in memory, and beyond.
    for size in [65_535, 65_536, 131_071, 131_072, 131_073, 262_144, 2_097_151, 2_097_152, 2_097_153, 5_000_000] {
        let mut record: Vec<u8> =
            pattern(size).into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }).collect();
        record.push(b'\n');
        let input = [b"before\n", record.as_slice(), b"after\n"].concat();
        let frames = made(&["encode", "-f", "netstring"], &input);
        let expected = [b"6:before,", format!("{size}:").as_bytes(), &record[..size], b",5:after,"].concat();
        assert!(frames == expected, "{size}");
        assert!(made(&["decode", "-f", "netstring"], &frames) == input, "{size}");
    }
}

#[test]
fn a_long_record_that_nothing_ends_is_one_all_the_same() {
    let record = vec![b'x'; 5_000_000];
    let frames = made(&["encode", "-f", "u32be"], &record);
    assert!(frames == [5_000_000_u32.to_be_bytes().as_slice(), &record].concat());
}

#[test]
fn a_directory_for_long_records_that_cannot_be_used_is_named() {
    let line = "{ echo a; head -c 3000000 /dev/zero; echo; } | TMPDIR=$PWD/missing rframe encode -f u32be | head -c 5 | od -An -c";
    let outcome = shell(line);
    assert!(said(&outcome).ends_with("/missing: No such file or directory\n"), "{}", said(&outcome));
    assert_eq!(outcome.stdout, b"  \\0  \\0  \\0 001   a\n");
}

#[test]
fn large_chunks_are_the_bytes_of_the_input_whatever_it_is() {
    for chunk in ["65537", "1M", "1048577", "3M"] {
        for input in [
            "rframe",
            "cat in | rframe",
            "dd bs=4097 if=in status=none | rframe",
            "dd bs=263 if=in status=none | rframe",
        ] {
            let size = if input.contains("263") { 2_100_001 } else { 7_000_001 };
            let source = if input == "rframe" { "< in" } else { "" };
            let line = format!(
                "head -c {size} /dev/urandom > in; for to in '| cat > frames' '> frames' '>> appended'; do \
                 eval \"{input} encode -f u32le --chunk {chunk} {source} $to\"; \
                 test -e appended && mv appended frames; rframe decode -f u32le --raw frames | cmp - in; \
                 rframe decode -f u32le --raw < frames > out; cmp out in; cat frames | rframe decode -f u32le --raw | cmp - in; \
                 cat frames | rframe decode -f u32le --raw >> more; cmp more in; rm more; \
                 rframe decode -f u32le --json frames | jq -r .length | sort -n | tail -n 1; done"
            );
            if support::peer("jq", "jq").is_none() {
                return;
            }
            let most = teebox::size::parse(chunk).unwrap();
            let most = most.min(size);
            assert_eq!(prints(&line), format!("{most}\n").repeat(3), "{chunk} {input}");
        }
    }
}

#[test]
fn all_there_is_becomes_one_frame() {
    for size in [0, 1, 70_000, 1_048_576, 1_048_577, 7_000_000] {
        let line = format!(
            "head -c {size} /dev/urandom > in; rframe encode -f u32be --whole in > a; cat in | rframe encode -f u32be --whole > b; \
             rframe encode -f u32be --whole < in | cat > c; cmp a b; cmp b c; stat -c %s a; rframe decode -f u32be --raw a | cmp - in"
        );
        assert_eq!(prints(&line), format!("{}\n", size + 4));
    }
}

#[test]
fn where_splice_is_refused_the_bytes_are_the_same() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    for inject in [
        "splice:error=ENOSYS",
        "splice:error=EINVAL:when=3+",
        "splice:error=EINTR:when=1+2",
        "pipe2:error=EMFILE",
        "fcntl:error=EPERM",
        "read:error=EINTR:when=2+2",
        "write:error=EINTR:when=1+2",
        "writev:error=EINTR:when=1+2",
    ] {
        let run = format!("{} -A rframe", support::injecting(inject));
        let line = format!(
            "head -c 3000000 /dev/urandom > in; cat in | {run} encode -f u32be --chunk 1M | cat > a; {run} encode -f u32be --chunk 1M in > b; \
             cmp a b; cat a | {run} decode -f u32be --raw | cmp - in; {run} decode -f u32be --raw a > out; cmp out in; \
             seq 100000 | {run} encode | {run} decode | cmp - <(seq 100000); grep -q INJECTED trace"
        );
        assert_eq!(prints(&line), "", "{inject}");
    }
}

#[test]
fn descriptors_that_do_not_wait_and_packets_lose_nothing() {
    // Nobody waits for these descriptors but poll(2).
    let bytes = pattern(3_000_000);
    let (input, mut to_input) = support::pipe();
    let (mut from_output, output) = support::pipe();
    for fd in [&input, &output] {
        let flags = rustix::fs::fcntl_getfl(fd).unwrap();
        rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    }
    let mut command = support::applet("rframe");
    let mut child =
        command.args(["encode", "--chunk", "100000", "-f", "u32be"]).stdin(input).stdout(output).spawn().unwrap();
    drop(command);
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || to_input.write_all(&sent).unwrap());
    let mut frames = Vec::new();
    from_output.read_to_end(&mut frames).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(made(&["decode", "-f", "u32be", "--raw"], &frames) == bytes);

    // A packet that is read with a short buffer loses its rest, here or behind a splice(2).
    for arguments in [&["encode", "--chunk", "150000", "-f", "u32be"][..], &["encode", "--whole", "-f", "u32be"]] {
        let (input, mut to_input) = packets();
        let mut command = support::applet("rframe");
        let mut child = command.args(arguments).stdin(input).stdout(Stdio::piped()).spawn().unwrap();
        drop(command);
        let sent = bytes[..300_000].to_vec();
        let writer =
            std::thread::spawn(move || sent.chunks(1000).for_each(|packet| to_input.write_all(packet).unwrap()));
        let mut frames = Vec::new();
        let mut stdout = child.stdout.take().unwrap();
        let mut some = [0; 7];
        loop {
            match stdout.read(&mut some).unwrap() {
                0 => break,
                count => frames.extend_from_slice(&some[..count]),
            }
        }
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
        assert!(made(&["decode", "-f", "u32be", "--raw"], &frames) == bytes[..300_000]);
    }
}

/// A socket in packet mode: every packet is what one write(2) wrote, however much that was.
fn packet_sockets() -> (File, File) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    (one.into(), other.into())
}

#[test]
fn a_frame_that_the_buffers_have_room_for_leaves_in_one_write() {
    let xs = |count| b"x".repeat(count);
    let framed = [b"\x01\xd4\xc0".to_vec(), xs(120_000)].concat();
    for (arguments, input, written) in [
        (&["encode", "--whole", "-f", "netstring"][..], &xs(1), &[4][..]),
        (&["encode", "--whole", "-f", "netstring"], &xs(70_000), &[70_007]),
        (&["encode", "--chunk", "70000", "-f", "netstring"], &xs(70_001), &[70_007, 4]),
        (&["encode", "--chunk", "131072", "-f", "u32be"], &xs(131_072), &[131_076]),
        (&["encode", "--chunk", "500000", "-f", "u32be"], &xs(100_000), &[100_004]),
        (&["encode", "-0", "-f", "netstring"], &xs(100_000), &[100_008]),
        (&["decode", "-f", "u24be"], &framed, &[120_001]),
        (&["decode", "-f", "u24be", "--raw"], &framed, &[120_000]),
    ] {
        let (mut ours, output) = packet_sockets();
        let mut command = support::applet("rframe");
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(output).spawn().unwrap();
        drop(command);
        child.stdin.take().unwrap().write_all(input).unwrap();
        let mut packet = vec![0; 200_000];
        let mut lengths = Vec::new();
        loop {
            match ours.read(&mut packet).unwrap() {
                0 => break,
                length => lengths.push(length),
            }
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(lengths, written, "{arguments:?}");
    }
}

#[test]
fn sockets_of_any_kind_are_read_to_the_last_byte() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let bytes = pattern(600_000);
    for kind in [SocketType::STREAM, SocketType::SEQPACKET] {
        for arguments in [&["encode", "--chunk", "250000", "-f", "u32be"][..], &["encode", "--whole", "-f", "u32be"]] {
            let (ours, input) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
            let mut command = support::applet("rframe");
            command.args(arguments).stdin(Stdio::from(input)).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            drop(command);
            let sent = bytes.clone();
            let writer = std::thread::spawn(move || {
                let mut ours = File::from(ours);
                sent.chunks(150_000).for_each(|packet| ours.write_all(packet).unwrap());
            });
            let mut frames = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut frames).unwrap();
            writer.join().unwrap();
            assert!(child.wait().unwrap().success());
            assert!(made(&["decode", "-f", "u32be", "--raw"], &frames) == bytes, "{kind:?}");
        }
    }
}

#[test]
fn large_payloads_move_by_splice() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("in"), pattern(10_000_000)).unwrap();
    let line = "set -e -o pipefail; trace='strace -e trace=splice -o trace'; \
        cat in | $trace rframe encode -f u32be --chunk 1M | cat > frames; mv trace encoded; \
        cat frames | $trace rframe decode -f u32be --raw | cmp - in";
    let outcome = sandbox.run(sandbox.shell("rframe", line));
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()));
    for (file, least) in [("encoded", 2 * 9_000_000), ("trace", 9_000_000)] {
        let trace = String::from_utf8(sandbox.read(file)).unwrap();
        let counts = trace.lines().filter_map(|line| line.rsplit("= ").next()?.parse::<usize>().ok());
        let moved: usize = counts.sum();
        assert!(moved >= least, "{file}: {moved} of {least} bytes");
    }
}

#[test]
fn a_regular_file_is_framed_from_where_it_stands_to_where_it_ends() {
    let line = "head -c 300000 /dev/urandom > f; { dd bs=10 count=1 of=/dev/null status=none; rframe encode --whole -f u32be; } < f \
        | rframe decode -f u32be --raw | cmp - <(tail -c +11 f); rframe encode --whole -f u32be /proc/version | rframe decode -f u32be --raw \
        | cmp - /proc/version";
    assert_eq!(prints(line), "");
    // One that becomes shorter can't keep what its header promised.
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("f"), vec![b'x'; 4 << 20]).unwrap();
    let mut command = sandbox.prepare(support::applet("rframe"));
    command.args(["encode", "--whole", "-f", "u32be", "f"]);
    let mut child = support::spawn(command);
    let mut header = [0; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut header).unwrap();
    // A pipe full of it is on its way, and no more.
    OpenOptions::new().write(true).open(sandbox.path("f")).unwrap().set_len(2 << 20).unwrap();
    let (stdout, stderr, status) = support::finish(child);
    let words = "record 1: the file shrank meanwhile: 4194304 bytes were promised, 2097152 followed";
    assert_eq!((stdout.len(), stderr, status.code()), (2 << 20, format!("rframe: f: {words}\n"), Some(1)));
}

#[test]
fn an_input_that_is_the_output_is_refused_before_it_grows_without_end() {
    let (_, stderr, status) = fails("seq 10 > g; rframe encode -f u8 g >> g");
    assert_eq!((stderr.as_str(), status), ("rframe: g: input file is output file\n", 1));
    assert_eq!(prints("seq 3 > g; rframe encode < g > g; cat g"), "");
}

#[test]
fn what_waits_in_a_file_waits_in_one_and_its_errors_are_told() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    let line = "head -c 16000000 /dev/zero | TMPDIR=$PWD strace -o trace -e trace=open,openat rframe encode --whole --max none -f u32be \
        | wc -c; grep -c TMPFILE trace";
    assert_eq!(prints(line), "16000004\n1\n");
    // Where the file system has no files without a name.
    let inject = "strace -o trace -P $PWD -e inject=open,openat:error=EOPNOTSUPP";
    let line =
        format!("{{ head -c 5000000 /dev/zero; echo; }} | TMPDIR=$PWD {inject} rframe encode -f u32be | wc -c; ls -A");
    assert_eq!(prints(&line), "5000004\ntrace\n");
    let line =
        "(trap '' XFSZ; ulimit -f 100; { head -c 5000000 /dev/zero; echo; } | TMPDIR=$PWD rframe encode -f u32be)";
    let (_, stderr, status) = fails(line);
    assert!(stderr.starts_with("rframe: /") && stderr.ends_with(": File too large\n"), "{stderr}");
    assert_eq!(status, 1);
}

#[test]
fn memory_that_cannot_be_had_is_told() {
    let line = "(ulimit -v 100000; { printf '\\100\\0\\0\\0'; head -c 300000000 /dev/zero; } | rframe decode -f u32be --max none --json)";
    let (_, stderr, status) = fails(line);
    assert_eq!((stderr.as_str(), status), ("rframe: standard input: Cannot allocate memory\n", 1));
}

#[test]
fn nothing_of_an_argument_or_a_payload_begins_a_line_or_turns_one() {
    for line in ["rframe decode -f $'u8\\nrframe: fake'", "rframe encode $'--foo\\nrframe: fake'"] {
        let (_, stderr, status) = fails(line);
        assert_eq!(status, 2);
        assert!(stderr.contains("\\nrframe: fake") && !stderr.contains("\nrframe: fake"), "{stderr}");
    }
    let bidi = "\u{61c}\u{200f}\u{202e}\u{2028}\u{2066}\\";
    let line = format!("printf '%s' '{bidi}' | rframe encode -f u8 | rframe decode -f u8 --show");
    assert_eq!(prints(&line), "\\u{61c}\\u{200f}\\u{202e}\\u{2028}\\u{2066}\\\\\n");
    let (_, stderr, status) = fails("rframe decode --show --type-name $'4=\\u202eevil'");
    assert_eq!(status, 2);
    assert!(stderr.contains("characters that can be shown"), "{stderr}");
}

#[test]
fn json_may_hold_more_than_a_record_needs() {
    let junk = "y".repeat(600_000);
    let line =
        format!("{{\"payload\":\"x\",\"junk\":\"{junk}\",\"type\":1.0,\"payload_base64\":null,\"control\":null}}\r\n");
    assert_eq!(made(&["encode", "--json", "-f", "type+u8"], line.as_bytes()), b"\x01\x01x");
    let outcome = rframe(&Sandbox::new(), &["encode", "--json", "-f", "u8"], &vec![b' '; 3_000_000]);
    let message = "rframe: standard input: record 1: a line of more than 2098682 bytes is too long here\n";
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 1", message.to_owned()));
}

/// Feeds `header`, then `length` zero bytes, in a way that costs little; returns the peak of memory in KiB once all went
/// through, and what came out.
fn peak_of(arguments: &[&str], header: &[u8], length: u64) -> (u64, u64) {
    let mut command = support::applet("rframe");
    command.args(arguments).env("TMPDIR", std::env::temp_dir());
    let mut child = support::spawn(command);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let header = header.to_owned();
    let writer = std::thread::spawn(move || {
        stdin.write_all(&header).unwrap();
        std::io::copy(&mut File::open("/dev/zero").unwrap().take(length), &mut stdin).unwrap();
        stdin
    });
    let reader = std::thread::spawn(move || {
        let mut sink = OpenOptions::new().write(true).open("/dev/null").unwrap();
        std::io::copy(&mut stdout, &mut sink).unwrap()
    });
    let stdin = writer.join().unwrap();
    wait_until("all is read", || rustix::io::ioctl_fionread(&stdin) == Ok(0));
    let peak = support::resident_peak(child.id());
    drop(stdin);
    child.wait().unwrap();
    (peak, reader.join().unwrap())
}

#[test]
fn memory_does_not_grow_with_the_payload_nor_with_what_a_length_claims() {
    let length = 3_u64 << 30;
    let header = u32::try_from(length).unwrap().to_be_bytes();
    for style in ["--raw", "--lines", "-0"] {
        let (peak, count) = peak_of(&["decode", "-f", "u32be", "--max", "none", style], &header, length);
        assert_eq!(count, length + u64::from(style != "--raw"));
        assert!(peak < 8 * 1024, "{style}: {peak} KiB");
    }
    for style in ["--json", "--show"] {
        // A NUL takes six bytes there; and what is read has to be there as well.
        let (peak, _) = peak_of(&["decode", "-f", "u32be", style], &(16_u32 << 20).to_be_bytes(), 16 << 20);
        assert!(peak < 160 * 1024, "{style}: {peak} KiB");
    }
    for style in ["--raw", "--json", "--show"] {
        let header = u64::MAX.to_le_bytes();
        let (peak, _) = peak_of(&["decode", "-f", "u64le", "--max", "none", style], &header, 1000);
        assert!(peak < 8 * 1024, "{style}: {peak} KiB");
    }
    for arguments in
        [&["encode", "--max", "none", "-f", "u32be"][..], &["encode", "--whole", "--max", "none", "-f", "u32be"]]
    {
        let (peak, count) = peak_of(arguments, b"", 100 << 20);
        assert_eq!(count, (100 << 20) + 4);
        assert!(peak < 10 * 1024, "{arguments:?}: {peak} KiB");
    }
}

#[test]
fn progress_is_silent_without_a_terminal() {
    assert_eq!(prints("seq 3 | rframe encode --progress | rframe decode --progress"), "1\n2\n3\n");
}

#[test]
fn ctrl_c_ends_it_as_it_ends_any_tool() {
    let mut command = support::applet("rframe");
    command.arg("encode");
    let mut child = support::spawn(command);
    child.stdin.as_mut().unwrap().write_all(b"a\nb").unwrap();
    let mut frame = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\0\0\0\x02\x01a");
    support::kill(child.id(), rustix::process::Signal::INT);
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

#[test]
fn python_reads_what_it_writes_and_writes_what_it_reads() {
    if support::peer("python3", "Python").is_none() {
        return;
    }
    let script = "
import os, struct, subprocess
records = [os.urandom(n) for n in (0, 1, 5, 300, 70000, 200000)] * 3
frames = b''.join(struct.pack('>IB', len(r) + 1, 7) + r for r in records)
joined = b''.join(r.replace(b'\\0', b'x') + b'\\0' for r in records)
plain = b''.join(struct.pack('>IB', len(r) + 1, 7) + r.replace(b'\\0', b'x') for r in records)
assert subprocess.run(['rframe', 'encode', '-0', '--type', '7'], input=joined, capture_output=True).stdout == plain
assert subprocess.run(['rframe', 'decode', '--raw'], input=frames, capture_output=True).stdout == b''.join(records)
assert subprocess.run(['rframe', 'decode', '-0'], input=plain, capture_output=True).stdout == joined
";
    let sandbox = Sandbox::new();
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    let outcome = sandbox.run(sandbox.prepare(command));
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("TEEBOX_CASES").map_or(12, |cases| cases.parse::<u32>().unwrap() / 10),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_records_survive_a_pipeline_whatever_the_pieces_and_the_pipes(
        sizes in proptest::collection::vec(prop_oneof![4 => 0..200_usize, 2 => 4000..5000_usize, 1 => 10_000..300_000_usize], 0..30),
        pieces in proptest::collection::vec(prop_oneof![1..50_usize, 1000..5000_usize, 50_000..200_000_usize], 1..6),
        pipe_size in prop_oneof![Just(4096_usize), Just(8192), Just(65536), Just(1 << 20)],
        spec in proptest::sample::select(&["message", "u32le", "varint", "netstring", "lsp", "magic=c0ffee+u24be/all+type+pad2,tail=0d0a"][..]),
        null in any::<bool>(),
    ) {
        let delimiter = if null { 0 } else { b'\n' };
        let mut input = Vec::new();
        for size in &sizes {
            input.extend(pattern(*size).into_iter().map(|byte| if byte == delimiter { 1 } else { byte }));
            input.push(delimiter);
        }
        let mode = if null { "-0" } else { "--lines" };
        let start = |verb: &str, stdin: Stdio| {
            let mut command = support::applet("rframe");
            command.args([verb, mode, "-f", spec]).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap()
        };
        let mut encode = start("encode", Stdio::piped());
        let mut stdin = encode.stdin.take().unwrap();
        let _ = rustix::pipe::fcntl_setpipe_size(&stdin, pipe_size);
        let frames = encode.stdout.take().unwrap();
        let _ = rustix::pipe::fcntl_setpipe_size(&frames, pipe_size);
        let mut decode = start("decode", frames.into());
        let sent = input.clone();
        let writer = std::thread::spawn(move || {
            let (mut sent, mut pieces) = (&sent[..], pieces.iter().cycle());
            while !sent.is_empty() {
                let (piece, rest) = sent.split_at(sent.len().min(*pieces.next().unwrap()));
                stdin.write_all(piece).unwrap();
                sent = rest;
            }
        });
        let mut output = Vec::new();
        decode.stdout.take().unwrap().read_to_end(&mut output).unwrap();
        writer.join().unwrap();
        prop_assert!(encode.wait().unwrap().success() && decode.wait().unwrap().success());
        prop_assert!(output == input);
    }
}
