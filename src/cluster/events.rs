//! Events: one bounded queue with a budget of its own, so that a mass sync never doubles the writes.
//!
//! Warnings go first. What was said of the same object within [`FOLD`] is not said again but counted, and the count goes out with the
//! next one. A full queue drops normal events before warnings. Nothing here waits or fails for the caller, and nothing is tried
//! twice: an event that the API server refuses is counted and forgotten.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::base::{Clock, Result, limits::MESSAGE_BYTES};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    Event,
    gate::{Bucket, Budget},
};

/// Events a second, and at once after a quiet time: a tenth of what the API server takes from one client without throttling.
const BUDGET: Budget = Budget { per_second: 20.0, burst: 20 };
/// Events that wait. At the budget's pace the last of them is fifty seconds late; more would tell of the past only.
const QUEUE: usize = 1000;
/// What repeats within this time is counted instead of said: an hour is what the API server keeps, six lines of it are enough.
const FOLD: SignedDuration = SignedDuration::from_mins(10);
/// Events that are remembered for folding, some 60 bytes each.
const REMEMBERED: usize = 4096;
/// Bytes of the object's name in the event's name: 253 less a dot and sixteen digits.
const NAME_BYTES: usize = 236;

/// What became of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent.
    pub sent: u64,
    /// The same was said a moment before.
    pub folded: u64,
    /// The queue was full.
    pub crowded_out: u64,
    /// The API server did not take it.
    pub failed: u64,
}

/// An event whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    event: Event,
    /// Where it is written: the namespace of its subject, `default` for cluster-scoped ones.
    pub(super) namespace: String,
    first: Timestamp,
    last: Timestamp,
    count: u32,
}

/// The queue.
#[derive(Debug)]
pub(super) struct EventQueue {
    hasher: RandomState,
    filled: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    warnings: VecDeque<Due>,
    normals: VecDeque<Due>,
    said: HashMap<u64, Said>,
    counts: Counts,
}

/// What was said, and how often it was folded since.
#[derive(Debug, Clone, Copy)]
struct Said {
    at: Timestamp,
    first: Timestamp,
    folded: u32,
}

impl EventQueue {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), filled: Notify::new(), state: Mutex::default() }
    }

    /// Queues an event, folds it or drops it.
    pub(super) fn push(&self, event: Event, now: Timestamp) {
        let hash = self
            .hasher
            .hash_one(((&event.subject, event.component), (event.warning, event.reason, &event.message)));
        let mut state = self.state();
        if let Some(due) = state.fold(hash, event, now) {
            state.queue(due);
            self.filled.notify_one();
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Hands one event after the other to `post`, at the budget's pace. Never returns.
    pub(super) async fn drain<F, Sent>(&self, clock: &dyn Clock, post: F)
    where
        F: Fn(Due) -> Sent,
        Sent: Future<Output = Result<()>>,
    {
        let mut bucket = Bucket::new(BUDGET, clock.now());
        loop {
            while self.is_empty() {
                self.filled.notified().await;
            }
            clock.sleep(bucket.take(clock.now())).await;
            let Some(due) = self.pop() else { continue };
            let sent = post(due).await.is_ok();
            let counts = &mut self.state().counts;
            *(if sent { &mut counts.sent } else { &mut counts.failed }) += 1;
        }
    }

    fn pop(&self) -> Option<Due> {
        let mut state = self.state();
        state.warnings.pop_front().or_else(|| state.normals.pop_front())
    }

    fn is_empty(&self) -> bool {
        let state = self.state();
        state.warnings.is_empty() && state.normals.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fold(&mut self, hash: u64, event: Event, now: Timestamp) -> Option<Due> {
        let known = self.said.get(&hash).copied();
        if let Some(said) = self.said.get_mut(&hash)
            && now.duration_since(said.at) < FOLD
        {
            said.folded += 1;
            self.counts.folded += 1;
            return None;
        }
        let (first, folded) =
            known.filter(|said| said.folded > 0).map_or((now, 0), |said| (said.first, said.folded));
        self.remember(hash, Said { at: now, first, folded: 0 }, now);
        let namespace = Some(event.subject.key.namespace()).filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or("default").to_string();
        Some(Due { event, namespace, first, last: now, count: folded + 1 })
    }

    fn remember(&mut self, hash: u64, said: Said, now: Timestamp) {
        if self.said.len() >= REMEMBERED {
            self.said.retain(|_, said| now.duration_since(said.at) < FOLD);
        }
        if self.said.len() < REMEMBERED || self.said.contains_key(&hash) {
            self.said.insert(hash, said);
        }
    }

    fn queue(&mut self, due: Due) {
        let full = self.warnings.len() + self.normals.len() >= QUEUE;
        let crowded = full && !(due.event.warning && self.normals.pop_front().is_some());
        if full {
            self.counts.crowded_out += 1;
        }
        if !crowded {
            let lane = if due.event.warning { &mut self.warnings } else { &mut self.normals };
            lane.push_back(due);
        }
    }
}

impl Due {
    /// The event as core/v1 has it, in the form that `kubectl describe` shows.
    pub(super) fn body(&self) -> Value {
        let Event { subject, component, warning, reason, message } = &self.event;
        let name = cut(subject.key.name(), NAME_BYTES).trim_end_matches(['.', '-']);
        let involved = json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": subject.kind.kind(),
            "name": subject.key.name(),
            "namespace": subject.key.namespace(),
            "uid": subject.uid,
        });
        let metadata = json!({
            "name": format!("{name}.{:016x}", self.last.as_nanosecond()),
            "namespace": self.namespace,
        });
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": metadata,
            "involvedObject": involved,
            "type": if *warning { "Warning" } else { "Normal" },
            "reason": reason,
            "message": cut(message, MESSAGE_BYTES),
            "source": { "component": component },
            "reportingComponent": component,
            "reportingInstance": "",
            "count": self.count,
            "firstTimestamp": seconds(self.first),
            "lastTimestamp": seconds(self.last),
        })
    }
}

/// A time as `metav1.Time` writes it.
fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keyferry_stores::base::{Error, Kind, clock::SystemClock};

    use super::*;
    use crate::cluster::{ObjectKey, StatusKind, Subject};

    fn event(name: &str, warning: bool) -> Event {
        let (kind, key) = (StatusKind::ExternalSecret, ObjectKey::new("ns", name));
        let subject = Subject { kind, key, uid: "u".into() };
        let (reason, message) = ("Updated", "secret updated".to_string());
        Event { subject, component: "external-secrets", warning, reason, message }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn names(queue: &EventQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).map(|due| due.event.subject.key.name().to_string()).collect()
    }

    #[test]
    fn warnings_go_first() {
        let queue = EventQueue::new();
        for (name, warning) in [("a", false), ("b", true), ("c", false), ("d", true)] {
            queue.push(event(name, warning), at(0));
        }
        assert_eq!(names(&queue), ["b", "d", "a", "c"]);
    }

    #[test]
    fn a_repeat_is_counted_and_its_count_goes_out_with_the_next() {
        let queue = EventQueue::new();
        for second in [0, 10, 20, 700] {
            queue.push(event("a", false), at(second));
        }
        let sent: Vec<_> =
            std::iter::from_fn(|| queue.pop()).map(|due| (due.first, due.last, due.count)).collect();
        assert_eq!(sent, [(at(0), at(0), 1), (at(0), at(700), 3)]);
        assert_eq!(queue.counts(), Counts { folded: 2, ..Counts::default() });
    }

    #[test]
    fn a_full_queue_gives_up_normal_events_for_warnings() {
        let queue = EventQueue::new();
        for n in 0..QUEUE {
            queue.push(event(&n.to_string(), false), at(0));
        }
        queue.push(event("late", false), at(0));
        queue.push(event("bad", true), at(0));
        let names = names(&queue);
        assert_eq!((names.len(), names[0].as_str(), names[1].as_str()), (QUEUE, "bad", "1"));
        assert_eq!(queue.counts().crowded_out, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_paces_what_is_sent() {
        let (queue, clock) = (EventQueue::new(), SystemClock::starting_at(at(0)));
        for n in 0..100 {
            queue.push(event(&n.to_string(), false), at(0));
        }
        let post = |_| async { Err(Error::new(Kind::Forbidden, "no")) };
        let _ = tokio::time::timeout(Duration::from_millis(1010), queue.drain(&clock, post)).await;
        assert_eq!(queue.counts(), Counts { failed: 40, ..Counts::default() });
    }

    #[test]
    fn the_body_names_its_object() {
        let queue = EventQueue::new();
        let mut cluster_wide = event(&"long-".repeat(60), true);
        cluster_wide.subject.key = ObjectKey::new("", cluster_wide.subject.key.name());
        queue.push(cluster_wide, at(1));
        let due = queue.pop().unwrap();
        let body = due.body();
        assert_eq!((due.namespace.as_str(), &body["type"]), ("default", &json!("Warning")));
        assert!(body["metadata"]["name"].as_str().unwrap().len() <= 253);
        assert_eq!(body["firstTimestamp"], json!("1970-01-01T00:00:01Z"));
        assert_eq!(body["involvedObject"]["uid"], json!("u"));
    }
}
