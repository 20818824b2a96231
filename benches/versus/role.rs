//! The ends of a pipeline: producers that write and consumers that read, each a process of this same program.

use std::fs::OpenOptions;
use std::io::IoSlice;

use rustix::pipe::{IoSliceRaw, SpliceFlags};

/// `produce write BYTES`, `produce vmsplice BYTES`, `consume read`, `consume splice`.
pub(crate) fn play(arguments: &[String]) {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["produce", "write", bytes] => write(bytes.parse().unwrap()),
        ["produce", "vmsplice", bytes] => vmsplice(bytes.parse().unwrap()),
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
