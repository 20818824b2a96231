//! Whatever the input is cut into and whatever the outputs are: every output gets the input, byte for byte.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::JoinHandle;

use proptest::prelude::*;
use rustix::fs::OFlags;
use rustix::net::SocketType;
use rustix::pipe::PipeFlags;

use crate::support::{self, Sandbox, pattern};

#[derive(Clone, Copy, Debug)]
enum Input {
    Pipe { size: usize, nonblock: bool, packets: bool },
    Fifo,
    File,
    Socket { nonblock: bool },
    Packets { nonblock: bool },
}

#[derive(Clone, Copy, Debug)]
enum Output {
    Pipe { size: usize, nonblock: bool, slow: bool },
    File,
    Append,
    Socket { nonblock: bool },
    Terminal,
    Null,
}

#[derive(Clone, Copy, Debug)]
enum FileKind {
    Regular,
    Fifo { size: usize, slow: bool },
    Null,
    Full,
    Terminal,
}

#[derive(Clone, Debug)]
struct Mix {
    input: Input,
    /// The sizes that the input is written in, in turn, in bytes.
    writes: Vec<usize>,
    total: usize,
    stdout: Output,
    files: Vec<FileKind>,
    append: bool,
}

fn pipe_size() -> impl Strategy<Value = usize> {
    prop_oneof![Just(4096), Just(8192), Just(65536), Just(1 << 20)]
}

fn mix() -> impl Strategy<Value = Mix> {
    let input = prop_oneof![
        4 => (pipe_size(), any::<bool>(), any::<bool>())
            .prop_map(|(size, nonblock, packets)| Input::Pipe { size, nonblock, packets }),
        1 => Just(Input::Fifo),
        2 => Just(Input::File),
        2 => any::<bool>().prop_map(|nonblock| Input::Socket { nonblock }),
        1 => any::<bool>().prop_map(|nonblock| Input::Packets { nonblock }),
    ];
    let stdout = prop_oneof![
        4 => (pipe_size(), any::<bool>(), any::<bool>())
            .prop_map(|(size, nonblock, slow)| Output::Pipe { size, nonblock, slow }),
        1 => Just(Output::File),
        1 => Just(Output::Append),
        2 => any::<bool>().prop_map(|nonblock| Output::Socket { nonblock }),
        1 => Just(Output::Terminal),
        1 => Just(Output::Null),
    ];
    let file = prop_oneof![
        4 => Just(FileKind::Regular),
        3 => (pipe_size(), any::<bool>()).prop_map(|(size, slow)| FileKind::Fifo { size, slow }),
        1 => Just(FileKind::Null),
        1 => Just(FileKind::Full),
        1 => Just(FileKind::Terminal),
    ];
    let write = prop_oneof![
        3 => Just(1), 1 => Just(2049), 1 => Just(4095), 1 => Just(4096), 2 => Just(4097), 1 => Just(65536),
        1 => Just(200_000), 3 => 1..20_000usize,
    ];
    (
        input,
        proptest::collection::vec(write, 1..8),
        0..400_000usize,
        stdout,
        proptest::collection::vec(file, 0..5),
        any::<bool>(),
    )
        .prop_map(|(input, writes, total, stdout, files, append)| Mix {
            input,
            writes,
            total,
            stdout,
            files,
            append,
        })
}

/// Reads to the end in a thread, `slow` in bits of 777 bytes.
fn collect(mut from: impl Read + Send + 'static, slow: bool) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut block = vec![0; if slow { 777 } else { 70_000 }];
        loop {
            match from.read(&mut block) {
                // EIO is how a terminal's other side ends.
                Ok(0) | Err(_) => return all,
                Ok(count) => all.extend_from_slice(&block[..count]),
            }
        }
    })
}

fn set_nonblock(fd: &impl std::os::fd::AsFd) {
    let flags = rustix::fs::fcntl_getfl(fd).unwrap();
    rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).unwrap();
}

/// Writes no packet that is larger than the socket takes.
struct Packets(File);

impl Write for Packets {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(200_000)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write_in_turn(mut to: impl Write, bytes: &[u8], sizes: &[usize]) {
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            return;
        }
        let (now, later) = rest.split_at((*size).min(rest.len()));
        // Many one-byte writes of a large input would take all day; the first thousands show what they can.
        if *size == 1 && bytes.len() - rest.len() > 5000 && sizes.len() == 1 {
            to.write_all(rest).unwrap();
            return;
        }
        to.write_all(now).unwrap();
        rest = later;
    }
}

/// What a mix is made of while it runs.
struct Made {
    sandbox: Sandbox,
    /// Those who read the outputs that can be read only once.
    readers: Vec<(String, JoinHandle<Vec<u8>>)>,
    /// Descriptors that must not be closed before the end.
    kept: Vec<File>,
    /// The names of the outputs that are files, in the sandbox.
    regular: Vec<String>,
}

impl Made {
    /// Makes a FILE and returns the name to give to rtee.
    fn file(&mut self, index: usize, kind: FileKind) -> PathBuf {
        let name = format!("file{index}");
        match kind {
            FileKind::Regular => self.regular.push(name.clone()),
            FileKind::Fifo { size, slow } => {
                let path = self.sandbox.fifo(&name);
                let both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
                rustix::pipe::fcntl_setpipe_size(&both, size).unwrap();
                // The size is forgotten when nobody has the FIFO open.
                let reader = File::open(&path).unwrap();
                self.kept.push(both);
                self.readers.push((name.clone(), collect(reader, slow)));
            }
            FileKind::Null => return "/dev/null".into(),
            FileKind::Full => return "/dev/full".into(),
            FileKind::Terminal => {
                let (master, slave, path) = support::terminal();
                self.kept.push(slave);
                self.readers.push((name, collect(master, false)));
                return path;
            }
        }
        name.into()
    }

    /// Makes standard input; what it returns besides has to be fed.
    fn input(&self, input: Input, bytes: &[u8]) -> (OwnedFd, Option<Box<dyn Write + Send>>) {
        match input {
            Input::Pipe { size, nonblock, packets } => {
                let flags = if packets { PipeFlags::DIRECT } else { PipeFlags::empty() };
                let (reader, writer) = rustix::pipe::pipe_with(flags | PipeFlags::CLOEXEC).unwrap();
                rustix::pipe::fcntl_setpipe_size(&reader, size).unwrap();
                if nonblock {
                    set_nonblock(&reader);
                }
                (reader, Some(Box::new(File::from(writer))))
            }
            Input::Fifo => {
                let path = self.sandbox.fifo("input");
                let both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
                let reader = File::open(&path).unwrap();
                let writer = OpenOptions::new().write(true).open(&path).unwrap();
                drop(both);
                (reader.into(), Some(Box::new(writer)))
            }
            Input::File => {
                std::fs::write(self.sandbox.path("input"), bytes).unwrap();
                (File::open(self.sandbox.path("input")).unwrap().into(), None)
            }
            Input::Socket { nonblock } => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                theirs.set_nonblocking(nonblock).unwrap();
                (theirs.into(), Some(Box::new(ours)))
            }
            Input::Packets { nonblock } => {
                let (ours, theirs) = support::packet_sockets(SocketType::SEQPACKET);
                if nonblock {
                    set_nonblock(&theirs);
                }
                (theirs, Some(Box::new(Packets(File::from(ours)))))
            }
        }
    }

    fn stdout(&mut self, output: Output) -> Stdio {
        let name = "standard output".to_owned();
        match output {
            Output::Pipe { size, nonblock, slow } => {
                let (reader, writer) = support::pipe();
                rustix::pipe::fcntl_setpipe_size(&writer, size).unwrap();
                if nonblock {
                    set_nonblock(&writer);
                }
                self.readers.push((name, collect(reader, slow)));
                writer.into()
            }
            Output::File | Output::Append => {
                let append = matches!(output, Output::Append);
                let path = self.sandbox.path(&name);
                self.regular.push(name);
                OpenOptions::new().create(true).append(append).write(true).open(path).unwrap().into()
            }
            Output::Socket { nonblock } => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                theirs.set_nonblocking(nonblock).unwrap();
                self.readers.push((name, collect(ours, false)));
                OwnedFd::from(theirs).into()
            }
            Output::Terminal => {
                let (master, slave, _) = support::terminal();
                self.readers.push((name, collect(master, false)));
                slave.into()
            }
            Output::Null => Stdio::null(),
        }
    }
}

fn check(mix: &Mix) {
    let mut made = Made { sandbox: Sandbox::new(), readers: Vec::new(), kept: Vec::new(), regular: Vec::new() };
    let bytes = pattern(mix.total);
    let mut command = support::rtee();
    if mix.append {
        command.arg("-a");
    }
    for (index, kind) in mix.files.iter().enumerate() {
        command.arg(made.file(index, *kind));
    }
    let (stdin, feed) = made.input(mix.input, &bytes);
    let stdout = made.stdout(mix.stdout);
    let mut command = made.sandbox.prepare(command);
    let mut child = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    // The command holds the ends that the child got.
    drop(command);
    let sent = bytes.clone();
    let sizes = mix.writes.clone();
    let feeder = feed.map(|to| std::thread::spawn(move || write_in_turn(to, &sent, &sizes)));
    let status = child.wait().unwrap();
    if let Some(feeder) = feeder {
        feeder.join().unwrap();
    }
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    drop(made.kept);

    let full = mix.files.iter().filter(|kind| matches!(kind, FileKind::Full) && !bytes.is_empty()).count();
    assert_eq!(stderr, "rtee: /dev/full: No space left on device\n".repeat(full));
    assert_eq!(status.code(), Some(i32::from(full > 0)));
    for (name, reader) in made.readers {
        assert!(reader.join().unwrap() == bytes, "{name} differs");
    }
    for name in made.regular {
        assert!(made.sandbox.read(&name) == bytes, "{name} differs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("TEEBOX_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_output_equals_the_input(mix in mix()) {
        check(&mix);
    }
}
