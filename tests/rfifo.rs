//! rfifo's read side: what any number of writers send arrives, and nothing is left behind.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::support::{self, Sandbox, kill, pattern, wait_until};

/// An rfifo in the sandbox, with pipes at its output and messages, that is ready for writers at `p`.
pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = support::applet("rfifo");
    command.args(arguments).arg("p");
    let mut child = sandbox.prepare(command);
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A writer that waits already may let it end before anybody has looked.
    wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("p")) || child.try_wait().unwrap().is_some());
    child
}

/// As [`start`], with an output that is full from the beginning: its other end, and how many bytes come first.
fn start_full(sandbox: &Sandbox, arguments: &[&str]) -> (Child, File, usize) {
    let (reader, writer) = support::pipe();
    let beside = File::options().write(true).open(format!("/proc/self/fd/{}", writer.as_raw_fd())).unwrap();
    rustix::io::ioctl_fionbio(&beside, true).unwrap();
    let mut filled = 0;
    while let Ok(count) = rustix::io::write(&beside, &[b'.'; 4096]) {
        filled += count;
    }
    let mut command = support::applet("rfifo");
    command.args(arguments).arg("p").stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let child = sandbox.prepare(command).spawn().unwrap();
    wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("p")));
    (child, reader, filled)
}

/// Whether a process has that FIFO open.
pub(crate) fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let opened = |entry: std::fs::DirEntry| {
        let number = entry.file_name().into_string().unwrap();
        let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
        // O_PATH, which is a look only.
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("0").trim();
        let flags = u32::from_str_radix(flags, 8).unwrap();
        std::fs::read_link(entry.path()).is_ok_and(|target| target == path) && flags & 0o10_000_000 == 0
    };
    entries.flatten().any(opened)
}

/// Opens for writing, which waits for a reader, and writes.
pub(crate) fn send(sandbox: &Sandbox, bytes: &[u8]) {
    File::options().write(true).open(sandbox.path("p")).unwrap().write_all(bytes).unwrap();
}

/// The whole output of a run that ends by itself, its messages and its status.
pub(crate) fn end(child: Child) -> (String, String, Option<i32>) {
    let (stdout, stderr, status) = support::finish(child);
    (String::from_utf8(stdout).unwrap(), stderr, status.code())
}

/// Reads so many bytes of its output.
pub(crate) fn take(child: &mut Child, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    child.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn fifty_writers_one_after_another_lose_nothing_and_are_counted() {
    for _ in 0..20 {
        let sandbox = Sandbox::new();
        let child = start(&sandbox, &["--writers", "50"]);
        let mut sent = String::new();
        for number in 0..50 {
            let line = format!("writer {number}\n");
            send(&sandbox, line.as_bytes());
            sent.push_str(&line);
        }
        assert_eq!(end(child), (sent, String::new(), Some(0)));
        assert!(!sandbox.path("p").exists());
    }
}

#[test]
fn fifty_writers_at_once_lose_and_tear_nothing_and_are_counted() {
    for _ in 0..6 {
        let sandbox = Sandbox::new();
        let child = start(&sandbox, &["--writers", "50"]);
        // Records of PIPE_BUF bytes, each in one write.
        let line = "for writer in $(seq 10 59); do
            { for record in 1 2 3 4; do printf '%s%04094d\\n' ${writer:0:1} $writer$record; done > p; } &
        done; wait";
        let mut shell = sandbox.shell("rfifo", line).stdin(Stdio::null()).spawn().unwrap();
        let (output, said, status) = end(child);
        assert!(shell.wait().unwrap().success());
        let mut records: Vec<&str> = output.lines().collect();
        records.sort_unstable();
        let mut sent: Vec<String> = (10..60)
            .flat_map(|writer| (1..5).map(move |record| format!("{}{:04094}", writer / 10, writer * 10 + record)))
            .collect();
        sent.sort_unstable();
        assert!(records == sent, "{} of {} records", records.len(), sent.len());
        assert_eq!((said.as_str(), status), ("", Some(0)));
    }
}

#[test]
fn a_writer_that_comes_within_a_microsecond_of_the_last_ones_leaving_is_served_and_counted() {
    let sandbox = Sandbox::new();
    let child = start(&sandbox, &["--writers", "3000"]);
    let path = sandbox.path("p");
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    for number in 0..3000 {
        // Nothing between the close of one and the open of the next.
        let fifo = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        let written = if number % 3 == 0 { 0 } else { rustix::io::write(&fifo, b"x").unwrap() };
        assert_eq!(written, usize::from(number % 3 != 0));
    }
    let (output, said, status) = end(child);
    assert_eq!((output.len(), said.as_str(), status), (2000, "", Some(0)));
}

#[test]
fn the_first_writers_end_is_the_end_even_while_another_one_is_there() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--once"]);
    let mut other = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
    other.write_all(b"other\n").unwrap();
    assert_eq!(take(&mut child, 6), b"other\n");
    send(&sandbox, b"first to leave\n");
    assert_eq!(end(child), ("first to leave\n".to_owned(), String::new(), Some(0)));
    assert!(!sandbox.path("p").exists());
}

#[test]
fn the_first_writers_end_is_seen_whatever_happens_beside_the_fifo() {
    let sandbox = Sandbox::new();
    let child = start(&sandbox, &["--once"]);
    // While it is stopped nobody takes the events, of which the kernel keeps so many.
    kill(child.id(), Signal::STOP);
    let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    for _ in 0..most.trim().parse::<u32>().unwrap().min(1 << 20) {
        File::create(sandbox.path("other")).unwrap();
    }
    send(&sandbox, b"the only one\n");
    kill(child.id(), Signal::CONT);
    let mut child = child;
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(end(child), ("the only one\n".to_owned(), String::new(), Some(0)));
}

#[test]
fn without_inotify_writers_are_still_counted_and_that_is_said() {
    if !rustix::process::geteuid().is_root() || support::peer("python3", "Python").is_none() {
        eprintln!("skipped: only root can use up another user's instances");
        return;
    }
    let Some(rfifo) = support::for_strangers("rfifo") else { return };
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    // A user that nobody else is, whose instances are all taken.
    let script = "
import ctypes, os, subprocess, sys
while ctypes.CDLL(None).inotify_init() >= 0:
    pass
rfifo = subprocess.Popen([sys.argv[1], '--writers', '3', 'p'], stdout=subprocess.PIPE, close_fds=True)
while not os.path.exists('p'):
    pass
for number in range(3):
    with open('p', 'w') as fifo:
        fifo.write('x\\n')
    # Each has left before the next one comes: its line is there, and then the reader sleeps again.
    rfifo.stdout.read(2)
    while '(rfifo) S' not in open('/proc/%d/stat' % rfifo.pid).read() and rfifo.poll() is None:
        pass
if rfifo.wait() != 0:
    sys.exit(1)
# It is noticed, too, while the output is full; there is nothing to be written.
output = os.pipe()
os.set_blocking(output[1], False)
try:
    while True:
        os.write(output[1], b'.' * 4096)
except BlockingIOError:
    pass
rfifo = subprocess.Popen([sys.argv[1], '--once', 'p'], stdout=output[1], stderr=subprocess.DEVNULL)
while not os.path.exists('p'):
    pass
open('p', 'w').close()
sys.exit(rfifo.wait())
";
    let mut command = support::as_user("python3", support::new_user()).unwrap();
    command.args(["-c", script]).arg(rfifo).current_dir(directory.path());
    let output = command.output().unwrap();
    let said = "rfifo: inotify: Too many open files; writers that overlap are counted as one\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    assert!(output.status.success());
}

#[test]
fn no_end_comes_between_writers_and_a_signal_ends_it_as_it_ends_any_program() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let sandbox = Sandbox::new();
        let mut child = start(&sandbox, &[]);
        for line in [b"1\n", b"2\n", b"3\n"] {
            send(&sandbox, line);
            assert_eq!(take(&mut child, 2), line);
        }
        assert!(child.try_wait().unwrap().is_none());
        kill(child.id(), signal);
        let (rest, said, status) = support::finish(child);
        assert_eq!((rest.len(), said.as_str(), status.signal()), (0, "", Some(signal.as_raw())));
        assert!(!sandbox.path("p").exists());
    }
}

#[test]
fn what_is_queued_when_a_signal_comes_is_relayed_before_it_ends_even_to_a_slow_reader() {
    let sandbox = Sandbox::new();
    let (mut child, mut reader, filled) = start_full(&sandbox, &[]);
    let sent = pattern(60_000);
    send(&sandbox, &sent);
    kill(child.id(), Signal::TERM);
    wait_until("PATH is removed first", || !sandbox.path("p").exists());
    assert!(child.try_wait().unwrap().is_none());
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert!(got[filled..] == sent);
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn it_dies_of_the_signal_even_if_the_line_that_ends_it_is_queued() {
    let sandbox = Sandbox::new();
    let (mut child, mut reader, filled) = start_full(&sandbox, &["--until", "EOD"]);
    send(&sandbox, b"x\nEOD\ny\n");
    kill(child.id(), Signal::TERM);
    wait_until("PATH is removed first", || !sandbox.path("p").exists());
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert_eq!(&got[filled..], b"x\n");
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let sandbox = Sandbox::new();
    let (mut child, _reader, _) = start_full(&sandbox, &[]);
    send(&sandbox, b"nobody gets this\n");
    kill(child.id(), Signal::TERM);
    wait_until("the first one was taken", || !sandbox.path("p").exists());
    kill(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn signals_are_seen_to_while_a_terminal_takes_no_more() {
    let sandbox = Sandbox::new();
    let (_master, slave, _) = support::terminal();
    let mut settings = rustix::termios::tcgetattr(&slave).unwrap();
    // Each newline takes the room of two bytes, of which poll(2) knows nothing.
    settings.output_modes |= rustix::termios::OutputModes::OPOST | rustix::termios::OutputModes::ONLCR;
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &settings).unwrap();
    let mut command = support::applet("rfifo");
    command.arg("p").stdin(Stdio::null()).stdout(slave);
    let mut child = sandbox.prepare(command).spawn().unwrap();
    wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("p")));
    // As much as is on its way, and then what stays in the FIFO.
    let mut writer = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut quiet = 0;
    wait_until("nothing is read any more", || {
        let written = writer.write(&b"y\n".repeat(2048)).is_ok();
        quiet = if !written && support::is_asleep(child.id()) { quiet + 1 } else { 0 };
        quiet > 50
    });
    kill(child.id(), Signal::TERM);
    wait_until("the first one was taken", || !sandbox.path("p").exists());
    kill(child.id(), Signal::TERM);
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let sandbox = Sandbox::new();
    let mut child = sandbox.shell("rfifo", "trap '' HUP; exec rfifo --once p");
    let child = child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("p")));
    kill(child.id(), Signal::HUP);
    send(&sandbox, b"still here\n");
    assert_eq!(end(child), ("still here\n".to_owned(), String::new(), Some(0)));
}

#[test]
fn a_reader_that_leaves_ends_it_silently_even_when_no_data_comes() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &[]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::PIPE.as_raw()));
    assert!(!sandbox.path("p").exists());
    // Through a socket it is another event.
    let (ours, theirs) = support::packet_sockets(rustix::net::SocketType::STREAM);
    let mut command = support::applet("rfifo");
    command.arg("p").stdin(Stdio::null()).stdout(theirs);
    let mut command = sandbox.prepare(command);
    let mut child = command.spawn().unwrap();
    drop(command);
    wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("p")));
    drop(ours);
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::PIPE.as_raw()));
    assert!(!sandbox.path("p").exists());
}

#[test]
fn a_reader_that_leaves_is_an_error_where_sigpipe_is_ignored() {
    let sandbox = Sandbox::new();
    let line = "trap '' PIPE; { rfifo p; echo $? > status; } | true";
    let outcome = sandbox.run(sandbox.shell("rfifo", line));
    assert_eq!(String::from_utf8(outcome.stderr).unwrap(), "rfifo: standard output: Broken pipe\n");
    assert_eq!((sandbox.read("status"), sandbox.path("p").exists()), (b"1\n".to_vec(), false));
}

#[test]
fn a_full_disk_is_reported_and_nothing_is_left_behind() {
    let sandbox = Sandbox::new();
    for options in ["", "--match x"] {
        let line = format!("rfifo {options} p > /dev/full & until [ -p p ]; do :; done; echo x > p; wait $!");
        let outcome = sandbox.run(sandbox.shell("rfifo", &line));
        assert_eq!(outcome.status, "exit status: 1");
        let said = String::from_utf8(outcome.stderr).unwrap();
        assert_eq!(said, "rfifo: standard output: No space left on device\n");
        assert!(!sandbox.path("p").exists());
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let mount = "mkdir small && mount -t tmpfs -o size=200k small small 2> /dev/null";
    if !sandbox.run(sandbox.shell("rfifo", mount)).status.ends_with(": 0") {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let line = "rfifo p > small/out & until [ -p p ]; do :; done; seq 100000 > p 2> /dev/null; wait $!; echo $?
        stat -c %s small/out; ls small; umount small";
    let outcome = sandbox.run(sandbox.shell("rfifo", line));
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "1\n204800\nout\n");
    assert!(String::from_utf8(outcome.stderr).unwrap().contains("rfifo: standard output: No space left on device\n"));
    assert!(!sandbox.path("p").exists());
}

#[test]
fn every_kind_of_output_gets_every_byte() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("in"), pattern(3_000_000)).unwrap();
    for output in ["> out", ">> out", "| cat > out", "| dd bs=7 of=out status=none"] {
        std::fs::write(sandbox.path("out"), "").unwrap();
        let line = format!("cat in > p & rfifo --reuse --once p {output}");
        sandbox.fifo("p");
        let outcome = sandbox.run(sandbox.shell("rfifo", &line));
        assert_eq!((outcome.status.as_str(), outcome.stderr.len()), ("exit status: 0", 0), "{output}");
        assert!(sandbox.read("out") == pattern(3_000_000), "{output}");
        std::fs::remove_file(sandbox.path("p")).unwrap();
    }
    let (ours, theirs) = support::packet_sockets(rustix::net::SocketType::STREAM);
    let (mut master, slave, _) = support::terminal();
    for (output, mut back) in [(theirs, File::from(ours)), (slave.into(), master.try_clone().unwrap())] {
        let mut command = support::applet("rfifo");
        command.args(["--once", "p"]).stdin(Stdio::null()).stdout(output);
        let mut command = sandbox.prepare(command);
        let mut child = command.spawn().unwrap();
        drop(command);
        wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("p")));
        let writer = std::thread::spawn({
            let path = sandbox.path("p");
            move || File::options().write(true).open(path).unwrap().write_all(&pattern(300_000)).unwrap()
        });
        let mut got = vec![0; 300_000];
        back.read_exact(&mut got).unwrap();
        assert!(got == pattern(300_000));
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
    }
    master.flush().unwrap();
}

#[test]
fn a_timeout_ends_it_with_124_when_no_writer_or_no_data_comes() {
    let sandbox = Sandbox::new();
    let timed_out = (String::new(), String::new(), Some(124));
    for timeout in ["50ms", "0"] {
        let mut command = support::applet("rfifo");
        command.args(["--timeout", timeout, "p"]);
        assert_eq!(end(support::spawn(sandbox.prepare(command))), timed_out);
        assert!(!sandbox.path("p").exists());
    }
    // A writer that is there and says nothing.
    let child = start(&sandbox, &["--timeout", "300ms"]);
    // It may have ended already, and then there is no reader to wait for.
    let writer = OpenOptions::new().read(true).write(true).open(sandbox.path("p"));
    assert_eq!(end(child), timed_out);
    drop(writer);
    // What is longer than clocks have is for ever.
    let child = start(&sandbox, &["--timeout", "100000000000000d", "--once"]);
    send(&sandbox, b"hi\n");
    assert_eq!(end(child), ("hi\n".to_owned(), String::new(), Some(0)));
}

#[test]
fn a_blocked_output_is_no_timeout() {
    let sandbox = Sandbox::new();
    let (mut child, mut reader, filled) = start_full(&sandbox, &["--timeout", "4s"]);
    send(&sandbox, b"late\n");
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(child.try_wait().unwrap().is_none());
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert_eq!(&got[filled..], b"late\n");
    assert_eq!(child.wait().unwrap().code(), Some(124));
}

#[test]
fn the_size_is_set_and_held() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--size", "128K"]);
    for _ in 0..2 {
        let writer = OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
        assert_eq!(rustix::pipe::fcntl_getpipe_size(&writer), Ok(128 * 1024));
    }
    kill(child.id(), Signal::TERM);
    child.wait().unwrap();
    let mut command = support::applet("rfifo");
    command.args(["--size", "3G", "p"]);
    let (_, said, status) = end(support::spawn(sandbox.prepare(command)));
    assert_eq!((said.as_str(), status), ("rfifo: p: cannot set the size: Invalid argument\n", Some(1)));
    assert!(!sandbox.path("p").exists());
}

#[test]
fn progress_is_silent_where_there_is_no_terminal() {
    let sandbox = Sandbox::new();
    let child = start(&sandbox, &["--once", "--progress"]);
    send(&sandbox, b"hi\n");
    assert_eq!(end(child), ("hi\n".to_owned(), String::new(), Some(0)));
}

#[test]
fn wrong_usage_is_said_with_status_2_and_makes_nothing() {
    let sandbox = Sandbox::new();
    for arguments in [
        &[][..],
        &["a", "b"],
        &["--writers", "0", "p"],
        &["--writers", "-1", "p"],
        &["--writers", "x", "p"],
        &["--once", "--writers", "2", "p"],
        &["--until", "a\nb", "p"],
        &["--match", "a\nb", "p"],
        &["--invert", "p"],
        &["--timeout", "-1", "p"],
        &["--timeout", "soon", "p"],
        &["--size", "-1", "p"],
        &["--max-record", "0", "--match", "x", "p"],
        &["-m", "1777", "p"],
        &["-m", "rw", "p"],
        &["--reuse", "--replace", "p"],
        &["--write", "--once", "p"],
        &["--drop", "p"],
        &["--write", "--mark", "p"],
        &["--write", "-m", "600", "p"],
        &["--write", "--keep", "p"],
    ] {
        let mut command = support::applet("rfifo");
        command.args(arguments);
        let outcome = sandbox.run(sandbox.prepare(command));
        assert_eq!(outcome.status, "exit status: 2", "{arguments:?}");
        assert!(outcome.stderr.starts_with(b"rfifo: ") && outcome.stdout.is_empty(), "{arguments:?}");
        assert!(!sandbox.path("p").exists(), "{arguments:?}");
    }
}

#[test]
fn a_standard_output_that_is_closed_or_is_the_fifo_is_refused() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rfifo", "rfifo p >&-; ls"));
    assert_eq!(String::from_utf8(outcome.stderr).unwrap(), "rfifo: standard output: Bad file descriptor\n");
    assert_eq!(outcome.stdout, b"");
    let outcome = sandbox.run(sandbox.shell("rfifo", "mkfifo p; rfifo --reuse p 1<>p; echo $?; ls"));
    assert_eq!(String::from_utf8(outcome.stderr).unwrap(), "rfifo: p: is standard output\n");
    assert_eq!(outcome.stdout, b"1\np\n");
}

/// A process's time on a processor so far, in ticks, and how often it was switched to.
fn effort(pid: u32) -> (Vec<u64>, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = [11, 12].map(|index| fields[index].parse().unwrap()).to_vec();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let switches = status.lines().filter_map(|line| line.split_once("_ctxt_switches:"));
    (ticks, switches.map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum())
}

#[test]
fn five_seconds_of_idleness_take_no_time_on_a_processor() {
    let sandboxes: Vec<Sandbox> = (0..8).map(|_| Sandbox::new()).collect();
    let mut children = Vec::new();
    let mut writers = Vec::new();
    // No writer yet; one that is there and silent; one that has left; the same counted; lines held back.
    for (sandbox, arguments) in
        sandboxes.iter().zip([&[][..], &[], &["--match", "x"], &["--writers", "2"], &["--until", "EOD"]])
    {
        children.push(start(sandbox, arguments));
    }
    writers.push(OpenOptions::new().write(true).open(sandboxes[1].path("p")).unwrap());
    for index in [2, 3] {
        send(&sandboxes[index], b"x\n");
        assert_eq!(take(&mut children[index], 2), b"x\n");
    }
    writers.push(OpenOptions::new().write(true).open(sandboxes[4].path("p")).unwrap());
    writers[1].write_all(b"x\nEO").unwrap();
    assert_eq!(take(&mut children[4], 2), b"x\n");
    // An output that is full.
    let (full, _reader, _) = start_full(&sandboxes[5], &[]);
    children.push(full);
    send(&sandboxes[5], b"waits\n");
    // Writing: one that waits for its first reader, and one whose reader has left.
    for sandbox in &sandboxes[6..] {
        let fifo = sandbox.fifo("p");
        let mut command = support::applet("rfifo");
        command.args(["--write", "p"]);
        let mut child = support::spawn(sandbox.prepare(command));
        if children.len() == 7 {
            child.stdin.as_mut().unwrap().write_all(b"hi\n").unwrap();
            let mut reader = File::open(fifo).unwrap();
            reader.read_exact(&mut [0; 3]).unwrap();
        }
        children.push(child);
    }
    // Until all of them are at rest: nothing happened between two looks.
    let all = |children: &[Child]| children.iter().map(|child| effort(child.id())).collect::<Vec<_>>();
    let mut before = Vec::new();
    wait_until("all are at rest", || {
        before = all(&children);
        std::thread::sleep(std::time::Duration::from_millis(200));
        // On a busy machine one that could go on may not have.
        before == all(&children) && children.iter().all(|child| support::is_asleep(child.id()))
    });
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(before, all(&children));
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// The lines of the page's section of that name, as they can be pasted.
pub(crate) fn recipe(title: &str) -> String {
    let find = |applet: &&teebox::applet::Applet| applet.name == "rfifo";
    let help = (teebox::applets::ALL.iter().find(find).unwrap().command)().get_after_help().unwrap().to_string();
    let section = help.split_once(&format!("{title}:\n")).unwrap().1.split("\n\n").next().unwrap().to_owned();
    section.lines().map(|line| line.strip_prefix("  ").unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_mailbox_recipe_gets_every_line_of_every_sender() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rfifo", &recipe("Mailbox")));
    assert_eq!(
        (outcome.status.as_str(), String::from_utf8(outcome.stderr).unwrap()),
        ("exit status: 0", String::new())
    );
    let mail = String::from_utf8(sandbox.read("mail.txt")).unwrap();
    let mut got: Vec<&str> = mail.lines().collect();
    got.sort_unstable();
    let mut sent: Vec<String> =
        (1..4).flat_map(|sender| (1..1001).map(move |number| format!("sender {sender}: {number}"))).collect();
    sent.sort_unstable();
    assert!(got == sent);
    assert!(!sandbox.path("mail.fifo").exists());
}

#[test]
fn the_request_and_reply_recipe_answers() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rfifo", &recipe("Request and reply")));
    assert_eq!((outcome.stdout.as_slice(), outcome.stderr.as_slice()), (&b"HELLO\n"[..], &b""[..]));
    assert_eq!(outcome.status, "exit status: 0");
    assert!(!sandbox.path("request.fifo").exists() && !sandbox.path("reply.fifo").exists());
}

#[test]
fn the_chat_recipe_carries_lines_both_ways() {
    let sandbox = Sandbox::new();
    let alice = recipe("Two way chat");
    let bob = alice.replace("alice", "x").replace("bob", "alice").replace("x.fifo", "bob.fifo");
    let chat = |line: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", line]);
        support::spawn(sandbox.prepare(command))
    };
    let (mut alice, mut bob) = (chat(&alice), chat(&bob));
    let say = |from: &mut Child, to: &mut Child, line: &str| {
        from.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        assert_eq!(take(to, line.len()), line.as_bytes());
    };
    say(&mut alice, &mut bob, "hello Bob\n");
    say(&mut bob, &mut alice, "hello Alice\n");
    say(&mut alice, &mut bob, "bye\n");
    for shell in [&alice, &bob] {
        for pid in support::children(shell.id()) {
            kill(pid, Signal::TERM);
        }
    }
    for mut shell in [alice, bob] {
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
