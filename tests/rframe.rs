//! rframe as its users meet it: records in, frames out, and back, with every mistake said once.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use crate::support::{self, Outcome, Sandbox, fails, pattern, prints, said};

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
pub(crate) fn made(arguments: &[&str], input: &[u8]) -> Vec<u8> {
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
