//! One timed run of producer | tool FILE... | consumer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::stats::Cost;
use crate::tool::Tool;

/// Where the bytes come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// A pipe from a process that writes 64 KiB at a time.
    Write,
    /// A pipe from a process that gives its pages away with vmsplice(2).
    Vmsplice,
    /// A regular file.
    File,
}

/// Where standard output goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consumer {
    /// A pipe to a process that reads 256 KiB at a time.
    Read,
    /// A pipe to a process that moves it to /dev/null with splice(2).
    Splice,
    /// /dev/null itself.
    Null,
}

/// A whole pipeline.
pub(crate) struct Pipeline {
    pub(crate) input: Input,
    pub(crate) consumer: Consumer,
    /// The FILEs.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) bytes: usize,
}

/// This program in another role.
pub(crate) fn role(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("role").args(arguments);
    command
}

/// The CPU time of all children that were waited for, and of theirs.
pub(crate) fn children_cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| {
        Duration::new(u64::try_from(time.tv_sec()).unwrap(), u32::try_from(time.tv_usec()).unwrap() * 1000)
            .as_secs_f64()
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Runs producer | middle | a reader of 256 KiB at a time.
pub(crate) fn through(mut producer: Command, mut middle: Command) -> Cost {
    let cpu = children_cpu();
    let began = Instant::now();
    let mut producer = producer.stdout(Stdio::piped()).spawn().unwrap();
    let mut middle = middle.stdin(producer.stdout.take().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
    let consumer = role(&["consume", "read"]).stdin(middle.stdout.take().unwrap()).spawn().unwrap();
    for mut child in [producer, middle, consumer] {
        assert!(child.wait().unwrap().success(), "a part of the pipeline failed");
    }
    Cost { wall: began.elapsed().as_secs_f64(), cpu: children_cpu() - cpu }
}

impl Pipeline {
    /// Runs it once with `tool`. `source` is the file for [`Input::File`].
    pub(crate) fn run(&self, tool: &Tool, source: &Path) -> Cost {
        for file in &self.files {
            if file.starts_with("/dev/null") {
                continue;
            }
            let _ = std::fs::remove_file(file);
        }
        let cpu = children_cpu();
        let began = Instant::now();
        let mut children: Vec<Child> = Vec::new();
        let mut middle = tool.command();
        middle.args(&self.files);
        match self.input {
            Input::File => {
                middle.stdin(File::open(source).unwrap());
            }
            Input::Write | Input::Vmsplice => {
                let how = if self.input == Input::Write { "write" } else { "vmsplice" };
                let mut producer =
                    role(&["produce", how, &self.bytes.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
                middle.stdin(producer.stdout.take().unwrap());
                children.push(producer);
            }
        }
        middle.stdout(if self.consumer == Consumer::Null { Stdio::null() } else { Stdio::piped() });
        let mut middle = middle.spawn().unwrap();
        if let Some(stdout) = middle.stdout.take() {
            let how = if self.consumer == Consumer::Read { "read" } else { "splice" };
            children.push(role(&["consume", how]).stdin(stdout).spawn().unwrap());
        }
        children.push(middle);
        for mut child in children {
            assert!(child.wait().unwrap().success(), "a part of the pipeline failed");
        }
        let cost = Cost { wall: began.elapsed().as_secs_f64(), cpu: children_cpu() - cpu };
        for file in &self.files {
            if let Ok(meta) = file.metadata() {
                assert!(
                    !meta.is_file() || meta.len() == self.bytes as u64,
                    "{} wrote {} of {} bytes",
                    tool.name,
                    meta.len(),
                    self.bytes
                );
            }
        }
        cost
    }
}
