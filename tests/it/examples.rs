//! Every manifest that people are shown, in `examples/` and in the texts, is one that keyferry takes, and every template renders what the
//! texts say.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use keyferry::{
    api::{external_secret::ExternalSecretSpec, store::StoreSpec, validate},
    sync::{
        render::{self, Metadata, Templating, generic},
        shape::unbuilt,
        shelf::Sources,
        templates::{Delimiters, Pace, Templates},
    },
};
use keyferry_stores::base::{SecretBytes, clock::SystemClock, refs::Scope};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Texts with manifests in blocks marked `yaml`.
const TEXTS: [&str; 3] = ["README.md", "docs/adding-a-provider.md", "docs/templates.md"];

/// Kinds of Kubernetes itself that an example may hold; the API server is the judge of those.
const PLAIN: [&str; 4] = ["Namespace", "Secret", "ConfigMap", "ServiceAccount"];

/// A set of manifests that belong together.
struct Example {
    name: String,
    objects: Vec<Value>,
}

/// A store as a reference names it: kind, namespace (empty for the cluster's), name.
type StoreName = (String, String, String);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One example a folder below `examples/`, and one a text.
fn examples() -> Vec<Example> {
    let folders = std::fs::read_dir(root().join("examples")).expect("examples/ can be listed");
    let folders = folders.map(|folder| folder.expect("an entry").path());
    let texts = TEXTS.iter().map(|text| root().join(text)).map(|path| example(&path, &blocks(&text(&path))));
    folders.map(|folder| example(&folder, &files(&folder))).chain(texts).collect()
}

fn example(path: &Path, manifests: &[String]) -> Example {
    let name = path.strip_prefix(root()).expect("below the root").display().to_string();
    let parse = |text: &String| -> Vec<Value> {
        serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let objects: Vec<Value> = manifests.iter().flat_map(parse).filter(|object| !object.is_null()).collect();
    Example { objects, name }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| text(&entry.expect("an entry").path())).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of a text that are marked `yaml`.
fn blocks(text: &str) -> Vec<String> {
    let opened = text.split("```yaml\n").skip(1);
    opened.filter_map(|rest| rest.split_once("```").map(|(block, _)| block.to_string())).collect()
}

/// What is wrong with an object, if it is one of our kinds.
fn problems(object: &Value) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap_or_default();
    match (object["apiVersion"].as_str().unwrap_or_default(), kind) {
        ("external-secrets.io/v1", "ExternalSecret") => external_secret(&object["spec"]),
        ("external-secrets.io/v1", "SecretStore") => {
            store(&object["spec"], &Scope::Namespace(of(object, "namespace")))
        }
        ("external-secrets.io/v1", "ClusterSecretStore") => store(&object["spec"], &Scope::ClusterOnly),
        ("v1", plain) if PLAIN.contains(&plain) => Vec::new(),
        (version, kind) => vec![format!("{version} {kind} is no kind that an example may hold")],
    }
}

fn external_secret(spec: &Value) -> Vec<String> {
    let parsed = match whole::<ExternalSecretSpec>(spec) {
        Ok(parsed) => parsed,
        Err(problem) => return vec![problem],
    };
    let interval = validate::interval(&parsed).err();
    interval.into_iter().chain(unbuilt(&parsed)).map(|error| error.to_string()).collect()
}

fn store(spec: &Value, scope: &Scope) -> Vec<String> {
    let parsed = match whole::<StoreSpec>(spec) {
        Ok(parsed) => parsed,
        Err(problem) => return vec![problem],
    };
    let interval = validate::store_interval(&parsed).err();
    let conditions = validate::admits(&parsed, "any", &std::collections::BTreeMap::new()).err();
    let wrong = interval.into_iter().chain(conditions).map(|error| error.to_string());
    let provider = match parsed.provider.chosen() {
        Ok(chosen) => {
            chosen.validate(scope).iter().map(|found| format!("{}: {}", found.field, found.message)).collect()
        }
        Err(error) => vec![error.to_string()],
    };
    wrong.chain(provider).collect()
}

/// The specification, if every field of it is one that we know: what comes out again must be what went in.
fn whole<T: DeserializeOwned + Serialize>(spec: &Value) -> Result<T, String> {
    let parsed: T = serde_json::from_value(spec.clone()).map_err(|error| error.to_string())?;
    let again = serde_json::to_value(&parsed).map_err(|error| error.to_string())?;
    if again == *spec { Ok(parsed) } else { Err(format!("read as {again}\nwritten as {spec}")) }
}

fn of(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_string()
}

/// All references to stores in a specification, wherever they stand.
fn references(spec: &Value, namespace: &str) -> Vec<StoreName> {
    let sources = ["data", "dataFrom"].iter().filter_map(|field| spec[field].as_array()).flatten();
    let stores = sources.map(|source| &source["sourceRef"]["storeRef"]);
    let named = std::iter::once(&spec["secretStoreRef"]).chain(stores).filter(|store| !store.is_null());
    named.map(|store| store_name(store, namespace)).collect()
}

fn store_name(reference: &Value, namespace: &str) -> StoreName {
    let kind = reference["kind"].as_str().unwrap_or("SecretStore");
    let namespace = if kind == "SecretStore" { namespace } else { "" };
    (kind.into(), namespace.into(), reference["name"].as_str().unwrap_or_default().into())
}

#[test]
fn every_manifest_that_is_shown_is_valid() {
    for Example { name, objects } in examples() {
        for object in &objects {
            assert_eq!(
                problems(object),
                Vec::<String>::new(),
                "{name}: {} {}",
                object["kind"],
                object["metadata"]["name"]
            );
        }
    }
}

/// What the examples with templates are rendered with, and to: data and labels of a Secret, the body of another object.
fn renderings() -> [(&'static str, Value, Value); 3] {
    let addresses = r#"["192.0.2.0/24", "198.51.100.7"]"#;
    let mail = json!({ "smtp.conf": "user = shop\npassword = \"a b\"\n", "url": "smtps://shop:a+b@mail.example:465" });
    let ini = "endpoint = https://a\ntimeout = 5s\n";
    [
        ("mail", json!({ "password": "a b" }), json!({ "data": mail, "labels": { "app": "shop" } })),
        (
            "search",
            json!({ "endpoint": "https://a", "timeout": "5s" }),
            json!({ "data": { "search.ini": ini } }),
        ),
        (
            "partners",
            json!({ "addresses": addresses }),
            // As docs/templates.md shows it.
            json!({ "spec": {
                "action": "ALLOW",
                "selector": { "matchLabels": { "app": "orders" } },
                "rules": [{ "from": [
                    { "source": { "ipBlocks": ["192.0.2.0/24"] } },
                    { "source": { "ipBlocks": ["198.51.100.7"] } },
                ] }],
            } }),
        ),
    ]
}

/// What an object's template makes of values, with the ConfigMaps of its example.
fn rendered(object: &Value, values: &Value, around: &[Value]) -> Value {
    let spec: ExternalSecretSpec = serde_json::from_value(object["spec"].clone()).unwrap();
    let templates =
        Templates::new(&Delimiters::default(), Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH)));
    let sources = render::sources_of(&spec).into_iter().map(|source| {
        let at = Scope::Namespace(of(object, "namespace")).resolve(&source).unwrap();
        let found = around.iter().find(|other| other["kind"] == "ConfigMap" && of(other, "name") == at.name);
        let texts = strings(&found.unwrap_or_else(|| panic!("{} is in the example", at.name))["data"]);
        (at, Arc::new(texts))
    });
    let (sources, values, nothing): (Sources, _, _) = (sources.collect(), strings(values), BTreeMap::new());
    let metadata = Metadata { labels: &nothing, annotations: &nothing };
    let templating = Templating { session: &templates.session(Pace::Long), sources: &sources };
    match generic::kind_of(&spec) {
        Some(kind) => {
            let content = generic::render_object(&spec, &kind, metadata, &values, templating).unwrap();
            Value::Object(content.onto(Map::new()).unwrap())
        }
        None => {
            let content = render::render(&spec, metadata, &values, templating).unwrap();
            let data: BTreeMap<_, _> =
                content.data.iter().map(|(key, value)| (key, value.expose_str().unwrap())).collect();
            json!({ "data": data, "labels": content.labels })
        }
    }
}

fn strings(texts: &Value) -> BTreeMap<String, SecretBytes> {
    let texts = texts.as_object().unwrap().iter();
    texts.map(|(key, text)| (key.clone(), text.as_str().unwrap().into())).collect()
}

#[test]
fn every_template_that_is_shown_renders_what_the_texts_say() {
    let mut left: BTreeMap<_, _> = renderings()
        .into_iter()
        .map(|(name, values, expected)| (name.to_string(), (values, expected)))
        .collect();
    for Example { name: example, objects } in examples() {
        for object in objects.iter().filter(|object| !object["spec"]["target"]["template"].is_null()) {
            let name = of(object, "name");
            let (values, expected) =
                left.remove(&name).unwrap_or_else(|| panic!("{example}: {name} has a template"));
            assert_eq!(rendered(object, &values, &objects), expected, "{example}: {name}");
        }
    }
    assert!(left.is_empty(), "no example is called {:?}", left.keys());
}

#[test]
fn every_store_that_an_example_refers_to_is_in_it() {
    for Example { name, objects } in examples() {
        let stores: Vec<StoreName> = objects
            .iter()
            .map(|object| {
                (
                    object["kind"].as_str().unwrap_or_default().into(),
                    of(object, "namespace"),
                    of(object, "name"),
                )
            })
            .collect();
        for object in objects.iter().filter(|object| object["kind"] == "ExternalSecret") {
            for store in references(&object["spec"], &of(object, "namespace")) {
                assert!(stores.contains(&store), "{name}: {store:?}, to which {} refers", of(object, "name"));
            }
        }
    }
}

#[test]
fn there_are_examples_and_they_show_every_kind() {
    let shown: Vec<Value> = examples().into_iter().flat_map(|example| example.objects).collect();
    for kind in ["ExternalSecret", "SecretStore", "ClusterSecretStore"] {
        assert!(shown.iter().any(|object| object["kind"] == kind), "no example of {kind}");
    }
    let readme = example(&root().join("README.md"), &blocks(&text(&root().join("README.md"))));
    assert!(!readme.objects.is_empty(), "the README shows no manifest");
}

#[test]
fn a_misspelt_field_a_wrong_duration_and_an_unknown_provider_are_noticed() {
    let external_secret = |spec| {
        problems(&serde_json::json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": { "name": "e" }, "spec": spec,
        }))
    };
    let store = |provider| {
        problems(&serde_json::json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": { "name": "s" }, "spec": { "provider": provider },
        }))
    };
    assert_ne!(external_secret(serde_json::json!({ "refreshIntervall": "1h" })), Vec::<String>::new());
    assert_ne!(external_secret(serde_json::json!({ "refreshInterval": "1 day" })), Vec::<String>::new());
    assert_ne!(external_secret(serde_json::json!({ "syncWindows": {} })), Vec::<String>::new());
    assert_ne!(store(serde_json::json!({ "acme": {} })), Vec::<String>::new());
    assert_ne!(store(serde_json::json!({ "fake": { "data": [], "datta": [] } })), Vec::<String>::new());
}
