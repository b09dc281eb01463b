//! Every field of every provider that refers to an object of the cluster, found by walking the kinds: a store of one namespace cannot
//! name another in any of them. A provider that forgets a field fails here, without anybody having to think of it.

use keyferry::cli::crds;
use keyferry_stores::{
    base::{Kind, refs::Scope},
    provider::list::ProviderConfig,
};
use serde_json::{Map, Value, json};

/// The schema of a SecretStore's `spec.provider`.
fn providers() -> Map<String, Value> {
    let kinds = crds::all();
    let store = kinds.iter().find(|kind| kind["spec"]["names"]["kind"] == "SecretStore").unwrap();
    let versions = store["spec"]["versions"].as_array().unwrap();
    let served = versions.iter().find(|version| version["name"] == "v1").unwrap();
    let spec = &served["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["properties"]["provider"]["properties"].as_object().unwrap().clone()
}

/// The smallest value that a schema allows.
fn least(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let names = required.iter().map(|name| name.as_str().unwrap());
            names.map(|name| (name.to_string(), least(&schema["properties"][name]))).collect()
        }
        Some("array") => json!([]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => json!(0),
        _ => json!("x"),
    }
}

fn is_reference(schema: &Value) -> bool {
    let text = |name: &str| schema["properties"][name]["type"] == "string";
    text("name") && text("namespace")
}

/// Each reference below a schema: its path, and a value of the schema in which it names `other/n`.
fn references(schema: &Value, path: &str) -> Vec<(String, Value)> {
    if is_reference(schema) {
        let mut value = least(schema);
        value["name"] = "n".into();
        value["namespace"] = "other".into();
        return vec![(path.to_string(), value)];
    }
    let mut found = Vec::new();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        for (path, value) in references(inner, &format!("{path}.{name}")) {
            let mut whole = least(schema);
            whole[name] = value;
            found.push((path, whole));
        }
    }
    if schema["items"].is_object() {
        let items = references(&schema["items"], &format!("{path}[]"));
        found.extend(items.into_iter().map(|(path, value)| (path, json!([value]))));
    }
    found
}

#[test]
fn sec_05_no_reference_of_a_namespaced_store_leads_into_another_namespace() {
    let scope = Scope::Namespace("own".into());
    let mut seen = 0;
    for (key, schema) in providers() {
        for (path, value) in references(&schema, &key) {
            seen += 1;
            let config: ProviderConfig = serde_json::from_value(json!({ &key: value })).unwrap();
            let refs = config.chosen().unwrap().refs();
            let named = refs.iter().find(|reference| reference.namespace.as_deref() == Some("other"));
            let named = named.unwrap_or_else(|| panic!("{path} is not among the references of the provider"));
            assert_eq!(scope.resolve(named).unwrap_err().kind(), Kind::Refused, "{path}");
        }
    }
    assert!(seen > 25, "only {seen} references were found");
}
