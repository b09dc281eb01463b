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
    /// Enters a store, whatever was known of it. The other stores that waited for it last.
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

    /// Forgets a store. The others that waited for it last.
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

    fn relieved(&self, awaited_in: Option<Digest>, by: &StoreRef) -> Vec<StoreRef> {
        let family = awaited_in.and_then(|identity| self.families.get(&identity));
        let relieved = family.filter(|family| family.unjudged.is_empty());
        relieved.into_iter().flat_map(|family| &family.stores).filter(|store| *store != by).cloned().collect()
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
    fn the_last_of_a_family_that_is_judged_relieves_all_others() {
        let mut kin = Kin::default();
        for name in ["a", "b"] {
            assert_eq!(kin.enter(&store(name), identity("one"), false), []);
        }
        assert_eq!(kin.enter(&store("a"), identity("one"), true), []);
        assert!(kin.is_awaited(&identity("one").unwrap()));
        assert_eq!(kin.enter(&store("b"), identity("one"), true), [store("a")]);
        assert!(!kin.is_awaited(&identity("one").unwrap()));
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
        assert!(!kin.is_awaited(&identity("one").unwrap()));
        kin.enter(&store("c"), identity("two"), true);
        assert_eq!(kin.leave(&store("b")), [store("c")]);
        assert!(!kin.is_awaited(&identity("two").unwrap()));
    }
}
