//! Objects whose templates take long: who stands in line, and whose turn it is. Pure.
//!
//! Who stands here holds no worker and, as a rule, no answer of a store: its stores are asked when it is its turn. There are
//! [`limits::SLOW_OBJECTS`] turns at a time, one of a namespace, so a crowd of one namespace keeps nobody else waiting. Nor does a store that
//! does not answer: a turn of which nothing has come after [`limits::SLOW_ASKS`] is over, and who is answered later stands in line with that.

use std::collections::HashMap;

use jiff::Timestamp;
use keyferry_stores::base::limits;

use crate::{
    cluster::ObjectKey,
    sync::gate::{Choice, Lane, Lanes, later},
};

/// The line, and who has a turn.
#[derive(Debug, Default)]
pub(super) struct Slow {
    line: Lanes<ObjectKey>,
    /// Who stands in line, in which lane.
    waiting: HashMap<ObjectKey, Lane>,
    /// With the time at which their stores should have answered.
    turns: Vec<(ObjectKey, Timestamp)>,
    /// Jobs under way, with or without their object.
    rendering: usize,
}

impl Slow {
    /// Puts an object in line. Who stands there already may come forward.
    pub(super) fn wait(&mut self, lane: Lane, key: &ObjectKey) {
        if self.waiting.get(key).is_none_or(|before| lane < *before) {
            self.waiting.insert(key.clone(), lane);
            self.line.push(lane, key.namespace(), key.clone());
        }
    }

    /// Gives the next one its turn, which it may not want any more.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<ObjectKey> {
        if self.turns.len().max(self.rendering) >= limits::SLOW_OBJECTS {
            return None;
        }
        let (turns, waiting) = (&self.turns, &self.waiting);
        let choose = |namespace: &str, key: &ObjectKey| match turns {
            // It came forward, and has had its turn.
            _ if !waiting.contains_key(key) => Choice::Drop,
            turns if turns.iter().any(|(key, _)| key.namespace() == namespace) => Choice::Skip,
            _ => Choice::Take,
        };
        let next = self.line.pop(&choose)?;
        self.line.served();
        self.waiting.remove(&next);
        self.turns.push((next.clone(), later(now, limits::SLOW_ASKS)));
        Some(next)
    }

    /// True if it is the turn of this object.
    pub(super) fn has_turn(&self, key: &ObjectKey) -> bool {
        self.turns.iter().any(|(other, _)| other == key)
    }

    /// Ends the turns of those who do not use them any more; it is said until when their stores may take.
    pub(super) fn retain(&mut self, uses: impl Fn(&ObjectKey, Timestamp) -> bool) {
        self.turns.retain(|(key, until)| uses(key, *until));
    }

    /// When the first store should have answered those who `wait` for theirs.
    pub(super) fn next_end(&self, waits: impl Fn(&ObjectKey) -> bool) -> Option<Timestamp> {
        self.turns.iter().filter(|(key, _)| waits(key)).map(|(_, until)| *until).min()
    }

    /// A job begins.
    pub(super) fn begin(&mut self) {
        self.rendering += 1;
    }

    /// A job ended, and so does the turn of its object.
    pub(super) fn end(&mut self, key: &ObjectKey) {
        self.rendering = self.rendering.saturating_sub(1);
        self.turns.retain(|(other, _)| other != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn key(name: &str) -> ObjectKey {
        let (namespace, name) = name.split_once('/').unwrap();
        ObjectKey::new(namespace, name)
    }

    /// Those whose turn comes now.
    fn turns(slow: &mut Slow) -> Vec<String> {
        std::iter::from_fn(|| slow.next(NOW)).map(|key| key.to_string()).collect()
    }

    fn in_line(names: &[&str]) -> Slow {
        let mut slow = Slow::default();
        names.iter().for_each(|name| slow.wait(Lane::Second, &key(name)));
        slow
    }

    #[test]
    fn one_object_of_a_namespace_has_a_turn_and_few_in_all() {
        let mut slow = in_line(&["a/1", "a/2", "b/1", "b/2", "c/1", "d/1", "e/1"]);
        assert_eq!(turns(&mut slow), ["a/1", "b/1", "c/1", "d/1"]);
        assert!(slow.has_turn(&key("a/1")) && !slow.has_turn(&key("a/2")));
        slow.retain(|held, _| *held != key("a/1") && *held != key("c/1"));
        assert_eq!(turns(&mut slow), ["e/1", "a/2"]);
    }

    #[test]
    fn who_was_never_synced_goes_first_and_nobody_has_two_turns_for_one_wait() {
        let mut slow = in_line(&["a/1", "a/1", "a/2", "a/3"]);
        slow.wait(Lane::First, &key("a/3"));
        slow.wait(Lane::Second, &key("a/3"));
        let mut served = Vec::new();
        while let [name] = &*turns(&mut slow) {
            served.push(name.clone());
            slow.retain(|_, _| false);
        }
        assert_eq!(served, ["a/3", "a/1", "a/2"]);
        slow.wait(Lane::Second, &key("a/1"));
        assert_eq!(turns(&mut slow), ["a/1"], "it may come again");
    }

    #[test]
    fn jobs_whose_objects_are_gone_take_place_until_they_end() {
        let mut slow = in_line(&["a/1", "b/1", "c/1", "d/1", "e/1"]);
        for name in turns(&mut slow) {
            slow.begin();
            slow.retain(|held, _| *held != key(&name));
        }
        assert_eq!(turns(&mut slow), [""; 0]);
        slow.end(&key("a/1"));
        assert_eq!(turns(&mut slow), ["e/1"]);
    }

    #[test]
    fn a_turn_says_until_when_a_store_may_take() {
        let mut slow = in_line(&["a/1", "b/1"]);
        turns(&mut slow);
        let end = later(NOW, limits::SLOW_ASKS);
        assert_eq!(slow.next_end(|waits| *waits == key("a/1")), Some(end));
        assert_eq!(slow.next_end(|_| false), None);
        slow.retain(|_, until| until > end);
        assert!(!slow.has_turn(&key("a/1")));
    }
}
