//! Long work of templates: apart from the threads that serve all objects, and never much of it at once.

use std::sync::{Condvar, Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};

/// Places for long work. Who finds none free waits for one.
#[derive(Debug)]
pub(super) struct Seats {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place that is taken.
pub(super) struct Seat<'s>(&'s Seats);

impl Seats {
    /// So many.
    pub(super) const fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// Does long work without holding up what else this thread serves; it begins when a place is free.
    pub(super) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        let seated = || {
            let _seat = self.take();
            work()
        };
        let served =
            Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        if served { tokio::task::block_in_place(seated) } else { seated() }
    }

    /// Takes a place, as soon as there is one.
    pub(super) fn take(&self) -> Seat<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Seat(self)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
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
            most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            (0..10).for_each(|_| thread::yield_now());
            working.fetch_sub(1, Ordering::SeqCst);
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..50).for_each(|_| seats.aside(work)));
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?}");
    }

    #[test]
    fn a_panic_gives_its_place_back() {
        let seats = Seats::new(1);
        assert!(catch_unwind(AssertUnwindSafe(|| seats.aside(|| -> u8 { panic!("scripted") }))).is_err());
        assert_eq!(seats.aside(|| 7), 7);
    }
}
