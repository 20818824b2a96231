//! An output of rtee that stalls holds no other back until its pipe is full.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::process::Signal;

use crate::rtee_promise::A_LOT;
use crate::support::{self, Sandbox, children, pattern, wait_until};

#[test]
fn a_stalled_file_holds_nobody_back_until_its_pipe_is_full() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("stalled");
    // Opened for both so that nobody waits; never read.
    let reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let mut command = support::rtee();
    command.args(["stalled", "healthy"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let bytes = pattern(A_LOT);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let sent = bytes.clone();
    let producer = std::thread::spawn(move || stdin.write_all(&sent).map(|()| stdin));
    let mut got = vec![0; A_LOT];
    stdout.read_exact(&mut got).unwrap();
    assert_eq!(got, bytes);
    wait_until("the healthy file has everything", || sandbox.read("healthy") == bytes);
    // The stalled one gets everything too, once it is read.
    let mut reader = reader;
    let stdin = producer.join().unwrap().unwrap();
    let mut late = vec![0; A_LOT];
    reader.read_exact(&mut late).unwrap();
    assert_eq!(late, bytes);
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_fifo_that_is_full_from_the_start_holds_nobody_back() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("full");
    let mut reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    reader.write_all(&vec![0; 65536]).unwrap();
    let mut command = support::rtee();
    command.args(["full", "healthy"]);
    let mut child = support::spawn(sandbox.prepare(command));
    support::echo(&mut child, "first\n");
    support::echo(&mut child, "second\n");
    wait_until("the healthy file has both", || sandbox.read("healthy") == b"first\nsecond\n");
    reader.read_exact(&mut vec![0; 65536]).unwrap();
    let mut late = [0; 13];
    reader.read_exact(&mut late).unwrap();
    assert_eq!(&late, b"first\nsecond\n");
    assert!(support::finish(child).2.success());
}

#[test]
fn a_stalled_standard_output_holds_no_file_back_until_its_pipe_is_full() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["a", "b"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let bytes = pattern(A_LOT);
    child.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
    for file in ["a", "b"] {
        wait_until("the file has everything", || sandbox.read(file) == bytes);
    }
    assert_eq!(support::finish(child).0, bytes);
}

#[test]
fn a_standard_output_that_is_small_or_full_from_the_start_holds_no_file_back() {
    // Bytes that are in the pipe before, the pipe's size, and what is then written how often.
    for (before, size, length, times) in [
        (65536, 65536, A_LOT, 1),
        (4096, 4096, 3000, 20),
        (0, 4096, 3000, 20),
        (0, 4096, 8192, 20),
        (0, 8192, 8192, 20),
    ] {
        let sandbox = Sandbox::new();
        let (mut reader, mut stdout) = support::pipe();
        rustix::pipe::fcntl_setpipe_size(&stdout, size).unwrap();
        stdout.write_all(&vec![0; before]).unwrap();
        let mut command = support::rtee();
        command.args(["a", "b"]);
        let mut command = sandbox.prepare(command);
        let mut child = command.stdin(Stdio::piped()).stdout(stdout).spawn().unwrap();
        drop(command);
        let bytes = pattern(length * times);
        let mut stdin = child.stdin.take().unwrap();
        for (number, block) in bytes.chunks(length).enumerate() {
            stdin.write_all(block).unwrap();
            let sent = (number + 1) * length;
            for file in ["a", "b"] {
                wait_until("the file has what was sent", || {
                    sandbox.path(file).exists() && sandbox.read(file).len() == sent
                });
            }
        }
        drop(stdin);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert!(all[before..] == bytes);
        assert!(child.wait().unwrap().success());
        assert!(sandbox.read("a") == bytes && sandbox.read("b") == bytes);
    }
}

#[test]
fn a_terminal_or_a_socket_that_takes_nothing_keeps_the_first_chunk_from_no_file() {
    let (master, slave, _) = support::terminal();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    while (&theirs).write(&[0; 1000]).is_ok() {}
    theirs.set_nonblocking(false).unwrap();
    for stdout in [Stdio::from(slave), Stdio::from(std::os::fd::OwnedFd::from(theirs))] {
        let sandbox = Sandbox::new();
        std::fs::write(sandbox.path("in"), pattern(A_LOT)).unwrap();
        let mut command = support::rtee();
        command.args(["a", "b"]);
        let mut command = sandbox.prepare(command);
        let mut child = command.stdin(File::open(sandbox.path("in")).unwrap()).stdout(stdout).spawn().unwrap();
        for file in ["a", "b"] {
            wait_until("the file has the first chunk", || {
                sandbox.path(file).exists() && sandbox.read(file).starts_with(&pattern(8192))
            });
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    drop((master, ours));
}

#[test]
fn a_fifo_that_is_two_files_and_stalls_holds_nobody_back() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("stalled");
    let mut reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let mut command = support::rtee();
    command.args(["stalled", "healthy", "stalled"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let bytes = pattern(A_LOT / 2);
    let sent = bytes.clone();
    let mut stdin = child.stdin.take().unwrap();
    let producer = std::thread::spawn(move || stdin.write_all(&sent).map(|()| stdin));
    let mut got = vec![0; bytes.len()];
    child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
    assert!(got == bytes);
    wait_until("the healthy file has everything", || sandbox.read("healthy") == bytes);
    let stdin = producer.join().unwrap().unwrap();
    let mut late = vec![0; 2 * bytes.len()];
    reader.read_exact(&mut late).unwrap();
    late.sort_unstable();
    let mut twice = [bytes.clone(), bytes].concat();
    twice.sort_unstable();
    assert!(late == twice);
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn short_lines_fill_a_stalled_outputs_pipe_by_their_bytes_and_not_by_their_number() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("stalled");
    let mut reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let mut command = support::rtee();
    command.args(["stalled", "healthy"]);
    let mut child = support::spawn(sandbox.prepare(command));
    let mut sent = String::new();
    for number in 0..3000 {
        let line = format!("{number}\n");
        support::echo(&mut child, &line);
        sent.push_str(&line);
    }
    wait_until("the healthy file has all lines", || sandbox.read("healthy") == sent.as_bytes());
    let mut late = vec![0; sent.len()];
    reader.read_exact(&mut late).unwrap();
    assert_eq!(late, sent.as_bytes());
    // And so for standard output.
    for number in 0..1000 {
        let line = format!("{number}\n");
        child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        sent.push_str(&line);
        wait_until("the healthy file has the line", || sandbox.read("healthy").len() == sent.len());
    }
    let first = late.len();
    late.resize(sent.len(), 0);
    reader.read_exact(&mut late[first..]).unwrap();
    assert_eq!(late, sent.as_bytes());
    assert_eq!(support::finish(child).0, &late[first..]);
}

#[test]
fn a_stopped_writer_holds_nobody_back() {
    let sandbox = Sandbox::new();
    let mut command = support::rtee();
    command.args(["stopped", "healthy"]);
    let mut child = support::spawn(sandbox.prepare(command));
    wait_until("the writers are there", || children(child.id()).len() == 2);
    let stopped = children(child.id())[0];
    support::kill(stopped, Signal::STOP);
    support::echo(&mut child, "first\n");
    support::echo(&mut child, "second\n");
    wait_until("the healthy file has both", || sandbox.read("healthy") == b"first\nsecond\n");
    support::kill(stopped, Signal::CONT);
    wait_until("the other has both too", || sandbox.read("stopped") == b"first\nsecond\n");
    assert!(support::finish(child).2.success());
}
