//! The ends of a pipeline: producers that write and consumers that read, each a process of this same program.

use std::fs::OpenOptions;
use std::io::IoSlice;
use std::os::fd::AsFd;

use rustix::pipe::{IoSliceRaw, SpliceFlags};

/// `produce write BYTES`, `produce vmsplice BYTES`, `produce lines LENGTH BYTES`, `produce frames LENGTH BYTES`,
/// `produce fifo LENGTH BYTES FIFO...` (lines into the last of them, while it has all of them open), `produce log BYTES`,
/// `consume read`, `consume splice`, and `tokio …`, a peer of rframe.
pub(crate) fn play(arguments: &[String]) {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["produce", "write", bytes] => write(bytes.parse().unwrap()),
        ["produce", "vmsplice", bytes] => vmsplice(bytes.parse().unwrap()),
        ["produce", "lines", length, bytes] => {
            let line = [&vec![b'x'; length.parse().unwrap()][..], b"\n"].concat();
            repeat(rustix::stdio::stdout(), &line, bytes.parse().unwrap());
        }
        ["produce", "fifo", length, bytes, fifos @ ..] => {
            let open = |fifo: &&str| OpenOptions::new().write(true).open(fifo).unwrap();
            let fifos: Vec<_> = fifos.iter().map(open).collect();
            let line = [&vec![b'x'; length.parse().unwrap()][..], b"\n"].concat();
            repeat(fifos.last().unwrap(), &line, bytes.parse().unwrap());
        }
        ["produce", "frames", length, bytes] => {
            let payload = vec![b'x'; length.parse().unwrap()];
            let header = u32::try_from(payload.len()).unwrap().to_be_bytes();
            repeat(rustix::stdio::stdout(), &[&header[..], &payload].concat(), bytes.parse().unwrap());
        }
        ["produce", "log", bytes] => {
            // 100 lines of 100 bytes, one of them an error.
            let line = |text: &str| format!("{text:.<99}\n");
            let block = [line("2026-11-21 12:00:00 INFO all is well").repeat(99), line("2026-11-21 12:00:00 ERROR no")];
            repeat(rustix::stdio::stdout(), block.concat().as_bytes(), bytes.parse().unwrap());
        }
        ["tokio", work] => crate::tokio_codec::run(work),
        ["consume", "read"] => read(),
        ["consume", "splice"] => splice(),
        other => panic!("no such role: {other:?}"),
    }
}

fn write(mut bytes: usize) {
    let block = vec![b'x'; 64 * 1024];
    // Not by std's Stdout, which looks for newlines in what it is given.
    while bytes > 0 {
        bytes -= rustix::io::write(rustix::stdio::stdout(), &block[..bytes.min(block.len())]).unwrap();
    }
}

/// Writes to a descriptor `record` over and over, whole, in blocks of about 64 KiB or of one record, until it is at least
/// `bytes` bytes.
fn repeat(to: impl AsFd, record: &[u8], bytes: usize) {
    let block = record.repeat((64 * 1024 / record.len()).max(1));
    let mut left = bytes;
    while left > 0 {
        let mut rest = &block[..];
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(&to, rest).unwrap()..];
        }
        left = left.saturating_sub(block.len());
    }
}

#[allow(unsafe_code)]
fn vmsplice(mut bytes: usize) {
    let block = vec![b'x'; 1 << 20];
    let stdout = rustix::stdio::stdout();
    let _ = rustix::pipe::fcntl_setpipe_size(stdout, block.len());
    while bytes > 0 {
        let slice = IoSlice::new(&block[..bytes.min(block.len())]);
        // SAFETY: the pages are never written again, so readers see what was given.
        let count = unsafe { rustix::pipe::vmsplice(stdout, &[IoSliceRaw::from_slice(&slice)], SpliceFlags::empty()) };
        bytes -= count.unwrap();
    }
    // The pages have to outlive the readers' use of them; they do, as the pipe holds references.
}

fn read() {
    let mut block = vec![0; 256 * 1024];
    while rustix::io::read(rustix::stdio::stdin(), &mut block[..]).unwrap() > 0 {}
}

fn splice() {
    let stdin = rustix::stdio::stdin();
    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    while rustix::pipe::splice(stdin, None, &null, None, 1 << 20, SpliceFlags::empty()).unwrap() > 0 {}
}
