//! Targets of other kinds than Secret on a real API server: ConfigMaps and a custom resource whose schema fills in a default.

use serde_json::{Value, json};

use crate::keyferry::{Corner, eventually};

const STORE: &str = "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider: {fake: {data: [{key: k, value: 'one && two'}, {key: pin, value: '48291733'}]}}
";

const GADGETS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.keyferry.test}
spec:
  group: keyferry.test
  names: {kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
          spec:
            type: object
            properties:
              level: {type: integer, default: 3}
              pin: {type: integer, maximum: 99999999}
              rules: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const ALLOWED: &[&str] = &["--unsafe-allow-generic-targets"];
const GRANTED: &[&str] = &[
    "genericTargets.enabled=true",
    "genericTargets.resources[0].apiGroup=keyferry.test",
    "genericTargets.resources[0].resources={gadgets}",
];

fn object(name: &str, target: &Value) -> String {
    let spec = json!({
        "refreshInterval": "2s",
        "secretStoreRef": { "name": "store" },
        "target": target,
        "data": [
            { "secretKey": "a", "remoteRef": { "key": "k" } },
            { "secretKey": "pin", "remoteRef": { "key": "pin" } },
        ],
    });
    let (version, kind) = ("external-secrets.io/v1", "ExternalSecret");
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name }, "spec": spec }).to_string()
}

fn config_map(name: &str) -> String {
    format!("/api/v1/namespaces/generic/configmaps/{name}")
}

fn gadget(name: &str) -> String {
    format!("/apis/keyferry.test/v1/namespaces/generic/gadgets/{name}")
}

/// A target whose `pin` goes where the schema wants a number, and whose text goes into a list.
fn paths() -> Value {
    json!({
        "name": "filled",
        "manifest": { "apiVersion": "keyferry.test/v1", "kind": "Gadget" },
        "template": { "templateFrom": [
            { "target": "spec", "literal": "pin: {{ .pin }}" },
            { "target": "spec.rules[0].text", "literal": "{{ .a | quote }}" },
        ] },
    })
}

/// The resourceVersion after two more refreshes.
async fn later(corner: &Corner, path: &str, name: &str) -> Value {
    for n in 0..2 {
        let synced = async || {
            corner.external_secret(name).await?["status"]["syncedResourceVersion"].as_str().map(String::from)
        };
        let before = synced().await;
        let again = format!("again={n}");
        corner
            .plane
            .kubectl(&["annotate", "-n", "generic", "--overwrite", "externalsecret", name, &again], "")
            .unwrap();
        eventually("the next refresh", async || synced().await.filter(|now| Some(now) != before.as_ref()))
            .await;
    }
    corner.get(path).await.unwrap()["metadata"]["resourceVersion"].clone()
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_custom_resource_is_filled_by_paths_kept_and_repaired() {
    let corner = Corner::with("generic", GRANTED);
    corner.apply(GADGETS);
    corner.plane.kubectl(&["wait", "--for=condition=Established", "crd/gadgets.keyferry.test"], "").unwrap();
    corner.apply(STORE);
    corner.apply(&object("es", &paths()));
    let process = corner.start(ALLOWED, &[]);
    corner.until_ready("es", "True", "ResourceSynced").await;
    let made = corner.get(&gadget("filled")).await.unwrap();
    let expected = json!({ "level": 3, "pin": 48_291_733, "rules": [{ "text": "one && two" }] });
    assert_eq!(made["spec"], expected, "{made}");
    assert_eq!(made["metadata"]["ownerReferences"][0]["name"], "es");
    assert_eq!(later(&corner, &gadget("filled"), "es").await, made["metadata"]["resourceVersion"]);
    for patch in [json!({ "spec": { "pin": 1 } }), json!({ "spec": { "rules": [] } })] {
        let patch = patch.to_string();
        corner
            .plane
            .kubectl(&["patch", "-n", "generic", "gadget", "filled", "--type=merge", "-p", &patch], "")
            .unwrap();
        eventually("the gadget to be repaired", async || {
            (corner.get(&gadget("filled")).await?["spec"] == expected).then_some(())
        })
        .await;
    }
    corner.plane.kubectl(&["delete", "-n", "generic", "gadget", "filled"], "").unwrap();
    eventually("the gadget to come back", async || corner.get(&gadget("filled")).await).await;
    refused_by_the_schema(&corner, process.log()).await;
    corner.plane.kubectl(&["delete", "-n", "generic", "externalsecret", "es", "large"], "").unwrap();
    eventually("the gadget to go with its owner", async || {
        corner.get(&gadget("filled")).await.is_none().then_some(())
    })
    .await;
    assert!(!process.log().contains("panicked"));
    corner.plane.kubectl(&["delete", "crd", "gadgets.keyferry.test"], "").unwrap();
}

/// What the schema refuses is told without the value.
async fn refused_by_the_schema(corner: &Corner, log: String) {
    let mut large = paths();
    large["name"] = json!("large");
    large["template"]["templateFrom"][0]["literal"] = json!("pin: {{ .pin }}9");
    corner.apply(&object("large", &large));
    let condition = corner.until_ready("large", "False", "ResourceSyncedError").await;
    let message = condition["message"].as_str().unwrap();
    assert!(message.starts_with("could not apply template to manifest: "), "{message}");
    assert!(message.contains("spec.pin") && !message.contains("48291733"), "{message}");
    assert!(!log.contains("48291733"));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn without_the_flag_no_object_is_written_and_a_secret_stays_as_it_is() {
    let corner = Corner::new("generic-off");
    corner.apply(STORE);
    let secret = json!({ "name": "es" });
    corner.apply(&object("es", &secret));
    let _process = corner.start(&[], &[]);
    corner.until_ready("es", "True", "SecretSynced").await;
    let before = corner.secret("es").await.unwrap();
    let target = json!({ "name": "es", "manifest": { "apiVersion": "v1", "kind": "ConfigMap" } });
    corner.apply(&object("es", &target));
    let condition = corner.until_ready("es", "False", "SecretSyncedError").await;
    let message = condition["message"].as_str().unwrap();
    assert!(
        message.starts_with("invalid generic target: ") && message.contains("--unsafe-allow-generic-targets")
    );
    assert_eq!(corner.secret("es").await.unwrap(), before);
    let path = config_map("es").replace("/generic/", "/generic-off/");
    assert!(corner.get(&path).await.is_none());
}
