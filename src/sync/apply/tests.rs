//! What makes a cached target differ from what is wanted, and the bound on deletions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use keyferry_stores::base::SecretBytes;

use super::*;
use crate::{
    cluster::{FieldOwner, OwnerReference},
    sync::{
        pipeline::{Breaker, DELETIONS},
        plan::{Owner, desired},
        render::Rendered,
    },
};

const MANAGER: &str = "externalsecrets.external-secrets.io/es";

fn digests() -> DigestKey {
    DigestKey::new(&[7; 32])
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
}

fn rendered() -> Rendered {
    Rendered {
        data: BTreeMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]),
        labels: strings(&[("l", "1")]),
        annotations: strings(&[("n", "1")]),
        type_: Some("Opaque".into()),
        ..Rendered::default()
    }
}

static NOTHING: BTreeMap<String, SecretBytes> = BTreeMap::new();

fn want(rendered: &Rendered) -> Want<'_> {
    Want {
        owner: Owner { namespace: "team", name: "es", uid: "uid-es", said: [""; 3] },
        target: "out",
        creation: CreationPolicy::Owner,
        deletion: DeletionPolicy::Retain,
        empty: None,
        empty_since: None,
        values: &NOTHING,
        rendered,
    }
}

/// The target as it is after a sync of the want, changed by `change`, with true owners and hash unless that is the change.
fn have(want: &Want<'_>, change: impl FnOnce(&mut Secret)) -> ManagedSecret {
    let mut secret = desired(want, None).unwrap();
    secret.type_ = "Opaque".into();
    secret.meta.field_owners = vec![FieldOwner {
        manager: MANAGER.into(),
        data: secret.data.keys().cloned().collect(),
        labels: secret.meta.labels.keys().cloned().collect(),
        annotations: secret.meta.annotations.keys().cloned().collect(),
    }];
    change(&mut secret);
    ManagedSecret::of(&secret, &digests())
}

fn rehash(secret: &mut Secret) {
    secret.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), digest::of_data(&secret.data));
}

fn reference(kind: &str, api_version: &str) -> OwnerReference {
    OwnerReference {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "other".into(),
        uid: "uid-other".into(),
        controller: true,
        block_owner_deletion: false,
    }
}

/// A change of a Secret, by name.
type Row = (&'static str, fn(&mut Secret));

#[test]
fn a_target_as_it_was_written_is_current() {
    let rendered = rendered();
    for creation in
        [CreationPolicy::Owner, CreationPolicy::Orphan, CreationPolicy::Merge, CreationPolicy::CreateOrMerge]
    {
        let want = Want { creation, ..want(&rendered) };
        assert!(is_current(&want, &have(&want, |_| ()), &digests()), "{creation:?}");
    }
}

#[test]
fn every_field_that_differs_makes_a_target_not_current() {
    let table: [Row; 19] = [
        ("a value", |secret| {
            secret.data.insert("a".into(), "x".into());
            rehash(secret);
        }),
        ("a value, behind our back", |secret| drop(secret.data.insert("a".into(), "x".into()))),
        ("a key too few", |secret| {
            secret.data.remove("a");
            rehash(secret);
        }),
        ("a key too many", |secret| {
            secret.data.insert("z".into(), "x".into());
            rehash(secret);
        }),
        ("no hash", |secret| drop(secret.meta.annotations.remove(DATA_HASH_ANNOTATION))),
        ("another label", |secret| drop(secret.meta.labels.insert("l".into(), "2".into()))),
        ("a label too few", |secret| drop(secret.meta.labels.remove("l"))),
        ("a label that we wrote before", |secret| {
            secret.meta.labels.insert("old".into(), "1".into());
            secret.meta.field_owners[0].labels.push("old".into());
        }),
        ("another annotation", |secret| drop(secret.meta.annotations.insert("n".into(), "2".into()))),
        ("an annotation too few", |secret| drop(secret.meta.annotations.remove("n"))),
        ("an annotation that we wrote before", |secret| {
            secret.meta.annotations.insert("old".into(), "1".into());
            secret.meta.field_owners[0].annotations.push("old".into());
        }),
        ("not managed", |secret| drop(secret.meta.labels.insert(MANAGED_LABEL.into(), "false".into()))),
        ("another type", |secret| secret.type_ = "kubernetes.io/tls".into()),
        ("being deleted", |secret| secret.meta.deleting = true),
        ("no owner", |secret| secret.meta.owners.clear()),
        ("an owner of another UID", |secret| secret.meta.owners[0].uid = "uid-before".into()),
        ("an owner that does not control", |secret| secret.meta.owners[0].controller = false),
        ("no created-by", |secret| drop(secret.meta.labels.remove(CREATED_BY_LABEL))),
        ("another's created-by", |secret| {
            drop(secret.meta.labels.insert(CREATED_BY_LABEL.into(), "x".into()))
        }),
    ];
    let rendered = rendered();
    let want = want(&rendered);
    for (what, change) in table {
        assert!(!is_current(&want, &have(&want, change), &digests()), "{what}");
    }
}

#[test]
fn what_others_added_is_theirs() {
    let table: [Row; 4] = [
        ("a label", |secret| drop(secret.meta.labels.insert("theirs".into(), "1".into()))),
        ("an annotation", |secret| drop(secret.meta.annotations.insert("theirs".into(), "1".into()))),
        ("immutability", |secret| secret.immutable = Some(true)),
        ("a finalizer", |secret| secret.meta.finalizers.push("f/g".into())),
    ];
    let rendered = rendered();
    let want = want(&rendered);
    for (what, change) in table {
        assert!(is_current(&want, &have(&want, change), &digests()), "{what}");
    }
}

#[test]
fn a_merge_minds_the_keys_that_it_wrote_and_no_others() {
    let rendered = rendered();
    for creation in [CreationPolicy::Merge, CreationPolicy::CreateOrMerge] {
        let want = Want { creation, ..want(&rendered) };
        let add = |secret: &mut Secret| {
            secret.data.insert("z".into(), "x".into());
            rehash(secret);
        };
        assert!(is_current(&want, &have(&want, add), &digests()), "{creation:?}: another's key");
        let wrote_before = |secret: &mut Secret| {
            add(secret);
            secret.meta.field_owners[0].data.push("z".into());
        };
        assert!(
            !is_current(&want, &have(&want, wrote_before), &digests()),
            "{creation:?}: an old key of ours"
        );
    }
}

#[test]
fn who_does_not_own_must_not_be_found_as_owner() {
    let rendered = rendered();
    let ours = |secret: &mut Secret| {
        secret.meta.owners = vec![OwnerReference {
            uid: "uid-es".into(),
            ..reference("ExternalSecret", "external-secrets.io/v1")
        }];
    };
    for creation in [CreationPolicy::Orphan, CreationPolicy::Merge, CreationPolicy::CreateOrMerge] {
        let want = Want { creation, ..want(&rendered) };
        let labelled =
            |secret: &mut Secret| drop(secret.meta.labels.insert(CREATED_BY_LABEL.into(), "x".into()));
        let taken = |secret: &mut Secret| {
            secret.meta.owners = vec![reference("ExternalSecret", "external-secrets.io/v1beta1")]
        };
        let by_controller =
            |secret: &mut Secret| secret.meta.owners = vec![reference("Deployment", "apps/v1")];
        assert!(!is_current(&want, &have(&want, ours), &digests()), "{creation:?}: ours");
        assert!(!is_current(&want, &have(&want, labelled), &digests()), "{creation:?}: created-by");
        assert!(
            !is_current(&want, &have(&want, taken), &digests()),
            "{creation:?}: another ExternalSecret's"
        );
        assert!(is_current(&want, &have(&want, by_controller), &digests()), "{creation:?}: a controller's");
    }
}

#[test]
fn what_the_cache_does_not_hold_is_never_claimed() {
    let with_finalizers = Rendered { finalizers: vec!["f/g".into()], ..rendered() };
    let want_finalizers = want(&with_finalizers);
    assert!(!is_current(&want_finalizers, &have(&want_finalizers, |_| ()), &digests()));
    let rendered = rendered();
    let nothing = Want { creation: CreationPolicy::None, ..want(&rendered) };
    let secret = have(&want(&rendered), |_| ());
    assert!(!is_current(&nothing, &secret, &digests()));
}

#[test]
fn a_frozen_target_is_current_whatever_the_stores_say() {
    let immutable = Rendered { immutable: true, ..rendered() };
    let frozen = have(&want(&immutable), |_| ());
    let changed =
        Rendered { immutable: true, data: BTreeMap::from([("a".into(), "new".into())]), ..rendered() };
    assert!(is_current(&want(&changed), &frozen, &digests()));
    let open = have(&want(&rendered()), |_| ());
    assert!(!is_current(&want(&immutable), &open, &digests()), "it must become immutable first");
    let lost = have(&want(&immutable), |secret| secret.meta.owners.clear());
    assert!(!is_current(&want(&changed), &lost, &digests()), "its owner must come back");
}

#[test]
fn what_an_object_carries_under_our_own_names_changes_nothing() {
    let copied = Rendered {
        labels: strings(&[(MANAGED_LABEL, "false"), (CREATED_BY_LABEL, "x")]),
        annotations: strings(&[(DATA_HASH_ANNOTATION, "x")]),
        ..rendered()
    };
    let want = want(&copied);
    assert!(is_current(&want, &have(&want, |_| ()), &digests()));
}

#[test]
fn the_breaker_holds_deletions_that_come_too_many_at_once() {
    let breaker = Breaker::default();
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    for _ in 0..DELETIONS {
        breaker.allow(at(0)).unwrap();
    }
    assert_eq!(breaker.allow(at(59)).unwrap_err().kind(), Kind::Throttled);
    assert!(breaker.allow(at(60)).is_ok());
}

#[test]
fn a_held_deletion_takes_nothing_from_the_next_window() {
    let breaker = Breaker::default();
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    for _ in 0..3 * DELETIONS {
        // All but the first of the window are held.
        let _held = breaker.allow(at(0));
    }
    for _ in 0..DELETIONS {
        breaker.allow(at(60)).unwrap();
    }
    assert_eq!(breaker.allow(at(60)).unwrap_err().kind(), Kind::Throttled);
}
