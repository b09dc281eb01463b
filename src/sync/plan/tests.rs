//! The rules by table. An outcome is shown as one line ([`outline`]), so that a table reads like the reference's.

use std::collections::BTreeMap;

use keyferry_stores::base::SecretBytes;

use super::*;
use crate::cluster::{FieldOwner, fake::FakeCluster, managed::DigestKey};

const NOW: i64 = 1_000;
const VERSION: &str = "2-b";
const OWNER: Owner<'static> = Owner { namespace: "team", name: "es", uid: "uid-es", said: [""; 3] };
const MANAGER: &str = "externalsecrets.external-secrets.io/es";
const POLICIES: [CreationPolicy; 5] = [
    CreationPolicy::Owner,
    CreationPolicy::Orphan,
    CreationPolicy::Merge,
    CreationPolicy::CreateOrMerge,
    CreationPolicy::None,
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretBytes> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).into())).collect()
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
}

fn rendered(pairs: &[(&str, &str)]) -> Rendered {
    Rendered { data: data(pairs), ..Rendered::default() }
}

static NOTHING: BTreeMap<String, SecretBytes> = BTreeMap::new();

fn want(rendered: &Rendered) -> Want<'_> {
    Want {
        owner: OWNER,
        target: "out",
        creation: CreationPolicy::Owner,
        deletion: DeletionPolicy::Retain,
        empty: None,
        empty_since: None,
        values: &NOTHING,
        rendered,
    }
}

/// A Secret as the API server keeps it after `manager` wrote it.
fn stored(mut secret: Secret, manager: &str) -> Secret {
    let meta = &mut secret.meta;
    let (data, labels) = (secret.data.keys().cloned().collect(), meta.labels.keys().cloned().collect());
    let annotations = meta.annotations.keys().cloned().collect();
    meta.field_owners = vec![FieldOwner { manager: manager.into(), data, labels, annotations }];
    (meta.uid, meta.resource_version) = ("uid-out".into(), "7".into());
    let type_ = if secret.type_.is_empty() { "Opaque".into() } else { secret.type_.clone() };
    Secret { type_, ..secret }
}

/// The target as a sync of this want leaves it.
fn synced(want: &Want<'_>) -> Secret {
    stored(desired(want, None).unwrap(), MANAGER)
}

/// A Secret that somebody else made.
fn foreign(pairs: &[(&str, &str)]) -> Secret {
    stored(Secret { data: data(pairs), ..Secret::new(&ObjectKey::new("team", "out")) }, "kubectl")
}

fn controlled(mut secret: Secret, api_version: &str, kind: &str, (name, uid): (&str, &str)) -> Secret {
    let (api_version, kind, name, uid) = (api_version.into(), kind.into(), name.into(), uid.into());
    secret.meta.owners =
        vec![OwnerReference { api_version, kind, name, uid, controller: true, block_owner_deletion: true }];
    secret
}

/// The same while it is being deleted, held by a finalizer.
fn going(mut secret: Secret, finalizer: &str) -> Secret {
    (secret.meta.deleting, secret.meta.finalizers) = (true, vec![finalizer.into()]);
    secret
}

/// The same with these labels alone.
fn labelled(mut secret: Secret, labels: &[(&str, &str)]) -> Secret {
    secret.meta.labels = strings(labels);
    secret
}

fn outline(plan: &Plan) -> String {
    match plan {
        Plan::Create(_) => "create".into(),
        Plan::Replace(_, None) => "replace".into(),
        Plan::Replace(_, Some(refusal)) => format!("replace, then {:?}", refusal.what),
        Plan::Unchanged => "unchanged".into(),
        Plan::Nothing(done) => format!("nothing: {done:?}"),
        Plan::Delete(state) => format!("delete {}@{}", state.uid, state.resource_version),
        Plan::Confirm(wait) => format!("confirm in {} s", wait.as_secs()),
        Plan::Refuse(refusal) => format!("refuse: {:?}", refusal.what),
    }
}

fn timing(
    policy: RefreshPolicy,
    interval: i64,
    refreshed: Option<i64>,
    synced_version: &'static str,
) -> Timing<'static> {
    let (interval, refreshed) = (SignedDuration::from_secs(interval), refreshed.map(at));
    Timing { policy, interval, refreshed, synced_version, version: VERSION }
}

#[test]
fn a_refresh_follows_policy_interval_version_and_refresh_time() {
    use RefreshPolicy::{CreatedOnce, OnChange, Periodic};
    let same = VERSION;
    let table = [
        (Periodic, 60, Some(NOW - 60), same, false),
        (Periodic, 60, Some(NOW - 61), same, true),
        (Periodic, 60, Some(NOW), same, false),
        (Periodic, 60, Some(NOW + 1), same, true),
        (Periodic, 60, None, same, true),
        (Periodic, 60, Some(NOW), "1-a", true),
        (Periodic, 60, Some(NOW), "", true),
        (Periodic, 0, Some(1), same, false),
        (Periodic, 0, Some(1), "1-a", false),
        (Periodic, 0, None, "1-a", false),
        (Periodic, 0, Some(NOW + 1), same, false),
        (Periodic, 0, None, "", true),
        (Periodic, 0, Some(1), "", true),
        (Periodic, -60, Some(1), "1-a", false),
        (Periodic, -60, None, "", true),
        (OnChange, 60, Some(1), same, false),
        (OnChange, 60, Some(NOW + 1), same, false),
        (OnChange, 60, Some(NOW), "1-a", true),
        (OnChange, 60, Some(NOW), "", true),
        (OnChange, 0, None, same, true),
        (OnChange, 0, Some(1), "1-a", true),
        (CreatedOnce, 60, Some(1), same, false),
        (CreatedOnce, 60, Some(1), "1-a", false),
        (CreatedOnce, 60, Some(NOW + 1), "1-a", false),
        (CreatedOnce, 60, Some(1), "", true),
        (CreatedOnce, 0, None, "1-a", true),
    ];
    for (policy, interval, refreshed, version, expected) in table {
        let timing = timing(policy, interval, refreshed, version);
        assert_eq!(timing.should_refresh(at(NOW)), expected, "{timing:?}");
    }
}

#[test]
fn only_periodic_objects_with_a_positive_interval_have_a_timer() {
    use RefreshPolicy::{CreatedOnce, OnChange, Periodic};
    let table = [
        (Periodic, 1, true),
        (Periodic, 0, false),
        (Periodic, -1, false),
        (OnChange, 60, false),
        (CreatedOnce, 60, false),
    ];
    for (policy, interval, expected) in table {
        assert_eq!(timing(policy, interval, None, "").is_timed(), expected, "{policy:?} {interval}");
    }
}

#[test]
fn a_target_is_valid_as_its_policy_says() {
    let values = rendered(&[("a", "1")]);
    let digests = DigestKey::new(&[1; 32]);
    let good = ManagedSecret::of(&synced(&want(&values)), &digests);
    let (mut unlabelled, mut tampered) = (good.clone(), good.clone());
    unlabelled.managed = false;
    tampered.hash_true = false;
    for policy in POLICIES {
        let always = matches!(policy, CreationPolicy::Orphan | CreationPolicy::None);
        assert!(target_is_valid(policy, Some(&good)), "{policy:?}");
        for (state, target) in
            [("absent", None), ("unlabelled", Some(&unlabelled)), ("tampered", Some(&tampered))]
        {
            assert_eq!(target_is_valid(policy, target), always, "{policy:?} {state}");
        }
    }
}

/// The states a target can be in, for a want of `a: new`.
fn states(want: &Want<'_>) -> Vec<(&'static str, Option<Secret>)> {
    let old = rendered(&[("a", "old")]);
    let stale = || synced(&Want { rendered: &old, creation: made_by(want.creation), ..*want });
    let current = synced(&Want { creation: made_by(want.creation), ..*want });
    let taken = |kind: &str, group: &str| {
        let unowned = foreign(&[("a", "old")]);
        controlled(unowned, group, kind, ("other", "uid-other"))
    };
    let immutable = Secret { immutable: Some(true), ..stale() };
    vec![
        ("absent", None),
        ("current", Some(current)),
        ("stale", Some(stale())),
        ("unowned", Some(foreign(&[("a", "old"), ("mine", "1")]))),
        ("other ExternalSecret's", Some(taken(KIND, "external-secrets.io/v1"))),
        ("other controller's", Some(taken("Deployment", "apps/v1"))),
        ("immutable", Some(immutable)),
        ("deleting", Some(going(stale(), "f/g"))),
    ]
}

/// No Secret is made under the policies that make none: it is one of a policy that leaves the same behind.
fn made_by(policy: CreationPolicy) -> CreationPolicy {
    if policy == CreationPolicy::None { CreationPolicy::CreateOrMerge } else { policy }
}

#[test]
fn each_creation_policy_meets_each_state_of_the_target() {
    let values = rendered(&[("a", "new")]);
    let expected = |policy, state| match (policy, state) {
        (CreationPolicy::None, _) => "nothing: Synced",
        (CreationPolicy::Merge, "absent") => "nothing: Missing",
        (_, "absent") => "create",
        (_, "current") => "unchanged",
        (_, "other ExternalSecret's") => "refuse: Owned",
        (CreationPolicy::Owner, "other controller's") => "refuse: Ownership",
        (_, "immutable") => "refuse: Immutable",
        _ => "replace",
    };
    for creation in POLICIES {
        let want = Want { creation, ..want(&values) };
        for (state, have) in states(&want) {
            let plan = plan(&want, have.as_ref(), at(NOW));
            assert_eq!(outline(&plan), expected(creation, state), "{creation:?} {state}");
        }
    }
}

/// What the API server makes of one write after the other.
fn written(before: Option<Secret>, after: Secret) -> Secret {
    let cluster = FakeCluster::new();
    let mut deleting = false;
    if let Some(mut before) = before {
        deleting = std::mem::take(&mut before.meta.deleting);
        cluster.put_secret(before, "kubectl");
    }
    let mut written = cluster.put_secret(after, MANAGER);
    written.meta.deleting = deleting;
    written
}

#[test]
fn a_plan_that_was_carried_out_plans_nothing_more() {
    let values = rendered(&[("a", "new")]);
    for creation in POLICIES {
        let want = Want { creation, ..want(&values) };
        for (state, have) in states(&want) {
            if let Plan::Create(secret) | Plan::Replace(secret, None) = plan(&want, have.as_ref(), at(NOW)) {
                let again = plan(&want, Some(&written(have, *secret)), at(NOW));
                assert_eq!(outline(&again), "unchanged", "{creation:?} {state}");
            }
        }
    }
}

fn replaced(want: &Want<'_>, have: &Secret) -> Secret {
    match plan(want, Some(have), at(NOW)) {
        Plan::Replace(secret, _) => *secret,
        other => panic!("planned {}", outline(&other)),
    }
}

#[test]
fn a_replacement_names_the_state_that_was_read() {
    let values = rendered(&[("a", "new")]);
    let secret = replaced(&want(&values), &foreign(&[("a", "old")]));
    assert_eq!((secret.meta.uid.as_str(), secret.meta.resource_version.as_str()), ("uid-out", "7"));
}

#[test]
fn an_owner_or_orphan_replaces_all_data_and_a_merge_keeps_what_is_not_its_own() {
    let values = rendered(&[("a", "new")]);
    let mut have = foreign(&[("a", "old"), ("mine", "1"), ("dropped", "2")]);
    have.meta.field_owners.push(FieldOwner {
        manager: MANAGER.into(),
        data: vec!["dropped".into()],
        ..FieldOwner::default()
    });
    for (creation, keys) in [
        (CreationPolicy::Owner, vec!["a"]),
        (CreationPolicy::Orphan, vec!["a"]),
        (CreationPolicy::Merge, vec!["a", "mine"]),
        (CreationPolicy::CreateOrMerge, vec!["a", "mine"]),
    ] {
        let secret = replaced(&Want { creation, ..want(&values) }, &have);
        assert_eq!(secret.data.keys().collect::<Vec<_>>(), keys, "{creation:?}");
    }
}

/// The data is what ESO 2.9 was recorded to leave (`policy-merge`, `adopt-foreign`).
#[test]
fn a_foreign_secret_becomes_what_eso_was_recorded_to_make_of_it() {
    let values = rendered(&[("a", "v")]);
    let mut have = foreign(&[("a", "old"), ("mine", "1")]);
    have.meta.labels = strings(&[("keep", "me")]);
    let merged = replaced(&Want { creation: CreationPolicy::Merge, ..want(&values) }, &have);
    assert_eq!(merged.meta.labels, strings(&[("keep", "me"), (MANAGED_LABEL, "true")]));
    assert_eq!(
        merged.meta.annotations[DATA_HASH_ANNOTATION],
        "5b5374f6c97986845860da701ae565c72a9459b3759becf936087a93"
    );
    let adopted = replaced(&want(&values), &have);
    assert_eq!(
        adopted.meta.annotations[DATA_HASH_ANNOTATION],
        "9c0bfff0356efd80611a1ec73594c79465a0378528c732092a39b27c"
    );
    assert_eq!(adopted.meta.labels["keep"], "me");
    assert_eq!(adopted.meta.owners, [OWNER.reference()]);
}

#[test]
fn metadata_we_wrote_before_goes_whichever_form_its_manager_has() {
    let name = "n".repeat(40);
    let owner = Owner { name: &name, ..OWNER };
    let values = rendered(&[("a", "1")]);
    for manager in [digest::field_manager(&name), digest::short_field_manager(&name)] {
        let mut have = foreign(&[("a", "1")]);
        have.meta.labels = strings(&[("ours", "1"), ("theirs", "1")]);
        have.meta.annotations = strings(&[("ours", "1"), ("theirs", "1")]);
        let (labels, annotations) = (vec!["ours".into()], vec!["ours".into()]);
        have.meta.field_owners = vec![FieldOwner { manager, labels, annotations, data: Vec::new() }];
        let secret = replaced(&Want { owner, ..want(&values) }, &have);
        assert!(!secret.meta.labels.contains_key("ours") && secret.meta.labels.contains_key("theirs"));
        assert!(
            !secret.meta.annotations.contains_key("ours") && secret.meta.annotations.contains_key("theirs")
        );
    }
}

#[test]
fn an_object_that_stops_owning_takes_reference_and_label_off() {
    let values = rendered(&[("a", "1")]);
    let have = synced(&want(&values));
    for creation in [CreationPolicy::Orphan, CreationPolicy::Merge, CreationPolicy::CreateOrMerge] {
        let secret = replaced(&Want { creation, ..want(&values) }, &have);
        assert!(
            secret.meta.owners.is_empty() && !secret.meta.labels.contains_key(CREATED_BY_LABEL),
            "{creation:?}"
        );
    }
}

#[test]
fn an_object_made_anew_takes_its_secret_over() {
    let values = rendered(&[("a", "1")]);
    let have = synced(&Want { owner: Owner { uid: "uid-before", ..OWNER }, ..want(&values) });
    assert_eq!(replaced(&want(&values), &have).meta.owners, [OWNER.reference()]);
}

#[test]
fn an_immutable_secret_still_gets_its_metadata_and_then_the_refusal() {
    let old = rendered(&[("a", "old")]);
    let have = Secret { immutable: Some(true), ..synced(&want(&old)) };
    let new = Rendered { labels: strings(&[("l", "1")]), ..rendered(&[("a", "new")]) };
    let plan = plan(&want(&new), Some(&have), at(NOW));
    assert_eq!(outline(&plan), "replace, then Immutable");
    let Plan::Replace(secret, _) = plan else { panic!("a replacement was planned") };
    assert_eq!((&secret.data, secret.meta.labels["l"].as_str()), (&have.data, "1"));
    assert_eq!(secret.meta.annotations[DATA_HASH_ANNOTATION], digest::of_data(&have.data));
}

#[test]
fn a_metadata_change_of_an_immutable_secret_is_no_failure() {
    let values = rendered(&[("a", "1")]);
    let have = Secret { immutable: Some(true), ..synced(&want(&values)) };
    let labelled = Rendered { labels: strings(&[("l", "1")]), ..rendered(&[("a", "1")]) };
    assert_eq!(outline(&plan(&want(&labelled), Some(&have), at(NOW))), "replace");
}

#[test]
fn a_target_that_is_to_be_immutable_keeps_its_first_content() {
    let first = Rendered { immutable: true, ..rendered(&[("a", "v")]) };
    let have = synced(&want(&first));
    assert_eq!(have.immutable, Some(true));
    let changed = Rendered { immutable: true, ..rendered(&[("a", "changed")]) };
    assert_eq!(outline(&plan(&want(&changed), Some(&have), at(NOW))), "unchanged");
}

#[test]
fn what_was_not_rendered_changes_no_content_and_makes_no_secret() {
    let have = synced(&want(&rendered(&[("a", "v")])));
    let frozen = Rendered { immutable: true, frozen: true, ..Rendered::default() };
    let want = want(&frozen);
    assert_eq!(replaced(&want, &have).data, have.data);
    let Plan::Refuse(refusal) = plan::<Secret>(&want, None, at(NOW)) else { panic!("a refusal was planned") };
    assert_eq!(refusal.error.kind(), Kind::Conflict);
}

#[test]
fn immutability_is_never_taken_off() {
    let values = rendered(&[("a", "v")]);
    let have = Secret { immutable: Some(true), ..synced(&want(&values)) };
    assert_eq!(outline(&plan(&want(&values), Some(&have), at(NOW))), "unchanged");
}

#[test]
fn finalizers_are_added_once_and_never_while_the_secret_goes() {
    let values = Rendered { finalizers: vec!["f/g".into()], ..rendered(&[("a", "new")]) };
    let mut have = foreign(&[("a", "old")]);
    assert_eq!(replaced(&want(&values), &have).meta.finalizers, ["f/g"]);
    have.meta.finalizers = vec!["f/g".into()];
    assert_eq!(replaced(&want(&values), &have).meta.finalizers, ["f/g"]);
    assert_eq!(replaced(&want(&values), &going(have, "x/y")).meta.finalizers, ["x/y"]);
}

#[test]
fn empty_answers_follow_the_deletion_policy() {
    use DeletionPolicy::{Delete, Merge, Retain};
    use Emptiness::{Proven, Unproven};
    let nothing = Rendered::default();
    let ours = synced(&want(&nothing));
    let going = going(ours.clone(), "f/g");
    let gone = "delete uid-out@7";
    let table = [
        (Retain, Proven, None, Some(&ours), "nothing: Retained"),
        (Retain, Unproven, None, Some(&ours), "nothing: Retained"),
        (Retain, Proven, None, None, "nothing: Retained"),
        (Delete, Proven, None, Some(&ours), gone),
        (Delete, Proven, None, None, "nothing: Deleted"),
        (Delete, Proven, None, Some(&going), "nothing: Deleted"),
        (Delete, Unproven, None, Some(&ours), "confirm in 10 s"),
        (Delete, Unproven, None, None, "confirm in 10 s"),
        (Delete, Unproven, Some(NOW - 9), Some(&ours), "confirm in 1 s"),
        (Delete, Unproven, Some(NOW - 10), Some(&ours), gone),
        (Delete, Unproven, Some(NOW + 3_600), Some(&ours), "confirm in 10 s"),
        (Merge, Proven, None, Some(&ours), "unchanged"),
        (Merge, Unproven, None, None, "create"),
    ];
    for (deletion, emptiness, since, have, expected) in table {
        let (empty, empty_since) = (Some(emptiness), since.map(at));
        let want = Want { deletion, empty, empty_since, ..want(&nothing) };
        let plan = plan(&want, have, at(NOW));
        assert_eq!(outline(&plan), expected, "{deletion:?} {emptiness:?} {since:?}");
    }
}

#[test]
fn only_an_owner_deletes_for_empty_answers() {
    let nothing = Rendered::default();
    for creation in POLICIES.into_iter().filter(|policy| *policy != CreationPolicy::Owner) {
        for emptiness in [Emptiness::Proven, Emptiness::Unproven] {
            let (deletion, empty) = (DeletionPolicy::Delete, Some(emptiness));
            let want = Want { creation, deletion, empty, ..want(&nothing) };
            let Plan::Refuse(refusal) = plan(&want, Some(&foreign(&[])), at(NOW)) else {
                panic!("{creation:?} {emptiness:?} was not refused")
            };
            let text =
                format!("unable to delete secret out: creationPolicy={} is not Owner", creation.word());
            assert_eq!((refusal.what, refusal.error.to_string()), (Failed::Delete, text));
        }
    }
}

#[test]
fn a_secret_is_deleted_only_if_everything_on_it_says_that_it_is_ours() {
    let values = rendered(&[("a", "1")]);
    let ours = synced(&want(&values));
    let labelled = |labels: &[(&str, &str)]| labelled(foreign(&[("a", "1")]), labels);
    let by_other =
        |label: &[(&str, &str)]| stored(labelled(label), "externalsecrets.external-secrets.io/other");
    let own_label = OWNER.created_by();
    let mut without_owner = ours.clone();
    without_owner.meta.owners.clear();
    let controller = "it is controlled by another object";
    let table = [
        ("controlled by this object", ours.clone(), Ok(())),
        (
            "controlled by one of its name",
            controlled(ours.clone(), "external-secrets.io/v1", KIND, ("es", "u")),
            Err(controller),
        ),
        (
            "controlled by another",
            controlled(ours.clone(), "apps/v1", "Deployment", ("es", "u")),
            Err(controller),
        ),
        ("owner reference lost", without_owner, Ok(())),
        ("labelled by hand", labelled(&[(MANAGED_LABEL, "true")]), Ok(())),
        (
            "labelled, ours by label",
            labelled(&[(MANAGED_LABEL, "true"), (CREATED_BY_LABEL, &own_label)]),
            Ok(()),
        ),
        ("not labelled", foreign(&[("a", "1")]), Err("it was not made by this ExternalSecret")),
        ("label false", labelled(&[(MANAGED_LABEL, "false")]), Err("it was not made by this ExternalSecret")),
        (
            "another's label",
            labelled(&[(MANAGED_LABEL, "true"), (CREATED_BY_LABEL, "x")]),
            Err("another ExternalSecret wrote it"),
        ),
        ("another's data", by_other(&[(MANAGED_LABEL, "true")]), Err("another ExternalSecret wrote it")),
    ];
    for (state, secret, expected) in table {
        assert_eq!(may_delete(&OWNER, &secret.meta), expected, "{state}");
    }
}

#[test]
fn a_refused_deletion_says_why() {
    let nothing = Rendered::default();
    let (deletion, empty) = (DeletionPolicy::Delete, Some(Emptiness::Proven));
    let want = Want { deletion, empty, ..want(&nothing) };
    let Plan::Refuse(refusal) = plan(&want, Some(&foreign(&[])), at(NOW)) else {
        panic!("it was not refused")
    };
    let text = "unable to delete secret out: it was not made by this ExternalSecret";
    assert_eq!((refusal.what, refusal.error.to_string().as_str()), (Failed::Delete, text));
    assert_eq!(refusal.error.kind(), Kind::Refused);
}

#[test]
fn a_deleted_object_takes_with_it_only_what_it_controls() {
    let values = rendered(&[("a", "1")]);
    let ours = synced(&want(&values));
    let renamed = controlled(ours.clone(), "external-secrets.io/v1", KIND, ("es", "uid-before"));
    let mut loose = ours.clone();
    loose.meta.owners[0].controller = false;
    let table = [
        (DeletionPolicy::Delete, Some(&ours), true),
        (DeletionPolicy::Delete, Some(&renamed), false),
        (DeletionPolicy::Delete, Some(&loose), false),
        (DeletionPolicy::Delete, None, false),
        (DeletionPolicy::Retain, Some(&ours), false),
        (DeletionPolicy::Merge, Some(&ours), false),
    ];
    for (policy, target, expected) in table {
        let state = on_deletion(&OWNER, policy, target);
        assert_eq!(state, expected.then(state_of_target), "{policy:?} {target:?}");
    }
}

fn state_of_target() -> Precondition {
    Precondition { uid: "uid-out".into(), resource_version: "7".into() }
}

/// A change of a Secret, by name.
type Change = (&'static str, fn(&mut Secret));

#[test]
fn an_orphan_is_ours_by_label_and_by_owner_and_has_another_name() {
    let values = rendered(&[("a", "1")]);
    let want = want(&values);
    let digests = DigestKey::new(&[1; 32]);
    let kept = |change: fn(&mut Secret)| {
        let mut secret = synced(&want);
        secret.meta.name = "before".into();
        change(&mut secret);
        ManagedSecret::of(&secret, &digests)
    };
    let left = kept(|_| ());
    assert!(is_orphan(&want, &left, &digests));
    assert!(!is_orphan(&Want { creation: CreationPolicy::Orphan, ..want }, &left, &digests));
    let table: [Change; 6] = [
        ("the target", |secret| secret.meta.name = "out".into()),
        ("another label", |secret| drop(secret.meta.labels.insert(CREATED_BY_LABEL.into(), "x".into()))),
        ("no label", |secret| drop(secret.meta.labels.remove(CREATED_BY_LABEL))),
        ("another owner", |secret| secret.meta.owners[0].uid = "uid-before".into()),
        ("an owner of another kind", |secret| secret.meta.owners[0].kind = "PushSecret".into()),
        ("no owner: a copied label", |secret| secret.meta.owners.clear()),
    ];
    for (state, change) in table {
        assert!(!is_orphan(&want, &kept(change), &digests), "{state}");
    }
}

/// Labels or annotations.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// `Secret/out` as ESO 2.9 was recorded to leave it (`data-basic`, `labels-copied`).
fn recorded(owner: &Owner<'_>, created_by: &str, copied: (Pairs<'_>, Pairs<'_>)) -> Secret {
    let mut labels = strings(copied.0);
    labels.extend(strings(&[(CREATED_BY_LABEL, created_by), (MANAGED_LABEL, "true")]));
    let hash = "9c0bfff0356efd80611a1ec73594c79465a0378528c732092a39b27c";
    let mut annotations = strings(copied.1);
    annotations.insert(DATA_HASH_ANNOTATION.into(), hash.into());
    let mut secret =
        Secret { data: data(&[("a", "v")]), ..Secret::new(&ObjectKey::new(owner.namespace, "out")) };
    (secret.meta.labels, secret.meta.annotations) = (labels, annotations);
    let secret = stored(secret, "externalsecrets.external-secrets.io/es");
    controlled(secret, "external-secrets.io/v1", "ExternalSecret", (owner.name, owner.uid))
}

#[test]
fn a_secret_as_eso_wrote_it_is_adopted_without_a_write() {
    let labels: [(&str, &str); 2] = [("team", "a"), ("app.kubernetes.io/instance", "x")];
    let annotations: [(&str, &str); 3] = [
        ("note", "n"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("argocd.argoproj.io/sync-wave", "1"),
    ];
    let cases: [(&str, &str, Pairs<'_>, Pairs<'_>); 2] = [
        ("c-data-basic", "e32be2491fa284d220a8cfd90ed4c405b0937d9edf820bb84bdfd812", &[], &[]),
        (
            "c-labels-copied",
            "fba421d8e6c63b04d0015e38fed4839f79c606772ff3cb84941ed790",
            &labels,
            &annotations,
        ),
    ];
    for (namespace, created_by, labels, annotations) in cases {
        let owner = Owner { namespace, ..OWNER };
        let have = recorded(&owner, created_by, (labels, annotations));
        let (labels, annotations) = (strings(labels), strings(annotations));
        let values = Rendered { labels, annotations, ..rendered(&[("a", "v")]) };
        let plan = plan(&Want { owner, ..want(&values) }, Some(&have), at(NOW));
        assert_eq!(outline(&plan), "unchanged", "{namespace}");
    }
}

#[test]
fn sec_06_a_secret_is_judged_as_it_would_be_written_and_not_as_its_template_says() {
    let values = rendered(&[("a", "1")]);
    let mut have = foreign(&[]);
    have.type_ = "kubernetes.io/service-account-token".into();
    have.meta.annotations = strings(&[("kubernetes.io/service-account.name", "admin")]);
    for creation in [CreationPolicy::Owner, CreationPolicy::Orphan, CreationPolicy::Merge] {
        let Plan::Refuse(refusal) = plan(&Want { creation, ..want(&values) }, Some(&have), at(NOW)) else {
            panic!("{creation:?} would write a token Secret")
        };
        assert_eq!((refusal.what, refusal.error.kind()), (Failed::Update, Kind::Refused));
    }
}

#[test]
fn sec_06_metadata_of_the_object_cannot_smuggle_the_account_in() {
    let annotations = strings(&[("kubernetes.io/service-account.name", "admin")]);
    let type_ = Some("kubernetes.io/service-account-token".into());
    let values = Rendered { annotations, type_, ..rendered(&[("a", "1")]) };
    assert_eq!(outline(&plan(&want(&values), None, at(NOW))), "refuse: Update");
}
