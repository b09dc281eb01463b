//! The CustomResourceDefinitions, computed from the kinds (reference 1.1): `keyferry crds` prints them, `crds/` holds them.
//!
//! Each stays below the 256 KiB that kubectl may put into its annotation, so plain `kubectl apply` works: short texts, no text in the
//! versions that are not served. Schemas are structural and whole; what a provider not built yet holds is kept unread.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::api::{
    external_secret::{ExternalSecretSpec, ExternalSecretStatus},
    store::{StoreSpec, StoreStatus},
};

/// The API group of these kinds.
pub const GROUP: &str = "external-secrets.io";

const READY_REASON: &str = r#".status.conditions[?(@.type=="Ready")].reason"#;
const READY_STATUS: &str = r#".status.conditions[?(@.type=="Ready")].status"#;

/// A column of `kubectl get`: name, type, path.
type Column = (&'static str, &'static str, &'static str);

/// One kind.
struct Row {
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    scope: &'static str,
    about: &'static str,
    columns: &'static [Column],
    selectable: &'static [&'static str],
    spec: fn() -> Value,
    status: fn() -> Value,
}

const STORE_COLUMNS: &[Column] = &[
    ("AGE", "date", ".metadata.creationTimestamp"),
    ("Status", "string", READY_REASON),
    ("Capabilities", "string", ".status.capabilities"),
    ("Ready", "string", READY_STATUS),
];

const ROWS: &[Row] = &[
    Row {
        kind: "ClusterSecretStore",
        plural: "clustersecretstores",
        short: "css",
        scope: "Cluster",
        about: "A store of secrets for the namespaces that its conditions name.",
        columns: STORE_COLUMNS,
        selectable: &[],
        spec: structural::<StoreSpec>,
        status: structural::<StoreStatus>,
    },
    Row {
        kind: "ExternalSecret",
        plural: "externalsecrets",
        short: "es",
        scope: "Namespaced",
        about: "A Secret that is kept equal to entries of stores.",
        columns: &[
            ("StoreType", "string", ".spec.secretStoreRef.kind"),
            ("Store", "string", ".spec.secretStoreRef.name"),
            ("Refresh Interval", "string", ".spec.refreshInterval"),
            ("Status", "string", READY_REASON),
            ("Ready", "string", READY_STATUS),
            ("Last Sync", "date", ".status.refreshTime"),
        ],
        selectable: &[
            ".spec.secretStoreRef.name",
            ".spec.secretStoreRef.kind",
            ".spec.target.name",
            ".spec.refreshInterval",
        ],
        spec: structural::<ExternalSecretSpec>,
        status: structural::<ExternalSecretStatus>,
    },
    Row {
        kind: "SecretStore",
        plural: "secretstores",
        short: "ss",
        scope: "Namespaced",
        about: "A store of secrets for its own namespace.",
        columns: STORE_COLUMNS,
        selectable: &[],
        spec: structural::<StoreSpec>,
        status: structural::<StoreStatus>,
    },
];

/// All CustomResourceDefinitions, by kind; members are sorted, so that the text never depends on how a dependency was built.
#[must_use]
pub fn all() -> Vec<Value> {
    ROWS.iter().map(|row| sorted(definition(row))).collect()
}

/// Prints [`all`] as one YAML stream.
///
/// # Errors
/// Those of `out`.
pub fn print(out: &mut impl Write) -> io::Result<()> {
    for definition in all() {
        writeln!(out, "---")?;
        out.write_all(yaml(&definition)?.as_bytes())?;
    }
    Ok(())
}

fn yaml(definition: &Value) -> io::Result<String> {
    serde_saphyr::to_string(definition).map_err(io::Error::other)
}

fn definition(row: &Row) -> Value {
    let singular = row.kind.to_lowercase();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{}.{GROUP}", row.plural),
            "labels": { "external-secrets.io/component": "controller" },
            // A definition that goes takes its objects along, and they their Secrets: `helm uninstall` must leave it.
            "annotations": { "helm.sh/resource-policy": "keep" },
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": row.kind,
                "listKind": format!("{}List", row.kind),
                "plural": row.plural,
                "singular": singular,
                "shortNames": [row.short],
                "categories": ["external-secrets"],
            },
            "scope": row.scope,
            "versions": [current(row), former(row)],
        },
    })
}

/// Version v1: served, stored, and described.
fn current(row: &Row) -> Value {
    let mut version = json!({
        "name": "v1",
        "served": true,
        "storage": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": columns(row),
        "schema": { "openAPIV3Schema": {
            "type": "object",
            "description": row.about,
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "type": "object" },
                "spec": (row.spec)(),
                "status": (row.status)(),
            },
        } },
    });
    if !row.selectable.is_empty() {
        let selectable = row.selectable.iter().map(|path| json!({ "jsonPath": path }));
        version["selectableFields"] = selectable.collect();
    }
    version
}

/// Version v1beta1: not served. It stands here so that a cluster that still lists it among its stored versions takes the definition.
/// ESO's field tree of it would be as large as v1's and say nothing, so any object fits.
fn former(row: &Row) -> Value {
    json!({
        "name": "v1beta1",
        "served": false,
        "storage": false,
        "deprecated": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": columns(row),
        "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
    })
}

fn columns(row: &Row) -> Value {
    let column = |(name, kind, path): &Column| json!({ "name": name, "type": kind, "jsonPath": path });
    row.columns.iter().map(column).collect()
}

/// The structural schema of a type: what the API server takes of what schemars says.
#[must_use]
pub fn structural<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    reduced(Schema::into(settings.into_generator().into_root_schema_for::<T>()))
}

/// Reduces a schema to a structural one, all the way down.
fn reduced(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        return json!({ "x-kubernetes-preserve-unknown-fields": true });
    };
    if schema.get("x-kubernetes-int-or-string").is_none() {
        unwrap_optional(&mut schema);
        gather_words(&mut schema);
    }
    drop_null_type(&mut schema);
    drop_noise(&mut schema);
    for member in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(member) {
            *inner = reduced(inner.take());
        }
    }
    for inner in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        *inner.1 = reduced(inner.1.take());
    }
    Value::Object(schema)
}

/// `anyOf: [X, null]`, which is what an optional X makes, becomes X; what stands beside it (the field's own text) wins.
fn unwrap_optional(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.remove("anyOf") else { return };
    let real = choices.into_iter().filter(|choice| choice["type"] != "null");
    for (name, value) in real.filter_map(|choice| choice.as_object().cloned()).flatten() {
        schema.entry(name).or_insert(value);
    }
}

/// `oneOf: [{const, description}, …]`, which is what an enum with documented words makes, becomes `enum`.
fn gather_words(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.remove("oneOf") else { return };
    let words = choices.iter().flat_map(|choice| match &choice["enum"] {
        Value::Array(words) => words.clone(),
        _ => vec![choice["const"].clone()],
    });
    schema.insert("enum".into(), words.collect());
    schema.insert("type".into(), json!("string"));
}

/// An absent member is absent: `null` is no value of ours (`nullable` says otherwise where it is one).
fn drop_null_type(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get("type") {
        let kept = types.iter().find(|kept| *kept != "null").cloned();
        schema.insert("type".into(), kept.unwrap_or_default());
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
}

/// Drops what is no part of the contract: members that are null, titles, formats of Rust's integers, and the empty values that
/// serde falls back to (a default in the schema is written into every object by the API server; only ESO's own ones may be).
fn drop_noise(schema: &mut Map<String, Value>) {
    let is_implicit = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    };
    schema.retain(|name, value| match (name.as_str(), &*value) {
        ("title" | "$schema", _) | (_, Value::Null) => false,
        ("default", value) => !is_implicit(value),
        ("format", Value::String(format)) => !format.starts_with("uint"),
        _ => true,
    });
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// What a committed file must stay below: kubectl's annotation, 256 KiB, less what surrounds it.
    const MOST_BYTES: usize = 250_000;
    const MOST_TEXT: usize = 120;

    /// Calls `visit` for every schema below `schema`, with its path.
    fn walk(path: &str, schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
        visit(path, schema);
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            walk(&format!("{path}.{name}"), inner, visit);
        }
        for (member, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(inner) = schema.get(member) {
                walk(&format!("{path}{mark}"), inner, visit);
            }
        }
    }

    fn walk_all(mut visit: impl FnMut(&str, &Value)) {
        for definition in all() {
            let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
            walk(
                kind,
                &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
                &mut |path, schema| visit(path, schema),
            );
        }
    }

    /// `./justw crds` sets `KEYFERRY_WRITE`: then the files are written instead of compared.
    #[test]
    fn the_committed_files_are_up_to_date() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
        let mut names = BTreeSet::new();
        for definition in all() {
            let name = format!("{}.yaml", definition["metadata"]["name"].as_str().unwrap());
            let (path, text) = (folder.join(&name), yaml(&definition).unwrap());
            if std::env::var_os("KEYFERRY_WRITE").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == text, "crds/{name} is not what the kinds say: run ./justw crds");
            names.insert(name);
        }
        let found = fs::read_dir(folder).unwrap();
        let found: BTreeSet<_> =
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn what_is_printed_is_what_was_computed() {
        let mut printed = Vec::new();
        print(&mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        let read: Vec<Value> = serde_saphyr::from_multiple(&printed).unwrap();
        assert_eq!(read, all());
    }

    #[test]
    fn plain_kubectl_apply_can_hold_each() {
        for definition in all() {
            let bytes = serde_json::to_vec(&definition).unwrap().len();
            assert!(bytes < MOST_BYTES, "{}: {bytes} bytes", definition["metadata"]["name"]);
        }
    }

    #[test]
    fn every_field_has_a_short_text() {
        walk_all(|path, schema| {
            let text = schema["description"].as_str().unwrap_or_default();
            assert!(text.len() <= MOST_TEXT, "{path}: {} bytes: {text}", text.len());
            let bare = [".apiVersion", ".kind", ".metadata"]
                .iter()
                .any(|name| path == format!("{}{name}", path.split('.').next().unwrap()));
            assert!(bare || path.ends_with(['}', ']']) || !text.is_empty(), "{path} has no text");
        });
    }

    #[test]
    fn schemas_are_structural() {
        let known = [
            "type",
            "description",
            "properties",
            "items",
            "additionalProperties",
            "required",
            "enum",
            "default",
            "format",
            "pattern",
            "nullable",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minimum",
            "maximum",
            "minProperties",
            "maxProperties",
            "x-kubernetes-int-or-string",
            "x-kubernetes-list-type",
            "x-kubernetes-map-type",
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-validations",
        ];
        walk_all(|path, schema| {
            let is_either = schema["x-kubernetes-int-or-string"] == true;
            for member in schema.as_object().unwrap().keys() {
                let fits = known.contains(&member.as_str()) || (is_either && member == "anyOf");
                assert!(fits, "{path} has {member}");
            }
            let typed = schema["type"].is_string();
            assert!(typed || is_either || schema["x-kubernetes-preserve-unknown-fields"] == true, "{path}");
        });
    }

    #[test]
    fn every_rule_says_what_to_do() {
        walk_all(|path, schema| {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                assert!(rule["rule"].is_string() && rule["message"].is_string(), "{path}: {rule}");
            }
        });
    }
}
