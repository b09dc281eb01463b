//! The versions of every object that a store could refer to, or that could be used as a template: a changed credential is another identity,
//! and a changed template is rendered again.
//!
//! A store may name an object long after the watch has shown it, so all of them are kept; but as hashes, 32 bytes each: of their
//! names nothing, of their content nothing. Two names with one hash would wake a store once too often; with 64 bits nobody sees it.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use keyferry_stores::base::refs::{RefKind, Resolved};

use crate::cluster::{
    ObjectKey,
    watch::{Change, Metadata, MetadataKind, Namespaces},
};

/// Versions by object.
#[derive(Debug)]
pub(super) struct Versions {
    over: Namespaces,
    hasher: RandomState,
    known: HashMap<(RefKind, u64), Known>,
    /// The count of the list that began last, by kind and part; lists are counted over all of them.
    began: HashMap<(RefKind, usize), u32>,
    listed: HashSet<(RefKind, usize)>,
    round: u32,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    version: u64,
    part: u16,
    seen: u32,
}

/// What a change did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that matters.
    Nothing,
    /// This object has another version, or is gone.
    Changed(Resolved),
    /// A list is complete; these are gone (see [`Versions::is_among`]).
    Listed(HashSet<u64>),
}

impl Versions {
    /// Nothing known yet, over these namespaces.
    #[must_use]
    pub(super) fn new(over: Namespaces) -> Self {
        let hasher = RandomState::new();
        Self { over, hasher, known: HashMap::new(), began: HashMap::new(), listed: HashSet::new(), round: 0 }
    }

    /// True once every kind has been listed in every part.
    #[must_use]
    pub(super) fn is_listed(&self) -> bool {
        const KINDS: usize = 3;
        self.listed.len() >= KINDS * self.over.parts()
    }

    /// `namespace/name@version`, with `?` for the version of an object that is not known.
    #[must_use]
    pub(super) fn text(&self, object: &Resolved) -> String {
        let version = self.version(object);
        let version = version.map_or_else(|| "?".to_string(), |version| format!("{version:016x}"));
        format!("{}/{}@{version}", object.namespace, object.name)
    }

    /// The version of an object as a number; `None` if it is not known.
    #[must_use]
    pub(super) fn version(&self, object: &Resolved) -> Option<u64> {
        self.known.get(&(object.kind, self.name_hash(object))).map(|known| known.version)
    }

    /// True if the object was seen, and not gone since.
    pub(super) fn is_known(&self, object: &Resolved) -> bool {
        self.known.contains_key(&(object.kind, self.name_hash(object)))
    }

    /// True if the object is among those that a list did not hold.
    #[must_use]
    pub(super) fn is_among(&self, object: &Resolved, gone: &HashSet<u64>) -> bool {
        gone.contains(&self.name_hash(object))
    }

    /// Takes a change in.
    pub(super) fn apply(&mut self, kind: MetadataKind, change: Change<Metadata>) -> Effect {
        let kind = ref_kind(kind);
        match change {
            Change::Begin(part) => {
                self.round += 1;
                self.began.insert((kind, part), self.round);
                Effect::Nothing
            }
            Change::Seen(object) | Change::Applied(object) => self.learn(kind, object),
            Change::Deleted(gone) => {
                let object = resolved(kind, gone.key);
                let known = self.known.remove(&(kind, self.name_hash(&object)));
                if known.is_some() { Effect::Changed(object) } else { Effect::Nothing }
            }
            Change::Listed(part) => Effect::Listed(self.sweep(kind, part)),
            Change::Failed(..) => Effect::Nothing,
        }
    }

    fn learn(&mut self, kind: RefKind, object: Metadata) -> Effect {
        let Some(part) = self.over.part(object.key.namespace()) else { return Effect::Nothing };
        let version = self.hasher.hash_one((&object.uid, &object.resource_version));
        let (part, seen) = (u16::try_from(part).unwrap_or(u16::MAX), self.round);
        let object = resolved(kind, object.key);
        let before = self.known.insert((kind, self.name_hash(&object)), Known { version, part, seen });
        let same = before.is_some_and(|before| before.version == version);
        if same { Effect::Nothing } else { Effect::Changed(object) }
    }

    fn sweep(&mut self, kind: RefKind, part: usize) -> HashSet<u64> {
        self.listed.insert((kind, part));
        let began = self.began.get(&(kind, part)).copied().unwrap_or_default();
        let unseen = |(of, _): &(RefKind, u64), known: &mut Known| {
            *of == kind && usize::from(known.part) == part && known.seen < began
        };
        self.known.extract_if(unseen).map(|((_, name), _)| name).collect()
    }

    fn name_hash(&self, object: &Resolved) -> u64 {
        self.hasher.hash_one((&object.namespace, &object.name))
    }
}

const fn ref_kind(kind: MetadataKind) -> RefKind {
    match kind {
        MetadataKind::Secret => RefKind::Secret,
        MetadataKind::ConfigMap => RefKind::ConfigMap,
        MetadataKind::ServiceAccount => RefKind::ServiceAccount,
    }
}

fn resolved(kind: RefKind, key: ObjectKey) -> Resolved {
    Resolved { kind, namespace: key.namespace().into(), name: key.name().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::watch::Pairs;

    fn secret(name: &str, version: &str) -> Metadata {
        let (uid, resource_version) = ("u".into(), version.into());
        Metadata { key: ObjectKey::new("n", name), uid, resource_version, annotations: Pairs::default() }
    }

    fn named(name: &str) -> Resolved {
        resolved(RefKind::Secret, ObjectKey::new("n", name))
    }

    fn apply(versions: &mut Versions, change: Change<Metadata>) -> Effect {
        versions.apply(MetadataKind::Secret, change)
    }

    #[test]
    fn a_version_is_known_however_early_the_object_was_seen() {
        let mut versions = Versions::new(Namespaces::All);
        assert_eq!(versions.text(&named("a")), "n/a@?");
        assert_eq!(apply(&mut versions, Change::Seen(secret("a", "1"))), Effect::Changed(named("a")));
        let first = versions.text(&named("a"));
        assert_eq!(apply(&mut versions, Change::Applied(secret("a", "1"))), Effect::Nothing);
        assert_eq!(apply(&mut versions, Change::Applied(secret("a", "2"))), Effect::Changed(named("a")));
        assert_ne!(versions.text(&named("a")), first);
    }

    #[test]
    fn what_a_new_list_does_not_hold_is_gone() {
        let mut versions = Versions::new(Namespaces::All);
        for change in [
            Change::Begin(0),
            Change::Seen(secret("a", "1")),
            Change::Seen(secret("b", "1")),
            Change::Listed(0),
        ] {
            apply(&mut versions, change);
        }
        apply(&mut versions, Change::Begin(0));
        apply(&mut versions, Change::Seen(secret("a", "1")));
        let Effect::Listed(gone) = apply(&mut versions, Change::Listed(0)) else {
            panic!("a list was completed")
        };
        assert!(versions.is_among(&named("b"), &gone) && !versions.is_among(&named("a"), &gone));
        assert_eq!(versions.text(&named("b")), "n/b@?");
    }
}
