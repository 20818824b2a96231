//! The core by itself, and the facts about the kernel that it is built on.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size};
use teebox::fdio::duplicate::{Branch, Duplicated};
use teebox::fdio::fork::{self, Ended};
use teebox::fdio::pipe::{self, Pipe};
use teebox::fdio::poll;
use teebox::fdio::signal::{Caught, Signal};
use teebox::fdio::source::{Filled, Source};
use teebox::fdio::spool::{BLOCK, Blocks};
use teebox::fdio::transfer::{self, Drain, Failure, Spliced};

use crate::support::{self, Sandbox, pattern};

#[test]
fn a_second_tee_starts_again_at_the_head() {
    let (source, one) = (Pipe::new().unwrap(), Pipe::new().unwrap());
    transfer::write_all(&source.writer, b"abcdef").unwrap();
    for _ in 0..2 {
        assert_eq!(rustix::pipe::tee(&source.reader, &one.writer, 3, SpliceFlags::NONBLOCK), Ok(3));
    }
    let mut got = [0; 6];
    assert_eq!(transfer::read(&one.reader, &mut got), Ok(6));
    assert_eq!(&got, b"abcabc");
}

#[test]
fn a_refused_splice_leaves_its_bytes_in_the_pipe() {
    let sandbox = Sandbox::new();
    let append = OpenOptions::new().create(true).append(true).open(sandbox.path("a")).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    for file in [append, full] {
        let pipe = Pipe::new().unwrap();
        transfer::write_all(&pipe.writer, b"bytes").unwrap();
        assert_eq!(transfer::splice(&pipe.reader, &file, 5, true), Spliced::Refused);
        assert_eq!(rustix::io::ioctl_fionread(&pipe.reader), Ok(5));
    }
}

#[test]
fn a_packet_that_has_no_room_is_an_error_and_not_cut() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    for kind in [SocketType::SEQPACKET, SocketType::DGRAM] {
        let (one, other) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        for length in [5, 6] {
            assert_eq!(rustix::io::write(&one, &pattern(length)), Ok(length));
        }
        assert_eq!(transfer::receive(&other, &mut [0; 5]), Ok(5));
        assert_eq!(transfer::receive(&other, &mut [0; 5]), Err(Errno::MSGSIZE));
    }
}

#[test]
fn a_drain_reports_what_write_says_not_what_splice_says() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let pipe = Pipe::new().unwrap();
    transfer::write_all(&pipe.writer, b"bytes").unwrap();
    assert_eq!(Drain::new(pipe.reader.as_fd(), full.as_fd()).step(5), Err(Failure::Output(Errno::NOSPC)));
}

#[test]
fn a_drain_does_not_hold_the_pipes_lock_while_its_output_waits() {
    // A terminal that nobody reads takes a few KiB and then makes its writer wait.
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY | rustix::pty::OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let slave = OpenOptions::new().write(true).open(name.to_str().unwrap()).unwrap();
    let pipe = Pipe::new().unwrap();
    transfer::write_all(&pipe.writer, &pattern(60_000)).unwrap();
    let keep = [pipe.reader.as_raw_fd(), slave.as_raw_fd()];
    let child = fork::run(&keep, || {
        let mut drain = Drain::new(pipe.reader.as_fd(), slave.as_fd());
        while drain.step(pipe::LARGE).is_ok_and(|count| count > 0) {}
        0
    })
    .unwrap();
    support::wait_until("the child has taken the bytes", || {
        rustix::io::ioctl_fionread(&pipe.reader).is_ok_and(|left| left == 0)
    });
    // It waits for the terminal now; the pipe is free all the same.
    transfer::write_all(&pipe.writer, b"more").unwrap();
    child.kill();
}

#[test]
fn widen_grows_as_far_as_is_allowed_and_never_shrinks() {
    let most: usize = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap().trim().parse().unwrap();
    let pipe = Pipe::new().unwrap();
    assert_eq!(fcntl_setpipe_size(&pipe.writer, 4096), Ok(4096));
    pipe::widen(&pipe.writer);
    let size = fcntl_getpipe_size(&pipe.writer).unwrap();
    assert!(size >= pipe::LARGE.min(most), "{size}");
    fcntl_setpipe_size(&pipe.writer, size).unwrap();
    pipe::widen(&pipe.reader);
    assert_eq!(fcntl_getpipe_size(&pipe.writer), Ok(size));
    pipe::widen(File::open("/dev/null").unwrap());
}

#[test]
fn a_source_makes_plain_bytes_of_packets() {
    for packets in [&["one", "two!"][..], &["a", "bc", "def"], &["hello"], &["x", "yyyyyyyyyy"]] {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
        for packet in packets {
            assert_eq!(rustix::io::write(&writer, packet.as_bytes()), Ok(packet.len()));
        }
        let mut source = Source::new(reader.as_fd());
        let all = packets.concat();
        let mut got = String::new();
        while got.len() < all.len() {
            assert_eq!(source.fill(8192), Ok(Filled::Some));
            // With so short a buffer the rest of a packet would be lost.
            let mut some = [0; 1];
            assert_eq!(source.read(&mut some), Ok(1));
            got.push(char::from(some[0]));
        }
        assert_eq!(got, all);
    }
}

#[test]
fn a_child_keeps_the_descriptors_it_is_given_and_no_others() {
    let (mut reader, writer) = support::pipe();
    let other = support::pipe();
    let keep = [writer.as_raw_fd()];
    let child = fork::run(&keep, || {
        let open: Vec<i32> =
            (0..1024).filter(|fd| std::path::Path::new(&format!("/proc/self/fd/{fd}")).exists()).collect();
        let only = open == keep;
        u8::from(only)
    })
    .unwrap();
    assert_eq!(child.wait(), Ok(Ended::Exited(1)));
    drop((writer, other));
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_child_ignores_what_would_end_its_parent_but_not_sigkill() {
    use nix::sys::signal::{Signal, raise};
    let child = fork::run(&[], || {
        for signal in
            [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGUSR1]
        {
            let _ = raise(signal);
        }
        7
    });
    assert_eq!(child.unwrap().wait(), Ok(Ended::Exited(7)));
    let child = fork::run(&[], || {
        let _ = raise(Signal::SIGKILL);
        0
    });
    assert_eq!(child.unwrap().wait(), Ok(Ended::Killed(9)));
}

/// Reads what is in a pipe, up to `length` bytes, without waiting.
fn take(pipe: &Pipe, length: usize) -> Vec<u8> {
    let there = usize::try_from(rustix::io::ioctl_fionread(&pipe.reader).unwrap()).unwrap();
    let mut bytes = vec![0; length.min(there)];
    if !bytes.is_empty() {
        let count = transfer::read(&pipe.reader, &mut bytes).unwrap();
        bytes.truncate(count);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn branches_of_any_size_drained_at_any_pace_get_the_same_bytes(
        sizes in proptest::collection::vec(prop_oneof![Just(4096usize), Just(8192), Just(65536)], 1..5),
        writes in proptest::collection::vec(prop_oneof![Just(1usize), Just(2049), Just(4096), Just(4097), 1..9000usize], 1..60),
        paces in proptest::collection::vec(1..20_000usize, 1..40),
    ) {
        let source = Pipe::new().unwrap();
        let bytes = pattern(writes.iter().sum());
        let pipes: Vec<Pipe> = sizes.iter().map(|size| {
            let pipe = Pipe::new().unwrap();
            fcntl_setpipe_size(&pipe.writer, *size).unwrap();
            pipe
        }).collect();
        let mut branches: Vec<Branch> =
            pipes.iter().map(|pipe| Branch::new(pipe.writer.try_clone().unwrap())).collect();
        let mut got = vec![Vec::new(); pipes.len()];
        let (mut written, mut consumed) = (0, 0);
        let mut writes = writes.into_iter();
        let mut pace = paces.iter().cycle();
        let mut null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        while consumed < bytes.len() {
            if written - consumed < 30_000 && let Some(length) = writes.next() {
                File::from(source.writer.try_clone().unwrap()).write_all(&bytes[written..written + length]).unwrap();
                written += length;
            }
            for branch in &mut branches {
                let done = branch.duplicate(source.reader.as_fd(), 1 << 20);
                prop_assert!(matches!(done, Duplicated::Ahead(_) | Duplicated::WouldBlock), "{done:?}");
            }
            let least = branches.iter().map(Branch::lead).min().unwrap();
            if least > 0 {
                let Spliced::Moved(count) = transfer::splice(&source.reader, &null, least, false) else {
                    return Err(TestCaseError::fail("the source was not empty"));
                };
                consumed += count;
                for branch in &mut branches {
                    prop_assert_eq!(branch.consumed(count), 0);
                }
            }
            for (pipe, got) in pipes.iter().zip(&mut got) {
                got.extend(take(pipe, *pace.next().unwrap()));
            }
        }
        null.flush().unwrap();
        for (pipe, got) in pipes.iter().zip(&mut got) {
            loop {
                let more = take(pipe, 1 << 20);
                if more.is_empty() {
                    break;
                }
                got.extend(more);
            }
            prop_assert!(*got == bytes);
        }
    }
}

#[test]
fn a_write_now_takes_what_there_is_room_for_and_never_waits() {
    fn fill(to: impl AsFd, mut from: impl Read) {
        let bytes = pattern(1_000_000);
        let mut written = 0;
        loop {
            match transfer::write_now(&to, &bytes[written..]) {
                Ok(count) => written += count,
                Err(errno) => break assert_eq!(errno, Errno::AGAIN),
            }
        }
        assert!(written >= 60_000, "only {written} bytes fitted");
        let mut got = vec![0; written];
        from.read_exact(&mut got).unwrap();
        assert!(got == bytes[..written]);
        assert!(transfer::write_now(&to, b"more").is_ok());
    }
    let (reader, writer) = support::pipe();
    fill(writer, reader);
    let fifo = OpenOptions::new().read(true).write(true).open(Sandbox::new().fifo("fifo")).unwrap();
    fill(&fifo, &fifo);
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    fill(one, other);
}

#[test]
fn a_write_now_says_what_write_says() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(transfer::write_now(full, b"bytes"), Err(Errno::NOSPC));
    let file = tempfile::tempfile().unwrap();
    assert_eq!(transfer::write_now(&file, &pattern(50_000)), Ok(50_000));
    assert_eq!(transfer::write_now(File::open("/dev/null").unwrap(), b"bytes"), Err(Errno::BADF));
}

#[test]
fn a_read_now_takes_what_is_there_and_never_waits() {
    fn take(from: impl AsFd, to: impl AsFd) {
        let mut buffer = [0; 100];
        assert_eq!(transfer::read_now(&from, &mut buffer), Err(Errno::AGAIN));
        transfer::write_all(&to, b"bytes").unwrap();
        assert_eq!(transfer::read_now(&from, &mut buffer[..2]), Ok(2));
        assert_eq!(transfer::read_now(&from, &mut buffer[2..]), Ok(3));
        assert_eq!(&buffer[..5], b"bytes");
        assert_eq!(transfer::read_now(&from, &mut buffer), Err(Errno::AGAIN));
        assert!(!rustix::fs::fcntl_getfl(&from).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
    }
    let (reader, writer) = support::pipe();
    take(&reader, &writer);
    drop(writer);
    assert_eq!(transfer::read_now(&reader, &mut [0]), Ok(0));
    let fifo = OpenOptions::new().read(true).write(true).open(Sandbox::new().fifo("fifo")).unwrap();
    take(&fifo, &fifo);
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    take(&one, &other);
    let (master, slave, _) = support::terminal();
    take(&slave, &master);
}

#[test]
fn the_end_of_a_pipe_is_an_end_though_the_next_pipe_has_lost_its_reader() {
    // splice(2) has the output's error for it, with which nothing was ever to be written.
    let (from, to) = (Pipe::new().unwrap(), Pipe::new().unwrap());
    transfer::write_all(&from.writer, b"last").unwrap();
    let mut drain = Drain::new(from.reader.as_fd(), to.writer.as_fd());
    assert_eq!(drain.step(10), Ok(4));
    drop(to.reader);
    transfer::write_all(&from.writer, b"more").unwrap();
    // What another test forks at this moment has the reader, too, until it runs.
    support::wait_until("nobody reads", || {
        let mut fds = [PollFd::new(&to.writer, PollFlags::empty())];
        poll::look(&mut fds);
        fds[0].revents().contains(PollFlags::ERR)
    });
    assert_eq!(drain.step(10), Err(Failure::Output(Errno::PIPE)));
    assert_eq!(transfer::read(&from.reader, &mut [0; 10]), Ok(4));
    drop(from.writer);
    assert_eq!(drain.step(10), Ok(0));
}

#[test]
fn queues_share_a_spool_and_each_comes_out_as_it_went_in() {
    let mut blocks = Blocks::default();
    let (mut first, mut second) = (blocks.take().unwrap(), blocks.take().unwrap());
    let (reader, writer) = support::pipe();
    for turn in 0..3_u8 {
        assert_eq!(first.write(&[turn; 100]), Ok(100));
        rustix::io::write(&writer, &[turn + 10; 5000]).unwrap();
        assert_eq!(second.splice_in(&reader, 4000), Spliced::Moved(4000));
        assert_eq!(second.splice_in(&reader, 4000), Spliced::Moved(1000));
        assert_eq!((first.last(), second.last()), (Ok(turn), Ok(turn + 10)));
    }
    assert_eq!(second.splice_in(&reader, 4000), Spliced::WouldBlock);
    let mut out = b"before".to_vec();
    first.read(150, &mut out).unwrap();
    first.read(1000, &mut out).unwrap();
    assert_eq!(out, [&b"before"[..], &[0; 100], &[1; 100], &[2; 100]].concat());
    assert_eq!(second.splice_out(&writer), Spliced::Moved(15_000));
    // What is in the pipe outlasts the block and the spool.
    drop((first, second));
    assert!(blocks.release());
    let mut got = vec![0; 15_000];
    (&reader).read_exact(&mut got).unwrap();
    assert!(got == [[10; 5000], [11; 5000], [12; 5000]].concat());
}

#[test]
fn a_block_takes_no_more_than_it_has_room_for() {
    let mut blocks = Blocks::default();
    let mut block = blocks.take().unwrap();
    assert!(block.last().is_err());
    let bytes = pattern(usize::try_from(BLOCK).unwrap() + 10);
    let mut done = 0;
    while block.room() > 0 {
        done += block.write(&bytes[done..]).unwrap();
    }
    assert_eq!((done, block.length(), block.write(&bytes)), (bytes.len() - 10, BLOCK, Ok(0)));
    assert!(!blocks.release());
    let mut out = Vec::new();
    block.read(usize::MAX, &mut out).unwrap();
    assert!(out == bytes[..done]);
}

#[test]
fn a_caught_signal_waits_to_be_taken() {
    let caught = Caught::new(&[Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
    assert_eq!(caught.next(), None);
    assert!(!poll::is_readable(&caught));
    nix::sys::signal::raise(Signal::SIGUSR2).unwrap();
    assert!(poll::is_readable(&caught));
    assert_eq!(caught.next(), Some(Signal::SIGUSR2));
    assert_eq!(caught.next(), None);
}
