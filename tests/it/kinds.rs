//! What a user may write and keyferry cannot do, or should not do again: told on the status, nothing lost, nothing written.

use serde_json::{Value, json};

use crate::keyferry::{Corner, eventually, ready};

const STORE: &str = "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider: {fake: {data: [{key: k, value: v}, {key: j, value: '{\"a\": \"1\"}'}]}}
---
";

fn object(name: &str, spec: &Value) -> String {
    let mut whole = json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": { "name": name },
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": { "name": "store" },
            "data": [{ "secretKey": "a", "remoteRef": { "key": "k" } }],
        },
    });
    whole["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    format!("---\n{whole}\n")
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_store_of_a_provider_that_is_not_built_is_kept_whole_and_says_so() {
    let corner = Corner::new("kinds-provider");
    corner.apply(
        "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider: {gcpsm: {projectID: p, auth: {workloadIdentity: {clusterLocation: here, serviceAccountRef: {name: s}}}}}
",
    );
    corner.apply(&object("es", &json!({})));
    let _process = corner.start(&[], &[]);
    let path = "/apis/external-secrets.io/v1/namespaces/kinds-provider/secretstores/store";
    let store = eventually("the store to be judged", async || {
        corner.get(path).await.filter(|store| ready(store).is_some())
    })
    .await;
    let condition = ready(&store).unwrap();
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&json!("False"), &json!("InvalidProviderConfig"))
    );
    let message = condition["message"].as_str().unwrap();
    assert!(message.contains("\"gcpsm\" is not supported"), "{message}");
    let kept = &store["spec"]["provider"]["gcpsm"];
    assert_eq!(
        kept["auth"]["workloadIdentity"]["serviceAccountRef"]["name"], "s",
        "nothing is pruned: {kept}"
    );
    corner.until_ready("es", "False", "SecretSyncedError").await;
    assert!(corner.secret("es").await.is_none());
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn what_is_not_built_is_told_and_an_existing_secret_stays_as_it_is() {
    let cases = [
        (
            "window",
            json!({ "syncWindows": { "kind": "allow", "windows": [{ "schedule": "0 0 * * *", "duration": "1h" }] } }),
        ),
        (
            "generator",
            json!({ "data": [], "dataFrom": [{ "sourceRef": { "generatorRef": { "kind": "Password", "name": "p" } } }] }),
        ),
    ];
    let corner = Corner::new("kinds-unbuilt");
    corner.apply(STORE);
    cases.iter().for_each(|(name, _)| corner.apply(&object(name, &json!({}))));
    let process = corner.start(&[], &[]);
    for (name, _) in &cases {
        corner.until_ready(name, "True", "SecretSynced").await;
    }
    for (name, spec) in &cases {
        let before = corner.secret(name).await.unwrap();
        corner.apply(&object(name, spec));
        let condition = corner.until_ready(name, "False", "Unsupported").await;
        assert!(condition["message"].as_str().unwrap().contains("is not built yet"), "{name}: {condition}");
        assert_eq!(corner.secret(name).await.unwrap(), before, "{name}");
    }
    assert!(!process.log().contains("panicked"));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn bad_input_is_told_and_delays_nobody() {
    let cases = [
        ("interval", json!({ "refreshInterval": "1 day" }), "spec.refreshInterval"),
        ("key", json!({ "data": [{ "secretKey": "a", "remoteRef": { "key": "absent" } }] }), "absent"),
        (
            "property",
            json!({ "data": [{ "secretKey": "a", "remoteRef": { "key": "j", "property": "zz" } }] }),
            "zz",
        ),
        ("store", json!({ "secretStoreRef": { "name": "no-such-store" } }), "no-such-store"),
        (
            "regexp",
            json!({ "data": [], "dataFrom": [{ "extract": { "key": "j" }, "rewrite": [{ "regexp": { "source": "(", "target": "x" } }] }] }),
            "rewrite",
        ),
    ];
    let corner = Corner::new("kinds-bad");
    corner.apply(STORE);
    cases.iter().for_each(|(name, spec, _)| corner.apply(&object(name, spec)));
    corner.apply(&object("good", &json!({ "refreshInterval": "-1h" })));
    let _process = corner.start(&[], &[]);
    corner.until_ready("good", "True", "SecretSynced").await;
    for (name, _, says) in &cases {
        let condition = corner.until_ready(name, "False", "SecretSyncedError").await;
        let message = condition["message"].as_str().unwrap();
        assert!(
            message.starts_with("could not get secret data from provider") && message.contains(says),
            "{name}: {message}"
        );
        assert!(corner.secret(name).await.is_none(), "{name}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_namespaced_store_that_names_another_namespace_is_refused() {
    let corner = Corner::new("kinds-scope");
    corner.apply(
        "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider:
    vault:
      server: http://127.0.0.1:9
      auth: {tokenSecretRef: {name: token, namespace: kube-system, key: token}}
",
    );
    corner.apply(&object("es", &json!({})));
    let _process = corner.start(&["--enable-flood-gate=false"], &[]);
    let condition = corner.until_ready("es", "False", "SecretSyncedError").await;
    let message = condition["message"].as_str().unwrap();
    assert!(message.contains("namespace"), "{message}");
    let asked = corner.plane.requests(&corner.user()).into_iter().any(|request| {
        let object = request.object_ref.unwrap_or_default();
        object.resource == "secrets" && object.namespace == "kube-system"
    });
    assert!(!asked, "nothing of the other namespace is asked for");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_secret_that_eso_wrote_is_adopted_without_a_write() {
    let corner = Corner::new("kinds-adopt");
    corner.apply(STORE);
    // Not applied: kubectl would add an annotation, which ESO copies.
    corner.plane.kubectl(&["create", "-n", "kinds-adopt", "-f", "-"], &object("es", &json!({}))).unwrap();
    let es = corner.external_secret("es").await.unwrap();
    // As ESO 2.9 leaves it: labels, hash, owner and field manager of a recorded case, whose namespace and name are hashed in.
    let hash = keyferry::api::digest::of_data(&[("a".to_string(), "v".into())].into());
    let created_by = keyferry::api::digest::created_by("kinds-adopt", "es");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "es",
            "labels": { "reconcile.external-secrets.io/managed": "true", "reconcile.external-secrets.io/created-by": created_by },
            "annotations": { "reconcile.external-secrets.io/data-hash": hash },
            "ownerReferences": [{
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "es",
                "uid": es["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "data": { "a": "dg==" },
    });
    let manager = "--field-manager=externalsecrets.external-secrets.io/es";
    corner.plane.kubectl(&["create", "-n", "kinds-adopt", manager, "-f", "-"], &secret.to_string()).unwrap();
    let before = corner.secret("es").await.unwrap();
    let _process = corner.start(&[], &[]);
    corner.until_ready("es", "True", "SecretSynced").await;
    assert_eq!(corner.secret("es").await.unwrap(), before);
    let touched: Vec<_> = corner
        .plane
        .requests(&corner.user())
        .into_iter()
        .filter(|request| request.object_ref.as_ref().is_some_and(|object| object.resource == "secrets"))
        .filter(|request| !["list", "watch"].contains(&&*request.verb))
        .collect();
    assert!(touched.is_empty(), "{touched:?}");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_cluster_store_whose_credential_is_its_consumers_serves_each_with_its_own() {
    let corner = Corner::new("kinds-referent");
    let openbao = corner.plane.openbao();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = client.post(format!("{}/v1/secret/data/kinds-referent", openbao.address));
    let put =
        put.header("X-Vault-Token", &openbao.token).body(json!({ "data": { "v": "value" } }).to_string());
    assert!(put.send().await.unwrap().status().is_success());
    let manifests = "
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: kinds-referent}
spec:
  controller: CLASS
  provider: {vault: {server: \"ADDRESS\", path: secret, auth: {tokenSecretRef: {name: token, key: token}}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: token}, stringData: {token: \"TOKEN\"}}
";
    corner.apply(&manifests.replace("ADDRESS", &openbao.address).replace("TOKEN", &openbao.token));
    let store = json!({ "name": "kinds-referent", "kind": "ClusterSecretStore" });
    let data = json!([{ "secretKey": "a", "remoteRef": { "key": "kinds-referent", "property": "v" } }]);
    corner.apply(&object("es", &json!({ "secretStoreRef": store, "data": data })));
    let _process = corner.start(&[], &[]);
    corner.until_ready("es", "True", "SecretSynced").await;
    let store = corner.get("/apis/external-secrets.io/v1/clustersecretstores/kinds-referent").await.unwrap();
    assert_eq!(ready(&store).unwrap()["reason"], "Valid");
    let _ = corner.plane.kubectl(&["delete", "clustersecretstore", "kinds-referent"], "");
}
