//! The order of pipes in a pipeline, and the stage that holds the others up: which process writes into what another
//! reads. No descriptors in here.

use std::collections::BTreeSet;

use rustix::process::RawPid;

use crate::process::table::End;

/// What most samples of a pipe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No room: the readers are slower than the writers.
    Full,
    /// Nothing: the writers are slower than the readers.
    Empty,
    /// Neither.
    Between,
}

/// A pipe between its writers and its readers.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) writers: Vec<End>,
    pub(super) readers: Vec<End>,
    /// It leads from one stage to the next. Others come along: a standard error that somebody collects, or a descriptor
    /// that all have inherited and nobody uses.
    pub(super) main: bool,
    /// The processes at its ends that have further outputs, which are not among the links.
    pub(super) aside: BTreeSet<RawPid>,
    pub(super) state: State,
}

impl Link {
    /// Whether the standard output of a process that reads this one goes into the other.
    fn leads_to(&self, other: &Self) -> bool {
        let next = |reader: &End| other.writers.iter().any(|writer| writer.pid == reader.pid && writer.fd == 1);
        self.main && other.main && self.readers.iter().any(next)
    }

    fn is_written_by(&self, process: RawPid) -> bool {
        self.writers.iter().any(|end| end.pid == process)
    }

    fn is_read_by(&self, process: RawPid) -> bool {
        self.readers.iter().any(|end| end.pid == process)
    }
}

/// The links, by their indices, in chains of which each leads to the next: the writers' side first, and each link once.
pub(super) fn chains(links: &[Link]) -> Vec<Vec<usize>> {
    // Those that are no links of a pipeline come last, each by itself.
    let mut left: BTreeSet<(bool, usize)> = links.iter().enumerate().map(|(index, link)| (!link.main, index)).collect();
    let mut chains = Vec::new();
    while let Some(first) = left.first().copied() {
        // Where nothing leads; in a circle, anywhere.
        let led_to = |at: usize| left.iter().any(|(_, other)| *other != at && links[*other].leads_to(&links[at]));
        let mut at = left.iter().copied().find(|(_, index)| !led_to(*index)).unwrap_or(first);
        let mut chain = Vec::new();
        loop {
            left.remove(&at);
            chain.push(at.1);
            let next = left.iter().copied().find(|(_, index)| links[at.1].leads_to(&links[*index]));
            let Some(next) = next else { break };
            at = next;
        }
        chains.push(chain);
    }
    chains
}

/// The processes that hold the others up: all that they read is full, and nothing that they write is; or, of those that
/// read nothing, all that they write is empty.
pub(super) fn slow(links: &[Link]) -> Vec<RawPid> {
    let links: Vec<&Link> = links.iter().filter(|link| link.main).collect();
    let is_fed = |process: RawPid| links.iter().any(|link| link.is_read_by(process));
    let is_slow = |process: RawPid| {
        if links.iter().any(|link| link.aside.contains(&process)) {
            return false;
        }
        let mut inputs = links.iter().filter(|link| link.is_read_by(process));
        let mut outputs = links.iter().filter(|link| link.is_written_by(process));
        if is_fed(process) {
            return inputs.all(|link| link.state == State::Full) && outputs.all(|link| link.state != State::Full);
        }
        // A shell that waits for its pipeline holds the output as well, and is not what its readers wait for.
        let alone = |link: &Link| !link.writers.iter().any(|end| is_fed(end.pid));
        outputs.all(|link| link.state == State::Empty && alone(link))
    };
    let ends = links.iter().flat_map(|link| link.writers.iter().chain(&link.readers));
    let stages: BTreeSet<RawPid> = ends.map(|end| end.pid).collect();
    stages.into_iter().filter(|process| is_slow(*process)).collect()
}
