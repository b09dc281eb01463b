//! What is seen of a case at one moment, in the form of the records, and without what may differ.
//!
//! An observation is a JSON object: `Secret/out` and the like, `refused` (what the API server said no to) and `events`
//! (`{"Warning UpdateFailed ExternalSecret/es": "seen"}`; in a record `"may be"`, for events may be fewer).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::api::{Listed, Snapshot};
use super::case::Case;

const ESO_FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";
const MANAGED: &str = "reconcile.external-secrets.io/managed";
/// Field managers that are told apart; all others are `controller`.
const MANAGERS: [&str; 3] = ["conformance", "externalsecrets.external-secrets.io", "kube-controller-manager"];

/// Where the events of an observation come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Events {
    /// A record: they may come.
    Recorded,
    /// The cluster: they came.
    Seen,
}

/// What is seen of a case that was `refused` things in this step.
pub(super) fn of(snapshot: &Snapshot, case: &Case, refused: &[String]) -> Value {
    let mut out = Map::new();
    let (namespace, stores) = (&*case.namespace(), case.cluster_stores());
    let own =
        |kind: Listed| snapshot.of(kind).filter(move |object| object["metadata"]["namespace"] == namespace);
    let managed = |object: &&Value| !object["metadata"]["labels"][MANAGED].is_null();
    for object in own(Listed::Secret) {
        out.insert(title("Secret", object), secret(object));
    }
    for object in own(Listed::ConfigMap).filter(managed) {
        out.insert(title("ConfigMap", object), content(object));
    }
    for (kind, name) in [(Listed::ExternalSecret, "ExternalSecret"), (Listed::SecretStore, "SecretStore")] {
        out.extend(own(kind).map(|object| (title(name, object), judged(object))));
    }
    let made = |object: &&Value| stores.iter().any(|name| object["metadata"]["name"] == **name);
    let cluster =
        snapshot.of(Listed::ClusterSecretStore).filter(made).filter(|object| !object["status"].is_null());
    out.extend(cluster.map(|object| (title("ClusterSecretStore", object), judged(object))));
    out.insert("events".into(), own(Listed::Event).map(event).collect());
    if !refused.is_empty() {
        out.insert("refused".into(), json!(refused));
    }
    normalised(&Value::Object(out), Events::Seen)
}

fn title(kind: &str, object: &Value) -> String {
    format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap_or_default())
}

fn secret(object: &Value) -> Value {
    let mut out = content(object);
    out["managers"] = managers(&object["metadata"]);
    out
}

fn content(object: &Value) -> Value {
    let mut out = picked(object, &["type", "data", "immutable"]);
    out["metadata"] = metadata(&object["metadata"], &["name", "labels", "annotations", "finalizers"]);
    out
}

fn judged(object: &Value) -> Value {
    json!({ "metadata": metadata(&object["metadata"], &["finalizers"]), "status": status(&object["status"]) })
}

fn metadata(metadata: &Value, fields: &[&str]) -> Value {
    let mut out = picked(metadata, fields);
    if !metadata["deletionTimestamp"].is_null() {
        out["deleting"] = true.into();
    }
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let owners: Vec<_> = owners.map(|owner| without(owner, &["uid"])).collect();
    if !owners.is_empty() {
        out["ownerReferences"] = owners.into();
    }
    out
}

/// The keys of `data` that each field manager owns, by `manager/operation`.
fn managers(metadata: &Value) -> Value {
    let mut out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for entry in metadata["managedFields"].as_array().into_iter().flatten() {
        let text = |field: &str| entry[field].as_str().unwrap_or_default();
        let known = MANAGERS.iter().any(|prefix| text("manager").starts_with(prefix));
        let who = if known { text("manager") } else { "controller" };
        let part = if text("subresource").is_empty() { "" } else { "/" };
        let title = format!("{who}/{}{part}{}", text("operation"), text("subresource"));
        let data = entry["fieldsV1"]["f:data"].as_object().into_iter().flatten();
        out.entry(title).or_default().extend(data.filter_map(|(key, _)| key.strip_prefix("f:")));
    }
    out.values_mut().for_each(|keys| keys.sort_unstable());
    json!(out)
}

fn status(status: &Value) -> Value {
    let mut out = status.as_object().cloned().unwrap_or_default();
    for time in ["refreshTime", "generatorState"] {
        if out.get(time).is_some_and(|value| !value.is_null()) {
            out.insert(time.into(), "set".into());
        }
    }
    out.retain(|_, value| !is_empty(value));
    Value::Object(out)
}

fn event(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["involvedObject"];
    let (kind, name) = (text(&object["kind"]), text(&object["name"]));
    format!("{} {} {kind}/{name}: {}", text(&event["type"]), text(&event["reason"]), text(&event["message"]))
}

/// An observation or a record without what may differ: texts of conditions and events, ESO's finalizer. Conditions become a map by type.
pub(super) fn normalised(observation: &Value, from: Events) -> Value {
    let mut out = without(observation, &["step"]);
    for (title, object) in out.as_object_mut().into_iter().flatten() {
        match title.as_str() {
            "events" => *object = events(object, from),
            "refused" => {}
            _ => normalise_object(object),
        }
    }
    out.as_object_mut().expect("an observation is an object").entry("events").or_insert_with(|| json!({}));
    out
}

fn events(told: &Value, from: Events) -> Value {
    let value = match from {
        Events::Recorded => "may be",
        Events::Seen => "seen",
    };
    let lines = told.as_array().into_iter().flatten().filter_map(Value::as_str);
    let title = |line: &str| line.split_once(": ").map_or(line, |(title, _)| title).to_owned();
    lines.map(|line| (title(line), Value::from(value))).collect()
}

fn normalise_object(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|finalizer| finalizer != ESO_FINALIZER);
        }
        metadata.retain(|_, value| !is_empty(value));
    }
    if let Some(conditions) = object.get_mut("status").and_then(|status| status.get_mut("conditions")) {
        *conditions = by_type(conditions);
    }
}

/// Conditions by type. A type that is there twice gets a name of its own, which no record has.
fn by_type(conditions: &Value) -> Value {
    let mut out = Map::new();
    for condition in conditions.as_array().into_iter().flatten() {
        let kind = condition["type"].as_str().unwrap_or_default();
        let title = if out.contains_key(kind) { format!("{kind} again") } else { kind.to_owned() };
        out.insert(title, without(condition, &["type", "message", "lastTransitionTime"]));
    }
    Value::Object(out)
}

fn picked(object: &Value, fields: &[&str]) -> Value {
    let there = fields.iter().filter(|field| !is_empty(&object[**field]));
    there.map(|field| ((*field).to_owned(), object[*field].clone())).collect()
}

fn without(object: &Value, fields: &[&str]) -> Value {
    let rest =
        object.as_object().into_iter().flatten().filter(|(field, _)| !fields.contains(&field.as_str()));
    rest.map(|(field, value)| (field.clone(), value.clone())).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
