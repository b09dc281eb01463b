//! The contract of `cluster::Cluster` and `cluster::watch::Watches`: one list of facts, held by the cluster in memory (always) and by
//! the real API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use keyferry::cluster::fake::FakeCluster;
use keyferry::cluster::generic::{GenericObject, ManagedObject, ObjectKind};
use keyferry::cluster::kube::{Connection, KubeCluster};
use keyferry::cluster::managed::{DigestKey, ManagedSecret, find};
use keyferry::cluster::mirror::Mirror;
use keyferry::cluster::watch::{Change, Feed, MetadataKind, Namespaces, Versioned, Watches};
use keyferry::cluster::{
    Cluster, DATA_HASH_ANNOTATION, Event, MANAGED_LABEL, ObjectKey, Precondition, Secret, StatusKind,
    Subject, WritePermit,
};
use keyferry_stores::base::{Kind, Result, clock::SystemClock};
use serde_json::{Value, json};

use crate::{keyferry::install_kinds, plane::Plane};

/// How long a feed may take to tell of a change. Long, because it only matters when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);
const FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";
const OURS: &str = "externalsecrets.external-secrets.io/e";

/// A cluster with a namespace of the test's own, and the rest of the world.
struct Stage {
    cluster: Arc<dyn Cluster>,
    watches: Box<dyn Watches>,
    world: World,
    namespace: String,
}

enum World {
    Fake(FakeCluster),
    Real(Box<Plane>),
}

/// Whether the test passed or not, its namespace goes.
impl Drop for Stage {
    fn drop(&mut self) {
        if let World::Real(plane) = &self.world {
            let _ = plane.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"], "");
        }
    }
}

impl Stage {
    fn fake(name: &str) -> Self {
        let fake = FakeCluster::new();
        fake.put_namespace(name, &[]);
        let (cluster, watches) = (Arc::new(fake.clone()), Box::new(fake.clone()));
        Self { cluster, watches, world: World::Fake(fake), namespace: name.into() }
    }

    async fn real(name: &str) -> Self {
        let plane = Plane::get();
        let connection = Connection { kubeconfig: Some(plane.kubeconfig.clone()), ..Connection::default() };
        let cluster = KubeCluster::connect(&connection, Arc::new(SystemClock::new())).await.unwrap();
        let name = name.replace('_', "-");
        let namespace = format!("contract-{}", name[..name.len().min(50)].trim_end_matches('-'));
        plane.kubectl(&["create", "namespace", &namespace], "").unwrap();
        let watches = Box::new(cluster.watches());
        Self { cluster: Arc::new(cluster), watches, world: World::Real(Box::new(plane)), namespace }
    }

    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::new(&*self.namespace, name)
    }

    fn over(&self) -> Namespaces {
        Namespaces::Some(vec![self.namespace.clone()])
    }

    fn secret(&self, name: &str, data: &[(&str, &str)]) -> Secret {
        let mut secret = Secret::new(&self.key(name));
        secret.meta.labels.insert(MANAGED_LABEL.into(), "true".into());
        secret.data.extend(data.iter().map(|(key, value)| ((*key).into(), (*value).into())));
        secret
    }

    async fn create(&self, secret: &Secret) -> Result<Secret> {
        self.cluster.create_secret(WritePermit::sole(), secret, OURS.into()).await
    }

    async fn replace(&self, secret: &Secret, manager: &str) -> Result<Secret> {
        self.cluster.replace_secret(WritePermit::sole(), secret, manager.into()).await
    }

    async fn delete(&self, name: &str, uid: &str, version: &str) -> Result<()> {
        let state = Precondition { uid: uid.into(), resource_version: version.into() };
        self.cluster.delete_secret(WritePermit::sole(), &self.key(name), &state).await
    }

    /// A ConfigMap that is not there yet.
    fn object(&self, name: &str, data: &[(&str, &str)]) -> GenericObject {
        let mut object = GenericObject::new(config_maps(), &self.key(name));
        object.meta.labels.insert(MANAGED_LABEL.into(), "true".into());
        object.body.insert("data".into(), data.iter().copied().collect());
        object
    }

    async fn create_object(&self, object: &GenericObject) -> Result<GenericObject> {
        self.cluster.create_object(WritePermit::sole(), object, OURS.into()).await
    }

    async fn replace_object(&self, object: &GenericObject, manager: &str) -> Result<GenericObject> {
        self.cluster.replace_object(WritePermit::sole(), object, manager.into()).await
    }

    async fn get_object(&self, name: &str) -> Result<GenericObject> {
        self.cluster.get_object(&config_maps(), &self.key(name)).await
    }

    async fn delete_object(&self, name: &str, uid: &str, version: &str) -> Result<()> {
        let state = Precondition { uid: uid.into(), resource_version: version.into() };
        self.cluster.delete_object(WritePermit::sole(), &config_maps(), &self.key(name), &state).await
    }

    async fn patch_status(&self, subject: &Subject, status: Value) -> Result<()> {
        self.cluster.patch_status(WritePermit::sole(), subject, status).await.map(drop)
    }

    /// Somebody makes an ExternalSecret with this spec, and with a finalizer.
    fn external_secret(&self, name: &str, spec: &Value) -> Subject {
        let (kind, key) = (StatusKind::ExternalSecret, self.key(name));
        let uid = match &self.world {
            World::Fake(fake) => {
                fake.put_object(kind, &key, spec);
                fake.change_object(kind, &key, |object| object.finalizers = [FINALIZER.into()].into())
                    .uid
                    .to_string()
            }
            World::Real(plane) => {
                install_kinds(plane);
                let metadata =
                    json!({ "name": name, "namespace": key.namespace(), "finalizers": [FINALIZER] });
                let object = json!({ "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
                    "metadata": metadata, "spec": spec });
                plane.kubectl(&["create", "-f", "-"], &object.to_string()).unwrap();
                self.told(name, "{.metadata.uid}")
            }
        };
        Subject { kind, key, uid }
    }

    /// Custom resources can be made. The cluster in memory knows every kind.
    fn install_kinds(&self) {
        if let World::Real(plane) = &self.world {
            install_kinds(plane);
        }
    }

    /// Somebody deletes it, without waiting for it to go.
    fn delete_external_secret(&self, subject: &Subject) {
        match &self.world {
            World::Fake(fake) => fake.delete_object(subject.kind, &subject.key),
            World::Real(plane) => {
                let Subject { key, .. } = subject;
                let args =
                    ["delete", "externalsecrets.external-secrets.io", key.name(), "-n", key.namespace()];
                plane.kubectl(&[&args[..], &["--wait=false"]].concat(), "").unwrap();
            }
        }
    }

    fn status(&self, subject: &Subject) -> Value {
        match &self.world {
            World::Fake(fake) => fake.status(subject.kind, &subject.key),
            World::Real(_) => {
                serde_json::from_str(&self.told(subject.key.name(), "{.status}")).unwrap_or_default()
            }
        }
    }

    fn told(&self, name: &str, path: &str) -> String {
        let World::Real(plane) = &self.world else { return String::new() };
        let path = format!("jsonpath={path}");
        let args = ["get", "externalsecrets.external-secrets.io", name, "-n", &self.namespace, "-o", &path];
        plane.kubectl(&args, "").unwrap()
    }

    /// Somebody makes a ConfigMap and a ServiceAccount, both `named`.
    fn config_map_and_service_account(&self, name: &str) {
        match &self.world {
            World::Fake(fake) => {
                fake.put_config_map(&self.key(name), &[("k", "v")]);
                fake.put_service_account(&self.key(name), &[("role", "r")]);
            }
            World::Real(plane) => {
                let metadata =
                    json!({ "name": name, "namespace": self.namespace, "annotations": { "role": "r" } });
                let list = json!({ "apiVersion": "v1", "kind": "List", "items": [
                    { "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "k": "v" } },
                    { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata },
                ]});
                plane.kubectl(&["create", "-f", "-"], &list.to_string()).unwrap();
            }
        }
    }
}

fn object_kind(api_version: &str, kind: &str) -> ObjectKind {
    ObjectKind { api_version: api_version.into(), kind: kind.into() }
}

fn config_maps() -> ObjectKind {
    object_kind("v1", "ConfigMap")
}

/// The next changes of a feed into the mirror, until it looks as wished.
async fn until<T: Versioned>(feed: &mut Feed<T>, mirror: &mut Mirror<T>, wish: impl Fn(&Mirror<T>) -> bool) {
    let follow = async {
        while !(mirror.is_listed() && wish(mirror)) {
            mirror.apply(feed.next().await.expect("a feed never ends"));
        }
    };
    tokio::time::timeout(PATIENCE, follow).await.expect("the feed told of it in time");
}

fn names<T: Versioned>(mirror: &Mirror<T>) -> Vec<String> {
    let mut names: Vec<_> = mirror.iter().map(|object| object.key().name().to_string()).collect();
    names.sort();
    names
}

fn digest_key() -> Arc<DigestKey> {
    Arc::new(DigestKey::new(&[3; 32]))
}

fn kind<T>(result: Result<T>) -> Option<Kind> {
    result.err().map(|error| error.kind())
}

/// What is owned by a manager: data, labels.
fn owned(secret: &Secret, manager: &str) -> (Vec<String>, Vec<String>) {
    let owner = secret.meta.field_owners.iter().find(|owner| owner.manager == manager);
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    owner.cloned().map(|owner| (sorted(owner.data), sorted(owner.labels))).unwrap_or_default()
}

async fn an_absent_secret_is_not_found(stage: &Stage) {
    assert_eq!(kind(stage.cluster.get_secret(&stage.key("s")).await), Some(Kind::NotFound));
    assert_eq!(kind(stage.delete("s", "u", "1").await), Some(Kind::NotFound));
}

async fn a_created_secret_reads_back_as_it_was_stored(stage: &Stage) {
    let wanted = stage.secret("s", &[("a", "1"), ("empty", "")]);
    let stored = stage.create(&wanted).await.unwrap();
    assert_eq!(
        (&stored.data, &stored.meta.labels, stored.type_.as_str()),
        (&wanted.data, &wanted.meta.labels, "Opaque")
    );
    assert!(!stored.meta.uid.is_empty() && !stored.meta.resource_version.is_empty());
    assert_eq!(stage.cluster.get_secret(&stage.key("s")).await.unwrap(), stored);
}

async fn a_second_create_is_a_conflict(stage: &Stage) {
    stage.create(&stage.secret("s", &[])).await.unwrap();
    assert_eq!(kind(stage.create(&stage.secret("s", &[])).await), Some(Kind::Conflict));
}

async fn a_stale_replace_is_a_conflict_and_changes_nothing(stage: &Stage) {
    let first = stage.create(&stage.secret("s", &[("a", "1")])).await.unwrap();
    let second = Secret { data: stage.secret("s", &[("a", "2")]).data, ..first.clone() };
    stage.replace(&second, OURS).await.unwrap();
    let third = Secret { data: stage.secret("s", &[("a", "3")]).data, ..first };
    assert_eq!(kind(stage.replace(&third, OURS).await), Some(Kind::Conflict));
    assert_eq!(stage.cluster.get_secret(&stage.key("s")).await.unwrap().data["a"].expose(), b"2");
}

async fn a_replace_that_changes_nothing_keeps_the_version(stage: &Stage) {
    let stored = stage.create(&stage.secret("s", &[("a", "1")])).await.unwrap();
    let again = stage.replace(&stored, OURS).await.unwrap();
    assert_eq!(again.meta.resource_version, stored.meta.resource_version);
}

async fn a_replace_of_an_absent_secret_is_not_found(stage: &Stage) {
    let stored = stage.create(&stage.secret("s", &[])).await.unwrap();
    stage.delete("s", &stored.meta.uid, &stored.meta.resource_version).await.unwrap();
    assert_eq!(kind(stage.replace(&stored, OURS).await), Some(Kind::NotFound));
}

async fn a_field_belongs_to_who_changed_it_last(stage: &Stage) {
    let ours = stage.create(&stage.secret("s", &[("a", "1"), ("b", "1"), ("gone", "1")])).await.unwrap();
    let mut next = Secret { data: stage.secret("s", &[("a", "1"), ("b", "2"), ("c", "1")]).data, ..ours };
    next.meta.labels.insert("l".into(), "1".into());
    let stored = stage.replace(&next, "somebody").await.unwrap();
    let text = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).into()).collect() };
    assert_eq!(owned(&stored, OURS), (text(&["a"]), text(&[MANAGED_LABEL])));
    assert_eq!(owned(&stored, "somebody"), (text(&["b", "c"]), text(&["l"])));
}

async fn a_delete_needs_the_state_that_it_names(stage: &Stage) {
    let stored = stage.create(&stage.secret("s", &[])).await.unwrap();
    let other = "11111111-1111-4111-8111-111111111111";
    assert_eq!(kind(stage.delete("s", other, &stored.meta.resource_version).await), Some(Kind::Conflict));
    assert_eq!(kind(stage.delete("s", &stored.meta.uid, "1").await), Some(Kind::Conflict));
    assert_eq!(kind(stage.delete("s", &stored.meta.uid, &stored.meta.resource_version).await), None);
    assert_eq!(kind(stage.cluster.get_secret(&stage.key("s")).await), Some(Kind::NotFound));
}

async fn what_cannot_be_stored_is_invalid_and_told_without_its_value(stage: &Stage) {
    let error = stage.create(&stage.secret("s", &[("a b", "hunter2-value")])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("a b") && !error.to_string().contains("hunter2"), "{error}");
    let fixed = Secret { immutable: Some(true), ..stage.secret("s", &[("a", "hunter2-value")]) };
    let stored = stage.create(&fixed).await.unwrap();
    let changed = Secret { data: stage.secret("s", &[("a", "hunter3-value")]).data, ..stored };
    let error = stage.replace(&changed, OURS).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(!error.to_string().contains("hunter"), "{error}");
}

async fn an_absent_object_is_not_found(stage: &Stage) {
    assert_eq!(kind(stage.get_object("o").await), Some(Kind::NotFound));
    assert_eq!(kind(stage.delete_object("o", "u", "1").await), Some(Kind::NotFound));
}

async fn a_created_object_reads_back_as_it_was_stored(stage: &Stage) {
    let wanted = stage.object("o", &[("a", "1"), ("empty", "")]);
    let stored = stage.create_object(&wanted).await.unwrap();
    assert_eq!(
        (&stored.body, &stored.meta.labels, &stored.kind),
        (&wanted.body, &wanted.meta.labels, &wanted.kind)
    );
    assert!(!stored.meta.uid.is_empty() && !stored.meta.resource_version.is_empty() && !stored.meta.deleting);
    assert_eq!(stage.get_object("o").await.unwrap(), stored);
}

async fn an_object_without_content_reads_back_without_it(stage: &Stage) {
    let stored = stage.create_object(&stage.object("o", &[])).await.unwrap();
    assert!(stored.body.is_empty(), "{:?}", stored.body.keys());
    assert!(stage.get_object("o").await.unwrap().body.is_empty());
}

async fn a_second_create_of_an_object_is_a_conflict(stage: &Stage) {
    stage.create_object(&stage.object("o", &[])).await.unwrap();
    assert_eq!(kind(stage.create_object(&stage.object("o", &[])).await), Some(Kind::Conflict));
}

async fn a_stale_replace_of_an_object_is_a_conflict_and_changes_nothing(stage: &Stage) {
    let first = stage.create_object(&stage.object("o", &[("a", "1")])).await.unwrap();
    let with = |value| GenericObject { body: stage.object("o", &[("a", value)]).body, ..first.clone() };
    stage.replace_object(&with("2"), OURS).await.unwrap();
    assert_eq!(kind(stage.replace_object(&with("3"), OURS).await), Some(Kind::Conflict));
    assert_eq!(stage.get_object("o").await.unwrap().body["data"], json!({ "a": "2" }));
}

async fn a_replace_of_an_object_that_changes_nothing_keeps_the_version(stage: &Stage) {
    let stored = stage.create_object(&stage.object("o", &[("a", "1")])).await.unwrap();
    let again = stage.replace_object(&stored, OURS).await.unwrap();
    assert_eq!(again.meta.resource_version, stored.meta.resource_version);
}

async fn a_replace_of_an_absent_object_is_not_found(stage: &Stage) {
    let stored = stage.create_object(&stage.object("o", &[])).await.unwrap();
    stage.delete_object("o", &stored.meta.uid, &stored.meta.resource_version).await.unwrap();
    assert_eq!(kind(stage.replace_object(&stored, OURS).await), Some(Kind::NotFound));
}

async fn a_label_of_an_object_belongs_to_who_changed_it_last(stage: &Stage) {
    let mut wanted = stage.object("o", &[]);
    wanted.meta.labels.extend([("l".to_string(), "1".to_string()), ("gone".to_string(), "1".to_string())]);
    wanted.meta.annotations.insert("n".into(), "1".into());
    let mut next = stage.create_object(&wanted).await.unwrap();
    next.meta.labels.remove("gone");
    next.meta.labels.insert("l".into(), "2".into());
    next.meta.annotations.insert("m".into(), "1".into());
    let stored = stage.replace_object(&next, "somebody").await.unwrap();
    let owned = |manager: &str| {
        let owner = stored.meta.field_owners.iter().find(|owner| owner.manager == manager).unwrap();
        (owner.labels.clone(), owner.annotations.clone())
    };
    let text = |name: &str| vec![name.to_string()];
    assert_eq!(owned(OURS), (text(MANAGED_LABEL), text("n")));
    assert_eq!(owned("somebody"), (text("l"), text("m")));
}

async fn a_delete_of_an_object_needs_the_state_that_it_names(stage: &Stage) {
    let stored = stage.create_object(&stage.object("o", &[])).await.unwrap();
    let other = "11111111-1111-4111-8111-111111111111";
    assert_eq!(
        kind(stage.delete_object("o", other, &stored.meta.resource_version).await),
        Some(Kind::Conflict)
    );
    assert_eq!(kind(stage.delete_object("o", &stored.meta.uid, "1").await), Some(Kind::Conflict));
    assert_eq!(kind(stage.delete_object("o", &stored.meta.uid, &stored.meta.resource_version).await), None);
    assert_eq!(kind(stage.get_object("o").await), Some(Kind::NotFound));
}

async fn a_finalizer_holds_a_deleted_object_until_it_is_taken_off(stage: &Stage) {
    let mut held = stage.object("o", &[("a", "1")]);
    held.meta.finalizers = vec![FINALIZER.into()];
    let stored = stage.create_object(&held).await.unwrap();
    stage.delete_object("o", &stored.meta.uid, &stored.meta.resource_version).await.unwrap();
    let mut marked = stage.get_object("o").await.unwrap();
    assert_eq!((marked.meta.deleting, &marked.meta.finalizers), (true, &held.meta.finalizers));
    marked.meta.finalizers.clear();
    stage.replace_object(&marked, OURS).await.unwrap();
    assert_eq!(kind(stage.get_object("o").await), Some(Kind::NotFound));
}

async fn an_object_that_cannot_be_stored_is_invalid_and_told_without_its_texts(stage: &Stage) {
    let error = stage.create_object(&stage.object("o", &[("a b", "hunter2-value")])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("a b") && !error.to_string().contains("hunter2"), "{error}");
    let mut wanted = stage.object("o", &[]);
    wanted.body.insert("data".into(), json!({ "a": 7 }));
    assert_eq!(kind(stage.create_object(&wanted).await), Some(Kind::Invalid));
    wanted.body = stage.object("o", &[]).body;
    wanted.body.insert("metadata".into(), json!({ "name": "other" }));
    assert_eq!(kind(stage.create_object(&wanted).await), Some(Kind::Invalid));
}

async fn a_kind_that_is_unknown_or_lies_in_no_namespace_is_invalid(stage: &Stage) {
    let (permit, state) =
        (WritePermit::sole(), Precondition { uid: "u".into(), resource_version: "1".into() });
    for (api_version, name, told) in [
        ("v1", "Unknown", "is its CustomResourceDefinition installed?"),
        ("no.such.example/v1", "Unknown", "is its CustomResourceDefinition installed?"),
        ("v1", "Namespace", "cluster-scoped"),
    ] {
        let object = GenericObject::new(object_kind(api_version, name), &stage.key("o"));
        let mut stored = object.clone();
        stored.meta.resource_version = "1".into();
        let cluster = &stage.cluster;
        let errors = [
            cluster.get_object(&object.kind, &object.meta.key()).await.unwrap_err(),
            stage.create_object(&object).await.unwrap_err(),
            stage.replace_object(&stored, OURS).await.unwrap_err(),
            cluster.delete_object(permit, &object.kind, &object.meta.key(), &state).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), Kind::Invalid, "{name}: {error}");
            assert!(error.to_string().contains(told), "{name}: {error}");
        }
    }
}

async fn a_custom_resource_is_an_object_as_any_other(stage: &Stage) {
    stage.install_kinds();
    let stores = object_kind("external-secrets.io/v1", "SecretStore");
    let mut wanted = GenericObject::new(stores.clone(), &stage.key("o"));
    let provider = json!({ "fake": { "data": [{ "key": "k", "value": "v" }] } });
    wanted.body.insert("spec".into(), json!({ "refreshInterval": 60, "provider": provider }));
    let stored = stage.create_object(&wanted).await.unwrap();
    let spec = &stored.body["spec"];
    assert_eq!(
        (&spec["refreshInterval"], &spec["provider"]["fake"]["data"][0]["value"]),
        (&json!(60), &json!("v"))
    );
    assert_eq!(stage.cluster.get_object(&stores, &stored.meta.key()).await.unwrap(), stored);
    let again = stage.replace_object(&stored, OURS).await.unwrap();
    assert_eq!(again.meta.resource_version, stored.meta.resource_version);
    let state = stored.meta.state();
    stage.cluster.delete_object(WritePermit::sole(), &stores, &stored.meta.key(), &state).await.unwrap();
    assert_eq!(kind(stage.cluster.get_object(&stores, &stored.meta.key()).await), Some(Kind::NotFound));
}

async fn config_maps_accounts_and_tokens_are_read(stage: &Stage) {
    let (key, gone) = (stage.key("x"), stage.key("gone"));
    stage.config_map_and_service_account("x");
    assert_eq!(stage.cluster.config_map(&key).await.unwrap(), BTreeMap::from([("k".into(), "v".into())]));
    assert_eq!(stage.cluster.service_account(&key).await.unwrap().annotations["role"], "r");
    assert!(!stage.cluster.token(&key, &["a".into()], 600).await.unwrap().value.is_empty());
    assert_eq!(kind(stage.cluster.config_map(&gone).await), Some(Kind::NotFound));
    assert_eq!(kind(stage.cluster.service_account(&gone).await), Some(Kind::NotFound));
    assert_eq!(kind(stage.cluster.token(&gone, &[], 600).await), Some(Kind::NotFound));
}

async fn a_status_is_merged_and_another_uid_is_refused(stage: &Stage) {
    let subject = stage.external_secret("e", &spec("1h"));
    stage.patch_status(&subject, json!({ "refreshTime": "2026-01-01T00:00:00Z" })).await.unwrap();
    stage.patch_status(&subject, json!({ "syncedResourceVersion": "1-a" })).await.unwrap();
    let status = json!({ "refreshTime": "2026-01-01T00:00:00Z", "syncedResourceVersion": "1-a" });
    assert_eq!(stage.status(&subject), status);
    stage.patch_status(&subject, json!({ "binding": { "name": "t" } })).await.unwrap();
    stage.patch_status(&subject, json!({ "binding": null, "conditions": null })).await.unwrap();
    assert_eq!(stage.status(&subject), status);
    let remade = Subject { uid: "11111111-1111-4111-8111-111111111111".into(), ..subject.clone() };
    let refused = stage.patch_status(&remade, json!({ "syncedResourceVersion": "2-b" })).await;
    assert_eq!((kind(refused), stage.status(&subject)), (Some(Kind::Conflict), status));
    let absent = Subject { key: stage.key("gone"), ..subject };
    assert_eq!(kind(stage.patch_status(&absent, json!({})).await), Some(Kind::NotFound));
}

async fn an_object_goes_when_its_last_finalizer_is_taken_off(stage: &Stage) {
    let subject = stage.external_secret("e", &spec("1h"));
    let mut feed = stage.watches.objects(StatusKind::ExternalSecret, &stage.over());
    let mut mirror = Mirror::new(stage.over());
    stage.delete_external_secret(&subject);
    until(&mut feed, &mut mirror, |mirror| mirror.get(&subject.key).is_some_and(|object| object.deleting))
        .await;
    let cluster = &stage.cluster;
    cluster.remove_finalizer(WritePermit::sole(), &subject, "of/somebody-else").await.unwrap();
    cluster.remove_finalizer(WritePermit::sole(), &subject, FINALIZER).await.unwrap();
    until(&mut feed, &mut mirror, Mirror::is_empty).await;
    cluster.remove_finalizer(WritePermit::sole(), &subject, FINALIZER).await.unwrap();
}

async fn a_spec_that_does_not_parse_comes_through_the_feed(stage: &Stage) {
    let poison = stage.external_secret("poison", &spec("1 day"));
    let sound = stage.external_secret("sound", &spec("1h"));
    let mut mirror = Mirror::new(stage.over());
    let mut feed = stage.watches.objects(StatusKind::ExternalSecret, &stage.over());
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["poison", "sound"]).await;
    let object = mirror.get(&poison.key).unwrap();
    let raw: Value = serde_json::from_slice(&object.spec).unwrap();
    assert_eq!(raw["refreshInterval"], "1 day");
    assert_eq!((object.uid.to_string(), object.generation > 0), (poison.uid.clone(), true));
    for subject in [poison, sound] {
        stage.cluster.remove_finalizer(WritePermit::sole(), &subject, FINALIZER).await.unwrap();
    }
}

async fn the_feed_of_managed_secrets_follows_the_label(stage: &Stage) {
    let mut feed = stage.watches.managed(&stage.over(), &digest_key());
    let mut mirror = Mirror::new(stage.over());
    until(&mut feed, &mut mirror, Mirror::is_empty).await;
    let mut unlabelled = stage.secret("other", &[]);
    unlabelled.meta.labels.clear();
    stage.create(&unlabelled).await.unwrap();
    let mut stored = stage.create(&stage.secret("s", &[])).await.unwrap();
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["s"]).await;
    stored.meta.labels.clear();
    stage.replace(&stored, OURS).await.unwrap();
    until(&mut feed, &mut mirror, Mirror::is_empty).await;
}

async fn what_the_feed_keeps_of_a_secret_equals_what_our_own_answer_gives(stage: &Stage) {
    let mut wanted = stage.secret("s", &[("a", "12"), ("b", "")]);
    let hash = keyferry::api::digest::of_data(&wanted.data);
    wanted.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), hash);
    let stored = stage.create(&wanted).await.unwrap();
    let own = ManagedSecret::of(&stored, &digest_key());
    let mut feed = stage.watches.managed(&stage.over(), &digest_key());
    let mut mirror = Mirror::new(stage.over());
    until(&mut feed, &mut mirror, |mirror| !mirror.is_empty()).await;
    assert_eq!(mirror.get(&stage.key("s")), Some(&own));
    let field = find(own.data(), digest_key().tag("a")).unwrap();
    assert_eq!(field.digest, digest_key().fingerprint(b"12"));
    assert!(own.hash_true && own.owned_by(field, digest_key().tag(OURS)));
}

async fn the_feed_of_targets_follows_the_label(stage: &Stage) {
    let mut feed = stage.watches.targets(&config_maps(), &stage.over());
    let mut mirror = Mirror::new(stage.over());
    until(&mut feed, &mut mirror, Mirror::is_empty).await;
    let mut unlabelled = stage.object("other", &[]);
    unlabelled.meta.labels.clear();
    stage.create_object(&unlabelled).await.unwrap();
    let mut stored = stage.create_object(&stage.object("o", &[])).await.unwrap();
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["o"]).await;
    stored.meta.labels.clear();
    stage.replace_object(&stored, OURS).await.unwrap();
    until(&mut feed, &mut mirror, Mirror::is_empty).await;
    let stored = stage.create_object(&stage.object("deleted", &[])).await.unwrap();
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["deleted"]).await;
    stage.delete_object("deleted", &stored.meta.uid, &stored.meta.resource_version).await.unwrap();
    until(&mut feed, &mut mirror, Mirror::is_empty).await;
}

async fn what_the_feed_keeps_of_an_object_equals_what_our_own_answer_gives(stage: &Stage) {
    let mut wanted = stage.object("o", &[("a", "12"), ("b", "")]);
    let hash = keyferry::api::digest::of_content(&wanted.body).unwrap();
    wanted.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), hash);
    let stored = stage.create_object(&wanted).await.unwrap();
    let own = ManagedObject::of(&stored);
    let mut feed = stage.watches.targets(&config_maps(), &stage.over());
    let mut mirror = Mirror::new(stage.over());
    until(&mut feed, &mut mirror, |mirror| !mirror.is_empty()).await;
    assert_eq!((mirror.get(&stage.key("o")), own.whole), (Some(&own), true));
    let changed = GenericObject { body: stage.object("o", &[("a", "13")]).body, ..stored };
    let changed = ManagedObject::of(&stage.replace_object(&changed, "somebody").await.unwrap());
    until(&mut feed, &mut mirror, |mirror| mirror.get(&changed.key) == Some(&changed)).await;
    assert!(!changed.whole);
}

async fn a_feed_of_a_kind_that_is_not_installed_fails_in_every_part(stage: &Stage) {
    let over = Namespaces::Some(vec![stage.namespace.clone(), "contract-other".into()]);
    let feed = stage.watches.targets(&object_kind("no.such.example/v1", "Unknown"), &over);
    let told = tokio::time::timeout(PATIENCE, feed.take(2).collect::<Vec<_>>()).await.unwrap();
    let [Change::Failed(0, first), Change::Failed(1, second)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((first.kind(), second.kind()), (Kind::Invalid, Kind::Invalid));
}

async fn a_new_list_sets_the_mirror_right(stage: &Stage) {
    for name in ["kept", "lost"] {
        stage.create(&stage.secret(name, &[])).await.unwrap();
    }
    let mut mirror = Mirror::new(stage.over());
    let mut feed = stage.watches.managed(&stage.over(), &digest_key());
    until(&mut feed, &mut mirror, |mirror| mirror.len() == 2).await;
    drop(feed);
    let lost = stage.cluster.get_secret(&stage.key("lost")).await.unwrap();
    stage.delete("lost", &lost.meta.uid, &lost.meta.resource_version).await.unwrap();
    let new = stage.create(&stage.secret("new", &[])).await.unwrap();
    mirror.put_own(ManagedSecret::of(&new, &digest_key()));
    let mut feed = stage.watches.managed(&stage.over(), &digest_key());
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["kept", "new"]).await;
}

async fn metadata_feeds_keep_annotations_of_service_accounts_only(stage: &Stage) {
    stage.config_map_and_service_account("x");
    for (kind, role) in [(MetadataKind::ConfigMap, None), (MetadataKind::ServiceAccount, Some("r"))] {
        let mut feed = stage.watches.metadata(kind, &stage.over());
        let mut mirror = Mirror::new(stage.over());
        until(&mut feed, &mut mirror, |mirror| mirror.get(&stage.key("x")).is_some()).await;
        assert_eq!(mirror.get(&stage.key("x")).unwrap().annotations.get("role"), role, "{kind:?}");
    }
}

async fn namespaces_come_with_their_name_as_a_label_or_none(stage: &Stage) {
    let mut feed = stage.watches.namespaces();
    let mut mirror = Mirror::new(Namespaces::All);
    let key = ObjectKey::new("", &*stage.namespace);
    until(&mut feed, &mut mirror, |mirror| mirror.get(&key).is_some()).await;
    let label = mirror.get(&key).unwrap().labels.get("kubernetes.io/metadata.name");
    assert!(label.is_none_or(|name| name == stage.namespace));
}

fn spec(interval: &str) -> Value {
    let data = json!([{ "secretKey": "a", "remoteRef": { "key": "k" } }]);
    json!({ "refreshInterval": interval, "secretStoreRef": { "name": "s" }, "target": { "name": "t" }, "data": data })
}

macro_rules! contract {
    ($($fact:ident)*) => {
        mod fake {
            $(#[tokio::test]
            async fn $fact() {
                super::$fact(&super::Stage::fake(stringify!($fact))).await;
            })*
        }

        mod real {
            $(#[tokio::test]
            #[ignore = "needs the local control plane: ./justw test"]
            async fn $fact() {
                let stage = super::Stage::real(stringify!($fact)).await;
                super::$fact(&stage).await;
                        })*
        }
    };
}

contract! {
    an_absent_secret_is_not_found
    a_created_secret_reads_back_as_it_was_stored
    a_second_create_is_a_conflict
    a_stale_replace_is_a_conflict_and_changes_nothing
    a_replace_that_changes_nothing_keeps_the_version
    a_replace_of_an_absent_secret_is_not_found
    a_field_belongs_to_who_changed_it_last
    a_delete_needs_the_state_that_it_names
    what_cannot_be_stored_is_invalid_and_told_without_its_value
    an_absent_object_is_not_found
    a_created_object_reads_back_as_it_was_stored
    an_object_without_content_reads_back_without_it
    a_second_create_of_an_object_is_a_conflict
    a_stale_replace_of_an_object_is_a_conflict_and_changes_nothing
    a_replace_of_an_object_that_changes_nothing_keeps_the_version
    a_replace_of_an_absent_object_is_not_found
    a_label_of_an_object_belongs_to_who_changed_it_last
    a_delete_of_an_object_needs_the_state_that_it_names
    a_finalizer_holds_a_deleted_object_until_it_is_taken_off
    an_object_that_cannot_be_stored_is_invalid_and_told_without_its_texts
    a_kind_that_is_unknown_or_lies_in_no_namespace_is_invalid
    a_custom_resource_is_an_object_as_any_other
    config_maps_accounts_and_tokens_are_read
    a_status_is_merged_and_another_uid_is_refused
    an_object_goes_when_its_last_finalizer_is_taken_off
    a_spec_that_does_not_parse_comes_through_the_feed
    the_feed_of_managed_secrets_follows_the_label
    what_the_feed_keeps_of_a_secret_equals_what_our_own_answer_gives
    the_feed_of_targets_follows_the_label
    what_the_feed_keeps_of_an_object_equals_what_our_own_answer_gives
    a_feed_of_a_kind_that_is_not_installed_fails_in_every_part
    a_new_list_sets_the_mirror_right
    metadata_feeds_keep_annotations_of_service_accounts_only
    namespaces_come_with_their_name_as_a_label_or_none
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_secret_for_a_namespace_that_is_absent_is_invalid_and_not_an_absent_secret() {
    let stage = Stage::real("absent_namespace").await;
    let mut homeless = stage.secret("s", &[]);
    homeless.meta.namespace = "contract-no-such".into();
    assert_eq!(kind(stage.create(&homeless).await), Some(Kind::Invalid));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn events_are_shown_beside_their_object() {
    let plane = Plane::get();
    plane.kubectl(&["create", "namespace", "contract-events"], "").unwrap();
    let connection = Connection { kubeconfig: Some(plane.kubeconfig.clone()), ..Connection::default() };
    let cluster = KubeCluster::connect(&connection, Arc::new(SystemClock::new())).await.unwrap();
    let (kind, key) = (StatusKind::ExternalSecret, ObjectKey::new("contract-events", "e"));
    let subject = Subject { kind, key, uid: "11111111-1111-4111-8111-111111111111".into() };
    let (reason, message) = ("Updated", "secret updated".to_string());
    let event = Event { subject, component: "external-secrets", warning: false, reason, message };
    cluster.event(event);
    let sent = async {
        while cluster.event_counts().sent == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = cluster.send_events() => {}
        sent = tokio::time::timeout(PATIENCE, sent) => sent.expect("the event was taken in time"),
    }
    let path = "jsonpath={.items[*]['type','reason','message','source.component','involvedObject.uid']}";
    let told = plane.kubectl(&["get", "events", "-n", "contract-events", "-o", path], "").unwrap();
    assert_eq!(told, "Normal Updated secret updated external-secrets 11111111-1111-4111-8111-111111111111");
    plane.kubectl(&["delete", "namespace", "contract-events", "--wait=false"], "").unwrap();
}

#[tokio::test]
async fn a_feed_over_namespaces_tells_of_them_only() {
    let fake = FakeCluster::new();
    let over = Namespaces::Some(vec!["a".into(), "b".into()]);
    for namespace in ["a", "b", "c"] {
        fake.put_object(StatusKind::SecretStore, &ObjectKey::new(namespace, "s"), &json!({}));
    }
    let feed = fake.objects(StatusKind::SecretStore, &over);
    let told: Vec<_> = feed.take(6).collect().await;
    let seen = told.iter().filter(|change| matches!(change, Change::Seen(_))).count();
    let listed = told.iter().filter(|change| matches!(change, Change::Listed(_))).count();
    assert_eq!((seen, listed), (2, 2));
}

#[tokio::test]
async fn a_feed_that_was_cut_is_right_again_after_its_next_list() {
    let stage = Stage::fake("n");
    let World::Fake(fake) = &stage.world else { panic!("the stage is in memory") };
    for name in ["kept", "lost"] {
        stage.create(&stage.secret(name, &[])).await.unwrap();
    }
    let mut mirror = Mirror::new(stage.over());
    let mut feed = stage.watches.managed(&stage.over(), &digest_key());
    until(&mut feed, &mut mirror, |mirror| mirror.len() == 2).await;
    fake.cut_feeds();
    fake.remove_secret(&stage.key("lost"));
    stage.create(&stage.secret("new", &[])).await.unwrap();
    fake.relist();
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["kept", "new"]).await;
}

#[tokio::test]
async fn a_feed_of_targets_that_was_cut_is_right_again_after_its_next_list() {
    let stage = Stage::fake("n");
    let World::Fake(fake) = &stage.world else { panic!("the stage is in memory") };
    for name in ["kept", "lost"] {
        stage.create_object(&stage.object(name, &[])).await.unwrap();
    }
    let mut mirror = Mirror::new(stage.over());
    let mut feed = stage.watches.targets(&config_maps(), &stage.over());
    until(&mut feed, &mut mirror, |mirror| mirror.len() == 2).await;
    fake.cut_feeds();
    fake.remove_generic(&config_maps(), &stage.key("lost"));
    stage.create_object(&stage.object("new", &[])).await.unwrap();
    fake.relist();
    until(&mut feed, &mut mirror, |mirror| names(mirror) == ["kept", "new"]).await;
}
