//! rmerge and the commands that it runs: how they are started, how they end, what is said of it, and that none is left.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, SocketType};
use rustix::process::Signal;
use rustix::termios::{OptionalActions, OutputModes};

use crate::rmerge::{lines, read_exactly, start};
use crate::support::{self, Sandbox, fails, finish, is_asleep, prints, said, wait_until};

/// Waits until neither it nor its commands go on.
fn wait_until_blocked(child: &Child) {
    let mut quiet = 0;
    wait_until("neither goes on", || {
        let asleep = is_asleep(child.id()) && support::children(child.id()).into_iter().all(is_asleep);
        quiet = if asleep { quiet + 1 } else { 0 };
        quiet > 50
    });
}

/// The processes that have this word among their arguments, and have not ended.
fn processes(word: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_word = |pid: &u32| {
        // That of a zombie is empty.
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
    };
    numbers.filter(has_word).collect()
}

/// An argument of sleep(1) that no other test has; it is the longest time that a test may hang.
fn mark(number: u32) -> String {
    format!("300.{}{number:04}", std::process::id())
}

fn status_of(arguments: &str) -> (String, i32) {
    let (_, message, status) = fails(&format!("rmerge {arguments}"));
    (message, status)
}

#[test]
fn the_status_is_that_of_the_first_failing_command_in_the_order_of_the_arguments() {
    assert_eq!(status_of("--run true --run :"), (String::new(), 0));
    // The first one ends when the second has ended, and was waited for.
    let first = "until [ -s b ]; do sleep 0.01; done; while kill -0 $(cat b) 2> /dev/null; do sleep 0.01; done; exit 3";
    let (message, status) = status_of(&format!("--run 'a={first}' --run 'b=echo $$ > b; exit 4' --run true"));
    assert_eq!((message.as_str(), status), ("rmerge: b: exited with status 4\nrmerge: a: exited with status 3\n", 3));
    let (message, status) = status_of("--run 'a=kill -9 $$'");
    assert_eq!((message.as_str(), status), ("rmerge: a: killed by SIGKILL\n", 137));
    let (message, status) = status_of("--run 'true; exit 5' --run 'no-such-command-here 2> /dev/null'");
    let mut lines: Vec<&str> = message.lines().collect();
    lines.sort_unstable();
    let expected = [
        "rmerge: 'no-such-command-here 2> /dev/null': exited with status 127",
        "rmerge: 'true; exit 5': exited with status 5",
    ];
    assert_eq!((lines.as_slice(), status), (&expected[..], 5));
}

#[test]
fn the_status_is_the_one_that_is_asked_for() {
    let run = "--run 'a=exit 3' --run 'b=exit 130' --run 'c=exit 0' --run 'd=exit 7'";
    for (which, expected) in [("first", 3), ("worst", 130), ("any", 0), ("a", 3), ("b", 130), ("c", 0), ("d", 7)] {
        let (message, status) = status_of(&format!("{run} --status={which}"));
        assert_eq!(status, expected, "{which}");
        assert_eq!(message.lines().count(), 3);
    }
    assert_eq!(status_of("--status=any --run 'exit 4' --run 'exit 3'").1, 4);
    // What fails besides shows where no command does.
    assert_eq!(status_of("missing --run true").1, 1);
    assert_eq!(status_of("missing --run 'exit 3'").1, 3);
    assert_eq!(status_of("missing --status=x --run 'x=:' --run 'exit 3'").1, 1);
}

#[test]
fn a_command_that_can_not_be_run_is_said_and_the_others_run() {
    let line = "head -c 200000 /dev/zero | tr '\\0' x > long; echo >> long; echo echo ran >> long; \
        rmerge --run-from long";
    let (printed, message, status) = fails(line);
    let expected = format!("rmerge: {}...: Argument list too long\n", "x".repeat(60));
    assert_eq!((printed.as_str(), message, status), ("ran\n", expected, 126));
}

#[test]
fn commands_find_no_input_and_a_group_of_their_own() {
    assert_eq!(prints("echo secret | rmerge --run 'cat; echo end'"), "end\n");
    assert_eq!(
        prints("rmerge --run 'set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $5 != $PPID ] && echo own'"),
        "own\n"
    );
    // Dispositions and mask are those that rmerge was given.
    // Those above 31 are the C library's own.
    let masks = "sed -nE 's/^(Sig(Blk|Ign|Cgt)).*(.{7})$/\\1 \\3/p' /proc/self/status";
    let line = format!("trap '' USR1 PIPE; {masks} > before; rmerge --run \"{masks}\" | diff before - && echo same");
    assert_eq!(prints(&line), "same\n");
}

#[test]
fn standard_error_is_merged_where_that_is_asked_for() {
    let (printed, message, status) = fails("rmerge --run 'echo out; echo err >&2'");
    assert_eq!((printed.as_str(), message.as_str(), status), ("out\n", "err\n", 0));
    let printed = prints("rmerge --label --stderr --run 'x=echo out; printf err >&2'");
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["[x:err] err", "[x]     out"]);
}

#[test]
fn a_run_ends_when_both_the_command_and_its_output_have() {
    // The output ends long before the command.
    assert_eq!(
        fails("rmerge --run 'x=exec >&- 2>&-; sleep 0.2; exit 3'"),
        (String::new(), "rmerge: x: exited with status 3\n".into(), 3)
    );
    // The command ends before what it has left running.
    assert_eq!(prints("rmerge --run '(sleep 0.2; echo late) &'"), "late\n");
}

#[test]
fn a_process_that_keeps_the_output_of_an_ended_command_is_waited_for_no_longer_than_the_grace() {
    let sandbox = Sandbox::new();
    let mark = mark(1);
    let line = format!(
        "exec rmerge --grace 300ms --run 'x=echo out; setsid sleep {mark} 2> /dev/null & printf more' --run 'y=sleep 0.1'"
    );
    let outcome = sandbox.run(sandbox.shell("rmerge", &line));
    assert_eq!(outcome.stdout, b"out\nmore\n");
    assert_eq!(said(&outcome), "rmerge: x: another process keeps its output open after its end; closed\n");
    assert_eq!(outcome.status, "exit status: 0");
    for pid in processes(&mark) {
        support::kill(pid, Signal::KILL);
    }
}

#[test]
fn what_an_ended_command_has_written_is_not_lost_to_the_grace() {
    let sandbox = Sandbox::new();
    let mark = mark(2);
    let run = format!("x=seq 10000; setsid sleep {mark} 2> /dev/null &");
    let mut child = start(&sandbox, &["--grace", "10ms", "--run", &run]);
    // The reader is slower than the grace.
    read_exactly(&mut child, "1\n2\n");
    wait_until("the command has ended", || support::children(child.id()).is_empty());
    let (rest, message, status) = finish(child);
    let expected = lines("", 3..=10_000);
    assert!(rest == expected.as_bytes());
    assert_eq!((message.lines().count(), status.code()), (1, Some(0)));
    for pid in processes(&mark) {
        support::kill(pid, Signal::KILL);
    }
}

#[test]
fn an_output_that_has_ended_but_was_not_read_in_the_grace_is_not_said_to_be_kept_open() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--grace", "0", "--run", "exec yes"]);
    read_exactly(&mut child, "y\n");
    wait_until_blocked(&child);
    support::kill(child.id(), Signal::TERM);
    wait_until("the command is ended", || support::children(child.id()).is_empty());
    let (rest, message, status) = finish(child);
    assert!(rest.iter().all(|byte| b"y\n".contains(byte)) && rest.ends_with(b"y\n"));
    assert_eq!((message.as_str(), status.signal()), ("", Some(15)));
}

#[test]
fn a_command_that_runs_too_long_is_ended_and_its_group_with_it() {
    let mark = mark(3);
    let run =
        format!("--timeout 5s --run 'x=echo began; sleep {mark} & sleep {mark}; echo never' --run 'y=echo other'");
    let (printed, message, status) = fails(&format!("rmerge --order=input {run}"));
    assert_eq!((printed.as_str(), message.as_str(), status), ("began\nother\n", "rmerge: x: timed out\n", 124));
    assert_eq!(processes(&mark), [0_u32; 0]);
    assert_eq!(prints("rmerge --timeout 0 --run 'sleep 0.1; echo done'"), "done\n");
    assert_eq!(prints("rmerge --timeout 1000000d --grace 1000000d --run 'echo done'"), "done\n");
}

#[test]
fn a_command_that_does_not_heed_sigterm_is_killed_after_the_grace() {
    let mark = mark(4);
    let run = format!("x=trap \"\" TERM; echo began; sleep {mark} & sleep {mark}");
    let began = Instant::now();
    let (printed, message, status) = fails(&format!("rmerge --timeout 5s --grace 200ms --run '{run}'"));
    assert_eq!((printed.as_str(), message.as_str(), status), ("began\n", "rmerge: x: timed out\n", 124));
    assert!(began.elapsed() >= Duration::from_millis(5200));
    assert_eq!(processes(&mark), [0_u32; 0]);
    // Grace for what is stopped, too: it goes on, and ends.
    let (_, message, status) = fails("rmerge --timeout 100ms --run 'x=kill -STOP $$'");
    assert_eq!((message.as_str(), status), ("rmerge: x: timed out\n", 124));
}

#[test]
fn fail_fast_ends_the_other_commands_and_starts_no_more() {
    let mark = mark(5);
    let line = format!(
        "echo file > file; rmerge --fail-fast -j 2 --run 'a=sleep {mark}' --run 'b=sleep 0.1; exit 9' --run 'c=touch ran' file; \
         status=$?; [ ! -e ran ] && exit $status"
    );
    assert_eq!(fails(&line), ("file\n".into(), "rmerge: b: exited with status 9\n".into(), 9));
    assert_eq!(processes(&mark), [0_u32; 0]);
    let line = format!(
        "rmerge --order=input --fail-fast --timeout 100ms --run 'sleep {mark}' --run 'x=sleep 0; exec sleep {mark}'"
    );
    assert_eq!(fails(&line).2, 124);
    assert_eq!(processes(&mark), [0_u32; 0]);
    assert_eq!(prints("rmerge --fail-fast --order=input --run 'sleep 0.1; echo 1' --run 'echo 2'"), "1\n2\n");
    // One that doesn't heed that in its time has not run too long by itself.
    let line = "mkfifo ready; rmerge --fail-fast --timeout 5s --grace 6s --run 'a=trap \"\" TERM; echo > ready; sleep 300' \
        --run 'b=read x < ready; exit 9'";
    assert_eq!(fails(line), (String::new(), "rmerge: b: exited with status 9\n".into(), 9));
}

#[test]
fn fail_fast_counts_a_command_that_had_succeeded_while_its_output_is_still_open() {
    // The first leaves a process that has its output; the second fails once rmerge has seen the first one's end.
    let first = "good=sleep 300 & echo $$ > pid; exit 0";
    let second =
        "bad=until [ -s pid ]; do sleep 0.01; done; while kill -0 $(cat pid) 2> /dev/null; do sleep 0.01; done; exit 3";
    let line = format!("timeout 60 rmerge --fail-fast --status=any --run '{first}' --run '{second}'");
    assert_eq!(fails(&line), (String::new(), "rmerge: bad: exited with status 3\n".into(), 0));
}

#[test]
fn at_most_so_many_commands_run_at_once() {
    // Each counts those that run with it.
    let run = "mkdir $$.running; set -- *.running; echo $#; sleep 0.05; rmdir $$.running";
    let line =
        |options: &str| format!("for n in 1 2 3 4 5 6 7 8; do echo '{run}'; done | rmerge --run-from - {options}");
    for (options, most) in [("-j 1", 1), ("-j 3", 3), ("-j 3 --order=input", 3)] {
        let printed = prints(&line(options));
        let counts: Vec<u32> = printed.lines().map(|count| count.trim().parse().unwrap()).collect();
        assert_eq!(counts.len(), 8, "{options}");
        assert!(counts.iter().all(|count| *count <= most), "{options}: {counts:?}");
    }
}

#[test]
fn commands_come_one_a_line_and_in_their_order() {
    let expected = lines("", 1..=200);
    assert_eq!(
        prints("seq 200 | sed 's/.*/sleep 0.00$((& % 7)); echo &/' | rmerge --run-from - -j 8 --order=input"),
        expected
    );
    assert_eq!(
        prints("printf 'echo 1\\n\\n  \\necho 2=3' > list; rmerge --run-from list -j 1 --label"),
        "[echo] 1\n[echo] 2=3\n"
    );
    assert_eq!(
        prints("echo 'echo 2' > list; echo 1 > a; rmerge --order=input --run-from list a --run 'echo 3'"),
        "1\n3\n2\n"
    );
    assert_eq!(prints("rmerge --run-from /dev/null"), "");
    let (_, message, status) =
        fails("rmerge --run-from missing --run 'touch ran'; status=$?; [ ! -e ran ] && exit $status");
    assert_eq!((message.as_str(), status), ("rmerge: missing: No such file or directory\n", 1));
    let (printed, message, status) = fails("printf 'echo 1\\nexit 3\\necho 2\\n' | rmerge --run-from - -j 1");
    assert_eq!((printed.as_str(), message.as_str(), status), ("1\n2\n", "rmerge: 'exit 3': exited with status 3\n", 3));
}

#[test]
fn a_line_that_is_no_command_for_its_length_runs_nothing() {
    let line = "(echo 'echo before'; head -c 3M /dev/zero | tr '\\0' x; echo; echo 'touch ran') > list; rmerge --run-from list; \
        status=$?; [ ! -e ran ] && exit $status";
    let message = "rmerge: list: a line is longer than 1048576 bytes\n";
    assert_eq!(fails(line), ("before\n".into(), message.into(), 1));
}

#[test]
fn commands_are_started_as_their_lines_arrive() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--run-from", "-", "-j", "1"]);
    for number in 0..3 {
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), format!("echo {number}\n").as_bytes()).unwrap();
        read_exactly(&mut child, &format!("{number}\n"));
    }
    let (rest, message, status) = finish(child);
    assert_eq!((rest.as_slice(), message.as_str(), status.code()), (&b""[..], "", Some(0)));
}

#[test]
fn a_signal_is_passed_on_and_what_the_commands_still_print_is_delivered() {
    for (number, signal) in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT].into_iter().enumerate() {
        let sandbox = Sandbox::new();
        let mark = mark(10 + u32::try_from(number).unwrap());
        sandbox.fifo("fifo");
        let run =
            format!("exec 2> /dev/null; trap 'seq 3; exit 3' INT TERM HUP QUIT; echo began; sleep {mark}; exit 5");
        let mut child = start(&sandbox, &["-j", "1", "fifo", "--run", &run, "--run", "touch ran"]);
        read_exactly(&mut child, "began\n");
        wait_until("it sleeps", || !processes(&mark).is_empty());
        support::kill(child.id(), signal);
        let (rest, message, status) = finish(child);
        assert_eq!(
            (rest.as_slice(), message.as_str(), status.signal()),
            (&b"1\n2\n3\n"[..], "", Some(signal.as_raw()))
        );
        wait_until("no process is left", || processes(&mark).is_empty());
        assert!(!sandbox.path("ran").exists());
    }
}

#[test]
fn a_second_signal_or_the_end_of_the_grace_kills() {
    for (number, grace) in ["300", "100ms"].into_iter().enumerate() {
        let sandbox = Sandbox::new();
        let mark = mark(20 + u32::try_from(number).unwrap());
        let run = format!("trap '' TERM; echo began; sleep {mark} & sleep {mark}; sleep {mark}");
        let mut child = start(&sandbox, &["--grace", grace, "--run", &run]);
        read_exactly(&mut child, "began\n");
        wait_until("both sleep", || processes(&mark).len() == 2);
        support::kill(child.id(), Signal::TERM);
        if grace == "300" {
            support::kill(child.id(), Signal::INT);
        }
        let (rest, message, status) = finish(child);
        assert_eq!((rest.as_slice(), message.as_str()), (&b""[..], ""));
        // Of two that arrive at once, the lower comes first.
        assert!(status.signal() == Some(15) || grace == "300" && status.signal() == Some(2), "{status}");
        wait_until("no process is left", || processes(&mark).is_empty());
    }
}

#[test]
fn signals_that_were_ignored_stay_so() {
    assert_eq!(prints("trap '' HUP; rmerge --run 'kill -HUP $PPID; echo on' --run 'sleep 0.1'"), "on\n");
}

#[test]
fn a_reader_that_leaves_ends_the_commands_and_none_is_left() {
    for (number, trap) in ["", "trap \"\" TERM; "].into_iter().enumerate() {
        let sandbox = Sandbox::new();
        let mark = mark(30 + u32::try_from(number).unwrap());
        let run = format!("{trap}echo began; sleep {mark} & sleep {mark}");
        let mut child = start(&sandbox, &["--grace", "200ms", "--run", &run]);
        read_exactly(&mut child, "began\n");
        wait_until("both sleep", || processes(&mark).len() == 2);
        drop(child.stdout.take());
        let (_, message, status) = finish(child);
        assert_eq!((message.as_str(), status.signal()), ("", Some(13)));
        wait_until("no process is left", || processes(&mark).is_empty());
    }
}

#[test]
fn a_reader_that_leaves_after_a_signal_ends_the_commands_too() {
    let sandbox = Sandbox::new();
    let mark = mark(35);
    let run = format!("trap '' INT TERM; echo began; sleep {mark} & sleep {mark}");
    let mut child = start(&sandbox, &["--grace", "200ms", "--run", &run]);
    read_exactly(&mut child, "began\n");
    wait_until("both sleep", || processes(&mark).len() == 2);
    support::kill(child.id(), Signal::INT);
    drop(child.stdout.take());
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    let (_, message, status) = finish(child);
    // The reader may have been seen to leave before the signal.
    assert!(matches!(status.signal(), Some(2 | 13)), "{status}");
    assert_eq!(message, "");
    wait_until("no process is left", || processes(&mark).is_empty());
}

#[test]
fn a_reader_that_leaves_early_ends_commands_that_write_without_end() {
    let (printed, message, status) = fails("rmerge --run yes --run 'yes n' | head -n 0; exit ${PIPESTATUS[0]}");
    assert_eq!((printed.as_str(), message.as_str(), status), ("", "", 141));
}

#[test]
fn commands_that_are_left_alone_get_sigpipe() {
    let sandbox = Sandbox::new();
    let mark = mark(40);
    let run = format!("echo began; while :; do sleep 0.02; echo {mark}; done");
    let mut child = start(&sandbox, &["--run", &run]);
    read_exactly(&mut child, "began\n");
    let shells = support::children(child.id());
    assert_eq!(shells.len(), 1);
    support::kill(child.id(), Signal::KILL);
    child.wait().unwrap();
    wait_until("the shell has ended", || {
        // Where nobody waits for orphans, it remains as a zombie.
        std::fs::read_to_string(format!("/proc/{}/stat", shells[0]))
            .map_or(true, |stat| stat.rsplit(')').next().unwrap().starts_with(" Z"))
    });
}

#[test]
fn no_zombie_is_left_while_others_run() {
    let sandbox = Sandbox::new();
    let mark = mark(50);
    let list = sandbox.path("list");
    std::fs::write(&list, lines("echo ", 1..=50)).unwrap();
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.args(["--run-from", "list", "-j", "5", "--run", &format!("exec sleep {mark}")]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut got = String::new();
    let mut piece = [0; 100];
    while got.lines().count() < 50 || !got.ends_with('\n') {
        let count = child.stdout.as_mut().unwrap().read(&mut piece).unwrap();
        got.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    wait_until("only the one that runs is a child", || support::children(child.id()).len() == 1);
    support::kill(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(processes(&mark), [0_u32; 0]);
}

#[test]
fn time_and_signals_are_seen_to_while_the_output_is_blocked() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--timeout", "5s", "--run", "x=yes", "--run", "y=exec sleep 0.1"]);
    read_exactly(&mut child, "y\n");
    wait_until("the commands are ended", || support::children(child.id()).is_empty());
    // What was read before is still delivered.
    let (rest, message, status) = finish(child);
    assert!(!rest.is_empty() && rest.iter().all(|byte| b"y\n".contains(byte)) && rest.ends_with(b"y\n"));
    assert_eq!((message.as_str(), status.code()), ("rmerge: x: timed out\n", Some(124)));

    let mut child = start(&sandbox, &["--run", "exec yes"]);
    read_exactly(&mut child, "y\n");
    wait_until_blocked(&child);
    support::kill(child.id(), Signal::TERM);
    wait_until("the command is ended", || support::children(child.id()).is_empty());
    assert!(child.try_wait().unwrap().is_none());
    // Who asks again doesn't wait for the reader.
    support::kill(child.id(), Signal::TERM);
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(finish(child).2.signal(), Some(15));
}

/// `rmerge` with this standard output and a pipe for what it says.
fn start_on(stdout: impl Into<Stdio>, run: &str) -> Child {
    let mut command = support::applet("rmerge");
    command.args(["--run", run]).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn an_output_that_goes_away_ends_the_commands_whatever_it_was() {
    for (number, run) in ["exec sleep", "exec yes"].into_iter().enumerate() {
        let mark = mark(60 + u32::try_from(number).unwrap());
        let run = format!("{run} {mark}");
        let check = |mut child: Child, leave: &mut dyn FnMut(), message: &str, signal: Option<i32>| {
            wait_until("the command runs", || !processes(&mark).is_empty());
            wait_until_blocked(&child);
            leave();
            wait_until("it has ended", || child.try_wait().unwrap().is_some());
            let (_, said, status) = finish(child);
            // What yes(1) says of it comes with it.
            assert_eq!(
                (said.lines().rfind(|line| line.starts_with("rmerge")).unwrap_or(""), status.signal()),
                (message, signal)
            );
            wait_until("no process is left", || processes(&mark).is_empty());
        };
        let (master, slave, _) = support::terminal();
        let mut master = Some(master);
        check(start_on(slave, &run), &mut || drop(master.take()), "rmerge: standard output: Input/output error", None);

        // So is one that was hung up before.
        let (master, slave, _) = support::terminal();
        drop(master);
        let mut child = start_on(slave, &run);
        wait_until("it has ended", || child.try_wait().unwrap().is_some());
        assert!(finish(child).1.ends_with("rmerge: standard output: Input/output error\n"));

        let (ours, theirs) = support::packet_sockets(SocketType::STREAM);
        let mut ours = Some(ours);
        check(start_on(theirs, &run), &mut || drop(ours.take()), "", Some(13));

        let (ours, theirs) = support::packet_sockets(SocketType::STREAM);
        // Of one that only reads no more nothing is heard before it is written to.
        let how = if number == 0 { Shutdown::Both } else { Shutdown::Read };
        check(start_on(theirs, &run), &mut || rustix::net::shutdown(&ours, how).unwrap(), "", Some(13));
    }
}

#[test]
fn signals_are_seen_to_while_a_terminal_takes_no_more() {
    let (_master, slave, _) = support::terminal();
    let mut settings = rustix::termios::tcgetattr(&slave).unwrap();
    // Each newline takes the room of two bytes, of which poll(2) knows nothing.
    settings.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
    rustix::termios::tcsetattr(&slave, OptionalActions::Now, &settings).unwrap();
    let mut child = start_on(slave, "exec yes");
    wait_until("the command runs", || !support::children(child.id()).is_empty());
    wait_until_blocked(&child);
    support::kill(child.id(), Signal::TERM);
    wait_until("the command is ended", || support::children(child.id()).is_empty());
    support::kill(child.id(), Signal::TERM);
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(finish(child).2.signal(), Some(15));
}
