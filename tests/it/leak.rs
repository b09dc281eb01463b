//! No secret value shows anywhere: not in the log at its loudest, not in events, statuses or metrics, in no form that a search would
//! have to know. The stories in memory are searched where they run; here it is the real process, with the libraries that it uses.

use serde_json::{Value, json};

use crate::{keyferry::Corner, proxy::Proxy};

#[path = "../../src/telemetry/leak.rs"]
mod searcher;

/// Values that exist nowhere else.
const VALUE: &str = "mArKeR-value-8d1f";
const TOKEN: &str = "mArKeR-token-77aa";
const KEY: &str = "mArKeR-awskey-51c3";
const BODY: &str = "mArKeR-body-c0de";

const MANIFESTS: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: bad}
stringData: {token: mArKeR-token-77aa, id: AKIAIOSFODNN7EXAMPLE, key: mArKeR-awskey-51c3}
---
apiVersion: v1
kind: Secret
metadata: {name: good}
stringData: {token: "TOKEN"}
---
apiVersion: v1
kind: Secret
metadata: {name: texts}
stringData: {scalar: '{{ .a }}', unknown: '{{ "mArKeR-token-77aa" | nope }}', failing: '{{ fail "mArKeR-token-77aa" }}', value: "{{ fail .a }}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data: {failing: '{{ fail .a }}', parsing: '{{ fromJson .a | mustFromJson | int }}{{ mustFromJson .a }}', document: '{{ .a }}: x: y'}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: good}
spec:
  controller: CLASS
  provider: {vault: {server: "OPENBAO", path: secret, auth: {tokenSecretRef: {name: good, key: token}}}}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: bad}
spec:
  controller: CLASS
  provider: {vault: {server: "OPENBAO", path: secret, auth: {tokenSecretRef: {name: bad, key: token}}}}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: aws}
spec:
  controller: CLASS
  provider:
    aws:
      service: SecretsManager
      region: eu-central-1
      auth: {secretRef: {accessKeyIDSecretRef: {name: bad, key: id}, secretAccessKeySecretRef: {name: bad, key: key}}}
"#;

fn object(name: &str, store: &str, spec: &Value) -> String {
    let mut whole = json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": { "name": name },
        "spec": { "refreshInterval": "2s", "secretStoreRef": { "name": store } },
    });
    whole["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    format!("---\n{whole}\n")
}

/// Templates that fail over a value, show one where the API server would repeat it, or are secret themselves.
fn templates() -> Vec<(&'static str, Value)> {
    let from =
        |kind: &str, item: Value| json!({ "templateFrom": [{ kind: { "name": "texts", "items": [item] } }] });
    let secret = |key: &str| from("secret", json!({ "key": key }));
    vec![
        ("template-fails", json!({ "data": { "x": "{{ fail .a }}" } })),
        ("template-ranges", json!({ "data": { "x": "{{ range .a }}{{ end }}" } })),
        ("template-key", json!({ "templateFrom": [{ "literal": "\"{{ .a }} x\": y" }] })),
        ("template-label", json!({ "metadata": { "labels": { "x": "{{ .a }}!" } } })),
        ("template-unknown", secret("unknown")),
        ("template-failing", secret("failing")),
        ("template-value", secret("value")),
        ("template-scalar", from("secret", json!({ "key": "scalar", "templateAs": "KeysAndValues" }))),
        ("template-fails-elsewhere", from("configMap", json!({ "key": "failing" }))),
        ("template-parses", from("configMap", json!({ "key": "parsing" }))),
        ("template-document", from("configMap", json!({ "key": "document", "templateAs": "KeysAndValues" }))),
        (
            "template-decodes",
            json!({ "templateFrom": [{ "literal": "x: '{{ .a }}'", "valuesDecodingStrategy": "Base64" }] }),
        ),
    ]
}

/// Templates of `rewrite` that fail; of the names of entries, not of values.
const REWRITES: [(&str, &str); 2] =
    [("rewrite-fails", "{{ fail .value }}"), ("rewrite-renames", "{{ .value }} x")];

/// Objects that the API server refuses, or that we do, each with a value in the place.
fn objects_of_another_kind() -> [(&'static str, &'static str, &'static str); 4] {
    [
        ("object-key", "Data", "\"{{ .a }} x\": y"),
        ("object-label", "Labels", "x: '{{ .a }}!'"),
        ("object-path", "data.x[0]", "'{{ .a }}'"),
        ("object-field", "immutable.x", "'{{ .a }}': '{{ .a }}'"),
    ]
}

fn one(property: &str) -> Value {
    json!({ "data": [{ "secretKey": "a", "remoteRef": { "key": "leak", "property": property } }] })
}

/// One value, and what becomes of it.
fn one_into(target: Value) -> Value {
    let mut spec = one("v");
    spec["target"] = target;
    spec
}

/// Every object: its name, its store, its specification and the reason of its condition.
fn objects() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    const FAILS: &str = "SecretSyncedError";
    let unfit = json!({ "dataFrom": [{ "extract": { "key": "leak", "property": "not-json" } }] });
    let (mut nul, mut decoded) = (one("nul"), one("v"));
    nul["data"][0]["remoteRef"]["nullBytePolicy"] = json!("Fail");
    decoded["data"][0]["remoteRef"]["decodingStrategy"] = json!("Base64");
    let mut all = vec![
        ("fine", "good", one("v"), "SecretSynced"),
        ("refused", "bad", one("v"), FAILS),
        ("broken", "aws", one("v"), FAILS),
        ("absent", "good", one("nothing"), FAILS),
        ("unfit", "good", unfit, FAILS),
        ("nul", "good", nul, FAILS),
        ("undecodable", "good", decoded, FAILS),
    ];
    for (name, template) in templates() {
        all.push((name, "good", one_into(json!({ "template": template })), FAILS));
    }
    for (name, template) in REWRITES {
        let rewrite = json!([{ "transform": { "template": template } }]);
        let spec = json!({ "dataFrom": [{ "extract": { "key": "leak" }, "rewrite": rewrite }] });
        all.push((name, "good", spec, FAILS));
    }
    for (name, target, template) in objects_of_another_kind() {
        let manifest = json!({ "apiVersion": "v1", "kind": "ConfigMap" });
        let template = json!({ "templateFrom": [{ "literal": template, "target": target }] });
        let spec = one_into(json!({ "manifest": manifest, "template": template }));
        all.push((name, "good", spec, "ResourceSyncedError"));
    }
    all
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_process_shows_no_value_in_log_events_statuses_or_metrics() {
    let corner = Corner::with("leak", &["genericTargets.enabled=true"]);
    let openbao = corner.plane.openbao().clone();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body =
        json!({ "data": { "v": VALUE, "not-json": format!("{{{VALUE}"), "nul": format!("{VALUE}\0") } });
    let put = client
        .post(format!("{}/v1/secret/data/leak", openbao.address))
        .header("X-Vault-Token", &openbao.token);
    assert!(put.body(body.to_string()).send().await.unwrap().status().is_success());
    // What AWS answers is an error whose text holds a marker: bodies of stores are never repeated.
    let refusal = r#"{"__type":"InternalServiceError","message":"mArKeR-body-c0de"}"#;
    let aws = Proxy::refusing(&corner.plane.moto().address, move |_| Some((500, refusal))).await;
    corner.apply(
        &MANIFESTS
            .replace("OPENBAO", &openbao.address)
            .replace("\"TOKEN\"", &format!("\"{}\"", openbao.token)),
    );
    let objects = objects();
    let manifests: Vec<_> = objects.iter().map(|(name, store, spec, _)| object(name, store, spec)).collect();
    corner.apply(&manifests.concat());
    let flags = ["--loglevel=debug", "--enable-flood-gate=false", "--unsafe-allow-generic-targets"];
    let process = corner.start(&flags, &[("AWS_ENDPOINT_URL", &aws.address)]);
    for (name, _, _, reason) in &objects {
        corner.until_ready(name, if *reason == "SecretSynced" { "True" } else { "False" }, reason).await;
    }
    let list = async |path: &str| corner.get(path).await.unwrap().to_string();
    let places = [
        ("log", process.log()),
        ("metrics", process.metrics().await),
        ("events", list("/api/v1/namespaces/leak/events").await),
        ("objects", list("/apis/external-secrets.io/v1/namespaces/leak/externalsecrets").await),
        ("stores", list("/apis/external-secrets.io/v1/namespaces/leak/secretstores").await),
    ];
    assert!(places.iter().all(|(_, text)| text.len() > 100), "every place says something");
    let values = [VALUE, TOKEN, KEY, BODY, &openbao.token];
    let leaks: Vec<_> =
        places.iter().flat_map(|(place, text)| searcher::found(place, text, &values)).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
}
