//! Stores of one identity: one login judges them all, a moment apart. Objects that have never been synced wait for that moment, so that
//! one read serves the objects of all of them.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use keyferry_stores::{base::limits, provider::Digest};

use crate::sync::{gate::later, stores::StoreRef};

/// Which stores share an identity, and which of them are not judged yet.
#[derive(Debug, Default)]
pub(super) struct Kin {
    families: HashMap<Digest, Family>,
    identities: HashMap<StoreRef, Digest>,
}

#[derive(Debug, Default)]
struct Family {
    stores: HashSet<StoreRef>,
    unjudged: HashSet<StoreRef>,
    /// Since when an object could be synced but for those that are not judged.
    awaited_since: Option<Timestamp>,
}

impl Kin {
    /// Enters a store, whatever was known of it. Returns the other stores, if it was the last that they waited for.
    pub(super) fn enter(
        &mut self,
        store: &StoreRef,
        identity: Option<Digest>,
        judged: bool,
    ) -> Vec<StoreRef> {
        let awaited_in = self.take_out(store);
        if let Some(identity) = identity {
            self.identities.insert(store.clone(), identity);
            let family = self.families.entry(identity).or_default();
            family.stores.insert(store.clone());
            if !judged {
                family.unjudged.insert(store.clone());
            }
        }
        self.relieved(awaited_in, store)
    }

    /// Forgets a store. Returns the others, if it was the last that they waited for.
    pub(super) fn leave(&mut self, store: &StoreRef) -> Vec<StoreRef> {
        let awaited_in = self.take_out(store);
        self.relieved(awaited_in, store)
    }

    /// Takes a store out of its family; that family, if it waited for the store.
    fn take_out(&mut self, store: &StoreRef) -> Option<Digest> {
        let identity = self.identities.remove(store)?;
        let family = self.families.get_mut(&identity)?;
        family.stores.remove(store);
        let was_awaited = family.unjudged.remove(store);
        if family.stores.is_empty() {
            self.families.remove(&identity);
        }
        was_awaited.then_some(identity)
    }

    fn relieved(&mut self, awaited_in: Option<Digest>, by: &StoreRef) -> Vec<StoreRef> {
        let family = awaited_in.and_then(|identity| self.families.get_mut(&identity));
        let Some(family) = family.filter(|family| family.unjudged.is_empty()) else { return Vec::new() };
        family.awaited_since = None;
        family.stores.iter().filter(|store| *store != by).cloned().collect()
    }

    /// Until when an object that could be synced now waits for the stores of this identity that are not judged. The family waits once
    /// and not each object: for a store that nobody comes to judge, later ones do not wait at all.
    pub(super) fn awaited_until(&mut self, identity: &Digest, now: Timestamp) -> Option<Timestamp> {
        let family = self.families.get_mut(identity).filter(|family| !family.unjudged.is_empty())?;
        let until = later(*family.awaited_since.get_or_insert(now), limits::JUDGED_TOGETHER);
        (now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(name: &str) -> StoreRef {
        StoreRef::named(Some("ClusterSecretStore"), name, "")
    }

    fn identity(text: &str) -> Option<Digest> {
        Some(Digest::of([text.as_bytes()]))
    }

    fn is_awaited(kin: &mut Kin, text: &str) -> bool {
        kin.awaited_until(&identity(text).unwrap(), Timestamp::UNIX_EPOCH).is_some()
    }

    #[test]
    fn the_last_of_a_family_that_is_judged_relieves_all_others() {
        let mut kin = Kin::default();
        for name in ["a", "b"] {
            assert_eq!(kin.enter(&store(name), identity("one"), false), []);
        }
        assert_eq!(kin.enter(&store("a"), identity("one"), true), []);
        assert!(is_awaited(&mut kin, "one"));
        assert_eq!(kin.enter(&store("b"), identity("one"), true), [store("a")]);
        assert!(!is_awaited(&mut kin, "one"));
    }

    #[test]
    fn a_store_alone_and_one_that_was_judged_before_relieve_nobody() {
        let mut kin = Kin::default();
        kin.enter(&store("a"), identity("one"), false);
        kin.enter(&store("b"), identity("two"), true);
        assert_eq!(kin.enter(&store("a"), identity("one"), true), []);
        assert_eq!(kin.enter(&store("b"), identity("one"), true), []);
    }

    #[test]
    fn a_store_that_goes_or_gets_another_identity_is_awaited_no_more() {
        let mut kin = Kin::default();
        kin.enter(&store("a"), identity("one"), true);
        kin.enter(&store("b"), identity("one"), false);
        assert_eq!(kin.enter(&store("b"), identity("two"), false), [store("a")]);
        assert!(!is_awaited(&mut kin, "one"));
        kin.enter(&store("c"), identity("two"), true);
        assert_eq!(kin.leave(&store("b")), [store("c")]);
        assert!(!is_awaited(&mut kin, "two"));
    }

    #[test]
    fn a_family_is_waited_for_once_from_the_moment_when_one_of_its_objects_could_go() {
        let (mut kin, one) = (Kin::default(), identity("one").unwrap());
        kin.enter(&store("a"), Some(one), true);
        kin.enter(&store("b"), Some(one), false);
        // However long it took until the first was judged.
        let start = later(Timestamp::UNIX_EPOCH, limits::JUDGED_TOGETHER * 3);
        let end = later(start, limits::JUDGED_TOGETHER);
        assert_eq!(kin.awaited_until(&one, start), Some(end));
        assert_eq!(kin.awaited_until(&one, later(start, limits::JUDGED_TOGETHER / 2)), Some(end));
        assert_eq!(kin.awaited_until(&one, end), None);
        kin.enter(&store("b"), Some(one), true);
        kin.enter(&store("c"), Some(one), false);
        assert_eq!(kin.awaited_until(&one, end), Some(later(end, limits::JUDGED_TOGETHER)));
    }
}
