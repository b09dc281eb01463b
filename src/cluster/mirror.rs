//! A map kept equal to the cluster by a feed: mark and sweep, so a relist never holds the set twice.
//!
//! Events can be older than what we know: the answer of our own write enters the mirror at once ([`Mirror::put_own`]), and the
//! watch tells of earlier states after it. Such events are known by their resourceVersion (a decimal that grows over the whole
//! cluster) and ignored. A list is believed whatever its versions are, but for objects that we wrote after it began: so a cluster
//! restored from a backup, whose versions start lower again, is right after its first list.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    mem,
};

use super::{
    ObjectKey,
    watch::{Change, Gone, Namespaces, Versioned},
};

/// The objects of one feed by key.
#[derive(Debug)]
pub struct Mirror<T> {
    over: Namespaces,
    parts: Vec<Part>,
    /// Counts the lists that began; a slot that carries an earlier count than the list of its part was not seen in it.
    round: u32,
    /// Boxed: the table's free places, up to half of them, and its growth then cost a pointer each and not an object.
    slots: HashSet<Box<Slot<T>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    began: u32,
    listed: bool,
}

/// What a change did to the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<T> {
    /// Nothing that anybody could see.
    Nothing,
    /// A new object.
    Added(ObjectKey),
    /// A known object in a new version; this was the old one.
    Updated(T),
    /// An object is gone; this was its last state.
    Removed(T),
    /// A list is complete; these objects were not in it.
    Listed(Vec<T>),
}

#[derive(Debug)]
struct Slot<T> {
    value: T,
    part: u16,
    /// The round in which it was last seen.
    seen: u32,
    /// The round in which we wrote it ourselves.
    own: u32,
}

impl<T: Versioned> Mirror<T> {
    /// An empty mirror for a feed over these namespaces ([`Namespaces::All`] for cluster-scoped kinds).
    #[must_use]
    pub fn new(over: Namespaces) -> Self {
        let parts = vec![Part::default(); over.parts()];
        Self { over, parts, round: 0, slots: HashSet::new() }
    }

    /// The object with this key.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<&T> {
        self.slots.get(key).map(|slot| &slot.value)
    }

    /// All objects, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().map(|slot| &slot.value)
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// True once every part has been listed: before that, "not here" proves nothing.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.parts.iter().all(|part| part.listed)
    }

    /// Takes a change in.
    pub fn apply(&mut self, change: Change<T>) -> Effect<T> {
        match change {
            Change::Begin(part) => self.begin(part),
            Change::Seen(object) => self.seen(object),
            Change::Applied(object) => self.applied(object),
            Change::Deleted(gone) => self.deleted(&gone),
            Change::Listed(part) => self.listed(part),
            Change::Failed(..) => Effect::Nothing,
        }
    }

    /// Takes the answer of our own write in, ahead of the watch.
    pub fn put_own(&mut self, object: T) -> Effect<T> {
        if self.get(object.key()).is_some_and(|known| is_behind(&object, known)) {
            return Effect::Nothing;
        }
        let own = self.round;
        self.put(object, own)
    }

    fn begin(&mut self, part: usize) -> Effect<T> {
        self.round += 1;
        if let Some(part) = self.parts.get_mut(part) {
            part.began = self.round;
        }
        Effect::Nothing
    }

    /// A list is truth as of its start: only what we wrote since then outlives it.
    fn seen(&mut self, object: T) -> Effect<T> {
        let began = self.over.part(object.key().namespace()).map_or(0, |part| self.parts[part].began);
        let known = self.slots.get(object.key());
        let written_since = known.is_some_and(|slot| slot.own >= began && is_behind(&object, &slot.value));
        if written_since { Effect::Nothing } else { self.put(object, 0) }
    }

    fn applied(&mut self, object: T) -> Effect<T> {
        if self.get(object.key()).is_some_and(|known| is_behind(&object, known)) {
            return Effect::Nothing;
        }
        self.put(object, 0)
    }

    fn deleted(&mut self, gone: &Gone) -> Effect<T> {
        let Some(known) = self.get(&gone.key) else { return Effect::Nothing };
        if gone.resource_version.is_older(&known.resource_version()) {
            return Effect::Nothing;
        }
        self.slots.take(&gone.key).map_or(Effect::Nothing, |slot| Effect::Removed(slot.value))
    }

    fn listed(&mut self, part: usize) -> Effect<T> {
        let Some(state) = self.parts.get_mut(part) else { return Effect::Nothing };
        state.listed = true;
        let began = state.began;
        let unseen = self.slots.extract_if(|slot| usize::from(slot.part) == part && slot.seen < began);
        Effect::Listed(unseen.map(|slot| slot.value).collect())
    }

    fn put(&mut self, value: T, own: u32) -> Effect<T> {
        let Some(part) = self.over.part(value.key().namespace()) else { return Effect::Nothing };
        let part = u16::try_from(part).unwrap_or(u16::MAX);
        let seen = self.round;
        let Some(mut slot) = self.slots.take(value.key()) else {
            let key = value.key().clone();
            self.slots.insert(Box::new(Slot { value, part, seen, own }));
            return Effect::Added(key);
        };
        let same = is_same(&slot.value, &value);
        let before = slot.replace(value, (seen, own));
        self.slots.insert(slot);
        if same { Effect::Nothing } else { Effect::Updated(before) }
    }
}

impl<T: Versioned> Slot<T> {
    /// Puts a newer state in the place of this one, which comes back.
    fn replace(&mut self, mut value: T, (seen, own): (u32, u32)) -> T {
        value.take_over(&mut self.value);
        (self.seen, self.own) = (seen, own);
        mem::replace(&mut self.value, value)
    }
}

fn is_same<T: Versioned>(one: &T, other: &T) -> bool {
    one.uid() == other.uid() && one.resource_version() == other.resource_version()
}

fn is_behind<T: Versioned>(event: &T, known: &T) -> bool {
    event.resource_version().is_older(&known.resource_version())
}

impl<T: Versioned> Borrow<ObjectKey> for Box<Slot<T>> {
    fn borrow(&self) -> &ObjectKey {
        self.value.key()
    }
}

impl<T: Versioned> Hash for Slot<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.key().hash(state);
    }
}

impl<T: Versioned> PartialEq for Slot<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value.key() == other.value.key()
    }
}

impl<T: Versioned> Eq for Slot<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::watch::{Metadata, Pairs, RawObject};

    fn object(namespace: &str, name: &str, version: &str) -> Metadata {
        Metadata {
            key: ObjectKey::new(namespace, name),
            uid: name.into(),
            resource_version: version.into(),
            annotations: Pairs::default(),
        }
    }

    fn gone(name: &str, version: &str) -> Change<Metadata> {
        Change::Deleted(Gone::of(&object("a", name, version)))
    }

    fn listed(objects: &[(&str, &str)]) -> Mirror<Metadata> {
        let mut mirror = Mirror::new(Namespaces::All);
        relist(&mut mirror, objects);
        mirror
    }

    fn relist(mirror: &mut Mirror<Metadata>, objects: &[(&str, &str)]) -> Effect<Metadata> {
        mirror.apply(Change::Begin(0));
        for (name, version) in objects {
            mirror.apply(Change::Seen(object("a", name, version)));
        }
        mirror.apply(Change::Listed(0))
    }

    fn versions(mirror: &Mirror<Metadata>) -> Vec<String> {
        let mut all: Vec<_> =
            mirror.iter().map(|one| format!("{}@{}", one.key.name(), one.resource_version)).collect();
        all.sort();
        all
    }

    #[test]
    fn a_relist_sweeps_what_it_did_not_show() {
        let mut mirror = listed(&[("x", "1"), ("y", "2")]);
        assert_eq!(
            relist(&mut mirror, &[("y", "2"), ("z", "3")]),
            Effect::Listed(vec![object("a", "x", "1")])
        );
        assert_eq!(versions(&mirror), ["y@2", "z@3"]);
    }

    #[test]
    fn a_list_that_was_cut_off_sweeps_nothing_until_one_is_complete() {
        let mut mirror = listed(&[("x", "1"), ("y", "2")]);
        mirror.apply(Change::Begin(0));
        mirror.apply(Change::Seen(object("a", "x", "1")));
        assert_eq!(relist(&mut mirror, &[("y", "2")]), Effect::Listed(vec![object("a", "x", "1")]));
        assert_eq!(versions(&mirror), ["y@2"]);
    }

    #[test]
    fn each_change_says_what_it_did() {
        let mut mirror = listed(&[("x", "5")]);
        let changes = [
            (Change::Applied(object("a", "n", "6")), Effect::Added(ObjectKey::new("a", "n"))),
            (Change::Applied(object("a", "x", "7")), Effect::Updated(object("a", "x", "5"))),
            (Change::Applied(object("a", "x", "7")), Effect::Nothing),
            (Change::Applied(object("a", "x", "6")), Effect::Nothing),
            (Change::Applied(object("a", "x", "10")), Effect::Updated(object("a", "x", "7"))),
            (gone("x", "9"), Effect::Nothing),
            (gone("x", "11"), Effect::Removed(object("a", "x", "10"))),
            (gone("x", "11"), Effect::Nothing),
            (Change::Seen(object("a", "n", "6")), Effect::Nothing),
        ];
        for (change, effect) in changes {
            assert_eq!(mirror.apply(change.clone()), effect, "{change:?}");
        }
    }

    fn raw(version: &str, spec: &str, status: &str) -> RawObject {
        RawObject {
            key: ObjectKey::new("a", "x"),
            uid: "u".into(),
            resource_version: version.into(),
            generation: 1,
            labels: Pairs::default(),
            annotations: [("a", "1")].into_iter().collect(),
            finalizers: Box::default(),
            deleting: false,
            spec: spec.as_bytes().into(),
            status: Some(status.as_bytes().into()),
        }
    }

    #[test]
    fn a_new_status_leaves_the_specification_where_it_lies() {
        let mut mirror = Mirror::new(Namespaces::All);
        mirror.apply(Change::Applied(raw("1", "{}", "1")));
        let place = |mirror: &Mirror<RawObject>| mirror.iter().next().unwrap().spec.as_ptr();
        let first = place(&mirror);
        assert_eq!(mirror.apply(Change::Applied(raw("2", "{}", "2"))), Effect::Updated(raw("1", "{}", "1")));
        assert_eq!((mirror.iter().next(), place(&mirror)), (Some(&raw("2", "{}", "2")), first));
        assert_eq!(mirror.apply(Change::Applied(raw("3", "[]", "2"))), Effect::Updated(raw("2", "{}", "2")));
        assert_eq!(mirror.iter().next(), Some(&raw("3", "[]", "2")));
    }

    #[test]
    fn events_older_than_our_own_write_are_ignored() {
        let mut mirror = listed(&[("x", "5")]);
        assert_eq!(mirror.put_own(object("a", "x", "12")), Effect::Updated(object("a", "x", "5")));
        assert_eq!(mirror.apply(Change::Applied(object("a", "x", "9"))), Effect::Nothing);
        assert_eq!(mirror.put_own(object("a", "x", "8")), Effect::Nothing);
        assert_eq!(versions(&mirror), ["x@12"]);
    }

    #[test]
    fn our_own_write_during_a_list_outlives_the_older_list() {
        let mut mirror = listed(&[("x", "5")]);
        mirror.apply(Change::Begin(0));
        mirror.put_own(object("a", "new", "11"));
        mirror.put_own(object("a", "x", "12"));
        mirror.apply(Change::Seen(object("a", "x", "5")));
        assert_eq!(mirror.apply(Change::Listed(0)), Effect::Listed(vec![]));
        assert_eq!(versions(&mirror), ["new@11", "x@12"]);
    }

    #[test]
    fn a_cluster_restored_from_a_backup_is_believed_by_its_list() {
        let mut mirror = listed(&[("x", "500")]);
        mirror.put_own(object("a", "x", "501"));
        relist(&mut mirror, &[("x", "20")]);
        assert_eq!(versions(&mirror), ["x@20"]);
    }

    #[test]
    fn parts_are_listed_and_swept_for_themselves() {
        let mut mirror = Mirror::new(Namespaces::Some(vec!["a".into(), "b".into()]));
        mirror.apply(Change::Begin(0));
        mirror.apply(Change::Begin(1));
        mirror.apply(Change::Seen(object("a", "x", "1")));
        mirror.apply(Change::Listed(0));
        assert!(!mirror.is_listed());
        mirror.apply(Change::Seen(object("b", "y", "1")));
        mirror.apply(Change::Listed(1));
        assert!(mirror.is_listed());
        mirror.apply(Change::Begin(1));
        assert_eq!(mirror.apply(Change::Listed(1)), Effect::Listed(vec![object("b", "y", "1")]));
        assert_eq!(versions(&mirror), ["x@1"]);
    }
}
