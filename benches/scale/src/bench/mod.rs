//! One module a benchmark, and the list of them: what the command line offers is computed from its rows.

mod change;
pub mod cold;
mod fair;
mod memory;
mod outage;
mod rest;
mod restart;
mod running;
mod steady;

use std::{pin::Pin, time::Duration};

use crate::{Result, table::Report};

/// A benchmark of the command line.
pub struct Row {
    /// What it is called by.
    pub name: &'static str,
    /// How many objects it makes unless told otherwise.
    pub objects: usize,
    /// How long it measures unless told otherwise. Without meaning where the work itself sets the end.
    pub time: Duration,
    /// What it measures, in a line.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(Arguments) -> Run,
}

/// A benchmark under way.
pub type Run = Pin<Box<dyn Future<Output = Result<Report>>>>;

/// What a benchmark is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments {
    /// How many objects.
    pub objects: usize,
    /// How long to measure.
    pub time: Duration,
}

/// All benchmarks, in the order in which they are listed.
pub const ROWS: &[Row] =
    &[cold::ROW, steady::ROW, change::ROW, fair::ROW, outage::ROW, memory::ROW, restart::ROW];

impl Row {
    /// The row of a benchmark.
    ///
    /// # Errors
    /// If there is none of this name; the text lists those that are.
    pub fn named(name: &str) -> Result<&'static Self> {
        let names = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
        let row = ROWS.iter().find(|row| row.name == name);
        row.ok_or_else(|| format!("there is no benchmark {name}; there are: {}", names()).into())
    }
}
