//! Long work of templates: apart from the threads that serve all objects, and never much of it at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};

/// Places for long work. Who finds none free waits for one, behind those who wait already: these are at most the other jobs under way, and jobs
/// begin by turns of their namespaces, so nobody waits behind the whole crowd of one.
#[derive(Debug)]
pub(super) struct Seats {
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Debug)]
struct Line {
    free: usize,
    /// How many have come.
    came: u64,
    /// How many have had a place.
    served: u64,
}

/// A place that is taken.
#[derive(Debug)]
pub(super) struct Seat<'s>(&'s Seats);

/// Does long work without holding up what else this thread serves.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    let served =
        Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if served { tokio::task::block_in_place(work) } else { work() }
}

impl Seats {
    /// So many.
    pub(super) const fn new(count: usize) -> Self {
        Self { line: Mutex::new(Line { free: count, came: 0, served: 0 }), moved: Condvar::new() }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, as soon as there is one and all who came before had theirs.
    pub(super) fn take(&self) -> Seat<'_> {
        let mut line = self.line();
        let turn = line.came;
        line.came += 1;
        let waits = |line: &mut Line| line.free == 0 || line.served < turn;
        let mut line = self.moved.wait_while(line, waits).unwrap_or_else(PoisonError::into_inner);
        line.free -= 1;
        line.served += 1;
        drop(line);
        // There may be a place for the next one too.
        self.moved.notify_all();
        Seat(self)
    }

    /// How many places are free, and how many wait for one.
    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, u64) {
        let line = self.line();
        (line.free, line.came - line.served)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.line().free += 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn never_more_work_at_once_than_there_are_places() {
        let (seats, working, most) = (Seats::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let _seat = seats.take();
            most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            (0..10).for_each(|_| thread::yield_now());
            working.fetch_sub(1, Ordering::SeqCst);
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..50).for_each(|_| work()));
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?}");
    }

    #[test]
    fn who_comes_first_is_served_first() {
        let (seats, served) = (Seats::new(1), AtomicUsize::new(0));
        thread::scope(|scope| {
            let first = seats.take();
            scope.spawn(|| {
                let _seat = seats.take();
                served.fetch_add(1, Ordering::SeqCst);
            });
            while seats.state().1 == 0 {
                thread::yield_now();
            }
            drop(first);
            let _again = seats.take();
            assert_eq!(served.load(Ordering::SeqCst), 1);
        });
    }

    #[test]
    fn a_panic_gives_its_place_back() {
        let seats = Seats::new(1);
        let panics = || {
            let _seat = seats.take();
            panic!("scripted")
        };
        assert!(catch_unwind(AssertUnwindSafe(|| aside(panics))).is_err());
        assert_eq!(seats.state(), (1, 0));
    }
}
