//! The bounds of one lookup, which the Go module does not have. Paths come from tenants and JSON comes
//! from remote stores; neither may end the process or keep a core busy.

use std::cell::Cell;

/// Deepest chain of steps: components of a path, nested queries, multipaths and piped parts, and the
/// levels of JSON that a modifier walks, counted together. Each is one level of recursion; 256 of them
/// fit into a third of the 2 MiB stack of a worker thread even in a debug build, and real paths use fewer than twenty.
pub const MAX_STEPS: u16 = 256;

/// Bytes that a lookup may read and write in all, besides [`WORK_PER_BYTE`]. A dozen bytes of path such as
/// `[@this,@this]|[@this,@this]|…` double the result with each part, so the length of neither input bounds
/// the work.
pub const WORK_BASE: u64 = 16 << 20;

/// Bytes that a lookup may read and write for each byte of its JSON. A documented path reads a document
/// at most a few times, `@dig` once for each level.
pub const WORK_PER_BYTE: u64 = 64;

/// What a lookup has left of its bounds. The depth belongs to the caller, the work to the whole lookup.
#[derive(Clone, Copy)]
pub(crate) struct Effort<'w> {
    work: &'w Cell<u64>,
    depth: u16,
}

impl<'w> Effort<'w> {
    /// The work granted to a lookup in so many bytes of JSON.
    pub(crate) fn granted(json: usize) -> Cell<u64> {
        Cell::new(WORK_BASE + WORK_PER_BYTE.saturating_mul(json as u64))
    }

    pub(crate) fn new(work: &'w Cell<u64>) -> Self {
        Self { work, depth: 0 }
    }

    /// One step deeper, at a cost. `None`, and nothing left for anyone, if a bound is passed.
    pub(crate) fn deeper(self, cost: usize) -> Option<Self> {
        if self.depth >= MAX_STEPS {
            self.work.set(0);
        }
        self.spend(cost).then_some(Self { work: self.work, depth: self.depth.saturating_add(1) })
    }

    /// Takes the cost of some bytes; false once the work is used up.
    pub(crate) fn spend(self, cost: usize) -> bool {
        self.work.set(self.work.get().saturating_sub(cost as u64));
        !self.exhausted()
    }

    pub(crate) fn exhausted(self) -> bool {
        self.work.get() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_too_deep_ends_the_work_of_all() {
        let work = Effort::granted(0);
        let start = Effort::new(&work);
        let deepest = (0..MAX_STEPS).try_fold(start, |effort, _| effort.deeper(1)).unwrap();
        assert!(!start.exhausted());
        assert!(deepest.deeper(0).is_none());
        assert!(start.exhausted());
    }

    #[test]
    fn work_is_spent_once_for_all_depths() {
        let work = Cell::new(10);
        let effort = Effort::new(&work);
        assert!(effort.deeper(4).unwrap().spend(5));
        assert!(!effort.spend(1));
    }
}
