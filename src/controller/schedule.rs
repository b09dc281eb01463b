//! When each object is due: one time an object, earliest first. Pure.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::base::{Error, limits};

/// One due time an object, whatever names it.
#[derive(Debug)]
pub struct Schedule<K> {
    order: BTreeSet<(Timestamp, K)>,
    due: HashMap<K, Timestamp>,
}

impl<K> Default for Schedule<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), due: HashMap::new() }
    }
}

impl<K: Clone + Ord + Hash> Schedule<K> {
    /// Sets the due time of an object, whatever it was.
    pub fn set(&mut self, key: K, at: Timestamp) {
        if let Some(old) = self.due.insert(key.clone(), at) {
            self.order.remove(&(old, key.clone()));
        }
        self.order.insert((at, key));
    }

    /// Makes an object due at `at`, or earlier if it is already.
    pub fn no_later_than(&mut self, key: K, at: Timestamp) {
        if self.due.get(&key).is_none_or(|due| *due > at) {
            self.set(key, at);
        }
    }

    /// Takes an object off.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((key, at)) = self.due.remove_entry(key) {
            self.order.remove(&(at, key));
        }
    }

    /// All objects that are due, with the times they were due at, earliest first.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(Timestamp, K)> {
        let mut taken = Vec::new();
        while let Some((at, key)) = self.order.first().cloned().filter(|(at, _)| *at <= now) {
            self.order.pop_first();
            self.due.remove(&key);
            taken.push((at, key));
        }
        taken
    }

    /// When the next object is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }
}

/// What an object's history says about its next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// True once it was synced.
    pub synced: bool,
    /// Failures in a row, this one included.
    pub failures: u32,
    /// Its refresh interval; `None` or zero where it has none.
    pub interval: Option<Duration>,
}

/// How long an object waits after an error (design section 4, "Errors wait"), and at least for as long as its store asks; `chance` in
/// 0..1. A refusal is no exception: what it
/// hangs on may be something that we do not watch, such as a Secret without our label or a name that leads elsewhere tomorrow.
#[must_use]
pub fn wait_after(error: &Error, history: History, chance: f64) -> Duration {
    our_wait_after(error, history, chance).max(error.wait().unwrap_or_default())
}

fn our_wait_after(error: &Error, history: History, chance: f64) -> Duration {
    if !history.synced {
        return limits::NEVER_SYNCED.wait(history.failures, chance);
    }
    if error.kind().is_transient() {
        return limits::SYNCED_TRANSIENT.wait(history.failures, chance);
    }
    let interval = history.interval.filter(|interval| !interval.is_zero()).unwrap_or(limits::SYNCED_OTHER);
    let bound = interval.min(limits::SYNCED_OTHER);
    bound / 2 + (bound / 2).mul_f64(chance)
}

/// The first tick after `after` of the objects of one store with one interval. Its phase is a hash of both, so that a restart
/// changes nothing and different stores do not tick together.
#[must_use]
pub fn next_tick(after: Timestamp, interval: SignedDuration, seed: u64) -> Timestamp {
    let shortest = SignedDuration::try_from(limits::SHORTEST_INTERVAL).unwrap_or(SignedDuration::MAX);
    let interval = interval.max(shortest).as_nanos();
    let phase = i128::from(seed) % interval;
    let passed = (after.as_nanosecond() - phase).rem_euclid(interval);
    Timestamp::from_nanosecond(after.as_nanosecond() + interval - passed).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use keyferry_stores::base::Kind;

    use super::*;
    use crate::cluster::ObjectKey;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("n", name)
    }

    #[test]
    fn an_object_is_due_once_and_earliest_first() {
        let mut schedule = Schedule::default();
        schedule.set(key("a"), at(10));
        schedule.set(key("b"), at(5));
        schedule.set(key("a"), at(3));
        schedule.no_later_than(key("b"), at(7));
        assert_eq!(schedule.take_due(at(9)), [(at(3), key("a")), (at(5), key("b"))]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_removed_object_is_never_due() {
        let mut schedule = Schedule::default();
        schedule.set(key("a"), at(1));
        schedule.remove(&key("a"));
        assert!(schedule.take_due(at(9)).is_empty());
    }

    #[test]
    fn waits_follow_kind_and_history() {
        let never = |failures| History { synced: false, failures, interval: Some(Duration::from_secs(3600)) };
        let synced = |failures, interval| History {
            synced: true,
            failures,
            interval: Some(Duration::from_secs(interval)),
        };
        let cases = [
            (Kind::Unavailable, never(1), 5),
            (Kind::NotFound, never(2), 10),
            (Kind::Forbidden, never(20), 300),
            (Kind::Unavailable, synced(1, 3600), 1),
            (Kind::Throttled, synced(20, 3600), 300),
            (Kind::Forbidden, synced(1, 60), 60),
            (Kind::NotFound, synced(9, 3600), 600),
            (Kind::Malformed, synced(1, 0), 600),
            (Kind::Unsupported, never(1), 5),
            (Kind::Refused, synced(1, 60), 60),
        ];
        for (kind, history, seconds) in cases {
            let wait = wait_after(&Error::new(kind, "scripted"), history, 1.0);
            assert_eq!(wait.as_secs(), seconds, "{kind:?} {history:?}");
        }
    }

    #[test]
    fn a_tiny_interval_makes_no_hot_loop() {
        let next = next_tick(at(1_000), SignedDuration::from_nanos(1), 7);
        assert!(
            next_tick(next, SignedDuration::from_nanos(1), 7).duration_since(next)
                >= SignedDuration::from_secs(1)
        );
    }

    #[test]
    fn ticks_are_one_interval_apart_and_survive_a_restart() {
        let interval = SignedDuration::from_secs(60);
        let first = next_tick(at(1_000), interval, 12_345_678_901);
        let second = next_tick(first, interval, 12_345_678_901);
        assert_eq!(second.duration_since(first), interval);
        assert_eq!(next_tick(first - SignedDuration::from_secs(1), interval, 12_345_678_901), first);
    }
}
