//! rfifo's read side where it looks at lines: --until and --match.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;

use proptest::prelude::{ProptestConfig, proptest};
use proptest::strategy::Strategy;
use rustix::process::Signal;

use crate::rfifo::{end, has_open, send, start, take};
use crate::support::{self, Sandbox, kill, wait_until};

#[test]
fn a_line_ends_it_and_what_follows_stays_in_the_fifo() {
    for (sent, relayed, left) in [
        ("a\nEOD\nrest\n", "a\n", "rest\n"),
        ("EOD\n", "", ""),
        ("EOD\nEOD\n", "", "EOD\n"),
        ("aEOD\nEODb\n EOD\nEO\n\nEOD\nx", "aEOD\nEODb\n EOD\nEO\n\n", "x"),
    ] {
        let sandbox = Sandbox::new();
        let child = start(&sandbox, &["--until", "EOD", "--keep"]);
        // It keeps what nobody reads.
        let mut fifo = OpenOptions::new().read(true).write(true).open(sandbox.path("p")).unwrap();
        fifo.write_all(sent.as_bytes()).unwrap();
        assert_eq!(end(child), (relayed.to_owned(), String::new(), Some(0)));
        fifo.write_all(b"|").unwrap();
        let mut rest = vec![0; left.len() + 1];
        fifo.read_exact(&mut rest).unwrap();
        assert_eq!(String::from_utf8(rest).unwrap(), format!("{left}|"));
    }
}

#[test]
fn a_line_that_ends_it_needs_no_newline_when_its_writer_leaves() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--until", "EOD"]);
    send(&sandbox, b"EO");
    // It can't become the line any more.
    assert_eq!(take(&mut child, 2), b"EO");
    send(&sandbox, b"EOD");
    assert_eq!(end(child), (String::new(), String::new(), Some(0)));
}

#[test]
fn only_what_may_still_be_the_line_waits_for_its_end() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--until", "EOD"]);
    let mut writer = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
    for (sent, comes) in [("prompt> ", "prompt> "), ("E\nEO", "E\n"), ("X", "EOX"), ("EOD", "EOD"), ("\n", "\n")] {
        writer.write_all(sent.as_bytes()).unwrap();
        assert_eq!(take(&mut child, comes.len()), comes.as_bytes());
    }
    writer.write_all(b"EOD\n").unwrap();
    assert_eq!(end(child).2, Some(0));
}

#[test]
fn what_is_held_back_for_a_line_is_relayed_when_a_signal_ends_it() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--until", "EOD"]);
    let mut writer = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
    writer.write_all(b"a\n").unwrap();
    assert_eq!(take(&mut child, 2), b"a\n");
    writer.write_all(b"EO").unwrap();
    kill(child.id(), Signal::TERM);
    let (rest, _, status) = support::finish(child);
    assert_eq!((rest, status.signal()), (b"EO".to_vec(), Some(Signal::TERM.as_raw())));
}

/// The lines that pass by the rules in the page.
fn passed(sent: &[u8], texts: &[Vec<u8>], invert: bool, most: usize) -> Vec<u8> {
    let holds = |line: &[u8], text: &[u8]| text.is_empty() || line.windows(text.len()).any(|window| window == text);
    let mut out = Vec::new();
    for line in sent.split_inclusive(|byte| *byte == b'\n') {
        let judged = line.strip_suffix(b"\n").unwrap_or(line);
        let judged = &judged[..judged.len().min(most)];
        if texts.iter().any(|text| holds(judged, text)) != invert {
            out.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
    }
    out
}

/// Bytes of few kinds, so that much matches.
fn few(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(&b"aab\xff\n"[..]), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_texts_pass_the_lines_that_hold_one(
        pieces in proptest::collection::vec(few(60), 1..6),
        texts in proptest::collection::vec(few(4), 1..4),
        invert in proptest::bool::ANY,
        most in proptest::sample::select(&[1_usize, 2, 5, 1 << 20][..]),
    ) {
        use std::os::unix::ffi::OsStrExt;
        let texts: Vec<Vec<u8>> =
            texts.into_iter().map(|text| text.into_iter().filter(|byte| *byte != b'\n').collect()).collect();
        let sandbox = Sandbox::new();
        let mut command = support::applet("rfifo");
        for text in &texts {
            command.arg("--match").arg(std::ffi::OsStr::from_bytes(text));
        }
        if invert {
            command.arg("--invert");
        }
        command.args(["--max-record", &most.to_string(), "--once", "p"]);
        let child = support::spawn(sandbox.prepare(command));
        wait_until("the FIFO is there", || sandbox.path("p").exists());
        let mut writer = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
        for piece in &pieces {
            writer.write_all(piece).unwrap();
        }
        drop(writer);
        let (stdout, said, status) = support::finish(child);
        let sent = pieces.concat();
        assert_eq!(stdout.escape_ascii().to_string(), passed(&sent, &texts, invert, most).escape_ascii().to_string());
        let long = sent.split(|byte| *byte == b'\n').any(|line| line.len() > most);
        let message = "rfifo: p: a line is longer than --max-record, and was judged by its beginning\n";
        assert_eq!((said.as_str(), status.code()), (if long { message } else { "" }, Some(0)));
    }

    #[test]
    fn any_stream_is_relayed_up_to_the_line_and_no_further(
        pieces in proptest::collection::vec(few(40), 1..6),
        line in few(3),
    ) {
        use std::os::unix::ffi::OsStrExt;
        let line: Vec<u8> = line.into_iter().filter(|byte| *byte != b'\n').collect();
        let sandbox = Sandbox::new();
        let mut command = support::applet("rfifo");
        command.arg("--until").arg(std::ffi::OsStr::from_bytes(&line)).args(["--keep", "p"]);
        let child = support::spawn(sandbox.prepare(command));
        wait_until("the FIFO is there", || sandbox.path("p").exists());
        let mut fifo = OpenOptions::new().read(true).write(true).open(sandbox.path("p")).unwrap();
        // Once it has it open, nothing that is written is read by anybody else.
        wait_until("it is read", || has_open(child.id(), &sandbox.path("p")));
        // The line comes at the end in any case, after a line of its own.
        let end = [b"\n", &line[..], b"\n"].concat();
        for piece in pieces.iter().chain([&end]) {
            fifo.write_all(piece).unwrap();
        }
        let (stdout, said, status) = support::finish(child);
        let sent = [pieces.concat(), end].concat();
        let mut at = 0;
        let ended = [&line[..], b"\n"].concat();
        for record in sent.split_inclusive(|byte| *byte == b'\n') {
            if record == ended {
                break;
            }
            at += record.len();
        }
        assert_eq!(stdout.escape_ascii().to_string(), sent[..at].escape_ascii().to_string());
        assert_eq!((said.as_str(), status.code()), ("", Some(0)));
        fifo.write_all(b"|").unwrap();
        let mut rest = vec![0; sent.len() - at - ended.len() + 1];
        fifo.read_exact(&mut rest).unwrap();
        assert_eq!(rest, [&sent[at + ended.len()..], b"|"].concat());
    }
}

#[test]
fn matching_lines_are_those_of_grep() {
    if support::peer("grep", "GNU grep").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let line = "seq 300000 > in; mkfifo p
        for options in '-e 77' '-e 77 -e 9999' '-v -e 1' '-e nothing'; do
            ours=${options//-e/--match}; ours=${ours//-v/--invert}
            cat in > p & rfifo --reuse --once $ours p > ours; grep -F $options in > theirs; cmp ours theirs || exit 1
        done";
    let outcome = sandbox.run(sandbox.shell("rfifo", line));
    assert_eq!((outcome.status.as_str(), outcome.stderr.len()), ("exit status: 0", 0));
}

#[test]
fn a_matching_line_leaves_at_once_and_a_partial_one_at_its_end() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--match", "ERR"]);
    let mut writer = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
    for (sent, comes) in [("ERR 1\nno\n", "ERR 1\n"), ("an E", ""), ("RR\n", "an ERR\n"), ("last ERR", "")] {
        writer.write_all(sent.as_bytes()).unwrap();
        assert_eq!(take(&mut child, comes.len()), comes.as_bytes());
    }
    drop(writer);
    assert_eq!(take(&mut child, 9), b"last ERR\n");
    kill(child.id(), Signal::TERM);
    child.wait().unwrap();
}

#[test]
fn a_filter_stops_at_the_line_that_ends_it() {
    let sandbox = Sandbox::new();
    let child = start(&sandbox, &["--match", "a", "--until", "EOD"]);
    send(&sandbox, b"a1\nb1\na2\nEOD\na3\n");
    assert_eq!(end(child), ("a1\na2\n".to_owned(), String::new(), Some(0)));
}
