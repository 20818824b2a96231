//! rmerge's --order=input: what waits for its turn in memory and in the temporary file, and comes out as it came.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::net::SocketType;

use crate::rmerge::{lines, start};
use crate::rmerge_inputs::{memory_of_the_program, writer};
use crate::support::{self, Sandbox, finish, pattern, prints, resident_peak, said, shell, spawn, wait_until};

/// Waits until something has been said, and not for ever.
const SAID: &str = "timeout 60 sh -c \"until [ -s said ]; do sleep 0.01; done\"";

#[test]
fn in_the_order_of_the_arguments_each_input_comes_whole() {
    let expected = lines("", 1..=30_000);
    for options in ["", "--memory=0", "--memory=100K", "--memory=1M -j 2"] {
        let line = format!(
            "rmerge --order=input {options} --run 'sleep 0.2; seq 10000' --run 'seq 10001 20000' --run 'seq 20001 30000'"
        );
        assert!(prints(&line) == expected, "{options}");
    }
}

#[test]
fn the_input_whose_turn_it_is_appears_as_it_comes() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.args(["--order=input", "-", "fifo", "--run", "echo last"]);
    let mut child = spawn(command);
    let mut other = OpenOptions::new().write(true).open(fifo).unwrap();
    other.write_all(b"second\n").unwrap();
    support::echo(&mut child, "first\n");
    support::echo(&mut child, "first again\n");
    drop(child.stdin.take());
    let mut got = [0; 7];
    child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
    assert_eq!(&got, b"second\n");
    other.write_all(b"second again\n").unwrap();
    drop(other);
    let (rest, message, status) = finish(child);
    assert_eq!((rest.as_slice(), message.as_str()), (&b"second again\nlast\n"[..], ""));
    assert!(status.success());
}

#[test]
fn no_command_waits_for_its_turn_and_a_temporary_file_takes_what_memory_does_not() {
    // The first ends only when the others have, which write far more than pipes and memory hold.
    let line = "mkfifo done; rmerge --order=input --memory=64K --run 'cat done; echo first' \
        --run 'head -c 3M /dev/zero | tr \"\\0\" x; echo; echo > done' | tr -d x";
    assert_eq!(prints(line), "\nfirst\n\n");
}

#[test]
fn what_waits_in_the_file_comes_out_as_it_came_whatever_the_output_is() {
    // The first ends when the others have been read, which end with a newline, without one, and with an empty record.
    let runs = "--run 'cat done; echo first' --run 'seq 300000' --run 'seq 300000 | head -c -1' --run 'seq 5; echo' \
                --run 'seq 300000; : > done'";
    let seq = lines("", 1..=300_000);
    let expected = format!("first\n{seq}{seq}{}\n{seq}", lines("", 1..=5));
    for options in [
        "--memory=0",
        "--memory=1M",
        "--memory=0 --stderr",
        "--memory=0 --max-record=10",
        "--memory=0 --long-record=split",
    ] {
        for output in ["| cat", "> out; cat out"] {
            let line = format!("mkfifo done; rmerge --order=input {options} {runs} {output}");
            assert!(prints(&line) == expected, "{options} {output}");
        }
    }
    let line = format!("mkfifo done; rmerge --order=input --memory=0 --label {runs} | sed 's/^....//'");
    let line = line.replace("--run '", "--run 'a=");
    assert!(prints(&line) == expected);
    let line = format!("mkfifo done; rmerge --order=input --memory=0 -z {runs}");
    let expected = format!("first\n\0{seq}\0{}\0{}\n\0{seq}\0", seq.trim_end(), lines("", 1..=5));
    assert!(prints(&line) == expected);
    let line = format!("mkfifo done; rmerge --order=input --memory=0 --chunk {runs}");
    assert!(prints(&line) == expected.replace('\0', ""));
}

#[test]
fn a_record_may_begin_in_the_file_and_end_while_it_is_passed_on() {
    for (tail, end) in [("rest\nlast", "rest\nlast\n"), ("rest", "rest\n"), ("", "\n"), ("\n", "\n"), ("\n\n", "\n\n")]
    {
        let sandbox = Sandbox::new();
        sandbox.fifo("done");
        sandbox.fifo("go");
        // Of some length that no buffer or block has, inside a record.
        let bytes: Vec<u8> = pattern(777_777).iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
        std::fs::write(sandbox.path("bytes"), &bytes).unwrap();
        std::fs::write(sandbox.path("tail"), tail).unwrap();
        let second = "seq 99999; cat bytes; : > done; cat go tail";
        let mut child =
            start(&sandbox, &["--order=input", "--memory=0", "--run", "cat done; echo first", "--run", second]);
        let expected = [b"first\n", lines("", 1..=99_999).as_bytes(), &bytes].concat();
        let mut got = vec![0; expected.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
        assert!(got == expected);
        drop(OpenOptions::new().write(true).open(sandbox.path("go")).unwrap());
        let (rest, message, status) = finish(child);
        assert_eq!((String::from_utf8(rest).unwrap().as_str(), message.as_str()), (end, ""));
        assert!(status.success());
    }
}

#[test]
fn where_splice_is_refused_or_the_disk_is_full_no_byte_is_lost() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    let seq = lines("", 1..=300_000);
    let expected = format!("first\n{seq}{seq}");
    for (inject, words) in [
        ("splice:error=ENOSYS", ""),
        ("splice:error=EPERM:when=2", ""),
        ("splice:error=EINVAL:when=5+", ""),
        ("splice:error=EINTR:when=1+2", ""),
        ("splice:error=ENOSPC:when=2+ pwrite64:error=ENOSPC:when=2+", "No space left on device"),
        ("splice:error=EFBIG:when=9+ pwrite64:error=EFBIG:when=2+", "File too large"),
        ("splice:error=EIO:when=5+ pwrite64:error=EIO:when=5+", "Input/output error"),
        ("pipe2:error=EMFILE:when=4+", ""),
    ] {
        // Where the file takes no more, the others wait for the first.
        let first = if words.is_empty() { "cat done" } else { "until [ -s messages ]; do sleep 0.01; done" };
        let strace = support::injecting(inject);
        let outcome = shell(&format!(
            "mkfifo done; timeout -k 1 60 {strace} rmerge --order=input --memory=0 \
             --run '{first}; echo first' --run 'seq 300000' --run 'seq 300000; [ -s messages ] || : > done' \
             2> messages | cat; status=${{PIPESTATUS[0]}}; cat messages >&2; grep -q INJECTED trace && exit $status"
        ));
        assert!(outcome.stdout == expected.as_bytes(), "{inject}");
        let message = said(&outcome);
        let fails = !words.is_empty();
        assert_eq!(
            (message.contains(words), message.lines().count()),
            (true, usize::from(fails)),
            "{inject}: {message}"
        );
        assert_eq!(outcome.status, format!("exit status: {}", u8::from(fails)), "{inject}");
    }
}

#[test]
fn a_reader_that_leaves_while_the_file_is_passed_on_ends_it() {
    let line = "mkfifo done; set +e; rmerge --order=input --memory=0 --run 'cat done; echo first' \
                --run 'seq 300000; : > done' --run 'sleep 1000' | head -n 2; echo ${PIPESTATUS[0]}";
    assert_eq!(prints(line), "first\n1\n141\n");
}

#[test]
fn what_waits_for_its_turn_takes_no_more_memory_than_it_may() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    let writers = ["--run", "head -c 40M /dev/zero | tr '\\0' x", "--run", "head -c 40M /dev/zero | tr '\\0' y"];
    let arguments = [&["--order=input", "--memory=1M", "--max-record=64K", "fifo"][..], &writers].concat();
    let mut child = start(&sandbox, &arguments);
    let mut fifo = writer(&sandbox, "fifo");
    wait_until("all that waits is in a file without a name", || {
        std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().flatten().any(|entry| {
            let is_nameless =
                std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().ends_with("(deleted)"));
            is_nameless && std::fs::metadata(entry.path()).is_ok_and(|file| file.len() > 78 << 20)
        })
    });
    // What may be in memory, 64 KiB and a record for each input and for what is written, and the program.
    let bound = 1024 + (64 + 64) * 4 + memory_of_the_program(&sandbox) + 1024;
    let peak = resident_peak(child.id());
    assert!(peak < bound, "{peak} KiB of {bound}");
    fifo.write_all(b"first\n").unwrap();
    drop(fifo);
    let expected = [&b"first\n"[..], &vec![b'x'; 40 << 20], b"\n", &vec![b'y'; 40 << 20], b"\n"].concat();
    let mut got = vec![0; expected.len() / 2];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut got).unwrap();
    let peak = resident_peak(child.id());
    assert!(peak < bound, "{peak} KiB of {bound}");
    stdout.read_to_end(&mut got).unwrap();
    assert!(got == expected);
    assert_eq!(finish(child).1, "");
}

#[test]
fn packets_of_a_socket_that_wait_for_their_turn_are_kept_whole() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    let (ours, theirs) = support::packet_sockets(SocketType::SEQPACKET);
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.args(["--order=input", "--memory=0", "fifo", "-"]).stdin(theirs).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    let fifo = writer(&sandbox, "fifo");
    // Many more than are read in one turn, of a size by which that can't be divided.
    let packet = [vec![b'x'; 59_999], b"\n".to_vec()].concat();
    for _ in 0..200 {
        assert_eq!(rustix::io::write(&ours, &packet), Ok(packet.len()));
    }
    drop((ours, fifo));
    assert!(finish(child).0 == packet.repeat(200));
}

#[test]
fn while_the_output_is_blocked_those_that_wait_for_their_turn_are_still_read() {
    let sandbox = Sandbox::new();
    let first = "head -c 5M /dev/zero | tr '\\0' x; echo; touch first";
    let second = "head -c 5M /dev/zero | tr '\\0' y; echo; touch second";
    let child = start(&sandbox, &["--order=input", "--memory=1M", "--run", first, "--run", second]);
    wait_until("the second has ended", || sandbox.path("second").exists());
    // Its reader takes nothing, so the first can't have ended.
    assert!(!sandbox.path("first").exists());
    let (got, message, status) = finish(child);
    assert!(got == [&vec![b'x'; 5 << 20][..], b"\n", &vec![b'y'; 5 << 20], b"\n"].concat());
    assert_eq!((message.as_str(), status.code()), ("", Some(0)));
}

#[test]
fn a_temporary_file_that_can_not_be_had_is_said_and_costs_no_byte() {
    let sandbox = Sandbox::new();
    let line = format!(
        "TMPDIR=/proc rmerge --order=input --memory=10K --run '{SAID}; echo first' --run 'seq 100000' --run 'seq 5' 2> said"
    );
    let outcome = sandbox.run(sandbox.shell("rmerge", &line));
    let expected = format!("first\n{}{}", lines("", 1..=100_000), lines("", 1..=5));
    assert!(outcome.stdout == expected.as_bytes());
    let message = String::from_utf8_lossy(&outcome.files[&b"said"[..]]);
    assert!(message.starts_with("rmerge: temporary file in /proc: ") && message.lines().count() == 1, "{message}");
    assert_eq!(outcome.status, "exit status: 1");
}

#[test]
fn a_full_temporary_file_is_said_and_costs_no_byte() {
    for trap in ["", "trap '' XFSZ; "] {
        let outcome = shell(&format!(
            "ulimit -f 100; {trap}exec rmerge --order=input --memory=10K --run '{SAID}; echo first' \
             --run 'seq 100000' --run 'seq 100001 200000' 2> said"
        ));
        let expected = format!("first\n{}", lines("", 1..=200_000));
        assert!(outcome.stdout == expected.as_bytes());
        let message = String::from_utf8_lossy(&outcome.files[&b"said"[..]]);
        assert!(
            message.starts_with("rmerge: temporary file in ") && message.contains(": File too large\n"),
            "{message}"
        );
        assert_eq!(outcome.status, "exit status: 1");
    }
}
