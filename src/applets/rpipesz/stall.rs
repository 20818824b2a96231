//! Which stage of a running pipeline holds the others up: --stall.
//!
//! Each pipe is looked at again and again. A pipe without room means that its readers are slower than its writers, and an
//! empty one the opposite; so the slow stage is the one with a full input and an output that isn't. Full is what poll(2)
//! says to a writer: slots are used up by small writes long before the bytes are as many as the size.
//!
//! An end is held for the few calls of one look and no longer, so that who leaves meanwhile is missed by the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::RawPid;
use serde_json::{Value, json};

use super::pipeline::{self, Link, State};
use super::processes::{self, Known};
use super::table::{self, Form, Table as Shown};
use super::{Manner, Which, say};
use crate::error::{Error, FAILED, Named};
use crate::fdio::{pipe, poll};
use crate::process::table::{End, PipeId, Table};
use crate::report;

/// The time between samples.
pub(super) const INTERVAL: Duration = Duration::from_millis(10);
/// The number of samples.
pub(super) const COUNT: u32 = 100;

/// How often the processes are looked up anew, so that stages that start late or end early are seen.
const LOOKS: u32 = 8;
/// The longest time between two such looks, where there are many samples.
const LONGEST: Duration = Duration::from_secs(1);

/// A pipe, and what the samples found.
#[derive(Debug, Default)]
struct Watched {
    ends: Vec<End>,
    /// It leads from one stage to the next.
    main: bool,
    /// Those at its ends that write more than was looked at, of whom so nothing can be told.
    aside: BTreeSet<RawPid>,
    size: u64,
    samples: u32,
    full: u32,
    empty: u32,
    /// The sum over the samples.
    unread: u64,
    refused: Option<Errno>,
}

pub(super) fn watch(which: &[Which], interval: Duration, count: u32, manner: Manner) -> Result<u8, Error> {
    let mut table = processes::open_table()?;
    let mut known = Known::default();
    let mut failed = false;
    let mut members = processes::members(&mut table, which, manner, &mut failed);
    for pid in &members.all {
        // Said once, and not with every look.
        if let Err(errno) = table.ends(*pid, None) {
            failed |= members.refuse(&table, &mut known, *pid, errno, manner);
        }
    }
    if failed && (manner.check || members.all.is_empty()) {
        return Ok(FAILED);
    }
    let mut watched = BTreeMap::new();
    let began = Instant::now();
    let mut looked = began;
    for sample in 0..count {
        if sample % count.div_ceil(LOOKS) == 0 || looked.elapsed() >= LONGEST {
            looked = Instant::now();
            members.renew(&mut table, which);
            look_up(&mut table, &members.all, &mut watched)?;
            // Now, while they are there.
            known.learn(&table, watched.values().flat_map(|pipe| &pipe.ends));
        }
        let mut some = false;
        for pipe in watched.values_mut() {
            some |= pipe.sample(&mut known);
        }
        if !some && sample > 0 {
            break;
        }
        if sample + 1 < count {
            std::thread::sleep((interval * (sample + 1)).saturating_sub(began.elapsed()));
        }
    }
    known.learn(&table, watched.values().flat_map(|pipe| &pipe.ends));
    let pipes: Vec<Watched> = watched.into_values().collect();
    for pipe in pipes.iter().filter(|pipe| pipe.samples == 0) {
        if let Some(errno) = pipe.refused {
            let ends = processes::in_words(&table, &mut known, &pipe.ends, manner.form);
            say(&format!("the pipe of {ends}"), &report::words(errno));
            failed = true;
        }
    }
    let pipes: Vec<Watched> = pipes.into_iter().filter(|pipe| pipe.samples > 0).collect();
    if pipes.is_empty() && !failed {
        for one in which {
            let what = match one {
                Which::Process(pid) => format!("process {pid}"),
                Which::Group(group) => format!("process group {group}"),
            };
            say(&what, "no pipe to another process");
        }
        failed = true;
    }
    let text = show(&pipes, &table, &mut known, manner);
    Ok(table::print(&text, if failed { FAILED } else { 0 }))
}

/// Finds the pipes of the pipeline and who holds them; of those that are known already the holders are renewed.
fn look_up(table: &mut Table, members: &[RawPid], watched: &mut BTreeMap<PipeId, Watched>) -> Result<(), Error> {
    let all = table.all_ends().map_err(|errno| Error::System(Named::Words("/proc"), errno))?;
    let mut by_pipe: BTreeMap<PipeId, Vec<End>> = BTreeMap::new();
    for end in &all {
        by_pipe.entry(end.pipe).or_default().push(*end);
    }
    let (main, stages) = pipeline(&all, &by_pipe, members.to_vec());
    for (pipe, ends) in by_pipe {
        let first = ends[0].pid;
        // What a process says to itself is no part of a pipeline.
        let between = ends.iter().any(|end| end.pid != first);
        if main.contains(&pipe) || (between && ends.iter().any(|end| members.contains(&end.pid))) {
            let known = watched.entry(pipe).or_default();
            // Where one side has left, it is shown who that was. And a shell that is about to become a stage still has the
            // descriptors of another.
            let whole = ends.iter().any(|end| end.reads) && ends.iter().any(|end| end.writes);
            if whole || known.ends.is_empty() {
                known.main = main.contains(&pipe);
                let aside =
                    |pid: &RawPid| !stages.contains(pid) && all.iter().any(|end| end.pid == *pid && writes_on(end));
                known.aside = ends.iter().map(|end| end.pid).filter(aside).collect();
                known.ends = ends;
            }
        }
    }
    Ok(())
}

/// The pipes of a pipeline and its stages, from any of them: one way and the other, from process to process.
fn pipeline(
    all: &[End],
    by_pipe: &BTreeMap<PipeId, Vec<End>>,
    mut stages: Vec<RawPid>,
) -> (BTreeSet<PipeId>, BTreeSet<RawPid>) {
    // One that opens its inputs by their names reads them alone, at any number; all may have inherited what more read.
    let leads_on = |end: &End| {
        end.reads
            && by_pipe[&end.pipe].iter().all(|other| !other.reads || other.pid == end.pid)
            && all.iter().any(|own| own.pid == end.pid && own.fd == 1 && own.writes)
    };
    let mut pipes = BTreeSet::new();
    let mut found: BTreeSet<RawPid> = stages.iter().copied().collect();
    while let Some(pid) = stages.pop() {
        for end in all.iter().filter(|end| end.pid == pid) {
            for other in by_pipe[&end.pipe].iter().filter(|other| feeds(end, other) || feeds(other, end)) {
                pipes.insert(end.pipe);
                // What serves its own descriptors, as a terminal's server does, may have many other pipelines.
                if (other.fd <= 1 || leads_on(other)) && found.insert(other.pid) {
                    stages.push(other.pid);
                }
            }
        }
    }
    (pipes, found)
}

/// Whether an end may lead on to what comes after its process: any writing one but a standard error.
fn writes_on(end: &End) -> bool {
    end.writes && end.fd != 2
}

/// Whether one end feeds the other, of another process, as a pipeline's do: from a standard output, or into a standard
/// input. What all have inherited and nobody uses, or a standard error that somebody collects, is no such pair.
fn feeds(writer: &End, reader: &End) -> bool {
    let standard = writer.fd == 1 || (reader.fd == 0 && writer.fd != 2);
    standard && writer.writes && reader.reads && writer.pid != reader.pid
}

impl Watched {
    /// Takes a sample; false when there is nobody left to take it from.
    fn sample(&mut self, known: &mut Known) -> bool {
        // A writer first: only to it poll(2) says whether there is room. (A pipe that was polled once wakes its readers at
        // every write from then on, which costs them next to nothing and tells them nothing.)
        let (writers, readers): (Vec<End>, Vec<End>) = self.ends.iter().partition(|end| end.writes);
        for end in writers.iter().chain(&readers) {
            let fd = match known.take(end) {
                Ok(fd) => fd,
                Err(errno) => {
                    self.refused = Some(errno).filter(|errno| !matches!(*errno, Errno::BADF | Errno::SRCH));
                    continue;
                }
            };
            let (Ok(size), Ok(unread)) = (pipe::size(&fd), pipe::unread(&fd)) else { continue };
            let full = if end.writes { !poll::is_writable(&fd) } else { unread + pipe::PAGE as u64 > size };
            self.size = size;
            self.samples += 1;
            self.full += u32::from(full && unread > 0);
            self.empty += u32::from(unread == 0);
            self.unread += unread;
            return true;
        }
        false
    }

    fn state(&self) -> State {
        if self.full > self.samples / 2 {
            State::Full
        } else if self.empty > self.samples / 2 {
            State::Empty
        } else {
            State::Between
        }
    }

    /// So many of the samples, in percent.
    fn share(&self, count: u32) -> u64 {
        (u64::from(count) * 100 + u64::from(self.samples) / 2) / u64::from(self.samples)
    }

    /// What was unread on average.
    fn mean(&self) -> u64 {
        self.unread / u64::from(self.samples)
    }

    /// The state in a word, the share of the samples that found it (of one in between, how far it was filled), and who is
    /// slow.
    fn verdict(&self) -> (&'static str, u64, &'static str) {
        match self.state() {
            State::Full => ("full", self.share(self.full), "readers"),
            State::Empty => ("empty", self.share(self.empty), "writers"),
            State::Between => ("between", self.mean() * 100 / self.size, "-"),
        }
    }
}

fn show(pipes: &[Watched], table: &Table, known: &mut Known, manner: Manner) -> String {
    let links: Vec<Link> = pipes
        .iter()
        .map(|pipe| Link {
            writers: pipe.ends.iter().filter(|end| end.writes).copied().collect(),
            readers: pipe.ends.iter().filter(|end| end.reads).copied().collect(),
            main: pipe.main,
            aside: pipe.aside.clone(),
            state: pipe.state(),
        })
        .collect();
    let chains = pipeline::chains(&links);
    let slow = pipeline::slow(&links);
    let mut drawing = String::new();
    let mut shown = Shown::new(&["writers", "readers", "size", "full", "empty", "unread", "state", "bottleneck"]);
    let mut objects: Vec<Value> = Vec::new();
    for chain in &chains {
        for (position, index) in chain.iter().enumerate() {
            let (pipe, link) = (&pipes[*index], &links[*index]);
            let (state, percent, bottleneck) = pipe.verdict();
            if position == 0 {
                drawing.push_str(&names(table, known, &link.writers));
            }
            // The stage after it: who reads this one, and writes the next.
            let next = chain.get(position + 1).map_or(&[][..], |next| &links[*next].writers);
            let after: Vec<End> = link.readers.iter().chain(next).copied().collect();
            let after = names(table, known, &after);
            // Writing to a String can't fail.
            let _ = write!(drawing, " → {} {state} {percent} % → {after}", pipe.size);
            shown.row([
                processes::in_words(table, known, &link.writers, manner.form),
                processes::in_words(table, known, &link.readers, manner.form),
                pipe.size.to_string(),
                format!("{} %", pipe.share(pipe.full)),
                format!("{} %", pipe.share(pipe.empty)),
                pipe.mean().to_string(),
                state.to_owned(),
                bottleneck.to_owned(),
            ]);
            objects.push(json!({
                "writers": marked(processes::as_objects(table, known, &link.writers), &slow),
                "readers": marked(processes::as_objects(table, known, &link.readers), &slow),
                "size": pipe.size, "samples": pipe.samples, "full": pipe.full, "empty": pipe.empty, "unread": pipe.mean(),
                "state": state, "bottleneck": (bottleneck != "-").then_some(bottleneck),
                "inode": pipe.ends[0].pipe.inode(),
            }));
        }
        drawing.push('\n');
    }
    if manner.form == Form::Json {
        return table::objects(objects);
    }
    let slow: Vec<String> = slow.into_iter().map(|pid| format!("{} ({pid})", known.name(table, pid))).collect();
    let rows = shown.text(manner.form, manner.verbose || manner.form == Form::Aligned);
    let slow = if slow.is_empty() { "none stands out".to_owned() } else { slow.join(", ") };
    if chains.is_empty() { String::new() } else { format!("{drawing}\n{rows}\nslow stage: {slow}\n") }
}

/// The objects of ends, those of slow stages marked.
fn marked(mut objects: Vec<Value>, slow: &[RawPid]) -> Vec<Value> {
    for object in objects.iter_mut().filter(|object| slow.iter().any(|pid| object["pid"] == *pid)) {
        object["slow"] = true.into();
    }
    objects
}

/// The names of processes, each process once; a question mark where there is none to be seen.
fn names(table: &Table, known: &mut Known, ends: &[End]) -> String {
    let pids: BTreeSet<RawPid> = ends.iter().map(|end| end.pid).collect();
    let mut names: Vec<String> = pids.iter().take(3).map(|pid| known.name(table, *pid)).collect();
    if pids.len() > 3 {
        names.push(format!("{} more", pids.len() - 3));
    }
    if names.is_empty() { "?".to_owned() } else { names.join(", ") }
}
