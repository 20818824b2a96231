//! The same shell line with GNU tee and with rtee: standard output, files, messages and status have to be the same.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;
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
    // A FILE's reader takes one line and leaves; the second line comes when it has.
    let leaves = "mkfifo f; { read x < f; : > gone; } & \
        { echo one; until [ -e gone ]; do sleep 0.01; done; echo two 2> /dev/null; } | ";
    for mode in MODES {
        for trap in ["", "trap '' PIPE; "] {
            for line in [
                format!("{trap}{gone}echo hi | {{ $TEE {mode} a >&3; echo $? >&2; }}"),
                format!("{trap}{gone}echo hi | {{ $TEE {mode} >&3; echo $? >&2; }}"),
                format!("{trap}{gone}echo hi | {{ $TEE {mode} a /dev/full b >&3; echo $? >&2; }}"),
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
        "echo hi | $TEE >($TEE a) > b; sleep 0.2; cat a",
        "mkfifo f; $TEE a < f & echo hi > f; wait",
    ] {
        same(line);
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

/// Runs both tools on a FILE of this name in a directory that doesn't exist, and compares the messages.
fn same_message(name: &[u8], locale: &str) {
    let Some(tee) = gnu_tee() else { return };
    let [theirs, ours] = [Command::new(tee), support::rtee()].map(|mut command| {
        let mut child = command
            .arg("--")
            .arg(OsString::from_vec(name.to_vec()))
            .env("LC_ALL", locale)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"hi\n").unwrap();
        child.wait_with_output().unwrap().stderr
    });
    assert_eq!(
        String::from_utf8_lossy(ours.strip_prefix(b"rtee: ").unwrap()),
        String::from_utf8_lossy(theirs.strip_prefix(b"tee: ").unwrap()),
        "{}",
        name.escape_ascii()
    );
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
        name in proptest::collection::vec(
            prop_oneof![
                Just(b'\''), Just(b'"'), Just(b'\n'), Just(b' '), Just(b'a'), Just(0xc3), Just(0xa9),
                (1..=255u8).prop_filter("a slash would be a directory", |byte| *byte != b'/'),
            ],
            1..20,
        ),
        utf8 in any::<bool>(),
    ) {
        same_message(&[b"missing/", name.as_slice()].concat(), if utf8 { "C.UTF-8" } else { "C" });
    }
}
