//! What goes wrong at a store ends on the object's status, and takes no Secret away: only a proven absence deletes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    keyferry::{Corner, eventually},
    proxy::{Fault, Proxy},
};

/// What every value holds, and no message may.
const MARKER: &str = "mArKeR-fault-41aa";

/// A fault that the proxy makes of the answer to `faults/<name>`, and a piece of the message that it ends in.
struct Row {
    name: &'static str,
    fault: fn() -> Fault,
    says: &'static str,
}

const ROWS: [Row; 9] = [
    Row { name: "not-json", fault: || Fault::Answer(200, MARKER.into()), says: "not readable" },
    Row {
        name: "not-an-object",
        fault: || Fault::Answer(200, r#"{"data":{"data":[1]}}"#.into()),
        says: "not a json object",
    },
    Row {
        name: "ten-mib",
        fault: || Fault::Answer(200, "x".repeat(10 << 20)),
        says: "larger than the limit",
    },
    Row { name: "cut-off", fault: || Fault::Cut, says: "cut off" },
    Row { name: "down", fault: || Fault::Answer(503, MARKER.into()), says: "sealed or on standby" },
    Row { name: "failing", fault: || Fault::Answer(500, MARKER.into()), says: "the server failed" },
    Row { name: "slowed-down", fault: || Fault::Answer(429, MARKER.into()), says: "slow down" },
    Row {
        name: "foreign-404",
        fault: || Fault::Answer(404, "<html>no such page</html>".into()),
        says: "not that of a vault server",
    },
    Row { name: "redirected", fault: || Fault::Redirect("http://127.0.0.1:9/"), says: "another address" },
];

fn object(name: &str, store: &str) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": { "name": name },
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": { "name": store },
            "target": { "deletionPolicy": "Delete" },
            "data": [{ "secretKey": "a", "remoteRef": { "key": format!("faults/{name}"), "property": "v" } }],
        },
    })
}

fn store(name: &str, address: &str, path: &str) -> String {
    format!(
        "
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: {name}}}
spec:
  controller: CLASS
  provider: {{vault: {{server: \"{address}\", path: {path}, auth: {{tokenSecretRef: {{name: {name}-token, key: token}}}}}}}}
"
    )
}

fn token(name: &str, token: &str) -> String {
    format!(
        "\n---\n{{apiVersion: v1, kind: Secret, metadata: {{name: {name}-token}}, stringData: {{token: \"{token}\"}}}}\n"
    )
}

/// Makes an object refresh now.
fn force(corner: &Corner, name: &str) {
    let args = ["annotate", "externalsecret", name, "-n", &corner.name, "--overwrite", "force-sync=now"];
    corner.plane.kubectl(&args, "").unwrap();
}

/// OpenBao as its administrator.
struct Bao<'c>(&'c Corner);

impl Bao<'_> {
    async fn post(&self, path: &str, body: Value) -> Value {
        let openbao = self.0.plane.openbao();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/v1/{path}", openbao.address);
        let answer = client
            .post(url)
            .header("X-Vault-Token", &openbao.token)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    async fn delete(&self, path: &str) {
        let openbao = self.0.plane.openbao();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/v1/{path}", openbao.address);
        let answer = client.delete(url).header("X-Vault-Token", &openbao.token).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// A token that may read the keys of this module.
    async fn token(&self) -> String {
        let rules = "path \"secret/*\" { capabilities = [\"read\"] }\npath \"sys/mounts\" { capabilities = [\"read\"] }";
        self.post("sys/policies/acl/faults", json!({ "policy": rules })).await;
        let made = self.post("auth/token/create-orphan", json!({ "policies": ["faults"] })).await;
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }
}

/// The message of an object that fails for want of its values.
async fn failure(corner: &Corner, name: &str) -> String {
    let condition = corner.until_ready(name, "False", "SecretSyncedError").await;
    let message = condition["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("could not get secret data from provider"), "{name}: {message}");
    assert!(!message.contains(MARKER), "{name} shows what the store said");
    message
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_broken_answer_is_told_and_deletes_nothing() {
    let corner = Corner::new("fault-answers");
    let bao = Bao(&corner);
    for row in &ROWS {
        bao.post(&format!("secret/data/faults/{}", row.name), json!({ "data": { "v": MARKER } })).await;
    }
    let broken = Arc::new(AtomicBool::new(false));
    let faults: BTreeMap<_, _> =
        ROWS.iter().map(|row| (format!("/v1/secret/data/faults/{}", row.name), row.fault)).collect();
    let switch = broken.clone();
    let proxy = Proxy::breaking(&corner.plane.openbao().address, move |seen| {
        let fault = faults.get(&seen.path)?;
        switch.load(Ordering::Relaxed).then(fault)
    })
    .await;
    let mut manifests = String::new();
    for row in &ROWS {
        // A store of its own, with a header of its own: what one row breaks must not be told of another.
        let own = format!("secret, headers: {{x-row: {}}}", row.name);
        manifests += &token(row.name, &corner.plane.openbao().token);
        manifests += &store(row.name, &proxy.address, &own);
        manifests += &format!("---\n{}\n", object(row.name, row.name));
    }
    corner.apply(&manifests);
    let _process = corner.start(&["--enable-flood-gate=false"], &[]);
    let mut before = BTreeMap::new();
    for row in &ROWS {
        corner.until_ready(row.name, "True", "SecretSynced").await;
        before.insert(row.name, corner.secret(row.name).await.unwrap());
    }
    broken.store(true, Ordering::Relaxed);
    for row in &ROWS {
        force(&corner, row.name);
    }
    for row in &ROWS {
        let message = failure(&corner, row.name).await;
        assert!(message.contains(row.says), "{}: {message}", row.name);
        assert_eq!(
            corner.secret(row.name).await.as_ref(),
            before.get(row.name),
            "{}: the Secret is as it was",
            row.name
        );
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_wrong_credential_mount_right_or_property_is_told_and_only_a_proven_absence_deletes() {
    let corner = Corner::new("fault-rights");
    let bao = Bao(&corner);
    let names = ["refused", "forbidden", "mount", "property", "absent"];
    for name in names {
        bao.post(&format!("secret/data/faults/{name}"), json!({ "data": { "v": MARKER } })).await;
    }
    let address = &corner.plane.openbao().address;
    let good = bao.token().await;
    for name in names {
        corner.apply(
            &(token(name, &good)
                + &store(name, address, "secret")
                + &format!("---\n{}\n", object(name, name))),
        );
    }
    let _process = corner.start(&["--enable-flood-gate=false"], &[]);
    for name in names {
        corner.until_ready(name, "True", "SecretSynced").await;
    }
    corner.apply(&token("refused", "no-such-token"));
    corner.apply(&store("mount", address, "no-such-mount"));
    let denied = json!({ "policies": ["default"] });
    let poor = bao.post("auth/token/create-orphan", denied).await;
    corner.apply(&token("forbidden", poor["auth"]["client_token"].as_str().unwrap()));
    let mut other = object("property", "property");
    other["spec"]["data"][0]["remoteRef"]["property"] = "nothing".into();
    corner.apply(&other.to_string());
    bao.delete("secret/metadata/faults/absent").await;
    ["refused", "mount", "forbidden", "absent"].iter().for_each(|name| force(&corner, name));
    for (name, says) in [
        ("refused", "does not know the token"),
        ("mount", "no-such-mount"),
        ("forbidden", "secret/data/faults/forbidden"),
        ("property", "nothing"),
    ] {
        let message = failure(&corner, name).await;
        assert!(message.contains(says), "{name}: {message}");
        assert!(corner.secret(name).await.is_some(), "{name}: the Secret stays");
    }
    corner.until_ready("absent", "True", "SecretDeleted").await;
    eventually("the Secret to be gone", async || corner.secret("absent").await.is_none().then_some(())).await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_expired_token_is_told_and_deletes_nothing() {
    let corner = Corner::new("fault-expired");
    let bao = Bao(&corner);
    bao.post("secret/data/faults/expired", json!({ "data": { "v": MARKER } })).await;
    let token_of = bao.token().await;
    corner
        .apply(&(token("expired", &token_of) + &store("expired", &corner.plane.openbao().address, "secret")));
    corner.apply(&object("expired", "expired").to_string());
    let _process = corner.start(&["--enable-flood-gate=false"], &[]);
    corner.until_ready("expired", "True", "SecretSynced").await;
    // A token that has ended and one that was revoked are answered alike.
    bao.post("auth/token/revoke", json!({ "token": token_of })).await;
    force(&corner, "expired");
    failure(&corner, "expired").await;
    assert!(corner.secret("expired").await.is_some(), "the Secret stays");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_store_that_nobody_serves_is_told_and_deletes_nothing() {
    let corner = Corner::new("fault-gone");
    let bao = Bao(&corner);
    bao.post("secret/data/faults/gone", json!({ "data": { "v": MARKER } })).await;
    let proxy = Proxy::start(&corner.plane.openbao().address).await;
    corner.apply(&(token("gone", &corner.plane.openbao().token) + &store("gone", &proxy.address, "secret")));
    corner.apply(&object("gone", "gone").to_string());
    let _process = corner.start(&["--enable-flood-gate=false"], &[]);
    corner.until_ready("gone", "True", "SecretSynced").await;
    drop(proxy);
    force(&corner, "gone");
    let message = failure(&corner, "gone").await;
    assert!(message.contains("connect") || message.contains("cut off"), "{message}");
    assert!(corner.secret("gone").await.is_some(), "the Secret stays");
}
