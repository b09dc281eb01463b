//! Stores of one identity: one login judges them all, a moment apart. Objects that have never been synced wait for that moment, so that
//! one read serves the objects of all of them.

use std::collections::{HashMap, HashSet};

use keyferry_stores::provider::Digest;

use crate::sync::stores::StoreRef;

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
}

impl Kin {
    /// Enters a store, whatever was known of it. The stores of its identity, if it was the last of several that they waited for.
    pub(super) fn enter(
        &mut self,
        store: &StoreRef,
        identity: Option<Digest>,
        judged: bool,
    ) -> Option<Vec<StoreRef>> {
        let was_awaited = self.leave(store);
        let identity = identity?;
        self.identities.insert(store.clone(), identity);
        let family = self.families.entry(identity).or_default();
        family.stores.insert(store.clone());
        if !judged {
            family.unjudged.insert(store.clone());
        }
        let is_last = was_awaited && family.unjudged.is_empty() && family.stores.len() > 1;
        is_last.then(|| family.stores.iter().cloned().collect())
    }

    /// Forgets a store; true if it was not judged yet.
    pub(super) fn leave(&mut self, store: &StoreRef) -> bool {
        let Some(identity) = self.identities.remove(store) else { return false };
        let Some(family) = self.families.get_mut(&identity) else { return false };
        family.stores.remove(store);
        let was_awaited = family.unjudged.remove(store);
        if family.stores.is_empty() {
            self.families.remove(&identity);
        }
        was_awaited
    }

    /// True while some store of this identity is not judged.
    #[must_use]
    pub(super) fn is_awaited(&self, identity: &Digest) -> bool {
        self.families.get(identity).is_some_and(|family| !family.unjudged.is_empty())
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

    #[test]
    fn the_last_of_a_family_that_is_judged_tells_of_all() {
        let mut kin = Kin::default();
        for name in ["a", "b"] {
            assert_eq!(kin.enter(&store(name), identity("one"), false), None);
        }
        assert_eq!(kin.enter(&store("a"), identity("one"), true), None);
        assert!(kin.is_awaited(&identity("one").unwrap()));
        let mut told = kin.enter(&store("b"), identity("one"), true).unwrap();
        told.sort();
        assert_eq!(told, [store("a"), store("b")]);
        assert!(!kin.is_awaited(&identity("one").unwrap()));
    }

    #[test]
    fn a_store_alone_and_one_that_was_judged_before_tell_of_nobody() {
        let mut kin = Kin::default();
        kin.enter(&store("a"), identity("one"), false);
        kin.enter(&store("b"), identity("two"), true);
        assert_eq!(kin.enter(&store("a"), identity("one"), true), None);
        assert_eq!(kin.enter(&store("b"), identity("one"), true), None);
    }

    #[test]
    fn a_store_that_goes_or_gets_another_identity_is_awaited_no_more() {
        let mut kin = Kin::default();
        kin.enter(&store("a"), identity("one"), true);
        kin.enter(&store("b"), identity("one"), false);
        kin.enter(&store("b"), identity("two"), false);
        assert!(!kin.is_awaited(&identity("one").unwrap()));
        kin.leave(&store("b"));
        assert!(!kin.is_awaited(&identity("two").unwrap()));
    }
}
