//! Objects whose templates take long: who stands in line, and whose turn it is. Pure.
//!
//! Who stands here holds neither a worker nor an answer of a store: its stores are asked when it is its turn. There are
//! [`limits::SLOW_OBJECTS`] turns at a time, one of a namespace, so a crowd of one namespace keeps nobody else waiting. Nor does a store that
//! does not answer: after [`limits::SLOW_ASKS`] it is the next one's turn too, and who is answered later works beside that. Of those who are
//! answered and find no place, one keeps its answers and has the next, so that a store that is always slow is not asked in vain for ever.

use std::collections::HashMap;

use jiff::Timestamp;
use keyferry_stores::base::limits;

use crate::{
    cluster::ObjectKey,
    sync::gate::{Choice, Lane, Lanes, later},
};

/// What an object does with its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Nothing: it is over.
    Nothing,
    /// It was answered, and waits to work.
    Ready,
    /// It waits for answers.
    Asks,
    /// Its job is under way.
    Works,
}

/// What becomes of an object that was answered in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It works.
    Free,
    /// It has the next place that is free, and keeps its answers until then.
    Next,
    /// It goes back into the line.
    Taken,
}

/// The line, and who has a turn.
#[derive(Debug, Default)]
pub(super) struct Slow {
    line: Lanes<ObjectKey>,
    /// Who stands in line, in which lane.
    waiting: HashMap<ObjectKey, Lane>,
    /// With the time at which their stores should have answered.
    turns: Vec<(ObjectKey, Timestamp)>,
    /// Whose stores have not, so that others have a turn beside them.
    late: Vec<ObjectKey>,
    /// Whose jobs are under way, though some may be gone.
    working: Vec<ObjectKey>,
    /// Who has the next place.
    ripe: Option<ObjectKey>,
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
        if !self.has_room() || self.turns.len() >= limits::SLOW_OBJECTS {
            return None;
        }
        let (turns, waiting, working) = (&self.turns, &self.waiting, &self.working);
        let has_one = |namespace: &str| {
            let mut known = turns.iter().map(|(key, _)| key).chain(working);
            known.any(|key| key.namespace() == namespace)
        };
        let choose = |namespace: &str, key: &ObjectKey| match waiting.contains_key(key) {
            // It came forward, and has had its turn.
            false => Choice::Drop,
            true if has_one(namespace) => Choice::Skip,
            true => Choice::Take,
        };
        let next = self.line.pop(&choose)?;
        self.waiting.remove(&next);
        self.turns.push((next.clone(), later(now, limits::SLOW_ASKS)));
        Some(next)
    }

    /// The last one took its turn.
    pub(super) fn taken(&mut self) {
        self.line.served();
    }

    /// It did not want it any more.
    pub(super) fn declined(&mut self, key: &ObjectKey) {
        self.turns.retain(|(other, _)| other != key);
    }

    /// True if it is the turn of this object.
    pub(super) fn has_turn(&self, key: &ObjectKey) -> bool {
        self.late.contains(key) || self.turns.iter().any(|(other, _)| other == key)
    }

    /// Ends the turns of those who do not use them any more, and waits no longer for stores that take too long.
    pub(super) fn pass(&mut self, now: Timestamp, used: impl Fn(&ObjectKey) -> Use) {
        let is_late = |(key, until): &(ObjectKey, Timestamp)| used(key) == Use::Asks && *until <= now;
        let late: Vec<ObjectKey> =
            self.turns.iter().filter(|turn| is_late(turn)).map(|(key, _)| key.clone()).collect();
        let uses = |key: &ObjectKey| matches!(used(key), Use::Asks | Use::Works);
        self.turns.retain(|(key, _)| uses(key) && !late.contains(key));
        self.late.extend(late);
        self.late.retain(uses);
        self.ripe.take_if(|key| used(key) != Use::Ready);
    }

    /// When the first store should have answered those who `ask`.
    pub(super) fn next_end(&self, asks: impl Fn(&ObjectKey) -> bool) -> Option<Timestamp> {
        self.turns.iter().filter(|(key, _)| asks(key)).map(|(_, until)| *until).min()
    }

    /// The place for an object that was answered.
    pub(super) fn place(&mut self, key: &ObjectKey) -> Place {
        if self.may_work(key) && self.has_room() {
            return Place::Free;
        }
        match self.ripe {
            Some(_) => Place::Taken,
            None => {
                self.ripe = Some(key.clone());
                Place::Next
            }
        }
    }

    /// Who has the next place, if that is free now.
    pub(super) fn ripe(&mut self) -> Option<ObjectKey> {
        let free = self.working.len() < limits::SLOW_OBJECTS;
        let next = self.ripe.as_ref().filter(|key| free && self.may_work(key)).cloned();
        if next.is_some() {
            self.ripe = None;
        }
        next
    }

    /// True if one more job may begin beside those under way and the next one.
    fn has_room(&self) -> bool {
        self.working.len() + usize::from(self.ripe.is_some()) < limits::SLOW_OBJECTS
    }

    /// True if no job of its namespace is under way.
    fn may_work(&self, key: &ObjectKey) -> bool {
        self.working.iter().all(|other| other.namespace() != key.namespace())
    }

    /// A job begins.
    pub(super) fn begin(&mut self, key: &ObjectKey) {
        self.working.push(key.clone());
    }

    /// A job ended, and so does the turn of its object. One of the same name that was made meanwhile has none yet.
    pub(super) fn end(&mut self, key: &ObjectKey) {
        if let Some(at) = self.working.iter().position(|other| other == key) {
            self.working.swap_remove(at);
        }
        self.forget(key);
    }

    /// An object has no turn any more.
    pub(super) fn forget(&mut self, key: &ObjectKey) {
        self.turns.retain(|(other, _)| other != key);
        self.late.retain(|other| other != key);
        self.ripe.take_if(|other| other == key);
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
        ["a/1", "c/1"].iter().for_each(|name| slow.forget(&key(name)));
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
            slow.pass(NOW, |_| Use::Nothing);
        }
        assert_eq!(served, ["a/3", "a/1", "a/2"]);
        slow.wait(Lane::Second, &key("a/1"));
        assert_eq!(turns(&mut slow), ["a/1"], "it may come again");
    }

    #[test]
    fn jobs_whose_objects_are_gone_take_place_until_they_end() {
        let mut slow = in_line(&["a/1", "b/1", "c/1", "d/1", "e/1"]);
        for name in turns(&mut slow) {
            slow.begin(&key(&name));
            slow.forget(&key(&name));
        }
        assert!(turns(&mut slow).is_empty() && !slow.has_room());
        slow.end(&key("a/1"));
        assert_eq!(turns(&mut slow), ["e/1"]);
    }

    #[test]
    fn a_namespace_works_once_at_a_time_and_who_waits_for_it_first_is_next() {
        let mut slow = Slow::default();
        slow.begin(&key("a/1"));
        assert_eq!(slow.place(&key("b/1")), Place::Free);
        assert_eq!([slow.place(&key("a/2")), slow.place(&key("a/3"))], [Place::Next, Place::Taken]);
        assert_eq!(slow.ripe(), None);
        slow.end(&key("a/1"));
        assert_eq!((slow.ripe(), slow.ripe()), (Some(key("a/2")), None));
    }

    #[test]
    fn the_next_one_has_its_place_before_anybody_has_a_turn() {
        let mut slow = in_line(&["e/1", "f/1"]);
        let working = ["a/1", "b/1", "c/1", "d/1"].map(key);
        working.iter().for_each(|key| slow.begin(key));
        assert_eq!(slow.place(&key("m/1")), Place::Next);
        slow.end(&working[0]);
        assert_eq!(turns(&mut slow), [""; 0]);
        assert_eq!(slow.ripe(), Some(key("m/1")));
        slow.begin(&key("m/1"));
        slow.end(&working[1]);
        assert_eq!(turns(&mut slow), ["e/1", "f/1"]);
    }

    #[test]
    fn who_is_next_and_does_not_wait_for_it_any_more_leaves_that_to_others() {
        for leave in
            [(|slow| slow.forget(&key("a/2"))) as fn(&mut Slow), |slow| slow.pass(NOW, |_| Use::Asks)]
        {
            let mut slow = Slow::default();
            slow.begin(&key("a/1"));
            assert_eq!(slow.place(&key("a/2")), Place::Next);
            leave(&mut slow);
            assert_eq!(slow.place(&key("a/3")), Place::Next);
        }
    }

    #[test]
    fn a_turn_that_nobody_wants_goes_to_the_next_of_the_namespace() {
        let mut slow = in_line(&["a/1", "a/2"]);
        assert_eq!(turns(&mut slow), ["a/1"]);
        slow.declined(&key("a/1"));
        assert_eq!(turns(&mut slow), ["a/2"]);
    }

    #[test]
    fn after_five_seconds_the_next_one_has_a_turn_beside_who_is_not_answered_yet() {
        let mut slow = in_line(&["a/1", "a/2", "b/1"]);
        assert_eq!(turns(&mut slow), ["a/1", "b/1"]);
        let end = later(NOW, limits::SLOW_ASKS);
        let used = |asks: &ObjectKey| if *asks == key("a/1") { Use::Asks } else { Use::Works };
        assert_eq!(slow.next_end(|asks| used(asks) == Use::Asks), Some(end));
        slow.pass(NOW, used);
        assert_eq!(turns(&mut slow), [""; 0]);
        slow.pass(end, used);
        assert_eq!(turns(&mut slow), ["a/2"]);
        assert!(slow.has_turn(&key("a/1")), "it works as soon as it is answered");
        slow.pass(end, |_| Use::Nothing);
        assert!(!slow.has_turn(&key("a/1")));
    }
}
