//! rmerge when several things happen before it looks: it is stopped meanwhile, so that it finds all of them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::Signal;

use crate::rmerge::{read_exactly, start};
use crate::rmerge_inputs::writer;
use crate::support::{self, Sandbox, finish, is_asleep, wait_until};

/// The letter of a process's state; of one that is gone, X.
fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('X')
}

/// Stops it while `happens` goes on, and until its commands that are to end have.
fn stopped(child: &Child, ending: usize, happens: impl FnOnce()) {
    support::kill(child.id(), Signal::STOP);
    wait_until("it is stopped", || state(child.id()) == 'T');
    happens();
    wait_until("the commands have ended", || {
        support::children(child.id()).into_iter().filter(|pid| state(*pid) == 'Z').count() == ending
    });
    support::kill(child.id(), Signal::CONT);
}

/// Waits until it has so many commands, and sleeps.
fn wait_for_commands(child: &Child, count: usize) {
    wait_until("the commands run", || support::children(child.id()).len() == count && is_asleep(child.id()));
}

/// What it printed and said, and its status.
fn end(mut child: Child) -> (String, String, ExitStatus) {
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    let (printed, said, status) = finish(child);
    (String::from_utf8(printed).unwrap(), said, status)
}

#[test]
fn a_command_that_comes_in_the_moment_of_the_first_failure_is_not_run_and_not_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.fifo("go");
    let mut child = start(&sandbox, &["--fail-fast", "-j", "3", "--run-from", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"cat go; exit 3\n").unwrap();
    wait_for_commands(&child, 1);
    stopped(&child, 1, || {
        drop(writer(&sandbox, "go"));
        stdin.write_all(b"touch ran\n").unwrap();
    });
    let said = "rmerge: 'cat go; exit 3': exited with status 3\n";
    let (printed, message, status) = end(child);
    assert_eq!((printed.as_str(), message.as_str(), status.code()), ("", said, Some(3)));
    assert!(!sandbox.path("ran").exists());
}

#[test]
fn a_first_failure_without_a_process_is_the_end_though_further_commands_could_come() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--fail-fast", "--run-from", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"echo \0\n").unwrap();
    let (printed, message, status) = end(child);
    assert_eq!((printed.as_str(), status.code()), ("", Some(126)));
    assert_eq!(message, "rmerge: 'echo '$'\\000': Invalid argument\n");
    drop(stdin);
}

#[test]
fn commands_that_fail_in_the_same_moment_have_all_failed() {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "never"] {
        sandbox.fifo(name);
    }
    let runs = ["--run", "a=read x < one; exit 3", "--run", "b=read x < two; exit 4", "--run", "c=read x < never"];
    let child = start(&sandbox, &[&["--fail-fast", "--status=worst"], &runs[..]].concat());
    wait_for_commands(&child, 3);
    stopped(&child, 2, || drop(["one", "two"].map(|name| writer(&sandbox, name))));
    let (printed, message, status) = end(child);
    let said = "rmerge: a: exited with status 3\nrmerge: b: exited with status 4\n";
    assert_eq!((printed.as_str(), message.as_str(), status.code()), ("", said, Some(4)));
}

#[test]
fn a_command_that_has_ended_is_not_waited_for_when_the_output_fails_in_the_same_moment() {
    let sandbox = Sandbox::new();
    for name in ["go", "fifo"] {
        sandbox.fifo(name);
    }
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.args(["fifo", "--run", "read x < go; :"]).stdin(Stdio::null()).stderr(Stdio::piped());
    let child = command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap()).spawn().unwrap();
    let mut fifo = writer(&sandbox, "fifo");
    // So that the command is served first the next time.
    fifo.write_all(b"begins ").unwrap();
    wait_until("it was read", || rustix::io::ioctl_fionread(&fifo) == Ok(0));
    wait_for_commands(&child, 1);
    stopped(&child, 1, || {
        drop(writer(&sandbox, "go"));
        fifo.write_all(&[&[b'x'; 5000][..], b"\n"].concat()).unwrap();
    });
    let (_, message, status) = end(child);
    let said = "rmerge: standard output: No space left on device\n";
    assert_eq!((message.as_str(), status.code()), (said, Some(1)));
}

#[test]
fn what_was_read_when_a_signal_comes_goes_out_wherever_it_was_kept() {
    // Beside a long record that holds the output, and before its turn.
    for (options, sent, printed) in [
        (&["--max-record=4"][..], ["abc", "longer than that"], "longer than that\nabc\n"),
        (&["--order=input"], ["ab", "1\n2"], "ab\n1\n2\n"),
        (&["--order=input", "--memory=0"], ["", "1\n2"], "1\n2\n"),
    ] {
        let sandbox = Sandbox::new();
        for name in ["one", "two"] {
            sandbox.fifo(name);
        }
        let child = start(&sandbox, &[options, &["one", "two"]].concat());
        let fifos = ["one", "two"].map(|name| writer(&sandbox, name));
        for (mut fifo, bytes) in fifos.iter().zip(sent) {
            fifo.write_all(bytes.as_bytes()).unwrap();
            wait_until("it was read", || rustix::io::ioctl_fionread(fifo) == Ok(0) && is_asleep(child.id()));
        }
        support::kill(child.id(), Signal::TERM);
        let (got, message, status) = end(child);
        assert_eq!((got.as_str(), message.as_str(), status.signal()), (printed, "", Some(15)), "{options:?}");
    }
}

#[test]
fn a_signal_does_not_wait_for_a_reader_that_takes_nothing_where_there_is_no_command() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    let mut child = start(&sandbox, &["--order=input", "-", "fifo"]);
    let mut fifo = writer(&sandbox, "fifo");
    fifo.write_all(b"waits for its turn\n").unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    read_exactly(&mut child, "first\n");
    let feeder = std::thread::spawn(move || stdin.write_all(&vec![b'\n'; 4 << 20]).unwrap_err());
    let mut quiet = 0;
    wait_until("it is blocked", || {
        quiet = if is_asleep(child.id()) { quiet + 1 } else { 0 };
        quiet > 50
    });
    support::kill(child.id(), Signal::TERM);
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    feeder.join().unwrap();
}
