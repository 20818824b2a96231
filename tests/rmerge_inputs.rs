//! rmerge and what it reads: FIFOs, sockets, many of them, slow ones, torn writes, and readers that are slow or leave.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::rmerge::{lines, read_exactly, start};
use crate::support::{self, Sandbox, fails, finish, is_asleep, prints, resident_peak, spawn, wait_until};

/// Opens a FIFO for writing, once somebody reads it.
pub fn writer(sandbox: &Sandbox, name: &str) -> File {
    OpenOptions::new().write(true).open(sandbox.path(name)).unwrap()
}

/// The most that it has taken, in KiB, once it has passed on a record: the program itself, however it was built.
pub fn memory_of_the_program(sandbox: &Sandbox) -> u64 {
    let mut child = start(sandbox, &["--label"]);
    child.stdin.as_mut().unwrap().write_all(b"record\n").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 15]).unwrap();
    let most = resident_peak(child.id());
    finish(child);
    most
}

/// Numbers that look random, and are the same in every run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The records of a writer, each with its writer, its number and a checksum of the rest, which holds any byte but newline.
fn records(writer: usize, count: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (writer as u64 + 1);
    (0..count)
        .map(|number| {
            let most = [10, 200, 5000, 200_000][usize::try_from(random(&mut state) % 4).unwrap()];
            let length = 1 + usize::try_from(random(&mut state) % most).unwrap();
            let body: Vec<u8> = (0..length)
                .map(|_| match random(&mut state).to_le_bytes()[3] {
                    b'\n' => 0,
                    byte => byte,
                })
                .collect();
            [format!("{writer} {number} {:x} ", checksum(&body)).as_bytes(), &body, b"\n"].concat()
        })
        .collect()
}

/// Starts 64 writers of records at FIFOs, in writes that end anywhere, and reads what rmerge makes of them.
fn hunt(options: &[&str], slowly: bool) {
    const WRITERS: usize = 64;
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..WRITERS).map(|writer| format!("fifo{writer}")).collect();
    for name in &names {
        sandbox.fifo(name);
    }
    let arguments: Vec<&str> = options.iter().copied().chain(names.iter().map(String::as_str)).collect();
    let mut child = start(&sandbox, &arguments);
    let threads: Vec<_> = (0..WRITERS)
        .map(|number| {
            let mut fifo = writer(&sandbox, &names[number]);
            std::thread::spawn(move || {
                let bytes = records(number, 12).concat();
                let (mut rest, mut state) = (&bytes[..], number as u64 + 1);
                while !rest.is_empty() {
                    let length = 1 + usize::try_from(random(&mut state) % 70_000).unwrap();
                    let (piece, others) = rest.split_at(length.min(rest.len()));
                    fifo.write_all(piece).unwrap();
                    rest = others;
                    if number % 8 == 0 {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut got = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    if slowly {
        let mut piece = [0; 777];
        for _ in 0..2000 {
            let count = stdout.read(&mut piece).unwrap();
            got.extend_from_slice(&piece[..count]);
        }
    }
    stdout.read_to_end(&mut got).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
    let (_, message, status) = finish(child);
    assert_eq!((message.as_str(), status.code()), ("", Some(0)));

    let mut expected: Vec<std::vec::IntoIter<Vec<u8>>> =
        (0..WRITERS).map(|writer| records(writer, 12).into_iter()).collect();
    let mut order = Vec::new();
    for record in got.split_inclusive(|byte| *byte == b'\n') {
        let text = record[..record.len().min(40)].escape_ascii();
        let number: usize = record
            .split(|byte| *byte == b' ')
            .next()
            .and_then(|word| std::str::from_utf8(word).ok()?.parse().ok())
            .unwrap_or_else(|| panic!("torn: {text}"));
        assert!(expected[number].next().as_deref() == Some(record), "torn or out of order: {text}");
        order.push(number);
    }
    assert!(expected.iter_mut().all(|records| records.next().is_none()), "records are lost");
    if options.contains(&"--order=input") {
        assert!(order.is_sorted());
    }
}

#[test]
fn no_record_of_64_writers_is_torn_lost_or_out_of_order() {
    hunt(&[], false);
}

#[test]
fn no_record_is_torn_before_a_slow_reader() {
    hunt(&[], true);
}

#[test]
fn no_record_is_torn_that_is_longer_than_the_maximum() {
    hunt(&["--max-record=1000"], false);
}

#[test]
fn no_record_is_torn_that_had_to_wait_for_its_turn() {
    hunt(&["--order=input", "--memory=200K"], false);
    hunt(&["--order=input", "--memory=0", "--max-record=100"], true);
}

#[test]
fn a_fifo_is_waited_for_until_somebody_writes_and_ends_when_all_have_left() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    let mut child = start(&sandbox, &["-", "fifo"]);
    support::echo(&mut child, "while it waits\n");
    drop(child.stdin.take());
    wait_until("rmerge waits", || is_asleep(child.id()));
    let mut first = writer(&sandbox, "fifo");
    let second = writer(&sandbox, "fifo");
    first.write_all(b"first\n").unwrap();
    drop(first);
    read_exactly(&mut child, "first\n");
    assert!(child.try_wait().unwrap().is_none());
    drop(second);
    assert_eq!(finish(child).2.code(), Some(0));
}

#[test]
fn with_follow_a_fifo_has_any_number_of_writers_one_after_the_other() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    let mut child = start(&sandbox, &["--follow", "fifo"]);
    for round in 0..5 {
        let line = format!("round {round}\n");
        writer(&sandbox, "fifo").write_all(line.as_bytes()).unwrap();
        read_exactly(&mut child, &line);
        assert!(child.try_wait().unwrap().is_none());
    }
    writer(&sandbox, "fifo").write_all(b"unterminated").unwrap();
    wait_until("it was read", || {
        rustix::io::ioctl_fionread(writer(&sandbox, "fifo").as_fd()) == Ok(0) && is_asleep(child.id())
    });
    support::kill(child.id(), rustix::process::Signal::TERM);
    let (rest, message, status) = finish(child);
    assert_eq!((rest.as_slice(), message.as_str(), status.signal()), (&b"unterminated\n"[..], "", Some(15)));
}

#[test]
fn a_descriptor_by_name_may_be_a_pipe_a_socket_or_a_file() {
    assert_eq!(prints("rmerge --order=input <(echo 1) <(seq 2 3) <(sleep 0.1; echo 4)"), "1\n2\n3\n4\n");
    assert_eq!(prints("seq 3 > a; rmerge /dev/fd/7 7< a; echo 4 | rmerge /dev/stdin"), "1\n2\n3\n4\n");
    // All writers of the pipe are gone before it is looked at.
    assert_eq!(prints("exec 5< <(echo 1); wait $!; rmerge /dev/fd/5 --label"), "[5] 1\n");
    assert_eq!(fails("rmerge /dev/fd/77").1, "rmerge: /dev/fd/77: Bad file descriptor\n");

    for kind in [rustix::net::SocketType::STREAM, rustix::net::SocketType::SEQPACKET] {
        let (ours, theirs) = support::packet_sockets(kind);
        let mut command = support::applet("rmerge");
        command.args(["/dev/null", "/dev/fd/0"]).stdin(theirs).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        rustix::io::write(&ours, b"pack").unwrap();
        rustix::io::write(&ours, b"et\nlast").unwrap();
        drop(ours);
        assert_eq!(finish(child).0, b"packet\nlast\n");
    }
}

#[test]
fn what_is_named_twice_is_read_once_where_two_would_tear_its_records() {
    let all = lines("", 1..=50_000);
    let said = "rmerge: standard input: named twice, read once\n";
    assert_eq!(fails("seq 50000 | rmerge - -"), (all.clone(), said.into(), 1));
    assert_eq!(fails("seq 50000 | rmerge /dev/stdin -"), (all.clone(), said.into(), 1));
    assert_eq!(fails("seq 50000 > a; rmerge - - < a"), (all.clone(), said.into(), 1));
    let (printed, message, status) = fails("mkfifo a; seq 50000 > a & rmerge a ./a");
    assert_eq!((printed, message.as_str(), status), (all, "rmerge: ./a: named twice, read once\n", 1));
    assert_eq!(prints("echo 1 > a; rmerge a a; rmerge - a < a"), "1\n1\n1\n1\n");
}

#[test]
fn descriptors_that_were_inherited_keep_their_flags() {
    let (reader, mut out) = support::pipe();
    let (back, stdout) = support::pipe();
    let mut child = support::applet("rmerge")
        .stdin(reader.try_clone().unwrap())
        .stdout(stdout.try_clone().unwrap())
        .spawn()
        .unwrap();
    out.write_all(b"line\n").unwrap();
    let mut got = [0; 5];
    (&back).read_exact(&mut got).unwrap();
    for fd in [reader.as_fd(), stdout.as_fd()] {
        assert!(!rustix::fs::fcntl_getfl(fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
    }
    drop(out);
    assert!(child.wait().unwrap().success());
}

#[test]
fn descriptors_that_do_not_wait_are_waited_for() {
    let (reader, mut out) = support::pipe();
    let (mut back, stdout) = support::pipe();
    for fd in [reader.as_fd(), stdout.as_fd()] {
        rustix::fs::fcntl_setfl(fd, rustix::fs::OFlags::NONBLOCK).unwrap();
    }
    let mut child = support::applet("rmerge").stdin(reader).stdout(stdout).spawn().unwrap();
    let bytes: Vec<u8> = (0..200_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    let copy = bytes.clone();
    let thread = std::thread::spawn(move || out.write_all(&copy).unwrap());
    let mut got = Vec::new();
    back.read_to_end(&mut got).unwrap();
    thread.join().unwrap();
    assert!(got == bytes);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_trickles_in_byte_by_byte_goes_on_line_by_line() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    let mut child = start(&sandbox, &["--label", "x=-", "y=fifo"]);
    let mut fifo = writer(&sandbox, "fifo");
    for number in 0..20 {
        let lines = [format!("first {number}\n"), format!("second {number}\n")];
        let stdin = child.stdin.as_mut().unwrap();
        for index in 0..lines[0].len().max(lines[1].len()) {
            if let Some(byte) = lines[1].as_bytes().get(index) {
                fifo.write_all(&[*byte]).unwrap();
            }
            if let Some(byte) = lines[0].as_bytes().get(index) {
                stdin.write_all(&[*byte]).unwrap();
            }
            if index == lines[0].len() - 1 {
                read_exactly(&mut child, &format!("[x] {}", lines[0]));
                child.stdin.as_mut().unwrap();
                break;
            }
        }
        let done = lines[0].len();
        fifo.write_all(&lines[1].as_bytes()[done..]).unwrap();
        read_exactly(&mut child, &format!("[y] {}", lines[1]));
    }
    drop(fifo);
    assert_eq!(finish(child).1, "");
}

#[test]
fn a_reader_that_leaves_ends_it_by_sigpipe_even_while_nothing_arrives() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &[]);
    support::echo(&mut child, "line\n");
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(13));
    assert_eq!(
        fails("yes | rmerge --label | head -n 1; exit ${PIPESTATUS[1]}"),
        ("[stdin] y\n".into(), String::new(), 141)
    );
    // Where SIGPIPE is ignored, it is an error.
    let (_, message, _) = fails("trap '' PIPE; yes | rmerge | head -n 1 > /dev/null");
    assert!(message.contains("rmerge: standard output: Broken pipe\n"), "{message}");
}

#[test]
fn signals_that_interrupt_calls_change_nothing() {
    let sandbox = Sandbox::new();
    let mut command =
        sandbox.shell("rmerge", "exec rmerge --order=input --label a=- --run 'b=seq 200000' --run 'c=seq 200000'");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let done = Arc::new(AtomicBool::new(false));
    let storm = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            while !done.load(Ordering::Relaxed) {
                // Both stop no process that goes on at once, and every call in progress is interrupted.
                support::kill(pid, rustix::process::Signal::STOP);
                support::kill(pid, rustix::process::Signal::CONT);
                support::kill(pid, rustix::process::Signal::CHILD);
                std::thread::yield_now();
            }
        }
    });
    let mut stdin = child.stdin.take().unwrap();
    let feed = std::thread::spawn(move || {
        for number in 1..=20_000 {
            stdin.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
    });
    let mut got = String::new();
    let mut stdout = child.stdout.take().unwrap();
    let mut piece = [0; 5000];
    loop {
        let count = stdout.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        got.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    done.store(true, Ordering::Relaxed);
    storm.join().unwrap();
    feed.join().unwrap();
    assert!(child.wait().unwrap().success());
    let expected =
        [("a", 20_000), ("b", 200_000), ("c", 200_000)].map(|(label, count)| lines(&format!("[{label}] "), 1..=count));
    assert!(got == expected.concat());
}

#[test]
fn two_thousand_fifos_are_merged() {
    const COUNT: usize = 2000;
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..COUNT).map(|number| format!("fifo{number}")).collect();
    for name in &names {
        sandbox.fifo(name);
    }
    // The soft limit doesn't suffice for them, the hard one does.
    let mut command = sandbox.prepare(Command::new("bash"));
    command.args(["-c", "ulimit -Sn 256; exec rmerge \"$@\"", "bash"]).args(&names);
    let mut child = spawn(command);
    let mut got = Vec::new();
    // A few at a time: this process has limits too.
    for names in names.chunks(100) {
        let writers: Vec<File> = names.iter().map(|name| writer(&sandbox, name)).collect();
        for (mut fifo, name) in writers.into_iter().zip(names) {
            fifo.write_all(format!("{name}\n").as_bytes()).unwrap();
        }
    }
    child.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    let mut lines: Vec<&str> = std::str::from_utf8(&got).unwrap().lines().collect();
    lines.sort_unstable();
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    let (_, message, status) = finish(child);
    assert_eq!((message.as_str(), status.code()), ("", Some(0)));
}

#[test]
fn more_inputs_than_descriptors_are_refused_before_anything_runs() {
    let (printed, message, status) =
        fails("ulimit -n 64; rmerge --run 'touch ran' $(seq 100); echo $?; [ -e ran ] && echo ran; exit 9");
    assert_eq!((printed.as_str(), status), ("1\n", 9));
    let words =
        "rmerge: too many inputs: all inputs together need 117 open files, and the limit is 64 (see ulimit -n)\n";
    assert_eq!(message, words);
}

#[test]
fn commands_have_the_limit_of_open_files_that_was_inherited() {
    assert_eq!(
        prints("ulimit -Sn 100; ulimit -Hn 2000; rmerge --run 'ulimit -Sn; ulimit -Hn' --run 'sleep 0.1'"),
        "100\n2000\n"
    );
}

#[test]
fn while_the_output_is_blocked_nothing_is_read_and_memory_stays_within_bounds() {
    const WRITERS: usize = 20;
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..WRITERS).map(|number| format!("fifo{number}")).collect();
    for name in &names {
        sandbox.fifo(name);
    }
    let arguments: Vec<&str> =
        ["--label", "--max-record=100K"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let child = start(&sandbox, &arguments);
    let line = [vec![b'x'; 90_000], b"\n".to_vec()].concat();
    // Each pipe is filled until it takes no more, again and again.
    let fifos: Vec<File> = names.iter().map(|name| writer(&sandbox, name)).collect();
    for fifo in &fifos {
        rustix::fs::fcntl_setfl(fifo, rustix::fs::OFlags::NONBLOCK).unwrap();
    }
    let (mut written, mut payload, mut idle) = (0, 0, 0);
    wait_until("nothing is read any more", || {
        let before = written;
        for fifo in &fifos {
            while let Ok(count) = rustix::io::write(fifo, &line[written % line.len()..]) {
                written += count;
                // Each piece ends at the end of the line, at most.
                payload += count - usize::from(written % line.len() == 0);
            }
        }
        idle = if written == before && is_asleep(child.id()) { idle + 1 } else { 0 };
        idle > 50
    });
    // 64 KiB and a record for each input, as much again for what is written, and the program.
    let bound = (64 + 100) * (WRITERS as u64 + 2) + memory_of_the_program(&sandbox) + 1024;
    let peak = resident_peak(child.id());
    assert!(peak < bound, "{peak} KiB of {bound}");
    drop(fifos);
    let (got, message, status) = finish(child);
    assert_eq!((message.as_str(), status.code()), ("", Some(0)));
    assert_eq!(memchr::memchr_iter(b'x', &got).count(), payload);
}

#[test]
fn the_time_of_a_record_is_that_at_which_it_was_read_however_long_the_output_is_blocked() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--timestamp=unix", "--label={label} "]);
    // They are read at once, as they fit into the pipe; with what is put in front of them, they don't.
    child.stdin.as_mut().unwrap().write_all(&vec![b'\n'; 65536]).unwrap();
    let mut quiet = 0;
    wait_until("it is blocked", || {
        quiet = if is_asleep(child.id()) { quiet + 1 } else { 0 };
        quiet > 50
    });
    let seconds = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let blocked = seconds();
    wait_until("it is later", || seconds() > blocked + 0.02);
    let (rest, message, _) = finish(child);
    let times: Vec<f64> = String::from_utf8(rest).unwrap().lines().map(|line| line[..14].parse().unwrap()).collect();
    assert_eq!((times.len(), message.as_str()), (65536, ""));
    assert!(times.iter().all(|time| *time <= blocked));
}

#[test]
fn no_descriptor_reaches_a_command_but_its_own() {
    let listed = prints("echo x > file; rmerge --stderr file --run 'sleep 0.1; ls -l /proc/self/fd'");
    let numbers: Vec<&str> = listed.lines().filter_map(|line| line.split_once(" -> ")?.0.rsplit(' ').next()).collect();
    // The fourth is the directory that ls reads; the shell that ran this may have left more.
    assert!(["0", "1", "2"].iter().all(|number| numbers.contains(number)), "{listed}");
    assert!(listed.contains("0 -> /dev/null"), "{listed}");
    assert!(!listed.contains("signalfd") && !listed.contains("/file\n"), "{listed}");
}
