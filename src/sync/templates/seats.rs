//! Long work of templates: apart from the threads that serve all objects, and never much of it at once.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::sync::gate::{Choice, Turns};

/// Places for long work. Who finds none free waits for one; the namespaces take turns, so that nobody waits behind the whole crowd of one.
#[derive(Debug)]
pub(super) struct Seats {
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Debug)]
struct Line {
    free: usize,
    /// How many have come: the number of the next one.
    came: u64,
    waiting: Turns<u64>,
    /// Who has a place, and may not know it yet.
    called: BTreeSet<u64>,
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

impl Line {
    /// Gives what is free to those whose turn it is.
    fn call(&mut self) {
        while self.free > 0
            && let Some(next) = self.waiting.pop(&|_, _| Choice::Take)
        {
            self.free -= 1;
            self.called.insert(next);
        }
    }
}

impl Seats {
    /// So many.
    pub(super) fn new(free: usize) -> Self {
        let (waiting, called) = (Turns::default(), BTreeSet::new());
        Self { line: Mutex::new(Line { free, came: 0, waiting, called }), moved: Condvar::new() }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for this namespace, as soon as it is its turn.
    pub(super) fn take(&self, namespace: &str) -> Seat<'_> {
        let mut line = self.line();
        let number = line.came;
        line.came += 1;
        line.waiting.push(namespace, number);
        line.call();
        let waits = |line: &mut Line| !line.called.remove(&number);
        drop(self.moved.wait_while(line, waits).unwrap_or_else(PoisonError::into_inner));
        Seat(self)
    }

    /// How many places are free, and how many have come.
    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, u64) {
        let line = self.line();
        (line.free, line.came)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.free += 1;
        line.call();
        drop(line);
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
            let _seat = seats.take("team");
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
    fn namespaces_take_turns_and_within_one_who_comes_first_is_served_first() {
        let (seats, served) = (Seats::new(1), Mutex::new(Vec::new()));
        let sits = |who: &'static str| {
            let _seat = seats.take(who.split(' ').next().unwrap_or_default());
            served.lock().unwrap().push(who);
        };
        let sits = &sits;
        let first = seats.take("crowd");
        thread::scope(|scope| {
            for (came, who) in (2..).zip(["crowd 1", "crowd 2", "crowd 3", "alone 1"]) {
                scope.spawn(move || sits(who));
                std::iter::repeat_with(thread::yield_now).find(|()| seats.state().1 == came);
            }
            drop(first);
        });
        assert_eq!(*served.lock().unwrap(), ["crowd 1", "alone 1", "crowd 2", "crowd 3"]);
        assert_eq!(seats.state().0, 1);
    }

    #[test]
    fn a_panic_gives_its_place_back() {
        let seats = Seats::new(1);
        let panics = || {
            let _seat = seats.take("team");
            panic!("scripted")
        };
        assert!(catch_unwind(AssertUnwindSafe(|| aside(panics))).is_err());
        assert_eq!(seats.state().0, 1);
    }
}
