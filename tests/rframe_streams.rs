//! How rframe moves bytes: at once or in large writes, by splice or not, of any size, from and to anything.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::pipe::PipeFlags;

use crate::rframe::made;
use crate::support::{self, Sandbox, fails, pattern, prints, said, shell, wait_until};

/// A pipe in packet mode: every read returns what one write(2) wrote, up to a page.
fn packets() -> (File, File) {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
    (reader.into(), writer.into())
}

/// The next packet; there has to be one.
fn packet(from: &mut File) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let count = from.read(&mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn slow_records_leave_at_once_each_in_one_write() {
    for (arguments, pieces, written) in [
        (&["encode"][..], &["a", "b", "\nc", "\n"][..], &["", "", "\0\0\0\x03\x01ab", "\0\0\0\x02\x01c"][..]),
        (&["encode", "-f", "netstring"], &["a\n", "b\nc"], &["1:a,", "1:b,"]),
        (&["encode", "--chunk", "2", "-f", "u8"], &["a", "bc", "d"], &["", "\x02ab", "\x02cd"]),
        (&["encode", "--json", "-f", "u8"], &["{\"payload\":\"a\"}", "\n"], &["", "\x01a"]),
        (&["decode"], &["\0\0", "\0\x03", "\x01", "a", "b", "\0\0\0\x01\x01"], &["", "", "", "", "ab\n", "\n"]),
        (&["decode", "-f", "netstring", "--raw"], &["1:a", ",", "2:bc,"], &["", "a", "bc"]),
        (&["decode", "-f", "u8", "--show"], &["\x02a", "b"], &["", "ab\n"]),
        (&["decode", "-f", "u8", "--json"], &["\x01", "b"], &["", "{\"offset\":0,\"length\":1,\"payload\":\"b\"}\n"]),
    ] {
        let (mut reader, writer) = packets();
        let mut command = support::applet("rframe");
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
        drop(command);
        let mut stdin = child.stdin.take().unwrap();
        for (piece, written) in pieces.iter().zip(written) {
            stdin.write_all(piece.as_bytes()).unwrap();
            if written.is_empty() {
                // It has been read, and nothing came of it.
                wait_until("the piece is read", || rustix::io::ioctl_fionread(&stdin) == Ok(0));
            } else {
                assert_eq!(String::from_utf8(packet(&mut reader)).unwrap(), *written, "{arguments:?}");
            }
        }
        drop(stdin);
        child.wait().unwrap();
    }
}

#[test]
fn fast_records_leave_in_large_writes() {
    for arguments in [&["encode"][..], &["decode", "-f", "u8"]] {
        let sandbox = Sandbox::new();
        let input =
            if arguments[0] == "encode" { b"123456789\n".repeat(100_000) } else { b"\x09123456789".repeat(100_000) };
        std::fs::write(sandbox.path("in"), &input).unwrap();
        let (reader, writer) = support::pipe();
        let mut command = support::applet("rframe");
        let mut child =
            command.args(arguments).stdin(File::open(sandbox.path("in")).unwrap()).stdout(writer).spawn().unwrap();
        drop(command);
        let mut reader = std::io::BufReader::with_capacity(1 << 20, reader);
        let expected = if arguments[0] == "encode" { input.len() / 10 * 14 } else { input.len() };
        let mut bytes = vec![0; expected];
        reader.read_exact(&mut bytes).unwrap();
        // It waits, as a zombie does, until it is asked for: its counts can be read.
        let io = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
        let calls =
            io.lines().find_map(|line| line.strip_prefix("syscw: ")).and_then(|count| count.parse::<usize>().ok());
        child.wait().unwrap();
        assert!(calls.is_none_or(|calls| calls <= expected / 65536 + 3), "{calls:?} writes");
    }
}

#[test]
fn records_of_any_size_survive_the_way_there_and_back() {
    // Around what is copied, the buffer, what waits in memory, and beyond.
    for size in [65_535, 65_536, 131_071, 131_072, 131_073, 262_144, 2_097_151, 2_097_152, 2_097_153, 5_000_000] {
        let mut record: Vec<u8> =
            pattern(size).into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }).collect();
        record.push(b'\n');
        let input = [b"before\n", record.as_slice(), b"after\n"].concat();
        let frames = made(&["encode", "-f", "netstring"], &input);
        let expected = [b"6:before,", format!("{size}:").as_bytes(), &record[..size], b",5:after,"].concat();
        assert!(frames == expected, "{size}");
        assert!(made(&["decode", "-f", "netstring"], &frames) == input, "{size}");
    }
}

#[test]
fn a_long_record_that_nothing_ends_is_one_all_the_same() {
    let record = vec![b'x'; 5_000_000];
    let frames = made(&["encode", "-f", "u32be"], &record);
    assert!(frames == [5_000_000_u32.to_be_bytes().as_slice(), &record].concat());
}

#[test]
fn a_directory_for_long_records_that_cannot_be_used_is_named() {
    let line = "{ echo a; head -c 3000000 /dev/zero; echo; } | TMPDIR=$PWD/missing rframe encode -f u32be | head -c 5 | od -An -c";
    let outcome = shell(line);
    assert!(said(&outcome).ends_with("/missing: No such file or directory\n"), "{}", said(&outcome));
    assert_eq!(outcome.stdout, b"  \\0  \\0  \\0 001   a\n");
}

#[test]
fn large_chunks_are_the_bytes_of_the_input_whatever_it_is() {
    for chunk in ["65537", "1M", "1048577", "3M"] {
        for input in [
            "rframe",
            "cat in | rframe",
            "dd bs=4097 if=in status=none | rframe",
            "dd bs=263 if=in status=none | rframe",
        ] {
            let size = if input.contains("263") { 2_100_001 } else { 7_000_001 };
            let source = if input == "rframe" { "< in" } else { "" };
            let line = format!(
                "head -c {size} /dev/urandom > in; for to in '| cat > frames' '> frames' '>> appended'; do \
                 eval \"{input} encode -f u32le --chunk {chunk} {source} $to\"; \
                 test -e appended && mv appended frames; rframe decode -f u32le --raw frames | cmp - in; \
                 rframe decode -f u32le --raw < frames > out; cmp out in; cat frames | rframe decode -f u32le --raw | cmp - in; \
                 cat frames | rframe decode -f u32le --raw >> more; cmp more in; rm more; \
                 rframe decode -f u32le --json frames | jq -r .length | sort -n | tail -n 1; done"
            );
            if support::peer("jq", "jq").is_none() {
                return;
            }
            let most = teebox::size::parse(chunk).unwrap();
            let most = most.min(size);
            assert_eq!(prints(&line), format!("{most}\n").repeat(3), "{chunk} {input}");
        }
    }
}

#[test]
fn all_there_is_becomes_one_frame() {
    for size in [0, 1, 70_000, 1_048_576, 1_048_577, 7_000_000] {
        let line = format!(
            "head -c {size} /dev/urandom > in; rframe encode -f u32be --whole in > a; cat in | rframe encode -f u32be --whole > b; \
             rframe encode -f u32be --whole < in | cat > c; cmp a b; cmp b c; stat -c %s a; rframe decode -f u32be --raw a | cmp - in"
        );
        assert_eq!(prints(&line), format!("{}\n", size + 4));
    }
}

#[test]
fn where_splice_is_refused_the_bytes_are_the_same() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    for inject in [
        "splice:error=ENOSYS",
        "splice:error=EINVAL:when=3+",
        "splice:error=EINTR:when=1+2",
        "pipe2:error=EMFILE",
        "fcntl:error=EPERM",
        // Not those with which a dynamic executable reads its libraries.
        "read:error=EINTR:when=4+2",
        "write:error=EINTR:when=1+2",
        "writev:error=EINTR:when=1+2",
    ] {
        let run = format!("{} -A rframe", support::injecting(inject));
        let line = format!(
            "head -c 3000000 /dev/urandom > in; cat in | {run} encode -f u32be --chunk 1M | cat > a; {run} encode -f u32be --chunk 1M in > b; \
             cmp a b; cat a | {run} decode -f u32be --raw | cmp - in; {run} decode -f u32be --raw a > out; cmp out in; \
             seq 100000 | {run} encode | {run} decode | cmp - <(seq 100000); grep -q INJECTED trace"
        );
        assert_eq!(prints(&line), "", "{inject}");
    }
}

#[test]
fn descriptors_that_do_not_wait_and_packets_lose_nothing() {
    // Nobody waits for these descriptors but poll(2).
    let bytes = pattern(3_000_000);
    let (input, mut to_input) = support::pipe();
    let (mut from_output, output) = support::pipe();
    for fd in [&input, &output] {
        let flags = rustix::fs::fcntl_getfl(fd).unwrap();
        rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    }
    let mut command = support::applet("rframe");
    let mut child =
        command.args(["encode", "--chunk", "100000", "-f", "u32be"]).stdin(input).stdout(output).spawn().unwrap();
    drop(command);
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || to_input.write_all(&sent).unwrap());
    let mut frames = Vec::new();
    from_output.read_to_end(&mut frames).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(made(&["decode", "-f", "u32be", "--raw"], &frames) == bytes);

    // A packet that is read with a short buffer loses its rest, here or behind a splice(2).
    for arguments in [&["encode", "--chunk", "150000", "-f", "u32be"][..], &["encode", "--whole", "-f", "u32be"]] {
        let (input, mut to_input) = packets();
        let mut command = support::applet("rframe");
        let mut child = command.args(arguments).stdin(input).stdout(Stdio::piped()).spawn().unwrap();
        drop(command);
        let sent = bytes[..300_000].to_vec();
        let writer =
            std::thread::spawn(move || sent.chunks(1000).for_each(|packet| to_input.write_all(packet).unwrap()));
        let mut frames = Vec::new();
        let mut stdout = child.stdout.take().unwrap();
        let mut some = [0; 7];
        loop {
            match stdout.read(&mut some).unwrap() {
                0 => break,
                count => frames.extend_from_slice(&some[..count]),
            }
        }
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
        assert!(made(&["decode", "-f", "u32be", "--raw"], &frames) == bytes[..300_000]);
    }
}

/// A socket in packet mode: every packet is what one write(2) wrote, however much that was.
fn packet_sockets() -> (File, File) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    (one.into(), other.into())
}

#[test]
fn a_frame_that_the_buffers_have_room_for_leaves_in_one_write() {
    let xs = |count| b"x".repeat(count);
    let framed = [b"\x01\xd4\xc0".to_vec(), xs(120_000)].concat();
    for (arguments, input, written) in [
        (&["encode", "--whole", "-f", "netstring"][..], &xs(1), &[4][..]),
        (&["encode", "--whole", "-f", "netstring"], &xs(70_000), &[70_007]),
        (&["encode", "--chunk", "70000", "-f", "netstring"], &xs(70_001), &[70_007, 4]),
        (&["encode", "--chunk", "131072", "-f", "u32be"], &xs(131_072), &[131_076]),
        (&["encode", "--chunk", "500000", "-f", "u32be"], &xs(100_000), &[100_004]),
        (&["encode", "-0", "-f", "netstring"], &xs(100_000), &[100_008]),
        (&["decode", "-f", "u24be"], &framed, &[120_001]),
        (&["decode", "-f", "u24be", "--raw"], &framed, &[120_000]),
    ] {
        let (mut ours, output) = packet_sockets();
        let mut command = support::applet("rframe");
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(output).spawn().unwrap();
        drop(command);
        child.stdin.take().unwrap().write_all(input).unwrap();
        let mut packet = vec![0; 200_000];
        let mut lengths = Vec::new();
        loop {
            match ours.read(&mut packet).unwrap() {
                0 => break,
                length => lengths.push(length),
            }
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(lengths, written, "{arguments:?}");
    }
}

#[test]
fn sockets_of_any_kind_are_read_to_the_last_byte() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let bytes = pattern(600_000);
    for kind in [SocketType::STREAM, SocketType::SEQPACKET] {
        for arguments in [&["encode", "--chunk", "250000", "-f", "u32be"][..], &["encode", "--whole", "-f", "u32be"]] {
            let (ours, input) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
            let mut command = support::applet("rframe");
            command.args(arguments).stdin(Stdio::from(input)).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            drop(command);
            let sent = bytes.clone();
            let writer = std::thread::spawn(move || {
                let mut ours = File::from(ours);
                sent.chunks(150_000).for_each(|packet| ours.write_all(packet).unwrap());
            });
            let mut frames = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut frames).unwrap();
            writer.join().unwrap();
            assert!(child.wait().unwrap().success());
            assert!(made(&["decode", "-f", "u32be", "--raw"], &frames) == bytes, "{kind:?}");
        }
    }
}

#[test]
fn large_payloads_move_by_splice() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("in"), pattern(10_000_000)).unwrap();
    let line = "set -e -o pipefail; trace='strace -e trace=splice -o trace'; \
        cat in | $trace rframe encode -f u32be --chunk 1M | cat > frames; mv trace encoded; \
        cat frames | $trace rframe decode -f u32be --raw | cmp - in";
    let outcome = sandbox.run(sandbox.shell("rframe", line));
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()));
    for (file, least) in [("encoded", 2 * 9_000_000), ("trace", 9_000_000)] {
        let trace = String::from_utf8(sandbox.read(file)).unwrap();
        let counts = trace.lines().filter_map(|line| line.rsplit("= ").next()?.parse::<usize>().ok());
        let moved: usize = counts.sum();
        assert!(moved >= least, "{file}: {moved} of {least} bytes");
    }
}

#[test]
fn a_regular_file_is_framed_from_where_it_stands_to_where_it_ends() {
    let line = "head -c 300000 /dev/urandom > f; { dd bs=10 count=1 of=/dev/null status=none; rframe encode --whole -f u32be; } < f \
        | rframe decode -f u32be --raw | cmp - <(tail -c +11 f); rframe encode --whole -f u32be /proc/version | rframe decode -f u32be --raw \
        | cmp - /proc/version";
    assert_eq!(prints(line), "");
    // One that becomes shorter can't keep what its header promised.
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("f"), vec![b'x'; 4 << 20]).unwrap();
    let mut command = sandbox.prepare(support::applet("rframe"));
    command.args(["encode", "--whole", "-f", "u32be", "f"]);
    let mut child = support::spawn(command);
    let mut header = [0; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut header).unwrap();
    // A pipe full of it is on its way, and no more.
    OpenOptions::new().write(true).open(sandbox.path("f")).unwrap().set_len(2 << 20).unwrap();
    let (stdout, stderr, status) = support::finish(child);
    let words = "record 1: the file shrank meanwhile: 4194304 bytes were promised, 2097152 followed";
    assert_eq!((stdout.len(), stderr, status.code()), (2 << 20, format!("rframe: f: {words}\n"), Some(1)));
}

#[test]
fn an_input_that_is_the_output_is_refused_before_it_grows_without_end() {
    let (_, stderr, status) = fails("seq 10 > g; rframe encode -f u8 g >> g");
    assert_eq!((stderr.as_str(), status), ("rframe: g: input file is output file\n", 1));
    assert_eq!(prints("seq 3 > g; rframe encode < g > g; cat g"), "");
}

#[test]
fn what_waits_in_a_file_waits_in_one_and_its_errors_are_told() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    let line = "head -c 16000000 /dev/zero | TMPDIR=$PWD strace -o trace -e trace=open,openat rframe encode --whole --max none -f u32be \
        | wc -c; grep -c TMPFILE trace";
    assert_eq!(prints(line), "16000004\n1\n");
    // Where the file system has no files without a name.
    let inject = "strace -o trace -P $PWD -e inject=open,openat:error=EOPNOTSUPP";
    let line =
        format!("{{ head -c 5000000 /dev/zero; echo; }} | TMPDIR=$PWD {inject} rframe encode -f u32be | wc -c; ls -A");
    assert_eq!(prints(&line), "5000004\ntrace\n");
    let line =
        "(trap '' XFSZ; ulimit -f 100; { head -c 5000000 /dev/zero; echo; } | TMPDIR=$PWD rframe encode -f u32be)";
    let (_, stderr, status) = fails(line);
    assert!(stderr.starts_with("rframe: /") && stderr.ends_with(": File too large\n"), "{stderr}");
    assert_eq!(status, 1);
}

#[test]
fn memory_that_cannot_be_had_is_told() {
    let line = "(ulimit -v 100000; { printf '\\100\\0\\0\\0'; head -c 300000000 /dev/zero; } | rframe decode -f u32be --max none --json)";
    let (_, stderr, status) = fails(line);
    assert_eq!((stderr.as_str(), status), ("rframe: standard input: Cannot allocate memory\n", 1));
}

/// Feeds `header`, then `length` zero bytes, in a way that costs little; returns the peak of memory in KiB once all went
/// through, and what came out.
fn peak_of(arguments: &[&str], header: &[u8], length: u64) -> (u64, u64) {
    let mut command = support::applet("rframe");
    command.args(arguments).env("TMPDIR", std::env::temp_dir());
    let mut child = support::spawn(command);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let header = header.to_owned();
    let writer = std::thread::spawn(move || {
        stdin.write_all(&header).unwrap();
        std::io::copy(&mut File::open("/dev/zero").unwrap().take(length), &mut stdin).unwrap();
        stdin
    });
    let reader = std::thread::spawn(move || {
        let mut sink = OpenOptions::new().write(true).open("/dev/null").unwrap();
        std::io::copy(&mut stdout, &mut sink).unwrap()
    });
    let stdin = writer.join().unwrap();
    wait_until("all is read", || rustix::io::ioctl_fionread(&stdin) == Ok(0));
    let peak = support::resident_peak(child.id());
    drop(stdin);
    child.wait().unwrap();
    (peak, reader.join().unwrap())
}

#[test]
fn memory_does_not_grow_with_the_payload_nor_with_what_a_length_claims() {
    let length = 3_u64 << 30;
    let header = u32::try_from(length).unwrap().to_be_bytes();
    for style in ["--raw", "--lines", "-0"] {
        let (peak, count) = peak_of(&["decode", "-f", "u32be", "--max", "none", style], &header, length);
        assert_eq!(count, length + u64::from(style != "--raw"));
        assert!(peak < 8 * 1024, "{style}: {peak} KiB");
    }
    for style in ["--json", "--show"] {
        // A NUL takes six bytes there; and what is read has to be there as well.
        let (peak, _) = peak_of(&["decode", "-f", "u32be", style], &(16_u32 << 20).to_be_bytes(), 16 << 20);
        assert!(peak < 160 * 1024, "{style}: {peak} KiB");
    }
    for style in ["--raw", "--json", "--show"] {
        let header = u64::MAX.to_le_bytes();
        let (peak, _) = peak_of(&["decode", "-f", "u64le", "--max", "none", style], &header, 1000);
        assert!(peak < 8 * 1024, "{style}: {peak} KiB");
    }
    for arguments in
        [&["encode", "--max", "none", "-f", "u32be"][..], &["encode", "--whole", "--max", "none", "-f", "u32be"]]
    {
        let (peak, count) = peak_of(arguments, b"", 100 << 20);
        assert_eq!(count, (100 << 20) + 4);
        assert!(peak < 10 * 1024, "{arguments:?}: {peak} KiB");
    }
}
