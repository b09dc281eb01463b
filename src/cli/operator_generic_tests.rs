//! Stories of targets that are no Secrets.

use super::*;
use crate::cluster::{
    DATA_HASH_ANNOTATION, MANAGED_LABEL,
    generic::{GenericObject, ObjectKind},
};

const OBJECTS: &str = "objects/configmap";

fn config_map() -> ObjectKind {
    ObjectKind { api_version: "v1".into(), kind: "ConfigMap".into() }
}

fn allowed() -> Settings {
    Settings { generic_targets: true, ..Settings::default() }
}

async fn story() -> Story {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    Story::over(cluster, allowed()).await
}

/// An object whose target is a ConfigMap of its own name, with members of `target` besides.
fn filling(interval: &str, besides: &Value) -> Value {
    let mut target = json!({ "manifest": { "apiVersion": "v1", "kind": "ConfigMap" } });
    let members = besides.as_object().unwrap().clone();
    target.as_object_mut().unwrap().extend(members);
    spec(&json!({ "refreshInterval": interval, "target": target }))
}

fn found(story: &Story, name: &str) -> Option<GenericObject> {
    story.cluster.generic(&config_map(), &key(name))
}

fn data(story: &Story, name: &str) -> Value {
    found(story, name).and_then(|object| object.body.get("data").cloned()).unwrap_or_default()
}

fn words(story: &Story, name: &str) -> [String; 3] {
    let status = story.cluster.status(ES, &key(name));
    ["status", "reason", "message"]
        .map(|field| status["conditions"][0][field].as_str().unwrap_or_default().to_string())
}

fn writes(story: &Story) -> usize {
    [Verb::Create, Verb::Update, Verb::Delete].iter().map(|verb| story.cluster.count(*verb, OBJECTS)).sum()
}

/// A ConfigMap that somebody else made.
fn foreign(name: &str, data: &Value) -> GenericObject {
    let body = serde_json::Map::from_iter([("data".to_string(), data.clone())]);
    GenericObject { body, ..GenericObject::new(config_map(), &key(name)) }
}

fn change(story: &Story, name: &str, change: impl FnOnce(&mut GenericObject)) {
    let mut object = found(story, name).unwrap();
    change(&mut object);
    story.cluster.put_generic(object, "kubectl");
}

#[tokio::test(start_paused = true)]
async fn a_config_map_is_filled_by_one_get_and_one_post() {
    let story = story().await;
    story.object("es", &filling("1h", &json!({}))).await;
    let made = found(&story, "es").unwrap();
    assert_eq!(data(&story, "es"), json!({ "a": "v" }));
    assert!(made.meta.is_managed() && made.meta.annotations.contains_key(DATA_HASH_ANNOTATION));
    let [owner] = made.meta.owners.as_slice() else { panic!("one owner") };
    assert!(owner.is_external_secret() && owner.controller && owner.name == "es");
    assert_eq!(words(&story, "es"), ["True", "ResourceSynced", "secret synced"]);
    let count = |verb| story.cluster.count(verb, OBJECTS);
    assert_eq!((count(Verb::Get), count(Verb::Create), writes(&story)), (1, 1, 1));
    assert_eq!(story.cluster.status(ES, &key("es"))["binding"]["name"], "", "no Secret is bound");
    assert_eq!(story.events("Created")[0].message, "Created ConfigMap es");
    assert!(story.cluster.secrets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_object_is_read_at_each_refresh_and_never_written() {
    let story = story().await;
    story.object("es", &filling("60s", &json!({}))).await;
    story.cluster.forget_requests();
    story.pass(600).await;
    let reads = story.cluster.count(Verb::Get, OBJECTS);
    assert!((9..=11).contains(&reads), "{reads} reads in ten intervals");
    assert_eq!(writes(&story), 0);
}

#[tokio::test(start_paused = true)]
async fn a_changed_value_comes_with_the_next_tick() {
    let story = story().await;
    story.object("es", &filling("60s", &json!({}))).await;
    put_store(&story.cluster, "s", &[("k", "new")]);
    story.pass(67).await;
    assert_eq!(data(&story, "es"), json!({ "a": "new" }));
    assert_eq!(story.events("Updated")[0].message, "Updated ConfigMap es");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_changed_or_is_gone_is_repaired_at_once() {
    type Damage = fn(&Story);
    let damages: [(&str, Damage); 4] = [
        ("a value", |story| {
            change(story, "es", |object| drop(object.body.insert("data".into(), json!({ "a": "no" }))));
        }),
        ("one more", |story| {
            change(story, "es", |object| {
                drop(object.body.insert("data".into(), json!({ "a": "v", "b": "x" })));
            });
        }),
        ("the label", |story| change(story, "es", |object| drop(object.meta.labels.remove(MANAGED_LABEL)))),
        ("gone", |story| story.cluster.remove_generic(&config_map(), &key("es"))),
    ];
    for (name, damage) in damages {
        let story = story().await;
        story.object("es", &filling("1h", &json!({}))).await;
        story.pass(5).await;
        damage(&story);
        story.pass(2).await;
        assert_eq!(data(&story, "es"), json!({ "a": "v" }), "{name}");
        assert!(found(&story, "es").unwrap().meta.is_managed(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_no_operator_ran_is_repaired_and_nothing_else_costs_a_request() {
    let mut story = story().await;
    for name in ["same", "changed"] {
        story.object(name, &filling("1h", &json!({}))).await;
    }
    story.parts.shutdown().await;
    change(&story, "changed", |object| drop(object.body.insert("data".into(), json!({ "a": "no" }))));
    story.cluster.forget_requests();
    let story = Story::over(story.cluster, allowed()).await;
    story.pass(5).await;
    assert_eq!(data(&story, "changed"), json!({ "a": "v" }));
    let touched: Vec<_> =
        story.cluster.requests().into_iter().filter(|request| request.resource == OBJECTS).collect();
    assert!(touched.iter().all(|request| *request.key.name() == *"changed"), "{touched:?}");
    assert_eq!(writes(&story), 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_flag_nothing_is_read_or_written_and_the_remedy_is_told_once() {
    let story = Story::new().await;
    story.object("es", &filling("15s", &json!({}))).await;
    story.pass(600).await;
    let message = "invalid generic target: generic targets are disabled. Enable with --unsafe-allow-generic-targets flag";
    assert_eq!(words(&story, "es"), ["False", "SecretSyncedError", message]);
    assert!(!story.cluster.requests().iter().any(|request| request.resource == OBJECTS));
    assert_eq!(story.cluster.count(Verb::Patch, STATUS), 1);
}

#[tokio::test(start_paused = true)]
async fn a_changed_template_fills_the_object_again() {
    let story = story().await;
    let put = |text| story.cluster.put_config_map(&key("tpl"), &[("t", text)]);
    put("one {{ .a }}");
    let source = json!({ "name": "tpl", "items": [{ "key": "t" }] });
    let template = json!({ "templateFrom": [{ "configMap": source, "target": "data.deep" }] });
    story.object("es", &filling("1h", &json!({ "template": template }))).await;
    assert_eq!(data(&story, "es"), json!({ "deep": "one v" }));
    story.pass(10).await;
    put("two {{ .a }}");
    story.settle().await;
    assert_eq!(data(&story, "es"), json!({ "deep": "two v" }));
}

#[tokio::test(start_paused = true)]
async fn delimiters_are_those_of_the_flags() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    let delimiters = Delimiters { left: "[[".into(), right: "]]".into() };
    let story = Story::over(cluster, Settings { delimiters, ..allowed() }).await;
    let template = json!({ "data": { "x": "[[ .a ]] {{ .a }}" } });
    story.object("es", &filling("1h", &json!({ "template": template }))).await;
    assert_eq!(data(&story, "es"), json!({ "x": "v {{ .a }}" }));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_known_is_named_with_the_remedy() {
    let story = story().await;
    let manifest = json!({ "manifest": { "apiVersion": "example.com/v1", "kind": "Unknown" } });
    story.object("es", &filling("1h", &manifest)).await;
    let [status, reason, message] = words(&story, "es");
    assert_eq!([&*status, &*reason], ["False", "ResourceSyncedError"]);
    assert!(
        message.starts_with("could not get target resource: ") && message.contains("Unknown"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_of_another_external_secret_is_left_alone() {
    let story = story().await;
    story.object("first", &filling("1h", &json!({ "name": "out" }))).await;
    put_store(&story.cluster, "s", &[("k", "other")]);
    story.object("second", &filling("1h", &json!({ "name": "out" }))).await;
    assert_eq!(data(&story, "out"), json!({ "a": "v" }));
    let [status, _, message] = words(&story, "second");
    assert_eq!(status, "False");
    assert!(message.contains("ConfigMap is owned by another ExternalSecret: first"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn merging_needs_an_object_and_keeps_what_others_wrote() {
    let story = story().await;
    story.object("es", &filling("60s", &json!({ "creationPolicy": "Merge" }))).await;
    let missing = "resource will not be created due to CreationPolicy=Merge";
    assert_eq!(words(&story, "es"), ["True", "ResourceMissing", missing]);
    story.cluster.put_generic(foreign("es", &json!({ "b": "theirs" })), "kubectl");
    story.pass(67).await;
    assert_eq!(data(&story, "es"), json!({ "a": "v", "b": "theirs" }));
    assert!(found(&story, "es").unwrap().meta.owners.is_empty());
}

#[tokio::test(start_paused = true)]
async fn labels_and_annotations_of_others_stay_and_ours_go_with_their_source() {
    let story = story().await;
    let labelled = |labels: &Value| {
        let template = json!({ "metadata": { "labels": labels }, "data": { "a": "{{ .a }}" } });
        filling("60s", &json!({ "template": template }))
    };
    story.object("es", &labelled(&json!({ "ours": "1", "kept": "1" }))).await;
    change(&story, "es", |object| drop(object.meta.labels.insert("theirs".into(), "1".into())));
    story.object("es", &labelled(&json!({ "kept": "2" }))).await;
    let labels = found(&story, "es").unwrap().meta.labels;
    let shown: Vec<_> = labels.iter().filter(|(name, _)| !name.contains('/')).collect();
    assert_eq!(shown, [(&"kept".to_string(), &"2".to_string()), (&"theirs".into(), &"1".into())]);
    story.cluster.forget_requests();
    story.pass(130).await;
    assert_eq!(writes(&story), 0);
}

#[tokio::test(start_paused = true)]
async fn what_stores_do_not_hold_any_more_is_deleted_if_it_is_ours() {
    type Owners = fn(&mut GenericObject);
    let table: [(&str, Owners, bool); 3] = [
        ("ours", |_| (), false),
        ("another's", |object| object.meta.owners[0].uid = "another".into(), true),
        ("nobody's", |object| object.meta.owners.clear(), true),
    ];
    for (whose, owners, stays) in table {
        let story = story().await;
        story.object("es", &filling("60s", &json!({ "deletionPolicy": "Delete" }))).await;
        change(&story, "es", owners);
        put_store(&story.cluster, "s", &[("other", "v")]);
        story.pass(600).await;
        assert_eq!(found(&story, "es").is_some(), stays, "{whose}");
        let [status, reason, message] = words(&story, "es");
        match stays {
            false => assert_eq!([&*status, &*reason], ["True", "ResourceDeleted"]),
            true => assert!(message.starts_with("could not delete resource: "), "{status} {message}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_external_secret_takes_its_object_along_if_it_controls_it() {
    for (policy, stranger, stays) in
        [("Delete", false, false), ("Delete", true, true), ("Retain", false, true)]
    {
        let story = story().await;
        story.object("es", &filling("1h", &json!({ "deletionPolicy": policy }))).await;
        if stranger {
            change(&story, "es", |object| object.meta.owners[0].uid = "another".into());
        }
        story.cluster.change_object(ES, &key("es"), |object| {
            object.finalizers = Box::new([crate::sync::pull::ESO_FINALIZER.into()]);
        });
        story.cluster.delete_object(ES, &key("es"));
        story.pass(5).await;
        assert!(story.cluster.object(ES, &key("es")).is_none(), "{policy}");
        assert_eq!(found(&story, "es").is_some(), stays, "{policy} {stranger}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_becomes_a_secret_is_one() {
    let story = story().await;
    story.object("es", &filling("1h", &json!({}))).await;
    story.object("es", &hourly()).await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
    story.cluster.forget_requests();
    change(&story, "es", |object| drop(object.body.insert("data".into(), json!({ "a": "no" }))));
    story.pass(5).await;
    assert_eq!(writes(&story), 0, "it is nobody's target any more");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_of_a_secret_is_an_ordinary_secret() {
    let story = Story::new().await;
    let manifest = json!({ "manifest": { "apiVersion": "v1", "kind": "Secret" } });
    story.object("es", &filling("1h", &manifest)).await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
}
