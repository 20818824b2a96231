//! rfifo's write side: whole lines, over readers that come and go.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use rustix::fs::OFlags;
use rustix::process::Signal;

use crate::rfifo::{has_open, start};
use crate::support::{self, Sandbox, is_asleep, kill, leave, pattern, wait_until};

fn write(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = support::applet("rfifo");
    command.arg("--write").args(arguments).arg("p");
    support::spawn(sandbox.prepare(command))
}

fn give(child: &mut Child, bytes: &[u8]) {
    child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
}

/// Its messages and its status, at the end of its input.
fn end(child: Child) -> (String, Option<i32>) {
    let (stdout, stderr, status) = support::finish(child);
    assert!(stdout.is_empty());
    (stderr, status.code())
}

fn well() -> (String, Option<i32>) {
    (String::new(), Some(0))
}

/// Opens for reading, waiting for a writer.
fn read(sandbox: &Sandbox) -> File {
    File::open(sandbox.path("p")).unwrap()
}

fn get(reader: &mut File, count: usize) -> String {
    let mut bytes = vec![0; count];
    reader.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn all_of_the_input_arrives_and_the_status_is_0() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    let sent: Vec<u8> = (0..200_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    for sent in [sent, pattern(1_000_000), b"no newline".to_vec(), vec![], vec![b'x'; 4096], vec![b'\n'; 10_000]] {
        std::fs::write(sandbox.path("in"), &sent).unwrap();
        let line = "cat p > out & rfifo --write p < in; echo $?; wait; cmp in out";
        let outcome = sandbox.run(sandbox.shell("rfifo", line));
        assert_eq!((outcome.stdout.as_slice(), outcome.stderr.len()), (&b"0\n"[..], 0), "{} bytes", sent.len());
    }
}

#[test]
fn a_line_leaves_at_once_and_a_part_of_one_at_its_end() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    let mut child = write(&sandbox, &[]);
    let mut reader = read(&sandbox);
    give(&mut child, b"one\ntw");
    assert_eq!(get(&mut reader, 4), "one\n");
    give(&mut child, b"o\n");
    assert_eq!(get(&mut reader, 4), "two\n");
    give(&mut child, b"last");
    assert_eq!(end(child), well());
    assert_eq!(get(&mut reader, 4), "last");
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn several_writers_share_a_fifo_and_tear_no_line() {
    let sandbox = Sandbox::new();
    let child = start(&sandbox, &["--writers", "6"]);
    let line = "for writer in 1 2 3 4 5 6; do
        { for n in $(seq 300); do printf '%s%0*d\\n' $writer $((n * 13 % 4000 + 5)) $n; done | rfifo --write p; } & done; wait";
    let mut shell = sandbox.shell("rfifo", line).stdin(Stdio::null()).spawn().unwrap();
    let (stdout, stderr, status) = support::finish(child);
    assert!(shell.wait().unwrap().success());
    assert_eq!((stderr.as_str(), status.code()), ("", Some(0)));
    let text = String::from_utf8(stdout).unwrap();
    for writer in '1'..='6' {
        let own = text.lines().filter(|line| line.starts_with(writer));
        let sent = (1..=300).map(|n: usize| format!("{writer}{n:0width$}", width = n * 13 % 4000 + 5));
        assert!(own.eq(sent), "writer {writer}");
    }
    assert_eq!(text.lines().count(), 1800);
}

#[test]
fn without_a_reader_the_time_is_over_with_124() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    for timeout in ["0", "50ms"] {
        let mut child = write(&sandbox, &["--timeout", timeout]);
        assert_eq!(child.wait().unwrap().code(), Some(124));
    }
    // The second reader, for whom something is there.
    let mut child = write(&sandbox, &["--timeout", "5s"]);
    let mut reader = read(&sandbox);
    give(&mut child, b"one\n");
    assert_eq!(get(&mut reader, 4), "one\n");
    leave(reader);
    give(&mut child, b"two\n");
    let said = "rfifo: p: no reader has come, and 4 bytes were not delivered\n";
    assert_eq!(end(child), (said.to_owned(), Some(124)));
}

#[test]
fn what_is_missing_is_an_error_and_with_a_timeout_it_is_waited_for() {
    let sandbox = Sandbox::new();
    let missing = ("rfifo: p: No such file or directory\n".to_owned(), Some(1));
    assert_eq!(end(write(&sandbox, &[])), missing);
    assert_eq!(end(write(&sandbox, &["--drop"])), missing);
    assert_eq!(end(write(&sandbox, &["--timeout", "50ms"])), (String::new(), Some(124)));
    assert!(!sandbox.path("p").exists());
    let mut child = write(&sandbox, &["--timeout", "60s"]);
    give(&mut child, b"early\n");
    let reader = start(&sandbox, &["--once"]);
    assert_eq!(end(child), well());
    assert_eq!(support::finish(reader).0, b"early\n");
}

#[test]
fn it_is_one_writer_to_a_reader_that_counts_them() {
    // The writer has waited for a reader that opens, or for a FIFO and then for its reader.
    for exists in [true, false].repeat(20) {
        let sandbox = Sandbox::new();
        if exists {
            sandbox.fifo("p");
        }
        let mut child = write(&sandbox, &["--timeout", "60s"]);
        wait_until("it waits", || is_asleep(child.id()));
        let reader = start(&sandbox, if exists { &["--once", "--reuse"] } else { &["--once"] });
        wait_until("it has come", || has_open(child.id(), &sandbox.path("p")));
        // What it had open but once is still open.
        give(&mut child, b"one\n");
        assert_eq!(end(child), well());
        assert_eq!(support::finish(reader).0, b"one\n");
    }
}

#[test]
fn a_reader_that_leaves_costs_nothing_while_the_fifo_is_there() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    let mut child = write(&sandbox, &[]);
    let mut reader = read(&sandbox);
    give(&mut child, b"one\ntwo\n");
    assert_eq!(get(&mut reader, 4), "one\n");
    leave(reader);
    give(&mut child, b"three\n");
    // What the first one left, and what came while there was none.
    let mut reader = read(&sandbox);
    assert_eq!(get(&mut reader, 10), "two\nthree\n");
    leave(reader);
    give(&mut child, b"four\n");
    drop(child.stdin.take());
    // The end of the input is not the end while something is not delivered.
    let mut text = String::new();
    read(&sandbox).read_to_string(&mut text).unwrap();
    assert_eq!(text, "four\n");
    assert_eq!(end(child), well());
}

#[test]
fn a_reader_that_is_killed_is_survived() {
    let sandbox = Sandbox::new();
    let mut first = start(&sandbox, &[]);
    let mut child = write(&sandbox, &[]);
    give(&mut child, b"one\n");
    let mut one = [0; 4];
    first.stdout.as_mut().unwrap().read_exact(&mut one).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    give(&mut child, b"two\n");
    let second = start(&sandbox, &["--replace", "--once"]);
    assert_eq!(end(child), well());
    assert_eq!(support::finish(second).0, b"two\n");
}

#[test]
fn what_a_reader_leaves_in_a_fifo_that_it_removes_is_lost_and_said() {
    let sandbox = Sandbox::new();
    let path = sandbox.fifo("p");
    let mut child = write(&sandbox, &[]);
    let mut reader = read(&sandbox);
    give(&mut child, b"one\n");
    assert_eq!(get(&mut reader, 4), "one\n");
    give(&mut child, b"two\n");
    wait_until("it is in the FIFO", || rustix::io::ioctl_fionread(&reader) == Ok(4));
    std::fs::remove_file(&path).unwrap();
    leave(reader);
    give(&mut child, b"three\n");
    // Another FIFO takes its place, and its reader goes on with the next line.
    sandbox.fifo("p");
    let mut reader = read(&sandbox);
    assert_eq!(get(&mut reader, 6), "three\n");
    let said = "rfifo: p: its reader left and removed it, and up to 4 bytes were not read\n";
    assert_eq!(end(child), (said.to_owned(), Some(1)));
}

#[test]
fn a_writer_that_is_killed_leaves_its_whole_lines() {
    let sandbox = Sandbox::new();
    let reader = start(&sandbox, &["--once"]);
    let mut child = write(&sandbox, &[]);
    give(&mut child, b"one\ntwo\nthr");
    wait_until("they were read", || {
        let io = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
        io.lines().any(|line| line == "wchar: 8")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(support::finish(reader).0, b"one\ntwo\n");
}

#[test]
fn a_signal_ends_it_while_it_waits_for_a_reader_for_room_or_for_input() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    for (reads, input) in [(false, &b""[..]), (true, b""), (true, &vec![b'\n'; 2_000_000])] {
        let mut child = write(&sandbox, &[]);
        let reader = reads.then(|| read(&sandbox));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            // It fails when nobody reads any more.
            let _ = stdin.write_all(&input);
            stdin
        });
        wait_until("it sleeps", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            let caught = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            // SIGTERM is held off.
            let held = caught.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
            stat.contains(") S ") && u64::from_str_radix(held, 16).unwrap() & 1 << 14 != 0
        });
        kill(child.id(), Signal::TERM);
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
        drop((feeder.join().unwrap(), reader));
    }
    assert!(sandbox.path("p").exists());
}

#[test]
fn what_was_created_goes_at_the_end_unless_it_is_kept() {
    let sandbox = Sandbox::new();
    for (options, stays) in [(&["--create", "-m", "640"][..], false), (&["--create", "--keep"], true)] {
        let mut child = write(&sandbox, options);
        wait_until("it is made", || sandbox.path("p").exists());
        assert!(sandbox.path("p").metadata().unwrap().file_type().is_fifo());
        let mut reader = read(&sandbox);
        give(&mut child, b"hi\n");
        assert_eq!(end(child), well());
        assert_eq!(get(&mut reader, 3), "hi\n");
        assert_eq!(sandbox.path("p").exists(), stays);
    }
    // What was there before stays.
    let mut child = write(&sandbox, &["--create"]);
    let _reader = read(&sandbox);
    give(&mut child, b"hi\n");
    assert_eq!(end(child), well());
    assert!(sandbox.path("p").exists());
}

#[test]
fn with_drop_nothing_waits_and_what_nobody_takes_is_counted() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    let mut child = write(&sandbox, &["--drop"]);
    give(&mut child, b"1\n2\n3\n4");
    assert_eq!(end(child), ("rfifo: p: 4 lines dropped\n".to_owned(), Some(0)));
    let mut child = write(&sandbox, &["--drop"]);
    give(&mut child, b"1\n");
    assert_eq!(end(child), ("rfifo: p: 1 line dropped\n".to_owned(), Some(0)));
    assert_eq!(end(write(&sandbox, &["--drop"])), well());
}

#[test]
fn with_drop_and_mark_a_slow_reader_gets_whole_lines_and_learns_how_many_are_missing() {
    let sandbox = Sandbox::new();
    let path = sandbox.fifo("p");
    // A reader that is there and reads nothing yet.
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut child = write(&sandbox, &["--drop", "--mark", "--max-record", "100K", "--size", "64K"]);
    let mut lines: Vec<String> = (0..40_000).map(|number| format!("line {number}\n")).collect();
    // Longer than is written at once, and longer than is allowed.
    lines.insert(100, format!("{}\n", "x".repeat(9000)));
    lines.insert(200, format!("{}\n", "y".repeat(150_000)));
    let sent = lines.concat();
    give(&mut child, sent.as_bytes());
    let pid = child.id();
    wait_until("all was read without waiting", || {
        let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
        let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        read.parse::<usize>().unwrap() >= sent.len()
    });
    // Some was taken, and now there is room again.
    let queued = usize::try_from(rustix::io::ioctl_fionread(&reader).unwrap()).unwrap();
    let mut text = get(&mut reader, queued);
    give(&mut child, b"after\n");
    let (said, status) = end(child);
    let more = usize::try_from(rustix::io::ioctl_fionread(&reader).unwrap()).unwrap();
    text.push_str(&get(&mut reader, more));
    let mut dropped = 0;
    let mut expected = lines.iter().map(String::as_str).chain(["after\n"]);
    for line in text.split_inclusive('\n') {
        if let Some(count) = line.strip_prefix("[rfifo: ") {
            let count = count.strip_suffix(" dropped]\n").unwrap().split(' ').next().unwrap();
            let count: usize = count.parse().unwrap();
            dropped += count;
            assert_eq!(expected.by_ref().take(count).count(), count);
        } else {
            assert_eq!(Some(line), expected.next());
        }
    }
    assert_eq!(expected.next(), None);
    assert!(dropped > 1000, "{dropped}");
    assert_eq!((said, status), (format!("rfifo: p: {dropped} lines dropped\n"), Some(0)));
}

#[test]
fn with_drop_a_long_line_whose_reader_leaves_is_not_torn_for_the_next_one() {
    let sandbox = Sandbox::new();
    let path = sandbox.fifo("p");
    let nonblocking = || {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        OpenOptions::new().read(true).custom_flags(flags).open(&path).unwrap()
    };
    let mut first = nonblocking();
    let mut child = write(&sandbox, &["--drop", "--mark", "--size", "64K"]);
    // More than there is room for.
    let long = format!("{}\n", "x".repeat(100_000));
    give(&mut child, long.as_bytes());
    wait_until("the FIFO is full", || rustix::io::ioctl_fionread(&first) == Ok(65_536));
    let mut text = get(&mut first, 1000);
    leave(first);
    let pid = child.id();
    let count_read = || {
        let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
        io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse::<usize>().unwrap()
    };
    let before = count_read();
    // Nobody takes it, and it must not come after the beginning of the long one.
    give(&mut child, b"dropped\n");
    wait_until("it is read", || count_read() >= before + 8);
    let mut second = nonblocking();
    text.push_str(&get(&mut second, 64_536));
    give(&mut child, b"after\n");
    let (said, status) = end(child);
    second.read_to_string(&mut text).unwrap();
    assert!(text == format!("{long}[rfifo: 1 line dropped]\nafter\n"), "{:?}", &text[text.len().min(65_000)..]);
    assert_eq!((said.as_str(), status), ("rfifo: p: 1 line dropped\n", Some(0)));
}

#[test]
fn with_drop_a_signal_tears_no_line_either() {
    let sandbox = Sandbox::new();
    let path = sandbox.fifo("p");
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut child = write(&sandbox, &["--drop"]);
    // More of the last one than is written at once.
    give(&mut child, &[b"one\n", &[b'x'; 6000][..]].concat());
    wait_until("it was read", || {
        let io = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
        io.lines().any(|line| line == "wchar: 4") && is_asleep(child.id())
    });
    kill(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    assert_eq!(rustix::io::ioctl_fionread(&reader), Ok(4));
    assert_eq!(get(&mut reader, 4), "one\n");
}

#[test]
fn with_drop_what_a_reader_leaves_in_a_fifo_that_it_removes_is_lost_too() {
    let sandbox = Sandbox::new();
    let path = sandbox.fifo("p");
    let reader = File::options().read(true).write(true).open(&path).unwrap();
    let mut child = write(&sandbox, &["--drop"]);
    give(&mut child, b"one\n");
    wait_until("it is in the FIFO", || rustix::io::ioctl_fionread(&reader) == Ok(4));
    std::fs::remove_file(&path).unwrap();
    let fifo = File::open(format!("/proc/self/fd/{}", reader.as_raw_fd())).unwrap();
    drop(reader);
    leave(fifo);
    give(&mut child, b"two\n");
    let said = "rfifo: p: its reader left and removed it, and up to 4 bytes were not read\nrfifo: p: 1 line dropped\n";
    assert_eq!(end(child), (said.to_owned(), Some(1)));
}

#[test]
fn a_standard_input_that_is_closed_or_is_the_fifo_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    let outcome = sandbox.run(sandbox.shell("rfifo", "rfifo --write p 0<>p; echo $?"));
    assert_eq!(String::from_utf8(outcome.stderr).unwrap(), "rfifo: p: is standard input\n");
    assert_eq!(outcome.stdout, b"1\n");
    let outcome = sandbox.run(sandbox.shell("rfifo", "cat p & rfifo --write p <&-; echo $?"));
    assert_eq!(String::from_utf8(outcome.stderr).unwrap(), "rfifo: standard input: Bad file descriptor\n");
    assert_eq!(outcome.stdout, b"1\n");
}

#[test]
fn the_size_is_set_when_writing_too() {
    let sandbox = Sandbox::new();
    sandbox.fifo("p");
    let mut child = write(&sandbox, &["--size", "256K"]);
    let mut reader = read(&sandbox);
    give(&mut child, b"x\n");
    assert_eq!(get(&mut reader, 2), "x\n");
    assert_eq!(rustix::pipe::fcntl_getpipe_size(&reader), Ok(256 * 1024));
    assert_eq!(end(child), well());
}
