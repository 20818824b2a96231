//! Finding the slow stage of a running pipeline, without being a part of it.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::support::{self, children, wait_until};

fn rpipesz(arguments: &[&str]) -> Command {
    let mut command = support::applet("rpipesz");
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// A shell's pipeline in a process group of its own, that ends with this value.
struct Pipeline {
    shell: Child,
    stages: Vec<u32>,
}

impl Pipeline {
    /// Starts the pipeline; its stages run once each has its name.
    fn start(line: &str, names: &[&str]) -> Self {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{}{line}; exit", support::ALONE)]).process_group(0);
        let shell = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut stages = Vec::new();
        wait_until("the stages are running", || {
            stages = children(shell.id());
            support::names(&stages) == names && !support::has_more_pipes(shell.id())
        });
        Self { shell, stages }
    }

    /// Waits until the standard input of a stage holds that much.
    fn wait_until_unread(&self, stage: usize, bytes: u64) {
        let path = format!("/proc/{}/fd/0", self.stages[stage]);
        let wanted = format!("{path}\t65536\t{bytes}\n");
        wait_until("the pipe is as it should be", || text(&rpipesz(&["-gf", &path]).output().unwrap()) == wanted);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.shell.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = self.shell.wait();
    }
}

#[test]
fn a_slow_last_stage_leaves_the_pipes_before_it_full() {
    let pipeline = Pipeline::start("yes | cat | sleep 60", &["yes", "cat", "sleep"]);
    pipeline.wait_until_unread(1, 65536);
    pipeline.wait_until_unread(2, 65536);
    let (group, last) = (pipeline.shell.id().to_string(), pipeline.stages[2]);
    let drawn = "yes → 65536 full 100 % → cat → 65536 full 100 % → sleep\n";
    // The whole group, or any stage.
    let stages: Vec<String> = pipeline.stages.iter().map(u32::to_string).collect();
    let ways = stages.iter().map(|pid| ["--pid", pid.as_str()]).chain([["--pgid", group.as_str()]]);
    for way in ways {
        let output =
            rpipesz(&[&["--stall", "--interval", "1ms", "--count", "20"], &way[..]].concat()).output().unwrap();
        let shown = text(&output);
        assert!(shown.starts_with(drawn), "{way:?}: {shown}");
        let row =
            format!("{} cat fd 1\t{last} sleep fd 0\t65536\t100 %\t0 %\t65536\tfull\treaders\n", pipeline.stages[1]);
        assert!(shown.contains(&row), "{shown}");
        assert!(shown.ends_with(&format!("\nslow stage: sleep ({last})\n")), "{shown}");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    }
}

#[test]
fn a_slow_first_stage_leaves_the_pipes_after_it_empty() {
    let pipeline = Pipeline::start("sleep 60 | cat | cat", &["sleep", "cat", "cat"]);
    let (group, first) = (pipeline.shell.id().to_string(), pipeline.stages[0]);
    let output = rpipesz(&["--stall", "--interval", "1ms", "--count", "20", "--pgid", &group]).output().unwrap();
    let shown = text(&output);
    assert!(shown.starts_with("sleep → 65536 empty 100 % → cat → 65536 empty 100 % → cat\n"), "{shown}");
    assert!(shown.ends_with(&format!("\nslow stage: sleep ({first})\n")), "{shown}");
}

#[test]
fn a_slow_stage_in_the_middle_is_found_between_full_and_empty() {
    // It reads nothing and writes nothing; what is before it waits for room, and what is after it for bytes.
    let pipeline = Pipeline::start("yes | sleep 60 | cat", &["yes", "sleep", "cat"]);
    pipeline.wait_until_unread(1, 65536);
    let (group, middle) = (pipeline.shell.id().to_string(), pipeline.stages[1]);
    let arguments = ["--stall", "--interval", "1ms", "--count", "20", "--pgid", &group];
    let output = rpipesz(&arguments).output().unwrap();
    let shown = text(&output);
    assert!(shown.starts_with("yes → 65536 full 100 % → sleep → 65536 empty 100 % → cat\n"), "{shown}");
    assert!(shown.ends_with(&format!("\nslow stage: sleep ({middle})\n")), "{shown}");
    let output = rpipesz(&[&arguments[..], &["--json"]].concat()).output().unwrap();
    let objects: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (object, state, bottleneck) in [(&objects[0], "full", "readers"), (&objects[1], "empty", "writers")] {
        assert_eq!((object["state"].as_str(), object["bottleneck"].as_str()), (Some(state), Some(bottleneck)));
        assert_eq!((object["samples"].as_u64(), object[state].as_u64()), (Some(20), Some(20)));
    }
    assert_eq!(objects[0]["readers"][0]["pid"], middle);
    for slow in [&objects[0]["readers"], &objects[1]["writers"]] {
        assert_eq!(slow[0]["slow"], true);
    }
    for other in [&objects[0]["writers"], &objects[1]["readers"]] {
        assert!(other[0].get("slow").is_none());
    }
}

#[test]
fn who_collects_standard_error_is_no_stage() {
    let pipeline = Pipeline::start("exec 2> >(cat > /dev/null); yes | sleep 60", &["cat", "yes", "sleep"]);
    pipeline.wait_until_unread(2, 65536);
    let last = pipeline.stages[2];
    for way in [["--pid", &last.to_string()], ["--pgid", &pipeline.shell.id().to_string()]] {
        let output =
            rpipesz(&[&["--stall", "--interval", "1ms", "--count", "20"], &way[..]].concat()).output().unwrap();
        let shown = text(&output);
        assert!(shown.starts_with("yes → 65536 full 100 % → sleep\n"), "{way:?}: {shown}");
        assert!(shown.ends_with(&format!("\nslow stage: sleep ({last})\n")), "{way:?}: {shown}");
    }
}

#[test]
fn a_stage_that_opens_its_inputs_by_name_is_walked_through_from_any_stage() {
    let sandbox = support::Sandbox::new();
    let fifo = sandbox.fifo("fifo").display().to_string();
    let line = format!("yes > {fifo} & cat {fifo} | sleep 60");
    let pipeline = Pipeline::start(&line, &["yes", "cat", "sleep"]);
    pipeline.wait_until_unread(2, 65536);
    let full = format!("{fifo}\t65536\t65536\n");
    wait_until("the FIFO is full", || text(&rpipesz(&["-gf", &fifo]).output().unwrap()) == full);
    let last = pipeline.stages[2];
    for stage in &pipeline.stages {
        let arguments = ["--stall", "--interval", "1ms", "--count", "20", "--pid", &stage.to_string()];
        let output = rpipesz(&arguments).output().unwrap();
        let shown = text(&output);
        assert!(shown.starts_with("yes → 65536 full 100 % → cat → 65536 full 100 % → sleep\n"), "{stage}: {shown}");
        assert!(shown.ends_with(&format!("\nslow stage: sleep ({last})\n")), "{stage}: {shown}");
    }
}

#[test]
fn a_stage_whose_outputs_were_not_looked_at_is_not_called_slow() {
    // Two read it at a number that they have inherited, and it can't be told which of them does. What they write is empty.
    let line = "(exec 5< <(exec yes); sleep 60 & exec sleep 60) | sleep 60";
    let pipeline = Pipeline::start(line, &["sleep", "sleep"]);
    let reader = pipeline.stages[0];
    let path = format!("/proc/{reader}/fd/5");
    let full = format!("{path}\t65536\t65536\n");
    wait_until("the pipe is full", || text(&rpipesz(&["-gf", &path]).output().unwrap()) == full);
    wait_until("those before it are running", || support::names(&children(reader)) == ["yes", "sleep"]);
    let first = children(reader)[0].to_string();
    let output = rpipesz(&["--stall", "--interval", "1ms", "--count", "20", "--pid", &first]).output().unwrap();
    let shown = text(&output);
    assert!(shown.starts_with("yes → 65536 full 100 % → sleep, sleep\n"), "{shown}");
    assert!(shown.ends_with("\nslow stage: none stands out\n"), "{shown}");
}

#[test]
fn slots_that_are_used_up_make_a_pipe_full_and_not_bytes() {
    // Two pages' worth of slots by two writes of 2049 bytes each; half of the bytes would fit.
    let (reader, mut writer) = support::pipe();
    rustix::pipe::fcntl_setpipe_size(&writer, 8192).unwrap();
    for _ in 0..2 {
        writer.write_all(&[0; 2049]).unwrap();
    }
    let mut child = Command::new("sleep").arg("60").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    let arguments = ["--stall", "--json", "--interval", "1ms", "--count", "5", "--pid", &child.id().to_string()];
    let output = rpipesz(&arguments).output().unwrap();
    let objects = text(&output).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = objects.into_iter().find(|object| object["size"] == 8192).unwrap();
    assert_eq!((found["state"].as_str(), found["unread"].as_u64()), (Some("full"), Some(4098)));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_pipe_that_is_neither_full_nor_empty_is_between() {
    let (reader, mut writer) = support::pipe();
    writer.write_all(&support::pattern(16384)).unwrap();
    let mut child = support::alone("sleep 60").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id().to_string();
    wait_until("it has its name", || std::fs::read(format!("/proc/{pid}/comm")).unwrap() == b"sleep\n");
    let output = rpipesz(&["--stall", "--interval", "1ms", "--count", "5", "--pid", &pid]).output().unwrap();
    let shown = text(&output);
    assert!(shown.contains(" → 65536 between 25 % → sleep\n"), "{shown}");
    assert!(shown.contains(" sleep fd 0\t65536\t0 %\t0 %\t16384\tbetween\t-\n"), "{shown}");
    assert!(shown.ends_with("\nslow stage: none stands out\n"), "{shown}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Starts sampling a process without end, and returns once it does.
fn watch(pid: u32) -> Child {
    let arguments = ["--stall", "--interval", "0.1ms", "--count", "4294967295", "--pid", &pid.to_string()];
    let child = rpipesz(&arguments).spawn().unwrap();
    // It holds a descriptor of the process that it samples.
    wait_until("it samples", || {
        let holds = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
        holds
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .any(|link| link.to_string_lossy().contains("pidfd"))
    });
    child
}

/// The process whose descriptor a process holds.
fn held_by(pid: u32) -> Option<String> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten();
    let mut texts = entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    texts.find_map(|text| Some(text.split_once("Pid:\t")?.1.lines().next()?.to_owned()))
}

#[test]
fn a_stage_that_joins_its_group_later_is_seen() {
    let sandbox = support::Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    // Other pipes than the first ones, so that no walk leads there.
    let line = format!("sleep 60 | cat & read line < {}; yes | sleep 60", fifo.display());
    let pipeline = Pipeline::start(&line, &["sleep", "cat"]);
    let group = pipeline.shell.id().to_string();
    let mut watching = rpipesz(&["--stall", "--interval", "1ms", "--count", "4294967295", "--pgid", &group]);
    let watching = watching.spawn().unwrap();
    wait_until("it samples", || held_by(watching.id()).is_some());
    std::fs::write(&fifo, "go\n").unwrap();
    let mut late = vec![];
    wait_until("the late ones are there", || {
        late = children(pipeline.shell.id()).split_off(2).iter().map(u32::to_string).collect();
        late.len() == 2
    });
    let mut seen = None;
    wait_until("one is seen", || {
        seen = held_by(watching.id()).filter(|pid| late.contains(pid));
        seen.is_some()
    });
    drop(pipeline);
    let output = watching.wait_with_output().unwrap();
    assert!(text(&output).contains(&format!("{} ", seen.unwrap())), "{}", text(&output));
}

#[test]
fn the_end_of_the_input_arrives_while_it_looks() {
    let (reader, writer) = support::pipe();
    let mut reading = Command::new("cat").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    let mut watching = watch(reading.id());
    drop(writer);
    assert!(reading.wait().unwrap().success());
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn a_reader_that_leaves_is_missed_while_it_looks() {
    let (reader, writer) = support::pipe();
    let mut writing = Command::new("yes").stdout(writer).spawn().unwrap();
    let mut watching = watch(writing.id());
    drop(reader);
    assert_eq!(writing.wait().unwrap().signal(), Some(Signal::PIPE.as_raw()));
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn a_pipeline_that_ends_is_shown_as_far_as_it_was_seen() {
    let (reader, writer) = support::pipe();
    let mut reading = support::alone("cat").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    wait_until("it has its name", || std::fs::read(format!("/proc/{}/comm", reading.id())).unwrap() == b"cat\n");
    let watching = watch(reading.id());
    drop(writer);
    assert!(reading.wait().unwrap().success());
    // Nobody is left to be sampled, so it doesn't go on for all the samples that it was told to take.
    let output = watching.wait_with_output().unwrap();
    assert!(text(&output).contains(" → 65536 empty 100 % → cat\n"), "{}", text(&output));
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_process_without_pipes_to_others_is_told_so() {
    let mut child = support::alone("sleep 60").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id().to_string();
    wait_until("it has closed what it inherited", || std::fs::read(format!("/proc/{pid}/comm")).unwrap() == b"sleep\n");
    let output = rpipesz(&["--stall", "-p", &pid]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said),
        (Some(1), format!("rpipesz: process {pid}: no pipe to another process\n"))
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
