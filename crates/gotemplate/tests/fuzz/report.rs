//! What became of the cases.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::case::OUTPUT;

/// What a case may take beyond its template and data: 128 bytes for each of a million steps, and some room.
const MEMORY: usize = 160 << 20;
/// How long a message may be.
const MESSAGE: usize = 64 * OUTPUT;
/// How much of a template a finding shows.
const SHOWN: usize = 1500;
/// How many findings are kept.
const FINDINGS: usize = 50;

/// How a case ended.
pub(crate) enum Ended {
    /// With so many bytes.
    Output(usize),
    /// With an error of so many bytes.
    Failed(usize),
    Unparsed,
    Limit,
    Panic(String),
}

/// What became of a case.
pub(crate) struct Outcome {
    pub(crate) kind: String,
    pub(crate) ended: Ended,
    pub(crate) time: Duration,
    pub(crate) memory: usize,
}

/// How often each thing happened to the cases of a kind, and the worst of them.
#[derive(Default)]
struct Tally {
    counts: [u64; 5],
    slowest: (Duration, u64),
    largest: (usize, u64),
}

pub(crate) struct Report {
    seed: u64,
    patience: Duration,
    tallies: BTreeMap<String, Tally>,
    pub(crate) findings: Vec<String>,
}

impl Report {
    pub(crate) const fn new(seed: u64, patience: Duration) -> Self {
        Self { seed, patience, tallies: BTreeMap::new(), findings: Vec::new() }
    }

    /// How many cases have ended.
    pub(crate) fn cases(&self) -> u64 {
        self.tallies.values().flat_map(|tally| tally.counts).sum()
    }

    pub(crate) fn add(&mut self, number: u64, outcome: &Outcome, text: impl Fn() -> Vec<u8>) {
        let tally = self.tallies.entry(outcome.kind.clone()).or_default();
        tally.counts[index(&outcome.ended)] += 1;
        tally.slowest = tally.slowest.max((outcome.time, number));
        tally.largest = tally.largest.max((outcome.memory, number));
        match &outcome.ended {
            Ended::Panic(why) => self.find(number, &format!("panics: {why}"), &text()),
            Ended::Output(len) if *len > OUTPUT => self.find(number, &format!("gives {len} bytes"), &text()),
            Ended::Failed(len) if *len > MESSAGE => self.find(number, &format!("says {len} bytes"), &text()),
            _ => {}
        }
        if outcome.time > self.patience {
            self.find(number, &format!("takes {:?}", outcome.time), &text());
        }
        if outcome.memory > MEMORY {
            self.find(number, &format!("takes {} bytes of memory", outcome.memory), &text());
        }
    }

    pub(crate) fn find(&mut self, number: u64, what: &str, text: &[u8]) {
        let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]).into_owned();
        let finding = format!("case {}:{number} {what}\n{shown}\n", self.seed);
        eprintln!("{finding}");
        if self.findings.len() < FINDINGS {
            self.findings.push(finding);
        }
    }
}

const fn index(ended: &Ended) -> usize {
    match ended {
        Ended::Output(_) => 0,
        Ended::Failed(_) => 1,
        Ended::Unparsed => 2,
        Ended::Limit => 3,
        Ended::Panic(_) => 4,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |at: usize| self.tallies.values().map(|tally| tally.counts[at]).sum::<u64>();
        let cases: u64 = (0..5).map(sum).sum();
        writeln!(f, "seed {}, {cases} cases of {} kinds", self.seed, self.tallies.len())?;
        writeln!(
            f,
            "{} with output, {} with an error, {} no template, {} at a limit, {} panics",
            sum(0),
            sum(1),
            sum(2),
            sum(3),
            sum(4)
        )?;
        let mut kinds: Vec<_> = self.tallies.iter().collect();
        kinds.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.slowest));
        for (kind, tally) in kinds.iter().take(15) {
            writeln!(f, "slowest {kind}: {:?} in case {}", tally.slowest.0, tally.slowest.1)?;
        }
        kinds.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.largest));
        for (kind, tally) in kinds.iter().take(15) {
            writeln!(f, "largest {kind}: {} KiB in case {}", tally.largest.0 >> 10, tally.largest.1)?;
        }
        kinds.sort_by_key(|(_, tally)| tally.counts[0]);
        let never: Vec<_> =
            kinds.iter().filter(|(_, tally)| tally.counts[0] == 0).map(|(kind, _)| kind.as_str()).collect();
        writeln!(f, "never with output: {never:?}")?;
        writeln!(f, "{} findings", self.findings.len())
    }
}
