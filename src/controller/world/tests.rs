//! What the world lets through, and whom it wakes. Its objects are those that the cluster in memory would show.

use jiff::Timestamp;
use keyferry_stores::base::refs::RefKind;
use serde_json::{Value, json};

use super::*;
use crate::cluster::{
    OwnerReference, Secret,
    fake::FakeCluster,
    managed::DigestKey,
    watch::{Gone, Pairs},
};

const STORE: StatusKind = StatusKind::SecretStore;
const CLUSTER_STORE: StatusKind = StatusKind::ClusterSecretStore;

struct Bench {
    cluster: FakeCluster,
    world: World,
}

impl Bench {
    fn new() -> Self {
        let world =
            World::new(Expected { over: Namespaces::All, cluster_stores: true, class: "default".into() });
        Self { cluster: FakeCluster::new(), world }
    }

    fn put(&mut self, store: &StoreRef, spec: &Value) -> Vec<Signal> {
        let raw = self.cluster.put_object(store.kind, &store.key, spec);
        self.world.apply_store(store.kind, Change::Applied(raw))
    }

    fn judge(&mut self, store: &StoreRef, ready: &str) -> Vec<Signal> {
        let status = json!({ "conditions": [{ "type": "Ready", "status": ready }] });
        let raw = self.cluster.change_object(store.kind, &store.key, |raw| {
            raw.status = Some(status.to_string().into_bytes().into());
        });
        self.world.apply_store(store.kind, Change::Applied(raw))
    }

    fn namespace(&mut self, name: &str, labels: &[(&str, &str)]) -> Vec<Signal> {
        let version = (labels.len() + 1).to_string();
        let namespace = Namespace {
            key: ObjectKey::new("", name),
            uid: name.into(),
            resource_version: version.into(),
            labels: labels.iter().copied().collect(),
        };
        self.world.apply_namespace(Change::Applied(namespace))
    }

    /// The Secret that holds a credential, in this version.
    fn credential(&mut self, namespace: &str, version: &str) -> Vec<Signal> {
        self.world.apply_metadata(MetadataKind::Secret, Change::Applied(credential(namespace, version)))
    }

    /// `Ok`, or why the store cannot be asked.
    fn usable(&mut self, store: &StoreRef, namespace: &str, gate: bool) -> &'static str {
        match self.world.usable(store, Some(namespace), gate) {
            Ok(_) => "usable",
            Err(Unusable::Missing(_)) => "missing",
            Err(Unusable::Unjudged(_)) => "unjudged",
            Err(Unusable::Unready(error) | Unusable::No(error)) => error.kind().word(),
        }
    }

    fn identity(&mut self, store: &StoreRef, namespace: &str) -> Digest {
        self.world.usable(store, Some(namespace), false).unwrap().target.identity
    }

    fn controlled_by(&self, uid: &str) -> Vec<&str> {
        let uid = uid.into();
        let mut names: Vec<_> = self.world.controlled_by(&uid).map(|secret| secret.key.name()).collect();
        names.sort_unstable();
        names
    }
}

fn credential(namespace: &str, version: &str) -> Metadata {
    Metadata {
        key: ObjectKey::new(namespace, "token"),
        uid: "u".into(),
        resource_version: version.into(),
        annotations: Pairs::default(),
    }
}

fn store() -> StoreRef {
    StoreRef { kind: STORE, key: ObjectKey::new("team", "s") }
}

fn cluster_store() -> StoreRef {
    StoreRef { kind: CLUSTER_STORE, key: ObjectKey::new("", "c") }
}

fn fake() -> Value {
    json!({ "provider": { "fake": { "data": [] } } })
}

/// A store that logs in with the Secret `token`, in `namespace` if one is named.
fn vault(namespace: Option<&str>) -> Value {
    let mut token = json!({ "name": "token", "key": "t" });
    if let Some(namespace) = namespace {
        token["namespace"] = json!(namespace);
    }
    json!({ "provider": { "vault": { "server": "https://vault.invalid:8200", "path": "kv",
        "auth": { "tokenSecretRef": token } } } })
}

fn target(name: &str, owner: &str, version: &str) -> ManagedSecret {
    let owner = OwnerReference {
        api_version: "external-secrets.io/v1".into(),
        kind: "ExternalSecret".into(),
        name: owner.into(),
        uid: owner.into(),
        controller: true,
        block_owner_deletion: true,
    };
    let mut secret = Secret::new(&ObjectKey::new("team", name));
    (secret.meta.uid, secret.meta.resource_version) = (name.into(), version.into());
    secret.meta.owners = vec![owner];
    ManagedSecret::of(&secret, &DigestKey::new(&[7; 32]))
}

#[test]
fn a_cluster_store_admits_the_namespaces_that_a_condition_names_selects_or_matches() {
    let conditions = json!([
        { "namespaces": ["named"] },
        { "namespaceSelector": { "matchLabels": { "team": "a" } } },
        { "namespaceRegexes": ["^shop-"] },
    ]);
    let mut bench = Bench::new();
    let mut spec = fake();
    spec["conditions"] = conditions;
    bench.put(&cluster_store(), &spec);
    bench.namespace("selected", &[("team", "a")]);
    bench.namespace("other", &[("team", "b")]);
    for (namespace, outcome) in [
        ("named", "usable"),
        ("selected", "usable"),
        ("shop-1", "usable"),
        ("other", "refused"),
        ("unknown", "refused"),
    ] {
        assert_eq!(bench.usable(&cluster_store(), namespace, false), outcome, "{namespace}");
    }
}

#[test]
fn a_changed_label_of_a_namespace_is_told_and_admits_it() {
    let mut bench = Bench::new();
    let mut spec = fake();
    spec["conditions"] = json!([{ "namespaceSelector": { "matchLabels": { "team": "a" } } }]);
    bench.put(&cluster_store(), &spec);
    bench.namespace("n", &[]);
    assert_eq!(bench.namespace("n", &[("team", "a")]), [Signal::Namespace("n".into())]);
    assert_eq!(bench.usable(&cluster_store(), "n", false), "usable");
    bench.namespace("n", &[("team", "b"), ("more", "")]);
    assert_eq!(
        bench.usable(&cluster_store(), "n", false),
        "refused",
        "what was found once is not believed for ever"
    );
}

#[test]
fn a_store_that_was_usable_is_not_when_it_fails_its_judgement_or_goes() {
    let mut bench = Bench::new();
    bench.put(&store(), &fake());
    bench.judge(&store(), "True");
    assert_eq!(bench.usable(&store(), "team", true), "usable");
    bench.judge(&store(), "False");
    assert_eq!(bench.usable(&store(), "team", true), "refused");
    bench.judge(&store(), "True");
    assert_eq!(bench.usable(&store(), "team", true), "usable");
    let raw = bench.world.store(&store()).cloned().unwrap();
    bench.world.apply_store(STORE, Change::Deleted(Gone::of(&raw)));
    assert_eq!(bench.usable(&store(), "team", true), "missing");
}

/// Two ClusterSecretStores that are configured alike, neither of them judged.
fn kin(bench: &mut Bench) -> [StoreRef; 2] {
    bench.credential("vault", "1");
    ["c", "d"].map(|name| {
        let store = StoreRef { kind: CLUSTER_STORE, key: ObjectKey::new("", name) };
        bench.put(&store, &vault(Some("vault")));
        store
    })
}

#[test]
fn objects_of_a_store_wait_for_its_kin_until_the_last_of_them_is_judged_or_gone() {
    for is_judged in [true, false] {
        let mut bench = Bench::new();
        let [first, last] = kin(&mut bench);
        let identity = bench.identity(&first, "team");
        assert!(!bench.judge(&first, "True").contains(&Signal::Judged(vec![last.clone()])));
        assert!(bench.world.awaits_kin(&identity, Timestamp::UNIX_EPOCH).is_some());
        let raw = bench.world.store(&last).cloned().unwrap();
        let signals = match is_judged {
            true => bench.judge(&last, "True"),
            false => bench.world.apply_store(CLUSTER_STORE, Change::Deleted(Gone::of(&raw))),
        };
        let together = if is_judged { vec![first, last] } else { vec![first] };
        assert!(signals.contains(&Signal::Judged(together)), "{signals:?}");
        assert!(bench.world.awaits_kin(&identity, Timestamp::UNIX_EPOCH).is_none());
    }
}

#[test]
fn stores_that_are_configured_alike_tick_together_whatever_the_version_of_their_credential() {
    let mut bench = Bench::new();
    let [first, last] = kin(&mut bench);
    bench.put(&store(), &fake());
    let line = bench.world.line(&first).unwrap();
    bench.credential("vault", "2");
    assert_eq!([bench.world.line(&first), bench.world.line(&last)], [Some(line), Some(line)]);
    assert!(bench.world.line(&store()).is_some_and(|other| other != line));
}

#[test]
fn the_flood_gate_tells_a_store_that_is_not_judged_from_one_that_is_not_ready() {
    for (judgement, gate, outcome) in [
        (None, true, "unjudged"),
        (None, false, "usable"),
        (Some("False"), true, "refused"),
        (Some("False"), false, "usable"),
        (Some("True"), true, "usable"),
    ] {
        let mut bench = Bench::new();
        bench.put(&store(), &fake());
        if let Some(ready) = judgement {
            bench.judge(&store(), ready);
        }
        assert_eq!(bench.usable(&store(), "team", gate), outcome, "{judgement:?} {gate}");
    }
}

#[test]
fn a_store_that_is_not_there_is_missing_and_one_that_does_not_parse_is_invalid() {
    let mut bench = Bench::new();
    assert_eq!(bench.usable(&store(), "team", true), "missing");
    bench.put(&store(), &json!({ "provider": 5 }));
    assert_eq!(bench.usable(&store(), "team", false), "invalid");
}

#[test]
fn a_scope_is_minted_from_the_store_and_the_object_that_asks() {
    for (store, consumer, scope) in [
        (store(), Some("other"), Scope::Namespace("team".into())),
        (store(), None, Scope::Namespace("team".into())),
        (cluster_store(), Some("other"), Scope::Cluster("other".into())),
        (cluster_store(), None, Scope::ClusterOnly),
    ] {
        let mut bench = Bench::new();
        bench.put(&store, &fake());
        assert_eq!(bench.world.usable(&store, consumer, false).unwrap().scope, scope, "{store:?}");
    }
}

#[test]
fn a_namespaced_store_that_names_another_namespace_is_refused() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(Some("other")));
    assert_eq!(bench.usable(&store(), "team", false), "refused");
}

#[test]
fn a_credential_wakes_the_store_that_names_it_with_each_new_version() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(None));
    let woken = [Signal::Credential(vec![store()])];
    assert_eq!(bench.credential("team", "1"), woken);
    assert_eq!(bench.credential("team", "1"), [], "the same version");
    assert_eq!(bench.credential("team", "2"), woken);
    assert_eq!(bench.credential("other", "3"), [], "of another namespace");
}

#[test]
fn a_credential_that_goes_wakes_its_store() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(None));
    bench.credential("team", "1");
    let gone = Change::Deleted(Gone::of(&credential("team", "2")));
    assert_eq!(bench.world.apply_metadata(MetadataKind::Secret, gone), [Signal::Credential(vec![store()])]);
}

#[test]
fn a_credential_that_a_new_list_lacks_wakes_its_store() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(None));
    bench.credential("team", "1");
    bench.world.apply_metadata(MetadataKind::Secret, Change::Begin(0));
    let signals = bench.world.apply_metadata(MetadataKind::Secret, Change::Listed(0));
    assert_eq!(signals, [Signal::Credential(vec![store()]), Signal::Listed]);
}

#[test]
fn a_store_that_names_a_credential_no_longer_is_not_woken_by_it() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(None));
    bench.put(&store(), &fake());
    assert_eq!(bench.credential("team", "1"), []);
}

#[test]
fn a_cluster_store_is_woken_by_the_credential_of_a_namespace_that_used_it() {
    let mut bench = Bench::new();
    bench.put(&cluster_store(), &vault(None));
    assert_eq!(bench.credential("team", "1"), [], "nobody has used it yet");
    assert_eq!(bench.usable(&cluster_store(), "team", false), "usable");
    assert_eq!(bench.credential("team", "2"), [Signal::Credential(vec![cluster_store()])]);
}

#[test]
fn an_identity_changes_with_the_version_of_its_credential_alone() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(None));
    bench.credential("team", "1");
    let first = bench.identity(&store(), "team");
    bench.credential("other", "9");
    assert_eq!(bench.identity(&store(), "team"), first);
    bench.credential("team", "2");
    assert_ne!(bench.identity(&store(), "team"), first);
}

#[test]
fn an_identity_under_which_a_store_is_judged_is_in_use() {
    let mut bench = Bench::new();
    bench.put(&store(), &fake());
    let own = bench.world.usable(&store(), None, false).unwrap().target.identity;
    assert_eq!(bench.world.identities_in_use(HashSet::new()), HashSet::from([own]));
}

#[test]
fn secrets_are_found_by_the_object_that_controls_them_now() {
    let mut bench = Bench::new();
    bench.world.apply_secret(Change::Applied(target("a", "first", "1")));
    bench.world.apply_secret(Change::Applied(target("b", "first", "2")));
    assert_eq!(bench.controlled_by("first"), ["a", "b"]);
    bench.world.apply_secret(Change::Applied(target("a", "second", "3")));
    assert_eq!((bench.controlled_by("first"), bench.controlled_by("second")), (vec!["b"], vec!["a"]));
}

#[test]
fn a_secret_that_we_wrote_is_found_before_the_watch_tells_of_it() {
    let mut bench = Bench::new();
    bench.world.put_own(target("a", "first", "1"));
    assert_eq!(bench.controlled_by("first"), ["a"]);
}

#[test]
fn a_secret_that_went_is_controlled_by_nobody() {
    let mut bench = Bench::new();
    for name in ["a", "b"] {
        bench.world.apply_secret(Change::Applied(target(name, "first", "1")));
    }
    let gone = Gone::of(&target("a", "first", "2"));
    bench.world.apply_secret(Change::Deleted(gone));
    assert_eq!(bench.controlled_by("first"), ["b"]);
    bench.world.apply_secret(Change::Begin(0));
    bench.world.apply_secret(Change::Listed(0));
    assert!(bench.world.owned.is_empty());
}

#[test]
fn a_store_lacks_what_it_names_until_that_was_seen() {
    let mut bench = Bench::new();
    bench.put(&store(), &vault(None));
    assert!(bench.world.lacks_references(&store()));
    bench.credential("team", "1");
    assert!(!bench.world.lacks_references(&store()));
}

#[test]
fn a_store_that_names_nothing_lacks_nothing() {
    let mut bench = Bench::new();
    bench.put(&store(), &fake());
    assert!(!bench.world.lacks_references(&store()));
}

#[test]
fn the_world_is_listed_with_its_last_first_list() {
    for cluster_stores in [true, false] {
        let mut world =
            World::new(Expected { over: Namespaces::All, cluster_stores, class: "default".into() });
        world.apply_store(STORE, Change::Listed(0));
        world.apply_secret(Change::Listed(0));
        for kind in [MetadataKind::Secret, MetadataKind::ConfigMap, MetadataKind::ServiceAccount] {
            assert!(!world.is_listed());
            world.apply_metadata(kind, Change::Listed(0));
        }
        assert_eq!(world.is_listed(), !cluster_stores, "without the cluster's stores and namespaces");
        world.apply_store(CLUSTER_STORE, Change::Listed(0));
        world.apply_namespace(Change::Listed(0));
        assert!(world.is_listed());
    }
}

#[test]
fn a_changed_template_tells_of_the_objects_that_use_it_and_of_no_others() {
    let mut bench = Bench::new();
    let template = |kind| Resolved { kind, namespace: "team".into(), name: "token".into() };
    let [secret, config_map] = [RefKind::Secret, RefKind::ConfigMap].map(template);
    let [first, second] = ["a", "b"].map(|name| ObjectKey::new("team", name));
    bench.world.name_templates(&first, &[secret.clone(), config_map.clone()]);
    bench.world.name_templates(&second, std::slice::from_ref(&config_map));
    let mut change = |kind, namespace: &str, version: &str| {
        bench.world.apply_metadata(kind, Change::Applied(credential(namespace, version)))
    };
    for (kind, at, users) in [
        (MetadataKind::Secret, secret.clone(), vec![first.clone()]),
        (MetadataKind::ConfigMap, config_map.clone(), vec![first.clone(), second.clone()]),
    ] {
        let told = match change(kind, "team", "1").as_slice() {
            [Signal::Template(changed, told)] if *changed == at => {
                let mut told = told.clone();
                told.sort();
                told
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(told, users, "{kind:?}");
        assert_eq!(change(kind, "team", "1"), [], "{kind:?}: the same version is no change");
        assert_eq!(change(kind, "other", "1"), [], "{kind:?} of another namespace");
    }
    assert_eq!(change(MetadataKind::ServiceAccount, "team", "1"), [], "no template lies in such an object");
    bench.world.unname_templates(&first, [secret, config_map.clone()]);
    let mut change =
        |kind, version: &str| bench.world.apply_metadata(kind, Change::Applied(credential("team", version)));
    assert_eq!(change(MetadataKind::Secret, "2"), []);
    assert_eq!(change(MetadataKind::ConfigMap, "2"), [Signal::Template(config_map, vec![second])]);
}
