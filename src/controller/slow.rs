//! Objects whose templates take long: who stands in line, and whose turn it is. Pure.
//!
//! Who stands here holds nothing, neither a worker nor an answer of a store: its stores are asked when it is its turn. There are
//! [`limits::SLOW_OBJECTS`] turns at a time, one of a namespace, so a crowd of one namespace keeps nobody else waiting.

use std::collections::HashSet;

use keyferry_stores::base::limits;

use crate::{
    cluster::ObjectKey,
    sync::gate::{Choice, Lane, Lanes},
};

/// The line, and who has a turn.
#[derive(Debug, Default)]
pub(super) struct Slow {
    line: Lanes<ObjectKey>,
    waiting: HashSet<ObjectKey>,
    turns: Vec<ObjectKey>,
}

impl Slow {
    /// Puts an object in line, unless it stands there.
    pub(super) fn wait(&mut self, lane: Lane, key: &ObjectKey) {
        if self.waiting.insert(key.clone()) {
            self.line.push(lane, key.namespace(), key.clone());
        }
    }

    /// Gives the next one its turn. It may not want it any more.
    pub(super) fn next(&mut self) -> Option<ObjectKey> {
        if self.turns.len() >= limits::SLOW_OBJECTS {
            return None;
        }
        let turns = &self.turns;
        let has_one = |namespace: &str| turns.iter().any(|key| key.namespace() == namespace);
        let next =
            self.line.pop(&|namespace, _| if has_one(namespace) { Choice::Skip } else { Choice::Take })?;
        self.line.served();
        self.waiting.remove(&next);
        self.turns.push(next.clone());
        Some(next)
    }

    /// True if it is the turn of this object.
    pub(super) fn has_turn(&self, key: &ObjectKey) -> bool {
        self.turns.contains(key)
    }

    /// Ends the turns of those who do not use them any more.
    pub(super) fn retain(&mut self, uses: impl Fn(&ObjectKey) -> bool) {
        self.turns.retain(|key| uses(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        let (namespace, name) = name.split_once('/').unwrap();
        ObjectKey::new(namespace, name)
    }

    /// Those whose turn comes now.
    fn turns(slow: &mut Slow) -> Vec<String> {
        std::iter::from_fn(|| slow.next()).map(|key| key.to_string()).collect()
    }

    #[test]
    fn one_object_of_a_namespace_has_a_turn_and_few_in_all() {
        let mut slow = Slow::default();
        for name in ["a/1", "a/2", "b/1", "b/2", "c/1", "d/1", "e/1"] {
            slow.wait(Lane::Second, &key(name));
        }
        assert_eq!(turns(&mut slow), ["a/1", "b/1", "c/1", "d/1"]);
        assert!(slow.has_turn(&key("a/1")) && !slow.has_turn(&key("a/2")));
        slow.retain(|held| *held != key("a/1") && *held != key("c/1"));
        assert_eq!(turns(&mut slow), ["e/1", "a/2"]);
    }

    #[test]
    fn who_was_never_synced_goes_first_and_nobody_stands_in_line_twice() {
        let mut slow = Slow::default();
        for (lane, name) in
            [(Lane::Second, "a/1"), (Lane::Second, "a/1"), (Lane::First, "a/2"), (Lane::Second, "a/3")]
        {
            slow.wait(lane, &key(name));
        }
        let mut served = Vec::new();
        while let [name] = &*turns(&mut slow) {
            served.push(name.clone());
            slow.retain(|_| false);
        }
        assert_eq!(served, ["a/2", "a/1", "a/3"]);
        slow.wait(Lane::Second, &key("a/1"));
        assert_eq!(turns(&mut slow), ["a/1"], "it may come again");
    }
}
