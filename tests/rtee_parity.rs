//! The same shell line with GNU tee and with rtee: standard output, files, messages and status have to be the same.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rustix::net::SocketType;
use rustix::process::Signal;

use crate::support::{self, Outcome, Sandbox};

fn gnu_tee() -> Option<std::path::PathBuf> {
    support::peer("tee", "GNU coreutils")
}

/// Messages with the tool's name, and the process number in a shell's, taken out.
fn nameless(mut outcome: Outcome) -> Outcome {
    let text = outcome.stderr.iter().map(|byte| char::from(*byte)).collect::<String>();
    let plain = |line: &str| match line.strip_prefix("bash: line 1: ") {
        Some(death) => death.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).to_owned(),
        None => line.strip_prefix('r').filter(|rest| rest.starts_with("tee: ")).unwrap_or(line).to_owned(),
    };
    let lines: String = text.lines().map(|line| plain(line) + "\n").collect();
    outcome.stderr = lines.chars().map(|c| u8::try_from(c).unwrap()).collect();
    outcome
}

/// Runs `line` with both tools, each in a sandbox of its own.
fn same(line: &str) {
    if gnu_tee().is_none() {
        return;
    }
    let [theirs, ours] = ["tee", "rtee"].map(|tool| {
        let sandbox = Sandbox::new();
        nameless(sandbox.run(sandbox.shell(tool, line)))
    });
    assert_eq!(ours, theirs, "rtee (left) and tee (right) differ on: {line}");
}

/// Runs `line` with both tools; of the messages only whether there are any is compared.
fn same_usage_error(line: &str) {
    if gnu_tee().is_none() {
        return;
    }
    let [theirs, ours] = ["tee", "rtee"].map(|tool| {
        let sandbox = Sandbox::new();
        let outcome = sandbox.run(sandbox.shell(tool, line));
        (outcome.status, outcome.stdout, outcome.files, outcome.stderr.is_empty())
    });
    assert_eq!(ours, theirs, "rtee (left) and tee (right) differ on: {line}");
    assert_eq!(ours.0, "exit status: 1");
}

const MODES: [&str; 7] = [
    "",
    "-p",
    "--output-error",
    "--output-error=warn",
    "--output-error=warn-nopipe",
    "--output-error=exit",
    "--output-error=exit-nopipe",
];

/// A FILE's reader takes one line and leaves; the second line comes when it has.
const LEAVES: &str = "mkfifo f; { read x < f; : > gone; } & \
    { echo one; until [ -e gone ]; do sleep 0.01; done; echo two 2> /dev/null; } | ";

#[test]
fn every_option_does_what_tee_does() {
    for line in [
        "echo hi | $TEE",
        "echo hi | $TEE a b c",
        "echo hi | $TEE a; echo ho | $TEE a",
        "echo hi | $TEE a; echo ho | $TEE -a a",
        "echo hi | $TEE a; echo ho | $TEE --append a b",
        "echo hi | $TEE a; echo ho | $TEE --app a",
        "echo hi | $TEE -i a",
        "echo hi | $TEE --ignore-interrupts a",
        "echo hi | $TEE --ig a",
        "echo hi | $TEE -aip a",
        "echo hi | $TEE a -a -a",
        "echo hi | $TEE a; echo ho | $TEE a -a",
        "echo hi | $TEE -",
        "echo hi | $TEE -- -a --append -",
        "echo hi | $TEE -- -- a",
        "echo hi | $TEE --output-error warn",
        "echo hi | $TEE --out=warn-n a",
        "echo hi | $TEE --o=exit- a",
        "echo hi | $TEE --output-error=warn --output-error=exit a",
        "echo hi | POSIXLY_CORRECT=1 $TEE a -a",
        "echo hi | POSIXLY_CORRECT=1 $TEE -a a -- -b",
        "echo hi | $TEE a a",
        "echo hi | $TEE -a a a",
        "printf 'no newline' | $TEE a",
        "printf 'a\\0b\\377\\n' | $TEE a",
        ": | $TEE a",
        "$TEE a < /dev/null",
        "echo before > a; : | $TEE a",
        "echo before > a; : | $TEE -a a",
        "seq 100000 | $TEE a b > c",
        "seq 100000 > in; $TEE a b < in",
        "head -c 3000000 /dev/zero | $TEE a b > c",
        "echo hi > in; $TEE -a a b < in >> in2",
        "echo hi | POSIXLY_CORRECT=1 $TEE -a a -b --append",
        "seq 300000 > f; (read x; $TEE log 1<> f) < f",
        "seq 300000 > f; (read x; $TEE log log2 1<> f) < f",
        "seq 20000 > in; $TEE /dev/stdout < in",
        "seq 20000 > in; $TEE -a in2 < in >> in2",
        "seq 20000 > in; $TEE -a twice twice < in > out",
        "seq 200000 > f; ($TEE --output-error=exit a > /dev/full; wc -c) < f",
        "seq 200000 > f; ($TEE a > b; wc -c) < f",
        "umask 077; echo hi | $TEE a; stat -c %a a",
        "umask 022; echo hi | $TEE a; stat -c %a a",
    ] {
        same(line);
    }
}

#[test]
fn wrong_usage_has_tees_status_and_touches_nothing() {
    for line in [
        "echo hi | $TEE -h a",
        "echo hi | $TEE --nonsense a",
        "echo hi | $TEE -x a",
        "echo hi | $TEE --append=3 a",
        "echo hi | $TEE --output-error=w a",
        "echo hi | $TEE --output-error=e a",
        "echo hi | $TEE --output-error=nonsense a",
        "echo hi | $TEE --output-error= a",
        "echo hi | $TEE -a- a",
        "echo hi | POSIXLY_CORRECT=1 $TEE -x",
        "echo hi | POSIXLY_CORRECT=1 $TEE -a -x y",
        "echo hi | POSIXLY_CORRECT=1 $TEE --nonsense",
        "echo hi | $TEE $'-\\377' a",
    ] {
        same_usage_error(line);
    }
}

#[test]
fn help_and_version_go_to_standard_output_and_report_its_errors() {
    for option in ["--help", "--version", "--he", "--v"] {
        same(&format!("$TEE {option} > /dev/full"));
        same(&format!("$TEE {option} >&-"));
        same(&format!("$TEE {option} | head -c 0; echo ${{PIPESTATUS[0]}} > /dev/null"));
        let sandbox = Sandbox::new();
        let outcome = sandbox.run(sandbox.shell("rtee", &format!("$TEE {option}")));
        assert_eq!(outcome.status, "exit status: 0");
        assert!(outcome.stdout.starts_with(if option.starts_with("--h") {
            b"Copy standard"
        } else {
            b"rtee (teebox) "
        }));
        assert!(outcome.stderr.is_empty());
    }
}

#[test]
fn every_mode_treats_a_full_device_alike() {
    for mode in MODES {
        for line in [
            "echo hi | $TEE MODE a > /dev/full",
            "echo hi | $TEE MODE /dev/full a",
            "echo hi | $TEE MODE a /dev/full b",
            "echo hi | $TEE MODE /dev/full > /dev/full",
            "echo hi | $TEE MODE a /dev/full /dev/full b > /dev/full",
            "seq 100 | $TEE MODE /dev/full",
            ": | $TEE MODE /dev/full > /dev/full",
            "yes | head -c 1000000 | $TEE MODE > /dev/full",
        ] {
            same(&line.replace("MODE", mode));
        }
    }
}

#[test]
fn every_mode_treats_files_that_cannot_be_opened_alike() {
    for mode in MODES {
        for line in [
            "echo hi | $TEE MODE missing/a b",
            "echo hi | $TEE MODE b missing/a c",
            "echo hi | $TEE MODE . b",
            "echo hi | $TEE MODE '' b",
            "mkdir d; echo hi | $TEE MODE -a d b",
            "echo hi > a; echo hi | $TEE MODE a/b c",
            "ln -s loop loop; echo hi | $TEE MODE loop c",
            "ln -s to from; echo hi | $TEE MODE from; ls -l to | cut -c1-3; rm from",
            "echo hi | $TEE MODE missing/a > /dev/full",
            "echo hi | $TEE MODE $(printf 'x%.0s' $(seq 300)) b",
        ] {
            same(&line.replace("MODE", mode));
        }
    }
}

#[test]
fn every_mode_treats_a_broken_pipe_alike() {
    // The reader has come and gone before the first byte is sent: bash waits for it.
    let gone = "mkfifo f; : < f & exec 3> f; wait; ";
    let leaves = LEAVES;
    for mode in MODES {
        for trap in ["", "trap '' PIPE; "] {
            for line in [
                format!("{trap}{gone}echo hi 2> /dev/null | {{ $TEE {mode} a >&3; echo $? >&2; }}"),
                format!("{trap}{gone}echo hi 2> /dev/null | {{ $TEE {mode} >&3; echo $? >&2; }}"),
                format!("{trap}{gone}echo hi 2> /dev/null | {{ $TEE {mode} a /dev/full b >&3; echo $? >&2; }}"),
                format!("{trap}{leaves} {{ $TEE {mode} a f b > out; echo $? >&2; }}; wait"),
                format!("{trap}{leaves} {{ $TEE {mode} f > /dev/full; echo $? >&2; }}; wait"),
                format!("{trap}{leaves} {{ $TEE {mode} f a b | cat > out; echo ${{PIPESTATUS[0]}} >&2; }}; wait"),
                format!("{trap}{} {{ $TEE {mode} f a; echo $? >&2; }}; wait", leaves.replace("echo two", ":")),
                format!("{trap}{leaves} {{ $TEE {mode} a b > f; echo $? >&2; }}; wait"),
            ] {
                same(&line);
            }
        }
    }
}

#[test]
fn closed_descriptors_are_reported_and_never_reused() {
    for mode in MODES {
        for line in [
            "$TEE MODE a <&-",
            "$TEE MODE <&-",
            "$TEE MODE a missing/b c <&-",
            "$TEE MODE a <&- > /dev/full",
            "$TEE MODE a . <&- >&-",
            "echo hi | $TEE MODE a >&-",
            "echo hi | $TEE MODE a b >&-",
            "echo hi | $TEE MODE >&-",
            ": | $TEE MODE a >&-",
            "echo hi | $TEE MODE a 2>&-",
            "echo hi | $TEE MODE a missing/b 2>&-",
            "echo hi | $TEE MODE a >&- 2>&-",
            "$TEE MODE a <&- >&- 2>&-",
            "$TEE MODE a 0> x",
            "echo hi | $TEE MODE a 1< /dev/null",
            "$TEE MODE a < .",
            "$TEE MODE a 0> /dev/null",
            "mkfifo f; sleep 30 < f & timeout 20 $TEE MODE a 0> f; kill %1",
            "echo hi | $TEE MODE a 1< <(true)",
        ] {
            same(&line.replace("MODE", mode));
        }
    }
}

#[test]
fn a_closed_descriptor_can_not_be_opened_by_a_name_that_leads_to_it() {
    for line in [
        "$TEE /dev/stdin a <&-",
        "$TEE -a /dev/fd/0 <&-",
        "echo hi | $TEE /dev/stdout a >&-",
        "echo hi | $TEE a /dev/stdout >&-",
        "echo hi | $TEE a /dev/stderr 2>&-",
        "echo hi | $TEE a /dev/fd/1 b >&- 2>&-",
        "$TEE a /dev/stdin /dev/stdout /dev/stderr b <&- >&- 2>&-",
        "echo hi | $TEE /proc/self/fd/1/dev/null >&-",
        "echo hi | $TEE a /proc/self/fd/1/../a >&-",
        "$TEE /proc/self/fd/0/. b <&-",
        "mkfifo f; cat f > copy & echo hi | $TEE f a >&-; wait",
        "mkfifo f; cat f > copy & $TEE f a <&- >&- 2>&-; wait",
    ] {
        same(line);
    }
    for limit in 4..12 {
        same(&format!("seq 3000 > in; ulimit -n {limit}; $TEE a b c d < in >&-"));
        same(&format!("ulimit -n {limit}; $TEE a b c d <&- >&-"));
    }
}

#[test]
fn fifos_and_devices_are_written_like_files() {
    for line in [
        "mkfifo f; cat f > copy & echo hi | $TEE f a; wait",
        "mkfifo f g; cat f > x & cat g > y & seq 50000 | $TEE f g > z; wait",
        "echo hi | $TEE /dev/null a",
        "echo hi | $TEE /dev/stdout",
        "echo hi | $TEE /dev/stderr",
        "echo hi | $TEE /dev/stdout > a",
        "echo hi | $TEE /dev/stdout >> a",
        "echo old > a; seq 20000 | $TEE /dev/stdout >> a",
        "{ echo 1; sleep 0.1; echo 2; } | $TEE /dev/stdout",
        "echo hi | $TEE >($TEE a) > b; until [ -s a ]; do sleep 0.01; done; cat a",
        "mkfifo f; $TEE a < f & echo hi > f; wait",
    ] {
        same(line);
    }
}

#[test]
fn files_that_lead_to_the_same_place_take_turns() {
    for line in [
        "seq 20000 > in; $TEE -a a a < in > x",
        "seq 20000 > in; $TEE -a a b ./a a < in | cat > x",
        "seq 20000 > in; mkfifo f; cat f > a & $TEE f f < in > x; wait",
        "seq 20000 > in; mkfifo f; cat f > a & $TEE -p f b f < in | cat > x; wait",
        "seq 20000 > in; { $TEE /dev/fd/3 /dev/fd/3 b < in 3>&1 > x; } | cat > a",
        "seq 20000 > in; { $TEE /dev/stderr /dev/stderr < in 2>&1 > x; } | cat > a",
        "seq 20000 > in; mkfifo f; cat f > a & $TEE f f < in > f; wait",
        "echo hi | $TEE -a a a a",
        "seq 20000 > in; trap '' XFSZ; { ulimit -f 12; $TEE -a a a > /dev/null; } < in",
    ] {
        same(line);
    }
    let leaves = LEAVES.replace("read x < f", "{ read x; read x; } < f");
    for mode in MODES {
        same(&format!("{leaves} {{ $TEE {mode} a f b f > out; echo $? >&2; }}; wait"));
    }
    if support::peer("script", "util-linux").is_some() {
        same("seq 5000 > in; script -qec \"$TEE /dev/tty /dev/tty < in > x\" /dev/null > a");
    }
}

#[test]
fn a_limit_on_file_sizes_ends_both_alike() {
    for mode in MODES {
        for trap in ["", "trap '' XFSZ; "] {
            for line in [
                "head -c 5000 /dev/zero > in; { ulimit -f 1; $TEE MODE a | cat; echo ${PIPESTATUS[0]} >&2; } < in",
                "head -c 5000 /dev/zero > in; { ulimit -f 1; $TEE MODE a b | cat; echo ${PIPESTATUS[0]} >&2; } < in",
                "head -c 5000 /dev/zero > in; { ulimit -f 1; $TEE MODE a b > c; echo $? > /dev/null; } < in",
                "head -c 500 /dev/zero > in; { ulimit -f 1; $TEE MODE a b > c; } < in",
                "head -c 500000 /dev/zero > in; { ulimit -f 1; $TEE MODE a b > /dev/null; } < in",
            ] {
                same(&format!("{trap}{}", line.replace("MODE", mode)));
            }
        }
    }
}

#[test]
fn with_few_descriptors_the_same_files_are_opened_and_filled() {
    for limit in 4..24 {
        same(&format!("seq 3000 > in; ulimit -n {limit}; $TEE a b c d e f g h < in > out"));
    }
}

#[test]
fn a_signal_ends_both_alike_with_and_without_i() {
    let Some(tee) = gnu_tee() else { return };
    for (option, signal) in [
        ("-a", Signal::INT),
        ("-i", Signal::INT),
        ("-p", Signal::TERM),
        ("-i", Signal::TERM),
        ("-a", Signal::HUP),
        ("-ip", Signal::HUP),
        ("-a", Signal::QUIT),
        ("-a", Signal::USR1),
    ] {
        let mut outcomes = Vec::new();
        for mut command in [Command::new(&tee), support::rtee()] {
            let sandbox = Sandbox::new();
            command.args([option, "out"]);
            let mut child = support::spawn(sandbox.prepare(command));
            support::echo(&mut child, "one\n");
            // tee itself could be killed between the two.
            support::wait_until("the file has the line", || sandbox.read("out") == b"one\n");
            support::kill(child.id(), signal);
            if option.contains('i') && signal == Signal::INT {
                support::echo(&mut child, "two\n");
            }
            let (stdout, stderr, status) = support::finish(child);
            outcomes.push((stdout, stderr, status, sandbox.read("out")));
        }
        assert_eq!(outcomes[1], outcomes[0], "{option} {signal:?}");
    }
}

#[test]
fn an_input_that_fails_is_told_from_one_that_ends() {
    let Some(tee) = gnu_tee() else { return };
    let outcomes = [Command::new(tee), support::rtee()].map(|mut command| {
        // What a socket's peer leaves unread resets the connection, and the socket says so once.
        let (mut ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.write_all(b"unread").unwrap();
        ours.write_all(b"data\n").unwrap();
        drop(ours);
        let sandbox = Sandbox::new();
        command.arg("a");
        let mut command = sandbox.prepare(command);
        let output = command.stdin(std::os::fd::OwnedFd::from(theirs)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), output.stdout, said.trim_start_matches('r').to_owned(), sandbox.read("a"))
    });
    assert_eq!(outcomes[1], outcomes[0]);
    assert_eq!(outcomes[1].2, "tee: read error: Connection reset by peer\n");
}

#[test]
fn packets_from_a_socket_come_through_whole() {
    let Some(tee) = gnu_tee() else { return };
    for kind in [SocketType::SEQPACKET, SocketType::DGRAM] {
        for (files, one_at_a_time) in [(&[][..], false), (&["a"], false), (&["a", "b"], true), (&[], true)] {
            let outcomes = [Command::new(&tee), support::rtee()].map(|mut command| {
                command.args(files);
                let sandbox = Sandbox::new();
                let (ours, theirs) = support::packet_sockets(kind);
                let mut command = sandbox.prepare(command);
                let mut child = command.stdin(theirs).stdout(Stdio::piped()).spawn().unwrap();
                drop(command);
                let mut stdout = child.stdout.take().unwrap();
                let (mut sent, mut got) = (Vec::new(), Vec::new());
                for length in [6000, 8192, 5, 6000, 4097, 1] {
                    let packet = support::pattern(length);
                    assert_eq!(rustix::io::write(&ours, &packet), Ok(length));
                    sent.extend(packet);
                    if one_at_a_time {
                        let before = got.len();
                        got.resize(sent.len(), 0);
                        stdout.read_exact(&mut got[before..]).unwrap();
                    }
                }
                // An empty packet reads as the end.
                rustix::net::send(&ours, &[], rustix::net::SendFlags::empty()).unwrap();
                stdout.read_to_end(&mut got).unwrap();
                assert!(child.wait().unwrap().success());
                assert_eq!(got.len(), sent.len(), "{kind:?} {files:?}");
                assert!(got == sent);
                sandbox.files()
            });
            assert!(outcomes[1] == outcomes[0], "{kind:?} {files:?}");
        }
    }
}

#[test]
fn a_fifo_that_nobody_has_opened_for_writing_has_ended_for_a_reader_that_does_not_wait() {
    let Some(tee) = gnu_tee() else { return };
    for mut command in [Command::new(tee), support::rtee()] {
        let sandbox = Sandbox::new();
        let fifo = sandbox.fifo("input");
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        let input = rustix::fs::open(&fifo, flags, rustix::fs::Mode::empty()).unwrap();
        command.arg("a");
        let output = sandbox.prepare(command).stdin(input).output().unwrap();
        assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(0), vec![], vec![]));
    }
}

/// Runs both tools on FILEs of these names, all in a directory that doesn't exist, and compares the messages.
fn same_messages(names: &[Vec<u8>], locale: &str) {
    let Some(tee) = gnu_tee() else { return };
    let [theirs, ours] = [Command::new(tee), support::rtee()].map(|mut command| {
        let names = names.iter().map(|name| OsString::from_vec(name.clone()));
        let command = command.arg("--").args(names).env("LC_ALL", locale).stdin(Stdio::null());
        let said = command.output().unwrap().stderr;
        String::from_utf8_lossy(&said).lines().map(|line| line.trim_start_matches('r').to_owned()).collect::<Vec<_>>()
    });
    assert_eq!((theirs.len(), ours.len()), (names.len(), names.len()));
    for ((theirs, ours), name) in theirs.iter().zip(&ours).zip(names) {
        assert_eq!(ours, theirs, "{} in {locale}", name.escape_ascii());
    }
}

fn same_message(name: &[u8], locale: &str) {
    same_messages(&[name.to_vec()], locale);
}

#[test]
fn every_kind_of_character_is_shown_as_tee_shows_it() {
    // What is decided in every version of Unicode: letters, accents, punctuation with its spaces and its format
    // characters, syllables, private use, and what will never be a character.
    for range in [
        '\u{80}'..='\u{377}',
        '\u{2000}'..='\u{2064}',
        '\u{2066}'..='\u{206f}',
        '\u{2500}'..='\u{257f}',
        '\u{3000}'..='\u{303f}',
        '\u{4e00}'..='\u{4fff}',
        '\u{ac00}'..='\u{ad00}',
        '\u{d700}'..='\u{d7a3}',
        '\u{e000}'..='\u{e0ff}',
        '\u{f8f0}'..='\u{f8ff}',
        '\u{fdd0}'..='\u{fdef}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{fff9}'..='\u{ffff}',
        '\u{1f600}'..='\u{1f64f}',
        '\u{1fffe}'..='\u{1ffff}',
        '\u{e0020}'..='\u{e007f}',
        '\u{f0000}'..='\u{f00ff}',
        '\u{ffffe}'..='\u{100010}',
        '\u{10fff0}'..='\u{10ffff}',
    ] {
        let names: Vec<Vec<u8>> = range.map(|c| format!("missing/{c}x").into_bytes()).collect();
        same_messages(&names, "C.UTF-8");
        same_messages(&names, "C");
    }
}

#[test]
fn odd_names_are_shown_as_tee_shows_them() {
    for name in [
        &b"missing/plain"[..],
        b"missing/a b",
        b"missing/a\nb",
        b"missing/a\n",
        b"missing/it's",
        b"missing/it's a \"b\"",
        b"missing/it's\n",
        b"missing/$HOME",
        b"missing/\xff\xfe",
        b"missing/caf\xc3\xa9",
        b"missing/it's caf\xc3\xa9\n",
        b"missing/\x1b[31mred",
        b"missing/\t\r\x07\x08\x0b\x0c\x7f",
        b"missing/\xe2\x80\xa8",
        b"missing/a=b",
        b"missing/a:b",
        b"~missing/a",
        b"#missing/a",
        b"-missing/a",
        b"",
    ] {
        for locale in ["C", "C.UTF-8"] {
            same_message(name, locale);
        }
    }
    for byte in 1..=255 {
        if byte != b'/' {
            same_message(&[b'm', b'i', b's', b's', b'/', byte, b'x'], "C.UTF-8");
            same_message(&[b'm', b'i', b's', b's', b'/', b'\'', byte], "C");
        }
    }
}

#[test]
fn odd_names_are_written_under_that_very_name() {
    for name in [&b"a b"[..], b"a\nb", b"it's", b"\xff", b"-", b"--help", b"-x", b"*", b"a=b", b" "] {
        let sandbox = Sandbox::new();
        let mut command = support::rtee();
        command.arg("--").arg(OsString::from_vec(name.to_vec()));
        let mut child = support::spawn(sandbox.prepare(command));
        support::echo(&mut child, "hi\n");
        let (_, stderr, status) = support::finish(child);
        assert_eq!((stderr.as_str(), status.code()), ("", Some(0)));
        assert_eq!(std::fs::read(sandbox.path(OsString::from_vec(name.to_vec()))).unwrap(), b"hi\n");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_is_shown_as_tee_shows_it(
        // No two pieces make a character of which one Unicode knows and another doesn't.
        name in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    &b"'"[..], b"\"", b"\n", b" ", b"a", b"\xc3", b"\xa9", b"\xe2\x80", "\u{200d}".as_bytes(),
                    "\u{301}".as_bytes(), "\u{e000}".as_bytes(), "\u{ffff}".as_bytes(), "\u{1f600}".as_bytes(),
                ]).prop_map(<[u8]>::to_vec),
                prop_oneof![1..=0xc1u8, 0xf5..=255u8]
                    .prop_filter("a slash would be a directory", |byte| *byte != b'/')
                    .prop_map(|byte| vec![byte]),
            ],
            1..20,
        ).prop_map(|pieces| pieces.concat()),
        utf8 in any::<bool>(),
    ) {
        same_message(&[b"missing/", name.as_slice()].concat(), if utf8 { "C.UTF-8" } else { "C" });
    }
}
