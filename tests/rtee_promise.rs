//! What rtee promises beyond tee: nothing that appeared is missing from a FILE, and no output holds another up.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;

use crate::support::{self, Sandbox, children, is_asleep, leave, pattern, wait_until};

/// More than the pipes of the default size hold, less than those of 1 MiB.
pub(crate) const A_LOT: usize = 900_000;

#[test]
fn what_appeared_is_in_every_file_however_rtee_is_killed() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::KILL] {
        // Ctrl-C, and a terminal that hangs up, reach the whole group; SIGKILL to it would leave nobody.
        for to_group in [false, true] {
            if to_group && signal == Signal::KILL {
                continue;
            }
            for before in [1, 100, 20_000, 500_000] {
                kill_after(before, signal, to_group);
            }
        }
    }
}

fn kill_after(before: usize, signal: Signal, to_group: bool) {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["a", "b", "c"]).process_group(0);
    let mut child = support::spawn(sandbox.prepare(command));
    let mut stdin = child.stdin.take().unwrap();
    let producer = std::thread::spawn(move || {
        // Until nobody reads any more.
        for number in 0.. {
            if stdin.write_all(format!("line {number}\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut stdout = child.stdout.take().unwrap();
    let mut appeared = vec![0; before];
    stdout.read_exact(&mut appeared).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    if to_group {
        rustix::process::kill_process_group(pid, signal).unwrap();
    } else {
        rustix::process::kill_process(pid, signal).unwrap();
    }
    stdout.read_to_end(&mut appeared).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
    producer.join().unwrap();
    for file in ["a", "b", "c"] {
        wait_until("the file has all that appeared", || sandbox.read(file).starts_with(&appeared));
    }
}

/// Kills `command` with SIGKILL when some of its first chunk has appeared, and returns all that appeared.
fn kill_in_the_first_chunk(sandbox: &Sandbox, command: Command) -> Vec<u8> {
    std::fs::write(sandbox.path("in"), pattern(A_LOT)).unwrap();
    let (mut stdout, writer) = support::pipe();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let mut command = sandbox.prepare(command);
    let mut child = command.stdin(File::open(sandbox.path("in")).unwrap()).stdout(writer).spawn().unwrap();
    drop(command);
    let mut appeared = vec![0; 3000];
    stdout.read_exact(&mut appeared).unwrap();
    support::kill(child.id(), Signal::KILL);
    child.wait().unwrap();
    stdout.read_to_end(&mut appeared).unwrap();
    assert!(pattern(A_LOT).starts_with(&appeared));
    appeared
}

#[test]
fn what_appeared_is_in_files_that_share_a_writer_or_have_none() {
    let mut append = support::rtee();
    append.args(["-a", "a", "b"]);
    // Descriptors for the FILE, and none for pipes.
    let mut alone = Command::new("bash");
    alone.args(["-c", "ulimit -n 4; exec rtee a"]);
    for (command, files) in [(append, &["a", "b"][..]), (alone, &["a"])] {
        let sandbox = Sandbox::new();
        let appeared = kill_in_the_first_chunk(&sandbox, command);
        for file in files {
            wait_until("the file has all that appeared", || sandbox.read(file).starts_with(&appeared));
        }
    }
    let sandbox = Sandbox::new();
    let mut twice = support::rtee();
    twice.args(["-a", "a", "a"]);
    let appeared = kill_in_the_first_chunk(&sandbox, twice);
    // Each chunk goes in under the one name, then under the other.
    let wanted: Vec<u8> = pattern(A_LOT).chunks(8192).flat_map(|chunk| [chunk, chunk].concat()).collect();
    wait_until("the file has all that appeared", || sandbox.read("a").len() >= 2 * appeared.len());
    assert!(wanted.starts_with(&sandbox.read("a")));
}

#[test]
fn a_late_error_of_a_file_is_reported_as_tees_and_leaves_every_output_a_beginning_of_the_input() {
    let input: Vec<u8> = (1..=60_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    let message = "rtee: a: File too large\n";
    for mode in ["", "-p", "--output-error=warn", "--output-error=exit", "--output-error=exit-nopipe"] {
        let sandbox = Sandbox::new();
        // The limit is rtee's alone; b is a FIFO, so that it has none.
        let line = format!(
            "seq 60000 > in; mkfifo b; cat b > c & \
            (trap '' XFSZ; ulimit -f 20; exec $TEE {mode} a b < in; ) | cat > o; echo ${{PIPESTATUS[0]}}; wait"
        );
        let outcome = sandbox.run(sandbox.shell("rtee", &line));
        assert_eq!(
            (String::from_utf8_lossy(&outcome.stderr).as_ref(), outcome.stdout.as_slice()),
            (message, &b"1\n"[..])
        );
        assert!(sandbox.read("a") == input[..20 * 1024]);
        for file in ["o", "c"] {
            let got = sandbox.read(file);
            let complete = !mode.contains("exit");
            assert!(input.starts_with(&got) && (!complete || got == input), "{mode}: {file} has {} bytes", got.len());
        }
        // What has appeared is in the FILE that works.
        assert!(sandbox.read("c").starts_with(&sandbox.read("o")));
    }
}

#[test]
fn rtee_does_not_end_before_its_files_are_complete() {
    for reader_leaves in [false, true] {
        let sandbox = Sandbox::new();
        let line = "seq 300000 | $TEE a b c | head -c 10 > /dev/null; cksum < a; cksum < b; cksum < c";
        let line = if reader_leaves { line.to_owned() } else { line.replace("head -c 10", "cat") };
        let outcome = sandbox.run(sandbox.shell("rtee", &line));
        let sums: Vec<&str> = std::str::from_utf8(&outcome.stdout).unwrap().lines().collect();
        assert!(sums.iter().all(|sum| *sum == sums[0]), "the files differ: {sums:?}");
        let files: Vec<usize> = outcome.files.values().map(Vec::len).collect();
        assert_eq!(files, sandbox.files().values().map(Vec::len).collect::<Vec<_>>(), "they still grow");
    }
}

#[test]
fn a_killed_writer_is_reported_by_file_and_signal_and_the_others_go_on() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["one", "a file", "three"]);
    let mut child = support::spawn(sandbox.prepare(command));
    support::echo(&mut child, "first\n");
    let writers = children(child.id());
    assert_eq!(writers.len(), 3, "a writer a FILE");
    support::kill(writers[1], Signal::KILL);
    wait_until("the writer is gone", || children(child.id()).len() == 2);
    support::echo(&mut child, "second\n");
    let (_, stderr, status) = support::finish(child);
    assert_eq!(stderr, "rtee: 'a file': writer killed by SIGKILL\n");
    assert_eq!(status.code(), Some(1));
    assert_eq!(sandbox.read("one"), b"first\nsecond\n");
    assert_eq!(sandbox.read("three"), b"first\nsecond\n");
}

#[test]
fn a_writer_killed_before_any_input_is_reported_too() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["one", "two"]);
    let mut child = support::spawn(sandbox.prepare(command));
    wait_until("the writers are there", || children(child.id()).len() == 2);
    support::kill(children(child.id())[0], Signal::KILL);
    wait_until("the writer is gone", || children(child.id()).len() == 1);
    support::echo(&mut child, "line\n");
    let (_, stderr, status) = support::finish(child);
    assert_eq!(stderr, "rtee: one: writer killed by SIGKILL\n");
    assert_eq!(status.code(), Some(1));
    assert_eq!(sandbox.read("two"), b"line\n");
}

#[test]
fn a_killed_writer_ends_the_run_in_the_exit_modes() {
    for mode in ["--output-error=exit", "--output-error=exit-nopipe"] {
        let sandbox = Sandbox::new();
        let mut command = support::rtee();
        command.args([mode, "one", "two"]);
        let mut child = support::spawn(sandbox.prepare(command));
        support::echo(&mut child, "line\n");
        support::kill(children(child.id())[1], Signal::KILL);
        // Without any further input.
        let stdin = child.stdin.take();
        let status = child.wait().unwrap();
        drop(stdin);
        assert_eq!(status.code(), Some(1));
        assert_eq!(sandbox.read("one"), b"line\n");
    }
}

#[test]
fn with_p_a_file_that_is_standard_output_leaves_with_it() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["-p", "/dev/stdout"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let stdin = child.stdin.take();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn a_terminal_that_does_not_wait_for_bytes_ends_the_input() {
    if support::peer("script", "util-linux").is_none() {
        return;
    }
    for mode in ["", "-p", "--output-error=exit-nopipe"] {
        let sandbox = Sandbox::new();
        let mut command = Command::new("script");
        let line = format!("stty -icanon min 0 time 1; rtee {mode} a");
        command.args(["-qec", &line, "/dev/null"]);
        let mut child = support::spawn(sandbox.prepare(command));
        let stdin = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        drop(stdin);
        assert_eq!(sandbox.read("a"), b"");
    }
}

#[test]
fn a_terminal_that_hangs_up_is_an_error_of_reading_in_every_mode() {
    for mode in ["-a", "-p", "--output-error=exit-nopipe"] {
        for line in [&b""[..], b"line\n"] {
            let sandbox = Sandbox::new();
            let (master, slave, _) = support::terminal();
            let mut command = support::rtee();
            command.args([mode, "a"]);
            let mut command = sandbox.prepare(command);
            command.stdin(slave).stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            drop(command);
            (&master).write_all(line).unwrap();
            wait_until("the line is in the file", || sandbox.path("a").exists() && sandbox.read("a") == line);
            come_to_rest(&[children(child.id()), vec![child.id()]].concat());
            drop(master);
            let (stdout, stderr, status) = support::finish(child);
            assert_eq!((stderr.as_str(), status.code()), ("rtee: read error: Input/output error\n", Some(1)), "{mode}");
            assert_eq!((stdout.as_slice(), sandbox.read("a").as_slice()), (line, line));
        }
    }
}

#[test]
fn a_line_is_passed_on_at_once_to_every_output() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["a", "b"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let mut sent = String::new();
    for number in 0..50 {
        let line = format!("line {number}\n");
        support::echo(&mut child, &line);
        sent.push_str(&line);
        wait_until("both files have the line", || {
            sandbox.read("a") == sent.as_bytes() && sandbox.read("b") == sent.as_bytes()
        });
    }
    assert!(support::finish(child).2.success());
}

/// User and system time, and how often it was on a processor.
fn activity(pid: u32) -> (String, String) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let times = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).collect::<Vec<_>>().join(" ");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let switches = status.lines().filter(|line| line.contains("voluntary_ctxt_switches")).collect::<String>();
    (times, switches)
}

/// Waits until none of these processes runs any more, nor waits for a processor, and returns what they did until then.
fn come_to_rest(pids: &[u32]) -> Vec<(String, String)> {
    let now = || pids.iter().map(|pid| activity(*pid)).collect::<Vec<_>>();
    let mut before = now();
    wait_until("they have come to rest", || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let settled = now() == before && pids.iter().copied().all(is_asleep);
        before = now();
        settled
    });
    before
}

#[test]
fn nothing_runs_while_nothing_arrives() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["-p", "a", "b"]);
    let mut child = support::spawn(sandbox.prepare(command));
    support::echo(&mut child, "line\n");
    let mut all = children(child.id());
    all.push(child.id());
    let before = come_to_rest(&all);
    // The length of the idleness that is looked at, not a wait for anything.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(all.iter().map(|pid| activity(*pid)).collect::<Vec<_>>(), before);
    assert!(support::finish(child).2.success());
}

#[test]
fn memory_stays_below_4_mib_whatever_the_input() {
    for append in [false, true] {
        let sandbox = Sandbox::new();
        let mut command = support::rtee();
        command.args(if append { vec!["-a", "a", "b"] } else { vec!["a", "b"] });
        let command = sandbox.prepare(command);
        let mut child = support::spawn(command);
        let mut stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).unwrap());
        let block = pattern(1 << 20);
        for _ in 0..64 {
            child.stdin.as_mut().unwrap().write_all(&block).unwrap();
        }
        let pids = [children(child.id()), vec![child.id()]].concat();
        assert_eq!(pids.len(), 3);
        for pid in pids {
            // The code of a build that is not optimized alone may be more than that.
            let most = if cfg!(debug_assertions) { 8192 } else { 4096 };
            assert!(support::resident_peak(pid) <= most, "{} KiB", support::resident_peak(pid));
        }
        assert!(support::finish(child).2.success());
        assert_eq!(reader.join().unwrap(), 64 << 20);
    }
}

#[test]
fn with_p_the_last_reader_is_missed_even_while_no_input_arrives() {
    for mode in ["-p", "--output-error=warn-nopipe", "--output-error=exit-nopipe"] {
        // Standard output and a FIFO, in both orders of leaving; before the first byte, and after it.
        for stdout_first in [true, false] {
            for line in [None, Some("line\n")] {
                let sandbox = Sandbox::new();
                let fifo = sandbox.fifo("fifo");
                let mut command = support::rtee();
                command.args([mode, "fifo"]);
                let mut child = support::spawn(sandbox.prepare(command));
                let mut reader = File::open(&fifo).unwrap();
                if let Some(line) = line {
                    support::echo(&mut child, line);
                    reader.read_exact(&mut vec![0; line.len()]).unwrap();
                }
                let stdin = child.stdin.take();
                let stdout = child.stdout.take();
                if stdout_first {
                    drop(stdout);
                    drop(reader);
                } else {
                    drop(reader);
                    drop(stdout);
                }
                assert_eq!(child.wait().unwrap().code(), Some(0));
                drop(stdin);
            }
        }
    }
}

#[test]
fn with_p_a_file_goes_on_when_every_reader_has_left() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rtee", "seq 200000 | $TEE -p all | head -1; echo ${PIPESTATUS[@]}"));
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "1\n0 0 0\n");
    assert_eq!(outcome.files[&b"all"[..]].len(), 1_288_895);
}

#[test]
fn a_reader_that_leaves_as_the_input_ends_has_missed_nothing() {
    let line = "mkfifo p; for round in {1..200}; do head -1 p > q & echo hi | $TEE p; wait; cmp q <(echo hi); done";
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rtee", &format!("set -e -o pipefail; {line}")));
    assert_eq!(outcome.status, "exit status: 0");
    assert_eq!(outcome.stdout, b"hi\n".repeat(200));
    assert_eq!(outcome.stderr, b"");
}

#[test]
fn a_reader_of_a_fifo_that_leaves_between_two_lines_is_not_missed_if_another_has_come() {
    for mode in [None, Some("--output-error=warn"), Some("--output-error=exit")] {
        for as_file in [true, false] {
            let sandbox = Sandbox::new();
            let path = sandbox.fifo("p");
            // An end of both kinds needs nobody at the other one.
            let both = File::options().read(true).write(true).open(&path).unwrap();
            let mut command = support::rtee();
            command.args(mode).args(as_file.then_some("p")).arg("a").stdin(Stdio::piped()).stderr(Stdio::piped());
            let mut command = sandbox.prepare(command);
            let mut child = if as_file {
                command.stdout(Stdio::null()).spawn().unwrap()
            } else {
                command.stdout(File::options().write(true).open(&path).unwrap()).spawn().unwrap()
            };
            drop(command);
            let mut first = File::open(&path).unwrap();
            child.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
            first.read_exact(&mut [0; 4]).unwrap();
            let pids: Vec<u32> = children(child.id()).into_iter().chain([child.id()]).collect();
            come_to_rest(&pids);
            drop(both);
            leave(first);
            come_to_rest(&pids);
            let mut second = File::open(&path).unwrap();
            child.stdin.as_mut().unwrap().write_all(b"two\n").unwrap();
            let mut got = [0; 4];
            second.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"two\n");
            // With none, the next line has no place to go.
            leave(second);
            child.stdin.as_mut().unwrap().write_all(b"three\n").unwrap();
            let (_, stderr, status) = support::finish(child);
            let name = if as_file { "p" } else { "'standard output'" };
            let said = if mode.is_some() { format!("rtee: {name}: Broken pipe\n") } else { String::new() };
            assert_eq!(stderr, said);
            let (code, signal) = if mode.is_some() { (Some(1), None) } else { (None, Some(Signal::PIPE.as_raw())) };
            assert_eq!((status.code(), status.signal()), (code, signal));
        }
    }
}

#[test]
fn a_standard_output_that_was_given_up_gets_nothing_more_though_it_has_a_reader_again() {
    for mode in ["warn", "warn-nopipe"] {
        let sandbox = Sandbox::new();
        let path = sandbox.fifo("p");
        let mut reader = File::from(
            rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).unwrap(),
        );
        let writer = File::options().write(true).open(&path).unwrap();
        let mut command = support::rtee();
        command.args([&format!("--output-error={mode}"), "a"]).stdin(Stdio::piped()).stdout(writer);
        let mut command = sandbox.prepare(command);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let mut send = |line: &str| {
            child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
            let arrived = |file: Vec<u8>| file.ends_with(line.as_bytes());
            wait_until("the line is in the file", || std::fs::read(sandbox.path("a")).is_ok_and(arrived));
        };
        send("one\n");
        wait_until("the line has appeared", || reader.read(&mut [0; 8]).is_ok_and(|count| count == 4));
        leave(reader);
        // The second of them comes after standard output was found to be broken.
        send("two\n");
        send("three\n");
        let mut reader = File::open(&path).unwrap();
        send("four\n");
        let said = if mode == "warn" { "rtee: 'standard output': Broken pipe\n" } else { "" };
        let (_, stderr, status) = support::finish(child);
        assert_eq!((stderr.as_str(), status.code()), (said, Some(i32::from(mode == "warn"))));
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.escape_ascii().to_string(), "", "{mode}");
        assert_eq!(sandbox.read("a"), b"one\ntwo\nthree\nfour\n");
    }
}

#[test]
fn the_producer_is_told_as_soon_as_rtee_is_gone() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.arg("a");
    let mut child = support::spawn(sandbox.prepare(command));
    support::echo(&mut child, "line\n");
    support::kill(child.id(), Signal::KILL);
    let mut stdin = child.stdin.take().unwrap();
    child.wait().unwrap();
    // The writer outlives it, but holds neither end. (For a moment, a process that another test starts may.)
    wait_until("the pipe is broken", || {
        stdin.write_all(b"more\n").is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    });
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn sigchld_ignored_by_the_parent_changes_nothing() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rtee", "trap '' CHLD; echo hi | $TEE a /dev/full; echo $?"));
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "hi\n1\n");
    assert_eq!(outcome.stderr, b"rtee: /dev/full: No space left on device\n");
}

#[test]
fn progress_is_silent_without_a_terminal_and_drawn_on_one() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rtee", "seq 100000 | $TEE --progress a > /dev/null"));
    assert_eq!((outcome.status.as_str(), outcome.stderr.as_slice()), ("exit status: 0", &b""[..]));
    if support::peer("script", "util-linux").is_none() {
        return;
    }
    let line = "script -qec 'seq 100000 | rtee --progress a > /dev/null' /dev/null";
    let drawn = sandbox.run(sandbox.shell("rtee", line)).stdout;
    assert!(String::from_utf8_lossy(&drawn).contains("575.09 KiB in "), "{}", drawn.escape_ascii());
}

#[test]
fn several_readers_of_one_pipe_get_each_byte_once() {
    let sandbox = Sandbox::new();
    let line = "seq 200000 | { $TEE a > b & $TEE c > d & wait; }; cmp a b && cmp c d; cat a c | wc -c";
    let outcome = sandbox.run(sandbox.shell("rtee", line));
    assert_eq!(String::from_utf8(outcome.stdout).unwrap().trim(), "1288895");
}

#[test]
fn lines_typed_at_a_terminal_go_through_until_ctrl_d() {
    if support::peer("script", "util-linux").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut command = Command::new("script");
    command.args(["-qec", "stty -echo; rtee a", "/dev/null"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let mut stdin = child.stdin.take().unwrap();
    let mut sent = String::new();
    for line in ["one\n", "two\n", "three\n"] {
        stdin.write_all(line.as_bytes()).unwrap();
        sent.push_str(line);
        wait_until("the line is in the file", || sandbox.path("a").exists() && sandbox.read("a") == sent.as_bytes());
    }
    stdin.write_all(b"\x04").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn ctrl_c_at_a_terminal_ends_rtee_and_completes_the_file() {
    if support::peer("script", "util-linux").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut command = Command::new("script");
    command.args(["-qec", "rtee a", "/dev/null"]).stderr(Stdio::null());
    let mut child = support::spawn(sandbox.prepare(command));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"typed\n").unwrap();
    wait_until("the line is in the file", || sandbox.path("a").exists() && sandbox.read("a") == b"typed\n");
    stdin.write_all(b"\x03").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2));
    assert_eq!(sandbox.read("a"), b"typed\n");
}
