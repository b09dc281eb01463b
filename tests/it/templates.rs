//! Templates that lie in other objects, on a real API server: a change is rendered at once, a fault is told with its place and
//! leaves the Secret as it is.

use serde_json::Value;

use crate::keyferry::{Corner, Keyferry, eventually};

/// An object that nothing but a changed template makes look again for an hour.
const MANIFESTS: &str = "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider: {fake: {data: [{key: k, value: mArKeR-value-8d1f}]}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: es}
spec:
  refreshInterval: 1h
  secretStoreRef: {name: store}
  data: [{secretKey: pass, remoteRef: {key: k}}]
  target:
    template:
      templateFrom:
      - configMap: {name: texts, items: [{key: app.conf}]}
      - secret: {name: texts, items: [{key: pairs, templateAs: KeysAndValues}]}
";

/// Puts the template into the ConfigMap.
fn config_map(corner: &Corner, text: &str) {
    let data = serde_json::json!({ "app.conf": text });
    corner.apply(&format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: texts}}, data: {data}}}"));
}

/// Puts the template into the Secret.
fn secret(corner: &Corner, text: &str) {
    let data = serde_json::json!({ "pairs": text });
    corner.apply(&format!("{{apiVersion: v1, kind: Secret, metadata: {{name: texts}}, stringData: {data}}}"));
}

/// Waits until the target has exactly this data (base64); the target.
async fn until_data(corner: &Corner, expected: &Value) -> Value {
    eventually(&format!("the target to hold {expected}"), async || {
        corner.secret("es").await.filter(|secret| secret["data"] == *expected)
    })
    .await
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_changed_template_is_rendered_at_once_and_a_broken_one_leaves_the_secret_alone() {
    let corner = Corner::new("templates");
    config_map(&corner, "one {{ .pass | upper }}");
    secret(&corner, "user: '{{ \"ann\" | upper }}'");
    corner.apply(MANIFESTS);
    let process = corner.start(&["--loglevel=debug"], &[]);
    let [one, two, ann, bob] =
        ["b25lIE1BUktFUi1WQUxVRS04RDFG", "dHdvIG1BcktlUi12YWx1ZS04ZDFm", "QU5O", "Qk9C"];
    let data = |conf: &str, user: &str| serde_json::json!({ "app.conf": conf, "user": user });
    until_data(&corner, &data(one, ann)).await;
    config_map(&corner, "two {{ .pass }}");
    until_data(&corner, &data(two, ann)).await;
    secret(&corner, "user: '{{ \"bob\" | upper }}'");
    let before = until_data(&corner, &data(two, bob)).await;

    let entry = "could not update secret: could not apply template: templateFrom[0]: configmap texts: ";
    for (text, told) in [
        (
            "x\n  {{ .pas }}",
            "unable to execute template at key app.conf: template: app.conf:2:5: executing \"app.conf\" at <.pas>: map has no entry for \
             key \"pas\" (did you mean \"pass\"?)",
        ),
        (
            "x\n  {{ if }}",
            "unable to parse template at key app.conf: template: app.conf:2: missing value for if (column 9)",
        ),
        (
            "{{ fail .pass }}",
            "unable to execute template at key app.conf: template: app.conf:1:3: executing \"app.conf\" at <fail .pass>: error calling \
             fail: <value>",
        ),
    ] {
        config_map(&corner, text);
        let expected = format!("{entry}{told}");
        eventually(&format!("the status to say {expected}"), async || {
            let condition = corner.until_ready("es", "False", "SecretSyncedError").await;
            (condition["message"] == *expected).then_some(())
        })
        .await;
        assert_eq!(corner.secret("es").await.unwrap(), before, "{text}");
    }

    config_map(&corner, "one {{ .pass | upper }}");
    until_data(&corner, &data(one, bob)).await;
    corner.until_ready("es", "True", "SecretSynced").await;
    let events = corner.get("/api/v1/namespaces/templates/events").await.unwrap().to_string();
    for (place, text) in [("log", process.log()), ("events", events)] {
        assert!(text.contains("could not apply template"), "{place}: {text}");
        // In any case of letters, as one template changes it, and as Secrets hold what it is rendered to.
        assert!(!text.to_lowercase().contains("value-8d1f"), "{place}: {text}");
        for encoded in [one, two, "bUFyS2VSLXZhbHVlLThkMWY", "TUFSS0VSLVZBTFVFLThEMUY"] {
            assert!(!text.contains(encoded), "{place}: {text}");
        }
    }
}

/// A policy of the API server that tells all of a Secret that it refuses.
const POLICY: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME, labels: {app.kubernetes.io/instance: NAME}}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [secrets], operations: [CREATE, UPDATE, DELETE]}]
  validations:
  - expression: >-
      request.operation == 'DELETE' || !has(object.metadata.annotations) || !('refuse-me' in object.metadata.annotations)
    messageExpression: >-
      'refused: ' + object.metadata.annotations['refuse-me'] + ' ' + object.metadata.labels['app']
      + ' ' + object.metadata.labels['of'] + ' ' + object.data.map(key, key).join(' ')
      + (oldObject == null ? '' : ', before: ' + oldObject.metadata.annotations['keep-me'])
  - expression: >-
      request.operation != 'DELETE' || !has(oldObject.metadata.annotations) || !('keep-me' in oldObject.metadata.annotations)
    messageExpression: >-
      'kept: ' + oldObject.metadata.annotations['keep-me'] + ' ' + string(oldObject.data['pass'])
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME, labels: {app.kubernetes.io/instance: NAME}}
spec: {policyName: NAME, validationActions: [Deny]}
";

/// What the policy refuses: a value in an annotation, in a label and in a key.
const REFUSED: &str = "
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: refused}
spec:
  refreshInterval: 1h
  secretStoreRef: {name: store}
  data: [{secretKey: pass, remoteRef: {key: k}}]
  target:
    template:
      metadata: {labels: {app: search, of: '{{ .pass }}'}, annotations: {refuse-me: 'a {{ .pass | b64enc }}'}}
      templateFrom: [{literal: '{\"{{ .pass | upper }}\": x, tls.crt: y}'}]
";

/// A Secret that the policy lets be made and changed, but not deleted.
const KEPT: &str = "
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: kept}
spec:
  refreshInterval: 1h
  secretStoreRef: {name: store}
  data: [{secretKey: pass, remoteRef: {key: k}}]
  target:
    name: first
    template:
      mergePolicy: Merge
      metadata: {annotations: {keep-me: 'was {{ .pass | upper }}'}}
      data: {other: x}
";

/// A namespace in which the policy holds.
async fn with_policy(name: &str) -> Corner {
    let corner = Corner::new(name);
    corner.apply(&POLICY.replace("NAME", name));
    let probe = "{apiVersion: v1, kind: Secret, metadata: {name: probe, annotations: {refuse-me: x}, labels: {app: x, of: x}}, data: {a: ''}}";
    let namespace = format!("--namespace={name}");
    eventually("the policy to hold", async || {
        let kubectl = |verb| corner.plane.kubectl(&[verb, &*namespace, "--filename=-"], probe);
        let refused = kubectl("create").err()?;
        let _ = kubectl("delete");
        refused.contains("refused: x x x a").then_some(())
    })
    .await;
    corner
}

/// Waits until an event says this; it and the log say it, and neither the value, whatever was made of it.
async fn assert_told_without_value(corner: &Corner, process: &Keyferry, told: &str) {
    let path = format!("/api/v1/namespaces/{}/events", corner.name);
    let events = eventually(&format!("an event to say {told}"), async || {
        Some(corner.get(&path).await?.to_string()).filter(|events| events.contains(told))
    })
    .await;
    for (place, text) in [("log", process.log()), ("events", events)] {
        assert!(text.contains(told), "{place}: {text}");
        assert!(!text.to_lowercase().contains("value-8d1f"), "{place}: {text}");
        assert!(!text.contains("bUFyS2VSLXZhbHVlLThkMWY"), "{place}: {text}");
    }
}

/// Waits until the Ready condition of an object that cannot be synced says this.
async fn until_told(corner: &Corner, object: &str, told: &str) {
    eventually(&format!("the status to say {told}"), async || {
        let condition = corner.until_ready(object, "False", "SecretSyncedError").await;
        condition["message"].as_str()?.contains(told).then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn what_a_policy_tells_of_a_change_or_a_deletion_reaches_nobody() {
    let corner = with_policy("policy-changes").await;
    let store = MANIFESTS.split("---").next().unwrap();
    corner.apply(&format!("{store}---{KEPT}"));
    let process = corner.start(&["--loglevel=debug"], &[]);
    corner.until_ready("kept", "True", "SecretSynced").await;

    let before = corner.secret("first").await.unwrap();
    let refused = "{labels: {app: search, of: '{{ .pass | len }}-{{ .pass }}'}, annotations: {refuse-me: 'a {{ .pass | b64enc }}'}}";
    corner.apply(&KEPT.replace("{annotations: {keep-me: 'was {{ .pass | upper }}'}}", refused));
    until_told(&corner, "kept", "refused: [redacted] search [redacted] ").await;
    until_told(&corner, "kept", ", before: [redacted]").await;
    assert_eq!(corner.secret("first").await.unwrap(), before);

    corner.apply(&KEPT.replace("first", "second"));
    until_told(&corner, "kept", "could not delete orphaned secrets: ").await;
    until_told(&corner, "kept", "kept: [redacted] [redacted]").await;
    assert_eq!(corner.secret("first").await.unwrap(), before);

    assert_told_without_value(&corner, &process, "kept: [redacted] [redacted]").await;
    // Nothing else may hold the namespace back when the test is over.
    corner.plane.kubectl(&["delete", "validatingadmissionpolicybinding", "policy-changes"], "").unwrap();
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn what_a_policy_tells_of_rendered_metadata_and_keys_reaches_nobody() {
    let corner = with_policy("policies").await;
    let store = MANIFESTS.split("---").next().unwrap();
    corner.apply(&format!("{store}---{REFUSED}"));
    let process = corner.start(&["--loglevel=debug"], &[]);
    let condition = corner.until_ready("refused", "False", "SecretSyncedError").await;
    let message = condition["message"].as_str().unwrap();
    // The policy walks the keys in any order.
    let keys = ["[redacted] tls.crt", "tls.crt [redacted]"];
    let told = keys.map(|keys| format!("refused: [redacted] search [redacted] {keys}"));
    assert!(told.iter().any(|told| message.contains(told)), "{message}");
    assert_told_without_value(&corner, &process, "refused: [redacted] search [redacted] ").await;
}
